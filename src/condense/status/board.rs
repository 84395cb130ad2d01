//! All statuses: what was observed, what of it counts, and what Cloud ALM was told.
//!
//! ```text
//!   observed ──confirm──► current ──maintenance──► shown ──differs from what was sent──► sent at once
//!                            │                                    │ less than 10 s ago: later, the last one wins
//!                            └──roll-up──► Service health         └ every push interval in any case
//! ```
//!
//! A status may have several members (instances of a service, series of a rule): the worst of them counts, and its text names it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::confirm::Confirmation;
use super::text::one_line;
use crate::clock::Timestamp;
use crate::condense::config::Confirm;
use crate::condense::series::Target;
use crate::metric::{Body, Labels, Rating, Row};

/// A flapping status changes at most once in this time; the last change wins. Source: our own decision, so that one flapping check cannot
/// spend the request budget of a tenant.
const FLAP_INTERVAL: Duration = Duration::from_secs(10);
/// The most statuses of one service: they are exempt from `max_metrics`, but not unbounded.
const MAX_STATUSES: usize = 1_000;
/// The most members of one status.
const MAX_MEMBERS: usize = 1_000;
/// The name of the roll-up.
const HEALTH: &str = "Service health";

/// Which status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StatusKey {
    pub(crate) service: u32,
    pub(crate) name: Arc<str>,
    pub(crate) labels: Labels,
}

/// What a status tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusKind {
    /// What a source observed.
    Observed,
    /// What a rule made of numbers.
    Rule,
    /// Whether senders still send.
    Telemetry,
    /// All of them together.
    Health,
    /// The agent itself.
    Agent,
}

/// Who observed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    /// A source itself.
    Source(u32),
    /// A sender that pushes through a source.
    Sender(u32, Arc<str>),
    /// A series.
    Series(Target),
    /// A row, by its number.
    Row(u32),
    /// The agent.
    Agent,
}

/// An observation for the board.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) kind: StatusKind,
    pub(crate) source: Option<u32>,
    pub(crate) member: Member,
    /// How the member is called where several share a status.
    pub(crate) instance: Arc<str>,
    pub(crate) rating: Rating,
    pub(crate) text: String,
    pub(crate) time: Timestamp,
    pub(crate) confirm: Confirm,
    pub(crate) essential: bool,
}

/// One status.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) kind: StatusKind,
    /// The source it belongs to; none for what belongs to the service as a whole.
    pub(crate) source: Option<u32>,
    /// Whether being down makes the service fatal.
    pub(crate) essential: bool,
    /// Since when it is rated as it is.
    pub(crate) since: Timestamp,
    members: BTreeMap<Member, MemberState>,
    time: Timestamp,
    sent: Option<(Rating, Timestamp)>,
    /// When a change that came too soon goes out.
    due: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct MemberState {
    confirmation: Confirmation,
    instance: Arc<str>,
    /// The latest text that goes with the confirmed rating.
    text: Arc<str>,
}

impl Status {
    /// The rating that counts and its sentence, once there is one.
    pub(crate) fn current(&self) -> Option<(Rating, Arc<str>)> {
        let rated = self.members.values().filter_map(|member| Some((member.confirmation.confirmed()?, member)));
        let (rating, worst) = rated.max_by_key(|(rating, _)| *rating)?;
        // Being down at something essential is fatal: one of these turns the whole tile red, which a mean of many ok rows would not.
        let rating = if self.essential && rating >= Rating::Critical { Rating::Fatal } else { rating };
        let named = self.members.len() > 1 && rating.is_bad() && !worst.instance.is_empty();
        let text =
            if named { one_line(&format!("{}: {}", worst.instance, worst.text)).into() } else { worst.text.clone() };
        Some((rating, text))
    }

    /// What Cloud ALM is shown of it.
    pub(crate) fn shown(&self, maintenance: Option<&str>) -> Option<(Rating, Arc<str>)> {
        let (rating, text) = self.current()?;
        Some(match maintenance {
            Some(reason) => (Rating::Info, one_line(&format!("{reason}: {text}")).into()),
            None => (rating, text),
        })
    }

    fn observe(&mut self, observed: Observed) {
        if self.members.len() >= MAX_MEMBERS && !self.members.contains_key(&observed.member) {
            return;
        }
        let before = self.current().map(|(rating, _)| rating);
        let member = self.members.entry(observed.member).or_default();
        member.confirmation.observe(observed.rating, observed.confirm);
        member.instance = observed.instance;
        if member.confirmation.confirmed() == Some(observed.rating) {
            member.text = one_line(&observed.text).into();
        } else if member.text.is_empty() {
            // Two that are at least a warning: the later one's sentence says most.
            member.text = one_line(&observed.text).into();
        }
        self.essential = observed.essential;
        self.time = observed.time;
        if self.current().map(|(rating, _)| rating) != before {
            self.since = observed.time;
        }
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Board {
    statuses: BTreeMap<StatusKey, Status>,
}

impl Board {
    /// Takes an observation in.
    pub(crate) fn observe(&mut self, key: StatusKey, observed: Observed) {
        if !self.statuses.contains_key(&key) && self.of_service(key.service).count() >= MAX_STATUSES {
            return;
        }
        let status = self.statuses.entry(key).or_insert_with(|| Status {
            kind: observed.kind,
            source: observed.source,
            essential: observed.essential,
            since: observed.time,
            members: BTreeMap::new(),
            time: observed.time,
            sent: None,
            due: None,
        });
        status.observe(observed);
    }

    /// The statuses of a service, by name.
    pub(crate) fn of_service(&self, service: u32) -> impl Iterator<Item = (&StatusKey, &Status)> {
        self.statuses.range((Bound::Included(first_key(service)), Bound::Excluded(first_key(service + 1))))
    }

    /// A status.
    pub(crate) fn get(&self, key: &StatusKey) -> Option<&Status> {
        self.statuses.get(key)
    }

    /// Rolls a service up and returns the rows of what has changed and may be said now.
    pub(crate) fn changes(&mut self, service: u32, maintenance: Option<&str>, now: Timestamp) -> Vec<Row> {
        self.roll_up(service, now);
        let mut rows = Vec::new();
        for (key, status) in self.range_mut(service) {
            let Some((rating, text)) = status.shown(maintenance) else { continue };
            let changed = status.sent.is_none_or(|(sent, _)| sent != rating);
            let free_at = status.sent.map_or(Timestamp::UNSET, |(_, at)| at.plus(FLAP_INTERVAL));
            status.due = (changed && now < free_at).then_some(free_at);
            if changed && status.due.is_none() {
                status.sent = Some((rating, now));
                rows.push(row(key, rating, text, status.time));
            }
        }
        rows
    }

    /// All statuses of a service, as they are repeated every push interval.
    pub(crate) fn repeat(&mut self, service: u32, maintenance: Option<&str>, now: Timestamp) -> Vec<Row> {
        self.roll_up(service, now);
        let mut rows = Vec::new();
        for (key, status) in self.range_mut(service) {
            let Some((rating, text)) = status.shown(maintenance) else { continue };
            if status.sent.is_none_or(|(sent, _)| sent != rating) {
                status.sent = Some((rating, now));
            }
            status.due = None;
            rows.push(row(key, rating, text, now));
        }
        rows
    }

    /// When the next change that was held back may go out.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.statuses.values().filter_map(|status| status.due).min()
    }

    /// Ends the members that `gone` names. A status without members left is told once as info, with `text`.
    pub(crate) fn retire(
        &mut self,
        gone: impl Fn(&StatusKey, &Member) -> bool,
        text: &str,
        now: Timestamp,
    ) -> Vec<(u32, Row)> {
        let mut rows = Vec::new();
        self.statuses.retain(|key, status| {
            let before = status.members.len();
            status.members.retain(|member, _| !gone(key, member));
            if status.members.is_empty() && before > 0 {
                if status.sent.is_some() {
                    rows.push((key.service, row(key, Rating::Info, text.into(), now)));
                }
                return false;
            }
            true
        });
        rows
    }

    /// Moves everything to other services and sources, as a reload numbers them; `None` is what left.
    pub(crate) fn renumber(
        &mut self,
        service: impl Fn(u32) -> Option<u32>,
        source: impl Fn(u32) -> Option<u32>,
        now: Timestamp,
    ) -> Vec<(u32, Row)> {
        let mut rows = Vec::new();
        for (mut key, mut status) in std::mem::take(&mut self.statuses) {
            let members = std::mem::take(&mut status.members);
            status.members = members
                .into_iter()
                .filter_map(|(member, state)| {
                    let member = match member {
                        Member::Source(old) => Member::Source(source(old)?),
                        Member::Sender(old, name) => Member::Sender(source(old)?, name),
                        other => other,
                    };
                    Some((member, state))
                })
                .collect();
            let owner_left = status.source.is_some_and(|old| source(old).is_none());
            status.source = status.source.and_then(&source);
            match service(key.service) {
                Some(new) if !owner_left && !status.members.is_empty() => {
                    key.service = new;
                    self.statuses.insert(key, status);
                }
                _ if status.sent.is_some() => {
                    rows.push((key.service, row(&key, Rating::Info, "no longer monitored".into(), now)));
                }
                _ => {}
            }
        }
        rows
    }

    fn range_mut(&mut self, service: u32) -> impl Iterator<Item = (&StatusKey, &mut Status)> {
        self.statuses.range_mut((Bound::Included(first_key(service)), Bound::Excluded(first_key(service + 1))))
    }

    /// The worst of a service's statuses.
    fn roll_up(&mut self, service: u32, now: Timestamp) {
        let mut worst: Option<(Rating, String)> = None;
        let (mut all, mut bad) = (0, 0);
        for (key, status) in self.of_service(service) {
            if matches!(status.kind, StatusKind::Health | StatusKind::Agent) {
                continue;
            }
            let Some((rating, text)) = status.current() else { continue };
            all += 1;
            bad += usize::from(rating.is_bad());
            if worst.as_ref().is_none_or(|(known, _)| rating > *known) {
                worst = Some((rating, format!("{}: {text}", key.name)));
            }
        }
        let key = StatusKey { service, name: HEALTH.into(), labels: Labels::default() };
        let (rating, text) = match worst {
            Some(worst) => worst,
            None if self.statuses.contains_key(&key) => (Rating::Info, "no longer monitored".to_owned()),
            None => return,
        };
        let text = match (rating.is_bad(), bad) {
            (true, 1) => text,
            (true, _) => format!("{bad} of {all} are not ok. {text}"),
            (false, _) if rating == Rating::Info => text,
            (false, _) => format!("nothing is wrong in {all} status{}", if all == 1 { "" } else { "es" }),
        };
        self.observe(
            key,
            Observed {
                kind: StatusKind::Health,
                source: None,
                member: Member::Agent,
                instance: "".into(),
                rating,
                text,
                time: now,
                confirm: Confirm { bad: 1, of: 1 },
                essential: false,
            },
        );
    }
}

fn first_key(service: u32) -> StatusKey {
    StatusKey { service, name: "".into(), labels: Labels::default() }
}

fn row(key: &StatusKey, rating: Rating, text: Arc<str>, time: Timestamp) -> Row {
    Row {
        name: key.name.clone(),
        unit: "".into(),
        labels: key.labels.clone(),
        resource: Labels::default(),
        time,
        body: Body::Status { rating, text },
        points: 0,
    }
}
