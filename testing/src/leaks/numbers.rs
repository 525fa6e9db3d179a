//! Every number that a person could have who was born in 1900 in one of some regions: synthetic, as
//! all people of the tests are, and as many as real ones of a city.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

/// Days of 1900, which was no leap year.
const DAYS: usize = 365;
/// Sequence numbers of a day and region: 001 to 999.
const ORDERS: usize = 999;
/// Regions (GB/T 2260) of the cities that people of the tests come from, and others.
const REGIONS: [&str; 28] = [
    "110101", "110102", "110105", "110106", "110107", "110108", "110109", "110111", "110112",
    "110113", "110114", "110115", "110116", "110117", "110118", "110119", "430102", "430103",
    "430104", "430105", "430111", "430112", "431302", "431321", "431322", "431381", "431382",
    "310101",
];

/// Numbers by their position: region by region, day by day.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// Region and date, as they stand in the number.
    heads: Vec<String>,
}

impl Numbers {
    /// All of them: ten million and some.
    #[must_use]
    pub fn all() -> Self {
        Self::of(&REGIONS)
    }

    /// Those of some regions.
    #[must_use]
    pub fn of(regions: &[&str]) -> Self {
        let first = date(1900, 1, 1);
        let days = || (0_i64..).take(DAYS).filter_map(|days| first.checked_add(days.days()).ok());
        let head = |region: &str, day: Date| format!("{region}{}", day.strftime("%Y%m%d"));
        let heads = regions.iter().flat_map(|region| days().map(move |day| head(region, day)));
        Self { heads: heads.collect() }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.heads.len().saturating_mul(ORDERS)
    }

    /// The number at a position.
    #[must_use]
    pub fn number(&self, at: usize) -> [u8; 18] {
        let head = at.checked_div(ORDERS).and_then(|at| self.heads.get(at));
        let order = at.checked_rem(ORDERS).unwrap_or(0).saturating_add(1);
        let mut number = [b'0'; 18];
        let head = head.map_or(&[][..], String::as_bytes);
        let tens = [100, 10, 1].map(|unit| order.checked_div(unit).unwrap_or(0).checked_rem(10));
        let order = tens.map(|digit| b"0123456789".get(digit.unwrap_or(0)).copied());
        for (to, from) in number.iter_mut().zip(head.iter().copied().map(Some).chain(order)) {
            *to = from.unwrap_or(b'0');
        }
        number[17] = check_character(&number);
        number
    }

    /// Whether this text is one of them.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        let Some((head, tail)) = text.split_at_checked(14) else { return false };
        let Ok(bytes) = <[u8; 18]>::try_from(text.as_bytes()) else { return false };
        let order = tail.get(..3).and_then(|order| order.parse::<usize>().ok());
        order.is_some_and(|order| (1..=ORDERS).contains(&order))
            && bytes[17] == check_character(&bytes)
            && self.heads.iter().any(|known| known == head)
    }
}

/// The last character of a number, by the 17 before it: ISO 7064 MOD 11-2, as GB 11643 writes it.
#[must_use]
pub fn check_character(number: &[u8; 18]) -> u8 {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum = number.iter().zip(WEIGHTS).fold(0_u32, |sum, (digit, weight)| {
        sum.saturating_add(u32::from(digit.saturating_sub(b'0')).saturating_mul(weight))
    });
    let at = usize::try_from(sum.checked_rem(11).unwrap_or(0)).unwrap_or(0);
    b"10X98765432".get(at).copied().unwrap_or(b'0')
}
