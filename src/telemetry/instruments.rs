//! Every self-metric, declared once.
//!
//! A [`Declaration`] is a constant in [`declared`]; the room that has the number registers a reader for it. Nothing is recorded on the hot
//! path: the readers look at the same atomics when `/metrics` is asked or the OTLP export is due, so that both always agree. No label of
//! ours comes from input; the closed lists of the ledger and the names of the configuration are all there is.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// What a self-metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One self-metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// Its name, as OpenTelemetry writes it.
    pub name: &'static str,
    /// Its unit (UCUM).
    pub unit: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The one attribute it has, if any.
    pub attribute: Option<&'static str>,
    /// What it says.
    pub description: &'static str,
}

/// All declarations, one line each.
pub mod declared {
    use super::{Declaration, Kind};

    macro_rules! declare {
        ($($constant:ident = $kind:ident $name:literal [$unit:literal] $(by $attribute:literal)? : $description:literal;)+) => {
            $(
                #[doc = $description]
                pub const $constant: Declaration = Declaration {
                    name: $name, unit: $unit, kind: Kind::$kind, attribute: declare!(@attribute $($attribute)?), description: $description,
                };
            )+
            /// Every declaration, in the order of the documentation.
            pub const ALL: &[Declaration] = &[$($constant),+];
        };
        (@attribute) => { None };
        (@attribute $attribute:literal) => { Some($attribute) };
    }

    declare! {
        ACCEPTED = Counter "calm_agent.points.accepted" ["{point}"]: "Data points that were acknowledged.";
        DELIVERED = Counter "calm_agent.points.delivered" ["{point}"]: "Data points that Cloud ALM answered with success.";
        QUEUED = Gauge "calm_agent.points.queued" ["{point}"]: "Data points that wait in open windows or in the outbox.";
        MERGED = Counter "calm_agent.points.merged" ["{point}"]: "Data points folded into a newer or combined value.";
        REJECTED = Counter "calm_agent.points.rejected" ["{point}"]: "Data points that Cloud ALM refused after we had accepted them.";
        EXPIRED = Counter "calm_agent.points.expired" ["{point}"]: "Data points that grew older than Cloud ALM takes.";
        DROPPED = Counter "calm_agent.points.dropped" ["{point}"] by "reason": "Data points that were dropped, by reason.";
        REFUSED = Counter "calm_agent.points.refused" ["{point}"] by "reason": "Data points that were refused before acceptance, by reason.";
        MADE = Counter "calm_agent.items.made" ["{item}"]: "Statuses and roll-ups that the agent made itself.";
        BALANCED = Gauge "calm_agent.ledger.balanced" ["1"]: "1 while every accepted data point has exactly one fate.";
        REQUESTS_IN = Counter "calm_agent.receiver.requests" ["{request}"]: "Requests that the OTLP receiver answered.";
        OTHER_SIGNALS = Counter "calm_agent.receiver.other_signals" ["{request}"]: "Pushes of traces or logs that came unasked and were discarded.";
        REQUESTS_OUT = Counter "calm_agent.requests" ["{request}"] by "outcome": "Requests to Cloud ALM, by what the answer meant.";
        BUDGET = Gauge "calm_agent.budget.allowed" ["{request}/min"]: "Requests a minute that the budget allows now.";
        BUDGET_USED = Gauge "calm_agent.budget.used" ["{request}/min"]: "Requests to Cloud ALM in the last minute.";
        LANES_PARKED = Gauge "calm_agent.lanes.parked" ["{lane}"]: "Services whose lane waits for somebody to put something right.";
        OUTBOX_BYTES = Gauge "calm_agent.outbox.size" ["By"]: "Bytes that wait in the outbox.";
        OLDEST = Gauge "calm_agent.outbox.age" ["s"]: "Age of the oldest batch that waits.";
        TOKEN_LEFT = Gauge "calm_agent.token.remaining" ["s"]: "Seconds until the access token expires.";
        CERTIFICATE_LEFT = Gauge "calm_agent.certificate.remaining" ["d"]: "Days until the certificate of an x509 service key expires.";
        SOURCES = Gauge "calm_agent.sources" ["{source}"] by "state": "Sources, by state.";
        SERIES = Gauge "calm_agent.series" ["{series}"]: "Series that the condenser remembers.";
        START = Gauge "calm_agent.start_time" ["s"]: "When the agent started, in seconds since the epoch.";
        MEMORY = Gauge "process.memory.usage" ["By"]: "Resident memory of the agent.";
    }
}

/// One value of a self-metric, with the value of its attribute where it has one.
pub type Reading = (Option<String>, f64);

type Reader = Arc<dyn Fn() -> Vec<Reading> + Send + Sync>;

/// The readers of all self-metrics. Shared by reference.
#[derive(Default)]
pub struct Instruments(Mutex<Vec<(Declaration, Reader)>>);

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Instruments").field(&self.snapshot().len()).finish()
    }
}

impl Instruments {
    /// Who knows the value of `declaration`. A later reader takes the place of an earlier one.
    pub fn register(&self, declaration: Declaration, read: impl Fn() -> Vec<Reading> + Send + Sync + 'static) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(known, _)| known.name != declaration.name);
        entries.push((declaration, Arc::new(read)));
    }

    /// For a self-metric without an attribute.
    pub fn register_one(&self, declaration: Declaration, read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.register(declaration, move || vec![(None, read())]);
    }

    /// In the Prometheus text format 0.0.4.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (declaration, read) in self.snapshot() {
            let name = exposed_name(&declaration);
            let kind = if declaration.kind == Kind::Counter { "counter" } else { "gauge" };
            // Writing into a string cannot fail.
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", declaration.description);
            for (value, number) in read() {
                let _ = match (declaration.attribute, value) {
                    (Some(key), Some(value)) => writeln!(out, "{name}{{{key}=\"{}\"}} {number}", escaped(&value)),
                    _ => writeln!(out, "{name} {number}"),
                };
            }
        }
        out
    }

    /// Makes observable instruments of all that is registered, so that an SDK reader finds the same values.
    pub fn observe(&self, meter: &Meter) {
        for (declaration, read) in self.snapshot() {
            let attribute = declaration.attribute;
            let measured = move || {
                read().into_iter().map(move |(value, number)| {
                    let pair = attribute.zip(value).map(|(key, value)| KeyValue::new(key, value));
                    (number, pair.into_iter().collect::<Vec<_>>())
                })
            };
            match declaration.kind {
                Kind::Counter => {
                    meter
                        .f64_observable_counter(declaration.name)
                        .with_unit(declaration.unit)
                        .with_description(declaration.description)
                        .with_callback(move |to| measured().for_each(|(number, pairs)| to.observe(number, &pairs)))
                        .build();
                }
                Kind::Gauge => {
                    meter
                        .f64_observable_gauge(declaration.name)
                        .with_unit(declaration.unit)
                        .with_description(declaration.description)
                        .with_callback(move |to| measured().for_each(|(number, pairs)| to.observe(number, &pairs)))
                        .build();
                }
            }
        }
    }

    fn snapshot(&self) -> Vec<(Declaration, Reader)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The name in the text format. Source: OpenTelemetry's compatibility page: dots to underscores, the unit's word, `_total` for counters.
fn exposed_name(declaration: &Declaration) -> String {
    let mut name = declaration.name.replace('.', "_");
    let word = match declaration.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        "d" => "_days",
        _ => "",
    };
    name.push_str(word);
    if declaration.kind == Kind::Counter {
        name.push_str("_total");
    }
    name
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::declared::{ACCEPTED, ALL, DROPPED, TOKEN_LEFT};
    use super::*;

    #[test]
    fn each_declaration_has_a_name_and_text_of_its_own() {
        let mut names: Vec<_> = ALL.iter().map(|declaration| declaration.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|declaration| declaration.description.ends_with('.')));
    }

    #[test]
    fn the_text_has_help_type_and_values() {
        let instruments = Instruments::default();
        instruments.register_one(ACCEPTED, || 1.0);
        instruments.register_one(ACCEPTED, || 7.0);
        instruments.register_one(TOKEN_LEFT, || 0.5);
        instruments.register(DROPPED, || vec![(Some("poi\"son".into()), 2.0)]);
        let text = instruments.text();
        assert!(
            text.contains("# TYPE calm_agent_points_accepted_total counter\ncalm_agent_points_accepted_total 7\n"),
            "{text}"
        );
        assert!(text.contains("calm_agent_token_remaining_seconds 0.5\n"), "{text}");
        assert!(text.contains("calm_agent_points_dropped_total{reason=\"poi\\\"son\"} 2\n"), "{text}");
        assert_eq!(text.matches("# TYPE").count(), 3);
    }
}
