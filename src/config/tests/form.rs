//! Broken by their form: syntax, unknown and missing keys, wrong types, wrong words, out of bounds.

use super::{Broken, CHECK, KEY, RECEIVER, SERVICE, TARGET, every_one_is_found};

#[test]
fn what_is_wrong_by_its_form_is_found_at_its_place() {
    every_one_is_found(BROKEN);
}

pub(super) const BROKEN: &[Broken] = &[
    (
        "two syntax errors at once",
        &[KEY, "use_case = ", "[agent]", "data_dir = /var"],
        &[
            "3:12: string values must be quoted, expected literal string; correct the TOML at this place; texts stand in double quotes",
            "5:12: string values must be quoted, expected literal string; correct the TOML at this place; texts stand in double quotes",
        ],
    ),
    (
        "a table twice",
        &[KEY, "[agent]", "[agent]"],
        &["4:2: duplicate key; each key and each [table] stands once; take the second one out, or join the two"],
    ),
    (
        "a key twice",
        &[KEY, r#"service_key_file = "b""#],
        &["3:1: duplicate key; each key and each [table] stands once; take the second one out, or join the two"],
    ),
    (
        "a text that does not end",
        &[KEY, "[agent]", r#"data_dir = "x"#],
        &[r#"4:14: invalid basic string, expected `"`; correct the TOML at this place; texts stand in double quotes"#],
    ),
    ("an unknown table", &[KEY, "[agnt]"], &["3:2: unknown key `agnt`; did you mean `agent`?"]),
    (
        "an unknown table far from any",
        &[KEY, "[pipelines]"],
        &[
            "3:2: unknown key `pipelines`; known here: cloud_alm, agent, admin, receivers, services, setup, log, telemetry",
        ],
    ),
    (
        "an unknown key",
        &[KEY, r#"push_intervall = "5m""#],
        &["3:1: unknown key `push_intervall` in `cloud_alm`; did you mean `push_interval`?"],
    ),
    (
        "an unknown key of a check",
        &[KEY, SERVICE, CHECK, r#"intervl = "5s""#],
        &["9:1: unknown key `intervl` in `http_check`; did you mean `interval`?"],
    ),
    (
        "an unknown key of a limit",
        &[KEY, SERVICE, CHECK, r#"latency = { warn = "2s" }"#],
        &["9:13: unknown key `warn` in `latency`; did you mean `warning`?"],
    ),
    (
        "an unknown key of a rule",
        &[KEY, SERVICE, TARGET, "[[services.prometheus.rule]]", r#"select = "a""#, r#"limits = "b""#],
        &["10:1: unknown key `limits` in `rule`; did you mean `limit`?"],
    ),
    (
        "an unknown source",
        &[KEY, SERVICE, "[[services.http_checks]]"],
        &["6:12: unknown key `http_checks` in `services`; did you mean `http_check`?"],
    ),
    (
        "an empty file",
        &[],
        &[
            r#"1:1: no place of the service key is named; add service_key_file = "service-key.json" to [cloud_alm], or a [setup] table that makes a key"#,
        ],
    ),
    (
        "no place of the key",
        &["[cloud_alm]", r#"use_case = "hm""#],
        &[
            r#"1:1: no place of the service key is named; add service_key_file = "service-key.json" to [cloud_alm], or a [setup] table that makes a key"#,
        ],
    ),
    (
        "two places of the key",
        &[KEY, "vcap_services = true"],
        &[
            "3:17: `vcap_services` is a second place of the service key beside `service_key_file`; keep exactly one of them",
        ],
    ),
    (
        "three places of the key",
        &[KEY, r#"service_key_env = "X""#, r#"systemd_credential = "y""#],
        &[
            "3:19: `service_key_env` is a second place of the service key beside `service_key_file`; keep exactly one of them",
            "4:22: `systemd_credential` is a second place of the service key beside `service_key_file`; keep exactly one of them",
        ],
    ),
    (
        "a service without anything",
        &[KEY, "[[services]]"],
        &[
            r#"3:1: `name` is missing in `services`; add for example name = "orders""#,
            r#"3:1: `service_id` is missing in `services`; add for example service_id = "0f2c8d1e-0000-4000-8000-0123456789ab""#,
        ],
    ),
    (
        "a check without address",
        &[KEY, SERVICE, "[[services.http_check]]", r#"name = "shop""#],
        &[r#"6:1: `url` is missing in `http_check`; add for example url = "https://orders.example/health""#],
    ),
    (
        "a scrape without address",
        &[KEY, SERVICE, "[[services.prometheus]]"],
        &[r#"6:1: `url` is missing in `prometheus`; add for example url = "http://127.0.0.1:9100/metrics""#],
    ),
    (
        "a rule without selector",
        &[KEY, SERVICE, TARGET, "[[services.prometheus.rule]]", r#"as = "gauge""#],
        &["8:1: `select` is missing in `rule`; add for example select = 'http_requests_total'"],
    ),
    (
        "a receiver without address",
        &[KEY, "[receivers.otlp]", r#"other_signals = "refuse""#],
        &[r#"3:1: `http` is missing in `otlp`; add for example http = "127.0.0.1:4318""#],
    ),
    (
        "a route without service",
        &[KEY, RECEIVER, "[[receivers.otlp.route]]", r#"recipe = "none""#],
        &[r#"5:1: `service` is missing in `route`; add for example service = "orders""#],
    ),
    (
        "telemetry without address",
        &[KEY, "[telemetry]", r#"interval = "1m""#],
        &[r#"3:1: `endpoint` is missing in `telemetry`; add for example endpoint = "http://127.0.0.1:4318""#],
    ),
    (
        "a number for a text",
        &[KEY, "use_case = 5"],
        &[r#"3:12: `use_case` must be a text, not a number; write for example use_case = "…""#],
    ),
    (
        "a text for a number",
        &[KEY, r#"requests_per_minute = "many""#],
        &["3:23: `requests_per_minute` must be a whole number, not a text; write for example requests_per_minute = 1"],
    ),
    (
        "a text for a flag",
        &[KEY, r#"dev = "yes""#],
        &["3:7: `dev` must be true or false, not a text; write for example dev = true"],
    ),
    (
        "a value for a table",
        &[r#"cloud_alm = "key.json""#],
        &["1:13: `cloud_alm` must be a table, not a text; write a section [cloud_alm], or cloud_alm = { … }"],
    ),
    (
        "a table for a list",
        &[KEY, "[services]", r#"name = "x""#],
        &["3:1: `services` must be a list, not a table; write its header with double brackets: [[…]]"],
    ),
    (
        "a table for a list of checks",
        &[KEY, SERVICE, "[services.http_check]", r#"name = "shop""#],
        &["6:1: `http_check` must be a list, not a table; write its header with double brackets: [[…]]"],
    ),
    (
        "a date for a text",
        &[KEY, "use_case = 2026-01-01"],
        &[r#"3:12: `use_case` must be a text, not a date; write for example use_case = "…""#],
    ),
    (
        "a list for a text",
        &[KEY, r#"use_case = ["hm"]"#],
        &[r#"3:12: `use_case` must be a text, not a list; write for example use_case = "…""#],
    ),
    (
        "a number in a list of texts",
        &[KEY, SERVICE, r#"resource_labels = ["a", 1]"#],
        &[r#"6:25: `resource_labels` must be a text, not a number; write for example resource_labels = "…""#],
    ),
    ("an empty text", &[KEY, r#"use_case = """#], &["3:12: `use_case` is empty; write a value, or leave the key out"]),
    (
        "a duration without unit",
        &[KEY, "push_interval = 300"],
        &[r#"3:17: `push_interval` needs a unit; write for example "30s", "5m" or "24h""#],
    ),
    (
        "a duration that is none",
        &[KEY, r#"push_interval = "often""#],
        &[r#"3:17: `push_interval`: "often" is not a duration; write for example "30s""#],
    ),
    (
        "a duration in quotes without unit",
        &[KEY, r#"push_interval = "300""#],
        &[r#"3:17: `push_interval`: "300" is not a duration; write for example "30s""#],
    ),
    (
        "a size that is none",
        &[KEY, "[agent]", r#"queue_max_bytes = "1 TiBi""#],
        &[
            r#"4:19: `queue_max_bytes`: "1 TiBi" is not a size: a size is a number with B, kB, MB, GB, KiB, MiB or GiB; write for example "16MiB""#,
        ],
    ),
    (
        "an id that is none",
        &[KEY, "[[services]]", r#"name = "orders""#, r#"service_id = "orders""#],
        &[
            r#"5:14: `service_id`: "orders" is not the id of an object in Landscape Management (a UUID); write for example "0f2c8d1e-0000-4000-8000-0123456789ab""#,
        ],
    ),
    (
        "a word that is not in the list",
        &[KEY, r#"encoding = "jsom""#],
        &[r#"3:12: `encoding` cannot be "jsom"; did you mean "json"? One of "json", "protobuf""#],
    ),
    (
        "a word far from the list",
        &[KEY, "[agent]", r#"durability = "yes""#],
        &[r#"4:14: `durability` cannot be "yes"; one of "power-loss", "process""#],
    ),
    (
        "an address without port",
        &[KEY, "[admin]", r#"listen = "127.0.0.1""#],
        &[
            r#"4:10: `listen`: "127.0.0.1" is not an address to listen on, or "off": it is an IP address and a port; write for example "127.0.0.1:13131""#,
        ],
    ),
    (
        "an address with a host name",
        &[KEY, "[receivers.otlp]", r#"http = "myhost:4318""#],
        &[
            r#"4:8: `http`: "myhost:4318" is not an address to listen on: it is an IP address and a port; write for example "127.0.0.1:4318""#,
        ],
    ),
    (
        "a URL that is none",
        &[KEY, SERVICE, "[[services.http_check]]", r#"name = "shop""#, r#"url = "orders.example""#],
        &[r#"8:7: `url`: "orders.example" is not a URL; write for example "https://orders.example/health""#],
    ),
    (
        "a URL of another scheme",
        &[KEY, SERVICE, "[[services.http_check]]", r#"name = "shop""#, r#"url = "ftp://orders.example""#],
        &[
            r#"8:7: `url`: "ftp://orders.example" is not a URL: only http:// and https:// are known; write for example "https://orders.example/health""#,
        ],
    ),
    (
        "a confirmation that is none",
        &[KEY, SERVICE, CHECK, r#"confirm = "twice""#],
        &[r#"9:11: `confirm`: "twice" is not a confirmation; write for example "2 of 3""#],
    ),
    (
        "a confirmation of more than there are",
        &[KEY, SERVICE, CHECK, r#"confirm = "4 of 3""#],
        &[
            r#"9:11: `confirm`: "4 of 3" is not a confirmation: it takes at least 1 bad probe, and at most as many as are looked at (up to 10); write for example "2 of 3""#,
        ],
    ),
    (
        "a window with an unknown day",
        &[KEY, SERVICE, r#"maintenance = ["Sonntag 02:00-04:00 UTC"]"#],
        &[
            r#"6:16: `maintenance`: "Sonntag 02:00-04:00 UTC" is not a maintenance window: "Sonntag" is no day; Mon, Tue, Wed, Thu, Fri, Sat, Sun or daily; write for example "Sun 02:00-04:00 Europe/Berlin""#,
        ],
    ),
    (
        "a window with an unknown zone",
        &[KEY, SERVICE, r#"maintenance = ["Sun 02:00-04:00 Europe/Walldorf"]"#],
        &[
            r#"6:16: `maintenance`: "Sun 02:00-04:00 Europe/Walldorf" is not a maintenance window: the time zone "Europe/Walldorf" is not known here; write for example "Sun 02:00-04:00 Europe/Berlin""#,
        ],
    ),
    (
        "a window without a zone",
        &[KEY, SERVICE, r#"maintenance = ["Sun 02:00-04:00", "daily 1:00-25:00 UTC"]"#],
        &[
            r#"6:16: `maintenance`: "Sun 02:00-04:00" is not a maintenance window: it has three parts: days, hours, time zone; write for example "Sun 02:00-04:00 Europe/Berlin""#,
            r#"6:35: `maintenance`: "daily 1:00-25:00 UTC" is not a maintenance window: "25:00" is not a time such as 02:00; write for example "Sun 02:00-04:00 Europe/Berlin""#,
        ],
    ),
    (
        "status codes that are none",
        &[KEY, SERVICE, CHECK, r#"expect_status = [200, "399-200", 999, "ok"]"#],
        &[
            r#"9:23: `expect_status`: "399-200" is not a range of HTTP status codes: codes go from 100 to 599; write for example "200-399""#,
            r#"9:34: `expect_status`: "999" is not a range of HTTP status codes: codes go from 100 to 599; write for example "200-399""#,
            r#"9:39: `expect_status`: "ok" is not a range of HTTP status codes; write for example "200-399""#,
        ],
    ),
    (
        "a pointer that is none",
        &[KEY, SERVICE, CHECK, r#"health = { pointer = "status", ratings = { UP = "green" } }"#],
        &[
            r#"9:22: `pointer`: "status" is not a JSON pointer: it begins with a slash; write for example "/status/word""#,
            r#"9:49: `UP`: "green" is not a rating: ratings are info, ok, warning, critical and fatal; write for example "warning""#,
        ],
    ),
    (
        "a health format that is none",
        &[KEY, SERVICE, CHECK, r#"health = "json""#],
        &[r#"9:10: `health` cannot be "json"; one of "auto", "off""#],
    ),
    (
        "a method that is none",
        &[KEY, SERVICE, CHECK, r#"method = "get""#],
        &[r#"9:10: `method` cannot be "get"; one of "GET", "HEAD""#],
    ),
    (
        "a path of the API that is none",
        &[KEY, r#"metrics_path = "v1/metrics""#],
        &[r#"3:16: `metrics_path` does not begin with a slash; write for example "/calm-metrics/v1/metrics""#],
    ),
    (
        "too few requests",
        &[KEY, "requests_per_minute = 0"],
        &["3:23: `requests_per_minute` is not a whole number from 1 to 10000; write a number from 1 to 10000"],
    ),
    (
        "a negative number",
        &[KEY, SERVICE, "max_metrics = -1"],
        &["6:15: `max_metrics` is not a whole number from 1 to 100000; write a number from 1 to 100000"],
    ),
    (
        "a number beyond all bounds",
        &[KEY, SERVICE, "max_metrics = 99999999999999999999999"],
        &["6:15: `max_metrics` is not a whole number from 1 to 100000; write a number from 1 to 100000"],
    ),
    (
        "an interval below a second",
        &[KEY, SERVICE, CHECK, r#"interval = "100ms""#],
        &[r#"9:12: `interval`: "100ms" is out of bounds; write a duration from 1s to 366 days"#],
    ),
    (
        "a duration of centuries",
        &[KEY, r#"push_interval = "300y""#],
        &[r#"3:17: `push_interval`: "300y" is out of bounds; write a duration from 1s to 366 days"#],
    ),
    (
        "a queue too small",
        &[KEY, "[agent]", r#"queue_max_bytes = "1kB""#],
        &["4:19: `queue_max_bytes` is out of bounds; write a size from 1 MiB to 1024 GiB"],
    ),
];
