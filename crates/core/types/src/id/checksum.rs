//! The check character systems, each as its standard gives it.
//!
//! Inputs are canonical characters without the check character; a character outside the system's
//! alphabet gives `None`.

/// The value of a digit or letter: 0–9, then A=10 … Z=35.
fn alphanumeric(c: char) -> Option<u32> {
    if c.is_ascii_lowercase() { None } else { c.to_digit(36) }
}

/// The character of a value: the inverse of [`alphanumeric`].
fn of_value(value: u32) -> Option<char> {
    char::from_digit(value, 36).map(|c| c.to_ascii_uppercase())
}

fn weighted_sum(values: impl Iterator<Item = Option<u32>>, weights: &[u32]) -> Option<u32> {
    let terms = values.zip(weights).map(|(value, weight)| value?.checked_mul(*weight));
    terms.into_iter().try_fold(0_u32, |sum, term| sum.checked_add(term?))
}

/// ISO 7064 MOD 11-2 as GB 11643 writes it: the last character of a resident ID.
pub(super) fn resident_id(first17: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum = weighted_sum(first17.chars().map(|c| c.to_digit(10)), &WEIGHTS)?;
    let index = usize::try_from(sum % 11).ok()?;
    "10X98765432".chars().nth(index)
}

/// The 31 characters of GB 32100-2015: no I, O, S, V, Z.
pub(super) const USCC_ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// GB 32100-2015: the last character of a social credit code.
pub(super) fn uscc(first17: &str) -> Option<char> {
    // 3^i mod 31
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let value = |c| USCC_ALPHABET.find(c).and_then(|i| u32::try_from(i).ok());
    let sum = weighted_sum(first17.chars().map(value), &WEIGHTS)?;
    let check = 31_u32.checked_sub(sum % 31)? % 31;
    USCC_ALPHABET.chars().nth(usize::try_from(check).ok()?)
}

/// GB 11714: the check character of an organisation code's eight characters.
pub(super) fn organisation(first8: &str) -> Option<char> {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum = weighted_sum(first8.chars().map(alphanumeric), &WEIGHTS)?;
    match 11_u32.checked_sub(sum % 11)? {
        10 => Some('X'),
        11 => Some('0'),
        digit => char::from_digit(digit, 10),
    }
}

/// ISO 7064 MOD 37,36: the check character of an electronic licence identifier (GB/T 36904).
pub(super) fn mod_37_36(text: impl Iterator<Item = char>) -> Option<char> {
    let mut product = 36_u32;
    for c in text {
        let sum = product.checked_add(alphanumeric(c)?)? % 36;
        product = if sum == 0 { 36 } else { sum }.checked_mul(2)? % 37;
    }
    of_value(37_u32.checked_sub(product)? % 36)
}

/// GS1 General Specifications, 7.9: the check digit of GTIN, GLN, SSCC.
pub(super) fn gs1(digits: &str) -> Option<char> {
    mod10(digits, |digit| digit.checked_mul(3))
}

/// Luhn (ISO/IEC 7812-1, annex B): the check digit of a bank card.
pub(super) fn luhn(digits: &str) -> Option<char> {
    mod10(digits, |digit| {
        let double = digit.checked_mul(2)?;
        if double > 9 { double.checked_sub(9) } else { Some(double) }
    })
}

/// Every other digit from the right is weighted; the check digit fills up to a multiple of ten.
fn mod10(digits: &str, weigh: impl Fn(u32) -> Option<u32>) -> Option<char> {
    let mut sum = 0_u32;
    for (i, c) in digits.chars().rev().enumerate() {
        let digit = c.to_digit(10)?;
        sum = sum.checked_add(if i % 2 == 0 { weigh(digit)? } else { digit })?;
    }
    char::from_digit(10_u32.checked_sub(sum % 10)? % 10, 10)
}
