//! Numbers that mean something: each has one unit, and none converts silently into another.

use std::fmt;

use minicbor::{Decode, Encode};

/// Position of a block in the ledger; genesis is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Height(#[n(0)] pub u64);

impl Height {
    /// The next height.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z. Block time, never a local clock's, inside the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub u64);

impl Timestamp {
    /// This time plus `ms` milliseconds, at most the largest representable time.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar date in China (UTC+8, no daylight saving), in days since 1970-01-01.
    #[must_use]
    pub fn china_day(self) -> i32 {
        const OFFSET_MS: u64 = 8 * 3_600_000;
        const DAY_MS: u64 = 86_400_000;
        let days = self.plus_ms(OFFSET_MS).0.checked_div(DAY_MS).unwrap_or(0);
        i32::try_from(days).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Money in fen (分, a hundredth of a yuan). Always an integer; the display is yuan with two
/// decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Fen(#[n(0)] pub i64);

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_fixed(f, self.0)
    }
}

/// An area in hundredths of a square metre (fixed point, two decimals).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Area(#[n(0)] pub i64);

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_fixed(f, self.0)
    }
}

fn write_fixed(f: &mut fmt::Formatter<'_>, hundredths: i64) -> fmt::Result {
    let sign = if hundredths < 0 { "-" } else { "" };
    let abs = hundredths.unsigned_abs();
    let (whole, rest) = (abs.checked_div(100), abs.checked_rem(100));
    write!(f, "{sign}{}.{:02}", whole.unwrap_or(0), rest.unwrap_or(0))
}

/// Reads a decimal with at most two places as hundredths: `27.67` is 2767.
///
/// # Errors
/// When the text is not such a decimal or does not fit.
pub fn parse_hundredths(text: &str) -> Result<i64, QuantityError> {
    let bad = || QuantityError::NotDecimal { text: text.chars().take(40).collect() };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 2 || !all_digits(whole) || !all_digits(fraction) {
        return Err(bad());
    }
    let value: i64 = format!("{whole}{fraction:0<2}").parse().ok().ok_or_else(bad)?;
    if negative { value.checked_neg().ok_or_else(bad) } else { Ok(value) }
}

/// Why a text is not the wanted quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a decimal with at most two places.
    #[error("`{text}` is not a decimal with at most two places")]
    NotDecimal {
        /// The offending text, cut to 40 characters.
        text: String,
    },
    /// Not a share between 0/d and d/d.
    #[error("{numerator}/{denominator} is not a share of a whole")]
    NotShare {
        /// Numerator given.
        numerator: u64,
        /// Denominator given.
        denominator: u64,
    },
}

/// A share n/d of a whole, with 0 < n ≤ d (民法典 298: 按份共有).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Share {
    #[n(0)]
    numerator: u64,
    #[n(1)]
    denominator: u64,
}

impl Share {
    /// The whole: sole ownership.
    pub const WHOLE: Self = Self { numerator: 1, denominator: 1 };

    /// A share, kept as written (2/4 stays 2/4: the certificate says so).
    ///
    /// # Errors
    /// When n is 0, d is 0, or n is larger than d, or d exceeds 1,000,000,000.
    pub const fn new(numerator: u64, denominator: u64) -> Result<Self, QuantityError> {
        if numerator == 0 || numerator > denominator || denominator > 1_000_000_000 {
            return Err(QuantityError::NotShare { numerator, denominator });
        }
        Ok(Self { numerator, denominator })
    }

    /// n of n/d.
    #[must_use]
    pub const fn numerator(self) -> u64 {
        self.numerator
    }

    /// d of n/d.
    #[must_use]
    pub const fn denominator(self) -> u64 {
        self.denominator
    }

    /// Whether the shares add up to exactly one. Exact rational arithmetic; a sum whose common
    /// denominator does not fit 128 bits counts as not whole.
    #[must_use]
    pub fn sum_to_whole(shares: impl IntoIterator<Item = Self>) -> bool {
        let sum = shares.into_iter().try_fold((0_u128, 1_u128), |(n, d), share| {
            let (sn, sd) = (u128::from(share.numerator), u128::from(share.denominator));
            let n = n.checked_mul(sd)?.checked_add(sn.checked_mul(d)?)?;
            let d = d.checked_mul(sd)?;
            let g = gcd(n, d);
            Some((n.checked_div(g)?, d.checked_div(g)?))
        });
        sum == Some((1, 1))
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or(0));
    }
    a
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_are_read_exactly_or_refused() {
        assert_eq!(parse_hundredths("27.67"), Ok(2767));
        assert_eq!(parse_hundredths("-0.5"), Ok(-50));
        assert_eq!(parse_hundredths("83"), Ok(8300));
        for bad in ["", ".", "1.234", "1e3", "１", "99999999999999999999", "--1", "1."] {
            assert_eq!(parse_hundredths(bad).is_ok(), bad == "1.", "{bad}");
        }
        assert_eq!(Fen(-150_005).to_string(), "-1500.05");
    }

    #[test]
    fn shares_make_a_whole_exactly() {
        let s = |n, d| Share::new(n, d).unwrap();
        assert!(Share::sum_to_whole([s(1, 3), s(2, 6), s(1, 3)]));
        assert!(!Share::sum_to_whole([s(1, 3), s(1, 3)]));
        assert!(!Share::sum_to_whole([]));
        assert!(Share::new(0, 3).is_err() && Share::new(4, 3).is_err());
    }
}
