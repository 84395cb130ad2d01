//! From an answer to a rating and one sentence.
//!
//! The worst of three counts: what the body or else the status code says, what the body holds, how long it took. A health document that is
//! bad speaks for itself, whatever the code; one that is well does not excuse a code that is not expected. Pure: no time, no I/O.

use std::time::Duration;

use http::StatusCode;

use super::health::{Measurement, Reading, one_line, read};
use super::{Config, HealthFormat, Levels, Method};
use crate::metric::Rating;
use crate::units::ByteSize;

/// An answer as far as it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its content type, empty when there was none.
    pub(super) content_type: &'a str,
    /// Its body.
    pub(super) body: &'a [u8],
    /// Whether the body was longer.
    pub(super) truncated: bool,
    /// From the first byte sent to the last one read, redirects included.
    pub(super) took: Duration,
    /// Why its redirect was not followed.
    pub(super) redirect: Option<&'a str>,
    /// Whether a health document came from here before, so that anything else is odd.
    pub(super) had_document: bool,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    /// The worst of all that was found.
    pub(super) rating: Rating,
    /// One sentence with its cause.
    pub(super) text: String,
    /// Numbers of the health document.
    pub(super) measurements: Vec<Measurement>,
    /// Whether there was a health document.
    pub(super) had_document: bool,
}

/// Judges an answer.
pub(super) fn judge(config: &Config, seen: &Seen<'_>) -> Judgement {
    let reading = match config.method {
        Method::Head => Reading::Other,
        Method::Get => read(&config.health, seen.content_type, seen.body),
    };
    let (mut rating, mut text) = said(config, seen, &reading);
    if !rating.is_bad()
        && let Some(missing) = missing(config, seen)
    {
        (rating, text) = (Rating::Critical, missing);
    }
    if let Some((slow, limit)) = slow(config.latency, seen.took) {
        let took = seen.took.as_secs_f64();
        let joint = if rating.is_bad() { "; it also" } else { ", but" };
        text = format!("{text}{joint} took {took:.1} s ({slow} from {})", humantime::format_duration(limit));
        rating = if rating.is_bad() { rating.max(slow) } else { slow };
    }
    let (measurements, had_document) = match reading {
        Reading::Document(health) => (health.measurements, true),
        _ => (Vec::new(), false),
    };
    Judgement { rating, text, measurements, had_document }
}

/// What the body or else the status code says.
fn said(config: &Config, seen: &Seen<'_>, reading: &Reading) -> (Rating, String) {
    let expected = config.expect_status.iter().any(|codes| codes.contains(&seen.status.as_u16()));
    let wants_document = wants_document(config, seen);
    if let Some(redirect) = seen.redirect.filter(|_| wants_document || !expected) {
        return (Rating::Critical, redirect.to_owned());
    }
    let code = in_words(seen.status);
    match reading {
        Reading::Document(health) if health.rating.is_bad() => (health.rating, health.text.clone()),
        Reading::Document(health) if expected => (health.rating, format!("{} ({code})", health.text)),
        Reading::Document(health) => {
            (Rating::Critical, format!("answers {code}, although its health document says {}", health.text))
        }
        _ if !expected => (Rating::Critical, format!("answers {code}{}", advice(seen.status))),
        Reading::Html if wants_document => (
            Rating::Critical,
            format!(
                "answers {code} with an HTML page where a health document is expected; is it a login page, or a proxy's?"
            ),
        ),
        Reading::Unfit(problem) => (Rating::Critical, problem.clone()),
        Reading::Other if wants_document && seen.truncated => (
            Rating::Warning,
            format!(
                "answers {code} with more than {}, too much for a health document; check the URL, or raise max_body_bytes",
                ByteSize(config.max_body_bytes as u64)
            ),
        ),
        Reading::Html | Reading::Other => (Rating::Ok, format!("answers {code}")),
    }
}

/// Last parts of paths behind which health documents live: MicroProfile, Kubernetes, ASP.NET, CAP.
const HEALTH_PATHS: [&str; 6] = ["livez", "readyz", "live", "ready", "liveness", "readiness"];

/// Whether a path says that a health document is to be had: `/health` and the like anywhere in it, or one of [`HEALTH_PATHS`] at its end.
fn is_health_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.clone().any(|part| part.starts_with("health"))
        || parts.next_back().is_some_and(|last| HEALTH_PATHS.contains(&last))
}

fn wants_document(config: &Config, seen: &Seen<'_>) -> bool {
    match config.health {
        HealthFormat::Off => false,
        HealthFormat::Pointer { .. } => true,
        HealthFormat::Auto => seen.had_document || is_health_path(config.url.path()),
    }
}

fn missing(config: &Config, seen: &Seen<'_>) -> Option<String> {
    let wanted = config.expect_body.as_deref().filter(|_| config.method == Method::Get)?;
    if memchr::memmem::find(seen.body, wanted.as_bytes()).is_some() {
        return None;
    }
    let code = in_words(seen.status);
    let place = if seen.truncated {
        format!("the first {} of its body do", ByteSize(config.max_body_bytes as u64))
    } else {
        "its body does".to_owned()
    };
    Some(format!("answers {code}, but {place} not hold {:?}", one_line(wanted)))
}

fn slow(levels: Levels, took: Duration) -> Option<(Rating, Duration)> {
    let over = |level: Option<Duration>, rating| level.filter(|level| took >= *level).map(|level| (rating, level));
    over(levels.critical, Rating::Critical).or_else(|| over(levels.warning, Rating::Warning))
}

fn in_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

const fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "; does the check need credentials, or are its own refused?",
        404 | 410 => "; check the path of the URL",
        405 => "; try method = \"GET\"",
        407 => "; the proxy asks for credentials",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::config;
    use super::*;

    fn seen<'a>(status: u16, content_type: &'a str, body: &'a str) -> Seen<'a> {
        Seen {
            status: StatusCode::from_u16(status).unwrap(),
            content_type,
            body: body.as_bytes(),
            truncated: false,
            took: Duration::from_millis(30),
            redirect: None,
            had_document: false,
        }
    }

    fn judged(config: &Config, seen: &Seen<'_>) -> (Rating, String) {
        let judgement = judge(config, seen);
        (judgement.rating, judgement.text)
    }

    #[test]
    fn code_and_document_together() {
        let page = config("http://orders.example/shop");
        let health = config("http://orders.example/actuator/health/");
        let json = "application/json";
        let down = r#"{"status":"DOWN","components":{"db":{"status":"DOWN","details":{"error":"refused"}}}}"#;
        for (config, seen, rating, text) in [
            (&page, seen(200, "text/html", "<html>"), Rating::Ok, "answers 200 OK"),
            (&page, seen(204, "", ""), Rating::Ok, "answers 204 No Content"),
            (&page, seen(299, "", ""), Rating::Ok, "answers 299"),
            (&page, seen(503, "text/html", "<html>"), Rating::Critical, "answers 503 Service Unavailable"),
            (&page, seen(404, "", ""), Rating::Critical, "answers 404 Not Found; check the path of the URL"),
            (&health, seen(200, json, r#"{"status":"UP"}"#), Rating::Ok, "UP (200 OK)"),
            (&health, seen(200, json, r#"{"status":"UNKNOWN"}"#), Rating::Info, "UNKNOWN (200 OK)"),
            (&health, seen(503, json, down), Rating::Critical, "says DOWN: db is DOWN: refused"),
            (&health, seen(200, json, down), Rating::Critical, "says DOWN: db is DOWN: refused"),
            (&health, seen(503, json, r#"{"status":"OUT_OF_SERVICE"}"#), Rating::Warning, "says OUT_OF_SERVICE"),
            (
                &health,
                seen(500, json, r#"{"status":"UP"}"#),
                Rating::Critical,
                "answers 500 Internal Server Error, although its health document says UP",
            ),
            (
                &health,
                seen(401, json, r#"{"status":401,"error":"Unauthorized"}"#),
                Rating::Critical,
                "answers 401 Unauthorized; does the check need credentials, or are its own refused?",
            ),
            (
                &health,
                seen(200, "text/html", "<html>Sign in"),
                Rating::Critical,
                "answers 200 OK with an HTML page where a health document is expected; is it a login page, or a proxy's?",
            ),
            (&health, seen(502, "text/html", "<html>"), Rating::Critical, "answers 502 Bad Gateway"),
            (&health, seen(200, "", ""), Rating::Ok, "answers 200 OK"),
        ] {
            assert_eq!(judged(config, &seen), (rating, text.to_owned()));
        }
    }

    #[test]
    fn an_html_page_is_odd_where_a_document_came_from_before() {
        let page = config("http://orders.example/");
        let html = seen(200, "text/html", "<html>");
        assert_eq!(judged(&page, &html).0, Rating::Ok);
        assert_eq!(judged(&page, &Seen { had_document: true, ..html }).0, Rating::Critical);
        let off = Config { health: HealthFormat::Off, ..config("http://orders.example/health") };
        assert_eq!(judged(&off, &Seen { had_document: true, ..html }).0, Rating::Ok);
    }

    #[test]
    fn the_worst_of_code_and_latency_counts_and_both_are_named() {
        let check = config("http://orders.example/");
        let after = |millis, seen| Seen { took: Duration::from_millis(millis), ..seen };
        assert_eq!(judged(&check, &after(1_999, seen(200, "", ""))).0, Rating::Ok);
        assert_eq!(
            judged(&check, &after(2_400, seen(200, "", ""))),
            (Rating::Warning, "answers 200 OK, but took 2.4 s (warning from 2s)".into())
        );
        assert_eq!(
            judged(&check, &after(4_000, seen(500, "", ""))),
            (Rating::Critical, "answers 500 Internal Server Error; it also took 4.0 s (critical from 4s)".into())
        );
        let unknown = seen(200, "", r#"{"status":"UNKNOWN"}"#);
        assert_eq!(judged(&check, &after(2_000, unknown)).0, Rating::Warning, "info does not hide a warning");
        let never = Config { latency: Levels { warning: None, critical: None }, ..check };
        assert_eq!(judged(&never, &after(60_000, seen(200, "", ""))).0, Rating::Ok);
    }

    #[test]
    fn a_body_must_hold_its_text_if_one_is_told() {
        let check = Config { expect_body: Some("Welcome".into()), ..config("http://orders.example/") };
        assert_eq!(judged(&check, &seen(200, "", "… Welcome …")).0, Rating::Ok);
        let (rating, text) = judged(&check, &seen(200, "", "Sorry"));
        assert_eq!((rating, &*text), (Rating::Critical, r#"answers 200 OK, but its body does not hold "Welcome""#));
        let (_, text) = judged(&check, &Seen { truncated: true, ..seen(200, "", "Sorry") });
        assert!(text.contains("the first 64 KiB of its body do not hold"), "{text}");
        let head = Config { method: Method::Head, ..check };
        assert_eq!(judged(&head, &seen(200, "", "")).0, Rating::Ok, "a HEAD has no body to look at");
    }

    #[test]
    fn paths_that_promise_a_health_document() {
        for path in ["/health", "/q/health/live", "/actuator/Health/db/", "/healthz", "/readyz", "/app/liveness"] {
            assert!(is_health_path(path), "{path}");
        }
        for path in ["/", "", "/live/stream", "/shop", "/my-health-food"] {
            assert!(!is_health_path(path), "{path}");
        }
    }

    #[test]
    fn a_document_that_is_too_long_is_said_and_not_guessed() {
        let check = config("http://orders.example/health");
        let cut = Seen { truncated: true, ..seen(200, "application/json", r#"{"status":"DOWN","#) };
        let (rating, text) = judged(&check, &cut);
        assert!(rating == Rating::Warning && text.contains("raise max_body_bytes"), "{text}");
    }

    #[test]
    fn an_expectation_of_its_own_replaces_the_usual_codes() {
        let check = Config { expect_status: vec![401..=401], ..config("http://orders.example/") };
        assert_eq!(judged(&check, &seen(401, "", "")), (Rating::Ok, "answers 401 Unauthorized".into()));
        assert_eq!(judged(&check, &seen(200, "", "")).0, Rating::Critical);
    }

    #[test]
    fn a_redirect_that_is_not_followed_counts_where_it_hides_what_is_wanted() {
        let redirect = Seen { redirect: Some("redirects to login.example"), ..seen(302, "", "") };
        assert_eq!(judged(&config("http://orders.example/"), &redirect).0, Rating::Ok, "302 is among the usual codes");
        let health = config("http://orders.example/health");
        assert_eq!(judged(&health, &redirect), (Rating::Critical, "redirects to login.example".into()));
    }

    #[test]
    fn a_pointer_that_finds_nothing_is_critical_unless_the_code_says_more() {
        let health = HealthFormat::Pointer { pointer: "/s".into(), ratings: Default::default() };
        let check = Config { health, ..config("http://orders.example/") };
        assert!(judged(&check, &seen(200, "", "")).1.contains("empty body"));
        assert_eq!(judged(&check, &seen(502, "", "")).1, "answers 502 Bad Gateway");
    }
}
