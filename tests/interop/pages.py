"""Exposition pages read by `prometheus_client`'s own parsers, as plain samples: the second opinion on the agent's reading."""

from __future__ import annotations

import gzip
import math
import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from harness import Stage, fetch

ACCEPT = (
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
NAME = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*", re.M)


@dataclass(frozen=True)
class Sample:
    """One sample; NaN is written as a word so that equal samples compare equal."""

    name: str
    labels: frozenset
    value: object
    type: str
    unit: str
    timestamp: float | None

    def key(self):
        return self.name, self.labels


@dataclass
class Page:
    content_type: str
    body: bytes
    samples: list


class Relay:
    """Stands between a scraper and a program and keeps every page that passes: what was read can then be compared exactly,
    however much it moves. Request and response headers pass unchanged."""

    def __init__(self, stage: Stage, url: str):
        self.upstream = url
        self.served: list = []
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                relay.serve(self)

            def log_message(self, *_):
                """Quiet."""

        self.url = f"{stage.serve_with(Handler)}/metrics"

    def serve(self, handler) -> None:
        dropped = ("host", "connection")
        wanted = {key: value for key, value in handler.headers.items() if key.lower() not in dropped}
        status, headers, body = fetch(self.upstream, headers=wanted)
        handler.send_response(status)
        for key in ("Content-Type", "Content-Encoding"):
            if headers.get(key):
                handler.send_header(key, headers[key])
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        self.served.append(Page(headers.get("Content-Type", ""), plain, []))

    def pages(self) -> list:
        """The pages that passed so far, read independently."""
        for page in self.served:
            page.samples = page.samples or read(page.content_type, page.body)
        return list(self.served)


def number(value):
    """A float, or the words that JSON needs for what is none."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return value


def get(url: str) -> Page:
    """Fetches a page as a scraper asks for it, and reads it."""
    status, headers, body = fetch(url, headers={"Accept": ACCEPT})
    if status != 200:
        raise ValueError(f"{url} answered {status}")
    content_type = headers.get("Content-Type", "")
    return Page(content_type, body, read(content_type, body))


def read(content_type: str, body: bytes) -> list:
    """The parser is chosen by the content type alone, as Prometheus does."""
    from prometheus_client.openmetrics import parser as openmetrics
    from prometheus_client import parser as text

    chosen = openmetrics if content_type.startswith("application/openmetrics-text") else text
    page = body.decode()
    written = set(NAME.findall(page))
    found = []
    for family in chosen.text_string_to_metric_families(page):
        for sample in family.samples:
            name = sample.name
            # The text parser adds `_total` to counters that are exposed without it; the page's own name is wanted.
            if family.type == "counter" and name not in written:
                name = name.removesuffix("_total")
            stamp = None if sample.timestamp is None else float(sample.timestamp)
            labels = frozenset(sample.labels.items())
            found.append(Sample(name, labels, number(sample.value), family.type, family.unit or "", stamp))
    return found


def from_agent(lines: bytes) -> list:
    """What `calm-agent parse` printed, in the same form."""
    import json

    found = []
    for line in lines.decode().splitlines():
        said = json.loads(line)
        kind = "unknown" if said["type"] in (None, "untyped") else said["type"]
        value = said["value"] if isinstance(said["value"], str) else float(said["value"])
        stamp = said["timestamp"]
        labels = frozenset(said["labels"].items())
        found.append(Sample(said["name"], labels, value, kind, said["unit"] or "", None if stamp is None else float(stamp)))
    return found


def difference(found: list, wanted: list) -> str:
    """Empty when both hold the same samples, in whatever order; else the first few that differ."""
    from collections import Counter

    have, want = Counter(found), Counter(wanted)
    lines = [f"missing {_shown(sample)}" for sample in (want - have)]
    lines += [f"unexpected {_shown(sample)}" for sample in (have - want)]
    return f"{len(lines)} differences: " + "; ".join(sorted(lines)[:6]) if lines else ""


def _shown(sample: Sample) -> str:
    labels = ",".join(f"{key}={value!r}" for key, value in sorted(sample.labels))
    return f"{sample.name}{{{labels}}} {sample.value} ({sample.type}, unit {sample.unit!r}, at {sample.timestamp})"
