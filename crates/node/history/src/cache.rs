//! A cache by digest, bounded in number and in bytes: what came first goes first.

use std::collections::{HashMap, VecDeque};

use chaincity_types::Digest;

/// Values by digest.
#[derive(Debug)]
pub struct Cache<T> {
    held: HashMap<Digest, T>,
    /// Oldest first, with the size of each.
    order: VecDeque<(Digest, usize)>,
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
}

impl<T: Clone> Cache<T> {
    /// An empty cache of at most so many values, made from at most so many bytes.
    #[must_use]
    pub fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { held: HashMap::new(), order: VecDeque::new(), bytes: 0, count_max, bytes_max }
    }

    /// The value of a digest, if it is kept.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<T> {
        self.held.get(digest).cloned()
    }

    /// Keeps a value that was made from so many bytes.
    pub fn insert(&mut self, digest: Digest, value: T, size: usize) {
        if self.held.insert(digest, value).is_none() {
            self.order.push_back((digest, size));
            self.bytes = self.bytes.saturating_add(size);
        }
        while self.order.len() > self.count_max || self.bytes > self.bytes_max {
            let Some((oldest, size)) = self.order.pop_front() else { break };
            self.held.remove(&oldest);
            self.bytes = self.bytes.saturating_sub(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(cache: &Cache<u8>) -> Vec<u8> {
        let mut held: Vec<u8> = cache.held.values().copied().collect();
        held.sort_unstable();
        held
    }

    #[test]
    fn a_cache_is_bounded_in_number_and_in_bytes() {
        let mut cache = Cache::new(3, 100);
        for i in 1..=4 {
            cache.insert(Digest([i; 32]), i, 10);
        }
        assert_eq!((held(&cache), cache.bytes), (vec![2, 3, 4], 30));
        cache.insert(Digest([4; 32]), 4, 10);
        assert_eq!((held(&cache), cache.bytes), (vec![2, 3, 4], 30));
        cache.insert(Digest([5; 32]), 5, 85);
        assert_eq!((held(&cache), cache.bytes), (vec![4, 5], 95));
        cache.insert(Digest([6; 32]), 6, 101);
        assert_eq!((held(&cache), cache.bytes, cache.order.len()), (vec![], 0, 0));
    }
}
