//! The policy in virtual time, against a wire that answers as it is told.

use std::collections::VecDeque;

use super::super::request::BoxFuture;
use super::super::{Claims, TokenError};
use super::*;
use crate::sap::service_key::{KeyOptions, KeyWatcher, Location, ServiceKey};
use crate::shutdown::Tasks;

type Answer = fn() -> Result<Issued, TokenError>;

/// Answers in turn, the last answer for ever, and remembers when it was asked.
struct Wire {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Instant>>,
    takes: Duration,
}

impl Wire {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
            takes: Duration::from_millis(10),
        })
    }

    fn now_answers(&self, answer: Answer) {
        *self.answers.lock().unwrap() = [answer].into();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The waits between requests in milliseconds, without the time that each took, to a hundredth of a second as timers go.
    fn waits(&self) -> Vec<u128> {
        self.asked
            .lock()
            .unwrap()
            .windows(2)
            .map(|pair| (pair[1] - pair[0] - self.takes).as_millis() / 10 * 10)
            .collect()
    }
}

impl Fetch for Wire {
    fn fetch<'a>(&'a self, _: &'a Keyed) -> BoxFuture<'a, Result<Issued, TokenError>> {
        Box::pin(async {
            self.asked.lock().unwrap().push(Instant::now());
            tokio::time::sleep(self.takes).await;
            let mut answers = self.answers.lock().unwrap();
            let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0] };
            answer()
        })
    }
}

fn granted() -> Result<Issued, TokenError> {
    let authorization = ::http::HeaderValue::from_static("Bearer x");
    Ok(Issued { authorization, expires_in: Some(43_199), claims: Claims::default() })
}

fn refused() -> Result<Issued, TokenError> {
    Err(TokenError::BadCredentials { said: "Bad credentials".into(), client_id: "a".into(), x509: false })
}

fn server<const STATUS: u16>() -> Result<Issued, TokenError> {
    Err(TokenError::Server { status: STATUS })
}

fn throttled() -> Result<Issued, TokenError> {
    Err(TokenError::Throttled { retry_after: Some(Duration::from_secs(7)) })
}

fn key_text(secret: &str) -> String {
    format!(
        r#"{{"endpoints":{{"Api":"http://127.0.0.1:1/api"}},"uaa":{{"clientid":"a","clientsecret":"{secret}","url":"http://127.0.0.1:1"}}}}"#
    )
}

fn source(wire: &Arc<Wire>) -> TokenSource {
    let key = ServiceKey::parse(&key_text("one"), &KeyOptions::default()).unwrap();
    let clock = Clock::starting_at(Timestamp::from_secs(1_000_000));
    TokenSource::with_fetch(KeyReceiver::fixed(key), Arc::clone(wire) as Arc<dyn Fetch>, clock)
}

#[tokio::test(start_paused = true)]
async fn one_request_serves_all_who_ask_at_once_and_later() {
    let wire = Wire::answering([granted as Answer]);
    let source = source(&wire);
    let (a, b, c) = tokio::join!(source.token(), source.token(), source.token());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    tokio::time::advance(Duration::from_secs(40_000)).await;
    assert!(source.token().await.is_ok());
    assert_eq!(wire.asked(), 1);
    assert_eq!(source.token_status().expires.as_deref(), Some("1970-01-13T01:46:39Z"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_shown_at_most_twelve_times_an_hour() {
    let wire = Wire::answering([refused as Answer]);
    let source = source(&wire);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4 * 3_600) {
        let denied = source.token().await.unwrap_err();
        assert!(denied.error.is_refusal() && denied.retry_after <= REFUSED_WAIT.mul_f64(1.1));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let asked = wire.asked.lock().unwrap().clone();
    assert!(asked.len() >= 40, "it is probed: {}", asked.len());
    for (index, first) in asked.iter().enumerate() {
        let within = asked[index..].iter().take_while(|time| **time - *first < Duration::from_secs(3_600)).count();
        assert!(within <= 12, "{within} within an hour");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_pass_are_tried_three_times_at_their_own_pace() {
    for (answer, waits) in [(server::<502> as Answer, [300, 600]), (server::<503> as Answer, [1_000, 3_000])] {
        let wire = Wire::answering([answer]);
        let source = source(&wire);
        let denied = source.token().await.unwrap_err();
        assert_eq!(wire.waits(), waits);
        assert!(denied.retry_after <= ROUND_FIRST);
        assert!(source.token().await.is_err());
        assert_eq!(wire.asked(), 3, "the gate is closed");
        wire.now_answers(granted);
        tokio::time::advance(denied.retry_after).await;
        assert!(source.token().await.is_ok());
        assert_eq!(source.token_status().last_error, None);
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_obeyed_to_the_second() {
    let wire = Wire::answering([throttled as Answer, granted]);
    let source = source(&wire);
    assert_eq!(source.token().await.unwrap_err().retry_after, Duration::from_secs(7));
    tokio::time::advance(Duration::from_millis(6_900)).await;
    assert!(source.token().await.is_err());
    tokio::time::advance(Duration::from_millis(200)).await;
    assert!(source.token().await.is_ok());
    assert_eq!(wire.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_and_its_replacement_five_minutes_later() {
    let wire = Wire::answering([granted as Answer]);
    let source = source(&wire);
    let first = source.token().await.unwrap();
    assert!(source.invalidate(&first));
    let second = source.token().await.unwrap();
    assert!(second.generation() > first.generation());
    assert!(source.invalidate(&first), "another lane was told of the old one: the new one is there already");
    assert!(!source.invalidate(&second));
    assert_eq!(source.token().await.unwrap().generation(), second.generation(), "and it serves on");
    tokio::time::advance(REFUSED_WAIT).await;
    assert!(source.invalidate(&second));
    source.token().await.unwrap();
    assert_eq!(wire.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn renewed_at_half_life_and_the_old_one_serves_while_that_fails() {
    let wire = Wire::answering([granted as Answer, refused]);
    let source = Arc::new(source(&wire));
    let tasks = Tasks::default();
    let (runner, stop) = (Arc::clone(&source), tasks.stop().clone());
    tasks.spawn("token", async move { runner.run(&stop).await });
    let first = source.token().await.unwrap();
    tokio::time::sleep(Duration::from_secs(20_000)).await;
    assert_eq!(wire.asked(), 1, "not yet half");
    tokio::time::sleep(Duration::from_secs(2_000)).await;
    assert!(wire.asked() > 1, "half of 43,199 s is over");
    assert_eq!(source.token().await.unwrap().generation(), first.generation());
    assert!(source.token_status().last_error.is_some_and(|error| error.contains("Bad credentials")));
    wire.now_answers(granted);
    tokio::time::sleep(Duration::from_secs(400)).await;
    assert!(source.token().await.unwrap().generation() > first.generation());
    tasks.drain(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn touching_the_key_file_opens_the_gate_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    crate::secret::write_file(&path, &key_text("one")).unwrap();
    let watcher = Arc::new(KeyWatcher::new(Location::File(path.clone()), KeyOptions::default()).unwrap());
    let wire = Wire::answering([refused as Answer]);
    let clock = Clock::starting_at(Timestamp::from_secs(1_000_000));
    let source = Arc::new(TokenSource::with_fetch(watcher.receiver(), Arc::clone(&wire) as Arc<dyn Fetch>, clock));
    let tasks = Tasks::default();
    let (keeper, stop) = (Arc::clone(&watcher), tasks.stop().clone());
    tasks.spawn("key", async move { keeper.run(&stop).await });
    let (runner, stop) = (Arc::clone(&source), tasks.stop().clone());
    tasks.spawn("token", async move { runner.run(&stop).await });
    assert!(source.token().await.is_err());
    wire.now_answers(granted);
    crate::secret::write_file(&path, &key_text("one")).unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(wire.asked(), 2, "one attempt, at once");
    assert!(source.token().await.is_ok());
    tasks.drain(Duration::from_secs(1)).await.unwrap();
}
