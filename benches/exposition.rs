//! Throughput of the exposition readers on one core, in bytes of page.
//!
//! The page is written like node_exporter's: help and type of each family, gauges and counters with a few labels, a
//! histogram, a summary. Sizes: one host (about 500 samples), and the same with more series, up to the limit of a page.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark talks to a person, and writing to a text cannot fail"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use calm_agent::prometheus::{Event, Format, Limits, Page, Parser};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Samples of each page, approximately.
const SIZES: [usize; 3] = [500, 5_000, 20_000];
/// Samples that one round of [`page`] writes.
const ROUND: usize = 50;

/// Writes a page of about so many samples.
fn page(samples: usize) -> String {
    let rounds = samples / ROUND;
    let mut page = String::new();
    family(&mut page, "node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.");
    for cpu in 0..rounds {
        for (index, mode) in ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"].iter().enumerate()
        {
            let seconds = (cpu * 7919 + index * 104_729) as f64 / 100.0;
            writeln!(page, "node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}} {seconds}").unwrap();
        }
    }
    for (name, kind) in [
        ("node_filesystem_avail_bytes", "gauge"),
        ("node_filesystem_size_bytes", "gauge"),
        ("node_filesystem_files", "gauge"),
    ] {
        family(&mut page, name, kind, "Filesystem space available to non-root users in bytes.");
        for index in 0..rounds * 3 {
            let bytes = index * 4_096 * 1_048_583;
            writeln!(page, "{name}{{device=\"/dev/mapper/vg{index}-data\",fstype=\"ext4\",mountpoint=\"/var/lib/data/{index}\"}} {bytes:e}").unwrap();
        }
    }
    for (name, kind) in
        [("node_network_receive_bytes_total", "counter"), ("node_network_transmit_packets_total", "counter")]
    {
        family(&mut page, name, kind, "Network device statistic of a counter.");
        for index in 0..rounds * 6 {
            writeln!(page, "{name}{{device=\"veth{index:x}\"}} {}", index * 1_000_003).unwrap();
        }
    }
    for index in 0..rounds * 6 {
        let name = format!("node_memory_Field{index}_bytes");
        family(&mut page, &name, "gauge", "Memory information field.");
        writeln!(page, "{name} {:e}", index * 65_536).unwrap();
    }
    distributions(&mut page, rounds);
    page
}

fn distributions(page: &mut String, rounds: usize) {
    family(page, "http_request_duration_seconds", "histogram", "Latency of HTTP requests.");
    for handler in 0..rounds {
        for (index, bound) in ["0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"].iter().enumerate() {
            writeln!(
                page,
                "http_request_duration_seconds_bucket{{handler=\"/api/v1/{handler}\",le=\"{bound}\"}} {}",
                index * 13
            )
            .unwrap();
        }
        writeln!(page, "http_request_duration_seconds_sum{{handler=\"/api/v1/{handler}\"}} 12.75{handler}").unwrap();
        writeln!(page, "http_request_duration_seconds_count{{handler=\"/api/v1/{handler}\"}} {}", 7 * 13).unwrap();
    }
    family(page, "go_gc_duration_seconds", "summary", "A summary of the pause duration of garbage collection cycles.");
    for part in 0..rounds {
        for quantile in ["0", "0.5", "1"] {
            writeln!(page, "go_gc_duration_seconds{{part=\"{part}\",quantile=\"{quantile}\"}} 0.01{part}3876").unwrap();
        }
        writeln!(page, "go_gc_duration_seconds_sum{{part=\"{part}\"}} 56.12904785{part}").unwrap();
        writeln!(page, "go_gc_duration_seconds_count{{part=\"{part}\"}} 7476").unwrap();
    }
}

fn family(page: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}").unwrap();
}

/// Samples and labels of a page: every label is visited, as a reader of labels would.
fn parse(page: &[u8]) -> (usize, usize) {
    let mut found = (0, 0);
    for event in Parser::new(page, Format::Text) {
        if let Ok(Event::Sample(sample)) = event {
            found.0 += 1;
            found.1 += sample.labels.iter().count();
            black_box(sample.value);
        }
    }
    found
}

/// Samples alone: what reading costs when a caller caches by the raw bytes of the labels.
fn scan(page: &[u8]) -> usize {
    Parser::new(page, Format::Text).filter(|event| matches!(black_box(event), Ok(Event::Sample(_)))).count()
}

/// Metrics of a page, put together.
fn assemble(page: &[u8]) -> usize {
    let page = Page::read(page, Format::Text, Limits::default());
    assert_eq!((page.error_count(), page.dropped()), (0, 0));
    page.metrics().map(black_box).count()
}

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exposition");
    for size in SIZES {
        let page = page(size);
        let samples = scan(page.as_bytes());
        println!("page of {samples} samples: {} bytes", page.len());
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_with_input(BenchmarkId::new("scan", samples), page.as_bytes(), |bencher, page| {
            bencher.iter(|| scan(page));
        });
        group.bench_with_input(BenchmarkId::new("parse with labels", samples), page.as_bytes(), |bencher, page| {
            bencher.iter(|| parse(page));
        });
        group.bench_with_input(BenchmarkId::new("assemble", samples), page.as_bytes(), |bencher, page| {
            bencher.iter(|| assemble(page));
        });
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
