"""Scenario: applications with stock OpenTelemetry SDKs push known metrics to the agent's OTLP/HTTP port.

Guarantees: what arrives at the destination equals what `opentelemetry-proto` decodes from the very bytes that were pushed:
a gauge its value, a counter its rate over the points' own times, a histogram its average under the bare name and its p95
within the bucket it belongs to; names, point attributes and the resource's identity go along, empty and private ones do not.
"""

from __future__ import annotations

import sys
from itertools import combinations

import capture
import programs
from harness import HERE, Failure, Skip, Stage, check, equal, free_port, near, program, stop, wait_for

NAMES = ("queue.length", "disk.utilization", "orders.taken", "connections.open", "checkout.duration")
ARRIVING = ("queue.length", "disk.utilization", "orders.taken.rate", "connections.open", "checkout.duration", "checkout.duration.p95")
RATE_TOLERANCE = 1e-6


def python_sender(compression: str, temporality: str):
    def start(stage: Stage, url: str):
        command = [sys.executable, HERE / "producers/otlp_push.py", url, compression, temporality]
        return stage.start("sender", command)

    return start


def node_sender(form: str, compression: str):
    def start(stage: Stage, url: str):
        programs.check_modules("@opentelemetry/sdk-metrics", "node")
        command = [program("node"), HERE / "producers/otlp_push.js", url, form, compression]
        return stage.start("sender", command, programs.MODULES)

    return start


def through(middle):
    """The Python SDK, by way of a collector that batches and encodes anew."""

    def start(stage: Stage, url: str):
        process, entry = middle(stage, url)
        # A GET is refused there, but it is an answer.
        stage.wait_for_page(process, entry, "the collector in the middle")
        return python_sender("gzip", "cumulative")(stage, entry.removesuffix("/v1/metrics"))

    return start


def story(start, temporality: str, headers: dict):
    def tell(stage: Stage) -> None:
        recorder = capture.Recorder(stage)
        try:
            standin, agent = receiving_agent(stage, recorder)
        except Skip as reason:
            standin, missing = None, reason
        sender = start(stage, recorder.url)
        wait_for("three pushes", lambda: len(recorder.metrics()) >= 3)
        if standin:
            await_rows(standin)
        stop(sender)
        recorder.assert_all_taken()
        check_capture(recorder, temporality, headers)
        if not standin:
            raise missing
        agent.assert_ledger()
        agent.stop()
        compare(standin, capture.series(recorder.metrics()))
        standin.assert_contract()

    return tell


def receiving_agent(stage: Stage, recorder: capture.Recorder):
    standin, port = stage.stand_in("--service", "orders"), free_port()
    route = {"match": {"service.name": "orders-*"}, "service": "orders", "recipe": "none"}
    agent = stage.agent({
        "receivers.otlp": {"http": f"127.0.0.1:{port}", "route": [route]},
        "services": [{"name": "orders", "service_id": standin.services["orders"]}],
    }, standin=standin).run()
    recorder.upstream = f"http://127.0.0.1:{port}"
    return standin, agent


def await_rows(standin) -> None:
    for name in ARRIVING:
        wait_for(f"rows of {name}", lambda name=name: len(standin.rows("orders", "gauge", name)) >= 2, 45)


def check_capture(recorder: capture.Recorder, temporality: str, headers: dict) -> None:
    """The sender did what the story is about, and the independent reader understands it."""
    request = recorder.metrics()[0]
    for key, wanted in headers.items():
        equal(request.headers.get(key, ""), wanted, f"the sender's {key}")
    found = capture.series(recorder.metrics())
    equal({name for name, _ in found}, set(NAMES), "the metrics that were pushed")
    equal(found["queue.length", frozenset({("queue", "inbox")})].points[-1].value, 42.0, "queue.length as decoded")
    orders = found["orders.taken", frozenset({("channel", "web")})]
    equal(orders.cumulative, temporality == "cumulative", "the counter is cumulative")
    equal(found["connections.open", frozenset()].points[-1].value, 3.0, "connections.open as decoded")


def compare(standin, pushed: dict) -> None:
    for row in standin.rows("orders", "gauge"):
        labels = frozenset((key, str(value)) for key, value in row["attributes"].items())
        check_resource(row["resource"], next(iter(pushed.values())).resource)
        base = row["name"].removesuffix(".rate").removesuffix(".p95")
        one = pushed.get((base, labels)) or pushed.get((row["name"], labels))
        if one is None:
            suffix = row["name"].rpartition(".")[2]
            check(suffix in ("count_rate", "min", "max", "p50", "p90", "p99"), f"nobody pushed {row['name']!r} {dict(labels)}")
            continue
        compare_row(row, one)


def compare_row(row: dict, one: capture.Series) -> None:
    name, value = row["name"], row["value"]
    if one.kind == "sum":
        check(name.endswith(".rate"), f"the counter arrived as {name!r}")
        check(value >= 0, f"{name} is {value}: a rate is never negative")
        candidates = [total / seconds for total, seconds in increases(one)]
        closest(name, value, candidates)
        check(row["unit"].endswith("/s"), f"{name} has the unit {row['unit']!r}")
    elif one.kind == "histogram" and name.endswith(".p95"):
        spans = [bucket_of(window, 0.95) for window in windows(one)]
        check(any(low <= value <= high for low, high in spans), f"{name} is {value}, in none of the buckets {spans}")
    elif one.kind == "histogram":
        closest(name, value, [window.sum / window.count for window in windows(one)])
        equal(row["unit"], "ms", f"the unit of {name}")
    elif name == "disk.utilization":
        near(value, 25.0, name)
        equal(row["unit"], "%", f"the unit of {name}")
    else:
        check(value in {point.value for point in one.points}, f"{name} is {value}, which nobody pushed")


def closest(name: str, value: float, candidates: list) -> None:
    best = min(candidates, key=lambda candidate: abs(candidate - value), default=float("nan"))
    try:
        near(value, best, f"{name} over any window of what was pushed", RATE_TOLERANCE)
    except Failure as problem:
        raise Failure(f"{problem} ({len(candidates)} windows)") from None


def increases(one: capture.Series):
    """(increase, seconds) over every window that begins and ends at a point, or begins at the stream's start."""
    points = one.points
    if one.cumulative:
        marks = [(points[0].start, 0.0)] + [(point.time, point.value) for point in points]
        for (began, low), (ended, high) in combinations(marks, 2):
            if ended > began:
                yield high - low, ended - began
        return
    for first in range(len(points)):
        total = 0.0
        for last in range(first, len(points)):
            total += points[last].value
            yield total, points[last].time - points[first].start


def windows(one: capture.Series) -> list:
    """The histogram of every window, as `increases` has them."""
    points, found = one.points, []
    if one.cumulative:
        empty = capture.Point(points[0].start, points[0].start, counts=[0] * len(points[0].counts), bounds=points[0].bounds)
        for early, late in combinations([empty, *points], 2):
            counts = [b - a for a, b in zip(early.counts, late.counts)]
            found.append(capture.Point(early.time, late.time, None, late.count - early.count, late.sum - early.sum, counts, late.bounds))
    else:
        for first in range(len(points)):
            for last in range(first, len(points)):
                part = points[first : last + 1]
                counts = [sum(column) for column in zip(*(point.counts for point in part))]
                count, total = sum(point.count for point in part), sum(point.sum for point in part)
                found.append(capture.Point(part[0].start, part[-1].time, None, count, total, counts, part[0].bounds))
    return [window for window in found if window.count > 0]


def bucket_of(window: capture.Point, share: float) -> tuple:
    """The bounds between which the quantile lies."""
    rank, seen = share * window.count, 0
    edges = [0.0, *window.bounds, max(window.bounds) if window.bounds else 0.0]
    for index, count in enumerate(window.counts):
        seen += count
        if seen >= rank:
            low = min(edges[index], edges[index + 1]) if index else 0.0
            return low, max(edges[index + 1], edges[index])
    return edges[-2], edges[-1]


def check_resource(arrived: dict, pushed: dict) -> None:
    for key in ("service.name", "service.version", "service.instance.id", "host.name"):
        equal(arrived.get(key), pushed[key], f"the resource's {key}")
    check("build.note" not in arrived, "a resource attribute outside the allow-list went out")
    check("sap.tenancy.tenant_id" not in arrived, "an empty resource attribute went out")


PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}

STORIES = {
    "otlp-python-plain-cumulative": story(python_sender("none", "cumulative"), "cumulative", PROTOBUF),
    "otlp-python-gzip-cumulative": story(
        python_sender("gzip", "cumulative"), "cumulative", {**PROTOBUF, "content-encoding": "gzip"}
    ),
    "otlp-python-deflate-delta": story(python_sender("deflate", "delta"), "delta", {**PROTOBUF, "content-encoding": "deflate"}),
    "otlp-python-gzip-delta": story(python_sender("gzip", "delta"), "delta", {**PROTOBUF, "content-encoding": "gzip"}),
    "otlp-node-json": story(node_sender("json", "none"), "cumulative", JSON),
    "otlp-node-json-gzip": story(node_sender("json", "gzip"), "cumulative", {**JSON, "content-encoding": "gzip"}),
    "otlp-through-rotel": story(through(programs.rotel), "cumulative", PROTOBUF),
    "otlp-through-collector": story(through(programs.collector), "cumulative", PROTOBUF),
    "otlp-node-protobuf": story(node_sender("protobuf", "none"), "cumulative", PROTOBUF),
}
