//! Statuses that are read from each point of a series, without waiting for the window.

use std::borrow::Cow;
use std::sync::Arc;

use super::condenser::Condenser;
use super::rules::{Rule, ValueOf};
use super::series::text_of;
use super::status::{Member, Observed, StatusKey, StatusKind, fill, show};
use crate::clock::Timestamp;
use crate::metric::{Attributes, Rating};

/// A status rule and the series it watches.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) key: StatusKey,
    pub(crate) rule: Arc<Rule>,
    pub(crate) scale: f64,
    pub(crate) unit: Arc<str>,
    /// How the instance is called where several share the status.
    pub(crate) instance: Arc<str>,
    /// The last observation, for hysteresis.
    pub(crate) rating: Rating,
}

/// What a rule's sentence is made of.
pub(super) struct Said<'a> {
    pub(super) rule: &'a Rule,
    pub(super) name: &'a str,
    pub(super) value: f64,
    pub(super) limit: Option<f64>,
    pub(super) unit: &'a str,
}

impl Condenser {
    /// Reads the statuses of a series whose point has just come in.
    #[cold]
    pub(super) fn observe_watches(&mut self, slot: u32, now: Timestamp) {
        let (Some(series), Some(target)) = (self.table.series.get(slot), self.table.series.target(slot)) else {
            return;
        };
        let Some(number) = series.state.number(ValueOf::Last) else { return };
        let time = series.state.time_of(ValueOf::Last).unwrap_or(now);
        let source = series.source;
        let Some(config) = self.config.sources.get(source as usize) else { return };
        let attributes = self.table.attributes(slot);
        for watch in self.watches.get_mut(&slot).into_iter().flatten() {
            let value = number * watch.scale;
            watch.rating = rate(&watch.rule, value, None, watch.rating);
            let name = watch.key.name.clone();
            let said = Said { rule: &watch.rule, name: &name, value, limit: None, unit: &watch.unit };
            self.board.observe(
                watch.key.clone(),
                Observed {
                    kind: StatusKind::Rule,
                    source: Some(source),
                    member: Member::Series(target),
                    instance: watch.instance.clone(),
                    rating: watch.rating,
                    text: sentence(&said, |label| text_of(attributes, label)),
                    time,
                    confirm: config.status.confirm,
                    essential: false,
                },
            );
            self.restless.insert(watch.key.service);
        }
    }
}

/// How a status rule rates a value; without thresholds it only informs.
pub(super) fn rate(rule: &Rule, value: f64, share: Option<f64>, current: Rating) -> Rating {
    if rule.thresholds.is_empty() { Rating::Info } else { rule.thresholds.rate(value, share, current) }
}

/// The sentence of a status: the rule's own, or the value.
pub(super) fn sentence<'a>(said: &Said<'_>, label: impl Fn(&str) -> Option<Cow<'a, str>>) -> String {
    let with_unit = |value: f64| {
        let number = show(value);
        match said.unit {
            "" | "1" => number,
            "%" => format!("{number}%"),
            unit => format!("{number} {unit}"),
        }
    };
    match &said.rule.text {
        Some(template) => fill(template, |name| match name {
            "value" => Some(show(said.value)),
            "limit" => Some(said.limit.map_or_else(|| "unknown".to_owned(), show)),
            other => label(other).map(Cow::into_owned),
        }),
        None => {
            let of = said.limit.map_or_else(String::new, |limit| format!(" of {}", with_unit(limit)));
            format!("{} is {}{of}", said.name.trim_end_matches(".status"), with_unit(said.value))
        }
    }
}

/// The attributes of labels that a row already has, for sentences.
pub(super) fn label_in<'a>(labels: &'a crate::metric::Labels) -> impl Fn(&str) -> Option<Cow<'a, str>> {
    |name| labels.iter().find(|(key, _)| **key == *name).map(|(_, value)| Cow::Borrowed(&**value))
}

/// What an instance of a service calls itself, from the attributes of its resource.
pub(super) fn instance_name(attributes: Attributes<'_>) -> Arc<str> {
    ["service.instance.id", "k8s.pod.name", "cloudfoundry.app.instance.id", "host.name", "service.name"]
        .iter()
        .find_map(|key| text_of(attributes, key).filter(|text| !text.is_empty()))
        .map_or_else(|| "".into(), |text| text.as_ref().into())
}
