//! What may be reached, and how: every combination of address, guard and credential.

use super::{KEY, SERVICE, read_alone};

/// Whether a listener is accepted.
fn listens(address: &str, guards: &[&str]) -> bool {
    let admin = format!("[admin]\nlisten = \"{address}\"\n{}\n", guards.join("\n"));
    let otlp = format!("[receivers.otlp]\nhttp = \"{address}\"\n{}\n", guards.join("\n"));
    let accepted = read_alone(&format!("{KEY}{SERVICE}{admin}")).is_ok();
    assert_eq!(accepted, read_alone(&format!("{KEY}{SERVICE}{otlp}")).is_ok(), "both listeners have one rule: {admin}");
    accepted
}

#[test]
fn a_listener_beyond_loopback_is_guarded_or_explicitly_not() {
    const TLS: &str = "tls = { cert_file = \"c\", key_file = \"k\" }";
    const MUTUAL: &str = "tls = { cert_file = \"c\", key_file = \"k\", client_ca_file = \"r\" }";
    const TOKEN: &str = "bearer_token_file = \"t\"";
    const OPEN: &str = "insecure = true";
    for guards in [&[][..], &["insecure = false"], &[TLS], &[MUTUAL], &[TOKEN], &[OPEN], &[TLS, TOKEN]] {
        for loopback in ["127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "localhost:1"] {
            assert!(listens(loopback, guards), "{loopback} {guards:?}");
        }
        let guarded = guards.iter().any(|guard| [TLS, MUTUAL, TOKEN, OPEN].contains(guard));
        for wide in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[2001:db8::1]:1"] {
            assert_eq!(listens(wide, guards), guarded, "{wide} {guards:?}");
        }
    }
}

#[test]
fn plain_http_carries_no_credential_beyond_loopback() {
    let credentials = [
        "",
        "bearer_token_file = \"t\"\n",
        "bearer_token = { file = \"t\" }\n",
        "username = \"u\"\npassword_file = \"p\"\n",
        "username = \"u\"\npassword = { file = \"p\" }\n",
    ];
    for source in ["[[services.prometheus]]\n", "[[services.http_check]]\nname = \"c\"\n"] {
        for credential in credentials {
            for allowed in [false, true] {
                let read = |url: &str| {
                    let allow = format!("allow_insecure = {allowed}\n");
                    read_alone(&format!("{KEY}{SERVICE}{source}url = \"{url}\"\n{allow}{credential}")).is_ok()
                };
                assert!(read("https://orders.example/"), "{source}{credential}");
                for loopback in ["http://127.0.0.1/", "http://localhost:1/", "http://LOCALHOST/", "http://[::1]:1/"] {
                    assert!(read(loopback), "{loopback} {source}{credential}");
                }
                let plain = allowed && credential.is_empty();
                // Look-alikes of loopback are other machines.
                for wide in [
                    "http://orders.example/",
                    "http://10.0.0.1/",
                    "http://localhost.example/",
                    "http://127.0.0.1.example/",
                ] {
                    assert_eq!(read(wide), plain, "{wide} allow_insecure = {allowed} {source}{credential}");
                }
            }
        }
    }
}

#[test]
fn ways_to_sign_in_that_do_not_fit_together() {
    let ways = [
        ("username = \"u\"\n", 0b0001),
        ("password_file = \"p\"\n", 0b0010),
        ("bearer_token_file = \"t\"\n", 0b0100),
        ("bearer_token = { file = \"t\" }\n", 0b1000),
    ];
    for mask in 0..16_u8 {
        let lines: String = ways.iter().filter(|(_, bit)| mask & bit != 0).map(|(line, _)| *line).collect();
        let accepted = read_alone(&format!("{KEY}{SERVICE}{}{lines}", super::CHECK)).is_ok();
        assert_eq!(accepted, [0b0000, 0b0011, 0b0100, 0b1000].contains(&mask), "{lines}");
    }
}

#[test]
fn user_information_is_refused_in_every_url() {
    let places = [
        "api_url = \"https://USER@x.example/\"",
        "proxy = \"http://USER@x.example:1\"",
        "[telemetry]\nendpoint = \"https://USER@x.example/\"",
        "[setup.cloud_foundry]\napi = \"https://USER@x.example/\"",
        "[[services]]\nname = \"a\"\nservice_id = \"0f2c8d1e-0000-4000-8000-0123456789ab\"\n[[services.prometheus]]\nurl = \"https://USER@x.example/\"",
    ];
    for place in places {
        for user in ["planted", "planted:", ":planted", "u:planted", "planted%40x:planted"] {
            let invalid = read_alone(&format!("{KEY}{}\n", place.replace("USER", user))).unwrap_err();
            let [problem] = &invalid.problems[..] else { panic!("{invalid:?}") };
            assert!(problem.message.contains("carries a user or a password"), "{problem}");
            assert!(!problem.render(&invalid.text, false).contains("planted"), "{user}");
        }
    }
}
