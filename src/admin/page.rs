//! The status page: what Cloud ALM would show, and why something does not get there.
//!
//! Server-rendered, no script, one style sheet of our own; it refreshes itself. Every foreign text is escaped by the template engine. The
//! words are Cloud ALM's beside ours: Performance (a gauge), Quota, Status.

use maud::{DOCTYPE, Markup, html};

use crate::agent::status::{RowStatus, ServiceStatus, SourceStatus, Status};

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("style.css");

/// How often the page reloads itself, in seconds.
const REFRESH_SECONDS: u8 = 10;

/// The page for one state of the agent.
pub(super) fn render(status: &Status) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(REFRESH_SECONDS);
                title { "calm-agent: " (status.state) }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    h1 { "calm-agent" }
                    p { (badge(&status.state)) " version " (status.version) ", running since " time { (status.started) } }
                }
                main {
                    (warnings(status))
                    (tiles(&status.services))
                    @for service in &status.services { (service_section(service)) }
                    (sources(&status.sources))
                    (delivery(status))
                    (ledger(status))
                    (refusals(status))
                }
            }
        }
    }
    .into_string()
}

fn badge(state: &str) -> Markup {
    html! { span class={ "badge " (state) } { (state) } }
}

fn warnings(status: &Status) -> Markup {
    let parked = status.services.iter().filter(|service| !service.reason.is_empty());
    html! {
        @if !status.warnings.is_empty() || !status.delivering {
            section class="notice" aria-label="What needs attention" {
                h2 { "Needs attention" }
                ul {
                    @if !status.delivering { li { strong { "Nothing gets through to Cloud ALM at present." } } }
                    @if let Some(error) = &status.token.error { li { "Token: " (error) } }
                    @for service in parked { li { (service.name) ": " (service.reason) } }
                    @for warning in &status.warnings { li { (warning) } }
                }
            }
        }
    }
}

fn tiles(services: &[ServiceStatus]) -> Markup {
    html! {
        section aria-label="Services" class="tiles" {
            @for service in services {
                a class={ "tile " (service.tile) } href={ "#service-" (service.name) } {
                    strong { (service.name) }
                    span class="score" {
                        @match service.score { Some(score) => { (format!("{score:.0} %")) } None => { "–" } }
                    }
                    span { (service.rating) }
                }
            }
        }
    }
}

fn service_section(service: &ServiceStatus) -> Markup {
    html! {
        section id={ "service-" (service.name) } {
            h2 { (service.name) " " (badge(&service.state)) }
            p class="quiet" {
                "Object " code { (service.service_id) }
                @if let Some(time) = &service.last_accepted { ", Cloud ALM last took data at " time { (time) } }
                @if let Some(maintenance) = &service.maintenance { ", " (maintenance) }
            }
            @if service.rows.is_empty() {
                p { "Nothing yet: the first window closes within 15 seconds of the start." }
            } @else {
                div class="scroll" tabindex="0" role="region" aria-label={ "Rows of " (service.name) } {
                    table {
                        thead { tr { th { "Name" } th { "Label" } th { "Rating" } th { "Value / Text" } th { "History" } th { "Type" } th { "Time" } } }
                        tbody { @for row in &service.rows { (row_line(row)) } }
                    }
                }
            }
            @if !service.cut.is_empty() {
                p class="cut" {
                    "Over " code { "max_metrics" } ", not sent: " (service.cut.join(", ")) ". A recipe or a rule would select what matters."
                }
            }
        }
    }
}

fn row_line(row: &RowStatus) -> Markup {
    html! {
        tr {
            td { (row.name) }
            td class="label" { (row.label) }
            td { (badge(&row.rating)) }
            td class="value" { (row.value) }
            td { (plot(&row.history)) }
            td { (row.kind) }
            td class="quiet" { @if let Some(time) = &row.time { (time) } }
        }
    }
}

/// Width and height of a plot, in its own units.
const PLOT: (f64, f64) = (120.0, 24.0);

/// A small line of the last values. Flat values draw a line in the middle.
fn plot(history: &[f64]) -> Markup {
    let (least, most) =
        history.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let spread = most - least;
    let step = PLOT.0 / (history.len().max(2) - 1) as f64;
    let points: Vec<String> = history
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let share = if spread > 0.0 { (value - least) / spread } else { 0.5 };
            format!("{:.1},{:.1}", index as f64 * step, (PLOT.1 - 2.0).mul_add(1.0 - share, 1.0))
        })
        .collect();
    html! {
        @if history.len() > 1 {
            svg class="plot" viewBox={ "0 0 " (PLOT.0) " " (PLOT.1) } role="img" aria-label={ "from " (short(least)) " to " (short(most)) } {
                polyline points=(points.join(" "));
            }
        }
    }
}

fn short(value: f64) -> String {
    if value == 0.0 || (0.01..1e6).contains(&value.abs()) { format!("{value:.2}") } else { format!("{value:.2e}") }
}

fn sources(sources: &[SourceStatus]) -> Markup {
    html! {
        section {
            h2 { "Sources" }
            div class="scroll" tabindex="0" role="region" aria-label="Sources" {
                table {
                    thead { tr { th { "Service" } th { "Source" } th { "Kind" } th { "State" } th { "Last success" } th { "Error" } } }
                    tbody {
                        @for source in sources {
                            tr {
                                td { (source.service) }
                                td { (source.name) }
                                td { (source.kind) }
                                td { (badge(&source.state)) }
                                td class="quiet" { @if let Some(time) = &source.last_success { (time) } }
                                td { @if let Some(error) = &source.error { (error) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn delivery(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Delivery" }
            dl {
                dt { "Requests in the last minute" }
                dd { (status.budget.used_last_minute) " of " (status.budget.requests_per_minute) " allowed" }
                dt { "Waiting" }
                dd {
                    (status.queue.points) " points, " (status.queue.bytes) " bytes"
                    @if let Some(oldest) = &status.queue.oldest { ", oldest from " time { (oldest) } }
                }
                dt { "Token" }
                dd {
                    @match &status.token.expires { Some(time) => { "valid until " time { (time) } } None => { "none" } }
                    @if !status.token.scopes.is_empty() { span class="quiet" { " (" (status.token.scopes.join(", ")) ")" } }
                }
                @if let Some(receiver) = &status.receiver {
                    dt { "OTLP receiver" }
                    dd {
                        (receiver.address) ", " (receiver.requests) " requests"
                        @if receiver.other_signals > 0 { ", " (receiver.other_signals) " pushes of traces or logs discarded" }
                        @if !receiver.unrouted.is_empty() { ", no route for: " (receiver.unrouted.join(", ")) }
                    }
                }
                dt { "Storage" }
                dd { (status.storage) }
            }
        }
    }
}

fn ledger(status: &Status) -> Markup {
    let ledger = &status.ledger;
    let rows = [
        ("accepted", ledger.accepted),
        ("delivered", ledger.delivered),
        ("queued", ledger.queued),
        ("merged", ledger.merged),
        ("rejected", ledger.rejected),
        ("expired", ledger.expired),
    ];
    html! {
        section {
            h2 { "Ledger " (badge(if ledger.balanced { "ok" } else { "degraded" })) }
            p class="quiet" { "Every accepted data point has exactly one fate." }
            dl class="ledger" {
                @for (name, count) in rows { dt { (name) } dd { (count) } }
                @for (reason, count) in &ledger.dropped { dt { "dropped: " (reason.replace('_', " ")) } dd { (count) } }
                @for (reason, count) in &ledger.refused { dt { "refused: " (reason.replace('_', " ")) } dd { (count) } }
            }
        }
    }
}

fn refusals(status: &Status) -> Markup {
    html! {
        @if !status.refusals.is_empty() {
            section {
                h2 { "Refused by Cloud ALM" }
                div class="scroll" tabindex="0" role="region" aria-label="Refusals" {
                    table {
                        thead { tr { th { "Time" } th { "Service" } th { "Answer" } th { "Correlation" } } }
                        tbody {
                            @for refusal in &status.refusals {
                                tr {
                                    td { (refusal.time) }
                                    td { (refusal.service) }
                                    td { (refusal.message) }
                                    td class="quiet" { (refusal.correlation) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
