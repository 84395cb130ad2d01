//! When to ask for a token.
//!
//! ```text
//!              token()                    issued                     half of its life
//!   no token ──────────► asked (one at a ────────► token ─────────────────────────────► renewed by `run`;
//!      ▲                  time, with tries)          │ refused by the API, or ended       the old one serves meanwhile
//!      │                       │ failed              ▼
//!      └── gate closed ◄───────┘                  no token
//!          refused: 5 min · throttled: as asked · else: 5 s, growing to 60 s · a new key opens it at once
//! ```
//!
//! A refused credential is therefore shown at most 12 times an hour, whoever asks and however often. A token that the API refuses is
//! replaced once; its replacement is not replaced within five minutes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Denied, Fetch, HttpFetch, Issued, Token, TokenError, TokenStatus};
use crate::clock::{Clock, Timestamp};
use crate::http::{Backoff, ClientConfig};
use crate::sap::service_key::{KeyReceiver, Keyed};
use crate::shutdown::Stop;

/// How long a refused credential is left alone, and a replaced token is kept.
const REFUSED_WAIT: Duration = Duration::from_secs(300);
/// How long to wait when throttled without being told.
const THROTTLED_WAIT: Duration = Duration::from_secs(60);
/// Waits between rounds of tries, for failures that pass.
const ROUND_FIRST: Duration = Duration::from_secs(5);
const ROUND_MOST: Duration = Duration::from_secs(60);
/// Tries in one round. Source: BTP's best practices for access tokens.
const TRIES: u32 = 3;
/// The life of a token that does not tell it.
const UNTOLD_LIFE: Duration = Duration::from_secs(600);
/// The longest life that is believed. Source: XSUAA's `token-validity` is at most a day.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// How long before its end a token is no longer used: a request needs time to arrive.
const MARGIN: Duration = Duration::from_secs(60);

/// The tokens of one service key. Shared by reference.
pub struct TokenSource {
    keys: KeyReceiver,
    fetch: Arc<dyn Fetch>,
    clock: Clock,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

struct State {
    token: Option<Arc<Token>>,
    issued: u64,
    /// The next token replaces one that the API refused.
    replacing: bool,
    gate: Option<Gate>,
    rounds: Backoff,
}

struct Gate {
    until: Instant,
    error: Arc<TokenError>,
    key_generation: u64,
}

impl TokenSource {
    /// For the key of `keys`, over HTTP.
    pub fn new(keys: KeyReceiver, http: ClientConfig, clock: Clock) -> Self {
        let fetch = Arc::new(HttpFetch::new(http, clock.clone()));
        Self::with_fetch(keys, fetch, clock)
    }

    /// For the key of `keys`, over any wire: for tests.
    pub fn with_fetch(keys: KeyReceiver, fetch: Arc<dyn Fetch>, clock: Clock) -> Self {
        let rounds = Backoff::new(ROUND_FIRST, ROUND_MOST);
        let state = Mutex::new(State { token: None, issued: 0, replacing: false, gate: None, rounds });
        Self { keys, fetch, clock, state, flight: tokio::sync::Mutex::new(()) }
    }

    /// A token that is valid now. Asks for one only if there is none, and then at most one caller does.
    ///
    /// # Errors
    /// [`Denied`] with the reason and how long to wait; calling earlier costs nothing and asks nobody.
    pub async fn token(&self) -> Result<Arc<Token>, Denied> {
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        let _one = self.flight.lock().await;
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        match self.renew().await {
            Ok(token) => Ok(token),
            // A token of the key before is still valid while the new key does not work yet.
            Err(denied) => self.lock().token.clone().filter(|token| Instant::now() < token.ends).ok_or(denied),
        }
    }

    /// The API refused `token`. True when the next [`token`](Self::token) is another one, so that one repetition makes sense; false when
    /// `token` is itself a replacement of the last five minutes, and only a person can help.
    pub fn invalidate(&self, token: &Token) -> bool {
        let mut state = self.lock();
        let current = state.token.as_ref().map(|current| current.generation);
        if current != Some(token.generation) {
            return true;
        }
        let key_generation = self.keys.current().generation;
        if token.replacement && token.key_generation == key_generation && token.obtained.elapsed() < REFUSED_WAIT {
            return false;
        }
        state.token = None;
        state.replacing = true;
        true
    }

    /// Renews tokens at half of their life until `stop`, and asks once at once when the key changes.
    pub async fn run(&self, stop: &Stop) {
        let mut keys = self.keys.clone();
        loop {
            let due = self.due();
            tokio::select! {
                () = stop.stopped() => return,
                _ = keys.changed() => {
                    let _ = self.token().await;
                }
                () = sleep_until(due) => {
                    let _one = self.flight.lock().await;
                    if self.due().is_some_and(|due| due <= Instant::now()) {
                        let _ = self.renew().await;
                    }
                }
            }
        }
    }

    /// When the token of now ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.lock().token.as_ref().map(|token| token.expires)
    }

    /// What `status` shows.
    pub fn token_status(&self) -> TokenStatus {
        let state = self.lock();
        let token = state.token.as_ref();
        TokenStatus {
            expires: token.map(|token| token.expires.to_string()),
            scopes: token.map(|token| token.claims.scopes.clone()).unwrap_or_default(),
            last_error: state.gate.as_ref().map(|gate| gate.error.to_string()),
        }
    }

    fn usable(&self) -> Option<Arc<Token>> {
        let key_generation = self.keys.current().generation;
        let state = self.lock();
        let token = state.token.as_ref()?;
        (token.key_generation == key_generation && Instant::now() < token.ends).then(|| Arc::clone(token))
    }

    /// When the token is to be renewed in the background; without a token there is nothing to renew.
    fn due(&self) -> Option<Instant> {
        let key_generation = self.keys.current().generation;
        let state = self.lock();
        let renew_at = state.token.as_ref()?.renew_at;
        let gate = state.gate.as_ref().filter(|gate| gate.key_generation == key_generation);
        Some(gate.map_or(renew_at, |gate| renew_at.max(gate.until)))
    }

    /// Asks now, unless the gate is closed. Only with the flight lock held.
    async fn renew(&self) -> Result<Arc<Token>, Denied> {
        let keyed = self.keys.current();
        if let Some(gate) = &self.lock().gate
            && gate.key_generation == keyed.generation
            && Instant::now() < gate.until
        {
            let retry_after = gate.until.saturating_duration_since(Instant::now());
            return Err(Denied { error: Arc::clone(&gate.error), retry_after });
        }
        match self.tries(&keyed).await {
            Ok(issued) => Ok(self.keep(issued, &keyed)),
            Err(error) => Err(self.close_gate(error, keyed.generation)),
        }
    }

    async fn tries(&self, keyed: &Keyed) -> Result<Issued, TokenError> {
        let mut tried = 1;
        loop {
            let error = match self.fetch.fetch(keyed).await {
                Ok(issued) => return Ok(issued),
                Err(error) => error,
            };
            match error.pace() {
                Some((first, factor)) if tried < TRIES => {
                    tokio::time::sleep(first * factor.pow(tried - 1)).await;
                    tried += 1;
                }
                _ => return Err(error),
            }
        }
    }

    fn keep(&self, issued: Issued, keyed: &Keyed) -> Arc<Token> {
        let Issued { authorization, expires_in, claims } = issued;
        let (now, wall) = (Instant::now(), self.clock.now());
        let told = expires_in.map(Duration::from_secs).or_else(|| claims.expires.map(|expires| expires.since(wall)));
        let life = told.unwrap_or(UNTOLD_LIFE).min(LONGEST_LIFE);
        let mut state = self.lock();
        state.issued += 1;
        let token = Arc::new(Token {
            authorization,
            claims,
            generation: state.issued,
            key_generation: keyed.generation,
            replacement: std::mem::take(&mut state.replacing),
            obtained: now,
            // A little earlier than half, each at its own moment: many agents were started by the same deployment.
            renew_at: now + (life / 2).mul_f64(0.95 + 0.05 * fastrand::f64()),
            ends: now + life.saturating_sub(MARGIN.min(life / 10)),
            expires: wall.plus(life),
        });
        state.token = Some(Arc::clone(&token));
        state.gate = None;
        state.rounds.reset();
        tracing::info!(expires = %token.expires, scopes = token.claims.scopes.len(), "a token was issued");
        token
    }

    fn close_gate(&self, error: TokenError, key_generation: u64) -> Denied {
        let mut state = self.lock();
        let retry_after = match &error {
            TokenError::Throttled { retry_after } => retry_after.unwrap_or(THROTTLED_WAIT),
            // Never shorter than the wait, so that an hour has twelve at most.
            error if error.is_refusal() => REFUSED_WAIT.mul_f64(1.0 + 0.1 * fastrand::f64()),
            _ => state.rounds.next_wait(),
        };
        let error = Arc::new(error);
        tracing::warn!(error = %error, retry_after = ?retry_after, "no token");
        state.gate = Some(Gate { until: Instant::now() + retry_after, error: Arc::clone(&error), key_generation });
        Denied { error, retry_after }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSource").field("status", &self.token_status()).finish_non_exhaustive()
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => {
            // Somebody may get the first token by asking; it then has half a life until it matters.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// How often the background looks whether there is a token to renew by now.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
