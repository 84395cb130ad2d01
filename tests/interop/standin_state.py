"""What the stand-in remembers, and its judgement of tokens: who asks, how often, and with what.

The table of answers is that of a genuine Cloud Foundry UAA 4.30, measured; when a token is fetched and for how long it is used
follows SAP BTP's best practices for access tokens.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import uuid
from collections import deque
from urllib.parse import unquote_to_bytes

from contract import MAX_REQUESTS_PER_MINUTE, Finding

CLIENT_ID = "sb-agent!b1|sapcloudalm!b77"
SCOPES = ["sapcloudalm!b77.calm-api.metrics.write", "sapcloudalm!b77.calm-api.hm.write", "uaa.resource"]
REFUSED_TOKEN_REQUESTS_PER_HOUR = 12
KEPT = 20_000


class State:
    """Everything that is remembered; each method is called under `lock`."""

    def __init__(self, options, url: str):
        self.lock = threading.RLock()
        self.options = options
        self.url = url
        # Characters that a careless client damages: a plus, an equals sign, a dollar, a slash, a space's look-alike.
        self.secret = f"$/{secrets.token_urlsafe(24)}+=%2B"
        self.services = {name: str(uuid.uuid4()) for name in options.service}
        self.tokens: dict[str, float] = {}
        self.new_token_allowed = True
        self.violations: deque = deque(maxlen=KEPT)
        self.remarks: deque = deque(maxlen=KEPT)
        self.received: deque = deque(maxlen=KEPT)
        self.token_requests: deque = deque(maxlen=KEPT)
        self.push_times: deque = deque()
        self.faults: dict = {"token": None, "push": None}

    def record(self, findings: list[Finding], request: str) -> None:
        for finding in findings:
            entry = {"rule": finding.rule, "reason": finding.reason, "request": request, "at": time.time()}
            (self.remarks if finding.remark else self.violations).append(entry)

    def fault(self, door: str, size: int = 0, points: int = 0, names=()) -> dict | None:
        fault = self.faults[door]
        if not fault:
            return None
        limited = [fault[key] for key in ("over_bytes", "over_points", "metric") if key in fault]
        if limited and not (
            size > fault.get("over_bytes", size) or points > fault.get("over_points", points) or fault.get("metric") in names
        ):
            return None
        if "times" in fault:
            if fault["times"] <= 0:
                self.faults[door] = None
                return None
            fault["times"] -= 1
        return fault

    def issue(self) -> dict:
        life = self.options.token_life
        now = time.time()
        claims = {
            "scope": SCOPES, "authorities": SCOPES, "cid": CLIENT_ID, "client_id": CLIENT_ID, "zid": str(uuid.UUID(int=7)),
            "grant_type": "client_credentials", "iat": int(now), "exp": int(now + life), "jti": uuid.uuid4().hex,
            "ext_attr": {"zdn": "interop", "enhancer": "XSUAA"},
        }
        token = ".".join([_segment({"alg": "none", "typ": "JWT"}), _segment(claims), secrets.token_urlsafe(16)])
        self.tokens[token] = now
        self.new_token_allowed = False
        return {
            "access_token": token, "token_type": "bearer", "expires_in": int(life), "scope": " ".join(SCOPES),
            "jti": claims["jti"],
        }

    def check_token_cadence(self) -> list[Finding]:
        """A token is used until about half of its life; a new one sooner is right only after a 401 or 403, or a restart."""
        if self.new_token_allowed or not self.tokens:
            return []
        age = time.time() - max(self.tokens.values())
        if age >= 0.4 * self.options.token_life:
            return []
        return [Finding("token cadence", f"a new token though the last is {age:.1f} s of {self.options.token_life} s old")]

    def check_refusals(self) -> list[Finding]:
        """A credential that is refused is not hammered."""
        since = time.time() - 3600
        refused = sum(1 for one in self.token_requests if one["at"] > since and one["status"] in (400, 401, 403))
        if refused <= REFUSED_TOKEN_REQUESTS_PER_HOUR:
            return []
        return [Finding("token cadence", f"{refused} refused token requests within an hour")]

    def check_bearer(self, header: str | None) -> list[Finding]:
        scheme, _, token = (header or "").partition(" ")
        if scheme != "Bearer" or not token:
            return [Finding("authorization", "no bearer token", 401)]
        issued = self.tokens.get(token)
        if issued is None:
            return [Finding("authorization", "a token that was never issued here", 401)]
        age = time.time() - issued
        if issued == 0:
            return [Finding("revoked", "a token that was revoked", 401, remark=True)]
        if age > self.options.token_life:
            return [Finding("authorization", f"a token {age - self.options.token_life:.1f} s past its life", 401)]
        if age > 0.75 * self.options.token_life and not self.faults["token"]:
            return [Finding("token cadence", f"a token used to {age / self.options.token_life:.0%} of its life")]
        return []

    def check_rate(self) -> list[Finding]:
        now = time.monotonic()
        while self.push_times and now - self.push_times[0] > 60:
            self.push_times.popleft()
        self.push_times.append(now)
        if len(self.push_times) <= MAX_REQUESTS_PER_MINUTE:
            return []
        return [Finding("rate", f"{len(self.push_times)} requests within 60 s, {MAX_REQUESTS_PER_MINUTE} are allowed", 429)]


def _segment(thing: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(thing).encode()).rstrip(b"=").decode()


def credentials(headers, form: dict) -> tuple[str | None, str | None, list[Finding]]:
    """Client id and secret, from the form or from Basic as UAA reads it: decoded only when the client says it encoded them."""
    findings = []
    scheme, _, rest = (headers.get("Authorization") or "").partition(" ")
    client, secret = form.get("client_id"), form.get("client_secret")
    if scheme.lower() != "basic":
        return client, secret, findings
    if secret is not None:
        findings.append(Finding("client authentication", "the secret stands in the form and in the header"))
    try:
        name, _, word = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        return None, None, [Finding("client authentication", "the Basic header is not base64")]
    if (headers.get("X-CF-ENCODED-CREDENTIALS") or "").lower() == "true":
        name, word = (unquote_to_bytes(part.replace("+", " ")).decode(errors="replace") for part in (name, word))
    return name, word, findings


def grant_verdict(form: dict, kind: str, findings: list[Finding]) -> tuple[int, dict]:
    """What a client that is known may have."""
    grant, scope = form.get("grant_type"), form.get("scope", "")
    if not grant:
        findings.append(Finding("grant_type", f"no grant_type in a body of {kind!r}"))
        return 400, {"error": "invalid_request", "error_description": "Missing grant type"}
    if grant != "client_credentials":
        findings.append(Finding("grant_type", f"{grant!r} is not client_credentials"))
        return 400, {"error": "unsupported_grant_type", "error_description": f"Unsupported grant type: {grant}"}
    if scope:
        findings.append(Finding("scope", f"the scope parameter is to be left out, not {scope!r}"))
    unknown = [one for one in scope.split() if one not in SCOPES]
    if unknown:
        description = f"Invalid scope: {' '.join(unknown)}"
        return 400, {"error": "invalid_scope", "error_description": description, "scope": " ".join(SCOPES)}
    return 200, {}
