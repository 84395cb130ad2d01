//! Whether anything may go to Cloud ALM at all.
//!
//! ```text
//!          fails, throttled                 time is over             taken
//!   open ───────────────────► paused ───────────────────► one try ──────────► open
//!    │                           ▲                          │ fails, longer pause
//!    │ credential refused        └──────────────────────────┘
//!    └───────────────────► parked ──► one small request every 5 min, and at once when the key is touched
//! ```

use std::time::Duration;

use tokio::time::Instant;

use super::verdict::Cause;
use crate::http::Backoff;

/// Between two probes with a token that Cloud ALM refuses. Each probe asks for one new token and the first refusal for two, so a little more
/// than five minutes keeps token requests at twelve in any hour.
const REFUSED_EVERY: Duration = Duration::from_secs(330);
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause when somebody answers.
const MOST_REACHABLE: Duration = Duration::from_secs(15);
/// The longest pause when nobody does. With a connection attempt of 10 s it stays below the minute in which status changes must be out
/// after an outage.
const MOST_UNREACHABLE: Duration = Duration::from_secs(45);

#[derive(Debug)]
pub(super) enum Gate {
    Open,
    Paused { until: Instant, cause: Option<Cause> },
    Parked { next_probe: Instant, cause: Cause },
}

/// The gate with its memory of failures.
#[derive(Debug)]
pub(super) struct Way {
    pub gate: Gate,
    reachable: Backoff,
    unreachable: Backoff,
}

impl Way {
    pub(super) const fn new() -> Self {
        Self {
            gate: Gate::Open,
            reachable: Backoff::new(FIRST, MOST_REACHABLE),
            unreachable: Backoff::new(FIRST, MOST_UNREACHABLE),
        }
    }

    /// How many may be in flight, or when to ask again.
    pub(super) fn allows(&self, most: usize, now: Instant) -> Result<usize, Instant> {
        match &self.gate {
            Gate::Open => Ok(most),
            // One alone shows whether it works again.
            Gate::Paused { until: at, .. } | Gate::Parked { next_probe: at, .. } => {
                if *at <= now {
                    Ok(1)
                } else {
                    Err(*at)
                }
            }
        }
    }

    pub(super) const fn is_parked(&self) -> bool {
        matches!(self.gate, Gate::Parked { .. })
    }

    /// Something was taken.
    pub(super) fn opened(&mut self) {
        self.gate = Gate::Open;
        self.reachable.reset();
        self.unreachable.reset();
    }

    /// It failed, and passes.
    pub(super) fn failed(&mut self, after: Option<Duration>, reachable: bool, cause: Cause, now: Instant) {
        let backoff = if reachable { &mut self.reachable } else { &mut self.unreachable };
        let wait = after.unwrap_or_else(|| backoff.next_wait());
        self.pause(wait, Some(cause), now);
    }

    /// Nothing goes out for `wait`.
    pub(super) fn pause(&mut self, wait: Duration, cause: Option<Cause>, now: Instant) {
        // A longer pause that somebody asked for stays.
        let until = match &self.gate {
            Gate::Paused { until, .. } => (*until).max(now + wait),
            Gate::Parked { .. } => return self.probe_later(wait, now),
            Gate::Open => now + wait,
        };
        self.gate = Gate::Paused { until, cause };
    }

    /// The credential is refused.
    pub(super) fn park(&mut self, cause: Cause, wait: Option<Duration>, now: Instant) {
        let wait = wait.unwrap_or_else(|| REFUSED_EVERY.mul_f64(1.0 + 0.1 * fastrand::f64()));
        self.gate = Gate::Parked { next_probe: now + wait, cause };
    }

    /// The key was touched.
    pub(super) fn wake(&mut self, now: Instant) {
        match &mut self.gate {
            Gate::Open => {}
            Gate::Paused { until: at, .. } | Gate::Parked { next_probe: at, .. } => *at = now,
        }
    }

    fn probe_later(&mut self, wait: Duration, now: Instant) {
        if let Gate::Parked { next_probe, .. } = &mut self.gate {
            *next_probe = (*next_probe).max(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_let_one_through() {
        let now = Instant::now();
        let mut way = Way::new();
        assert_eq!(way.allows(2, now), Ok(2));
        for _ in 0..12 {
            way.failed(None, false, Cause::Unauthorized, now);
        }
        let until = way.allows(2, now).unwrap_err();
        assert!(until - now <= MOST_UNREACHABLE);
        assert_eq!(way.allows(2, until), Ok(1));
        way.opened();
        assert_eq!(way.allows(2, now), Ok(2));
    }

    #[test]
    fn a_short_pause_does_not_cut_a_long_one() {
        let now = Instant::now();
        let mut way = Way::new();
        way.pause(Duration::from_secs(100), None, now);
        way.failed(None, true, Cause::Unauthorized, now);
        assert_eq!(way.allows(2, now), Err(now + Duration::from_secs(100)));
        way.wake(now);
        assert_eq!(way.allows(2, now), Ok(1));
    }

    #[test]
    fn a_refused_credential_is_shown_twelve_times_an_hour() {
        let now = Instant::now();
        let mut way = Way::new();
        for _ in 0..100 {
            way.park(Cause::Unauthorized, None, now);
            let wait = way.allows(2, now).unwrap_err() - now;
            assert!((330..=363).contains(&wait.as_secs()));
        }
        assert!(way.is_parked());
    }
}
