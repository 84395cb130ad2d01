"""How each program of the comparison is configured and started, always pinned to the measured core."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import programs
from harness import HOME, Skip, Stage, agent_binary, free_port, program, toml

MEASURED_CORE, OTHER_CORE = "0", "1"
MEASURED = ("taskset", "-c", MEASURED_CORE)
SERVICE_ID = "0f2c6a3e-0000-4000-8000-000000000001"


def pinned(core: str, command: list) -> list:
    return ["taskset", "-c", core, *command]


@dataclass
class Running:
    """A started program: its process, where OTLP goes in, and where it says that it is ready."""

    process: subprocess.Popen
    otlp: str | None
    ready: str


class Usage:
    """CPU seconds and memory of one process, from /proc."""

    def __init__(self, process):
        self.folder = Path(f"/proc/{process.pid}")
        self.tick = os.sysconf("SC_CLK_TCK")

    def cpu_seconds(self) -> float:
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / self.tick

    def mebibytes(self, name: str) -> float:
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        return 0.0


class Sink:
    """nginx on the other core: takes every export, plays the token service, and serves the pages to scrape."""

    def __init__(self, stage: Stage, pages: Path | None = None):
        folder, self.port = stage.folder / "sink", free_port()
        folder.mkdir()
        self.log = folder / "access.log"
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "nginx.conf"
        config.write_text(_sink_config(folder, self.port, pages))
        libraries = {"LD_LIBRARY_PATH": str(HOME / "debian/usr/lib/x86_64-linux-gnu")}
        process = stage.start("sink", pinned(OTHER_CORE, [program("nginx"), "-p", folder, "-c", config]), libraries)
        stage.wait_for_page(process, f"{self.url}/ready", "sink")
        self.key_file = stage.folder / "service-key.json"
        uaa = {"url": self.url, "clientid": "sb-bench!b1|sapcloudalm!b77", "clientsecret": "not-a-secret"}
        self.key_file.write_text(json.dumps({"endpoints": {"Api": f"{self.url}/api"}, "uaa": uaa}))
        self.key_file.chmod(0o600)

    def pages_served(self) -> int:
        return self.log.read_text().count("GET /pages/")


def _sink_config(folder: Path, port: int, pages: Path | None) -> str:
    temporary = "".join(f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    token = json.dumps({"access_token": _token(), "token_type": "bearer", "expires_in": 43199, "scope": " ".join(_scopes()), "jti": "1"})
    return f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  {temporary}
  access_log off; client_max_body_size 0; keepalive_requests 10000000; tcp_nodelay on;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /ready {{ default_type text/plain; return 200 'ready'; }}
    location = /oauth/token {{ default_type application/json; return 200 '{token}'; }}
    location /v1/ {{ default_type application/x-protobuf; return 200 ''; }}
    location /api/ {{ default_type application/json; return 200 '{{}}'; }}
    location /write {{ return 204; }}
    location /pages/ {{
      default_type 'text/plain; version=0.0.4; charset=utf-8'; types {{ }}
      alias {pages or folder}/; access_log {folder}/access.log;
    }}
  }}
}}
"""


def _scopes() -> list:
    return ["sapcloudalm!b77.calm-api.metrics.write", "sapcloudalm!b77.calm-api.hm.write"]


def _token() -> str:
    """Shaped like a JWT, so that a client may read its scopes; nobody verifies it."""
    def part(thing):
        return base64.urlsafe_b64encode(json.dumps(thing).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part({'scope': _scopes(), 'exp': 4_000_000_000})}.unsigned"


def agent_config(stage: Stage, sink: Sink, services: list, otlp: int | None = None, **cloud_alm) -> tuple[Path, str]:
    admin = f"127.0.0.1:{free_port()}"
    document = {
        "cloud_alm": {"service_key_file": str(sink.key_file), **cloud_alm},
        "agent": {"data_dir": str(stage.folder / "data")},
        "admin": {"listen": admin},
        "services": services,
    }
    if otlp:
        route = {"match": {"service.name": "bench-*"}, "service": "orders", "recipe": "none"}
        document["receivers.otlp"] = {"http": f"127.0.0.1:{otlp}", "route": [route]}
    file = stage.folder / "agent.toml"
    file.write_text(toml(document))
    return file, admin


def start_agent(stage: Stage, file: Path, admin: str, otlp: int | None = None) -> Running:
    process = stage.start("agent", pinned(MEASURED_CORE, [agent_binary(), "run", "--config", file]))
    return Running(process, otlp and f"http://127.0.0.1:{otlp}/v1/metrics", f"http://{admin}/readyz")


def agent(stage: Stage, sink: Sink) -> Running:
    """Durable as it is by default: answered after fsync."""
    agent_binary()
    port = free_port()
    services = [{"name": "orders", "service_id": SERVICE_ID, "max_metrics": 20_000}]
    return start_agent(stage, *agent_config(stage, sink, services, port, push_interval="5s"), port)


def agent_process_durability(stage: Stage, sink: Sink) -> Running:
    """Against peers that keep nothing on disk: safe from kill -9, not from a power cut."""
    agent_binary()
    port = free_port()
    services = [{"name": "orders", "service_id": SERVICE_ID, "max_metrics": 20_000}]
    file, admin = agent_config(stage, sink, services, port, push_interval="5s")
    file.write_text(file.read_text().replace("[agent]\n", '[agent]\ndurability = "process"\n'))
    return start_agent(stage, file, admin, port)


def rotel(stage: Stage, sink: Sink) -> Running:
    process, url = programs.rotel(stage, sink.url, MEASURED)
    return Running(process, url, url)


def collector(stage: Stage, sink: Sink) -> Running:
    process, url = programs.collector(stage, sink.url, MEASURED)
    return Running(process, url, url)


def collector_durable(stage: Stage, sink: Sink) -> Running:
    process, url = programs.collector(stage, sink.url, MEASURED, durable=True)
    return Running(process, url, url)


def scraping_agent(stage: Stage, sink: Sink, pages: int, series: int, interval: str) -> Running:
    """One service a page; every series is kept and forwarded, as the peer does."""
    agent_binary()
    services = [
        {
            "name": f"service-{page}", "service_id": SERVICE_ID[:-2] + f"{page:02}", "max_metrics": series,
            "prometheus": [{"url": f"{sink.url}/pages/{page}.txt", "interval": interval, "name": f"page-{page}"}],
        }
        for page in range(pages)
    ]
    return start_agent(stage, *agent_config(stage, sink, services, push_interval="15s"))


def scraping_vmagent(stage: Stage, sink: Sink, pages: int, series: int, interval: str) -> Running:
    port, config = free_port(), stage.folder / "scrape.yml"
    jobs = "".join(
        f"  - {{job_name: page-{page}, metrics_path: /pages/{page}.txt, static_configs: [{{targets: ['127.0.0.1:{sink.port}']}}]}}\n"
        for page in range(pages)
    )
    config.write_text(f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\nscrape_configs:\n{jobs}")
    command = [
        program("vmagent"), f"-promscrape.config={config}", f"-remoteWrite.url={sink.url}/write",
        f"-remoteWrite.tmpDataPath={stage.folder / 'vmagent'}", f"-httpListenAddr=127.0.0.1:{port}", "-loggerLevel=ERROR",
    ]
    process = stage.start("vmagent", pinned(MEASURED_CORE, command))
    return Running(process, None, f"http://127.0.0.1:{port}/health")


def said(command: list) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def versions() -> dict:
    """What is compared, by its own words."""
    found = {}
    asked = {
        "calm-agent": lambda: [agent_binary(), "--version"],
        "rotel": lambda: [programs.rotel_binary(), "--version"],
        "collector": lambda: [program("otelcol", "collector"), "--version"],
        "vmagent": lambda: [program("vmagent"), "--version"],
        "wrk": lambda: [program("wrk"), "--version"],
    }
    for name, command in asked.items():
        try:
            found[name] = said(command())
        except Skip as reason:
            found[name] = f"not here: {reason}"
    if found["vmagent"] == "unknown" or "vmagent" not in found["vmagent"]:
        found["vmagent"] = _module_version("vmagent", found["vmagent"])
    return found


def _module_version(name: str, fallback: str) -> str:
    """A Go program installed as a module carries its version in its build information only."""
    if not shutil.which("go") or not (HOME / "bin" / name).exists():
        return fallback
    lines = subprocess.run(["go", "version", "-m", HOME / "bin" / name], capture_output=True, text=True, check=False).stdout
    module = next((line.split() for line in lines.splitlines() if line.strip().startswith("mod")), [])
    return " ".join(module[1:3]) or fallback


def answers(url: str) -> bool:
    """It listens and does not say that it is not ready yet; an OTLP port answers a GET with 405, which is fine.

    Bare on purpose: the time from start to ready is taken with it."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status != 503
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
