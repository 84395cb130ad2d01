"""Scenario: the agent reads the pages of programs that nobody here wrote.

Guarantees: (a) `calm-agent parse -` reads from the same bytes what Python's `prometheus_client` reads, sample by sample;
(b) what a running agent forwards of a page arrives with its name, its labels and its value, and nothing that is no number.
"""

from __future__ import annotations

import math
import subprocess

import pages
import programs
from harness import Failure, Stage, agent_binary, check, wait_for

# Types whose samples Health Monitoring gets as they stand; everything else is derived first.
PLAIN = ("gauge", "unknown")
# A page's own `job` and `instance` may be moved aside by a scraper that has labels of that name itself.
MOVED = {"exported_job": "job", "exported_instance": "instance"}


def parse(page: pages.Page, name: str) -> None:
    done = subprocess.run(
        [agent_binary(), "parse", "--content-type", page.content_type, "-"], input=page.body, capture_output=True, timeout=60,
        check=False,
    )
    check(done.returncode == 0, f"`parse` of {name} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    problem = pages.difference(pages.from_agent(done.stdout), page.samples)
    check(not problem, f"{name} as {page.content_type}: {problem}")


def expected(sample: pages.Sample) -> tuple[float, str | None]:
    """Value and unit on the wire: shares are shown in percent, everything else is left alone."""
    if sample.name.endswith(("utilization", "ratio")) and sample.unit in ("", "1", "ratio"):
        return sample.value * 100, "%"
    return sample.value, None


def exposed(served: list) -> dict:
    """The plain numbers that stood on every page that was read: by name and labels, the samples with all their values."""
    found: dict = {}
    for page in served:
        for sample in page.samples:
            if sample.type in PLAIN and isinstance(sample.value, float):
                found.setdefault(without_empty(sample.key()), []).append(sample)
    return {key: samples for key, samples in found.items() if len(samples) == len(served)}


def key_of(row: dict) -> tuple:
    return row["name"], frozenset((MOVED.get(key, key), str(value)) for key, value in row["attributes"].items())


def without_empty(key: tuple) -> tuple:
    """An empty label is the same as none, in Prometheus as on the wire."""
    return key[0], frozenset((name, value) for name, value in key[1] if value)


def forward(stage: Stage, url: str, name: str) -> None:
    standin, relay = stage.stand_in("--service", "orders"), pages.Relay(stage, url)
    source = {"name": name, "url": relay.url, "interval": "1s"}
    agent = stage.agent({"services": [
        {"name": "orders", "service_id": standin.services["orders"], "max_metrics": 5000, "prometheus": [source]}
    ]}, standin=standin).run()

    wait_for("a first push of gauges", lambda: standin.rows("orders", "gauge"), 40)
    wait_for("the target's status", lambda: standin.rows("orders", "status", f"Target {name}"), 40)
    latest = {key_of(row): row for row in standin.rows("orders", "gauge")}
    agent.stop()
    compare(latest, exposed(relay.pages()), name)
    standin.assert_contract()


def compare(latest: dict, wanted: dict, name: str) -> None:
    problems = []
    for key, samples in wanted.items():
        row = latest.get(key)
        if row is None:
            problems.append(f"{key[0]} {dict(key[1])} did not arrive")
            continue
        values = {expected(sample)[0] for sample in samples}
        if not any(math.isclose(row["value"], value, rel_tol=1e-12) for value in values):
            problems.append(f"{key[0]} {dict(key[1])} arrived as {row['value']}, the pages said {sorted(values)[:5]}")
        unit = expected(samples[0])[1]
        if unit and row["unit"] != unit:
            problems.append(f"{key[0]} has the unit {row['unit']!r}, not {unit!r}")
    if problems:
        raise Failure(f"{name}: {len(problems)} faults in {len(wanted)} gauges: " + "; ".join(problems[:5]))
    check(wanted, f"{name}: not one gauge to compare")


def tell(stage: Stage, name: str, url: str, wanted: str = "", content: str = "text/plain") -> None:
    """Fetch, read independently, then let the agent parse and forward the same page."""
    page = pages.get(url)
    check(page.content_type.startswith(content), f"{name} answered {page.content_type!r}")
    check(page.samples, f"{name} exposes nothing")
    check(wanted.encode() in page.body, f"{name} does not show what it was started for: {wanted!r}")
    parse(page, name)
    forward(stage, url, name)


def node_exporter(stage: Stage) -> None:
    tell(stage, "node_exporter", programs.node_exporter(stage), "node_filesystem_avail_bytes")


def prometheus(stage: Stage) -> None:
    tell(stage, "prometheus", programs.prometheus(stage), "prometheus_tsdb_head_series")


def federation(stage: Stage) -> None:
    """Explicit timestamps, no types, and the `up`, `job` and `instance` of someone else's scrape."""
    tell(stage, "federation", programs.federation(stage, programs.prometheus(stage)), 'job="prometheus"')


def blackbox(stage: Stage) -> None:
    tell(stage, "blackbox", programs.blackbox(stage)[0], "probe_success 1")


def blackbox_down(stage: Stage) -> None:
    """A failed probe is a good page that says `probe_success 0`."""
    tell(stage, "blackbox-down", programs.blackbox(stage)[1], "probe_success 0")


def nginx(stage: Stage) -> None:
    tell(stage, "nginx", programs.nginx_exporter(stage), "nginx_up 1")


def haproxy(stage: Stage) -> None:
    tell(stage, "haproxy", programs.haproxy(stage), "NaN")


def pushgateway(stage: Stage) -> None:
    tell(stage, "pushgateway", programs.pushgateway(stage), 'job="nightly"')


def python_openmetrics(stage: Stage) -> None:
    url = programs.python_openmetrics(stage)
    tell(stage, "python", url, "# UNIT temperature_celsius celsius", "application/openmetrics-text")


def node_openmetrics(stage: Stage) -> None:
    tell(stage, "prom-client", programs.node_prom_client(stage), "# EOF", "application/openmetrics-text")


STORIES = {
    "scrape-node-exporter": node_exporter,
    "scrape-prometheus": prometheus,
    "scrape-federation": federation,
    "scrape-blackbox": blackbox,
    "scrape-blackbox-down": blackbox_down,
    "scrape-nginx": nginx,
    "scrape-haproxy": haproxy,
    "scrape-pushgateway": pushgateway,
    "scrape-python-openmetrics": python_openmetrics,
    "scrape-node-openmetrics": node_openmetrics,
}
