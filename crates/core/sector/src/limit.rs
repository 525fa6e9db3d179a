//! How much each member may have evaluated in a period: the one bound on guessing identity
//! numbers.
//!
//! Deterministic: the time is an argument. Periods are aligned to midnight in China (UTC+8), so a
//! period of 24 hours is a calendar day. A clock that goes back does not give a quota anew.

use chaincity_types::{Timestamp, cbor};
use minicbor::{Decode, Encode};

use crate::SectorError;

/// Most members counted in one period: what bounds memory.
pub const MEMBERS_MAX: usize = 4096;
/// Most characters of a member's id.
pub const MEMBER_CHARS_MAX: usize = 64;
/// Largest encoding of the counts, in bytes.
pub const LIMITER_BYTES_MAX: usize = 1 << 20;

const OFFSET_MS: u64 = 8 * 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// What a member may have evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    evaluations: u32,
    period_ms: u64,
}

impl Quota {
    /// So many evaluations in each period.
    ///
    /// # Errors
    /// [`SectorError::Quota`] when either is 0.
    pub const fn new(evaluations: u32, period_ms: u64) -> Result<Self, SectorError> {
        if evaluations == 0 || period_ms == 0 {
            return Err(SectorError::Quota);
        }
        Ok(Self { evaluations, period_ms })
    }

    /// So many evaluations a day.
    ///
    /// # Errors
    /// [`SectorError::Quota`] for 0.
    pub const fn a_day(evaluations: u32) -> Result<Self, SectorError> {
        Self::new(evaluations, DAY_MS)
    }

    /// Evaluations in each period.
    #[must_use]
    pub const fn evaluations(self) -> u32 {
        self.evaluations
    }
}

/// What a member used in a period.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Used {
    #[n(1)]
    member: String,
    /// Milliseconds since 1970-01-01T00:00:00+08:00.
    #[n(2)]
    began_ms: u64,
    #[n(3)]
    evaluations: u32,
}

/// Counts each member's evaluations, and refuses what goes beyond the quota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Limiter {
    /// By member, ascending.
    #[n(1)]
    used: Vec<Used>,
}

impl Limiter {
    /// Nothing used yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { used: Vec::new() }
    }

    /// Counts evaluations for a member, all or none, and gives what is left of its quota. What is
    /// refused is not counted.
    ///
    /// # Errors
    /// [`SectorError::QuotaExceeded`], [`SectorError::Member`], [`SectorError::MembersTooMany`].
    pub fn admit(
        &mut self,
        member: &str,
        evaluations: u32,
        quota: Quota,
        now: Timestamp,
    ) -> Result<u32, SectorError> {
        if member.is_empty() || member.chars().nth(MEMBER_CHARS_MAX).is_some() {
            return Err(SectorError::Member);
        }
        let began_ms = period(now, quota);
        let end = |used: &Used| used.began_ms.saturating_add(quota.period_ms);
        // What ended is forgotten. What began later than now stays: the clock went back.
        self.used.retain(|used| end(used) > began_ms);
        let place = self.used.binary_search_by(|used| used.member.as_str().cmp(member));
        let before = place.ok().and_then(|at| self.used.get(at)).map_or(0, |used| used.evaluations);
        let exceeded = SectorError::QuotaExceeded {
            used: before,
            quota: quota.evaluations,
            asked: evaluations,
        };
        let after = before.checked_add(evaluations).ok_or(exceeded)?;
        let left = quota.evaluations.checked_sub(after).ok_or(exceeded)?;
        match place {
            Ok(at) => {
                if let Some(used) = self.used.get_mut(at) {
                    used.evaluations = after;
                }
            }
            Err(_) if self.used.len() >= MEMBERS_MAX => return Err(SectorError::MembersTooMany),
            Err(at) => {
                let member = member.to_owned();
                self.used.insert(at, Used { member, began_ms, evaluations: after });
            }
        }
        Ok(left)
    }

    /// What each member used, ascending: for the record of evaluations.
    pub fn used(&self) -> impl Iterator<Item = (&str, u32)> {
        self.used.iter().map(|used| (used.member.as_str(), used.evaluations))
    }

    /// The bytes to keep, so that a restart forgets nothing.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// The counts from what was kept.
    ///
    /// # Errors
    /// [`SectorError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        let malformed = SectorError::Malformed("counts of evaluations");
        let limiter: Self = cbor::decode(bytes, LIMITER_BYTES_MAX).map_err(|_any| malformed)?;
        let mut pairs = limiter.used.iter().zip(limiter.used.iter().skip(1));
        let sorted = pairs.all(|(one, next)| one.member < next.member);
        let fits = limiter.used.len() <= MEMBERS_MAX
            && limiter.used.iter().all(|used| used.member.chars().nth(MEMBER_CHARS_MAX).is_none());
        if sorted && fits { Ok(limiter) } else { Err(malformed) }
    }
}

/// When the period of a time began.
fn period(now: Timestamp, quota: Quota) -> u64 {
    let local = now.plus_ms(OFFSET_MS).0;
    let into = local.checked_rem(quota.period_ms).unwrap_or(0);
    local.saturating_sub(into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: Timestamp = Timestamp(20_784 * DAY_MS - OFFSET_MS);
    const HOUR_MS: u64 = 3_600_000;

    fn quota() -> Quota {
        Quota::a_day(10).unwrap()
    }

    fn exceeded(used: u32, asked: u32) -> Result<u32, SectorError> {
        Err(SectorError::QuotaExceeded { used, quota: 10, asked })
    }

    #[test]
    fn a_quota_is_used_up_by_member_and_comes_anew_with_the_day_in_china() {
        let mut limiter = Limiter::new();
        assert_eq!(limiter.admit("bank", 7, quota(), MIDNIGHT), Ok(3));
        assert_eq!(limiter.admit("bank", 4, quota(), MIDNIGHT), exceeded(7, 4));
        // What was refused was not counted, and another member's quota is its own.
        assert_eq!(limiter.admit("bank", 3, quota(), MIDNIGHT), Ok(0));
        assert_eq!(limiter.admit("court", 10, quota(), MIDNIGHT), Ok(0));
        let late = MIDNIGHT.plus_ms(24 * HOUR_MS - 1);
        assert_eq!(limiter.admit("bank", 1, quota(), late), exceeded(10, 1));
        assert_eq!(limiter.admit("bank", 1, quota(), MIDNIGHT.plus_ms(24 * HOUR_MS)), Ok(9));
        assert_eq!(limiter.used().collect::<Vec<_>>(), [("bank", 1)]);
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_quota_anew() {
        let mut limiter = Limiter::new();
        assert_eq!(limiter.admit("bank", 10, quota(), MIDNIGHT), Ok(0));
        let yesterday = Timestamp(MIDNIGHT.0 - HOUR_MS);
        assert_eq!(limiter.admit("bank", 1, quota(), yesterday), exceeded(10, 1));
    }

    #[test]
    fn a_period_may_be_shorter_than_a_day() {
        let mut limiter = Limiter::new();
        let hourly = Quota::new(10, HOUR_MS).unwrap();
        assert_eq!(limiter.admit("bank", 10, hourly, MIDNIGHT), Ok(0));
        let within = MIDNIGHT.plus_ms(HOUR_MS - 1);
        assert_eq!(limiter.admit("bank", 1, hourly, within), exceeded(10, 1));
        assert_eq!(limiter.admit("bank", 1, hourly, MIDNIGHT.plus_ms(HOUR_MS)), Ok(9));
    }

    #[test]
    fn memory_is_bounded_and_a_new_period_frees_it() {
        let mut limiter = Limiter::new();
        for number in 0..MEMBERS_MAX {
            assert_eq!(limiter.admit(&format!("m{number}"), 1, quota(), MIDNIGHT), Ok(9));
        }
        let one_more = |limiter: &mut Limiter, now| limiter.admit("one-more", 1, quota(), now);
        assert_eq!(one_more(&mut limiter, MIDNIGHT), Err(SectorError::MembersTooMany));
        assert_eq!(limiter.admit("m7", 1, quota(), MIDNIGHT), Ok(8));
        assert!(limiter.to_bytes().len() <= LIMITER_BYTES_MAX);
        assert_eq!(one_more(&mut limiter, MIDNIGHT.plus_ms(DAY_MS)), Ok(9));
        assert_eq!(limiter.used().count(), 1);
    }

    #[test]
    fn absurd_amounts_and_members_are_refused() {
        let mut limiter = Limiter::new();
        assert_eq!(limiter.admit("bank", u32::MAX, quota(), MIDNIGHT), exceeded(0, u32::MAX));
        assert_eq!(limiter.admit("bank", 1, quota(), MIDNIGHT), Ok(9));
        assert_eq!(limiter.admit("bank", u32::MAX, quota(), MIDNIGHT), exceeded(1, u32::MAX));
        assert_eq!(limiter.admit("", 1, quota(), MIDNIGHT), Err(SectorError::Member));
        let long = "x".repeat(MEMBER_CHARS_MAX + 1);
        assert_eq!(limiter.admit(&long, 1, quota(), MIDNIGHT), Err(SectorError::Member));
        assert_eq!(Quota::a_day(0), Err(SectorError::Quota));
        assert_eq!(Quota::new(1, 0), Err(SectorError::Quota));
    }

    #[test]
    fn what_is_kept_is_read_again_and_nothing_else() {
        let mut limiter = Limiter::new();
        for member in ["court", "bank"] {
            assert_eq!(limiter.admit(member, 1, quota(), MIDNIGHT), Ok(9));
        }
        let bytes = limiter.to_bytes();
        assert_eq!(Limiter::from_bytes(&bytes), Ok(limiter.clone()));
        for at in 0..bytes.len() {
            assert!(Limiter::from_bytes(&bytes[..at]).is_err());
        }
        limiter.used.reverse();
        assert!(Limiter::from_bytes(&limiter.to_bytes()).is_err());
    }
}
