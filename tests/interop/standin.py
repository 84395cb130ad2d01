#!/usr/bin/env python3
"""An independent destination: SAP Cloud ALM's token service and inbound metrics API on loopback, from the contract alone.

It shares no line with the agent nor with the agent's sandbox. It answers like the real service as far as public sources say,
records everything it received and every rule that was broken, with its reason.

    standin.py [--service NAME]… [--key FILE] [--token-life SECONDS] [--success STATUS]

When ready it prints one line of JSON: {"url", "key_file", "services": {name: service_id}}. It ends on SIGTERM.

Its own side door, which no real service has:
    GET  /violations   broken rules: [{"rule", "reason", "request"}]
    GET  /remarks      unwise, not wrong: the same shape
    GET  /received     pushes: [{"at", "service_id", "status", "bytes", "points", "rows": [{"kind", "name", "value", …}]}]
    GET  /tokens       token requests: [{"at", "status"}]
    POST /faults       {"token": FAULT | null, "push": FAULT | null, "revoke": true, "restarted": true}; what is absent stays
    POST /reset        forgets what was recorded
A FAULT: {"kind": "status" | "html" | "close" | "partial", "status", "times", "retry_after", "body",
          "over_bytes", "over_points", "metric"}; the last three limit it to requests that are larger or contain that metric.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from contract import (
    MAX_BODY_BYTES,
    METRICS_PATH,
    Finding,
    check_headers,
    check_query,
    read_body,
)
from standin_state import CLIENT_ID, State, credentials, grant_verdict

READ_CAP = 8 * MAX_BODY_BYTES
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Please sign in</form></body></html>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "standin"
    sys_version = ""
    # Nagle's delay would show up as the agent's latency.
    disable_nagle_algorithm = True
    timeout = 60
    state: State

    def log_message(self, *_):
        """Standard output carries the ready line only."""

    def do_GET(self):
        self._route()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _route(self):
        path = urlsplit(self.path).path
        body = self._body()
        if body is None:
            return
        if path == "/oauth/token":
            self._token(body)
        elif path.startswith("/api"):
            self._push(path, body)
        elif path in ("/violations", "/remarks", "/received", "/tokens", "/faults", "/reset"):
            self._side_door(path[1:], body)
        else:
            with self.state.lock:
                self.state.record([Finding("path", f"nothing is at {path}")], f"{self.command} {self.path}")
            self._answer(404, b"<html>404 Not Found</html>", "text/html")

    def _body(self) -> bytes | None:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            pieces, total = [], 0
            while True:
                size = int(self.rfile.readline(64).split(b";")[0] or b"0", 16)
                piece = self.rfile.read(size)
                self.rfile.readline(4)
                if size == 0:
                    return b"".join(pieces)
                pieces.append(piece)
                total += size
                if total > READ_CAP:
                    return self._too_large()
        length = int(self.headers.get("Content-Length") or 0)
        return self._too_large() if length > READ_CAP else self.rfile.read(length)

    def _too_large(self) -> None:
        with self.state.lock:
            self.state.record([Finding("size", f"more than {READ_CAP} bytes")], f"{self.command} {self.path}")
        self.close_connection = True
        self._answer(413, b"")

    def _answer(self, status: int, body, kind: str = "application/json", headers: dict | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.send_header("x-correlationid", uuid.uuid4().hex)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if status not in (204, 304) and self.command != "HEAD":
            self.wfile.write(content)

    def _answer_fault(self, fault: dict) -> int:
        kind = fault.get("kind", "status")
        if kind == "close":
            self.close_connection = True
            return 0
        if kind == "html":
            self._answer(200, LOGIN_PAGE, "text/html;charset=UTF-8")
            return 200
        if kind == "partial":
            said = {"partialSuccess": {"rejectedDataPoints": str(fault.get("rejected", 1)), "errorMessage": "refused"}}
            self._answer(200, said)
            return 200
        status = fault.get("status", 503)
        headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
        default = {"error": {"code": str(status), "message": "a fault that was asked for"}}
        self._answer(status, fault.get("body", default), headers=headers)
        return status

    # --- the token service

    def _token(self, body: bytes) -> None:
        state = self.state
        with state.lock:
            findings = state.check_token_cadence()
            fault = state.fault("token")
            status, said = self._token_verdict(body, findings)
            if fault:
                status = fault.get("status", 200)
            state.token_requests.append({"at": time.time(), "status": status})
            findings += state.check_refusals()
            state.record(findings, "token request")
            if not fault and status == 200:
                said = state.issue()
        if fault:
            self._answer_fault(fault)
            return
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        if status == 401:
            detail = f'error="unauthorized", error_description="{said["error_description"]}"'
            headers["WWW-Authenticate"] = f'Basic realm="UAA/client", {detail}'
        self._answer(status, said, "application/json;charset=UTF-8", headers)

    def _token_verdict(self, body: bytes, findings: list[Finding]) -> tuple[int, dict]:
        """The answer a genuine UAA gives, row by row as it was measured on UAA 4.30."""
        if self.command != "POST":
            findings.append(Finding("token method", f"{self.command} puts the secret into logs"))
            return 405, {"error": "method_not_allowed", "error_description": "Request method not supported"}
        if urlsplit(self.path).query:
            findings.append(Finding("token query", "the token request has a query string"))
        kind = (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        form = {}
        if kind == "application/x-www-form-urlencoded":
            # '+' means a space in a form: a client that does not encode its plus sign loses it here, as at UAA.
            form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        # The genuine server looks at the credentials first: without them it never says "Missing grant type".
        client, secret, problems = credentials(self.headers, form)
        findings.extend(problems)
        if client != CLIENT_ID or not secrets.compare_digest((secret or "").encode(), self.state.secret.encode()):
            who = "the client id is damaged" if client != CLIENT_ID else "the secret is not the key's"
            findings.append(Finding("client authentication", who))
            return 401, {"error": "unauthorized", "error_description": "Bad credentials"}
        return grant_verdict(form, kind, findings)

    # --- the inbound metrics API

    def _push(self, path: str, body: bytes) -> None:
        state = self.state
        with state.lock:
            findings, reading, query = self._push_findings(path, body)
            rows = reading.rows if reading else []
            points = reading.points if reading else 0
            fault = state.fault("push", len(body), points, {row.name for row in rows})
            refused = next((f for f in findings if f.status), None)
            status = refused.status if refused else state.options.success
            if fault:
                status = {"html": 200, "partial": 200, "close": 0}.get(fault.get("kind"), fault.get("status", 503))
            state.record(findings, f"{self.command} {self.path}")
            if status in (401, 403):
                state.new_token_allowed = True
            state.received.append({
                "at": time.time(), "service_id": query.get("serviceId"), "status": status, "bytes": len(body),
                "points": points, "path": self.path, "user_agent": self.headers.get("User-Agent"),
                "violations": [f.reason for f in findings], "rows": [dataclasses.asdict(row) for row in rows],
            })
        if fault:
            self._answer_fault(fault)
        elif refused:
            self._refuse(refused)
        else:
            # No public source shows the success body, so an agent may not depend on one.
            self._answer(status, b"")

    def _push_findings(self, path: str, body: bytes):
        state = self.state
        if path != "/api" + METRICS_PATH:
            return [Finding("path", f"nothing is at {path}", 404)], None, {}
        if self.command != "POST":
            return [Finding("method", f"{self.command} is not how metrics are pushed", 405)], None, {}
        findings = state.check_bearer(self.headers.get("Authorization"))
        findings += state.check_rate()
        query, problems = check_query(urlsplit(self.path).query)
        findings += problems + check_headers(self.headers)
        known = state.services.values()
        if query.get("serviceId") and query["serviceId"] not in known:
            findings.append(Finding("service", f"{query['serviceId']} is no service of this landscape", 403))
        reading = read_body(body, time.time())
        return findings + reading.findings, reading, query

    def _refuse(self, finding: Finding) -> None:
        headers = {}
        if finding.status == 401:
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        if finding.status == 429:
            headers["Retry-After"] = "10"
        said = {"error": {"code": str(finding.status), "message": finding.reason}}
        self._answer(finding.status, said, headers=headers)

    # --- what no real service has

    def _side_door(self, what: str, body: bytes) -> None:
        state = self.state
        with state.lock:
            if what == "faults" and self.command == "POST":
                wanted = json.loads(body or b"{}")
                for door in ("token", "push"):
                    if door in wanted:
                        state.faults[door] = wanted[door]
                if wanted.get("revoke"):
                    state.tokens = dict.fromkeys(state.tokens, 0.0)
                    state.new_token_allowed = True
                if wanted.get("restarted"):
                    state.new_token_allowed = True
                said = state.faults
            elif what == "reset":
                for kept in (state.violations, state.remarks, state.received, state.token_requests):
                    kept.clear()
                said = {}
            else:
                said = {
                    "violations": state.violations, "remarks": state.remarks, "received": state.received,
                    "tokens": state.token_requests, "faults": [state.faults],
                }[what]
                said = list(said)
            content = json.dumps(said).encode()
        self._answer(200, content)


def write_key(path: str, state: State) -> None:
    """The service key, in the shape that the cockpit downloads, readable by its owner only."""
    key = {
        "endpoints": {"Api": f"{state.url}/api"},
        "uaa": {
            "clientid": CLIENT_ID, "clientsecret": state.secret, "url": state.url, "credential-type": "binding-secret",
            "identityzone": "interop", "tenantmode": "shared", "xsappname": CLIENT_ID.removeprefix("sb-"),
        },
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(key, file, indent=2)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        problem = sys.exc_info()[1]
        if not isinstance(problem, (ConnectionError, TimeoutError)):
            print(f"standin: {type(problem).__name__}: {problem}", file=sys.stderr)


def options_from(arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--service", action="append", default=[], help="a managed service's name; may be repeated")
    parser.add_argument("--key", help="where the service key goes (default: a new temporary file)")
    parser.add_argument("--token-life", type=float, default=43199, help="seconds")
    parser.add_argument("--success", type=int, default=200, help="the status of a push that is taken")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(arguments)
    options.service = options.service or ["orders"]
    return options


def start(options) -> tuple[Server, State]:
    server = Server(("127.0.0.1", options.port), Handler)
    state = State(options, f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("BoundHandler", (Handler,), {"state": state})
    return server, state


def main() -> int:
    options = options_from(None)
    server, state = start(options)
    key = options.key or os.path.join(tempfile.mkdtemp(prefix="standin-"), "service-key.json")
    write_key(key, state)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
    print(json.dumps({"url": state.url, "key_file": key, "services": state.services}), flush=True)
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
