//! How many requests may go out, and when.
//!
//! Three bounds at once, retries included:
//! * in any minute at most the allowed rate, which starts at 20, grows by 10 every 10 s while something waits and nothing is refused, halves
//!   when Cloud ALM says 429, and never exceeds `requests_per_minute`: several agents share one tenant and cannot see each other;
//! * paced: a bucket of at most 10, so that a minute's share does not go out in its first second; 5 after a start, since what a run before
//!   sent is not known;
//! * a tenth of the rate is kept for statuses, so that a change goes out at once while a backlog drains.
//!
//! Pure: it is told the time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The window of the rate: a minute, and a second for what the network does to our spacing.
const WINDOW: Duration = Duration::from_secs(61);
/// The rate after a start, a minute.
const START_RATE: u32 = 20;
/// The rate is never halved below this.
const LEAST_RATE: u32 = 5;
/// By how much the rate grows, and how often.
const GROW_BY: u32 = 10;
const GROW_EVERY: Duration = Duration::from_secs(10);
/// The most that goes out at once.
const BURST: f64 = 10.0;
/// The same right after a start.
const START_BURST: f64 = 5.0;

/// The budget of one tenant.
#[derive(Debug)]
pub struct Budget {
    most: u32,
    rate: u32,
    sent: VecDeque<(Instant, bool)>,
    bucket: f64,
    filled: Instant,
    waiting_since: Option<Instant>,
}

impl Budget {
    /// At most `most` requests a minute.
    pub fn new(most: u32, now: Instant) -> Self {
        let most = most.max(1);
        let rate = START_RATE.min(most);
        let bucket = START_BURST.min(f64::from(rate));
        Self { most, rate, sent: VecDeque::new(), bucket, filled: now, waiting_since: None }
    }

    /// Whether a request may go out now, a status or another one.
    ///
    /// # Errors
    /// When to ask again.
    pub fn ready(&mut self, status: bool, now: Instant) -> Result<(), Instant> {
        self.advance(now);
        let reserve = if status { 0 } else { self.reserve() };
        let in_bucket = 1.0 + f64::from(reserve).min(self.burst() - 1.0);
        let statuses_sent = self.sent.iter().filter(|(_, status)| *status).count();
        let unused_reserve = (reserve as usize).saturating_sub(statuses_sent);
        let in_window = (self.rate as usize).saturating_sub(unused_reserve).max(1);

        let bucket_wait = Duration::from_secs_f64((in_bucket - self.bucket).max(0.0) / self.per_second());
        let window_wait = match self.sent.len().checked_sub(in_window) {
            Some(over) => (self.sent[over].0 + WINDOW).saturating_duration_since(now),
            None => Duration::ZERO,
        };
        let wait = bucket_wait.max(window_wait);
        if wait.is_zero() {
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= GROW_EVERY {
            self.rate = (self.rate + GROW_BY).min(self.most);
            self.waiting_since = Some(now);
        }
        // Timers have a millisecond; a hair too early would be asked twice.
        Err(now + wait + Duration::from_millis(1))
    }

    /// A request goes out.
    pub fn spend(&mut self, status: bool, now: Instant) {
        self.advance(now);
        self.bucket -= 1.0;
        self.sent.push_back((now, status));
    }

    /// The request that was spent for at `at` did not go out.
    pub fn refund(&mut self, status: bool, at: Instant) {
        if let Some(index) = self.sent.iter().rposition(|sent| *sent == (at, status)) {
            self.sent.remove(index);
            self.bucket = (self.bucket + 1.0).min(self.burst());
        }
    }

    /// Nothing waits for the budget.
    pub const fn idle(&mut self) {
        self.waiting_since = None;
    }

    /// Cloud ALM said that it was too much.
    pub fn refused(&mut self) {
        self.rate = (self.rate / 2).max(LEAST_RATE.min(self.most));
        self.bucket = self.bucket.min(1.0);
        self.waiting_since = None;
    }

    /// The allowed rate, a minute.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Requests in the last minute.
    pub fn used_last_minute(&mut self, now: Instant) -> usize {
        self.advance(now);
        self.sent.iter().filter(|(time, _)| now.saturating_duration_since(*time) < Duration::from_secs(60)).count()
    }

    fn advance(&mut self, now: Instant) {
        while self.sent.front().is_some_and(|(time, _)| now.saturating_duration_since(*time) >= WINDOW) {
            self.sent.pop_front();
        }
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.bucket = (self.bucket + passed * self.per_second()).min(self.burst());
        self.filled = self.filled.max(now);
    }

    fn per_second(&self) -> f64 {
        f64::from(self.rate) / 60.0
    }

    fn burst(&self) -> f64 {
        BURST.min(f64::from(self.rate))
    }

    const fn reserve(&self) -> u32 {
        self.rate.div_ceil(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sends whatever may go out for `minutes`, asking again when told; returns when each went out.
    fn drain(budget: &mut Budget, start: Instant, minutes: u64) -> Vec<Instant> {
        let (mut now, mut sent) = (start, Vec::new());
        while now < start + Duration::from_secs(60 * minutes) {
            match budget.ready(false, now) {
                Ok(()) => {
                    budget.spend(false, now);
                    sent.push(now);
                }
                Err(at) => now = at,
            }
        }
        sent
    }

    fn most_in_a_minute(sent: &[Instant]) -> usize {
        let minute = Duration::from_secs(60);
        (0..sent.len())
            .map(|i| sent[i..].iter().take_while(|time| **time - sent[i] < minute).count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn grows_to_its_most_and_never_over() {
        let start = Instant::now();
        let mut budget = Budget::new(80, start);
        let sent = drain(&mut budget, start, 30);
        assert_eq!(budget.rate(), 80);
        assert!(most_in_a_minute(&sent) <= 80);
        assert!(
            sent.iter().take_while(|time| **time < start + Duration::from_secs(1)).count() <= 5,
            "small after a start"
        );
        let last = sent.iter().filter(|time| **time > start + Duration::from_secs(20 * 60)).count();
        // Nine tenths are for everything but statuses; 95 % of them are used.
        assert!(last as f64 >= 0.95 * 72.0 * 10.0, "{last}");
    }

    #[test]
    fn a_status_goes_out_while_everything_else_waits() {
        let start = Instant::now();
        let mut budget = Budget::new(80, start);
        drain(&mut budget, start, 10);
        let mut now = start + Duration::from_secs(600);
        while budget.ready(false, now).is_ok() {
            budget.spend(false, now);
        }
        for _ in 0..8 {
            assert_eq!(budget.ready(true, now), Ok(()), "a tenth is kept");
            budget.spend(true, now);
            now += Duration::from_millis(10);
        }
    }

    #[test]
    fn halves_when_refused_and_grows_again_only_while_something_waits() {
        let start = Instant::now();
        let mut budget = Budget::new(80, start);
        drain(&mut budget, start, 5);
        budget.refused();
        assert_eq!(budget.rate(), 40);
        for _ in 0..10 {
            budget.refused();
        }
        assert_eq!(budget.rate(), LEAST_RATE);
        let later = start + Duration::from_secs(3_600);
        budget.idle();
        assert_eq!(budget.ready(false, later), Ok(()));
        assert_eq!(budget.rate(), LEAST_RATE, "nothing waited");
        drain(&mut budget, later, 5);
        assert_eq!(budget.rate(), 80);
    }

    #[test]
    fn what_was_not_sent_is_given_back() {
        let now = Instant::now();
        let mut budget = Budget::new(1, now);
        budget.spend(true, now);
        assert!(budget.ready(true, now).is_err());
        budget.refund(true, now - Duration::from_secs(1));
        assert!(budget.ready(true, now).is_err(), "that was another one");
        budget.refund(true, now);
        assert_eq!(budget.ready(true, now), Ok(()));
        assert_eq!(budget.used_last_minute(now), 0);
    }

    proptest! {
        /// Whatever is asked for and whenever: no minute has more than the most.
        #[test]
        fn no_minute_has_more_than_the_most(most in 1..120_u32, steps in proptest::collection::vec((0..3_000_u64, any::<bool>(), 0..20_u8), 1..400)) {
            let mut now = Instant::now();
            let mut budget = Budget::new(most, now);
            let mut sent = Vec::new();
            for (millis, status, luck) in steps {
                now += Duration::from_millis(millis);
                while budget.ready(status, now).is_ok() {
                    budget.spend(status, now);
                    sent.push(now);
                }
                if luck == 0 {
                    budget.refused();
                }
            }
            prop_assert!(most_in_a_minute(&sent) <= most as usize);
        }
    }
}
