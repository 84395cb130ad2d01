use super::super::tests::{ended, lines, points_of, statuses};
use super::reading::Filesystem;
use super::*;
use crate::metric::ServiceName;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

fn config() -> Config {
    Config {
        source: SourceId(2),
        key: SourceKey { service: ServiceName::new("orders"), name: "host".into() },
        interval: Duration::from_secs(30),
        filesystems: Vec::new(),
    }
}

fn reading() -> Reading {
    let filesystem = |mountpoint: &str, used| Filesystem {
        device: "/dev/sda1".into(),
        mountpoint: mountpoint.into(),
        kind: "ext4".into(),
        used,
        size: 100,
    };
    Reading {
        cpu: Some(0.25),
        memory: (3, 4),
        swap: (0, 0),
        load: [1.5, 1.0, 0.5],
        uptime_seconds: 60,
        filesystems: vec![filesystem("/", 10), filesystem("/data", 20)],
    }
}

#[tokio::test]
async fn a_reading_becomes_opentelemetrys_system_metrics() {
    let mut host = Host::reading(config(), Clock::system(), Box::new(reading));
    host.name = "server-1".into();
    let pulled = host.pull().await;
    assert_eq!(statuses(&pulled.entries), [("host", Rating::Ok, "is read")]);
    let points = points_of(&pulled.entries);
    let filesystem = |name: &str, place: &str, value: u64| {
        format!("system.filesystem.{name}{{device=/dev/sda1,mountpoint={place},type=ext4}} By {value}")
    };
    assert_eq!(
        lines(points),
        [
            "system.cpu.utilization{} 1 0.25",
            "system.cpu.load_average.1m{} {thread} 1.5",
            "system.cpu.load_average.5m{} {thread} 1",
            "system.cpu.load_average.15m{} {thread} 0.5",
            "system.memory.usage{} By 3",
            "system.memory.limit{} By 4",
            "system.uptime{} s 60",
            &filesystem("usage", "/", 10),
            &filesystem("usage", "/data", 20),
            &filesystem("limit", "/", 100),
            &filesystem("limit", "/data", 100),
        ]
    );
    let resource = points.attributes(points.resources()[0].attributes);
    assert_eq!(resource.text("host.name"), Some("server-1"));
    assert!(points.is_complete());
}

#[tokio::test(start_paused = true)]
async fn swap_is_shown_where_there_is_some_and_the_first_pull_reads_twice() {
    let mut times = 0;
    let read = move || {
        times += 1;
        Reading { swap: (1, 2), cpu: (times > 1).then_some(0.5), ..reading() }
    };
    let pulled = Host::reading(config(), Clock::system(), Box::new(read)).pull().await;
    let lines = lines(points_of(&pulled.entries));
    assert_eq!(lines[0], "system.cpu.utilization{} 1 0.5");
    assert!(lines.contains(&"system.paging.usage{} By 1".to_owned()), "{lines:?}");
}

/// A reading that waits for a token each time, and tells how often it began.
fn hanging() -> (Read, SyncSender<()>, Receiver<()>) {
    let (release, wait) = sync_channel::<()>(9);
    let (tell, begun) = sync_channel(9);
    let read = move || {
        let _ = tell.send(());
        let _ = wait.recv();
        reading()
    };
    (Box::new(read), release, begun)
}

async fn pull_for_eleven_seconds(host: &mut Host) -> Pulled {
    let (pulled, ()) = tokio::join!(host.pull(), async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(11)).await;
    });
    pulled
}

#[tokio::test(start_paused = true)]
async fn a_filesystem_that_hangs_costs_one_thread_and_a_warning() {
    let (read, release, begun) = hanging();
    let mut host = Host::reading(config(), Clock::system(), read);
    for _ in 0..3 {
        let pulled = pull_for_eleven_seconds(&mut host).await;
        let (_, rating, text) = statuses(&pulled.entries)[0];
        assert!(rating == Rating::Warning && text.contains("seems to hang"), "{text}");
        assert!(ended(&pulled.entries));
    }
    begun.recv().unwrap();
    assert!(begun.try_recv().is_err(), "the first reading is still at it");
    // Once it comes back, the next pull has it.
    release.send(()).unwrap();
    let pulled = host.pull().await;
    assert_eq!(pulled.outcome, Outcome::Ok);
}

#[tokio::test]
async fn a_reader_that_panics_is_said_so() {
    let mut host = Host::reading(config(), Clock::system(), Box::new(|| panic!("on purpose")));
    for part in ["error in the agent itself", "restart the agent"] {
        let pulled = host.pull().await;
        assert!(matches!(&pulled.outcome, Outcome::Failed(text) if text.contains(part)), "{:?}", pulled.outcome);
    }
}

#[tokio::test]
async fn this_machine_is_read() {
    let pulled = Host::new(config(), Clock::system()).pull().await;
    let lines = lines(points_of(&pulled.entries));
    for name in
        ["system.cpu.utilization{} 1 ", "system.memory.usage{} By ", "system.memory.limit{} By ", "system.uptime{} s "]
    {
        assert!(lines.iter().any(|line| line.starts_with(name)), "{name} is not among {lines:?}");
    }
}
