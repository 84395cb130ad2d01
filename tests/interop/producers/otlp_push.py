"""Known counters, gauges and histograms by the OpenTelemetry SDK for Python, pushed each second as protobuf over HTTP.

usage: otlp_push.py BASE_URL none|gzip|deflate cumulative|delta
"""

import random
import signal
import sys
import threading

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

COMPRESSION = {"none": Compression.NoCompression, "gzip": Compression.Gzip, "deflate": Compression.Deflate}


def main() -> None:
    base, compression, temporality = sys.argv[1:]
    wanted = AggregationTemporality[temporality.upper()]
    exporter = OTLPMetricExporter(
        endpoint=f"{base}/v1/metrics", compression=COMPRESSION[compression],
        preferred_temporality={Counter: wanted, Histogram: wanted},
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000)
    resource = Resource({
        "service.name": "orders-python", "service.version": "1.2.3", "service.instance.id": "one",
        "host.name": "host-1", "sap.tenancy.tenant_id": "", "build.note": "stays at home",
    })
    provider = MeterProvider([reader], resource=resource)
    meter = provider.get_meter("interop", "0.1")
    meter.create_observable_gauge(
        "queue.length", [lambda _: [Observation(42, {"queue": "inbox"}), Observation(-1.5, {"queue": "outbox"})]]
    )
    meter.create_observable_gauge("disk.utilization", [lambda _: [Observation(0.25)]], unit="1")
    orders = meter.create_counter("orders.taken", unit="{order}")
    connections = meter.create_up_down_counter("connections.open")
    duration = meter.create_histogram("checkout.duration", unit="ms")
    connections.add(5)
    connections.add(-2)
    chance, done = random.Random(7), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    while not done.wait(0.1):
        orders.add(chance.randrange(1, 100), {"channel": "web"})
        duration.record(chance.choice((3, 40, 120, 480, 900)))
    provider.shutdown()


main()
