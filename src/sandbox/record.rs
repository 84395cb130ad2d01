//! The request log: what each service was asked, and what it answered.
//!
//! Owns a bounded ring, newest last. Promises that a record holds no credential: of the token service only the path is kept, never the
//! query or the body. Shown on the page and by `GET /knobs/requests`.

use std::collections::VecDeque;

use serde::Serialize;

/// How many requests are remembered; the oldest goes first.
pub(crate) const REQUESTS_KEPT: usize = 1_000;
/// How many complaints of the consumer are kept of one request; `consumer_error_count` still tells them all.
pub(crate) const CONSUMER_ERRORS_KEPT: usize = 20;

/// The parts of the landscape, as the request log and the fault knobs name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Service {
    /// The token endpoint, in either of its two forms.
    Token,
    /// Inbound metrics.
    Push,
    /// Outbound metrics.
    Outbound,
    /// Landscape Management.
    Landscape,
    /// A path of the API host that no service owns.
    Api,
}

/// What a handler tells the log about the request it answered; travels as an extension of the response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    /// Why it was refused.
    pub(crate) reason: Option<String>,
    /// Data points in the body.
    pub(crate) points: usize,
    /// Bytes of the body as it arrived.
    pub(crate) bytes: usize,
    /// What the consumer complained about after the request had been accepted.
    pub(crate) consumer_errors: Vec<String>,
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    /// When it arrived, RFC 3339.
    pub(crate) time: String,
    /// Who was asked.
    pub(crate) service: Service,
    /// The HTTP method.
    pub(crate) method: String,
    /// Path and query; of the token service the path alone.
    pub(crate) target: String,
    /// The managed service a push named.
    pub(crate) service_id: Option<String>,
    /// The answer's status.
    pub(crate) status: u16,
    /// Why it was refused, if it was.
    pub(crate) reason: Option<String>,
    /// `x-correlationid` of the answer.
    pub(crate) correlation_id: String,
    /// Data points in the body.
    pub(crate) points: usize,
    /// Bytes of the body.
    pub(crate) bytes: usize,
    /// The answer never left: the request was executed and its answer lost (a fault knob).
    pub(crate) answer_lost: bool,
    /// The first few complaints of the consumer.
    pub(crate) consumer_errors: Vec<String>,
    /// How many complaints there were.
    pub(crate) consumer_error_count: usize,
}

impl Record {
    /// Whether it was refused, complained about, or its answer lost.
    pub(crate) fn is_trouble(&self) -> bool {
        !(200..300).contains(&self.status) || self.answer_lost || self.consumer_error_count > 0
    }
}

/// The ring.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    records: VecDeque<Record>,
    total: u64,
}

impl RequestLog {
    /// Adds a record; the oldest makes room.
    pub(crate) fn push(&mut self, mut record: Record) {
        record.consumer_error_count = record.consumer_errors.len();
        record.consumer_errors.truncate(CONSUMER_ERRORS_KEPT);
        if self.records.len() == REQUESTS_KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
        self.total += 1;
    }

    /// All that are kept, newest last.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// How many there were since the start.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Forgets them all.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize) -> Record {
        Record {
            time: String::new(),
            service: Service::Push,
            method: "POST".to_owned(),
            target: format!("/{number}"),
            service_id: None,
            status: 200,
            reason: None,
            correlation_id: String::new(),
            points: 0,
            bytes: 0,
            answer_lost: false,
            consumer_errors: vec![String::new(); number],
            consumer_error_count: 0,
        }
    }

    #[test]
    fn the_ring_keeps_the_newest_and_counts_all() {
        let mut log = RequestLog::default();
        for number in 0..REQUESTS_KEPT + 7 {
            log.push(record(number));
        }
        assert_eq!(log.iter().count(), REQUESTS_KEPT);
        assert_eq!(log.iter().next().unwrap().target, "/7");
        assert_eq!(log.total(), REQUESTS_KEPT as u64 + 7);
    }

    #[test]
    fn complaints_are_cut_but_counted() {
        let mut log = RequestLog::default();
        log.push(record(50));
        let kept = log.iter().next().unwrap();
        assert_eq!((kept.consumer_errors.len(), kept.consumer_error_count), (CONSUMER_ERRORS_KEPT, 50));
    }
}
