//! Cumulative streams of one series, told apart by their start times.
//!
//! Two senders that say the same identity (a copied configuration, two workers of one process) each count on their own. Taken for one they
//! would look like a reset with every point. So a stream is identity and start time, and a few of them may live beside each other:
//!
//! ```text
//!            first point, start is recent: counts from its start
//!   unknown ────────────────────────────────────────────────────► counting ──┐ next point: difference to the base
//!      │      first point otherwise                                   ▲  ▲   │
//!      └──────────────────────────────► based ────── next point ──────┘  └───┘
//!                                         ▲                     value fell: a reset nobody announced
//!                                         └──────────────────────────────── counting
//! ```
//!
//! The time that was counted is kept as intervals; their union is what a rate is taken over, so that neither a late window nor two streams
//! bend it.

use std::time::Duration;

use super::Arrival;
use crate::clock::Timestamp;

/// The most streams of one series at a time; the one silent for longest makes room.
const MAX_STREAMS: usize = 8;
/// The most intervals of a window that are kept apart; later ones extend the last.
const MAX_INTERVALS: usize = 16;

#[derive(Debug)]
pub(super) struct Streams<B> {
    streams: Vec<Stream<B>>,
    /// Intervals that are complete, such as those before a reset.
    intervals: Vec<(Timestamp, Timestamp)>,
}

#[derive(Debug)]
struct Stream<B> {
    start: Timestamp,
    time: Timestamp,
    base: B,
    /// Where what this window counted of it begins; unset while it counted nothing.
    from: Timestamp,
}

/// Where a point stands in its stream.
pub(super) enum Place<'s, B> {
    /// A stream that is known; tell [`Known::counted`] or [`Known::reset`] once the base has been moved.
    Known(Known<'s, B>),
    /// Not newer than what is known.
    Old,
    /// A new stream; the base was set. Whether it counts from its start.
    New {
        /// Whether all of its value was counted within the last windows.
        counts: bool,
    },
}

/// A known stream.
pub(super) struct Known<'s, B> {
    stream: &'s mut Stream<B>,
    intervals: &'s mut Vec<(Timestamp, Timestamp)>,
    time: Timestamp,
}

impl<B> Default for Streams<B> {
    fn default() -> Self {
        Self { streams: Vec::new(), intervals: Vec::new() }
    }
}

impl<B> Streams<B> {
    /// Finds the stream of a point, or begins one with `base`.
    #[inline]
    pub(super) fn place(
        &mut self,
        start: Timestamp,
        time: Timestamp,
        arrival: Arrival,
        base: impl FnOnce() -> B,
    ) -> Place<'_, B> {
        let Some(index) = self.streams.iter().position(|stream| stream.start == start) else {
            return self.begin(start, time, arrival, base());
        };
        let stream = &mut self.streams[index];
        if time <= stream.time {
            return Place::Old;
        }
        Place::Known(Known { stream, intervals: &mut self.intervals, time })
    }

    #[cold]
    fn begin(&mut self, start: Timestamp, time: Timestamp, arrival: Arrival, base: B) -> Place<'_, B> {
        if self.streams.len() == MAX_STREAMS {
            let oldest = self.streams.iter().enumerate().min_by_key(|(_, stream)| stream.time).map_or(0, |(at, _)| at);
            let gone = self.streams.swap_remove(oldest);
            keep_interval(&mut self.intervals, gone.from, gone.time);
        }
        let counts = start.is_set() && start >= arrival.recent && start < time;
        let from = if counts { start } else { Timestamp::UNSET };
        self.streams.push(Stream { start, time, base, from });
        Place::New { counts }
    }

    /// How much time was counted in this window.
    pub(super) fn elapsed(&self) -> Duration {
        let open = self.streams.iter().filter(|stream| stream.from.is_set()).map(|stream| (stream.from, stream.time));
        if self.intervals.is_empty() && self.streams.len() == 1 {
            return open.map(|(from, to)| to.since(from)).sum();
        }
        let mut all: Vec<_> = self.intervals.iter().copied().chain(open).collect();
        all.sort_unstable();
        let (mut total, mut reached) = (Duration::ZERO, Timestamp::UNSET);
        for (from, to) in all {
            total += to.since(from.max(reached));
            reached = reached.max(to);
        }
        total
    }

    /// Opens the next window.
    pub(super) fn close(&mut self) {
        self.intervals.clear();
        for stream in &mut self.streams {
            stream.from = Timestamp::UNSET;
        }
    }

    /// Forgets the bases of streams without a start time: whether they were reset meanwhile could not be seen.
    pub(super) fn end(&mut self) {
        for stream in self.streams.iter().filter(|stream| !stream.start.is_set()) {
            keep_interval(&mut self.intervals, stream.from, stream.time);
        }
        self.streams.retain(|stream| stream.start.is_set());
    }

    /// How many streams there are.
    pub(super) const fn len(&self) -> usize {
        self.streams.len()
    }
}

impl<B> Known<'_, B> {
    /// What the stream counts from.
    pub(super) const fn base(&mut self) -> &mut B {
        &mut self.stream.base
    }

    /// The difference to the base was counted and the base moved.
    #[inline]
    pub(super) const fn counted(self) {
        if !self.stream.from.is_set() {
            self.stream.from = self.stream.time;
        }
        self.stream.time = self.time;
    }

    /// The value fell: the base was set anew and nothing was counted.
    pub(super) fn reset(self) {
        keep_interval(self.intervals, self.stream.from, self.stream.time);
        self.stream.from = Timestamp::UNSET;
        self.stream.time = self.time;
    }
}

fn keep_interval(intervals: &mut Vec<(Timestamp, Timestamp)>, from: Timestamp, to: Timestamp) {
    if !from.is_set() {
        return;
    }
    if intervals.len() < MAX_INTERVALS {
        intervals.push((from, to));
    } else if let Some(last) = intervals.last_mut() {
        last.1 = last.1.max(to);
    }
}
