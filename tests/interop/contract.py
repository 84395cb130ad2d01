"""What SAP Cloud ALM's inbound metrics API takes, as pure checks over one request.

Written from public material alone: the command "Custom Metrics" of SAP's TechEd 2025 sample XP267, the Automation Pilot
example "scc-connection-status", the OTLP specification, and for the limits a community blog of July 2026. It shares
nothing with the agent, so that a misunderstanding of the agent cannot hide here. What those sources do not show is refused:
a key no sample sends is a violation even where OTLP would allow it.

Promises: every check reads its arguments only; a finding says which rule was broken and where. It never talks to a network.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

MAX_BODY_BYTES = 1_000_000
MAX_POINTS = 5_000
MAX_AGE_SECONDS = 24 * 3600
MAX_AHEAD_SECONDS = 3600
MAX_REQUESTS_PER_MINUTE = 100
MAX_STATUS_TEXT = 500
METRICS_PATH = "/calm-metrics/v1/metrics"

TYPE = "sap.calm.hm.metric.type"
RATING = "sap.calm.hm.metric.rating"
QUOTA = "sap.calm.hm.quota"
RATINGS = {"ok", "warning", "critical", "error", "fatal", "info"}

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
DIGITS = re.compile(r"[0-9]{1,20}")
SCALARS = {"stringValue": str, "boolValue": bool, "doubleValue": (int, float), "intValue": str}
UNSUPPORTED = ("sum", "histogram", "exponentialHistogram", "summary")


@dataclass
class Finding:
    """One broken rule. `status` is the answer such a request gets; None: taken, yet wrong. A remark is unwise, not wrong."""

    rule: str
    reason: str
    status: int | None = None
    remark: bool = False


@dataclass
class Row:
    """One row as Health Monitoring would show it: a gauge's value, a status's rating and text, a quota's value and limit."""

    kind: str
    name: str
    value: float
    unit: str = ""
    text: str = ""
    rating: str | None = None
    limit: float | None = None
    attributes: dict = field(default_factory=dict)
    resource: dict = field(default_factory=dict)
    time: float | None = None


class Reading:
    """What was found in one body: its rows, its number of points, and every broken rule."""

    def __init__(self, now: float):
        self.now = now
        self.rows: list[Row] = []
        self.points = 0
        self.findings: list[Finding] = []
        self._seen: set = set()

    def broken(self, rule: str, reason: str, status: int | None = 400) -> None:
        self.findings.append(Finding(rule, reason, status))

    def remark(self, rule: str, reason: str) -> None:
        self.findings.append(Finding(rule, reason, None, remark=True))

    def once(self, identity) -> bool:
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def check_query(query: str) -> tuple[dict, list[Finding]]:
    """The query string of a push: `useCase=hm`, one `serviceId`, perhaps `dev`."""
    pairs = parse_qsl(query, keep_blank_values=True)
    said = dict(pairs)
    findings = []
    for key in said:
        if sum(1 for k, _ in pairs if k == key) > 1:
            findings.append(Finding("query", f"{key} is given more than once", 400))
        if key not in ("useCase", "serviceId", "dev"):
            findings.append(Finding("query", f"no sample sends the parameter {key}", 400))
    if said.get("useCase") != "hm":
        findings.append(Finding("query", f"useCase is {said.get('useCase')!r}, not 'hm'", 400))
    service = said.get("serviceId")
    if not service:
        findings.append(Finding("query", "A required parameter is missing : serviceId", 428))
    elif not GUID.fullmatch(service):
        findings.append(Finding("query", f"serviceId {service!r} is not a GUID: one service a request", 400))
    if said.get("dev", "false") not in ("true", "false"):
        findings.append(Finding("query", f"dev is {said['dev']!r}", 400))
    return said, findings


def check_headers(headers) -> list[Finding]:
    """The headers that say how to read the body. `headers` is a case-insensitive mapping."""
    findings = []
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        findings.append(Finding("content-type", f"Content-Type is {kind!r}, only application/json is proven", 415))
    coding = headers.get("Content-Encoding")
    if coding and coding.lower() != "identity":
        findings.append(Finding("content-encoding", f"Content-Encoding {coding!r} is not known to be taken", 415))
    return findings


def read_body(body: bytes, now: float) -> Reading:
    """Reads a push's body as SAP's three samples write it, and says everything that is not so."""
    reading = Reading(now)
    if len(body) > MAX_BODY_BYTES:
        reading.broken("size", f"{len(body)} bytes are more than {MAX_BODY_BYTES}", 413)
        return reading
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except (UnicodeDecodeError, ValueError) as problem:
        reading.broken("json", str(problem))
        return reading
    if not isinstance(document, dict):
        reading.broken("json", "the body is not an object")
        return reading
    _only(reading, document, "the body", {"resourceMetrics"})
    for resource_metrics in _list(reading, document, "resourceMetrics", "the body"):
        _read_resource(reading, resource_metrics)
    if reading.points > MAX_POINTS:
        reading.broken("points", f"{reading.points} points are more than {MAX_POINTS}", 413)
    if reading.points == 0 and not reading.findings:
        reading.broken("empty", "a request without a single data point")
    return reading


def _no_constant(name: str):
    raise ValueError(f"{name} is not a JSON number")


def _no_doubles(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {key!r} stands twice in one object")
    return dict(pairs)


def _only(reading: Reading, thing: dict, where: str, allowed: set) -> None:
    for key in thing:
        if key not in allowed:
            reading.broken("unknown key", f"{where} has the key {key!r}")


def _list(reading: Reading, thing: dict, key: str, where: str) -> list:
    value = thing.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        reading.broken("shape", f"{where} needs a list of objects under {key!r}")
        return []
    return value


def _text(reading: Reading, thing: dict, key: str, where: str) -> str:
    value = thing.get(key, "")
    if not isinstance(value, str):
        reading.broken("shape", f"{key} of {where} is not a string")
        return ""
    return value


def _read_resource(reading: Reading, thing: dict) -> None:
    _only(reading, thing, "a resourceMetrics entry", {"resource", "scopeMetrics", "schemaUrl"})
    resource = thing.get("resource", {})
    if not isinstance(resource, dict):
        reading.broken("shape", "resource is not an object")
        resource = {}
    _only(reading, resource, "a resource", {"attributes"})
    attributes = _attributes(reading, resource, "a resource")
    for scope_metrics in _list(reading, thing, "scopeMetrics", "a resourceMetrics entry"):
        _only(reading, scope_metrics, "a scopeMetrics entry", {"scope", "metrics", "schemaUrl"})
        scope = scope_metrics.get("scope", {})
        if isinstance(scope, dict):
            _only(reading, scope, "a scope", {"name", "version"})
        else:
            reading.broken("shape", "scope is not an object")
        for metric in _list(reading, scope_metrics, "metrics", "a scopeMetrics entry"):
            _read_metric(reading, metric, attributes)


def _attributes(reading: Reading, thing: dict, where: str) -> dict:
    found: dict = {}
    if "attributes" not in thing:
        return found
    for attribute in _list(reading, thing, "attributes", where):
        _only(reading, attribute, f"an attribute of {where}", {"key", "value"})
        key, value = attribute.get("key"), attribute.get("value")
        if not isinstance(key, str) or not key:
            reading.broken("attribute", f"an attribute of {where} has no key")
            continue
        if key in found:
            reading.broken("attribute", f"the attribute {key!r} of {where} is given twice")
        found[key] = _value(reading, value, f"the attribute {key!r} of {where}")
    return found


def _value(reading: Reading, value, where: str):
    if not isinstance(value, dict) or len(value) != 1:
        reading.broken("attribute", f"{where} has not exactly one value")
        return None
    (kind, content), = value.items()
    wanted = SCALARS.get(kind)
    if wanted is None:
        reading.broken("attribute", f"{where} is a {kind}: not a plain value")
        return None
    boolean = isinstance(content, bool)
    if not isinstance(content, wanted) or boolean != (kind == "boolValue"):
        reading.broken("attribute", f"{where} is no {kind}: {content!r}")
    return content


def _read_metric(reading: Reading, metric: dict, resource: dict) -> None:
    name = _text(reading, metric, "name", "a metric")
    where = f"metric {name!r}"
    if not name.strip():
        reading.broken("name", "a metric has no name")
    for kind in UNSUPPORTED:
        if kind in metric:
            reading.broken("gauge only", f"{where} is a {kind}; only gauges are supported")
    _only(reading, metric, where, {"name", "unit", "description", "gauge", *UNSUPPORTED})
    unit = _text(reading, metric, "unit", where)
    text = _text(reading, metric, "description", where)
    gauge = metric.get("gauge")
    if not isinstance(gauge, dict):
        if not any(kind in metric for kind in UNSUPPORTED):
            reading.broken("gauge only", f"{where} has no gauge")
        return
    _only(reading, gauge, f"the gauge of {where}", {"dataPoints"})
    points = [_read_point(reading, point, where) for point in _list(reading, gauge, "dataPoints", where)]
    if not points:
        reading.broken("shape", f"{where} has no data point")
        return
    _read_kind(reading, Row("gauge", name, 0.0, unit, text, resource=resource), points)


def _read_point(reading: Reading, point: dict, where: str) -> tuple:
    reading.points += 1
    _only(reading, point, f"a point of {where}", {"asDouble", "asInt", "timeUnixNano", "startTimeUnixNano", "attributes"})
    value = point.get("asDouble")
    if "asInt" in point:
        reading.broken("asDouble", f"{where} is sent as asInt; SAP's samples send asDouble only")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        reading.broken("asDouble", f"asDouble of {where} is {value!r}, not a number")
    elif not math.isfinite(value):
        reading.broken("asDouble", f"asDouble of {where} is not finite")
    time = None
    for key in ("timeUnixNano", "startTimeUnixNano"):
        if key in point:
            stamp = _time(reading, point[key], key, where)
            time = stamp if key == "timeUnixNano" else time
    number = float(value) if isinstance(value, (int, float)) else math.nan
    return number, time, _attributes(reading, point, f"a point of {where}")


def _time(reading: Reading, said, key: str, where: str) -> float | None:
    if not isinstance(said, str) or not DIGITS.fullmatch(said):
        reading.broken("time", f"{key} of {where} is {said!r}: a 64-bit integer is a string of digits in OTLP/JSON")
        return None
    seconds = int(said) / 1e9
    if key == "timeUnixNano":
        age = reading.now - seconds
        if age > MAX_AGE_SECONDS:
            reading.broken("age", f"a point of {where} is {age / 3600:.1f} h old")
        elif -age > MAX_AHEAD_SECONDS:
            reading.broken("age", f"a point of {where} is {-age / 3600:.1f} h ahead")
    return seconds


def _read_kind(reading: Reading, row: Row, points: list) -> None:
    kinds = {attributes.get(TYPE) for _, _, attributes in points} - {None}
    quota_parts = [attributes.get(QUOTA) for _, _, attributes in points]
    if kinds == {"status"}:
        _read_status(reading, row, points)
    elif kinds == {"quota"} or any(quota_parts):
        _read_quota(reading, row, points)
    elif kinds:
        reading.broken("kind", f"{row.name!r} says {TYPE} = {sorted(map(str, kinds))}")
    else:
        for value, time, attributes in points:
            if RATING in attributes:
                reading.broken("kind", f"{row.name!r} has a rating without a type")
            _add(reading, row, value, time, attributes)


def _read_status(reading: Reading, row: Row, points: list) -> None:
    row.kind = "status"
    if len(points) != 1:
        reading.broken("status", f"the status {row.name!r} has {len(points)} points, not one")
    value, time, attributes = points[0]
    if value != 1:
        reading.broken("status", f"the status {row.name!r} has the value {value}, not 1")
    row.rating = _rating(reading, row.name, attributes)
    if not row.text.strip():
        reading.broken("status", f"the status {row.name!r} has no description, which is its text")
    if len(row.text) > MAX_STATUS_TEXT:
        reading.broken("status", f"the text of the status {row.name!r} has {len(row.text)} characters", None)
    if set("<>&\"") & set(row.text):
        reading.remark("status", f"the text of the status {row.name!r} will show escaped HTML: {row.text!r}")
    _add(reading, row, value, time, attributes)


def _read_quota(reading: Reading, row: Row, points: list) -> None:
    row.kind = "quota"
    parts: dict = {}
    for value, time, attributes in points:
        part = attributes.get(QUOTA)
        if attributes.get(TYPE) == "quota":
            part = "rating" if part is None else f"both type and {part}"
        if part in parts:
            reading.broken("quota", f"the quota {row.name!r} has its part {part!r} twice: one entry a row")
        parts[part] = (value, time, attributes)
    if set(parts) != {"rating", "limit", "value"}:
        reading.broken("quota", f"the quota {row.name!r} has the parts {sorted(map(str, parts))}, not rating, limit, value")
        return
    value, _, attributes = parts["rating"]
    if value != 0:
        reading.broken("quota", f"the rating point of the quota {row.name!r} has the value {value}, not 0")
    row.rating = _rating(reading, row.name, attributes)
    if not row.unit:
        reading.broken("quota", f"the quota {row.name!r} has no unit")
    labels = [{k: v for k, v in a.items() if k not in (TYPE, RATING, QUOTA)} for _, _, a in parts.values()]
    if labels[0] != labels[1] or labels[1] != labels[2]:
        reading.broken("quota", f"the three points of the quota {row.name!r} differ in their attributes")
    row.limit = parts["limit"][0]
    used, time, _ = parts["value"]
    _add(reading, row, used, time, attributes)


def _rating(reading: Reading, name: str, attributes: dict) -> str | None:
    rating = attributes.get(RATING)
    if rating not in RATINGS:
        reading.broken("rating", f"{name!r} has the rating {rating!r}, not one of {sorted(RATINGS)}")
    return rating


def _add(reading: Reading, row: Row, value: float, time: float | None, attributes: dict) -> None:
    labels = {key: said for key, said in attributes.items() if key not in (TYPE, RATING, QUOTA)}
    identity = (row.kind, row.name, json.dumps(row.resource, sort_keys=True), json.dumps(labels, sort_keys=True), time)
    if not reading.once(identity):
        reading.broken("twice", f"the row {row.name!r} {labels} stands twice in one request at the same time", None)
    reading.rows.append(
        Row(row.kind, row.name, value, row.unit, row.text, row.rating, row.limit, labels, row.resource, time)
    )
