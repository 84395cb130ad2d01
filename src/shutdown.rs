//! Tasks with names, and an orderly end.
//!
//! The one place that spawns. A [`Tasks`] set hands each task a [`Stop`] to listen to, catches its panic (the others go on), and at the end
//! waits for all of them within one deadline, naming those that did not finish.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Told to a task when it should end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A signal that nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal; every clone and child hears it.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether it was given.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves when it is given.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    /// A signal of its own that also hears this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Runs `work` until it ends or the signal is given; `None` when it was cut short.
    pub async fn until<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }
}

/// A set of named tasks that end together.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: Stop,
    tracker: TaskTracker,
    running: Arc<Mutex<BTreeMap<u64, (String, AbortHandle)>>>,
}

impl Tasks {
    /// An empty set that ends when `stop` is given.
    pub fn new(stop: Stop) -> Self {
        Self { stop, ..Self::default() }
    }

    /// The signal that ends this set.
    pub const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Starts a task. A panic in it is logged with the task's name and takes down nothing else.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn(&self, name: impl Into<String>, work: impl Future<Output = ()> + Send + 'static) {
        let name = name.into();
        let running = Arc::clone(&self.running);
        let key = fastrand::u64(..);
        let handle = tokio::spawn(work);
        self.lock().insert(key, (name.clone(), handle.abort_handle()));
        self.tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked; the others go on");
            }
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
    }

    /// Names of the tasks that have not ended.
    pub fn names(&self) -> Vec<String> {
        self.lock().values().map(|(name, _)| name.clone()).collect()
    }

    /// Waits until all tasks have ended by themselves.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Gives the signal and waits for every task. After `deadline` the rest is aborted and named.
    ///
    /// # Errors
    /// The names of the tasks that did not end in time.
    pub async fn drain(&self, deadline: Duration) -> Result<(), Vec<String>> {
        self.stop.stop();
        if tokio::time::timeout(deadline, self.ended()).await.is_ok() {
            return Ok(());
        }
        let late = self.names();
        for (_, handle) in self.lock().values() {
            handle.abort();
        }
        Err(late)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, (String, AbortHandle)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn drains_what_listens_and_names_what_hangs() {
        let tasks = Tasks::new(Stop::new());
        let stop = tasks.stop().clone();
        tasks.spawn("listens", async move { stop.stopped().await });
        tasks.spawn("hangs", std::future::pending());
        assert_eq!(tasks.drain(Duration::from_secs(5)).await, Err(vec!["hangs".to_owned()]));
    }

    #[tokio::test]
    async fn a_panic_takes_only_its_task_down() {
        let tasks = Tasks::new(Stop::new());
        let (sent, heard) = tokio::sync::oneshot::channel();
        tasks.spawn("panics", async { panic!("on purpose") });
        tasks.spawn("lives", async move { sent.send(()).unwrap() });
        heard.await.unwrap();
        assert_eq!(tasks.drain(Duration::from_secs(5)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_child_hears_its_parent_and_not_the_other_way_round() {
        let parent = Stop::new();
        let (child, other) = (parent.child(), parent.child());
        child.stop();
        assert!(child.is_stopped() && !parent.is_stopped() && !other.is_stopped());
        parent.stop();
        assert!(other.is_stopped());
    }
}
