//! Scraping of exposition pages.
//!
//! A scrape asks one target for its page and hands over everything the page shows as one complete block: what is missing from it has ended.
//! The state of the target is a status `Target NAME` with one sentence. A target that cannot be read has shown nothing: what it showed
//! before ends, no value is repeated.
//!
//! Everything is bounded: the time of the whole exchange, the bytes of the page after decompression, its samples, their labels. What is over
//! a bound makes the target a warning that names the bound, since the limit is ours. A large page is read on a thread of its own, so that no
//! other source waits for it. Redirects are not followed: credentials belong to the target that they were given for.

mod config;
mod mapping;
mod units;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use tokio::sync::Semaphore;

use self::mapping::{Cut, Mapped, Mapping};
use super::source::{Outcome, Pull, Pulled};
use super::target::{Target, Trouble};
use crate::clock::{Clock, Timestamp};
use crate::http::{Answer, Request};
use crate::metric::{Entry, Observation, Rating, SourceId, SourceKey};
use crate::prometheus::{ACCEPT, Format};
use crate::telemetry::RefusalReason;
use crate::units::ByteSize;

pub use config::Config;

/// Pages above this size are read on a thread of their own. Below it, reading takes less than a millisecond.
const INLINE_BYTES: usize = 256 << 10;

/// How many large pages are read at the same time: each takes several times its bytes meanwhile.
static LARGE_PAGES: Semaphore = Semaphore::const_new(2);

/// One target.
#[derive(Debug)]
pub struct Scrape {
    config: Config,
    clock: Clock,
    target: Target,
    mapping: Arc<Mapping>,
    status_name: Arc<str>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum NoPage {
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error("answers {code}{advice}")]
    Status { code: String, advice: String },
    #[error("answered an HTML page instead of metrics; is this a login page? Check the path and the credentials")]
    Html,
    #[error("the page is larger than {}; raise max_body_bytes, or have the target show less", ByteSize(*.0 as u64))]
    TooLarge(usize),
    #[error("answered something that is no page of metrics ({0}); check the path")]
    NoMetrics(String),
    #[error("the page could not be read because of an error in the agent itself; report it with the page")]
    Reader,
}

impl NoPage {
    /// Whether the target may be well, and only our side lacks something.
    const fn is_ours(&self) -> bool {
        match self {
            Self::Trouble(trouble) => trouble.is_ours(),
            Self::TooLarge(_) | Self::Reader => true,
            Self::Status { .. } | Self::Html | Self::NoMetrics(_) => false,
        }
    }
}

impl Scrape {
    /// A scrape that has not run yet. Nothing is read or connected before the first run.
    pub fn new(config: Config, clock: Clock) -> Self {
        let target = Target::new(config.url.clone(), config.auth.clone(), config.http.clone());
        let mapping = Arc::new(Mapping::new(&config, target.address()));
        let status_name = format!("Target {}", config.key.name).into();
        Self { config, clock, target, mapping, status_name }
    }

    async fn scrape(&mut self) -> Result<Mapped, NoPage> {
        let mut request = Request::get(self.config.url.clone());
        request.headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        // Some exporters cut their own work short by it.
        if let Ok(seconds) = HeaderValue::from_str(&self.target.timeout().as_secs_f64().to_string()) {
            request.headers.insert("x-prometheus-scrape-timeout-seconds", seconds);
        }
        let answer = self.target.ask(request, self.config.max_body_bytes).await?;
        let format = format_of(&answer)?;
        if answer.truncated {
            return Err(NoPage::TooLarge(self.config.max_body_bytes));
        }
        let mapped = self.read(answer.body, format).await?;
        match &mapped.first_problem {
            Some(problem) if mapped.samples == 0 => Err(NoPage::NoMetrics(problem.clone())),
            _ => Ok(mapped),
        }
    }

    async fn read(&self, body: Bytes, format: Format) -> Result<Mapped, NoPage> {
        let now = self.clock.now();
        if body.len() <= INLINE_BYTES {
            return Ok(self.mapping.map(&body, format, now));
        }
        // It is never closed.
        let _permit = LARGE_PAGES.acquire().await;
        let mapping = Arc::clone(&self.mapping);
        let read = tokio::task::spawn_blocking(move || mapping.map(&body, format, now));
        read.await.map_err(|_| NoPage::Reader)
    }

    fn status(&self, rating: Rating, text: String, time: Timestamp) -> Entry {
        let (source, name) = (self.config.source, Arc::clone(&self.status_name));
        Entry::Observation(Observation { source, name, labels: [].into(), rating, text, time })
    }
}

impl Pull for Scrape {
    const KIND: &'static str = "prometheus";

    fn source(&self) -> SourceId {
        self.config.source
    }

    fn key(&self) -> &SourceKey {
        &self.config.key
    }

    fn interval(&self) -> Duration {
        self.config.interval
    }

    async fn pull(&mut self) -> Pulled {
        match self.scrape().await {
            Ok(mapped) => {
                let refused = refused(&mapped);
                let outcome = loss(&mapped).map_or(Outcome::Ok, Outcome::Degraded);
                let status = match &outcome {
                    Outcome::Degraded(loss) => {
                        self.status(Rating::Warning, format!("is read, but {loss}"), self.clock.now())
                    }
                    _ => self.status(Rating::Ok, "is read".to_owned(), self.clock.now()),
                };
                Pulled {
                    entries: vec![Entry::Points(mapped.points), status],
                    outcome,
                    refused,
                    samples: mapped.samples,
                }
            }
            Err(reason) => {
                let text = reason.to_string();
                let rating = if reason.is_ours() { Rating::Warning } else { Rating::Critical };
                let status = self.status(rating, text.clone(), self.clock.now());
                let entries = vec![status, Entry::Ended(self.config.source)];
                Pulled { entries, outcome: Outcome::Failed(text), refused: Vec::new(), samples: 0 }
            }
        }
    }
}

/// The format of an answer that is a page.
fn format_of(answer: &Answer) -> Result<Format, NoPage> {
    let text = |name| answer.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let status = answer.status;
    if status.as_u16() != 200 {
        let advice = match status.as_u16() {
            300..=399 => match text(header::LOCATION) {
                Some(place) => {
                    format!("; scrapes follow no redirect, so write where it leads: {}", without_query(place))
                }
                None => String::new(),
            },
            401 | 403 => "; does the target need credentials, or are they refused?".to_owned(),
            404 => "; check the path of the URL".to_owned(),
            _ => String::new(),
        };
        let code = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
        return Err(NoPage::Status { code: code.trim_end().to_owned(), advice });
    }
    let format = Format::of(text(header::CONTENT_TYPE)).map_err(|_| NoPage::Html)?;
    // No line of metrics begins like this, and some login pages come without their type.
    if answer.body.trim_ascii_start().starts_with(b"<") { Err(NoPage::Html) } else { Ok(format) }
}

/// The most characters of a foreign URL in a sentence.
const MAX_SHOWN: usize = 200;

fn without_query(place: &str) -> String {
    place.split(['?', '#']).next().unwrap_or_default().chars().take(MAX_SHOWN).collect()
}

fn refused(mapped: &Mapped) -> Vec<(RefusalReason, u64)> {
    let unreadable = mapped.bad_lines as u64 + mapped.unusable;
    [
        (RefusalReason::TooOld, mapped.too_old),
        (RefusalReason::Future, mapped.future),
        (RefusalReason::Malformed, unreadable),
        // How many there were is not known; one at least.
        (RefusalReason::Limit, u64::from(matches!(mapped.cut, Some(Cut::Samples)))),
    ]
    .into_iter()
    .filter(|(_, points)| *points > 0)
    .collect()
}

/// What of a page was not taken, the gravest first.
fn loss(mapped: &Mapped) -> Option<String> {
    let samples = mapped.samples;
    match mapped.cut {
        Some(Cut::Samples) => {
            return Some(format!("only its first {samples} samples; raise max_samples, or have the target show less"));
        }
        Some(Cut::Metadata) => {
            return Some(format!("only its first {samples} samples: it has too many lines of HELP, TYPE and UNIT"));
        }
        Some(Cut::Unfinished) => {
            return Some(format!("its end `# EOF` is missing after {samples} samples; was it cut on its way?"));
        }
        None => {}
    }
    if mapped.bad_lines > 0 {
        let problem = mapped.first_problem.as_deref().unwrap_or_default();
        Some(format!("lines were left out: {}; the first: {problem}", mapped.bad_lines))
    } else if mapped.too_old > 0 {
        Some(format!(
            "{} of its values are older than 24 h; honor_timestamps = false takes them as of now",
            mapped.too_old
        ))
    } else if mapped.future > 0 {
        Some(format!("{} of its values are more than 1 h ahead; compare the clocks", mapped.future))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
