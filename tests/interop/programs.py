"""The real programs, each started on a free loopback port and ended with the stage. Each function returns the page's URL."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

from harness import HERE, HOME, Skip, Stage, check, fetch, free_port, program, wait_for

LIBRARIES = {"LD_LIBRARY_PATH": str(HOME / "debian/usr/lib/x86_64-linux-gnu")}
MODULES = {"NODE_PATH": str(HOME / "node/node_modules")}


def node_exporter(stage: Stage) -> str:
    port = free_port()
    command = [program("prometheus-node-exporter", "node_exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    process = stage.start("node_exporter", command)
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/metrics", "node_exporter")


def prometheus(stage: Stage) -> str:
    """Prometheus scraping itself each second. Returns its own page; `federation` is built from it."""
    port = free_port()
    config = stage.folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    command = [
        program("prometheus"), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={stage.folder / 'tsdb'}",
    ]
    process = stage.start("prometheus", command)
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/metrics", "prometheus")


def federation(stage: Stage, own_page: str) -> str:
    url = own_page.replace("/metrics", "/federate?match[]=" + quote('{job="prometheus"}'))
    wait_for("a federated sample", lambda: b"prometheus_build_info" in fetch(url)[2])
    return url


def blackbox(stage: Stage) -> tuple[str, str]:
    """The probe of a target that answers, and of one that does not."""
    port, closed = free_port(), free_port()
    config = stage.folder / "blackbox.yml"
    config.write_text("modules: {http_2xx: {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip4}}}\n")
    target = stage.serve(lambda path, headers: (200, "text/plain", b"fine"))
    command = [
        program("prometheus-blackbox-exporter", "blackbox"), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = stage.start("blackbox", command)
    base = f"http://127.0.0.1:{port}"
    stage.wait_for_page(process, f"{base}/metrics", "blackbox")
    probe = f"{base}/probe?module=http_2xx&target="
    return probe + quote(target, safe=""), probe + quote(f"http://127.0.0.1:{closed}", safe="")


def nginx(stage: Stage) -> str:
    """nginx with its status page. Returns that page's URL."""
    port = free_port()
    folder = stage.folder / "nginx"
    folder.mkdir()
    config = folder / "nginx.conf"
    temporary = "\n".join(
        f"  {name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{\n  access_log off;\n{temporary}\n"
        f"  server {{ listen 127.0.0.1:{port}; location /stub_status {{ stub_status; }} }}\n}}\n"
    )
    process = stage.start("nginx", [program("nginx"), "-p", folder, "-c", config], LIBRARIES)
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/stub_status", "nginx")


def nginx_exporter(stage: Stage) -> str:
    status_page, port = nginx(stage), free_port()
    command = [
        program("prometheus-nginx-exporter", "nginx_exporter"), f"-nginx.scrape-uri={status_page}",
        f"-web.listen-address=127.0.0.1:{port}",
    ]
    process = stage.start("nginx_exporter", command)
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/metrics", "nginx_exporter")


def haproxy(stage: Stage) -> str:
    """HAProxy's own exporter: with a server that was never up it exposes NaN."""
    port, front, dead = free_port(), free_port(), free_port()
    config = stage.folder / "haproxy.cfg"
    config.write_text(
        "defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n"
        f"frontend page\n  bind 127.0.0.1:{port}\n  http-request use-service prometheus-exporter if {{ path /metrics }}\n"
        f"frontend shop\n  bind 127.0.0.1:{front}\n  default_backend orders\n"
        f"backend orders\n  server one 127.0.0.1:{dead} check inter 1s\n"
    )
    process = stage.start("haproxy", [program("haproxy"), "-db", "-f", config], LIBRARIES)
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/metrics", "haproxy")


def pushgateway(stage: Stage) -> str:
    """Pushgateway holding labels with every escape, and its own `job` and `instance`."""
    port = free_port()
    command = [program("prometheus-pushgateway", "pushgateway"), f"--web.listen-address=127.0.0.1:{port}"]
    process = stage.start("pushgateway", command)
    base = f"http://127.0.0.1:{port}"
    stage.wait_for_page(process, f"{base}/metrics", "pushgateway")
    page = (
        "# TYPE backup_bytes gauge\n"
        'backup_bytes{path="C:\\\\data \\"one\\"\\nsecond line",note="größer"} 1.5e+09\n'
        "# TYPE backup_runs_total counter\nbackup_runs_total 7\n"
    )
    code = fetch(f"{base}/metrics/job/nightly/instance/host-1", page.encode(), method="PUT")[0]
    check(code in (200, 202), f"pushgateway refused the push with {code}")
    return f"{base}/metrics"


def python_openmetrics(stage: Stage) -> str:
    port = free_port()
    process = stage.start("python_page", [sys.executable, HERE / "producers/openmetrics_page.py", port])
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/metrics", "python_page")


def node_prom_client(stage: Stage) -> str:
    check_modules("prom-client", "node")
    port = free_port()
    process = stage.start("node_page", [program("node"), HERE / "producers/prom_page.js", port], MODULES)
    return stage.wait_for_page(process, f"http://127.0.0.1:{port}/metrics", "node_page")


def rotel_binary() -> Path:
    found = sorted(HOME.glob("venv/lib/python3*/site-packages/rotel/rotel-agent"))
    if not found:
        raise Skip("rotel is not installed: tests/interop/install python")
    return found[0]


def rotel(stage: Stage, destination: str, prefix: tuple = ()) -> tuple:
    """Rotel between a sender and `destination`. Returns (process, URL that takes metrics)."""
    port = free_port()
    settings = {
        "ROTEL_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{port}", "ROTEL_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "ROTEL_OTLP_EXPORTER_ENDPOINT": destination, "ROTEL_OTLP_EXPORTER_PROTOCOL": "http",
        "ROTEL_PID_FILE": str(stage.folder / "rotel.pid"), "ROTEL_LOG_FILE": str(stage.folder / "rotel-own.log"),
    }
    process = stage.start("rotel", [*prefix, rotel_binary(), "start"], settings)
    return process, f"http://127.0.0.1:{port}/v1/metrics"


def collector(stage: Stage, destination: str, prefix: tuple = (), durable: bool = False) -> tuple:
    """The OpenTelemetry Collector between a sender and `destination`; `durable` is its safest setting. Returns as `rotel`."""
    port, queue, extension, service = free_port(), "", "", ""
    if durable:
        (stage.folder / "queue").mkdir()
        extension = f"extensions: {{file_storage: {{directory: {stage.folder / 'queue'}, fsync: true}}}}\n"
        queue, service = ", sending_queue: {storage: file_storage}", "extensions: [file_storage], "
    config = stage.folder / "collector.yaml"
    config.write_text(
        f"{extension}receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{port}'}}}}}}}}\n"
        "processors: {batch: {}}\n"
        f"exporters: {{otlphttp: {{endpoint: '{destination}'{queue}}}}}\n"
        f"service: {{{service}telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}, "
        "pipelines: {metrics: {receivers: [otlp], processors: [batch], exporters: [otlphttp]}}}\n"
    )
    process = stage.start("collector", [*prefix, program("otelcol", "collector"), "--config", config])
    return process, f"http://127.0.0.1:{port}/v1/metrics"


def check_modules(name: str, part: str) -> None:
    """Skips when the Node modules of a part are not there."""
    if not (HOME / part / "node_modules" / name).exists():
        raise Skip(f"{name} is not installed: tests/interop/install {part}")
