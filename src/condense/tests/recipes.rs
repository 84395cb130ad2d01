//! Each recipe, with what its producer really says.

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

const APP: &[(&str, &str)] = &[("service.name", "o")];

/// Two pushes ten seconds apart, read with the recipes that show themselves.
fn read(fill: impl Fn(&mut Block, u64)) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut kit = Kit::new(pushed(|source| source.recipes = Recipes::Auto));
    for time in [2, 12] {
        let mut block = Block::new(APP);
        fill(&mut block, time);
        kit.push(time, block);
    }
    let rows = kit.close();
    let view = kit.condenser.view(at(15));
    let recipes = view.services[0].recipes[0].1.iter().map(ToString::to_string).collect();
    let told = statuses(&rows)
        .into_iter()
        .filter(|text| !text.starts_with("Service health") && !text.starts_with("Telemetry"));
    (recipes, numbers(&rows), told.collect())
}

fn gauge(block: &mut Block, time: u64, (name, unit): (&str, &str), labels: &[(&str, &str)], value: f64) {
    block.metric(name, unit, MetricKind::Gauge).point(labels, None, time, value);
}

/// Grows by `per_second` from the first push on.
fn counter(block: &mut Block, time: u64, name: &str, labels: &[(&str, &str)], per_second: f64) {
    block.metric(name, "", CUMULATIVE).point(labels, None, time, 1000.0 + (time - 2) as f64 * per_second);
}

/// Nothing in the first push, ten fast values in the second.
fn histogram(block: &mut Block, time: u64, name: &str, unit: &str, labels: &[(&str, &str)]) {
    let (counts, sum) = if time == 2 { ([0, 0, 0], 0.0) } else { ([10, 0, 0], 50.0) };
    block.metric(name, unit, MetricKind::Histogram(Temporality::Cumulative)).histogram(labels, time, &counts, sum);
}

#[test]
fn cap() {
    let (recipes, numbers, told) = read(|block, time| {
        let tenant = [("sap.tenancy.tenant_id", "")];
        for (name, value) in [
            ("db.pool.borrowed", 9.0),
            ("db.pool.max", 10.0),
            ("db.pool.pending", 0.0),
            ("db.pool.size", 10.0),
            ("queue.cold_entries", 0.0),
            ("queue.remaining_entries", 2.0),
        ] {
            gauge(block, time, (name, "each"), &tenant, value);
        }
        gauge(block, time, ("process.cpu.utilization", "1"), &[("process.cpu.state", "user")], 0.2);
        gauge(block, time, ("process.cpu.utilization", "1"), &[("process.cpu.state", "system")], 0.1);
        gauge(block, time, ("process.memory.usage", "By"), &[], 1e8);
        counter(block, time, "process.cpu.time", &[("process.cpu.state", "user")], 0.2);
        histogram(block, time, "http.server.duration", "ms", &[("http.method", "GET"), ("http.status_code", "200")]);
        histogram(block, time, "http.server.duration", "ms", &[("http.method", "GET"), ("http.status_code", "503")]);
    });
    assert_eq!(recipes, ["cap", "otel-http"]);
    assert_eq!(
        numbers,
        [
            "db.pool.borrowed = 9 of 10 warning each",
            "db.pool.pending = 0 each",
            "http.server.duration = 5 ms",
            "http.server.duration.count_rate = 2 1/s",
            "http.server.duration.p95 = 9.5 ms",
            "http.server.errors.rate = 1 1/s",
            "process.cpu.utilization = 30 %",
            "process.memory.usage = 100000000 By",
            "queue.cold_entries = 0 each",
            "queue.remaining_entries = 2 each",
        ]
    );
    assert_eq!(
        told,
        [
            "Database pool: ok, 0 requests wait for a database connection",
            "Outbox: ok, 0 entries were given up and need a person"
        ]
    );
}

#[test]
fn node() {
    let (recipes, numbers, _) = read(|block, time| {
        for cpu in ["0", "1"] {
            counter(block, time, "node_cpu_seconds_total", &[("cpu", cpu), ("mode", "idle")], 0.75);
            counter(block, time, "node_cpu_seconds_total", &[("cpu", cpu), ("mode", "user")], 0.25);
        }
        gauge(block, time, ("node_memory_MemAvailable_bytes", ""), &[], 10.0);
        gauge(block, time, ("node_memory_MemTotal_bytes", ""), &[], 100.0);
        for (mount, fstype, free) in [("/", "ext4", 50.0), ("/run", "tmpfs", 1.0), ("/snap/x", "squashfs", 0.0)] {
            let labels = [("device", "d"), ("fstype", fstype), ("mountpoint", mount)];
            gauge(block, time, ("node_filesystem_avail_bytes", ""), &labels, free);
            gauge(block, time, ("node_filesystem_size_bytes", ""), &labels, 100.0);
        }
        gauge(block, time, ("node_load1", ""), &[], 0.5);
        counter(block, time, "node_network_receive_bytes_total", &[("device", "eth0")], 100.0);
        counter(block, time, "node_network_receive_bytes_total", &[("device", "eth1")], 20.0);
        counter(block, time, "node_network_receive_bytes_total", &[("device", "lo")], 999.0);
        gauge(block, time, ("go_goroutines", ""), &[], 8.0);
    });
    assert_eq!(recipes, ["node"]);
    assert_eq!(
        numbers,
        [
            "system.cpu.load_average.1m = 0.5 {thread}",
            "system.cpu.utilization = 25 %",
            "system.filesystem.usage{mountpoint=/} = 50 of 100 ok By",
            "system.memory.usage = 90 of 100 warning By",
            "system.network.io.receive = 120 By/s",
        ]
    );
}

#[test]
fn host() {
    let (recipes, numbers, _) = read(|block, time| {
        gauge(block, time, ("system.cpu.utilization", "1"), &[], 0.5);
        gauge(block, time, ("system.memory.usage", "By"), &[], 96.0);
        gauge(block, time, ("system.memory.limit", "By"), &[], 100.0);
        gauge(block, time, ("system.cpu.load_average.1m", "{thread}"), &[], 1.5);
        for (mount, used) in [("/", 85.0), ("/data", 10.0)] {
            let labels = [("device", mount), ("mountpoint", mount), ("type", "ext4")];
            gauge(block, time, ("system.filesystem.usage", "By"), &labels, used);
            gauge(block, time, ("system.filesystem.limit", "By"), &labels, 100.0);
        }
    });
    assert_eq!(recipes, ["host"]);
    assert_eq!(
        numbers,
        [
            "system.cpu.load_average.1m = 1.5 {thread}",
            "system.cpu.utilization = 50 %",
            "system.filesystem.usage{mountpoint=/data} = 10 of 100 ok By",
            "system.filesystem.usage{mountpoint=/} = 85 of 100 warning By",
            "system.memory.usage = 96 of 100 critical By",
        ]
    );
}

#[test]
fn jvm_by_opentelemetry() {
    let up_down = MetricKind::Sum { monotonic: false, temporality: Temporality::Cumulative };
    let (recipes, numbers, _) = read(|block, time| {
        for (kind, pool, used, limit) in [
            ("heap", "G1 Eden", 10.0, None),
            ("heap", "G1 Old", 76.0, Some(100.0)),
            ("non_heap", "Metaspace", 5.0, None),
        ] {
            let labels = [("jvm.memory.pool.name", pool), ("jvm.memory.type", kind)];
            block.metric("jvm.memory.used", "By", up_down).point(&labels, None, time, used);
            if let Some(limit) = limit {
                block.metric("jvm.memory.limit", "By", up_down).point(&labels, None, time, limit);
            }
        }
        gauge(block, time, ("jvm.cpu.recent_utilization", "1"), &[], 0.4);
        for (state, count) in [("runnable", 4.0), ("waiting", 6.0)] {
            block.metric("jvm.thread.count", "{thread}", up_down).point(
                &[("jvm.thread.state", state)],
                None,
                time,
                count,
            );
        }
        histogram(block, time, "jvm.gc.duration", "s", &[("jvm.gc.name", "G1 Young Generation")]);
    });
    assert_eq!(recipes, ["jvm"]);
    assert_eq!(
        numbers,
        [
            "jvm.cpu.recent_utilization = 40 %",
            "jvm.gc.duration = 5 s",
            "jvm.gc.duration.count_rate = 1 1/s",
            "jvm.gc.duration.p95 = 9.5 s",
            "jvm.memory.used{jvm.memory.type=heap} = 86 of 100 warning By",
            "jvm.memory.used{jvm.memory.type=non_heap} = 5 By",
            "jvm.thread.count = 10 {thread}",
        ]
    );
}

#[test]
fn spring_and_jvm_by_micrometer() {
    let (recipes, numbers, told) = read(|block, time| {
        for (id, used, max) in [("G1 Eden Space", 10.0, -1.0), ("G1 Old Gen", 40.0, 100.0)] {
            gauge(block, time, ("jvm_memory_used_bytes", ""), &[("area", "heap"), ("id", id)], used);
            gauge(block, time, ("jvm_memory_max_bytes", ""), &[("area", "heap"), ("id", id)], max);
        }
        gauge(block, time, ("jvm_threads_live_threads", ""), &[], 30.0);
        gauge(block, time, ("process_cpu_usage", ""), &[], 0.1);
        gauge(block, time, ("process_files_open_files", ""), &[], 10.0);
        gauge(block, time, ("process_files_max_files", ""), &[], 1000.0);
        for (status, count) in [("200", 20), ("500", 10)] {
            let (count, sum) = if time == 2 { (0, 0.0) } else { (count, f64::from(count as u32) * 0.2) };
            let summary = block.0.summary(&Summary { count, sum, quantiles: &[] });
            let attributes = block.0.write_with(|out| AttributeWriter::new(out).text("status", status));
            let (name, scope) = (block.0.write(b"http_server_requests_seconds"), Span::default());
            let metric = block.0.metric(Metric {
                resource: 0,
                scope,
                name,
                unit: scope,
                description: scope,
                kind: MetricKind::Summary,
            });
            block.0.point(Point {
                metric,
                attributes,
                start: at(0).minus(std::time::Duration::from_secs(3600)),
                time: at(time),
                value: summary,
            });
        }
        let pool = [("pool", "HikariPool-1")];
        gauge(block, time, ("hikaricp_connections_active", ""), &pool, 10.0);
        gauge(block, time, ("hikaricp_connections_max", ""), &pool, 10.0);
        gauge(block, time, ("hikaricp_connections_pending", ""), &pool, 7.0);
        gauge(block, time, ("tomcat_threads_busy_threads", ""), &[("name", "http-nio-8080")], 20.0);
        gauge(block, time, ("tomcat_threads_config_max_threads", ""), &[("name", "http-nio-8080")], 200.0);
        counter(block, time, "logback_events_total", &[("level", "error")], 2.0);
        counter(block, time, "logback_events_total", &[("level", "info")], 50.0);
    });
    assert_eq!(recipes, ["jvm", "spring"]);
    assert_eq!(
        numbers,
        [
            "db.client.connection.count{pool=HikariPool-1} = 10 of 10 critical {connection}",
            "http.server.errors.rate = 1 1/s",
            "http.server.request.duration = 0.2 s",
            "http.server.request.duration.count_rate = 3 1/s",
            "jvm.cpu.recent_utilization = 10 %",
            "jvm.memory.used{area=heap} = 50 of 100 ok By",
            "jvm.thread.count = 30 {thread}",
            "log.errors.rate = 2 1/s",
            "process.open_file_descriptor.count = 10 of 1000 ok {count}",
            "tomcat.threads{name=http-nio-8080} = 20 of 200 ok {thread}",
        ]
    );
    assert_eq!(told, ["Database pool: warning, 7 requests wait for a connection of HikariPool-1"]);
}

#[test]
fn nodejs_by_prom_client() {
    let (recipes, numbers, _) = read(|block, time| {
        gauge(block, time, ("nodejs_version_info", ""), &[("version", "v22")], 1.0);
        gauge(block, time, ("nodejs_eventloop_lag_seconds", ""), &[], 0.01);
        gauge(block, time, ("nodejs_eventloop_lag_p99_seconds", ""), &[], 0.02);
        gauge(block, time, ("nodejs_heap_size_used_bytes", ""), &[], 5e7);
        gauge(block, time, ("process_resident_memory_bytes", ""), &[], 9e7);
        counter(block, time, "process_cpu_seconds_total", &[], 0.3);
        gauge(block, time, ("process_open_fds", ""), &[], 30.0);
        gauge(block, time, ("process_max_fds", ""), &[], 1024.0);
        histogram(block, time, "nodejs_gc_duration_seconds", "", &[("kind", "minor")]);
    });
    assert_eq!(recipes, ["nodejs"]);
    assert_eq!(
        numbers,
        [
            "nodejs.eventloop.delay.p99 = 0.02 s",
            "process.cpu.utilization = 30 %",
            "process.memory.usage = 90000000 By",
            "process.open_file_descriptor.count = 30 of 1024 ok {count}",
            "v8js.gc.duration = 5 s",
            "v8js.gc.duration.count_rate = 1 1/s",
            "v8js.gc.duration.p95 = 9.5 s",
            "v8js.memory.heap.used = 50000000 By",
        ]
    );
}

#[test]
fn nodejs_by_opentelemetry() {
    let (recipes, numbers, _) = read(|block, time| {
        gauge(block, time, ("nodejs.eventloop.utilization", "1"), &[], 0.6);
        gauge(block, time, ("nodejs.eventloop.delay.p99", "s"), &[], 0.02);
        for (space, used, limit) in [("old_space", 80.0, 90.0), ("new_space", 8.0, 10.0)] {
            gauge(block, time, ("v8js.memory.heap.used", "By"), &[("v8js.heap.space.name", space)], used);
            gauge(block, time, ("v8js.memory.heap.limit", "By"), &[("v8js.heap.space.name", space)], limit);
        }
    });
    assert_eq!(recipes, ["nodejs"]);
    assert_eq!(
        numbers,
        [
            "nodejs.eventloop.delay.p99 = 0.02 s",
            "nodejs.eventloop.utilization = 60 %",
            "v8js.memory.heap.used = 88 of 100 warning By",
        ]
    );
}

#[test]
fn otel_http() {
    let (recipes, numbers, _) = read(|block, time| {
        for code in ["200", "502"] {
            histogram(
                block,
                time,
                "http.server.request.duration",
                "s",
                &[("http.response.status_code", code), ("http.route", "/a")],
            );
        }
        histogram(block, time, "http.client.request.duration", "s", &[("server.address", "a")]);
        gauge(block, time, ("custom", ""), &[], 1.0);
    });
    assert_eq!(recipes, ["otel-http"]);
    assert_eq!(
        numbers,
        [
            "http.client.request.duration = 5 s",
            "http.client.request.duration.count_rate = 1 1/s",
            "http.client.request.duration.p95 = 9.5 s",
            "http.server.errors.rate = 1 1/s",
            "http.server.request.duration = 5 s",
            "http.server.request.duration.count_rate = 2 1/s",
            "http.server.request.duration.p95 = 9.5 s",
        ]
    );
}

/// *Guarantees*: a recipe that shows itself later takes over from "everything"; what it does not select is dropped with its reason.
#[test]
fn a_recipe_may_show_itself_later() {
    let mut kit = Kit::new(pushed(|source| source.recipes = Recipes::Auto));
    kit.push(2, Block::new(APP).gauge("custom", &[], 2, 1.0).gauge("system.cpu.load_average.1m", &[], 2, 1.0));
    kit.push(3, Block::new(APP).gauge("system.memory.limit", &[], 3, 100.0).gauge("system.memory.usage", &[], 3, 50.0));
    assert_eq!(kit.fates.dropped(DropReason::NotSelected), 1);
    kit.push(4, Block::new(APP).gauge("custom", &[], 4, 1.0));
    assert_eq!(numbers(&kit.close()), ["system.cpu.load_average.1m = 1 1", "system.memory.usage = 50 of 100 ok 1"]);
    assert_eq!(kit.fates.dropped(DropReason::NotSelected), 2);
}

/// *Guarantees*: named recipes are used without being detected, and `forward_rest` lets the rest through.
#[test]
fn recipes_are_named_and_the_rest_is_forwarded() {
    let mut kit = Kit::new(pushed(|source| {
        source.recipes = Recipes::Named(vec!["host".to_owned()]);
        source.forward_rest = true;
    }));
    kit.push(2, Block::new(APP).gauge("system.cpu.utilization", &[], 2, 0.5).gauge("custom", &[], 2, 1.0));
    assert_eq!(numbers(&kit.close()), ["custom = 1 1", "system.cpu.utilization = 50 %"]);
}
