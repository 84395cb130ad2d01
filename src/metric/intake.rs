//! The one way in.
//!
//! A source offers an [`Entry`] and waits. The answer is the acknowledgement: from then on the entry is owed. The channel behind it has a
//! bound; a push that finds it full is told when to come again, a pulled sample waits its turn.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Labels, Points, Rating, SourceId};
use crate::clock::Timestamp;

/// Something that enters the agent.
#[derive(Debug)]
pub enum Entry {
    /// Data points of a push or a scrape.
    Points(Box<Points>),
    /// What a probe saw.
    Observation(Observation),
    /// A pulled source could not be read: what it showed before has ended, and no value of it is repeated.
    Ended(SourceId),
}

/// What a probe saw, once: a status before it is confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Who saw it.
    pub source: SourceId,
    /// The name of the status; unique within the source.
    pub name: Arc<str>,
    /// What tells it from others of that name.
    pub labels: Labels,
    /// How it is rated.
    pub rating: Rating,
    /// One sentence that a person can act on.
    pub text: String,
    /// When it was seen.
    pub time: Timestamp,
}

/// The intake has no room. Nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the intake is full")]
pub struct Full {
    /// When to try again.
    pub retry_after: Duration,
}

/// An entry on its way, with the sender's wish to hear of it.
#[derive(Debug)]
pub struct Offer {
    /// What is offered.
    pub entry: Entry,
    /// Answered once the entry is safe; dropping it unanswered says [`Full`].
    pub acknowledge: oneshot::Sender<()>,
}

/// The sources' end of the channel. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    sender: mpsc::Sender<Offer>,
}

/// How long a sender is asked to stay away when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Intake {
    /// A channel for at most `capacity` entries that are not yet acknowledged.
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Offer>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self { sender }, receiver)
    }

    /// Offers an entry if there is room now, and waits until it is safe. For pushes: their sender can come again.
    ///
    /// # Errors
    /// [`Full`] when there is no room, or the agent is stopping.
    pub async fn push(&self, entry: Entry) -> Result<(), Full> {
        let full = Full { retry_after: RETRY_AFTER };
        let permit = self.sender.try_reserve().map_err(|_| full)?;
        Self::send(permit, entry).await
    }

    /// Waits for room, offers an entry, and waits until it is safe. For pulled data: nobody else would bring it again.
    ///
    /// # Errors
    /// [`Full`] when the agent is stopping.
    pub async fn pull(&self, entry: Entry) -> Result<(), Full> {
        let permit = self.sender.reserve().await.map_err(|_| Full { retry_after: RETRY_AFTER })?;
        Self::send(permit, entry).await
    }

    async fn send(permit: mpsc::Permit<'_, Offer>, entry: Entry) -> Result<(), Full> {
        let (acknowledge, heard) = oneshot::channel();
        permit.send(Offer { entry, acknowledge });
        heard.await.map_err(|_| Full { retry_after: RETRY_AFTER })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_push_is_answered_when_the_entry_is_safe_and_not_before() {
        let (intake, mut offers) = Intake::channel(1);
        let pushed = intake.push(Entry::Ended(SourceId(1)));
        tokio::pin!(pushed);
        assert!(tokio::time::timeout(Duration::from_secs(60), &mut pushed).await.is_err(), "not answered yet");
        offers.recv().await.unwrap().acknowledge.send(()).unwrap();
        assert_eq!(pushed.await, Ok(()));
    }

    #[tokio::test]
    async fn a_push_without_room_is_told_to_come_again() {
        let (intake, _offers) = Intake::channel(1);
        let held = intake.sender.reserve().await.unwrap();
        assert!(intake.push(Entry::Ended(SourceId(1))).await.is_err());
        drop(held);
    }

    #[tokio::test]
    async fn what_was_dropped_unanswered_was_not_taken() {
        let (intake, mut offers) = Intake::channel(1);
        let (answer, ()) = tokio::join!(intake.pull(Entry::Ended(SourceId(1))), async {
            drop(offers.recv().await);
        });
        assert!(answer.is_err());
    }
}
