//! The status document and the readers of the self-metrics: both look at the same numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::core::Shown;
use super::house::House;
use super::status::{
    BudgetStatus, LedgerStatus, QueueStatus, ReceiverStatus, RefusalStatus, RowStatus, ServiceStatus, SourceStatus,
    Status, TokenStatus,
};
use crate::condense::{Colour, RowKind, RowView, ServiceView};
use crate::deliver::{LaneStatus, Snapshot};
use crate::metric::{Body, Labels, Rating};
use crate::otlp::Reason;
use crate::sap::uaa::{PUSH_SCOPES, missing_scopes};
use crate::telemetry::instruments::{Instruments, Reading, declared};
use crate::telemetry::{Component, DropReason, RefusalReason, State};

/// The state of everything.
pub(super) fn status(house: &House) -> Status {
    let shown = house.shown.load();
    let delivery = house.dispatcher.snapshot();
    let overall = house.board.overall();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: overall.as_str().to_owned(),
        started: house.started.to_string(),
        ledger: ledger(house),
        services: shown.view.services.iter().map(|service| service_status(service, &shown, &delivery)).collect(),
        sources: sources(house),
        queue: QueueStatus {
            points: house.ledger.balance().queued,
            bytes: delivery.queue.bytes,
            oldest: delivery.queue.oldest.clone(),
        },
        budget: BudgetStatus {
            requests_per_minute: delivery.budget.requests_per_minute,
            used_last_minute: u32::try_from(delivery.budget.used_last_minute).unwrap_or(u32::MAX),
        },
        token: TokenStatus {
            expires: delivery.token.expires.clone(),
            scopes: delivery.token.scopes.clone(),
            error: delivery.token.last_error.clone(),
        },
        receiver: receiver(house),
        // Journal and outbox live in memory in this version, whatever the disk beneath would keep.
        storage: "ephemeral (in memory: what is queued is lost when the process ends)".to_owned(),
        delivering: is_delivering(&delivery),
        refusals: delivery.refusals.iter().map(refusal).collect(),
        warnings: warnings(house, &shown, &delivery),
    }
}

/// Something gets through: the way is open, and not every lane is parked.
fn is_delivering(delivery: &Snapshot) -> bool {
    let all_parked = !delivery.lanes.is_empty() && delivery.lanes.iter().all(|lane| lane.state == "parked");
    delivery.state == "ok" && !all_parked
}

fn ledger(house: &House) -> LedgerStatus {
    let balance = house.ledger.balance();
    let named = |counts: BTreeMap<&'static str, u64>| {
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    };
    let refused = refused(house).into_iter().filter(|(_, count)| *count > 0).collect();
    LedgerStatus {
        accepted: balance.accepted,
        delivered: balance.delivered,
        queued: balance.queued,
        merged: balance.merged,
        rejected: balance.rejected,
        expired: balance.expired,
        dropped: named(balance.dropped),
        refused: named(refused),
        balanced: balance.balanced,
    }
}

/// Points refused before acceptance: by pulled sources, and by the receiver, whose finer reasons are summed up.
fn refused(house: &House) -> BTreeMap<&'static str, u64> {
    let mut counts: BTreeMap<&'static str, u64> =
        RefusalReason::ALL.map(|reason| (reason.as_str(), house.ledger.refused(reason))).into();
    let by_receiver = house.receiver.get().map(|(_, stats)| stats.snapshot().refused).unwrap_or_default();
    for (reason, count) in by_receiver {
        let reason = match reason {
            Reason::NoRoute => RefusalReason::NoRoute,
            Reason::TooOld => RefusalReason::TooOld,
            Reason::InFuture => RefusalReason::Future,
            Reason::TooLong | Reason::TooManyAttributes | Reason::TooManyBuckets | Reason::TooManyPoints => {
                RefusalReason::Limit
            }
            Reason::NoData
            | Reason::NoValue
            | Reason::NoName
            | Reason::NotText
            | Reason::Attributes
            | Reason::Temporality
            | Reason::Buckets => RefusalReason::Malformed,
        };
        *counts.entry(reason.as_str()).or_default() += count;
    }
    counts
}

fn service_status(service: &ServiceView, shown: &Shown, delivery: &Snapshot) -> ServiceStatus {
    let lane = delivery.lanes.iter().find(|lane| lane.service == service.name.as_str());
    let told = |read: fn(&LaneStatus) -> Option<&String>| lane.and_then(read).cloned();
    let colour = service.tile.map_or("grey", |tile| match tile.colour {
        Colour::Green => "green",
        Colour::Yellow => "yellow",
        Colour::Red => "red",
    });
    let reason = match (told(|lane| lane.reason.as_ref()), told(|lane| lane.hint.as_ref())) {
        (Some(reason), Some(hint)) => format!("{reason}; {hint}"),
        (reason, _) => reason.unwrap_or_default(),
    };
    ServiceStatus {
        name: service.name.to_string(),
        service_id: service.id.to_string(),
        state: lane.map_or("starting", |lane| lane.state).to_owned(),
        reason,
        rating: service.rating.map_or("unknown", Rating::as_str).to_owned(),
        last_accepted: told(|lane| lane.last_accepted.as_ref()),
        tile: colour.to_owned(),
        score: service.tile.map(|tile| f64::from(tile.score)),
        rows: service.rows.iter().map(|row| row_status(service, row, shown)).collect(),
        cut: service.cut.iter().map(ToString::to_string).collect(),
        maintenance: service.maintenance.clone(),
    }
}

fn row_status(service: &ServiceView, row: &RowView, shown: &Shown) -> RowStatus {
    let unit = &*row.unit;
    let (rating, value) = match &row.body {
        Some(Body::Gauge(value)) => (Rating::Info, with_unit(*value, unit)),
        Some(Body::Quota { used, limit, rating }) => (
            *rating,
            format!("{} / {} ({:.0} %)", with_unit(*used, unit), with_unit(*limit, unit), used / limit * 100.0),
        ),
        Some(Body::Status { rating, text }) => (*rating, text.to_string()),
        None => (Rating::Info, String::new()),
    };
    RowStatus {
        name: row.name.to_string(),
        label: label(&row.labels),
        kind: match row.kind {
            RowKind::Performance => "Performance",
            RowKind::Quota => "Quota",
            RowKind::Status => "Status",
        }
        .to_owned(),
        rating: rating.as_str().to_owned(),
        value,
        time: row.since.is_set().then(|| row.since.to_string()),
        history: shown.history.of(&service.name, &row.name, &row.labels),
    }
}

/// As Cloud ALM writes a label: `key:value;key:value`.
fn label(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(";")
}

/// A number as a person reads it; bytes in their largest fitting unit.
fn with_unit(value: f64, unit: &str) -> String {
    if unit == "By" || unit == "bytes" {
        const STEPS: [(&str, f64); 4] =
            [("TiB", 1.099_511_627_776e12), ("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1_024.0)];
        return match STEPS.into_iter().find(|(_, step)| value.abs() >= *step) {
            Some((name, step)) => format!("{:.2} {name}", value / step),
            None => format!("{value:.0} B"),
        };
    }
    let digits = match value.abs() {
        size if value.fract() == 0.0 && size < 1e15 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.3e}"),
    };
    if matches!(unit, "" | "1") { digits } else { format!("{digits} {unit}") }
}

fn sources(house: &House) -> Vec<SourceStatus> {
    let components = house.board.all();
    components
        .into_iter()
        .filter_map(|(component, status)| {
            let Component::Source { service, name, kind } = component else { return None };
            Some(SourceStatus {
                name,
                kind: kind.to_owned(),
                service,
                state: status.state.as_str().to_owned(),
                last_success: status.last_success.map(|time| time.to_string()),
                error: (!status.reason.is_empty()).then_some(status.reason),
            })
        })
        .collect()
}

fn receiver(house: &House) -> Option<ReceiverStatus> {
    let (address, stats) = house.receiver.get()?;
    let seen = stats.snapshot();
    Some(ReceiverStatus {
        address: address.clone(),
        requests: seen.requests,
        other_signals: seen.traces + seen.logs,
        unrouted: seen.unrouted.into_iter().map(|(name, points)| format!("{name} ({points} points)")).collect(),
    })
}

fn refusal(refusal: &crate::deliver::RefusalStatus) -> RefusalStatus {
    let ids: Vec<String> = refusal.correlation.iter().map(|(name, id)| format!("{name}: {id}")).collect();
    RefusalStatus {
        time: refusal.time.clone(),
        service: refusal.service.clone(),
        message: refusal.cause.clone(),
        correlation: ids.join(", "),
    }
}

fn warnings(house: &House, shown: &Shown, delivery: &Snapshot) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(reason) = &delivery.reason {
        let hint = delivery.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        all.push(format!("Delivery pauses: {reason}{hint}"));
    }
    let missing = missing_scopes(&delivery.token.scopes, &PUSH_SCOPES);
    if !missing.is_empty() {
        all.push(format!("The token lacks {}: the instance was made without these authorities", missing.join(" and ")));
    }
    if let Some(error) = house.keys.error() {
        all.push(format!("The service key cannot be read again, the last good one stays in use: {error}"));
    }
    if let Some(problem) = &*house.reload_problem.load() {
        all.push(format!("The new configuration was not taken, the last good one stays in force: {problem}"));
    }
    all.extend(house.keys.receiver().current().key.summary(house.clock.now()).warnings);
    for service in &shown.view.services {
        all.extend(service.warnings.iter().map(|warning| format!("{}: {warning}", service.name)));
    }
    all
}

/// Registers every self-metric with its reader.
pub(super) fn register(house: &Arc<House>) {
    let instruments = Arc::clone(&house.instruments);
    let one = |declaration, read: fn(&House) -> f64| {
        let house = Arc::downgrade(house);
        instruments.register_one(declaration, move || house.upgrade().map_or(f64::NAN, |house| read(&house)));
    };
    one(declared::ACCEPTED, |house| house.ledger.balance().accepted as f64);
    one(declared::DELIVERED, |house| house.ledger.balance().delivered as f64);
    one(declared::QUEUED, |house| house.ledger.balance().queued as f64);
    one(declared::MERGED, |house| house.ledger.balance().merged as f64);
    one(declared::REJECTED, |house| house.ledger.balance().rejected as f64);
    one(declared::EXPIRED, |house| house.ledger.balance().expired as f64);
    one(declared::MADE, |house| house.ledger.made() as f64);
    one(declared::BALANCED, |house| f64::from(u8::from(house.ledger.balance().balanced)));
    one(declared::REQUESTS_IN, |house| house.receiver.get().map_or(0.0, |(_, stats)| stats.snapshot().requests as f64));
    one(declared::OTHER_SIGNALS, |house| {
        house.receiver.get().map_or(0.0, |(_, stats)| {
            let seen = stats.snapshot();
            (seen.traces + seen.logs) as f64
        })
    });
    house.dispatcher.register(&instruments);
    one(declared::SERIES, |house| house.shown.load().view.series as f64);
    one(declared::START, |house| house.started.as_secs_f64());
    one(declared::MEMORY, |_| resident_bytes().unwrap_or(f64::NAN));
    register_by_reason(house, &instruments);
}

fn register_by_reason(house: &Arc<House>, instruments: &Instruments) {
    let many = |declaration, read: fn(&House) -> Vec<Reading>| {
        let house = Arc::downgrade(house);
        instruments.register(declaration, move || house.upgrade().map(|house| read(&house)).unwrap_or_default());
    };
    many(declared::DROPPED, |house| {
        DropReason::ALL.map(|reason| (Some(reason.as_str().to_owned()), house.ledger.dropped(reason) as f64)).into()
    });
    many(declared::REFUSED, |house| {
        refused(house).into_iter().map(|(reason, count)| (Some(reason.to_owned()), count as f64)).collect()
    });
    many(declared::SOURCES, |house| {
        let mut counts: BTreeMap<State, u32> = BTreeMap::new();
        for (component, status) in house.board.all() {
            if matches!(component, Component::Source { .. }) {
                *counts.entry(status.state).or_default() += 1;
            }
        }
        counts.into_iter().map(|(state, count)| (Some(state.as_str().to_owned()), f64::from(count))).collect()
    });
}

/// Resident memory. Source: proc(5), the second number of `/proc/self/statm`, in pages.
fn resident_bytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, unit, text) in [
            (2_147_483_648.0, "By", "2.00 GiB"),
            (12.0, "By", "12 B"),
            (42.0, "1", "42"),
            (0.123_45, "%", "0.123 %"),
            (123.456, "ms", "123.5 ms"),
            (0.000_012, "s", "1.200e-5 s"),
            (-3.0, "", "-3"),
        ] {
            assert_eq!(with_unit(value, unit), text);
        }
    }

    #[test]
    fn a_label_reads_as_cloud_alm_writes_it() {
        let labels: Labels = [("a".into(), "1".into()), ("b".into(), "x y".into())].into();
        assert_eq!(label(&labels), "a:1;b:x y");
    }

    #[test]
    fn memory_is_known_on_linux() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000.0));
    }
}
