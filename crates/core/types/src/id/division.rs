//! Division codes 行政区划代码 of GB/T 2260 with their validity and successors, and the longer
//! codes of townships (9 digits) and villages (12) below them.

use std::sync::LazyLock;

use jiff::civil::Date;

use super::text::{canonical, check_characters, part};
use super::{Checked, Finding, IdCode, IdError, identifier};
use crate::calendar::parse_date;

const TABLE: &str = include_str!("../../data/divisions.csv");

/// INVARIANT: every row of the shipped table loads (tested), so the default is never used.
static DIVISIONS: LazyLock<Divisions> =
    LazyLock::new(|| Divisions::from_csv(TABLE).unwrap_or_default());

/// One row of the table: a code, its name, and the days on which both held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Six digits.
    pub code: String,
    /// The full name, for example 娄星区.
    pub name: String,
    /// The first day, at the precision of the source: see `data/README.md`.
    pub valid_from: Date,
    /// The first day on which it no longer held; `None` while in force.
    pub valid_to: Option<Date>,
    /// The codes that took its place.
    pub successors: Vec<String>,
}

impl Division {
    /// Whether the code held under this name on `date`.
    #[must_use]
    pub fn is_valid_on(&self, date: Date) -> bool {
        self.valid_from <= date && self.valid_to.is_none_or(|end| date < end)
    }
}

/// The division table, sorted by code and then by first day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Divisions {
    rows: Vec<Division>,
}

impl Divisions {
    /// The table that the crate ships: county level and above, 1981 to 2024.
    #[must_use]
    pub fn table() -> &'static Self {
        &DIVISIONS
    }

    /// Reads a table of lines `code,name,valid_from,valid_to,successor` below a heading.
    ///
    /// # Errors
    /// The 1-based number of the first line that does not fit.
    pub fn from_csv(csv: &str) -> Result<Self, usize> {
        let mut rows = Vec::new();
        for (i, line) in csv.lines().enumerate().skip(1) {
            rows.push(read_row(line).ok_or(i.saturating_add(1))?);
        }
        rows.sort_by(|a: &Division, b| (&a.code, a.valid_from).cmp(&(&b.code, b.valid_from)));
        Ok(Self { rows })
    }

    /// Every row of a six-digit code, oldest first; empty when the code never was.
    #[must_use]
    pub fn rows(&self, code: &str) -> &[Division] {
        let from = self.rows.partition_point(|row| row.code.as_str() < code);
        let to = self.rows.partition_point(|row| row.code.as_str() <= code);
        self.rows.get(from..to).unwrap_or_default()
    }

    /// Whether the code is or ever was one.
    #[must_use]
    pub fn knows(&self, code: &str) -> bool {
        !self.rows(code).is_empty()
    }

    /// The row in force.
    #[must_use]
    pub fn current(&self, code: &str) -> Option<&Division> {
        self.rows(code).iter().find(|row| row.valid_to.is_none())
    }

    /// The row that held on `date`.
    #[must_use]
    pub fn on(&self, code: &str, date: Date) -> Option<&Division> {
        self.rows(code).iter().find(|row| row.is_valid_on(date))
    }

    /// Whether the two digits name a province.
    #[must_use]
    pub fn has_province(&self, digits: &str) -> bool {
        digits.len() == 2 && self.knows(&format!("{digits}0000"))
    }

    /// Whether the code is or was a county, or a city without counties (Dongguan, Zhongshan,
    /// Danzhou, Jiayuguan), which stands for one.
    #[must_use]
    pub fn is_county(&self, code: &str) -> bool {
        let city = code.ends_with("00");
        let alone = matches!(code, "441900" | "442000" | "460400" | "620200");
        (!city || alone) && self.knows(code)
    }

    /// The codes in force that took the place of `code`, through all changes between; `code`
    /// itself while it is in force. Empty when unknown or when the table names no successor.
    #[must_use]
    pub fn successors(&self, code: &str) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        let mut open = vec![code.to_owned()];
        let mut found = Vec::new();
        while let Some(code) = open.pop() {
            if !seen.insert(code.clone()) {
                continue;
            }
            if self.current(&code).is_some() {
                found.push(code);
            } else if let Some(last) = self.rows(&code).last() {
                open.extend(last.successors.iter().cloned());
            }
        }
        found.sort_unstable();
        found
    }
}

fn read_row(line: &str) -> Option<Division> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let (code, name, from, to, successors) = (next()?, next()?, next()?, next()?, next()?);
    let digits = |code: &str| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
    let successors: Vec<String> = successors.split_whitespace().map(str::to_owned).collect();
    if !digits(code) || name.is_empty() || fields.next().is_some() {
        return None;
    }
    let valid_to = if to.is_empty() { None } else { Some(parse_date(to)?) };
    successors.iter().all(|code| digits(code)).then_some(())?;
    Some(Division {
        code: code.to_owned(),
        name: name.to_owned(),
        valid_from: parse_date(from)?,
        valid_to,
        successors,
    })
}

identifier! {
    /// A division code: 6 digits (county level and above), 9 (township) or 12 (village). Only
    /// the first six are looked up.
    DivisionCode
}

impl DivisionCode {
    /// Reads a division code. A code that is no longer in force is only a warning.
    ///
    /// # Errors
    /// `length`, `character`, `unknown-division`.
    pub fn parse(text: &str) -> Result<Checked<Self>, IdError> {
        let text = canonical(text)?;
        if !matches!(text.chars().count(), 6 | 9 | 12) {
            return Err(Finding::new(IdCode::Length).wants("6/9/12").into());
        }
        check_characters(&text, |_, c| c.is_ascii_digit())?;
        let code = Self(text);
        let table = Divisions::table();
        if !table.knows(code.county()) {
            return Err(Finding::new(IdCode::UnknownDivision).at(1).into());
        }
        let mut warnings = Vec::new();
        if table.current(code.county()).is_none() {
            let successors = table.successors(code.county()).join(" ");
            let finding = Finding::new(IdCode::AbolishedRegion);
            let named = !successors.is_empty();
            warnings.push(if named { finding.wants(successors) } else { finding });
        }
        Ok(Checked { value: code, warnings })
    }

    /// The first six digits.
    #[must_use]
    pub fn county(&self) -> &str {
        part(&self.0, 0..6)
    }

    /// For a person: as stored.
    #[must_use]
    pub fn display(&self) -> String {
        self.0.clone()
    }
}
