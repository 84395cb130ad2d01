//! A cache from raw bytes to what they turned out to be.
//!
//! Senders name their series in the same order again and again. So the entries lie in the order in which they were first seen, and before
//! anything is hashed the entry behind the last one found is tried. The cache is bounded and forgets everything at once when it is full: it
//! can always be filled again from canonical identities.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use rapidhash::fast::RandomState;

/// What an alias stands for: a slot, and the generation it was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

#[derive(Debug)]
struct Alias {
    parent: u32,
    start: u32,
    len: u32,
    target: Target,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Aliases {
    entries: Vec<Alias>,
    bytes: Vec<u8>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// The entry that probably comes next.
    next: usize,
    max_bytes: usize,
}

impl Aliases {
    /// With at most this many bytes, keys and entries together.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            bytes: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
            next: 0,
            // Offsets are 32 bits wide.
            max_bytes: max_bytes.min(u32::MAX as usize),
        }
    }

    /// What these bytes stand for under `parent`.
    #[inline]
    pub(crate) fn find(&mut self, parent: u32, bytes: &[u8]) -> Option<Target> {
        if let Some(alias) = self.entries.get(self.next)
            && alias.parent == parent
            && key(&self.bytes, alias) == bytes
        {
            self.next += 1;
            return Some(alias.target);
        }
        let at = self.position(parent, bytes)?;
        self.next = at + 1;
        Some(self.entries[at].target)
    }

    /// Remembers what these bytes stand for, or that it is something else now.
    pub(crate) fn insert(&mut self, parent: u32, bytes: &[u8], target: Target) {
        if let Some(at) = self.position(parent, bytes) {
            self.entries[at].target = target;
            return;
        }
        if self.used_bytes() + bytes.len() + ENTRY_BYTES > self.max_bytes {
            self.clear();
            if bytes.len() + ENTRY_BYTES > self.max_bytes {
                return;
            }
        }
        let alias = Alias { parent, start: self.bytes.len() as u32, len: bytes.len() as u32, target };
        self.bytes.extend_from_slice(bytes);
        self.entries.push(alias);
        let at = self.entries.len() - 1;
        let (entries, all, hasher) = (&self.entries, &self.bytes, &self.hasher);
        let hash = |at: &u32| hash(hasher, entries[*at as usize].parent, key(all, &entries[*at as usize]));
        self.index.insert_unique(hash(&(at as u32)), at as u32, hash);
        self.next = at + 1;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.index.clear();
        self.next = 0;
    }

    /// About how many bytes it holds.
    pub(crate) const fn used_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * ENTRY_BYTES
    }

    #[inline]
    fn position(&self, parent: u32, bytes: &[u8]) -> Option<usize> {
        let hash = hash(&self.hasher, parent, bytes);
        let found = self.index.find(hash, |&at| {
            let alias = &self.entries[at as usize];
            alias.parent == parent && key(&self.bytes, alias) == bytes
        })?;
        Some(*found as usize)
    }
}

/// An entry and its share of the index.
const ENTRY_BYTES: usize = size_of::<Alias>() + 8;

#[inline]
fn key<'b>(bytes: &'b [u8], alias: &Alias) -> &'b [u8] {
    &bytes[alias.start as usize..(alias.start + alias.len) as usize]
}

#[inline]
fn hash(hasher: &RandomState, parent: u32, bytes: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent);
    state.write(bytes);
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn target(slot: u32) -> Target {
        Target { slot, generation: 0 }
    }

    #[test]
    fn finds_in_any_order_and_under_its_parent_alone() {
        let mut aliases = Aliases::new(1 << 20);
        for slot in 0..100 {
            aliases.insert(slot % 3, format!("key {slot}").as_bytes(), target(slot));
        }
        for slot in (0..100).chain((0..100).rev()) {
            let key = format!("key {slot}");
            assert_eq!(aliases.find(slot % 3, key.as_bytes()), Some(target(slot)));
            assert_eq!(aliases.find(7, key.as_bytes()), None);
        }
        aliases.insert(0, b"key 0", target(500));
        assert_eq!(aliases.find(0, b"key 0"), Some(target(500)));
    }

    #[test]
    fn stays_within_its_bound() {
        let mut aliases = Aliases::new(4096);
        for slot in 0..10_000 {
            aliases.insert(0, &[slot as u8; 40], target(slot));
            aliases.insert(slot, b"k", target(slot));
            assert!(aliases.used_bytes() <= 4096);
        }
        aliases.insert(0, &[1; 5000], target(1));
        assert_eq!(aliases.find(0, &[1; 5000]), None, "what never fits is not kept");
    }
}
