"""Prepares the load: OTLP request bodies for wrk, exposition pages for the scrapers.

A body has 1,000 points of 157 bytes each before compression and some ten after it; ten bodies together are 10,000 series, and
`ROUNDS` rounds of them differ in time and value. Half of the series are gauges, half monotonic cumulative sums. wrk starts
over after the last round, so a sum then falls back: every receiver sees that alike.
"""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

POINTS = 1_000
SERIES = 10_000
ROUNDS = 20
METRICS = 100  # ten points a metric: what an instrumented service sends
STEP_NANOS = 1_000_000_000


def write_bodies(folder: Path) -> dict:
    """Fills `folder` with 0.bin, 1.bin, …; returns what one body is like."""
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time_ns() - ROUNDS * STEP_NANOS
    raw = packed = number = 0
    chance = random.Random(20)
    for round_ in range(ROUNDS):
        for part in range(SERIES // POINTS):
            content = _request(part, round_, now, chance).SerializeToString()
            small = gzip.compress(content, 6)
            (folder / f"{number}.bin").write_bytes(small)
            raw, packed, number = raw + len(content), packed + len(small), number + 1
    return {"bodies": number, "raw_bytes_a_point": raw / number / POINTS, "packed_bytes_a_point": packed / number / POINTS}


def _request(part: int, round_: int, start: int, chance: random.Random):
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    _label(group.resource.attributes, "service.name", "bench-orders")
    _label(group.resource.attributes, "service.instance.id", f"instance-{part}")
    scope = group.scope_metrics.add()
    scope.scope.name = "bench"
    for metric_number in range(METRICS):
        metric = scope.metrics.add()
        metric.name = f"bench.metric.{metric_number}"
        metric.unit = "By"
        data = metric.gauge if metric_number % 2 else metric.sum
        if not metric_number % 2:
            data.is_monotonic, data.aggregation_temporality = True, 2
        for row in range(POINTS // METRICS):
            point = data.data_points.add()
            point.start_time_unix_nano = start
            point.time_unix_nano = start + (round_ + 1) * STEP_NANOS
            point.as_double = round_ * 1e6 + chance.random() * 1e6
            _label(point.attributes, "http.route", f"/api/v1/orders/{row:04}/items")
            _label(point.attributes, "k8s.pod.name", f"orders-{row % 7}-{part:04}")
            _label(point.attributes, "http.method", "GET")
            _label(point.attributes, "tenant", f"subaccount-{row:02}")
    return request


def _label(attributes, key: str, value: str) -> None:
    attribute = attributes.add()
    attribute.key = key
    attribute.value.string_value = value


def write_pages(folder: Path, pages: int, series: int) -> None:
    """Pages 0 … n-1 in Prometheus text, as a service of some size exposes them: labels, counters and gauges mixed."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in range(pages):
        lines, per_metric = [], min(100, series)
        for metric in range(max(1, series // per_metric)):
            kind = "counter" if metric % 2 else "gauge"
            name = f"bench_page_{metric}_total" if kind == "counter" else f"bench_page_{metric}_bytes"
            lines += [f"# HELP {name} A metric of the benchmark", f"# TYPE {name} {kind}"]
            lines += [
                f'{name}{{page="{page}",route="/api/v1/orders/{row:04}",method="GET",code="200"}} {row * 1.5 + metric}'
                for row in range(per_metric)
            ]
        (folder / f"{page}.txt").write_text("\n".join(lines) + "\n")
