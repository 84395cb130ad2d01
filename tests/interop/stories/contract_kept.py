"""Scenario: for forty seconds the agent serves several services at once: pages, checks that pass and fail, and OTLP load.

Guarantees: the independent destination finds not one broken rule of the contract; each service gets its status and its data;
one token is fetched; the ledger balances.
"""

from __future__ import annotations

import time

import pages
import programs
from harness import Stage, agent_binary, check, equal, free_port, program, wait_for
from stories import otlp

SECONDS = 40
NAMES = ("shop", "stock", "billing", "portal", "quiet")


def contract(stage: Stage) -> None:
    agent_binary()
    standin = stage.stand_in(*(word for name in NAMES for word in ("--service", name)))
    metrics = programs.python_openmetrics(stage)
    node = programs.node_exporter(stage)
    fine = stage.serve(lambda path, headers: (200, "application/json", b'{"status":"UP"}'))
    broken = stage.serve(lambda path, headers: (503, "application/json", b'{"status":"DOWN"}'))
    port, dead = free_port(), free_port()

    def service(name, **sources):
        return {"name": name, "service_id": standin.services[name], "max_metrics": 1000, **sources}

    agent = stage.agent({
        "receivers.otlp": {
            "http": f"127.0.0.1:{port}",
            "route": [{"match": {"service.name": "orders-*"}, "service": "shop", "recipe": "auto"}],
        },
        "services": [
            service("shop"),
            service("stock", prometheus=[{"name": "page", "url": metrics, "interval": "2s"}]),
            service("billing", prometheus=[{"name": "node", "url": node, "interval": "2s", "recipe": "node"}]),
            service("portal", http_check=[
                {"name": "front", "url": f"{fine}/health", "interval": "1s"},
                {"name": "back", "url": f"{broken}/health", "interval": "1s", "essential": True},
            ]),
            service("quiet", prometheus=[{"name": "gone", "url": f"http://127.0.0.1:{dead}/metrics", "interval": "2s"}]),
        ],
    }, standin=standin).run()
    pages.get(metrics)
    otlp.python_sender("gzip", "cumulative")(stage, f"http://127.0.0.1:{port}")
    generate(stage, port)
    began = time.monotonic()
    wait_for("forty seconds to pass", lambda: time.monotonic() - began > SECONDS, SECONDS + 5)
    check_services(standin)
    agent.assert_ledger()
    agent.stop()
    standin.assert_contract()
    equal([entry["status"] for entry in standin.seen("tokens")], [200], "the token requests")


def generate(stage: Stage, port: int) -> None:
    """A stock load generator beside the SDK: a second application of the same service."""
    command = [
        program("telemetrygen"), "metrics", "--otlp-http", "--otlp-insecure", f"--otlp-endpoint=127.0.0.1:{port}", "--rate=50",
        f"--duration={SECONDS - 5}s", "--metric-type=Sum", "--service=orders-generator",
    ]
    stage.start("telemetrygen", command)


def check_services(standin) -> None:
    def latest(service: str, name: str) -> dict:
        return wait_for(f"the status {name!r} of {service}", lambda: standin.rows(service, "status", name), 10)[-1]

    equal(latest("portal", "front")["rating"], "ok", "the rating of a check that passes")
    equal(latest("portal", "back")["rating"], "fatal", "the rating of an essential check that fails")
    equal(latest("portal", "Service health")["rating"], "fatal", "the roll-up of a service whose essential check fails")
    equal(latest("stock", "Target page")["rating"], "ok", "the rating of a page that answers")
    equal(latest("quiet", "Target gone")["rating"], "critical", "the rating of a page that nobody serves")
    check(latest("quiet", "Target gone")["text"], "a status has a sentence")
    for service in ("shop", "stock", "billing"):
        wait_for(f"gauges of {service}", lambda service=service: standin.rows(service, "gauge"), 10)
    ours = {push["user_agent"] for push in standin.received()}
    check(all((agent or "").startswith("calm-agent/") for agent in ours), f"the pushes' user agents are {ours}")


STORIES = {"contract": contract}
