"""Scenario: the agent's token client against a genuine Cloud Foundry UAA, from which SAP BTP's token service derives.

Guarantees: a key with awkward characters signs in; each way a key can be wrong ends with exit code 77 and its cause; and each
row of the table below holds for the genuine server and for the sandbox's token service alike.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from harness import HERE, Failure, Skip, Stage, agent_binary, check, equal, fetch, free_port

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
BAD_CREDENTIALS = {"error": "unauthorized", "error_description": "Bad credentials"}
JSON_KIND = "application/json;charset=UTF-8"


@dataclass
class Who:
    """Whom a token service knows."""

    base: str
    client: str
    secret: str
    user: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        return f"{self.base}/oauth/token"


GENUINE = {"client": "sb-agent!b1|sapcloudalm!b77", "secret": "s3cret$kQ+z/Zp=x", "user": "admin", "password": "corr3ct horse"}


@dataclass
class Answer:
    status: int
    headers: object
    body: bytes

    def said(self) -> dict:
        return json.loads(self.body)


def form(who: Who, headers: dict | None = None, **fields) -> Answer:
    content = {"grant_type": "client_credentials", "client_id": who.client, "client_secret": who.secret, **fields}
    content = {key: value for key, value in content.items() if value is not None}
    return Answer(*fetch(who.url, urlencode(content).encode(), {**FORM, **(headers or {})}))


def basic_header(name: str, secret: str) -> dict:
    word = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {word}", "Accept": "application/json"}


def basic(who: Who, name: str, secret: str) -> Answer:
    return form(who, basic_header(name, secret), client_id=None, client_secret=None)


def json_with_basic(who: Who) -> Answer:
    headers = {"Content-Type": "application/json", **basic_header(who.client, who.secret)}
    return Answer(*fetch(who.url, b'{"grant_type":"client_credentials"}', headers))


def json_alone(who: Who) -> Answer:
    content = {"grant_type": "client_credentials", "client_id": who.client, "client_secret": who.secret}
    return Answer(*fetch(who.url, json.dumps(content).encode(), {"Content-Type": "application/json"}))


def got(who: Who) -> Answer:
    query = urlencode({"grant_type": "client_credentials", "client_id": who.client, "client_secret": who.secret})
    return Answer(*fetch(f"{who.url}?{query}", headers={"Accept": "application/json"}))


def as_user(who: Who, **fields) -> Answer:
    """As the command line client signs a person in: client `cf`, empty secret, in the Basic header."""
    content = urlencode({"grant_type": "password", "username": who.user, "password": who.password, **fields}).encode()
    return Answer(*fetch(who.url, content, {**FORM, **basic_header("cf", "")}))


def is_token(answer: Answer) -> None:
    equal(answer.status, 200, "status")
    equal(answer.headers["Content-Type"], JSON_KIND, "content type")
    said = answer.said()
    equal(said["token_type"].lower(), "bearer", "token_type")
    check(isinstance(said["expires_in"], int) and said["expires_in"] > 0, f"expires_in is {said['expires_in']!r}")
    check(isinstance(said["scope"], str) and said["jti"], "scope is one string, and there is a jti")
    middle = said["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    check(isinstance(claims["scope"], list), "the token's scope is a list")


def is_service_token(answer: Answer) -> None:
    is_token(answer)
    scopes = answer.said()["scope"].split()
    for wanted in ("calm-api.metrics.write", "calm-api.hm.write"):
        check(any(scope.endswith(wanted) for scope in scopes), f"the token lacks {wanted}: {scopes}")


def is_refusal(status: int, **wanted):
    def judge(answer: Answer) -> None:
        equal(answer.status, status, "status")
        equal(answer.headers["Content-Type"], JSON_KIND, "content type")
        said = answer.said()
        for key, value in wanted.items():
            equal(said.get(key), value, key)
        if status == 401 and wanted == BAD_CREDENTIALS:
            realm = 'Basic realm="UAA/client", error="unauthorized", error_description="Bad credentials"'
            equal(answer.headers["WWW-Authenticate"], realm, "WWW-Authenticate")

    return judge


def is_scope_refusal(answer: Answer) -> None:
    is_refusal(400, error="invalid_scope", error_description="Invalid scope: foo.bar")(answer)
    check("scope" in answer.said(), "the refusal names the scopes there are")


def is_one_of(*statuses):
    def judge(answer: Answer) -> None:
        check(answer.status in statuses, f"status: found {answer.status}, wanted one of {statuses}")

    return judge


def bad_credentials(answer: Answer) -> None:
    is_refusal(401, **BAD_CREDENTIALS)(answer)


def not_encoded(who: Who) -> Answer:
    content = f"grant_type=client_credentials&client_id={quote(who.client)}&client_secret={who.secret}"
    return Answer(*fetch(who.url, content.encode(), FORM))


def refreshed_badly(who: Who) -> Answer:
    content = urlencode({"grant_type": "refresh_token", "refresh_token": "not-a-token"}).encode()
    return Answer(*fetch(who.url, content, {**FORM, **basic_header("cf", "")}))


def is_bad_refresh(answer: Answer) -> None:
    equal(answer.status, 401, "status")
    equal(answer.said()["error"], "invalid_token", "error")
    check(answer.headers["WWW-Authenticate"].startswith("Bearer "), "WWW-Authenticate is a Bearer challenge")


CLIENT_ROWS = {
    "form, both encoded": (form, is_service_token),
    "Basic, raw": (lambda who: basic(who, who.client, who.secret), is_service_token),
    "Basic, encoded": (lambda who: basic(who, quote(who.client, safe=""), quote(who.secret, safe="")), bad_credentials),
    "form, wrong secret": (lambda who: form(who, client_secret="wrong"), bad_credentials),
    "form, unknown client": (lambda who: form(who, client_id="nobody"), bad_credentials),
    "form, no credentials": (lambda who: form(who, client_id=None, client_secret=None), bad_credentials),
    "Basic, wrong secret": (lambda who: basic(who, who.client, "wrong"), bad_credentials),
    "no grant_type": (
        lambda who: form(who, grant_type=None),
        is_refusal(400, error="invalid_request", error_description="Missing grant type"),
    ),
    "a JSON body beside Basic": (json_with_basic, is_refusal(400, error="invalid_request", error_description="Missing grant type")),
    # Not a form, so nothing in it is read, and there is nobody to answer.
    "a JSON body with the credentials in it": (json_alone, is_refusal(401, error="unauthorized")),
    "no grant_type and no credentials": (
        lambda who: form(who, grant_type=None, client_id=None, client_secret=None), is_refusal(401, error="unauthorized"),
    ),
    "a grant there is none of": (
        lambda who: form(who, grant_type="foo"),
        is_refusal(400, error="unsupported_grant_type", error_description="Unsupported grant type: foo"),
    ),
    "a scope it has": (lambda who: form(who, scope=form(who).said()["scope"].split()[0]), is_token),
    "form and Basic alike": (lambda who: form(who, basic_header(who.client, who.secret)), is_service_token),
    "form right, Basic wrong": (lambda who: form(who, basic_header(who.client, "wrong")), bad_credentials),
    "a scope it has not": (lambda who: form(who, scope="foo.bar"), is_scope_refusal),
    # UAA 4.30 takes GET with a Basic header, later ones refuse the method: either is genuine.
    "GET with Basic": (
        lambda who: Answer(*fetch(f"{who.url}?grant_type=client_credentials", headers=basic_header(who.client, who.secret))),
        is_one_of(200, 405),
    ),
    "GET with the credentials in the query": (got, is_one_of(401, 405)),
}

# Only tells something when the secret has a character that a form reads otherwise.
DAMAGED_ROW = {"form, secret not encoded": (not_encoded, bad_credentials)}

USER_ROWS = {
    "password": (as_user, is_token),
    "password with an origin": (lambda who: as_user(who, login_hint='{"origin":"uaa"}'), is_token),
    "wrong password": (lambda who: as_user(who, password="wrong"), lambda answer: equal(answer.status, 401, "status")),
    "bad refresh token": (refreshed_badly, is_bad_refresh),
}


def rows_for(who: Who) -> dict:
    rows = dict(CLIENT_ROWS) if who.client else {}
    if who.client and set("+%&") & set(who.secret):
        rows |= DAMAGED_ROW
    if who.user:
        rows |= USER_ROWS
    return rows


def judge(who: Who) -> list[tuple[str, str]]:
    """(row, what is wrong with it) for each row; empty text where it holds."""
    verdicts = []
    for name, (ask, holds) in rows_for(who).items():
        try:
            holds(ask(who))
            verdicts.append((name, ""))
        except (Failure, KeyError, ValueError, TypeError, IndexError, AttributeError, OSError) as problem:
            verdicts.append((name, f"{type(problem).__name__}: {problem}"))
    return verdicts


def assert_table(who: Who) -> None:
    wrong = [f"{name}: {problem}" for name, problem in judge(who) if problem]
    check(not wrong, f"{len(wrong)} rows differ from what was measured: " + "; ".join(wrong))


@cache
def genuine() -> Who:
    """The genuine UAA: $CALM_UAA_URL where one runs already, else started once for all stories of this run."""
    running = os.environ.get("CALM_UAA_URL")
    if running:
        return Who(running, **GENUINE)
    atexit.register(subprocess.run, [HERE / "uaa", "stop"], check=False)
    started = subprocess.run(
        [HERE / "uaa", "start", str(free_port())], stdout=subprocess.PIPE, text=True, timeout=300, check=False
    )
    if started.returncode:
        raise Skip("the UAA did not start: tests/interop/install uaa")
    return Who(started.stdout.strip(), **GENUINE)


def table(_stage: Stage) -> None:
    """The measured table is what the genuine server answers: otherwise the comparison below means nothing."""
    assert_table(genuine())


def sandbox(stage: Stage) -> None:
    """The sandbox's two token services, row by row."""
    binary = agent_binary()
    process = stage.start(
        "agent", [binary, "sandbox", "--dir", stage.folder / "sandbox", "--output", "json"], stdout=subprocess.PIPE, text=True
    )
    landscape = json.loads(process.stdout.readline())
    key = json.loads(Path(landscape["service_key_file"]).read_text())["uaa"]
    assert_table(Who(landscape["uaa"], key["clientid"], key["clientsecret"]))
    if landscape["cf_uaa"]:
        assert_table(Who(landscape["cf_uaa"], "", "", landscape["user"], landscape["password"]))


def key_test(stage: Stage) -> None:
    """`key test` with the right key, and with each way a key can be wrong."""
    agent_binary()
    who, page = genuine(), stage.serve(lambda path, headers: (404, "text/html", b"<html>Zone not found</html>"))
    dead = f"http://127.0.0.1:{free_port()}"
    right = {"clientid": who.client, "clientsecret": who.secret, "url": who.base}
    cases = {
        "the right key": (right, (0,), ""),
        "a wrong secret": ({**right, "clientsecret": "wrong"}, (77,), "Bad credentials"),
        "a damaged secret": ({**right, "clientsecret": who.secret.replace("+", " ")}, (77,), "Bad credentials"),
        "an unknown client": ({**right, "clientid": "nobody"}, (77,), "Bad credentials"),
        "a client id cut at the bar": ({**right, "clientid": who.client.partition("|")[0]}, (77,), "Bad credentials"),
        "a page of a zone that is not there": ({**right, "url": page}, (69, 77), "404"),
        "nobody at home": ({**right, "url": dead}, (69,), ""),
    }
    for name, (uaa, codes, cause) in cases.items():
        file = stage.folder / "service-key.json"
        file.write_text(json.dumps({"endpoints": {"Api": f"{page}/api"}, "uaa": uaa}))
        file.chmod(0o600)
        agent = stage.agent({"cloud_alm": {"service_key_file": str(file)}})
        code, out, said = agent.command("key", "test")
        told = out.decode() + said
        check(code in codes, f"`key test` with {name} ended with {code}, not {codes}: {told[-500:]}")
        check(cause in told, f"`key test` with {name} does not tell the cause {cause!r}: {told[-500:]}")
        check(uaa["clientsecret"] not in told or name == "a wrong secret", f"`key test` with {name} prints the secret")


def compare(url: str) -> int:
    """For `run --uaa-table URL`. Whom the service knows comes from $UAA_CLIENT, $UAA_SECRET, $UAA_USER, $UAA_PASSWORD, or from
    the service key $UAA_KEY; without any, the clients of `tests/interop/uaa`."""
    known = dict(GENUINE)
    if os.environ.get("UAA_KEY"):
        key = json.loads(Path(os.environ["UAA_KEY"]).read_text())["uaa"]
        known = {"client": key["clientid"], "secret": key["clientsecret"], "user": None, "password": None}
    known |= {name: os.environ[f"UAA_{name.upper()}"] for name in known if f"UAA_{name.upper()}" in os.environ}
    verdicts = judge(Who(url.rstrip("/"), **known))
    for name, problem in verdicts:
        print(f"{'differs' if problem else 'same   '}  {name}{': ' + problem if problem else ''}")
    differing = sum(1 for _, problem in verdicts if problem)
    print(f"{len(verdicts) - differing} passed, {differing} failed")
    return 1 if differing else 0


STORIES = {"uaa-table": table, "uaa-sandbox": sandbox, "uaa-key-test": key_test}
