"""The stand-in itself, tried with good and bad requests made by hand: `python3 -m unittest test_standin` in this folder."""

import base64
import http.client
import json
import math
import os
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from contract import MAX_POINTS, QUOTA, RATING, TYPE, check_query, read_body

HERE = Path(__file__).resolve().parent
NOW = 1_790_000_000.0
GUID = "0f2c6a3e-0000-4000-8000-000000000001"


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def nanos(seconds):
    return str(int(seconds * 1e9))


def gauge(name="process.memory.usage", value=2048.0, labels=(), **more):
    point = {"asDouble": value, "timeUnixNano": nanos(NOW), "attributes": [attribute(k, v) for k, v in labels], **more}
    return {"name": name, "unit": "By", "gauge": {"dataPoints": [point]}}


def status(rating="critical", value=1, text="The shop front does not answer"):
    labels = [attribute(TYPE, "status"), attribute(RATING, rating)]
    return {"name": "shop front", "description": text, "gauge": {"dataPoints": [{"asDouble": value, "attributes": labels}]}}


def quota(limit=100.0, used=97.0):
    points = [
        {"asDouble": 0, "attributes": [attribute(TYPE, "quota"), attribute(RATING, "critical")]},
        {"asDouble": limit, "attributes": [attribute(QUOTA, "limit")]},
        {"asDouble": used, "attributes": [attribute(QUOTA, "value")]},
    ]
    return {"name": "db.pool.borrowed", "unit": "each", "gauge": {"dataPoints": points}}


def body(*metrics):
    return {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": list(metrics)}]}]}


def read(document):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_body(content, NOW)


class ReadsWhatSapSends(unittest.TestCase):
    def test_a_gauge(self):
        reading = read(body(gauge(labels=[("pool", "eden")])))
        self.assertEqual(reading.findings, [])
        (row,) = reading.rows
        self.assertEqual((row.kind, row.name, row.value, row.unit), ("gauge", "process.memory.usage", 2048.0, "By"))
        self.assertEqual((row.attributes, row.time), ({"pool": "eden"}, NOW))

    def test_a_status_without_time_resource_and_scope(self):
        document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [status()]}]}]}
        reading = read(document)
        self.assertEqual(reading.findings, [])
        (row,) = reading.rows
        self.assertEqual((row.kind, row.rating, row.text), ("status", "critical", "The shop front does not answer"))

    def test_a_quota_is_one_row_of_three_points(self):
        reading = read(body(quota()))
        self.assertEqual((reading.findings, reading.points), ([], 3))
        (row,) = reading.rows
        self.assertEqual((row.kind, row.value, row.limit, row.rating), ("quota", 97.0, 100.0, "critical"))

    def test_two_rows_of_one_name_that_differ_in_a_label(self):
        reading = read(body(gauge(labels=[("host", "a")]), gauge(labels=[("host", "b")])))
        self.assertEqual((reading.findings, len(reading.rows)), ([], 2))


class RefusesWhatNoSampleSends(unittest.TestCase):
    def assert_broken(self, document, rule, status=400):
        reading = read(document)
        self.assertIn((rule, status), {(f.rule, f.status) for f in reading.findings}, reading.findings)

    def test_sums_and_histograms(self):
        for kind in ("sum", "histogram", "exponentialHistogram", "summary"):
            self.assert_broken(body({"name": "a", kind: {"dataPoints": []}}), "gauge only")

    def test_integers(self):
        self.assert_broken(body({"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}]}}), "asDouble")

    def test_a_value_as_text(self):
        self.assert_broken(body(gauge(value="12")), "asDouble")

    def test_a_boolean_is_no_number(self):
        self.assert_broken(body(gauge(value=True)), "asDouble")

    def test_not_a_number(self):
        for value in (math.nan, math.inf):
            self.assert_broken(json.dumps(body(gauge(value=value))).encode(), "json")
        self.assert_broken(json.dumps(body(gauge())).replace("2048.0", "1e999").encode(), "asDouble")

    def test_a_time_as_number(self):
        self.assert_broken(body(gauge(timeUnixNano=int(NOW * 1e9))), "time")

    def test_a_point_too_old_or_too_far_ahead(self):
        for seconds, allowed in ((-86_300, True), (-86_500, False), (3_500, True), (3_700, False)):
            reading = read(body(gauge(timeUnixNano=nanos(NOW + seconds))))
            self.assertEqual([f.rule for f in reading.findings], [] if allowed else ["age"], seconds)

    def test_too_many_points(self):
        many = [gauge(name=f"m{i}") for i in range(MAX_POINTS)]
        self.assertNotIn("points", {f.rule for f in read(body(*many)).findings})
        compact = [{"name": f"m{i}", "gauge": {"dataPoints": [{"asDouble": 1}]}} for i in range(MAX_POINTS + 1)]
        self.assert_broken(json.dumps(body(*compact), separators=(",", ":")).encode(), "points", 413)

    def test_too_many_bytes(self):
        self.assert_broken(b" " * 1_000_001, "size", 413)

    def test_unknown_keys_at_every_level(self):
        self.assert_broken({**body(gauge()), "extra": 1}, "unknown key")
        self.assert_broken(body({**gauge(), "metadata": []}), "unknown key")
        self.assert_broken(body(gauge(flags=0)), "unknown key")
        self.assert_broken(body(gauge(exemplars=[])), "unknown key")

    def test_a_key_twice_in_one_object(self):
        self.assert_broken(b'{"resourceMetrics": [], "resourceMetrics": []}', "json")

    def test_nothing_in_it(self):
        self.assert_broken({"resourceMetrics": []}, "empty")
        self.assert_broken(b"[]", "json")
        self.assert_broken(b"\xff", "json")

    def test_lame_attributes(self):
        self.assert_broken(body(gauge(attributes=[{"key": "", "value": {"stringValue": "x"}}])), "attribute")
        self.assert_broken(body(gauge(attributes=[attribute("a", "1"), attribute("a", "2")])), "attribute")
        self.assert_broken(body(gauge(attributes=[{"key": "a", "value": {"arrayValue": {}}}])), "attribute")
        self.assert_broken(body(gauge(attributes=[{"key": "a", "value": {"intValue": 5}}])), "attribute")

    def test_lame_statuses(self):
        self.assert_broken(body(status(rating="red")), "rating")
        self.assert_broken(body(status(value=0)), "status")
        self.assert_broken(body(status(text="")), "status")
        self.assert_broken(body(status(text="x" * 501)), "status", None)

    def test_a_text_that_shows_escaped_html_is_a_remark(self):
        (finding,) = read(body(status(text="5 < 6"))).findings
        self.assertTrue(finding.remark)

    def test_lame_quotas(self):
        whole = quota()
        part = {**whole, "gauge": {"dataPoints": whole["gauge"]["dataPoints"][:2]}}
        self.assert_broken(body(part), "quota")
        self.assert_broken(body({**whole, "unit": ""}), "quota")
        labelled = json.loads(json.dumps(whole))
        labelled["gauge"]["dataPoints"][2]["attributes"].append(attribute("tenant", "t1"))
        self.assert_broken(body(labelled), "quota")

    def test_a_rating_on_a_plain_gauge(self):
        self.assert_broken(body(gauge(labels=[(RATING, "ok")])), "kind")

    def test_one_row_twice(self):
        self.assert_broken(body(gauge(), gauge()), "twice", None)

    def test_queries(self):
        good = f"useCase=hm&serviceId={GUID}"
        cases = {
            good: [], f"{good}&dev=true": [], f"serviceId={GUID}": [400], "useCase=hm": [428],
            f"{good}&serviceId={GUID}": [400], f"{good}&tag=x": [400], "useCase=hm&serviceId=a,b": [400],
        }
        for query, wanted in cases.items():
            self.assertEqual([f.status for f in check_query(query)[1]], wanted, query)


class Service(unittest.TestCase):
    """The running program."""

    arguments: list = []

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        key = os.path.join(self.folder.name, "key.json")
        command = [sys.executable, str(HERE / "standin.py"), "--service", "orders", "--key", key, *self.arguments]
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.ready = json.loads(self.program.stdout.readline())
        self.key = json.loads(Path(key).read_text())
        self.key_mode = stat.S_IMODE(os.stat(key).st_mode)
        self.host = urlsplit(self.ready["url"]).netloc

    def end(self):
        self.program.terminate()
        self.assertEqual(self.program.wait(10), 0)
        self.program.stdout.close()

    def ask(self, method, path, content=None, headers=None, chunked=False):
        connection = http.client.HTTPConnection(self.host, timeout=10)
        self.addCleanup(connection.close)
        whole = iter([content[:7], content[7:]]) if chunked else content
        connection.request(method, path, whole, headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def token(self, headers=None, **form):
        uaa = self.key["uaa"]
        wanted = {"grant_type": "client_credentials", "client_id": uaa["clientid"], "client_secret": uaa["clientsecret"]}
        wanted = {key: value for key, value in {**wanted, **form}.items() if value is not None}
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        code, answered, content = self.ask("POST", "/oauth/token", urlencode(wanted), headers)
        return code, answered, json.loads(content)

    def push(self, document=None, query=None, chunked=False, **headers):
        query = query if query is not None else f"useCase=hm&serviceId={self.ready['services']['orders']}"
        document = document or body(status())
        content = json.dumps(document).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.bearer}", **headers}
        return self.ask("POST", f"/api/calm-metrics/v1/metrics?{query}", content, headers, chunked)

    def sign_in(self):
        code, _, said = self.token()
        self.assertEqual(code, 200)
        self.bearer = said["access_token"]

    def seen(self, what):
        return json.loads(self.ask("GET", f"/{what}")[2])

    def rules(self):
        return [violation["rule"] for violation in self.seen("violations")]

    def fault(self, **faults):
        self.assertEqual(self.ask("POST", "/faults", json.dumps(faults))[0], 200)


class TakesGoodRequests(Service):
    def test_a_key_a_token_and_a_push(self):
        self.assertEqual(self.key_mode, 0o600)
        self.assertTrue(self.key["endpoints"]["Api"].endswith("/api"))
        self.sign_in()
        claims = self.bearer.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        self.assertTrue(any(scope.endswith(".calm-api.metrics.write") for scope in claims["scope"]))
        self.assertEqual(self.push()[0], 200)
        self.assertEqual(self.push(chunked=True)[0], 200)
        self.assertEqual(self.rules(), [])
        first = self.seen("received")[0]
        self.assertEqual((first["service_id"], first["rows"][0]["rating"]), (self.ready["services"]["orders"], "critical"))

    def test_basic_raw_and_basic_encoded_with_its_header(self):
        uaa = self.key["uaa"]
        form = {"client_id": None, "client_secret": None}

        def basic(client, secret):
            return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()

        self.assertEqual(self.token({"Authorization": basic(uaa["clientid"], uaa["clientsecret"])}, **form)[0], 200)
        encoded = basic(quote(uaa["clientid"], safe=""), quote(uaa["clientsecret"], safe=""))
        self.assertEqual(self.token({"Authorization": encoded}, **form)[0], 401)
        self.assertEqual(self.token({"Authorization": encoded, "X-CF-ENCODED-CREDENTIALS": "true"}, **form)[0], 200)


class RefusesBadTokenRequests(Service):
    def test_each_as_uaa_does(self):
        code, headers, said = self.token(client_secret="wrong")
        self.assertEqual((code, said), (401, {"error": "unauthorized", "error_description": "Bad credentials"}))
        self.assertIn("UAA/client", headers["WWW-Authenticate"])
        code, _, said = self.token(grant_type=None)
        self.assertEqual((code, said["error_description"]), (400, "Missing grant type"))
        self.assertEqual(self.token({"Content-Type": "application/json"})[0], 401)
        word = base64.b64encode(f"{self.key['uaa']['clientid']}:{self.key['uaa']['clientsecret']}".encode()).decode()
        self.assertEqual(self.token({"Content-Type": "application/json", "Authorization": f"Basic {word}"})[0], 400)
        self.assertEqual(self.token(scope="foo.bar")[2]["error"], "invalid_scope")
        self.assertEqual(self.token(grant_type="password")[2]["error"], "unsupported_grant_type")

    def test_a_plus_that_was_not_encoded_becomes_a_space(self):
        uaa = self.key["uaa"]
        content = f"grant_type=client_credentials&client_id={uaa['clientid']}&client_secret={uaa['clientsecret']}"
        self.assertEqual(self.ask("POST", "/oauth/token", content, {"Content-Type": "application/x-www-form-urlencoded"})[0], 401)

    def test_get_is_a_violation(self):
        self.assertEqual(self.ask("GET", "/oauth/token?grant_type=client_credentials")[0], 405)
        self.assertEqual(self.rules(), ["token method"])

    def test_thirteen_refusals_an_hour_are_too_many(self):
        for _ in range(12):
            self.token(client_secret="wrong")
        self.assertNotIn("token cadence", self.rules())
        self.token(client_secret="wrong")
        self.assertIn("token cadence", self.rules())


class RefusesBadPushes(Service):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def test_what_surrounds_the_body(self):
        self.assertEqual(self.push(query="useCase=hm")[0], 428)
        self.assertEqual(self.push(query=f"useCase=hm&serviceId={GUID}")[0], 403)
        self.assertEqual(self.push(Authorization="Bearer nonsense")[0], 401)
        self.assertEqual(self.push(**{"Content-Encoding": "gzip"})[0], 415)
        self.assertEqual(self.push(**{"Content-Type": "application/x-protobuf"})[0], 415)
        self.assertEqual(self.ask("POST", "/api/api/calm-metrics/v1/metrics", b"{}")[0], 404)
        self.assertEqual(self.ask("PUT", "/api/calm-metrics/v1/metrics", b"{}")[0], 405)
        self.assertEqual(len(self.rules()), 7)

    def test_the_body(self):
        self.assertEqual(self.push(body(status(rating="red")))[0], 400)
        self.assertEqual(self.push(body(status()), query=None)[0], 200)

    def test_the_hundred_and_first_request_of_a_minute(self):
        codes = [self.push()[0] for _ in range(101)]
        self.assertEqual(codes, [200] * 100 + [429])
        self.assertEqual(self.rules(), ["rate"])

    def test_a_second_token_at_once_is_a_violation_unless_the_first_was_refused(self):
        self.sign_in()
        self.assertEqual(self.rules(), ["token cadence"])
        self.fault(revoke=True)
        self.assertEqual(self.push()[0], 401)
        self.sign_in()
        self.assertEqual(self.push()[0], 200)
        self.assertEqual(self.rules(), ["token cadence"])


class ShortTokens(Service):
    arguments = ["--token-life", "1"]

    def test_renewing_at_half_its_life_is_right_and_using_it_too_long_is_not(self):
        self.sign_in()
        issued = time.monotonic()
        self._wait_until(issued + 0.5)
        self.sign_in()
        self.assertEqual((self.push()[0], self.rules()), (200, []))
        self._wait_until(time.monotonic() + 1.1)
        self.assertEqual(self.push()[0], 401)
        self.assertEqual(self.rules(), ["authorization"])

    @staticmethod
    def _wait_until(moment):
        while time.monotonic() < moment:
            time.sleep(0.02)


class Faults(Service):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def test_a_status_a_number_of_times(self):
        self.fault(push={"status": 429, "times": 2, "retry_after": 3})
        code, headers, _ = self.push()
        self.assertEqual((code, headers["Retry-After"]), (429, "3"))
        self.assertEqual([self.push()[0] for _ in range(2)], [429, 200])

    def test_only_what_is_too_large_or_poisoned(self):
        self.fault(push={"status": 413, "over_points": 1})
        self.assertEqual([self.push()[0], self.push(body(gauge(timeUnixNano=nanos(time.time())), status()))[0]], [200, 413])
        self.fault(push={"status": 400, "metric": "shop front"})
        self.assertEqual([self.push()[0], self.push(body(gauge(timeUnixNano=nanos(time.time()))))[0]], [400, 200])

    def test_login_page_close_and_partial(self):
        self.fault(push={"kind": "html"})
        self.assertIn(b"Sign in", self.push()[2])
        self.fault(push={"kind": "partial", "rejected": 2})
        self.assertEqual(json.loads(self.push()[2])["partialSuccess"]["rejectedDataPoints"], "2")
        self.fault(push={"kind": "close"})
        with self.assertRaises(http.client.RemoteDisconnected):
            self.push()

    def test_a_refused_token(self):
        self.fault(token={"status": 401, "body": {"error": "unauthorized", "error_description": "Bad credentials"}})
        self.assertEqual(self.token()[0], 401)
        self.fault(token=None, restarted=True)
        self.assertEqual(self.token()[0], 200)
        self.assertEqual([entry["status"] for entry in self.seen("tokens")], [200, 401, 200])


if __name__ == "__main__":
    unittest.main()
