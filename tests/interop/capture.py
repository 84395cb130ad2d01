"""Stands between an OTLP sender and the agent: keeps the request bytes, passes them on as they came, returns the answer.

Without an agent behind it, it answers success itself. What was kept is decoded by `opentelemetry-proto`, a reader that
neither the sender nor the agent shares.
"""

from __future__ import annotations

import gzip
import http.client
import threading
import time
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from harness import Failure, Stage


@dataclass
class Request:
    path: str
    headers: dict
    raw: bytes
    chunked: bool
    status: int = 0
    answer: bytes = b""
    at: float = field(default_factory=time.time)

    def body(self) -> bytes:
        coding = self.headers.get("content-encoding", "identity")
        if coding == "gzip":
            return gzip.decompress(self.raw)
        if coding == "deflate":  # the zlib wrapper, as HTTP means it
            return zlib.decompress(self.raw)
        return self.raw

    def decode(self):
        """The ExportMetricsServiceRequest in it."""
        from google.protobuf import json_format
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        if "json" in self.headers.get("content-type", ""):
            return json_format.Parse(self.body(), ExportMetricsServiceRequest(), ignore_unknown_fields=True)
        return ExportMetricsServiceRequest.FromString(self.body())


class Recorder:
    """A recording relay on a port of its own; `upstream` may be set at any time."""

    def __init__(self, stage: Stage, upstream: str | None = None):
        self.upstream = upstream
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                recorder.take(self)

            def log_message(self, *_):
                """Quiet."""

        self.url = stage.serve_with(Handler)

    def take(self, handler) -> None:
        chunked = "chunked" in (handler.headers.get("Transfer-Encoding") or "").lower()
        raw = _chunks(handler.rfile) if chunked else handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in handler.headers.items()}
        request = Request(handler.path, headers, raw, chunked)
        kind = headers.get("content-type", "application/json")
        if self.upstream:
            self._pass_on(request)
        else:
            request.status, request.answer = 200, b"{}" if "json" in kind else b""
        with self.lock:
            self.requests.append(request)
        handler.send_response(request.status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(request.answer)))
        handler.end_headers()
        handler.wfile.write(request.answer)

    def _pass_on(self, request: Request) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=20)
        dropped = ("host", "content-length", "transfer-encoding", "connection")
        headers = {key: value for key, value in request.headers.items() if key not in dropped}
        content = iter([request.raw[:10], request.raw[10:]]) if request.chunked else request.raw
        try:
            connection.request("POST", request.path, content, headers, encode_chunked=request.chunked)
            answer = connection.getresponse()
            request.status, request.answer = answer.status, answer.read()
        except OSError as problem:
            request.status, request.answer = 503, str(problem).encode()
        finally:
            connection.close()

    def metrics(self) -> list[Request]:
        with self.lock:
            return [request for request in self.requests if request.path == "/v1/metrics"]

    def assert_all_taken(self) -> None:
        refused = [request for request in self.requests if request.status != 200]
        if refused:
            first = refused[0]
            raise Failure(f"{len(refused)} of {len(self.requests)} pushes refused, first {first.status} {first.answer[:200]!r}")


def _chunks(stream) -> bytes:
    pieces = []
    while size := int(stream.readline().split(b";")[0], 16):
        pieces.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(pieces)


@dataclass
class Point:
    """One decoded data point. `start` and `time` in seconds; a histogram has `count`, `sum`, `counts` and `bounds`."""

    start: float
    time: float
    value: float | None = None
    count: int = 0
    sum: float = 0.0
    counts: list = field(default_factory=list)
    bounds: list = field(default_factory=list)


@dataclass
class Series:
    kind: str
    unit: str
    cumulative: bool
    resource: dict
    points: list


def _plain(attributes) -> dict:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in attributes}


def series(requests) -> dict:
    """{(metric name, frozenset of attributes): Series} over all requests, points in the order of their time."""
    found: dict = {}
    for request in requests:
        for resource_metrics in request.decode().resource_metrics:
            resource = _plain(resource_metrics.resource.attributes)
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    _collect(found, metric, resource)
    for one in found.values():
        one.points.sort(key=lambda point: point.time)
    return found


def _collect(found: dict, metric, resource: dict) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    cumulative = getattr(data, "aggregation_temporality", 2) == 2
    if kind == "sum" and not data.is_monotonic:
        kind = "updown"
    for point in data.data_points:
        key = metric.name, frozenset((k, str(v)) for k, v in _plain(point.attributes).items())
        one = found.setdefault(key, Series(kind, metric.unit, cumulative, resource, []))
        read = Point(point.start_time_unix_nano / 1e9, point.time_unix_nano / 1e9)
        if kind == "histogram":
            read.count, read.sum = point.count, point.sum
            read.counts, read.bounds = list(point.bucket_counts), list(point.explicit_bounds)
        else:
            read.value = float(getattr(point, point.WhichOneof("value")))
        one.points.append(read)
