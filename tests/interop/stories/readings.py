"""Scenario: the stand-in and the agent's own sandbox are asked the same, good and bad.

Guarantees: two readings of the same public sources, made apart, take and refuse the same requests with the same status. Where
they differ, one of them is wrong or the sources are silent; either way somebody has to look.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

from contract import MAX_POINTS, QUOTA, RATING, TYPE
from harness import Stage, agent_binary, check, equal, fetch


# Which refusal it is, and which of the 2xx a success, no public source says; that it is one must agree.
SILENT = {"a foreign service"}


def attributes(**said) -> list:
    return [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]


def labelled(pairs: dict) -> list:
    return [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]


def nanos(offset: float = 0) -> str:
    return str(int((time.time() + offset) * 1e9))


def gauge(name: str = "memory", **point) -> dict:
    return {"name": name, "unit": "mb", "gauge": {"dataPoints": [{"asDouble": 2048.5, "timeUnixNano": nanos(), **point}]}}


def status(rating: str = "critical", value: float = 1) -> dict:
    point = {"asDouble": value, "attributes": labelled({TYPE: "status", RATING: rating})}
    return {"name": "shop front", "description": "does not answer", "gauge": {"dataPoints": [point]}}


def quota(parts=("rating", "limit", "value")) -> dict:
    points = {
        "rating": {"asDouble": 0, "attributes": labelled({TYPE: "quota", RATING: "ok"})},
        "limit": {"asDouble": 100, "attributes": labelled({QUOTA: "limit"})},
        "value": {"asDouble": 40, "attributes": labelled({QUOTA: "value"})},
    }
    return {"name": "pool", "unit": "each", "gauge": {"dataPoints": [points[part] for part in parts]}}


def body(*metrics) -> bytes:
    document = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": list(metrics)}]}]}
    return json.dumps(document, separators=(",", ":")).encode()


def bodies() -> dict:
    """Content by what is said of it."""
    return {
        "a gauge": body(gauge()),
        "a gauge with labels": body(gauge(attributes=attributes(host="a"))),
        "a status": body(status()),
        "a quota": body(quota()),
        "all three": body(gauge(), status("ok"), quota()),
        "no time": body({"name": "memory", "gauge": {"dataPoints": [{"asDouble": 1}]}}),
        "23 h old": body(gauge(timeUnixNano=nanos(-23 * 3600))),
        "25 h old": body(gauge(timeUnixNano=nanos(-25 * 3600))),
        "50 min ahead": body(gauge(timeUnixNano=nanos(50 * 60))),
        "70 min ahead": body(gauge(timeUnixNano=nanos(70 * 60))),
        "a sum": body({"name": "a", "sum": {"dataPoints": [{"asDouble": 1}]}}),
        "a histogram": body({"name": "a", "histogram": {"dataPoints": []}}),
        "a rating there is none of": body(status("red")),
        "a point too many": body(*[{"name": f"m{n}", "gauge": {"dataPoints": [{"asDouble": 1}]}} for n in range(MAX_POINTS + 1)]),
        "a byte too many": body(gauge()) + b" " * 1_000_001,
        "no JSON": b"{",
        "NaN": body(gauge()).replace(b"2048.5", b"NaN"),
    }


def asked(url: str, token: str, service: str, other: str) -> dict:
    """The status of each request at one of the two; `other` is a second service of the landscape."""
    base = f"{url}/calm-metrics/v1/metrics"
    query = {"useCase": "hm", "serviceId": service}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def push(content, query=query, headers=headers, base=base, method="POST"):
        return fetch(f"{base}?{urlencode(query)}", content, headers, method)[0]

    # What the consumer behind the API finds, it says in dev mode only: without it a 2xx means "accepted", not "shown".
    found = {name: push(content, query={**query, "dev": "true"}) for name, content in bodies().items()}
    # To a service of its own, for a sandbox may have room for so many rows and no more.
    most = body(*[{"name": f"m{n}", "gauge": {"dataPoints": [{"asDouble": 1}]}} for n in range(MAX_POINTS)])
    found["as many points as allowed"] = push(most, query={**query, "serviceId": other, "dev": "true"})
    good = body(status())
    found["no token"] = push(good, headers={"Content-Type": "application/json"})
    found["a foreign token"] = push(good, headers={**headers, "Authorization": "Bearer nonsense"})
    found["no serviceId"] = push(good, query={"useCase": "hm"})
    found["no useCase"] = push(good, query={"serviceId": service})
    foreign = {**query, "serviceId": "0f2c6a3e-0000-4000-8000-000000000001", "dev": "true"}
    found["a foreign service"] = push(good, query=foreign)
    found["gzip"] = push(good, headers={**headers, "Content-Encoding": "gzip"})
    found["plain text"] = push(good, headers={**headers, "Content-Type": "text/plain"})
    found["/api twice"] = push(good, base=base.replace("/api/", "/api/api/"))
    found["PUT"] = push(good, method="PUT")
    return found


def token_of(key_file: Path) -> tuple[str, str]:
    key = json.loads(key_file.read_text())
    form = {"grant_type": "client_credentials", "client_id": key["uaa"]["clientid"], "client_secret": key["uaa"]["clientsecret"]}
    code, _, said = fetch(f"{key['uaa']['url']}/oauth/token", urlencode(form).encode())
    equal(code, 200, "the token request")
    return key["endpoints"]["Api"], json.loads(said)["access_token"]


def two_readings(stage: Stage) -> None:
    binary, standin = agent_binary(), stage.stand_in("--service", "orders", "--service", "billing")
    process = stage.start(
        "agent", [binary, "sandbox", "--dir", stage.folder / "sandbox", "--output", "json"], stdout=subprocess.PIPE, text=True
    )
    landscape = json.loads(process.stdout.readline())
    ours = asked(*token_of(standin.key_file), *standin.services.values())
    services = [service["service_id"] for service in landscape["services"][:2]]
    theirs = asked(*token_of(Path(landscape["service_key_file"])), *services)
    differing = [
        f"{name}: stand-in {ours[name]}, sandbox {theirs[name]}"
        for name in ours
        if ours[name] != theirs[name] and not (name in SILENT or ours[name] // 100 == 2) or ours[name] // 100 != theirs[name] // 100
    ]
    check(not differing, f"{len(differing)} of {len(ours)} requests are answered differently: " + "; ".join(differing))


STORIES = {"contract-two-readings": two_readings}
