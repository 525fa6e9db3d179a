//! Rows of a published file: decoded as a stream, one physical line a row.
//!
//! A row never spans lines here. So a quote that does not close, a row with too many cells or a
//! byte that the encoding does not know spoils its own line alone, and line numbers are those of
//! the physical file. Memory is bounded by the longest line allowed.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding};

use super::refusal::{Reason, Refusal};

/// Longest line, in bytes of UTF-8.
pub(crate) const LINE_BYTES_MAX: usize = 65_536;
/// Bytes read at a time.
const CHUNK: usize = 65_536;
/// What a decoder writes for bytes that it does not know.
const REPLACEMENT: char = '\u{fffd}';

/// A physical line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    /// `None` when longer than the limit.
    pub(crate) text: Option<String>,
}

/// The lines of a file.
pub(crate) struct Lines<R> {
    reader: R,
    decoder: Decoder,
    /// Decoded and not yet handed out.
    text: String,
    chunk: Vec<u8>,
    number: u64,
    ended: bool,
    /// The rest of a line beyond the limit is skipped.
    skipping: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`, which is in `encoding`; a byte order mark is dropped.
    pub(crate) fn new(reader: R, encoding: &'static Encoding) -> Self {
        Self {
            reader,
            decoder: encoding.new_decoder_with_bom_removal(),
            text: String::new(),
            chunk: vec![0; CHUNK],
            number: 0,
            ended: false,
            skipping: false,
        }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(end) = self.text.find('\n') {
                let rest = self.text.split_off(end.saturating_add(1));
                let line = std::mem::replace(&mut self.text, rest);
                return Ok(Some(self.line(line)));
            }
            if self.ended {
                if self.text.is_empty() && !self.skipping {
                    return Ok(None);
                }
                let line = std::mem::take(&mut self.text);
                return Ok(Some(self.line(line)));
            }
            if self.text.len() > LINE_BYTES_MAX {
                self.skipping = true;
                self.text.clear();
            }
            self.fill()?;
        }
    }

    fn line(&mut self, mut text: String) -> Line {
        self.number = self.number.saturating_add(1);
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        let fits = !std::mem::take(&mut self.skipping) && text.len() <= LINE_BYTES_MAX;
        Line { number: self.number, text: fits.then_some(text) }
    }

    fn fill(&mut self) -> io::Result<()> {
        let count = loop {
            match self.reader.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.ended = count == 0;
        let bytes = self.chunk.get(..count).unwrap_or_default();
        let room = self.decoder.max_utf8_buffer_length(count).unwrap_or(CHUNK.saturating_mul(3));
        self.text.reserve(room);
        // The room is the most that the chunk can decode to, so all of it is read.
        let _all_read = self.decoder.decode_to_string(bytes, &mut self.text, self.ended);
        Ok(())
    }
}

/// How a file's lines become rows.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The encoding.
    pub(crate) encoding: &'static Encoding,
    /// Ranges of two-byte codes that the publisher's code page leaves to its users, so that the
    /// standard's reading of them would be a wrong character rather than none.
    pub(crate) private: Vec<(u16, u16)>,
    /// Separator of cells.
    pub(crate) separator: u8,
    /// Names of the columns, in order.
    pub(crate) columns: Vec<String>,
    /// The key column.
    pub(crate) key: usize,
}

/// The cells of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Physical line, from 1.
    pub(crate) line: u64,
    /// The key, trimmed.
    pub(crate) key: String,
    /// As many cells as the file has columns.
    pub(crate) cells: csv::StringRecord,
}

impl Shape {
    /// Reads one line. A refused row comes with its key when that is known.
    ///
    /// # Errors
    /// Why the line is no row of the file.
    pub(crate) fn row(&self, line: &Line) -> Result<Row, (Option<String>, Refusal)> {
        let refuse = |reason| (None, Refusal::row(reason));
        let text = line.text.as_deref().ok_or_else(|| refuse(Reason::LineTooLong))?;
        let cells = self.cells(text).map_err(refuse)?;
        if cells.len() != self.columns.len() {
            let detail = format!("{} cells for {} columns", cells.len(), self.columns.len());
            return Err((None, Refusal::row(Reason::CellCount).because(detail)));
        }
        let key = super::convert::trimmed(cells.get(self.key).unwrap_or_default()).to_owned();
        let known = Some(key.clone());
        for (cell, column) in cells.iter().zip(&self.columns) {
            if let Some(reason) = self.spoiled(cell) {
                return Err((known, Refusal::cell(column, reason)));
            }
        }
        if key.is_empty() {
            let column = self.columns.get(self.key).map_or("", String::as_str);
            return Err((None, Refusal::cell(column, Reason::NoKey)));
        }
        Ok(Row { line: line.number, key, cells })
    }

    /// The cells of a line.
    ///
    /// # Errors
    /// When its quotes do not close: in a quoted cell a quote stands doubled, so their number
    /// is even (RFC 4180, 2.7).
    pub(crate) fn cells(&self, text: &str) -> Result<csv::StringRecord, Reason> {
        let quotes = text.bytes().filter(|b| *b == b'"').count();
        if quotes.checked_rem(2) != Some(0) {
            return Err(Reason::Quotes);
        }
        let mut record = csv::StringRecord::new();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .buffer_capacity(text.len().max(64))
            .from_reader(text.as_bytes());
        match reader.read_record(&mut record) {
            Ok(_) => Ok(record),
            Err(_) => Err(Reason::Quotes),
        }
    }

    fn spoiled(&self, cell: &str) -> Option<Reason> {
        if cell.is_ascii() {
            return None;
        }
        if cell.contains(REPLACEMENT) {
            return Some(Reason::Undecodable);
        }
        if self.private.is_empty() {
            return None;
        }
        // Some codes are read but never written (in Big5, those below A140): no code can be told.
        let (bytes, _, unwritable) = self.encoding.encode(cell);
        if unwritable {
            return Some(Reason::PrivateCharacter);
        }
        let mut bytes = bytes.iter();
        while let Some(lead) = bytes.next() {
            if lead.is_ascii() {
                continue;
            }
            let code = u16::from_be_bytes([*lead, *bytes.next().unwrap_or(&0)]);
            if self.private.iter().any(|(from, to)| (*from..=*to).contains(&code)) {
                return Some(Reason::PrivateCharacter);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            encoding: encoding_rs::BIG5,
            private: vec![(0xFA40, 0xFEFE)],
            separator: b',',
            columns: ["a", "b", "id"].map(str::to_owned).to_vec(),
            key: 2,
        }
    }

    fn lines(bytes: &[u8], step: usize) -> Vec<Line> {
        let mut lines = Lines::new(Slow(bytes, step), encoding_rs::BIG5);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    /// Gives `1` bytes at a time, so that characters are torn between two reads.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn refused(bytes: &[u8]) -> (Option<String>, Reason) {
        let line = lines(bytes, 9).remove(0);
        let (_, refusal) = shape().row(&line).unwrap_err();
        (refusal.column, refusal.reason)
    }

    #[test]
    fn lines_are_numbered_as_in_the_file_however_they_are_read() {
        let bytes = b"x\r\n\r\n\"q,\n\xa4@,\xb3\\,k1\r\nlast";
        for step in 1..bytes.len() {
            let texts: Vec<_> = lines(bytes, step).into_iter().map(|l| l.text.unwrap()).collect();
            assert_eq!(texts, ["x", "", "\"q,", "一,許,k1", "last"]);
        }
        assert_eq!(lines(bytes, 3)[4].number, 5);
        assert_eq!(lines(b"", 1), []);
    }

    #[test]
    fn a_trail_byte_that_looks_like_a_separator_or_backslash_is_part_of_its_character() {
        // 許 is B35C, 功 A55C, 乙 A441; no byte of them ends a cell or escapes the next.
        let line = lines(b"\xb3\\,\xa5\\\xa4A,k1\r\n", 1).remove(0);
        let row = shape().row(&line).unwrap();
        assert_eq!(row.cells.iter().collect::<Vec<_>>(), ["許", "功乙", "k1"]);
        assert_eq!((row.line, row.key.as_str()), (1, "k1"));
    }

    #[test]
    fn a_torn_character_spoils_its_own_cell_alone() {
        let all = lines(b"\xa4,b,k1\r\na,b,k2\r\na,\xfb\xaf,k3\r\n", 64);
        assert_eq!(all.len(), 3);
        let (key, refusal) = shape().row(&all[0]).unwrap_err();
        assert_eq!((key.as_deref(), refusal.column.as_deref()), (Some("k1"), Some("a")));
        assert_eq!(refusal.reason, Reason::Undecodable);
        assert_eq!(shape().row(&all[1]).unwrap().key, "k2");
        let (_, refusal) = shape().row(&all[2]).unwrap_err();
        assert_eq!(refusal, Refusal::cell("b", Reason::PrivateCharacter));
        let low = lines(b"a,\x87\x40,k4\r\n", 64).remove(0);
        let (_, refusal) = shape().row(&low).unwrap_err();
        assert_eq!(refusal, Refusal::cell("b", Reason::PrivateCharacter));
    }

    #[test]
    fn a_ragged_row_or_an_open_quote_is_refused_as_a_whole() {
        assert_eq!(refused(b"a,b"), (None, Reason::CellCount));
        assert_eq!(refused(b"a,b,c,d"), (None, Reason::CellCount));
        assert_eq!(refused(b"\"a,b,k"), (None, Reason::Quotes));
        assert_eq!(refused(b"a,b, "), (Some("id".into()), Reason::NoKey));
        let row = shape().row(&lines(b"\"a,\"\"x\"\"\",b,k", 5).remove(0)).unwrap();
        assert_eq!(row.cells.get(0), Some("a,\"x\""));
    }

    #[test]
    fn a_line_beyond_the_limit_does_not_touch_the_next() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX * 3];
        bytes.extend_from_slice(b"\na,b,k\n");
        let all = lines(&bytes, 4096);
        assert_eq!(all[0], Line { number: 1, text: None });
        assert_eq!(all[1], Line { number: 2, text: Some("a,b,k".into()) });
        assert_eq!(all.len(), 2);
    }
}
