//! What a command is asked about: its arguments, or the lines of standard input when there are
//! none. Lines are read one at a time and bounded, so that any input can be streamed.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, StdinLock};
use std::vec;

/// Longer lines are answered as too long and skipped up to their end.
const LINE_BYTES_MAX: usize = 4096;
/// How much of an unusable line an answer shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// One thing asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A text without its line end.
    Text(String),
    /// Bytes that are no UTF-8, with what can be shown of them.
    NotUtf8(String),
    /// A line beyond the limit, with its beginning.
    TooLong(String),
}

/// Where the items come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The command's arguments.
    Arguments(vec::IntoIter<OsString>),
    /// Standard input.
    Lines(Lines<StdinLock<'static>>),
}

impl Source {
    /// The arguments, or standard input when there are none.
    pub(crate) fn of(arguments: Vec<OsString>) -> Self {
        if arguments.is_empty() {
            Self::Lines(Lines::new(io::stdin().lock()))
        } else {
            Self::Arguments(arguments.into_iter())
        }
    }

    /// The next item; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Item>> {
        match self {
            Self::Arguments(arguments) => {
                Ok(arguments.next().map(|argument| of_bytes(argument.as_encoded_bytes().to_vec())))
            }
            Self::Lines(lines) => lines.next(),
        }
    }

    /// Whether reading on may wait for the writer, so that answers should go out first.
    pub(crate) fn may_wait(&self) -> bool {
        match self {
            Self::Arguments(_) => false,
            Self::Lines(lines) => lines.reader.buffer().is_empty(),
        }
    }
}

/// Lines of bounded length.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    at_start: bool,
}

impl<R: Read> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, reader), at_start: true }
    }

    fn next(&mut self) -> io::Result<Option<Item>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        if std::mem::take(&mut self.at_start) && bytes.starts_with("\u{feff}".as_bytes()) {
            bytes.drain(.."\u{feff}".len());
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() > LINE_BYTES_MAX {
            self.reader.skip_until(b'\n')?;
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Ok(Some(of_bytes(bytes)))
    }
}

fn of_bytes(bytes: Vec<u8>) -> Item {
    if bytes.len() > LINE_BYTES_MAX {
        return Item::TooLong(shown(&bytes));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Item::Text(text),
        Err(error) => Item::NotUtf8(shown(error.as_bytes())),
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Item> {
        let mut lines = Lines::new(bytes);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn text(text: &str) -> Item {
        Item::Text(text.to_owned())
    }

    #[test]
    fn lines_end_as_windows_and_unix_end_them() {
        assert_eq!(read(b"a\r\nb\n\nc"), [text("a"), text("b"), text(""), text("c")]);
        assert_eq!(read("\u{feff}a\n\u{feff}b".as_bytes()), [text("a"), text("\u{feff}b")]);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn an_unusable_line_does_not_touch_the_next() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX * 3];
        bytes.extend_from_slice(b"\n\xff\xfe\nlast");
        let items = read(&bytes);
        assert_eq!(items[0], Item::TooLong("x".repeat(SHOWN_CHARS_MAX)));
        assert!(matches!(&items[1], Item::NotUtf8(_)));
        assert_eq!(items[2..], [text("last")]);
    }

    #[test]
    fn a_line_at_the_limit_is_read_whole() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX];
        bytes.extend_from_slice(b"\nlast\n");
        assert_eq!(read(&bytes), [text(&"x".repeat(LINE_BYTES_MAX)), text("last")]);
    }
}
