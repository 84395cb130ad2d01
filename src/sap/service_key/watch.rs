//! The watch for a rotated key.
//!
//! ```text
//!            place changed, or asked                 readable
//!   key n ──────────────────────────► read again ──────────────► key n + 1, told to all
//!     ▲                                   │ not readable
//!     └───────────────────────────────────┘ the last good key stays, the error is kept
//! ```
//!
//! A new time of change or inode counts even when the content is equal: touching the file is how an operator says "try again now".

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{KeyError, KeyOptions, Location, ServiceKey, load, load::fingerprint};
use crate::shutdown::Stop;

/// How often the place is looked at. A rotation is in use well within 30 s.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A key and how many times it was read anew.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The key.
    pub key: Arc<ServiceKey>,
    /// Grows with every key that is taken, starting at 1.
    pub generation: u64,
}

/// The readers' end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyReceiver(watch::Receiver<Keyed>);

/// Looks after the key's place. One for each process.
#[derive(Debug)]
pub struct KeyWatcher {
    location: Location,
    options: KeyOptions,
    sender: watch::Sender<Keyed>,
    asked: Notify,
    seen: Mutex<Option<u64>>,
    error: Mutex<Option<Arc<KeyError>>>,
}

impl KeyReceiver {
    /// A key that never changes: for commands that run once, and for tests.
    pub fn fixed(key: ServiceKey) -> Self {
        Self(watch::channel(Keyed { key: Arc::new(key), generation: 1 }).1)
    }

    /// The key of now.
    pub fn current(&self) -> Keyed {
        self.0.borrow().clone()
    }

    /// Resolves when a newer key than that of the last call is there; never, when nobody looks after it any more.
    pub async fn changed(&mut self) -> Keyed {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.0.borrow_and_update().clone()
    }
}

impl KeyWatcher {
    /// Reads the key for the first time.
    ///
    /// # Errors
    /// [`KeyError`] when there is no usable one.
    pub fn new(location: Location, options: KeyOptions) -> Result<Self, KeyError> {
        let seen = fingerprint(&location, &options);
        let key = Arc::new(load(&location, &options)?);
        let (sender, _) = watch::channel(Keyed { key, generation: 1 });
        Ok(Self { location, options, sender, asked: Notify::new(), seen: Mutex::new(seen), error: Mutex::new(None) })
    }

    /// An end to read from.
    pub fn receiver(&self) -> KeyReceiver {
        KeyReceiver(self.sender.subscribe())
    }

    /// Asks to read the place again now, whether it changed or not: SIGHUP.
    pub fn reload(&self) {
        self.asked.notify_one();
    }

    /// Why the place cannot be read now; the last good key is still in use.
    pub fn error(&self) -> Option<Arc<KeyError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks after the place until `stop`.
    pub async fn run(&self, stop: &Stop) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        look.tick().await;
        loop {
            let asked = tokio::select! {
                () = stop.stopped() => return,
                () = self.asked.notified() => true,
                _ = look.tick() => false,
            };
            self.look(asked).await;
        }
    }

    async fn look(&self, asked: bool) {
        let (location, options) = (self.location.clone(), self.options.clone());
        let known = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Off the event loop: a mount can hang.
        let read = tokio::task::spawn_blocking(move || {
            let now = fingerprint(&location, &options);
            (asked || now != known).then(|| (now, load(&location, &options)))
        });
        let Ok(Some((seen, loaded))) = read.await else { return };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        let error = match loaded {
            Ok(key) => {
                self.sender.send_modify(|keyed| {
                    *keyed = Keyed { key: Arc::new(key), generation: keyed.generation + 1 };
                });
                tracing::info!(generation = self.sender.borrow().generation, "the service key was read again");
                None
            }
            Err(error) => {
                tracing::warn!(error = %error, "the service key cannot be read; the last good one stays in use");
                Some(Arc::new(error))
            }
        };
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::canonical;
    use super::*;
    use crate::shutdown::Tasks;
    use std::path::PathBuf;

    struct Scene {
        watcher: Arc<KeyWatcher>,
        receiver: KeyReceiver,
        path: PathBuf,
        tasks: Tasks,
        _dir: tempfile::TempDir,
    }

    fn scene() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        crate::secret::write_file(&path, &canonical("one").to_string()).unwrap();
        let watcher = Arc::new(KeyWatcher::new(Location::File(path.clone()), KeyOptions::default()).unwrap());
        let mut receiver = watcher.receiver();
        receiver.0.mark_unchanged();
        let tasks = Tasks::default();
        let (runner, stop) = (Arc::clone(&watcher), tasks.stop().clone());
        tasks.spawn("key", async move { runner.run(&stop).await });
        Scene { watcher, receiver, path, tasks, _dir: dir }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotated_key_is_told_within_ten_seconds() {
        let mut scene = scene();
        crate::secret::write_file(&scene.path, &canonical("two").to_string()).unwrap();
        let start = tokio::time::Instant::now();
        let keyed = scene.receiver.changed().await;
        assert!(start.elapsed() <= LOOK_EVERY);
        assert_eq!(keyed.generation, 2);
        assert_eq!(keyed.key.secrets().next().unwrap().expose(), "two");
        scene.tasks.drain(Duration::from_secs(1)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn touching_counts_with_equal_content_and_rest_does_not() {
        let mut scene = scene();
        let quiet = tokio::time::timeout(Duration::from_secs(60), scene.receiver.changed()).await;
        assert!(quiet.is_err(), "nothing happened");
        crate::secret::write_file(&scene.path, &canonical("one").to_string()).unwrap();
        assert_eq!(scene.receiver.changed().await.generation, 2);
        scene.tasks.drain(Duration::from_secs(1)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn asking_reads_at_once() {
        let mut scene = scene();
        let start = tokio::time::Instant::now();
        scene.watcher.reload();
        assert_eq!(scene.receiver.changed().await.generation, 2);
        assert!(start.elapsed() < Duration::from_secs(1));
        scene.tasks.drain(Duration::from_secs(1)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_key_leaves_the_last_good_one_in_use() {
        let mut scene = scene();
        crate::secret::write_file(&scene.path, "{\"uaa\": ").unwrap();
        let told = tokio::time::timeout(Duration::from_secs(30), scene.receiver.changed()).await;
        assert!(told.is_err(), "a broken key is told to nobody");
        assert!(matches!(scene.watcher.error().as_deref(), Some(KeyError::NotJson { .. })));
        assert_eq!(scene.receiver.current().generation, 1);
        crate::secret::write_file(&scene.path, &canonical("three").to_string()).unwrap();
        assert_eq!(scene.receiver.changed().await.key.secrets().next().unwrap().expose(), "three");
        assert!(scene.watcher.error().is_none());
        scene.tasks.drain(Duration::from_secs(1)).await.unwrap();
    }
}
