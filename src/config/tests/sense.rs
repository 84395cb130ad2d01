//! Broken in their sense: values that do not fit together, names, secrets, open doors, references that lead nowhere.

use super::{Broken, CHECK, KEY, RECEIVER, ROUTE, SERVICE, TARGET, every_one_is_found};

#[test]
fn what_makes_no_sense_is_found_at_its_place() {
    every_one_is_found(BROKEN);
}

const BROKEN: &[Broken] = &[
    (
        "a timeout longer than the interval",
        &[KEY, SERVICE, CHECK, r#"interval = "5s""#, r#"timeout = "6s""#],
        &[
            "10:11: `timeout` is longer than the interval (5s); make it at most 5s, so that one probe ends before the next begins",
        ],
    ),
    (
        "data too old before it is sent",
        &[KEY, r#"push_interval = "2h""#, r#"max_age = "1h""#],
        &[
            "4:11: `max_age` is shorter than `push_interval`: data would be too old before it is sent; make push_interval shorter, or max_age longer",
        ],
    ),
    (
        "levels in the wrong order",
        &[KEY, SERVICE, CHECK, r#"latency = { warning = "4s", critical = "2s" }"#],
        &["9:11: `latency`: critical would come before warning; exchange the two values"],
    ),
    (
        "days left in the wrong order",
        &[KEY, SERVICE, CHECK, r#"tls_expiry = { warning = "7d", critical = "30d" }"#],
        &["9:14: `tls_expiry`: critical would come before warning; exchange the two values"],
    ),
    (
        "a service twice",
        &[KEY, SERVICE, SERVICE],
        &[
            r#"7:8: `name` "orders" belongs to another service of this file already; each service has a name and an object in Landscape Management of its own"#,
            r#"8:14: `service_id` "0f2c8d1e-0000-4000-8000-0123456789ab" belongs to another service of this file already; each service has a name and an object in Landscape Management of its own"#,
        ],
    ),
    (
        "a check twice",
        &[KEY, SERVICE, CHECK, CHECK],
        &[
            r#"10:8: there is already a check or source named "shop" in service "orders"; give it a `name` of its own: names are what Cloud ALM shows"#,
        ],
    ),
    (
        "a target twice",
        &[KEY, SERVICE, TARGET, TARGET],
        &[
            r#"9:7: there is already a check or source named "127.0.0.1:9100/metrics" in service "orders"; give it a `name` of its own: names are what Cloud ALM shows"#,
        ],
    ),
    (
        "a check with the name of a target",
        &[KEY, SERVICE, CHECK, TARGET, r#"name = "shop""#],
        &[
            r#"11:8: there is already a check or source named "shop" in service "orders"; give it a `name` of its own: names are what Cloud ALM shows"#,
        ],
    ),
    (
        "a check with a name of the agent's own",
        &[KEY, SERVICE, "[[services.http_check]]", r#"name = "Service health""#, r#"url = "https://orders.example/""#],
        &[r#"7:8: "Service health" is the name of a status that the agent makes itself; choose another name"#],
    ),
    (
        "a route to nowhere",
        &[KEY, RECEIVER, "[[receivers.otlp.route]]", r#"service = "ordres""#, SERVICE],
        &[r#"6:11: `service`: there is no service "ordres"; did you mean "orders"?"#],
    ),
    (
        "a heartbeat of nobody",
        &[KEY, "[agent]", r#"heartbeat_service = "shop""#, SERVICE],
        &[r#"4:21: `heartbeat_service`: there is no service "shop"; services of this file: "orders""#],
    ),
    (
        "a recipe that is not there",
        &[KEY, SERVICE, TARGET, r#"recipe = "nodes""#],
        &[r#"8:10: there is no recipe "nodes"; did you mean "node"?"#],
    ),
    (
        "recipes of which one is not there",
        &[KEY, SERVICE, TARGET, r#"recipe = ["node", "auto", "mainframe"]"#],
        &[
            r#"8:19: "auto" stands alone; name recipes, or say "auto" or "none""#,
            r#"8:27: there is no recipe "mainframe"; there are: node, jvm, auto, none"#,
        ],
    ),
    (
        "a secret in the file",
        &[KEY, SERVICE, CHECK, r#"username = "monitor""#, r#"password = "planted-value""#],
        &[
            r#"10:12: `password` is a secret, and it stands in the file; write password = "${env:NAME}" or password = { file = "…" }, and change the secret"#,
        ],
    ),
    (
        "a secret beside a reference",
        &[KEY, SERVICE, CHECK, r#"bearer_token = "Bearer ${env:TOKEN}""#],
        &[
            r#"9:16: `bearer_token` is a secret, and it stands in the file; write bearer_token = "${env:NAME}" or bearer_token = { file = "…" }, and change the secret"#,
        ],
    ),
    (
        "a secret in a URL",
        &[
            KEY,
            SERVICE,
            "[[services.http_check]]",
            r#"name = "shop""#,
            r#"url = "https://u:planted-value@orders.example/""#,
        ],
        &["8:7: `url` carries a user or a password; take it out of the URL and use the keys for signing in"],
    ),
    (
        "a secret under a key that is not known",
        &[KEY, r#"client_secret = "planted-value""#],
        &[
            "3:1: unknown key `client_secret` in `cloud_alm`; known here: service_key_file, service_key_env, vcap_services, service_key_dir, systemd_credential, api_url, use_case, push_interval, requests_per_minute, identity, max_request_bytes, max_points_per_request, encoding, compression, max_age, verify_every, backfill, ca_file, proxy, timeout, metrics_path, extra_query, dev",
        ],
    ),
    (
        "plain http to another machine",
        &[KEY, SERVICE, "[[services.prometheus]]", r#"url = "http://orders.example/metrics""#],
        &[
            "7:7: plain http:// to another machine can be read and changed on the way; use https://, or say allow_insecure = true beside it",
        ],
    ),
    (
        "a password over plain http",
        &[
            KEY,
            SERVICE,
            "[[services.prometheus]]",
            r#"url = "http://orders.example/metrics""#,
            "allow_insecure = true",
            r#"username = "monitor""#,
            r#"password_file = "p""#,
        ],
        &[
            "10:17: a credential would travel over plain http://; use https:// for this target; allow_insecure does not change that",
        ],
    ),
    (
        "the API over plain http",
        &[KEY, r#"api_url = "http://alm.example/api""#],
        &["3:11: `api_url` must not be plain http:// beyond loopback; use https://"],
    ),
    (
        "telemetry over plain http",
        &[KEY, "[telemetry]", r#"endpoint = "http://collector.example:4318""#],
        &["4:12: `endpoint` must not be plain http:// beyond loopback; use https://"],
    ),
    (
        "a listener for everybody",
        &[KEY, "[admin]", r#"listen = "0.0.0.0:13131""#],
        &[
            "4:10: 0.0.0.0:13131 is reachable from other machines, and nothing guards it; add tls = { cert_file, key_file, client_ca_file } or bearer_token_file, say insecure = true, or listen on 127.0.0.1",
        ],
    ),
    (
        "a receiver for everybody",
        &[KEY, "[receivers.otlp]", r#"http = "[::]:4318""#, ROUTE, SERVICE],
        &[
            "4:8: [::]:4318 is reachable from other machines, and nothing guards it; add tls = { cert_file, key_file, client_ca_file } or bearer_token_file, say insecure = true, or listen on 127.0.0.1",
        ],
    ),
    (
        "a user without password",
        &[KEY, SERVICE, CHECK, r#"username = "monitor""#],
        &[r#"9:12: `username` without a password; add password_file, or password = "${env:NAME}""#],
    ),
    (
        "a password without user",
        &[KEY, SERVICE, CHECK, r#"password_file = "p""#],
        &[r#"9:17: a password without `username`; add username = "…""#],
    ),
    (
        "a password twice",
        &[KEY, SERVICE, CHECK, r#"username = "monitor""#, r#"password_file = "p""#, r#"password = { file = "q" }"#],
        &["10:17: both `password` and `password_file` are given; take one of them out"],
    ),
    (
        "two ways to sign in",
        &[KEY, SERVICE, CHECK, r#"username = "monitor""#, r#"password_file = "p""#, r#"bearer_token_file = "t""#],
        &["11:21: a target signs in with a password or with a bearer token, not with both; take one of them out"],
    ),
    (
        "half a client certificate",
        &[KEY, SERVICE, CHECK, r#"cert_file = "client.crt""#],
        &["9:13: `cert_file` without `key_file`; add the key of the certificate"],
    ),
    (
        "half a server certificate",
        &[KEY, "[admin]", r#"tls = { cert_file = "a" }"#],
        &[r#"4:7: `key_file` is missing in `tls`; add for example key_file = "tls.key""#],
    ),
    (
        "a variable that is not set",
        &[KEY, r#"use_case = "${env:NOWHERE}""#],
        &[
            "3:12: `use_case`: the environment variable NOWHERE is not set; set NOWHERE for the agent, or write the value here",
        ],
    ),
    (
        "a reference of another kind",
        &[KEY, r#"use_case = "${NOWHERE}""#],
        &[
            r#"3:12: `use_case`: only ${env:NAME} is known; write "${env:NAME}" with the name of a variable, or $${ for the characters themselves"#,
        ],
    ),
    (
        "a file that is not there",
        &[KEY, r#"use_case = { file = "nowhere" }"#],
        &[
            "3:12: cannot read nowhere: No such file or directory (os error 2); check the path; relative ones are relative to the config file",
        ],
    ),
    (
        "a credential that is a path",
        &["[cloud_alm]", r#"systemd_credential = "../key""#],
        &["2:22: `systemd_credential` is a name, not a path; write the name of LoadCredential= in the unit"],
    ),
    (
        "gRPC",
        &[KEY, RECEIVER, r#"grpc = "127.0.0.1:4317""#, ROUTE, SERVICE],
        &[
            "5:8: `grpc` is not yet supported in this version; take it out and let senders use OTLP/HTTP: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, customary port 4318",
        ],
    ),
    (
        "sources of a later version",
        &[KEY, SERVICE, "[[services.cloud_foundry]]", r#"api = "x""#, "[[services.hana_cloud]]"],
        &[
            "6:1: `cloud_foundry` is not yet supported in this version; take it out for now; the other sources work",
            "8:1: `hana_cloud` is not yet supported in this version; take it out for now; the other sources work",
        ],
    ),
    (
        "two servers on one address",
        &[KEY, "[admin]", r#"listen = "127.0.0.1:4318""#, RECEIVER, ROUTE, SERVICE],
        &[
            "6:8: the agent's own server listens on 127.0.0.1:4318 already; give one of the two another port; customary are 4318 here and 13131 for [admin]",
        ],
    ),
    (
        "no answer is good",
        &[KEY, SERVICE, CHECK, "expect_status = []"],
        &[
            r#"9:17: `expect_status` is empty: no answer would be good; name the codes that are good, for example ["200-399"]"#,
        ],
    ),
    (
        "a body of HEAD",
        &[
            KEY,
            SERVICE,
            CHECK,
            r#"method = "HEAD""#,
            r#"expect_body = "ready""#,
            r#"health = { pointer = "/a", ratings = {} }"#,
        ],
        &[
            r#"10:15: `expect_body` with HEAD: there is no body to look at; use method = "GET""#,
            r#"11:10: `health` with a pointer and HEAD: there is no body to look at; use method = "GET""#,
        ],
    ),
    (
        "a secret in a variable that is not set",
        &[KEY, SERVICE, CHECK, r#"bearer_token = "${env:NOWHERE}""#],
        &[
            "9:16: the environment variable NOWHERE, which holds `bearer_token`, is not set here; run the agent where NOWHERE is set, or use a file",
        ],
    ),
    (
        "a secret that is a number",
        &[KEY, SERVICE, CHECK, "bearer_token = 12345"],
        &[
            r#"9:16: `bearer_token` is a secret, and it stands in the file; write bearer_token = "${env:NAME}" or bearer_token = { file = "…" }, and change the secret"#,
        ],
    ),
    (
        "a secret in a list",
        &[KEY, SERVICE, CHECK, r#"bearer_token = ["planted-value", { a = "planted-value" }]"#],
        &[
            r#"9:16: `bearer_token` is a secret, and it stands in the file; write bearer_token = "${env:NAME}" or bearer_token = { file = "…" }, and change the secret"#,
        ],
    ),
    (
        "a secret in a table that is refused",
        &[KEY, SERVICE, r#"cloud_foundry = [{ password = "planted-value" }]"#],
        &["6:18: `cloud_foundry` is not yet supported in this version; take it out for now; the other sources work"],
    ),
    (
        "this machine twice",
        &[KEY, SERVICE, "[[services.host]]", "[[services.host]]"],
        &[
            r#"7:1: there is already a check or source named "host" in service "orders"; give it a `name` of its own: names are what Cloud ALM shows"#,
        ],
    ),
    (
        "a route with the name of another",
        &[KEY, RECEIVER, ROUTE, ROUTE, r#"name = "otlp""#, SERVICE],
        &[
            r#"9:8: there is already a check or source named "otlp" in service "orders"; give it a `name` of its own: names are what Cloud ALM shows"#,
        ],
    ),
    (
        "a password in three places",
        &[KEY, "[setup.cloud_foundry]", r#"password_file = "p""#, r#"password_env = "P""#],
        &["5:16: `password_env` beside another place of the password; take one of them out"],
    ),
    (
        "the API of Cloud Foundry over plain http",
        &[KEY, "[setup.cloud_foundry]", r#"api = "http://api.example""#],
        &["4:7: `api` must not be plain http:// beyond loopback; use https://"],
    ),
    (
        "an unknown way of setup",
        &[KEY, "[setup]", r#"backend = "cloudfoundry""#, "[setup.cf]"],
        &[
            r#"4:11: `backend` cannot be "cloudfoundry"; did you mean "cloud-foundry"? One of "auto", "cloud-foundry", "service-manager""#,
            "5:8: unknown key `cf` in `setup`; known here: backend, space, instance, key, service_names, plan, authorities, credential_type, cloud_foundry, service_manager, btp, destination",
        ],
    ),
    (
        "many at once, in the order of the file",
        &[
            KEY,
            r#"encoding = "xml""#,
            r#"timeout = "0s""#,
            "[log]",
            "level = 1",
            SERVICE,
            CHECK,
            "confirm = 2",
            "[telemetry]",
        ],
        &[
            r#"3:12: `encoding` cannot be "xml"; one of "json", "protobuf""#,
            r#"4:11: `timeout`: "0s" is out of bounds; write a duration from 100ms to 366 days"#,
            r#"6:9: `level` must be a text, not a number; write for example level = "error""#,
            r#"13:11: `confirm` must be a text, not a number; write for example confirm = "2 of 3""#,
            r#"14:1: `endpoint` is missing in `telemetry`; add for example endpoint = "http://127.0.0.1:4318""#,
        ],
    ),
    (
        "only codes that are none",
        &[KEY, SERVICE, CHECK, r#"expect_status = ["ok"]"#],
        &[r#"9:18: `expect_status`: "ok" is not a range of HTTP status codes; write for example "200-399""#],
    ),
    (
        "a parameter of ours",
        &[KEY, "extra_query = { useCase = \"x\", a = \"b\" }"],
        &[
            "3:15: `extra_query`: the agent sets useCase itself; take it out; use_case, service_id and dev are keys of their own",
        ],
    ),
    (
        "a reference without a name",
        &[KEY, "use_case = \"${env:}\""],
        &[
            r#"3:12: `use_case`: only ${env:NAME} is known; write "${env:NAME}" with the name of a variable, or $${ for the characters themselves"#,
        ],
    ),
];
