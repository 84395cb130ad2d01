"""Scenario: a stock SAP CAP application (Node) sends its telemetry with the plug-in's own exporter settings.

Guarantees: with the recipe chosen by itself, the database pool arrives as a quota of its maximum, CPU use in percent, HTTP
durations as average and p95; traces are answered with success, so that the application's log stays free of export errors.
"""

from __future__ import annotations

import shutil

import capture
import programs
from harness import HERE, HOME, Skip, Stage, check, equal, fetch, free_port, port_is_free, program, stop, wait_for

DEFAULT_PORT = 4318
COMPLAINTS = ("OTLPExporterError", "ECONNREFUSED", "Export failed", "items to be sent")


def application(stage: Stage, endpoint: str | None):
    """Starts the application; `endpoint` only where its own default cannot be used. Returns (process, base URL)."""
    programs.check_modules("@cap-js/telemetry", "cap")
    folder = stage.folder / "cap"
    shutil.copytree(HERE / "cap", folder)
    (folder / "node_modules").symlink_to(HOME / "cap/node_modules")
    port = free_port()
    environment = {
        "cds_requires_telemetry_metrics_config_exportIntervalMillis": "2000", "NODE_ENV": "", "NO_TELEMETRY": "",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
    }
    if endpoint:
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    command = [program("node"), "node_modules/.bin/cds-serve", "all", "--in-memory", "--port", str(port)]
    process = stage.start("cap", command, environment, folder)
    base = f"http://127.0.0.1:{port}"
    stage.wait_for_page(process, f"{base}/catalog/Books", "cap", 60)
    return process, base


def use(base: str) -> None:
    equal(fetch(f"{base}/catalog/Books")[0], 200, "the application's answer")
    equal(fetch(f"{base}/catalog/Books(99)")[0], 404, "the application's answer for a book it has not")


def cap(stage: Stage) -> None:
    try:
        with_agent(stage)
    except Skip as reason:
        if "no agent" not in str(reason):
            raise
        without_agent(stage)
        raise


def without_agent(stage: Stage) -> None:
    """What the application sends, by the independent reader."""
    recorder = capture.Recorder(stage)
    process, base = application(stage, recorder.url)
    wanted = {"db.pool.borrowed", "db.pool.max", "process.cpu.utilization", "http.server.duration"}

    def names():
        use(base)
        return wanted <= {name for name, _ in capture.series(recorder.metrics())}

    wait_for(f"pushes with {sorted(wanted)}", names, 40)
    wait_for("traces, which nobody asked for", lambda: any(r.path == "/v1/traces" for r in recorder.requests))
    check(recorder.metrics()[0].chunked, "the exporter sends with a length now: this reading of it is out of date")
    stop(process)
    assert_quiet(stage)


def with_agent(stage: Stage) -> None:
    standin = stage.stand_in("--service", "shop")
    port = DEFAULT_PORT if port_is_free(DEFAULT_PORT) else free_port()
    agent = stage.agent({
        "receivers.otlp": {
            "http": f"127.0.0.1:{port}", "route": [{"match": {"service.name": "bookshop"}, "service": "shop", "recipe": "auto"}],
        },
        "services": [{"name": "shop", "service_id": standin.services["shop"]}],
    }, standin=standin).run()
    process, base = application(stage, None if port == DEFAULT_PORT else f"http://127.0.0.1:{port}")

    def quotas():
        use(base)
        return standin.rows("shop", "quota", "db.pool.borrowed")

    quota = wait_for("the pool as a quota", quotas, 60)[-1]
    check(quota["limit"] and 0 <= quota["value"] <= quota["limit"], f"the pool's quota reads {quota}")
    cpu = wait_for("CPU use", lambda: standin.rows("shop", "gauge", "process.cpu.utilization"), 30)
    check(all(row["unit"] == "%" and 0 <= row["value"] <= 400 for row in cpu), f"CPU use reads {cpu[-1]}")

    def durations():
        use(base)
        names = {row["name"] for row in standin.rows("shop", "gauge") if row["name"].startswith("http.server.")}
        return names if any(name.endswith(".p95") and name.removesuffix(".p95") in names for name in names) else None

    wait_for("HTTP durations, average and p95", durations, 40)
    stop(process)
    assert_quiet(stage)
    agent.assert_ledger()
    agent.stop()
    standin.assert_contract()


def assert_quiet(stage: Stage) -> None:
    found = [line for line in stage.log("cap").splitlines() if any(word in line for word in COMPLAINTS)]
    check(not found, f"the application complains: {found[:3]}")


STORIES = {"cap": cap}
