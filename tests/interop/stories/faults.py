"""Scenario: the destination refuses, throttles, breaks, and what is watched misbehaves.

Guarantees: nothing is lost for a refusal; a refused credential is not hammered; a limit that was told is kept; a login page or
a silent target never looks healthy; and through all of it the contract holds.
"""

from __future__ import annotations

import os
import time

import pages
import programs
from harness import Stage, agent_binary, check, equal, free_port, wait_for

BAD_CREDENTIALS = {"status": 401, "body": {"error": "unauthorized", "error_description": "Bad credentials"}}
WATCHED_SECONDS = 20


def scene(stage: Stage, gauges: int = 20, push_interval: str = "5s"):
    """An agent that forwards a page of so many gauges. Returns (stand-in, agent)."""
    agent_binary()
    page = "# TYPE stock gauge\n" + "".join(f'stock{{article="{number}"}} {number}\n' for number in range(gauges))
    url = stage.serve(lambda path, headers: (200, "text/plain; version=0.0.4", page.encode()))
    standin = stage.stand_in("--service", "shop")
    source = {"name": "page", "url": f"{url}/metrics", "interval": "1s"}
    agent = stage.agent({"cloud_alm": {"push_interval": push_interval}, "services": [
        {"name": "shop", "service_id": standin.services["shop"], "max_metrics": gauges + 100, "prometheus": [source]}
    ]}, standin=standin)
    return standin, agent


def watch(seconds: float, what: str, holds) -> None:
    """Something holds all the time, not only at the end."""
    began = time.monotonic()

    def over():
        check(holds(), what)
        return time.monotonic() - began > seconds

    wait_for(what, over, seconds + 5)


def articles(standin) -> set:
    return {row["attributes"]["article"] for row in standin.rows("shop", "gauge", "stock")}


def token_refused(stage: Stage) -> None:
    """Refused: parked, few requests, nothing dropped; a touched key file ends it at once."""
    standin, agent = scene(stage)
    standin.faults(token=BAD_CREDENTIALS)
    agent.run()
    wait_for("a token request", lambda: standin.seen("tokens"))
    watch(WATCHED_SECONDS, "at most two token requests while refused", lambda: len(standin.seen("tokens")) <= 2)
    state = agent.status()
    shown = str(state).lower()
    check("parked" in shown, f"the status does not say that delivery is parked: {shown[:400]}")
    dropped = state["ledger"].get("dropped") or {}
    check(not (any(dropped.values()) if isinstance(dropped, dict) else dropped), f"points were dropped for a refusal: {dropped}")
    standin.faults(token=None)
    os.utime(standin.key_file)
    wait_for("the parked gauges", lambda: len(articles(standin)) == 20, 60)
    agent.assert_ledger()
    agent.stop()
    standin.assert_contract()


def token_revoked(stage: Stage) -> None:
    """A 401 in the middle of it: one new token, the same request again, nothing missing."""
    standin, agent = scene(stage)
    agent.run()
    wait_for("a first push", lambda: len(articles(standin)) == 20, 40)
    standin.reset()
    standin.faults(revoke=True)
    wait_for("a push with a new token", lambda: articles(standin), 40)
    equal([entry["status"] for entry in standin.seen("tokens")], [200], "the token requests after the 401")
    equal(sum(push["status"] == 401 for push in standin.received()), 1, "the pushes with the old token")
    agent.stop()
    standin.assert_contract()


def too_large(stage: Stage) -> None:
    """413: halved until it fits, every row arrives, and the size is remembered."""
    # A window long enough that its pieces fit into the request budget.
    standin, agent = scene(stage, gauges=400, push_interval="40s")
    standin.faults(push={"status": 413, "over_points": 60})
    agent.run()
    wait_for("all rows in smaller requests", lambda: len(articles(standin)) == 400, 90)
    standin.reset()
    wait_for("the next round", lambda: len(articles(standin)) == 400, 90)
    refused = sum(push["status"] == 413 for push in standin.received())
    check(refused <= 1, f"{refused} pushes of the next round were too large again: the size was not learnt")
    agent.stop()
    standin.assert_contract()


def throttled(stage: Stage) -> None:
    """429 with Retry-After: silence until then, and then everything."""
    standin, agent = scene(stage)
    standin.faults(push={"status": 429, "times": 1, "retry_after": 6})
    agent.run()
    first = wait_for("the throttled push", lambda: [push for push in standin.received() if push["status"] == 429], 40)[0]
    wait_for("the gauges afterwards", lambda: len(articles(standin)) == 20, 40)
    later = [push["at"] - first["at"] for push in standin.received() if push["at"] > first["at"] + 0.5]
    check(min(later) >= 5.9, f"a push came {min(later):.1f} s after a 429 that asked for 6 s")
    agent.stop()
    standin.assert_contract()


def unavailable(stage: Stage) -> None:
    """503 and broken connections: retried with growing pauses until it works."""
    standin, agent = scene(stage)
    standin.faults(push={"status": 503, "times": 2})
    agent.run()
    wait_for("the gauges after two refusals", lambda: len(articles(standin)) == 20, 60)
    standin.faults(push={"kind": "close", "times": 2})
    standin.reset()
    wait_for("the gauges after two broken connections", lambda: len(articles(standin)) == 20, 60)
    agent.assert_ledger()
    agent.stop()
    standin.assert_contract()


def poisoned(stage: Stage) -> None:
    """400 for one metric: it is found and buried, the others arrive."""
    agent_binary()
    page = "# TYPE stock gauge\n# TYPE poison gauge\npoison 1\n" + "".join(f'stock{{article="{n}"}} {n}\n' for n in range(30))
    url = stage.serve(lambda path, headers: (200, "text/plain; version=0.0.4", page.encode()))
    standin = stage.stand_in("--service", "shop")
    standin.faults(push={"status": 400, "metric": "poison"})
    # A window long enough that the search for the poison fits into the request budget.
    agent = stage.agent({"cloud_alm": {"push_interval": "60s"}, "services": [{
        "name": "shop", "service_id": standin.services["shop"],
        "prometheus": [{"name": "page", "url": f"{url}/metrics", "interval": "1s"}],
    }]}, standin=standin).run()
    wait_for("all but the poison", lambda: len(articles(standin)) == 30, 120)
    wait_for("the poison counted as rejected", lambda: agent.status()["ledger"]["rejected"], 30)
    agent.assert_ledger()
    agent.stop()
    standin.assert_contract()


def push_login_page(stage: Stage) -> None:
    """A gateway that answers 200 with a login page has not taken anything."""
    standin, agent = scene(stage)
    standin.faults(push={"kind": "html"})
    agent.run()
    wait_for("a push into the login page", standin.received, 40)
    watch(5, "nothing counts as delivered", lambda: not agent.status()["ledger"]["delivered"])
    agent.stop()


def dead_target(stage: Stage) -> None:
    """A page and a check that nobody serves turn critical, with the cause; a target that dies ends its gauges."""
    agent_binary()
    standin, dead = stage.stand_in("--service", "shop"), free_port()
    with Stage() as inner:
        url = programs.python_openmetrics(inner)
        agent = stage.agent({"services": [{
            "name": "shop", "service_id": standin.services["shop"], "max_metrics": 1000,
            "prometheus": [{"name": "page", "url": url, "interval": "1s"}],
            "http_check": [{"name": "front", "url": f"http://127.0.0.1:{dead}/", "interval": "1s"}],
        }]}, standin=standin).run()
        pages.get(url)
        wait_for("gauges and an ok target", lambda: rating(standin, "Target page") == "ok" and standin.rows("shop", "gauge"), 40)
        wait_for("a critical check", lambda: rating(standin, "front") == "critical", 40)
    wait_for("the target's death", lambda: rating(standin, "Target page") == "critical", 20)
    last = standin.rows("shop", "status", "Target page")[-1]
    check("refused" in last["text"].lower(), f"the text does not say why: {last['text']!r}")
    wait_for("the end of the last window", lambda: len(standin.rows("shop", "status", "Target page")) >= 3, 30)
    standin.reset()
    wait_for("the next repetition of the status", lambda: rating(standin, "Target page") == "critical", 30)
    equal(standin.rows("shop", "gauge", "pool_connections"), [], "gauges of a dead target")
    agent.stop()
    standin.assert_contract()


def rating(standin, name: str) -> str | None:
    rows = standin.rows("shop", "status", name)
    return rows[-1]["rating"] if rows else None


def login_page(stage: Stage) -> None:
    """A target that answers 200 with a login page is not healthy: it is no metrics page."""
    agent_binary()
    html = b"<!DOCTYPE html><html><body><form>Please sign in</form></body></html>"
    url = stage.serve(lambda path, headers: (200, "text/html; charset=utf-8", html))
    standin = stage.stand_in("--service", "shop")
    agent = stage.agent({"services": [{
        "name": "shop", "service_id": standin.services["shop"],
        "prometheus": [{"name": "page", "url": f"{url}/metrics", "interval": "1s"}],
    }]}, standin=standin).run()
    wait_for("a critical target", lambda: rating(standin, "Target page") == "critical", 40)
    text = standin.rows("shop", "status", "Target page")[-1]["text"].lower()
    check(any(word in text for word in ("html", "login", "not a metrics page")), f"the text does not say why: {text!r}")
    equal([row for row in standin.rows("shop", "gauge") if row["name"].startswith(("<", "html", "form"))], [], "rows out of HTML")
    agent.stop()
    standin.assert_contract()


STORIES = {
    "fault-token-refused": token_refused,
    "fault-token-revoked": token_revoked,
    "fault-413": too_large,
    "fault-429": throttled,
    "fault-503": unavailable,
    "fault-poison": poisoned,
    "fault-push-login-page": push_login_page,
    "fault-dead-target": dead_target,
    "fault-login-page": login_page,
}
