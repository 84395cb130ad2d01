//! Slots that are found by their canonical bytes and reused when they are free.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use rapidhash::fast::RandomState;

use super::Target;

/// Values under (parent, bytes). A slot keeps its number; its generation tells whether it still holds what it held.
#[derive(Debug)]
pub(crate) struct Keyed<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot<T> {
    parent: u32,
    generation: u32,
    key: Box<[u8]>,
    value: Option<T>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<T> Keyed<T> {
    /// The slot of a key.
    pub(crate) fn find(&self, parent: u32, key: &[u8]) -> Option<Target> {
        let hash = hash(&self.hasher, parent, key);
        let slot = *self.index.find(hash, |&slot| {
            let slot = &self.slots[slot as usize];
            slot.parent == parent && *slot.key == *key
        })?;
        Some(Target { slot, generation: self.slots[slot as usize].generation })
    }

    /// Puts a value under a key that is not there yet.
    pub(crate) fn insert(&mut self, parent: u32, key: &[u8], value: T) -> Target {
        let hash_of = hash(&self.hasher, parent, key);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { parent, generation: 0, key: Box::default(), value: None });
            self.slots.len() as u32 - 1
        });
        let entry = &mut self.slots[slot as usize];
        (entry.parent, entry.key, entry.value) = (parent, key.into(), Some(value));
        let generation = entry.generation;
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash_of, slot, |&slot| {
            let slot = &slots[slot as usize];
            hash(hasher, slot.parent, &slot.key)
        });
        Target { slot, generation }
    }

    /// Takes a value out; its slot may be used again.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.slots.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        let hash = hash(&self.hasher, entry.parent, &entry.key);
        entry.generation = entry.generation.wrapping_add(1);
        entry.key = Box::default();
        if let Ok(found) = self.index.find_entry(hash, |&other| other == slot) {
            found.remove();
        }
        self.free.push(slot);
        Some(value)
    }

    /// The value in a slot.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.value.as_ref()
    }

    /// The value in a slot, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)?.value.as_mut()
    }

    /// What a slot is now, generation included.
    pub(crate) fn target(&self, slot: u32) -> Option<Target> {
        let entry = self.slots.get(slot as usize)?;
        Some(Target { slot, generation: entry.generation })
    }

    /// Whether a slot still holds what it held.
    pub(crate) fn is_current(&self, target: Target) -> bool {
        self.target(target.slot) == Some(target) && self.get(target.slot).is_some()
    }

    /// Gives all values other parents. Two keys must not become one by it.
    pub(crate) fn reparent(&mut self, parent: impl Fn(u32) -> u32) {
        self.index.clear();
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            if slot.value.is_none() {
                continue;
            }
            slot.parent = parent(slot.parent);
            let (slots, hasher) = (&self.slots, &self.hasher);
            let hash_of = |slot: &u32| hash(hasher, slots[*slot as usize].parent, &slots[*slot as usize].key);
            self.index.insert_unique(hash_of(&(at as u32)), at as u32, hash_of);
        }
    }

    /// The canonical bytes of a slot.
    pub(crate) fn key(&self, slot: u32) -> &[u8] {
        self.slots.get(slot as usize).map_or(&[], |slot| &slot.key)
    }

    /// All slots that hold a value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at as u32, slot.value.as_ref()?)))
    }

    /// All slots that hold a value, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(at, slot)| Some((at as u32, slot.value.as_mut()?)))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}

fn hash(hasher: &RandomState, parent: u32, key: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent);
    state.write(key);
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_reused_slot_is_not_what_it_was() {
        let mut keyed = Keyed::default();
        let first = keyed.insert(0, b"a", 1);
        assert_eq!(keyed.remove(first.slot), Some(1));
        let second = keyed.insert(0, b"b", 2);
        assert_eq!(second.slot, first.slot);
        assert!(!keyed.is_current(first) && keyed.is_current(second));
        assert_eq!(keyed.get(second.slot), Some(&2));
        assert_eq!(keyed.key(second.slot), b"b");
        assert_eq!(keyed.remove(77), None);
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(steps in prop::collection::vec((0_u32..4, 0_u8..8, any::<bool>()), 0..200)) {
            let (mut keyed, mut model) = (Keyed::default(), HashMap::new());
            for (number, (parent, key, removes)) in steps.into_iter().enumerate() {
                let found = keyed.find(parent, &[key]);
                prop_assert_eq!(found.map(|target| *keyed.get(target.slot).unwrap()), model.get(&(parent, key)).copied());
                match found {
                    Some(target) if removes => {
                        prop_assert_eq!(keyed.remove(target.slot), model.remove(&(parent, key)));
                    }
                    None => {
                        keyed.insert(parent, &[key], number);
                        model.insert((parent, key), number);
                    }
                    Some(_) => {}
                }
                prop_assert_eq!(keyed.len(), model.len());
            }
        }
    }
}
