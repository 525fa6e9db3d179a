//! What became of every row: counts that add up, and a file of the rows that did not come in.

use std::io::{self, Write};

use serde::Serialize;

use super::check::Mapping;
use super::generation::{Outcome, Told};
use super::mapping::Title;
use super::refusal::Refusal;

/// What became of the rows of one file. Always `read = imported + already_there + set_aside +
/// refused`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// The file.
    pub(crate) file: String,
    /// Rows read, without header and blank lines.
    pub(crate) read: u64,
    /// Rows that added something.
    pub(crate) imported: u64,
    /// Rows whose records were there.
    pub(crate) already_there: u64,
    /// Rows that cannot be imported as they are.
    pub(crate) set_aside: u64,
    /// Rows that the ledger refused.
    pub(crate) refused: u64,
}

impl Counts {
    /// Whether every row read has one outcome.
    pub(crate) fn add_up(&self) -> bool {
        let parts = [self.imported, self.already_there, self.set_aside, self.refused];
        parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part)) == Some(self.read)
    }

    fn add(&mut self, other: &Self) {
        self.read = self.read.saturating_add(other.read);
        self.imported = self.imported.saturating_add(other.imported);
        self.already_there = self.already_there.saturating_add(other.already_there);
        self.set_aside = self.set_aside.saturating_add(other.set_aside);
        self.refused = self.refused.saturating_add(other.refused);
    }
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// The source's identifier.
    pub(crate) import: String,
    /// What was imported.
    pub(crate) title: Title,
    /// What the mapping takes for granted.
    pub(crate) assumptions: Vec<Title>,
    /// The generation, when the mapping names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<Told>,
    /// Whether the counts add up; anything else is a fault of this program.
    pub(crate) adds_up: bool,
    /// All files together.
    pub(crate) total: Counts,
    /// By file.
    pub(crate) files: Vec<Counts>,
    /// Rows that did not come in, by code, most frequent first.
    pub(crate) reasons: Vec<(String, u64)>,
    /// Calls that applied: new records and their rights.
    pub(crate) calls_applied: u64,
    /// Transactions submitted.
    pub(crate) transactions: u64,
}

/// How a row ended that did not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    /// It cannot be imported as it is.
    SetAside,
    /// The ledger refused it.
    Refused,
}

/// A line of the file of rows that did not come in.
#[derive(Debug, Serialize)]
struct Note<'a> {
    file: &'a str,
    line: u64,
    column: Option<&'a str>,
    ending: Ending,
    code: &'a str,
    zh: &'a str,
    en: &'a str,
    detail: Option<&'a str>,
}

/// Counts as outcomes come in, and writes down the rows that did not come in, one JSON object
/// a line. Never a cell's content: it may be personal, and the line says where it stands.
pub(crate) struct Tally<W> {
    writer: W,
    import: String,
    generation: Option<Told>,
    files: Vec<Counts>,
    reasons: std::collections::BTreeMap<String, u64>,
    calls_applied: u64,
    transactions: u64,
}

impl<W: Write> Tally<W> {
    /// Nothing has happened yet.
    pub(crate) fn new(import: &str, files: impl Iterator<Item = String>, writer: W) -> Self {
        let files = files.map(|file| Counts { file, ..Counts::default() }).collect();
        let (import, reasons) = (import.to_owned(), std::collections::BTreeMap::new());
        let (calls_applied, transactions) = (0, 0);
        Self { writer, import, generation: None, files, reasons, calls_applied, transactions }
    }

    fn file(&mut self, index: usize, change: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.files.get_mut(index) {
            change(counts);
        }
    }

    /// Rows of a file that have an outcome, and how many of them did not come in.
    pub(crate) fn outcomes(&self, file: usize) -> (u64, u64) {
        let Some(of) = self.files.get(file) else { return (0, 0) };
        let aside = of.set_aside.saturating_add(of.refused);
        (of.imported.saturating_add(of.already_there).saturating_add(aside), aside)
    }

    /// Rows of a file were read.
    pub(crate) fn on_read(&mut self, file: usize, rows: u64) {
        self.file(file, |counts| counts.read = counts.read.saturating_add(rows));
    }

    /// A row added something.
    pub(crate) fn on_imported(&mut self, file: usize) {
        self.file(file, |counts| counts.imported = counts.imported.saturating_add(1));
    }

    /// A row's records were there.
    pub(crate) fn on_already_there(&mut self, file: usize) {
        self.file(file, |counts| counts.already_there = counts.already_there.saturating_add(1));
    }

    /// What became of the generation.
    pub(crate) fn on_generation(&mut self, told: Told) {
        self.generation = Some(told);
    }

    /// A transaction was submitted.
    pub(crate) fn on_transaction(&mut self) {
        self.transactions = self.transactions.saturating_add(1);
    }

    /// A call applied.
    pub(crate) fn on_applied(&mut self) {
        self.calls_applied = self.calls_applied.saturating_add(1);
    }

    /// A row cannot be imported.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub(crate) fn on_set_aside(
        &mut self,
        file: usize,
        line: u64,
        refusal: &Refusal,
    ) -> io::Result<()> {
        self.file(file, |counts| counts.set_aside = counts.set_aside.saturating_add(1));
        let Refusal { column, reason, detail } = refusal;
        let (code, zh, en) = (reason.code(), reason.zh(), reason.en());
        let (column, detail) = (column.as_deref(), detail.as_deref());
        self.note(file, line, column, Ending::SetAside, (code, zh, en), detail)
    }

    /// The ledger refused a row.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub(crate) fn on_refused(
        &mut self,
        file: usize,
        line: u64,
        code: &str,
        texts: (&str, &str),
        detail: Option<&str>,
    ) -> io::Result<()> {
        self.file(file, |counts| counts.refused = counts.refused.saturating_add(1));
        self.note(file, line, None, Ending::Refused, (code, texts.0, texts.1), detail)
    }

    fn note(
        &mut self,
        file: usize,
        line: u64,
        column: Option<&str>,
        ending: Ending,
        (code, zh, en): (&str, &str, &str),
        detail: Option<&str>,
    ) -> io::Result<()> {
        let of_code = self.reasons.entry(code.to_owned()).or_default();
        *of_code = of_code.saturating_add(1);
        let file = self.files.get(file).map_or("", |counts| counts.file.as_str());
        let note = Note { file, line, column, ending, code, zh, en, detail };
        serde_json::to_writer(&mut self.writer, &note)?;
        self.writer.write_all(b"\n")
    }

    /// Ends: everything is written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self, mapping: &Mapping) -> io::Result<Summary> {
        self.writer.flush()?;
        let mut total = Counts { file: "*".to_owned(), ..Counts::default() };
        self.files.iter().for_each(|counts| total.add(counts));
        let mut reasons: Vec<(String, u64)> = self.reasons.into_iter().collect();
        reasons.sort_by(|(a, n), (b, m)| (m, a).cmp(&(n, b)));
        Ok(Summary {
            import: self.import,
            title: mapping.title.clone(),
            assumptions: mapping.assumptions.clone(),
            generation: self.generation,
            adds_up: self.files.iter().all(Counts::add_up),
            total,
            files: self.files,
            reasons,
            calls_applied: self.calls_applied,
            transactions: self.transactions,
        })
    }
}

/// The summary for a person.
pub(crate) fn for_person(summary: &Summary) -> Vec<String> {
    let Title { zh, en } = &summary.title;
    let (transactions, applied) = (summary.transactions, summary.calls_applied);
    let mut lines = vec![
        format!("{zh} · {en}"),
        format!("  {transactions} 笔交易 transactions, {applied} 项写入 calls applied"),
    ];
    lines.extend(summary.generation.iter().flat_map(of_generation));
    for counts in summary.files.iter().chain([&summary.total]) {
        let Counts { file, read, imported, already_there, set_aside, refused } = counts;
        lines.push(format!(
            "  {file}: 读取 read {read} = 导入 imported {imported} + 已有 already there \
             {already_there} + 搁置 set aside {set_aside} + 驳回 refused {refused}"
        ));
    }
    for (code, count) in &summary.reasons {
        lines.push(format!("  {count} × {code}"));
    }
    for Title { zh, en } in &summary.assumptions {
        lines.push(format!("  {zh} · {en}"));
    }
    lines
}

fn of_generation(told: &Told) -> Vec<String> {
    let Told { id, number, system: Title { zh, en }, files, outcome, code, reason } = told;
    let became = match outcome {
        Outcome::Recorded => "已登记 recorded",
        Outcome::AlreadyThere => "此前已登记 recorded before",
        Outcome::Refused => "被驳回，未读取任何行 refused, no row was read",
    };
    let mut lines =
        vec![format!("  第 {number} 代 generation {number} ({id}): {zh} · {en}: {became}")];
    if let (Some(code), Some(Title { zh, en })) = (code, reason) {
        lines.push(format!("    {code}: {zh} · {en}"));
    }
    lines.extend(files.iter().map(|(file, digest)| format!("    {file}: SHA-256 {digest}")));
    lines
}
