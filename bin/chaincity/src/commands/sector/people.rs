//! Identity numbers, read from a file or standard input, and never shown again: an error names the
//! line and what is wrong, not the number.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chaincity_sector::{Person, SectorError};
use chaincity_types::id::ResidentId;
use clap::Args;
use jiff::civil::Date;
use zeroize::Zeroizing;

use super::super::today_in_china;
use super::files;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::STANDARD;

const NUMBERS_BYTES_MAX: usize = 512 << 20;

/// Where the numbers are.
#[derive(Debug, Args)]
pub(super) struct People {
    /// 身份号码文件，每行一个；- 为标准输入 · a file of identity numbers, one a line; - for standard input
    #[arg(value_name = "NUMBERS")]
    numbers: PathBuf,
    /// 文件为CSV，号码在此列 · the file is CSV with the numbers in this column
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
}

/// The persons, each with the line where it stands.
pub(super) struct Read {
    pub(super) persons: Vec<Person>,
    pub(super) lines: Vec<u64>,
}

impl People {
    /// The persons of the file, at most `max`; lines without a number are left out.
    pub(super) fn read(&self, max: usize, too_many: SectorError) -> Result<Read, Failure> {
        let today = today_in_china();
        self.check_is_no_number()?;
        let bytes = self.bytes()?;
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let mut read = Read { persons: Vec::new(), lines: Vec::new() };
        let mut take = |line: u64, number: &[u8]| {
            if number.trim_ascii().is_empty() {
                return Ok(());
            }
            if read.persons.len() >= max {
                return Err(files::not_done(too_many));
            }
            read.persons.push(person(line, number, today)?);
            read.lines.push(line);
            Ok(())
        };
        match &self.column {
            None => {
                for (line, number) in (1..).zip(text.split(|byte| *byte == b'\n')) {
                    take(line, number)?;
                }
            }
            Some(column) => csv_numbers(text, column, &mut take)?,
        }
        Ok(read)
    }

    /// A number given in place of the file would stand in the error that the file is not there.
    fn check_is_no_number(&self) -> Result<(), Failure> {
        let name = self.numbers.to_str().unwrap_or_default();
        let mut other = name.chars().filter(|c| !c.is_numeric() && !c.is_whitespace());
        let long = name.chars().nth(14).is_some();
        if !(long && other.all(|c| matches!(c, 'x' | 'X' | '-'))) {
            return Ok(());
        }
        Err(Failure::usage(
            "身份号码须写在文件中，不可作为命令参数",
            "identity numbers are read from a file, never given as an argument",
        ))
    }

    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        if self.numbers != Path::new(STANDARD) {
            return files::read(&self.numbers, NUMBERS_BYTES_MAX);
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = u64::try_from(NUMBERS_BYTES_MAX).unwrap_or(u64::MAX);
        let read = std::io::stdin().lock().take(limit).read_to_end(&mut bytes);
        read.map_err(Fault::io(Path::new(STANDARD)))?;
        Ok(bytes)
    }
}

fn csv_numbers(
    text: &[u8],
    column: &str,
    take: &mut impl FnMut(u64, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let headers = reader.byte_headers().map_err(|_no_text| unreadable(1, "CSV"))?;
    let Some(at) = headers.iter().position(|name| name == column.as_bytes()) else {
        return Err(Fault::Refused {
            code: "column-missing",
            zh: format!("没有名为`{column}`的列"),
            en: format!("there is no column `{column}`"),
            detail: None,
        });
    };
    let mut row = csv::ByteRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_byte_record(&mut row) {
            Ok(true) => take(line, row.get(at).unwrap_or_default())?,
            Ok(false) => return Ok(()),
            Err(_no_text) => return Err(unreadable(line, "CSV")),
        }
    }
}

fn person(line: u64, number: &[u8], today: Date) -> Result<Person, Fault> {
    let text = std::str::from_utf8(number).map_err(|_no_text| unreadable(line, "UTF-8"))?;
    // The finding itself may hold what should stand there: a part of the number.
    let checked =
        ResidentId::parse(text, today).map_err(|error| unreadable(line, error.code().code()))?;
    Ok(Person::of(&checked.value))
}

fn unreadable(line: u64, why: impl Display) -> Fault {
    Fault::Refused {
        code: "number-invalid",
        zh: format!("第{line}行不是有效的身份号码（{why}）"),
        en: format!("line {line} is no valid identity number ({why})"),
        detail: None,
    }
}
