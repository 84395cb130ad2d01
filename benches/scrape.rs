//! What a scrape costs for each sample: asking over loopback, reading the page, building the block of points.
//!
//! The other side is part of the process and only writes bytes that lie ready, so the figure is a little too high, never too low.

#![expect(clippy::unwrap_used, reason = "a benchmark talks to a person, and writing to a text cannot fail")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use calm_agent::clock::Clock;
use calm_agent::http::{Auth, ClientConfig};
use calm_agent::metric::{ServiceName, SourceId, SourceKey};
use calm_agent::shutdown::{Stop, Tasks};
use calm_agent::sources::Pull;
use calm_agent::sources::prometheus::{Config, Scrape};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Samples of each page.
const SIZES: [usize; 3] = [500, 5_000, 20_000];

/// A page of counters with three labels, a hundred to a family, as exporters of services have them.
fn page(samples: usize) -> String {
    let mut page = String::new();
    for index in 0..samples {
        let family = index / 100;
        if index.is_multiple_of(100) {
            writeln!(
                page,
                "# HELP http_requests_{family}_total Requests.\n# TYPE http_requests_{family}_total counter"
            )
            .unwrap();
        }
        writeln!(
            page,
            "http_requests_{family}_total{{method=\"GET\",path=\"/orders/{index}\",status=\"200\"}} {index}.5"
        )
        .unwrap();
    }
    page
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>) {
    let mut request = [0; 4_096];
    // One small request in one piece: the client is ours.
    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn target(tasks: &Tasks, page: &str) -> Scrape {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap()).parse().unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}", page.len()).into_bytes();
    let connections = tasks.clone();
    tasks.spawn("target", async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn("connection", serve(stream, answer.clone()));
        }
    });
    let config = Config {
        source: SourceId(0),
        key: SourceKey { service: ServiceName::new("orders"), name: "bench".into() },
        url,
        interval: Duration::from_secs(15),
        auth: Auth::None,
        http: ClientConfig::default(),
        max_body_bytes: 10 << 20,
        max_samples: 20_000,
        max_labels: 64,
        honor_labels: false,
        honor_timestamps: true,
    };
    Scrape::new(config, Clock::system())
}

fn benchmark(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("scrape");
    for size in SIZES {
        let tasks = Tasks::new(Stop::new());
        let mut scrape = runtime.block_on(target(&tasks, &page(size)));
        assert_eq!(runtime.block_on(scrape.pull()).samples, size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("samples", size), |bencher| {
            bencher.iter(|| black_box(runtime.block_on(scrape.pull()).samples));
        });
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
