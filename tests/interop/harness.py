"""What every story needs: processes that end with the story, waiting by polling, the agent, the stand-in, a TOML writer.

Promises: nothing that was started outlives its `Stage`; no fixed sleeps, every wait has a deadline and says what it waited for.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOME = Path(os.environ.get("CALM_INTEROP_HOME") or Path.home() / ".cache/calm-interop")
POLL_SECONDS = 0.1


class Skip(Exception):
    """The story cannot be told here; the text says why."""


class Failure(Exception):
    """The story was told and ended badly."""


def check(condition, message: str) -> None:
    if not condition:
        raise Failure(message)


def equal(found, wanted, what: str) -> None:
    if found != wanted:
        raise Failure(f"{what}: found {found!r}, wanted {wanted!r}")


def near(found: float, wanted: float, what: str, tolerance: float = 1e-9) -> None:
    if abs(found - wanted) > tolerance * max(1.0, abs(wanted)):
        raise Failure(f"{what}: found {found!r}, wanted {wanted!r} within {tolerance:g}")


def wait_for(what: str, probe, seconds: float = 30.0):
    """The first true value of `probe()`; a Failure naming `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    problem = ""
    while time.monotonic() < deadline:
        try:
            found = probe()
            if found:
                return found
        except (OSError, ValueError) as error:
            problem = f" (last: {error})"
        time.sleep(POLL_SECONDS)
    raise Failure(f"waited {seconds:g} s for {what}{problem}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def fetch(url: str, data: bytes | None = None, headers: dict | None = None, method: str | None = None):
    """(status, headers, body) whatever the status is; no proxy, no redirects to elsewhere matter on loopback."""
    request = urllib.request.Request(url, data, headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def agent_binary() -> Path:
    """The agent under test: $CALM_AGENT, else the newest usual build. Skips the story when there is none."""
    named = os.environ.get("CALM_AGENT")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    candidates = [Path(named)] if named else [target / "release/calm-agent", target / "debug/calm-agent"]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate.resolve()
    raise Skip(f"no agent at {candidates[0]}; what needs none was done")


def program(name: str, part: str | None = None) -> str:
    """The path of an installed program; skips with the command that installs it."""
    for folder in ("bin", "debian/usr/bin", "debian/usr/sbin", "venv/bin"):
        path = HOME / folder / name
        if os.access(path, os.X_OK):
            return str(path)
    found = shutil.which(name)
    if found:
        return found
    raise Skip(f"{name} is not installed: tests/interop/install {part or name}")


def toml(document: dict) -> str:
    """`{table: {key: value}}` as TOML; what lies deeper is written in line, which TOML allows everywhere."""
    lines = []
    for name, content in document.items():
        if isinstance(content, dict):
            lines.append(f"[{name}]")
            lines += [f"{_key(key)} = {_inline(value)}" for key, value in content.items()]
        else:
            lines.insert(0, f"{_key(name)} = {_inline(content)}")
        lines.append("")
    return "\n".join(lines)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _inline(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_inline(item)}" for key, item in value.items()) + " }"
    return json.dumps(str(value))


class Stage(contextlib.ExitStack):
    """One story's folder and everything that runs in it; leaving it ends all of it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="calm-interop-"))
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, name: str, command: list, environment: dict | None = None, folder: Path | None = None, **options):
        """Starts a program with its output in `NAME.log` (or piped, if asked for) and ends it with the stage."""
        log = open(self.folder / f"{name}.log", "ab")
        self.callback(log.close)
        settings = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, **options}
        process = subprocess.Popen(
            [str(part) for part in command], env={**os.environ, **(environment or {})}, cwd=folder or self.folder, **settings
        )
        self.callback(stop, process)
        return process

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_for_page(self, process, url: str, name: str, seconds: float = 30.0) -> str:
        def answers():
            if process.poll() is not None:
                raise Failure(f"{name} ended with {process.returncode}: {self.log(name)[-600:]}")
            return fetch(url)[0] < 500

        wait_for(f"{name} at {url}", answers, seconds)
        return url

    def stand_in(self, *arguments: str) -> StandIn:
        return StandIn(self, arguments)

    def agent(self, config: dict, **options) -> Agent:
        return Agent(self, config, **options)

    def serve(self, answer) -> str:
        """A small web server: `answer(path, headers)` gives (status, content type, body). Returns its base URL."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, kind, content = answer(self.path, self.headers)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.do_GET()

            def log_message(self, *_):
                """Quiet."""

        return self.serve_with(Handler)

    def serve_with(self, handler) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        self.callback(server.server_close)
        self.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}"


def stop(process, seconds: float = 10.0) -> int:
    """SIGTERM, and SIGKILL to what does not listen. Only ever a process that was started here."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()
    return process.returncode


class StandIn:
    """The independent destination, running."""

    def __init__(self, stage: Stage, arguments):
        self.stage = stage
        self.key_file = stage.folder / "service-key.json"
        command = [sys.executable, HERE / "standin.py", "--key", self.key_file, *arguments]
        self.process = stage.start("standin", command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline() or "{}")
        check(ready, "the stand-in did not start")
        self.url, self.services = ready["url"], ready["services"]

    def seen(self, what: str) -> list:
        return json.loads(fetch(f"{self.url}/{what}")[2])

    def received(self, service: str | None = None) -> list:
        wanted = self.services.get(service)
        return [push for push in self.seen("received") if wanted is None or push["service_id"] == wanted]

    def rows(self, service: str | None = None, kind: str | None = None, name: str | None = None) -> list:
        """Every row that was accepted, oldest first."""
        return [
            row
            for push in self.received(service)
            if 200 <= push["status"] < 300
            for row in push["rows"]
            if kind in (None, row["kind"]) and name in (None, row["name"])
        ]

    def faults(self, **faults) -> None:
        fetch(f"{self.url}/faults", json.dumps(faults).encode())

    def reset(self) -> None:
        fetch(f"{self.url}/reset", b"{}")

    def assert_contract(self) -> None:
        broken = self.seen("violations")
        shown = "; ".join(f"{entry['rule']}: {entry['reason']}" for entry in broken[:5])
        check(not broken, f"{len(broken)} violations of the contract: {shown}")


class Agent:
    """The agent under test with a config of its own. `config` has what differs from the least that every story needs."""

    def __init__(self, stage: Stage, config: dict, standin: StandIn | None = None, environment: dict | None = None):
        self.stage = stage
        self.binary = agent_binary()
        self.admin = f"127.0.0.1:{free_port()}"
        document = {
            "cloud_alm": {"push_interval": "5s", **config.get("cloud_alm", {})},
            "agent": {"data_dir": str(stage.folder / "data"), **config.get("agent", {})},
            "admin": {"listen": self.admin},
        }
        if standin:
            document["cloud_alm"].setdefault("service_key_file", str(standin.key_file))
        document |= {key: value for key, value in config.items() if key not in document}
        self.file = stage.folder / "agent.toml"
        self.file.write_text(toml(document))
        self.environment = environment or {}
        self.process = None

    def command(self, *arguments: str, data: bytes | None = None, seconds: float = 60):
        """Runs one command of the agent to its end: (exit code, standard output, standard error)."""
        done = subprocess.run(
            [self.binary, *arguments, "--config", self.file], input=data, capture_output=True, timeout=seconds,
            env={**os.environ, **self.environment}, check=False,
        )
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def check_config(self) -> None:
        code, out, said = self.command("check")
        equal(code, 0, f"`check` of the story's config ({out.decode()[-400:]} {said[-800:]})")

    def run(self) -> Agent:
        self.check_config()
        self.process = self.stage.start("agent", [self.binary, "run", "--config", self.file], self.environment)
        self.stage.wait_for_page(self.process, f"http://{self.admin}/livez", "agent")
        return self

    def status(self) -> dict:
        return json.loads(fetch(f"http://{self.admin}/status")[2])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            raise Failure("the agent did not end within 15 s of SIGTERM") from None
        equal(code, 0, f"the agent's exit code after SIGTERM ({self.stage.log('agent')[-600:]})")

    def assert_ledger(self) -> None:
        """Each accepted point has exactly one fate."""
        ledger = self.status()["ledger"]

        def total(name):
            value = ledger.get(name, 0)
            return sum(value.values()) if isinstance(value, dict) else value

        fates = sum(total(name) for name in ("delivered", "queued", "merged", "rejected", "expired", "dropped"))
        equal(fates, total("accepted"), f"the ledger {ledger}")
