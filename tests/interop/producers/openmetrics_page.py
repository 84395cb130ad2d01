"""A page by Python's prometheus_client with all that OpenMetrics has: exemplars, info, state set, units, NaN, target info.

usage: openmetrics_page.py PORT
"""

import math
import signal
import sys
import threading

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, start_http_server


def fill(registry: CollectorRegistry) -> None:
    registry.set_target_info({"service": "orders", "note": 'a "quoted"\nline'})
    orders = Counter("orders", "Orders taken", ["channel"], registry=registry)
    orders.labels("web").inc(12, exemplar={"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})
    orders.labels("phone").inc(3)
    Gauge("pool", "Connections borrowed", unit="connections", registry=registry).set(4)
    temperature = Gauge("temperature", "By room", ["room"], unit="celsius", registry=registry)
    temperature.labels("cellar").set(-3.25)
    temperature.labels("roof").set(math.nan)
    temperature.labels("void").set(-math.inf)
    Gauge("cache_hit_ratio", "Share of hits", registry=registry).set(0.875)
    latency = Histogram("latency", "Seconds a request", unit="seconds", buckets=(0.1, 0.5, 1), registry=registry)
    for seconds in (0.05, 0.3, 0.7, 4.0):
        latency.observe(seconds, exemplar={"span_id": "00f067aa0ba902b7"})
    Summary("payload", "Bytes a request", unit="bytes", registry=registry).observe(512)
    Info("build", "What runs here", registry=registry).info({"version": "1.2.3", "path": "C:\\app"})
    Enum("mode", "Mode of the shop", states=["open", "closed", "maintenance"], registry=registry).state("open")


def main() -> None:
    registry = CollectorRegistry(auto_describe=True)
    fill(registry)
    server, _ = start_http_server(int(sys.argv[1]), addr="127.0.0.1", registry=registry)
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    done.wait()
    server.shutdown()


main()
