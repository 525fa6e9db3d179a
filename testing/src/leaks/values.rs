//! Values that must stand nowhere, as they may be written in a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Fewest bytes of a whole number that is searched for as it is stored: fewer stand anywhere by chance.
const INTEGER_BYTES_MIN: usize = 5;

/// The values, in every form that is searched for, by the first two bytes of each.
#[derive(Clone, Debug, Default)]
pub struct Values {
    forms: BTreeMap<[u8; 2], Vec<Form>>,
    /// Whether a form begins so.
    begins: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Form {
    /// Position of the value, and how it is written.
    of: (usize, &'static str),
    bytes: Vec<u8>,
}

impl Values {
    /// These values.
    #[must_use]
    pub fn new<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let mut all = Self { forms: BTreeMap::new(), begins: vec![false; 1 << 16] };
        for (at, value) in values.into_iter().enumerate() {
            for (how, bytes) in forms(value) {
                let Some(beginning) = bytes.first_chunk().copied() else { continue };
                if let Some(begins) = all.begins.get_mut(place(beginning)) {
                    *begins = true;
                }
                all.forms.entry(beginning).or_default().push(Form { of: (at, how), bytes });
            }
        }
        all
    }

    /// Which of them stand in these bytes: position of the value, and how it is written.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Vec<(usize, &'static str)> {
        let mut found = Vec::new();
        for (at, two) in bytes.windows(2).enumerate() {
            let Some(beginning) = two.first_chunk().copied() else { continue };
            if !self.begins.get(place(beginning)).is_some_and(|begins| *begins) {
                continue;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let forms = self.forms.get(&beginning).into_iter().flatten();
            found.extend(forms.filter(|form| rest.starts_with(&form.bytes)).map(|form| form.of));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn place(beginning: [u8; 2]) -> usize {
    usize::from(u16::from_be_bytes(beginning))
}

/// How a value may be written: as it is, in an address, in JSON that is ASCII, in digits, as a number.
fn forms(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let digits = hex::encode(value);
    let mut forms = vec![
        ("as it is", value.as_bytes().to_vec()),
        ("in hexadecimal digits", digits.to_uppercase().into_bytes()),
        ("in hexadecimal digits", digits.into_bytes()),
    ];
    if !value.is_ascii() {
        let (mut address, mut escaped) = (String::new(), String::new());
        for byte in value.bytes() {
            // Writing to a string never fails.
            let _written = write!(address, "%{byte:02X}");
        }
        for unit in value.encode_utf16() {
            let _written = write!(escaped, "\\u{unit:04x}");
        }
        forms.push(("in an address", address.to_lowercase().into_bytes()));
        forms.push(("in an address", address.into_bytes()));
        forms.push(("escaped", escaped.into_bytes()));
    }
    if let Ok(number) = value.parse::<u64>() {
        let bytes = number.to_be_bytes();
        let leading = bytes.iter().take_while(|byte| **byte == 0).count();
        let short = bytes.get(leading..).unwrap_or_default();
        if short.len() >= INTEGER_BYTES_MIN {
            forms.push(("as a number", short.to_vec()));
            forms.push(("as a number", short.iter().rev().copied().collect()));
        }
    }
    forms
}
