//! Where batches wait.
//!
//! The seam between what is sent when (the scheduler) and how it is kept (memory now, a log on disk behind the same trait). Rows are settled
//! one range at a time, since a large batch goes out as several requests and a refused one is taken apart; what is in flight is not written
//! down anywhere, so after a crash it is sent once more and nothing is lost.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::metric::{Batch, Body, Row};

/// The number of a batch in the outbox; grows with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// Rows of a batch that have no fate yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which batch.
    pub id: EntryId,
    /// Which of its rows.
    pub rows: Vec<Range<u32>>,
}

/// Keeps batches until each of their rows has a fate.
pub trait Outbox: Send + std::fmt::Debug {
    /// Takes a batch over.
    ///
    /// # Errors
    /// When it cannot be kept; it was then not taken.
    fn append(&mut self, batch: Arc<Batch>) -> io::Result<EntryId>;

    /// Reads a batch back.
    ///
    /// # Errors
    /// When it cannot be read, or all of it is settled.
    fn load(&self, id: EntryId) -> io::Result<Arc<Batch>>;

    /// These rows have their fate. A batch without others is forgotten.
    ///
    /// # Errors
    /// When that cannot be written down; the rows may then come again after a restart.
    fn settle(&mut self, id: EntryId, rows: Range<u32>) -> io::Result<()>;

    /// What waits from a run before, oldest first.
    fn waiting(&self) -> Vec<Waiting>;

    /// Bytes that are in use.
    fn bytes(&self) -> u64;
}

/// An outbox in memory: for commands that run once, and where no disk outlives the process.
#[derive(Debug, Default)]
pub struct MemoryOutbox {
    entries: BTreeMap<EntryId, Entry>,
    last: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Entry {
    batch: Arc<Batch>,
    settled: Vec<bool>,
    open: usize,
    bytes: u64,
}

impl Outbox for MemoryOutbox {
    fn append(&mut self, batch: Arc<Batch>) -> io::Result<EntryId> {
        self.last += 1;
        let id = EntryId(self.last);
        let bytes = batch.rows.iter().map(weight).sum();
        let open = batch.rows.len();
        self.bytes += bytes;
        self.entries.insert(id, Entry { batch, settled: vec![false; open], open, bytes });
        Ok(id)
    }

    fn load(&self, id: EntryId) -> io::Result<Arc<Batch>> {
        self.entries.get(&id).map(|entry| Arc::clone(&entry.batch)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn settle(&mut self, id: EntryId, rows: Range<u32>) -> io::Result<()> {
        let entry = self.entries.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        for row in rows {
            if let Some(settled) = entry.settled.get_mut(row as usize)
                && !std::mem::replace(settled, true)
            {
                entry.open -= 1;
            }
        }
        if entry.open == 0
            && let Some(entry) = self.entries.remove(&id)
        {
            self.bytes -= entry.bytes;
        }
        Ok(())
    }

    fn waiting(&self) -> Vec<Waiting> {
        self.entries.iter().map(|(id, entry)| Waiting { id: *id, rows: runs(&entry.settled) }).collect()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn runs(settled: &[bool]) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for (index, _) in settled.iter().enumerate().filter(|(_, settled)| !**settled) {
        let index = index as u32;
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// About what a row takes: its text, and the frame around it. Shared text is counted in full, which errs on the safe side.
fn weight(row: &Row) -> u64 {
    let labels = row.labels.iter().chain(row.resource.iter()).map(|(key, value)| key.len() + value.len() + 32);
    let text = match &row.body {
        Body::Status { text, .. } => text.len(),
        Body::Gauge(_) | Body::Quota { .. } => 0,
    };
    (size_of::<Row>() + row.name.len() + row.unit.len() + text + labels.sum::<usize>()) as u64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fresh, gauge};
    use super::*;

    #[test]
    fn a_batch_stays_until_its_last_row_has_a_fate() {
        let mut outbox = MemoryOutbox::default();
        let id = outbox.append(fresh("a", 0, (0..5).map(|i| gauge(&i.to_string(), 1.0)).collect()).into()).unwrap();
        let bytes = outbox.bytes();
        assert!(bytes > 0);
        outbox.settle(id, 1..2).unwrap();
        outbox.settle(id, 3..4).unwrap();
        outbox.settle(id, 3..4).unwrap();
        assert_eq!(outbox.waiting(), [Waiting { id, rows: vec![0..1, 2..3, 4..5] }]);
        assert_eq!(outbox.bytes(), bytes);
        outbox.settle(id, 0..5).unwrap();
        assert!(outbox.waiting().is_empty() && outbox.load(id).is_err());
        assert_eq!(outbox.bytes(), 0);
    }
}
