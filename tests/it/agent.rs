//! The agent from key to delivery, as processes.
//!
//! *Scenario*: an operator starts the sandbox, runs the agent with the configuration it wrote, sends a metric from a script, breaks the
//! configuration and reloads, stops the agent.
//! *Guarantees*: the metric is delivered and the ledger balances; a broken configuration changes nothing and is shown; a second agent on the
//! same data is turned away; SIGTERM ends with exit code 0.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_calm-agent");
/// How often something is looked for, and how long between two looks.
const LOOKS: (u32, Duration) = (300, Duration::from_millis(100));

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

struct Story {
    _sandbox: Process,
    config: PathBuf,
    service: String,
}

impl Story {
    /// A sandbox in a folder of its own.
    fn begin(folder: &Path) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["sandbox", "--output", "json", "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let facts: serde_json::Value = serde_json::from_str(&line).unwrap();
        let text = |pointer: &str| facts.pointer(pointer).and_then(|value| value.as_str()).unwrap().to_owned();
        Self { _sandbox: Process(child), config: text("/config_file").into(), service: text("/services/0/name") }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(&self.config).args(arguments);
        command
    }

    fn answer(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn run(&self) -> Process {
        let process = Process(self.command(&["run"]).stderr(Stdio::null()).spawn().unwrap());
        self.wait_for("a ready agent", |story| story.answer(&["status", "--probe", "ready"]).status.success());
        process
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.answer(&["--output", "json", "status"]).stdout).unwrap_or_default()
    }

    fn wait_for(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..LOOKS.0 {
            if holds(self) {
                return;
            }
            std::thread::sleep(LOOKS.1);
        }
        panic!("waited in vain for {what}: {}", self.status());
    }
}

#[test]
fn from_key_to_delivery_and_an_orderly_end() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path());
    assert!(story.answer(&["check"]).status.success());
    assert!(story.answer(&["key", "test"]).status.success());
    let mut agent = story.run();

    let second = story.answer(&["run"]);
    assert_eq!(second.status.code(), Some(69), "{}", String::from_utf8_lossy(&second.stderr));

    let sent = story.answer(&[
        "send",
        "--service",
        &story.service,
        "--metric",
        "Batch job",
        "--rating",
        "ok",
        "--text",
        "done",
    ]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    story.wait_for("the delivered status", |story| {
        story.status().pointer("/ledger/delivered").is_some_and(|count| count == 1)
    });
    assert_eq!(story.status().pointer("/ledger/balanced"), Some(&true.into()));
    assert!(story.answer(&["status", "--probe", "delivering"]).status.success());

    agent.signal("TERM");
    assert_eq!(agent.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_broken_configuration_is_shown_and_the_last_good_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path());
    let agent = story.run();
    let good = std::fs::read_to_string(&story.config).unwrap();
    // Unknown to the schema, yet with the admin port as it was, so that `status` still finds the agent.
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, format!("{good}\n[nonsense]\n")).unwrap();
    std::fs::rename(&broken, &story.config).unwrap();
    agent.signal("HUP");
    // `status` reads the configuration too: give it the good one under another name.
    let kept = folder.path().join("kept.toml");
    std::fs::write(&kept, &good).unwrap();
    let shown = Story {
        config: kept,
        service: story.service.clone(),
        _sandbox: Process(Command::new("true").spawn().unwrap()),
    };
    shown.wait_for("the warning", |shown| {
        shown.status()["warnings"].to_string().contains("last good one stays in force")
    });
    assert!(shown.answer(&["status", "--probe", "ready"]).status.success());
    assert_eq!(story.answer(&["check"]).status.code(), Some(78));
}
