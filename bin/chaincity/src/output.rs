//! What a command prints: lines for a person, or one JSON object a line with `--json`.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

/// How an option that takes a file names standard output.
pub(crate) const STANDARD: &str = "-";

/// Standard output, buffered; `flush` before waiting for anything.
#[derive(Debug)]
pub(crate) struct Output {
    writer: BufWriter<Stdout>,
    json: bool,
}

impl Output {
    /// Standard output, for a person or as JSON.
    pub(crate) fn standard(json: bool) -> Self {
        Self { writer: BufWriter::with_capacity(1 << 16, io::stdout()), json }
    }

    /// Prints one record: `for_person` makes its line unless `--json` was given.
    pub(crate) fn record<T: Serialize>(
        &mut self,
        record: &T,
        for_person: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.writer, record)?;
            return self.writer.write_all(b"\n");
        }
        writeln!(self.writer, "{}", printable(&for_person(record)))
    }

    /// Prints one record that takes a person several lines.
    pub(crate) fn report<T: Serialize>(
        &mut self,
        record: &T,
        for_person: impl FnOnce(&T) -> Vec<String>,
    ) -> io::Result<()> {
        if self.json {
            return self.record(record, |_| String::new());
        }
        for line in for_person(record) {
            writeln!(self.writer, "{}", printable(&line))?;
        }
        Ok(())
    }

    /// Tells why there is no result: on standard error for a person, as an object with `--json`.
    pub(crate) fn failure<T: Serialize>(
        &mut self,
        record: &T,
        for_person: impl FnOnce(&T) -> Vec<String>,
    ) -> io::Result<()> {
        if self.json {
            return self.record(record, |_| String::new());
        }
        self.flush()?;
        for line in for_person(record) {
            writeln!(io::stderr(), "{}", printable(&line))?;
        }
        Ok(())
    }

    /// Prints a line for a person only.
    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.writer, "{}", printable(text)) }
    }

    /// Prints our own text as it is, such as a script.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Sends everything printed so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The text without control characters, which could steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
