//! What a workload draws from its seed: kinds by their shares, keys by Zipf's law.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Exponent of Zipf's law: the constant of YCSB's generators.
const THETA: f64 = 0.99;

/// Ranks by Zipf's law: rank 0 is the most frequent.
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    /// The weight of all ranks up to this one.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Over `count` ranks.
    #[allow(clippy::float_arithmetic, reason = "it draws a load and decides nothing")]
    pub(super) fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let weigh = |rank: u32| {
            sum += f64::from(rank).powf(-THETA);
            sum
        };
        Self { cumulative: (1..=count).map(weigh).collect() }
    }

    /// A rank; 0 when there are none.
    #[allow(clippy::float_arithmetic, reason = "it draws a load and decides nothing")]
    pub(super) fn rank(&self, rng: &mut StdRng) -> usize {
        let at = rng.random::<f64>() * self.cumulative.last().copied().unwrap_or(0.0);
        let rank = self.cumulative.partition_point(|sum| *sum <= at);
        rank.min(self.cumulative.len().saturating_sub(1))
    }

    /// A place below the number of ranks: the frequent ones do not stand side by side.
    pub(super) fn place(&self, rng: &mut StdRng) -> usize {
        let count = u64::try_from(self.cumulative.len()).unwrap_or(u64::MAX);
        let rank = u64::try_from(self.rank(rng)).unwrap_or(0);
        usize::try_from(scatter(rank).checked_rem(count).unwrap_or(0)).unwrap_or(0)
    }
}

/// FNV-1a over the number's bytes, as YCSB scatters ranks and names keys.
pub(super) fn scatter(number: u64) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    number.to_le_bytes().into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// One of several kinds by their shares in a hundred.
pub(super) fn choose<T: Copy>(rng: &mut StdRng, shares: &[(T, u32)]) -> Option<T> {
    let mut at = rng.random_range(0..100_u32);
    for (kind, share) in shares {
        match at.checked_sub(*share) {
            Some(rest) => at = rest,
            None => return Some(*kind),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn ranks_follow_zipfs_law() {
        let (zipf, mut rng) = (Zipf::new(1_000), StdRng::seed_from_u64(1));
        let mut counts = vec![0_u32; 1_000];
        (0..100_000).for_each(|_| counts[zipf.rank(&mut rng)] += 1);
        // H(1000, 0.99) is about 7.73: the first rank has 12.9 % of the draws, the second half.
        assert!((12_400..13_500).contains(&counts[0]), "{}", counts[0]);
        assert!((6_000..7_100).contains(&counts[1]), "{}", counts[1]);
        assert!(counts[0] > 8 * counts[9] && counts[9] > 5 * counts[99], "{counts:?}");
        assert_eq!(Zipf::new(0).rank(&mut rng), 0);
    }

    #[test]
    fn frequent_places_do_not_stand_side_by_side() {
        let (zipf, mut rng) = (Zipf::new(1_000), StdRng::seed_from_u64(1));
        let mut counts = vec![0_u32; 1_000];
        (0..20_000).for_each(|_| counts[zipf.place(&mut rng)] += 1);
        let most = (0..1_000).max_by_key(|place| counts[*place]).unwrap();
        let beside = counts[(most + 1) % 1_000].max(counts[(most + 999) % 1_000]);
        assert!(counts[most] > 2_000 && beside < 500, "{most}: {counts:?}");
    }

    #[test]
    fn kinds_come_by_their_shares() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = [0_u32; 2];
        (0..10_000).for_each(|_| counts[choose(&mut rng, &[(0, 95), (1, 5)]).unwrap()] += 1);
        assert!((9_400..9_600).contains(&counts[0]), "{counts:?}");
    }
}
