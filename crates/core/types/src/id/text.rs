//! Normalising texts and taking them apart without panics.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::{Finding, IdCode, IdError};

/// The longest input that is looked at, in characters. The longest identifier, of an
/// electronic licence, has 94.
pub const INPUT_CHARS_MAX: usize = 200;

/// The short names of the provinces, as they open certificate numbers and court codes.
pub(super) const PROVINCES: &str = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新";

/// The canonical form: NFKC, upper case, no spaces. The length is bounded before anything else.
pub(super) fn canonical(text: &str) -> Result<String, IdError> {
    if text.chars().nth(INPUT_CHARS_MAX).is_some() {
        return Err(Finding::new(IdCode::TooLong).wants(format!("≤{INPUT_CHARS_MAX}")).into());
    }
    let folded: String =
        text.nfkc().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    if folded.is_empty() {
        return Err(Finding::new(IdCode::Empty).into());
    }
    Ok(folded)
}

/// Refuses a canonical text that is not `length` characters, all allowed.
pub(super) fn check_shape(
    text: &str,
    length: usize,
    allowed: impl Fn(usize, char) -> bool,
) -> Result<(), IdError> {
    if text.chars().count() != length {
        return Err(Finding::new(IdCode::Length).wants(length).into());
    }
    check_characters(text, allowed)
}

/// Refuses a canonical text with a character that is not allowed at its 0-based position.
pub(super) fn check_characters(
    text: &str,
    allowed: impl Fn(usize, char) -> bool,
) -> Result<(), IdError> {
    let wrong = text.chars().enumerate().find(|(i, c)| !allowed(*i, *c));
    wrong.map_or(Ok(()), |(i, _)| {
        Err(Finding::new(IdCode::Character).at(i.saturating_add(1)).into())
    })
}

/// The bytes `range` of an ASCII text; empty where there are none.
pub(super) fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// Whether the text is one or more ASCII digits.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the text is all zeros.
pub(super) fn is_zeros(text: &str) -> bool {
    text.bytes().all(|b| b == b'0')
}

/// Whether the character is one of the 20,902 basic Chinese characters (一 to 龥).
pub(super) const fn is_han(c: char) -> bool {
    matches!(c, '一'..='龥')
}

/// The expected check character, refused when the text ends otherwise.
pub(super) fn check_last(text: &str, wanted: char) -> Result<(), IdError> {
    if text.ends_with(wanted) {
        return Ok(());
    }
    Err(Finding::new(IdCode::CheckDigit).at(text.chars().count()).wants(wanted).into())
}

/// The text in groups of the given sizes, separated by a space.
pub(super) fn grouped(text: &str, sizes: &[usize]) -> String {
    let mut chars = text.chars();
    let groups = sizes.iter().map(|size| chars.by_ref().take(*size).collect::<String>());
    let mut groups: Vec<String> = groups.filter(|group| !group.is_empty()).collect();
    let rest: String = chars.collect();
    if !rest.is_empty() {
        groups.push(rest);
    }
    groups.join(" ")
}

/// The text with all but `head` leading and `tail` trailing characters hidden.
#[must_use]
pub fn masked(text: &str, head: usize, tail: usize) -> String {
    let shown_from = text.chars().count().saturating_sub(tail);
    let hide = |(i, c)| if i < head || i >= shown_from { c } else { '*' };
    text.chars().enumerate().map(hide).collect()
}
