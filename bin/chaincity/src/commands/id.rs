//! `chaincity id check KIND [VALUES…]`: checks identifiers given as arguments or as lines.

use std::ffi::OsString;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use chaincity_types::calendar::{date_of_days, parse_date};
use chaincity_types::id::{Context, Finding, IdCode, IdKind, Strictness, check};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde::Serialize;

use crate::exit::Exit;
use crate::input::{Item, Source};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 校验一类标识 · check identifiers of one kind
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// 标识种类 · the kind of identifier
    #[arg(value_parser = kinds())]
    kind: IdKind,
    /// 待校验的值；不给则逐行读标准输入 · the values; standard input's lines when none is given
    values: Vec<OsString>,
    /// 按导入的宽松规则校验电子证照标识 · read electronic licence identifiers as when importing
    #[arg(long)]
    lenient: bool,
    /// 以此日为今天，默认为当前日期 · the date to take for today
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = a_date)]
    today: Option<Date>,
}

fn kinds() -> impl TypedValueParser<Value = IdKind> {
    let names = IdKind::ALL.iter().map(|kind| PossibleValue::new(kind.name()).help(kind.zh()));
    PossibleValuesParser::new(names)
        .try_map(|name| IdKind::from_name(&name).ok_or("no such kind of identifier"))
}

fn a_date(text: &str) -> Result<Date, &'static str> {
    parse_date(text).ok_or("not a date of the form YYYY-MM-DD")
}

/// The answer about one value.
#[derive(Debug, Serialize)]
struct Answer {
    value: String,
    ok: bool,
    /// The canonical form of a good value.
    canonical: Option<String>,
    /// The stable code of a bad one.
    code: Option<&'static str>,
    /// Stable codes.
    warnings: Vec<&'static str>,
    /// The same findings, with what should stand there and texts.
    details: Vec<Detail>,
}

#[derive(Debug, Serialize)]
struct Detail {
    code: &'static str,
    /// 1-based, in the canonical form.
    position: Option<usize>,
    expected: Option<String>,
    zh: String,
    en: String,
}

impl From<&Finding> for Detail {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.code(),
            position: finding.position,
            expected: finding.expected.clone(),
            zh: finding.zh(),
            en: finding.en(),
        }
    }
}

pub(super) fn run(arguments: Arguments, output: &mut Output) -> io::Result<Exit> {
    let Action::Check(Check { kind, values, lenient, today }) = arguments.action;
    let strictness = if lenient { Strictness::Import } else { Strictness::Issue };
    let context = Context { today: today.unwrap_or_else(today_in_china), strictness };
    let mut source = Source::of(values);
    let mut exit = Exit::Ok;
    loop {
        if source.may_wait() {
            output.flush()?;
        }
        let Some(item) = source.next()? else {
            return Ok(exit);
        };
        let answer = answer(kind, item, &context);
        if !answer.ok {
            exit = Exit::Negative;
        }
        output.record(&answer, for_person)?;
    }
}

fn answer(kind: IdKind, item: Item, context: &Context) -> Answer {
    let value = match item {
        Item::Text(value) => value,
        Item::NotUtf8(value) => return unreadable(value, IdCode::NotUtf8),
        Item::TooLong(value) => return unreadable(value, IdCode::TooLong),
    };
    match check(kind, &value, context) {
        Ok(checked) => Answer {
            value,
            ok: true,
            canonical: Some(checked.value.canonical),
            code: None,
            warnings: checked.warnings.iter().map(|warning| warning.code.code()).collect(),
            details: checked.warnings.iter().map(Detail::from).collect(),
        },
        Err(error) => refused(value, &error.0),
    }
}

fn refused(value: String, finding: &Finding) -> Answer {
    Answer {
        value,
        ok: false,
        canonical: None,
        code: Some(finding.code.code()),
        warnings: Vec::new(),
        details: vec![finding.into()],
    }
}

fn unreadable(value: String, code: IdCode) -> Answer {
    refused(value, &Finding { code, position: None, expected: None })
}

fn for_person(answer: &Answer) -> String {
    let verdict = match (answer.ok, answer.warnings.is_empty()) {
        (true, true) => "有效 · valid",
        (true, false) => "有效，但须留意 · valid, with a warning",
        (false, _) => "无效 · invalid",
    };
    let shown = answer.canonical.as_deref().unwrap_or(&answer.value);
    let mut line = format!("{shown}  {verdict}");
    for detail in &answer.details {
        line.push_str(&format!("  {} · {} [{}]", detail.zh, detail.en, detail.code));
    }
    line
}

/// Today in UTC+8, which has no summer time.
pub(crate) fn today_in_china() -> Date {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = now.saturating_add(8 * 3600).checked_div(86_400);
    let days = days.and_then(|days| i32::try_from(days).ok());
    days.and_then(date_of_days).unwrap_or(Date::MAX)
}
