//! Checks, scrapes, and this machine.

use std::sync::Arc;
use std::time::Duration;

use super::reach;
use super::services::Assembled;
use crate::condense::rules::RuleText;
use crate::condense::{Recipes, SourceConfig, SourceKind, StatusPolicy};
use crate::config::catalogue::{
    HealthSaid, HostSaid, HttpCheckSaid, LevelsSaid, MeaningSaid, PrometheusSaid, WeightSaid,
};
use crate::config::problem::Place;
use crate::config::said::{Choice, Link, Period, Preset, Reader, Said, nearest};
use crate::metric::{ServiceName, SourceKey};
use crate::sources::{host, http_check, prometheus};

/// For one answer, unless it is said or the interval is shorter.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Names of statuses that the agent makes itself.
const OWN_STATUSES: [&str; 2] = ["Service health", "Telemetry"];

/// A check.
pub(super) fn http_check(
    service: &ServiceName,
    said: &HttpCheckSaid,
    assembled: &mut Assembled,
    reader: &mut Reader<'_>,
) {
    let timeout = timeout(&said.timeout, &said.interval, reader);
    let auth = reach::sign_in(&said.sign_in.0, reader);
    levels(&said.latency, "latency", reader, |warning, critical| warning <= critical);
    levels(&said.tls_expiry, "tls_expiry", reader, |warning, critical| warning >= critical);
    let http = said
        .url
        .value
        .as_ref()
        .map(|link| reach::client((link, &said.url.place), timeout, &said.reach.0, &said.sign_in.0, reader));
    what_is_good(said, reader);
    let Some(name) = said.name.value.as_deref() else { return };
    if OWN_STATUSES.contains(&name) {
        let message = format!("{name:?} is the name of a status that the agent makes itself");
        reader.error(&said.name.place, message, "choose another name");
    }
    let key = SourceKey { service: service.clone(), name: name.into() };
    assembled.claim(&key, &said.name.place, reader);
    let (Some(link), Some(http)) = (&said.url.value, http) else { return };
    let meaning = SourceConfig {
        key: key.clone(),
        kind: SourceKind::Check,
        recipes: Recipes::None,
        rules: Vec::new(),
        forward_rest: false,
        status: weight(&said.weight.0),
        across: None,
        labels: None,
    };
    let source = assembled.add(meaning, 0);
    assembled.http_checks.push(http_check::Config {
        source,
        key,
        url: link.0.clone(),
        method: said.method.value.0,
        interval: said.interval.value.0,
        auth,
        http,
        expect_status: said.expect_status.value.iter().map(|codes| codes.0.clone()).collect(),
        expect_body: said.expect_body.value.clone(),
        max_redirects: u8::try_from(said.max_redirects.value.0).unwrap_or(u8::MAX),
        latency: meant_levels(&said.latency.value),
        tls_expiry: meant_levels(&said.tls_expiry.value),
        health: health(&said.health.value),
        max_body_bytes: usize_of(said.max_body_bytes.value.0),
    });
}

/// Expectations that no answer can meet.
fn what_is_good(said: &HttpCheckSaid, reader: &mut Reader<'_>) {
    if said.expect_status.value.is_empty() && !said.expect_status.spoilt {
        let hint = "name the codes that are good, for example [\"200-399\"]";
        reader.error(&said.expect_status.place, "`expect_status` is empty: no answer would be good", hint);
    }
    let has_body = said.method.value.0 == http_check::Method::Get;
    if let (Some(place), false) = (&said.expect_body.place, has_body) {
        reader.error(place, "`expect_body` with HEAD: there is no body to look at", "use method = \"GET\"");
    }
    if let (HealthSaid::Pointer(_), false) = (&said.health.value, has_body) {
        reader.error(
            &said.health.place,
            "`health` with a pointer and HEAD: there is no body to look at",
            "use method = \"GET\"",
        );
    }
}

fn health(said: &HealthSaid) -> http_check::HealthFormat {
    match said {
        HealthSaid::Auto => http_check::HealthFormat::Auto,
        HealthSaid::Off => http_check::HealthFormat::Off,
        HealthSaid::Pointer(table) => http_check::HealthFormat::Pointer {
            pointer: table.pointer.value.clone().map(|pointer| pointer.0).unwrap_or_default(),
            ratings: table.ratings.value.clone().map(|pairs| pairs.0.into_iter().collect()).unwrap_or_default(),
        },
    }
}

/// A scrape.
pub(super) fn prometheus(
    service: &ServiceName,
    said: &PrometheusSaid,
    (assembled, known_recipes): (&mut Assembled, &[String]),
    reader: &mut Reader<'_>,
) {
    let timeout = timeout(&said.timeout, &said.interval, reader);
    let auth = reach::sign_in(&said.sign_in.0, reader);
    let http = said
        .url
        .value
        .as_ref()
        .map(|link| reach::client((link, &said.url.place), timeout, &said.reach.0, &said.sign_in.0, reader));
    let recipes = recipes(&said.meaning.0, Recipes::None, known_recipes, reader);
    let (Some(link), Some(http)) = (&said.url.value, http) else { return };
    let name: Arc<str> = said.name.value.clone().unwrap_or_else(|| target_name(link)).into();
    let key = SourceKey { service: service.clone(), name };
    let meaning = SourceConfig {
        status: weight(&said.weight.0),
        ..meaning(key.clone(), SourceKind::Pull, recipes, &said.meaning.0)
    };
    assembled.claim(&key, said.name.place.as_ref().unwrap_or(&said.url.place), reader);
    let source = assembled.add(meaning, rated_rules(&said.meaning.0));
    assembled.prometheus.push(prometheus::Config {
        source,
        key,
        url: link.0.clone(),
        interval: said.interval.value.0,
        auth,
        http,
        max_body_bytes: usize_of(said.max_body_bytes.value.0),
        max_samples: usize_of(said.max_samples.value.0),
        max_labels: usize_of(said.max_labels.value.0),
        honor_labels: said.honor_labels.value,
        honor_timestamps: said.honor_timestamps.value,
    });
}

/// `host:port/path`.
fn target_name(link: &Link) -> String {
    let port = link.0.port_or_known_default().unwrap_or_default();
    format!("{}:{port}{}", link.0.host_str().unwrap_or_default(), link.0.path())
}

/// This machine.
pub(super) fn host(
    service: &ServiceName,
    said: &HostSaid,
    (assembled, known_recipes): (&mut Assembled, &[String]),
    reader: &mut Reader<'_>,
) {
    let recipes = match &said.meaning.0.recipe.place {
        Some(_) => recipes(&said.meaning.0, Recipes::None, known_recipes, reader),
        None => Recipes::Named(vec!["host".to_owned()]),
    };
    let key = SourceKey { service: service.clone(), name: said.name.value.as_str().into() };
    let meaning = SourceConfig {
        status: weight(&said.weight.0),
        ..meaning(key.clone(), SourceKind::Pull, recipes, &said.meaning.0)
    };
    let place = if said.name.place == Place::Default { &said.place } else { &said.name.place };
    assembled.claim(&key, place, reader);
    let source = assembled.add(meaning, rated_rules(&said.meaning.0));
    let filesystems = said.filesystems.value.clone().unwrap_or_default();
    assembled.hosts.push(host::Config { source, key, interval: said.interval.value.0, filesystems });
}

pub(super) fn meaning(key: SourceKey, kind: SourceKind, recipes: Recipes, said: &MeaningSaid) -> SourceConfig {
    SourceConfig {
        key,
        kind,
        recipes,
        rules: said.rule.value.iter().flatten().map(|said| said.rule.clone()).collect(),
        forward_rest: said.forward_rest.value,
        status: StatusPolicy { confirm: Default::default(), essential: false },
        across: said.across.value.map(|Choice(across)| across),
        labels: said.labels.value.as_ref().map(|labels| labels.iter().map(|label| label.as_str().into()).collect()),
    }
}

/// `by_default` counts where nothing is said and there are no rules.
pub(super) fn recipes(said: &MeaningSaid, by_default: Recipes, known: &[String], reader: &mut Reader<'_>) -> Recipes {
    let Some(names) = &said.recipe.value else {
        return if said.rule.value.is_some() { Recipes::None } else { by_default };
    };
    match &names.0[..] {
        [only] if only.name == "auto" => return Recipes::Auto,
        [only] if only.name == "none" => return Recipes::None,
        _ => {}
    }
    for recipe in names.0.iter().filter(|recipe| !known.contains(&recipe.name)) {
        if matches!(recipe.name.as_str(), "auto" | "none") {
            reader.error(
                &recipe.place,
                format!("{:?} stands alone", recipe.name),
                "name recipes, or say \"auto\" or \"none\"",
            );
            continue;
        }
        let words = || known.iter().map(String::as_str).chain(["auto", "none"]);
        let hint = match nearest(&recipe.name, words()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("there are: {}", words().collect::<Vec<_>>().join(", ")),
        };
        reader.error(&recipe.place, format!("there is no recipe {:?}", recipe.name), hint);
    }
    Recipes::Named(names.0.iter().map(|recipe| recipe.name.clone()).collect())
}

/// How many rows with a rating the rules make, at least.
pub(super) fn rated_rules(said: &MeaningSaid) -> usize {
    let is_rated = |rule: &RuleText| {
        matches!(rule.kind.as_deref(), Some("quota" | "status")) || rule.warning.is_some() || rule.critical.is_some()
    };
    said.rule.value.iter().flatten().filter(|said| is_rated(&said.text)).count()
}

fn weight(said: &WeightSaid) -> StatusPolicy {
    StatusPolicy { confirm: said.confirm.value, essential: said.essential.value }
}

fn timeout(said: &Said<Period<1>>, interval: &Preset<Period<1_000>>, reader: &mut Reader<'_>) -> Duration {
    let (Some(Period(timeout)), Some(place)) = (&said.value, &said.place) else {
        return DEFAULT_TIMEOUT.min(interval.value.0);
    };
    if *timeout > interval.value.0 && !interval.spoilt {
        let interval = humantime::format_duration(interval.value.0);
        let message = format!("`timeout` is longer than the interval ({interval})");
        reader.error(
            place,
            message,
            format!("make it at most {interval}, so that one probe ends before the next begins"),
        );
    }
    *timeout
}

fn levels(said: &Preset<LevelsSaid>, key: &str, reader: &mut Reader<'_>, in_order: fn(Duration, Duration) -> bool) {
    let levels = &said.value;
    let (Some(Period(warning)), Some(Period(critical))) = (&levels.warning.value, &levels.critical.value) else {
        return;
    };
    if !in_order(*warning, *critical) {
        let message = format!("`{key}`: critical would come before warning");
        reader.error(&said.place, message, "exchange the two values");
    }
}

fn meant_levels(said: &LevelsSaid) -> http_check::Levels {
    let duration = |said: &Said<Period<0>>| said.value.map(|Period(duration)| duration);
    http_check::Levels { warning: duration(&said.warning), critical: duration(&said.critical) }
}

pub(super) fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
