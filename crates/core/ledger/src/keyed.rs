//! Maps by logical key. A key is several texts, which are compared one after the other; here keys
//! stand in the order of a number made of each, so that finding one compares numbers and then,
//! once, the key.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher};

use chaincity_types::wire::LogicalKey;

/// Stands for a key where it only matters whether two are the same: keys with one mark count as
/// one, which costs a transaction that is run once more and changes no outcome.
pub(crate) type Mark = u64;

/// The mark of a key.
pub(crate) fn mark(key: &LogicalKey) -> Mark {
    let mut marker = Marker(0);
    key.hash(&mut marker);
    marker.finish()
}

/// Mixes eight bytes at a time (the hash of the Rust compiler, FxHash): quick, and no protection
/// against keys that were chosen to have one mark.
struct Marker(u64);

impl Marker {
    const fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Marker {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            // The one before them tells how many there are.
            self.mix(rest.iter().fold(1, |word, byte| (word << 8) | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Values by logical key.
#[derive(Clone, Debug)]
pub struct Keyed<T> {
    slots: BTreeMap<Mark, Slot<T>>,
}

/// A value with its key, and those whose keys have the same mark: next to never any, but however
/// many somebody makes, finding one takes the logarithm of their number.
#[derive(Clone, Debug)]
struct Slot<T> {
    key: LogicalKey,
    value: T,
    more: BTreeMap<LogicalKey, T>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { slots: BTreeMap::new() }
    }
}

impl<T> Keyed<T> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &LogicalKey) -> Option<&T> {
        self.get_marked(mark(key), key)
    }

    /// The same by a mark that is known.
    pub(crate) fn get_marked(&self, mark: Mark, key: &LogicalKey) -> Option<&T> {
        let slot = self.slots.get(&mark)?;
        if slot.key == *key { Some(&slot.value) } else { slot.more.get(key) }
    }

    /// Gives a key this value, whatever it had before.
    pub fn insert(&mut self, key: LogicalKey, value: T) {
        self.insert_marked(mark(&key), key, value);
    }

    fn insert_marked(&mut self, mark: Mark, key: LogicalKey, value: T) {
        match self.slots.get_mut(&mark) {
            Some(slot) if slot.key == key => slot.value = value,
            Some(slot) => drop(slot.more.insert(key, value)),
            None => drop(self.slots.insert(mark, Slot { key, value, more: BTreeMap::new() })),
        }
    }

    /// Takes over all of `upper`, whose values stand in the place of those here.
    pub(crate) fn absorb(&mut self, upper: Self) {
        if self.slots.is_empty() {
            *self = upper;
            return;
        }
        for (mark, Slot { key, value, more }) in upper.slots {
            self.insert_marked(mark, key, value);
            for (key, value) in more {
                self.insert_marked(mark, key, value);
            }
        }
    }

    /// The marks of all keys.
    pub(crate) fn marks(&self) -> impl Iterator<Item = Mark> {
        self.slots.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> LogicalKey {
        LogicalKey::Record { package: "p".into(), register: "r".into(), key: text.into() }
    }

    #[test]
    fn keys_of_one_mark_are_told_apart() {
        let mut keyed = Keyed::default();
        for (text, value) in [("a", 1), ("b", 2), ("c", 3), ("b", 4), ("a", 5)] {
            keyed.insert_marked(7, key(text), value);
        }
        let found = |keyed: &Keyed<i32>, text| keyed.get_marked(7, &key(text)).copied();
        assert_eq!(
            ["a", "b", "c", "d"].map(|text| found(&keyed, text)),
            [Some(5), Some(4), Some(3), None]
        );
        let mut below = Keyed::default();
        below.insert_marked(7, key("d"), 6);
        below.insert_marked(7, key("a"), 0);
        below.absorb(keyed);
        assert_eq!(
            ["a", "b", "c", "d"].map(|text| found(&below, text)),
            [Some(5), Some(4), Some(3), Some(6)]
        );
    }

    #[test]
    fn a_mark_depends_on_every_part_of_a_key() {
        let keys = ["", "a", "b", "abcdefgh", "abcdefghi", "bbcdefgh", "a\0", "\0a"].map(key);
        let entry = |index: &str, value: i64| LogicalKey::Index {
            package: "p".into(),
            register: "r".into(),
            index: index.into(),
            values: vec![chaincity_types::Value::Int(value)],
        };
        let entries = [entry("i", 1), entry("i", 2), entry("j", 1)];
        let marks: std::collections::BTreeSet<_> = keys.iter().chain(&entries).map(mark).collect();
        assert_eq!(marks.len(), 11, "each its own");
        let mut keyed = Keyed::default();
        keyed.insert(keys[1].clone(), 1);
        assert_eq!((keyed.get(&keys[1]), keyed.get(&keys[2])), (Some(&1), None));
    }
}
