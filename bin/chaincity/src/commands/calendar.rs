//! `chaincity calendar`: asks the working-day calendar, and never guesses beyond its last table.

use std::ffi::OsString;
use std::io;

use chaincity_types::calendar::{Calendar, NaturalDays, Provisional, WorkingDays, parse_date};
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
    /// 是否工作日 · whether dates are working days
    IsWorkday {
        /// 日期；不给则逐行读标准输入 · the dates; standard input's lines when none is given
        #[arg(value_name = "DATE")]
        dates: Vec<OsString>,
    },
    /// 起算日之后第N个工作日，起算日不计 · the Nth working day after a date
    Add {
        /// 起算日；不给则逐行读“日期 天数” · the date; lines `DATE DAYS` when none is given
        #[arg(requires = "days")]
        date: Option<OsString>,
        /// 天数 · the number of days
        #[arg(allow_negative_numbers = true)]
        days: Option<OsString>,
        /// 按自然日计，末日遇休息日顺延 · count natural days, a last day off rolls on
        #[arg(long)]
        natural: bool,
    },
}

/// Why a line has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Date,
    Days,
    Form,
    NotUtf8,
    TooLong,
    Provisional,
}

impl Trouble {
    const fn code(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Days => "days",
            Self::Form => "form",
            Self::NotUtf8 => "not-utf8",
            Self::TooLong => "too-long",
            Self::Provisional => "provisional",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Date => "日期不存在或格式不是YYYY-MM-DD · not a date of the form YYYY-MM-DD",
            Self::Days => "天数应为非负整数 · the days are not a whole number from 0",
            Self::Form => "应为“日期 天数” · not of the form DATE DAYS",
            Self::NotUtf8 => "不是UTF-8文本 · not UTF-8 text",
            Self::TooLong => "内容过长 · too long",
            Self::Provisional => {
                "暂定：该年尚无日历表，待公布后重算 · provisional: that year has no calendar table yet"
            }
        }
    }

    /// A wrong line outweighs a provisional one.
    const fn worse(self, exit: Exit) -> Exit {
        match (self, exit) {
            (Self::Provisional, Exit::Ok) => Exit::Provisional,
            (Self::Provisional, exit) => exit,
            _ => Exit::Negative,
        }
    }
}

impl From<Provisional> for Trouble {
    fn from(_: Provisional) -> Self {
        Self::Provisional
    }
}

#[derive(Debug, Serialize)]
struct DayAnswer {
    date: String,
    /// `null` when not known.
    is_workday: Option<bool>,
    /// The festival of a day that a notice names.
    name: Option<&'static str>,
    source_notice: Option<&'static str>,
    provisional: bool,
    code: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct DueAnswer {
    date: String,
    days: Option<u32>,
    /// `null` when not known.
    due: Option<String>,
    provisional: bool,
    code: Option<&'static str>,
}

pub(super) fn run(arguments: Arguments, output: &mut Output) -> io::Result<Exit> {
    match arguments.action {
        Action::IsWorkday { dates } => each(Source::of(dates), output, answer_day),
        Action::Add { date, days, natural } => {
            let counted = |item, output: &mut Output| answer_due(item, natural, output);
            match date.zip(days) {
                None => each(Source::of(Vec::new()), output, counted),
                Some((date, days)) => {
                    let mut line = date;
                    line.push(" ");
                    line.push(days);
                    each(Source::of(vec![line]), output, counted)
                }
            }
        }
    }
}

/// Answers every item; the worst trouble decides the exit code.
fn each(
    mut source: Source,
    output: &mut Output,
    answer: impl Fn(Item, &mut Output) -> io::Result<Option<Trouble>>,
) -> io::Result<Exit> {
    let mut exit = Exit::Ok;
    loop {
        if source.may_wait() {
            output.flush()?;
        }
        let Some(item) = source.next()? else {
            return Ok(exit);
        };
        if let Some(trouble) = answer(item, output)? {
            exit = trouble.worse(exit);
        }
    }
}

fn text_of(item: Item) -> Result<String, (String, Trouble)> {
    match item {
        Item::Text(text) => Ok(text),
        Item::NotUtf8(shown) => Err((shown, Trouble::NotUtf8)),
        Item::TooLong(shown) => Err((shown, Trouble::TooLong)),
    }
}

fn answer_day(item: Item, output: &mut Output) -> io::Result<Option<Trouble>> {
    let calendar = Calendar::shipped();
    let (shown, found) = match text_of(item) {
        Ok(text) => {
            let text = text.trim().to_owned();
            let found = parse_date(&text).ok_or(Trouble::Date);
            (text, found.and_then(|date| Ok((date, calendar.is_workday(date)?))))
        }
        Err((shown, trouble)) => (shown, Err(trouble)),
    };
    let named = found.ok().and_then(|(date, _)| calendar.named(date));
    let trouble = found.err();
    let answer = DayAnswer {
        date: shown,
        is_workday: found.ok().map(|(_, is_workday)| is_workday),
        name: named.map(|day| day.name.as_str()),
        source_notice: named.map(|day| day.source_notice.as_str()),
        provisional: trouble == Some(Trouble::Provisional),
        code: trouble.map(Trouble::code),
    };
    output.record(&answer, |answer| {
        let verdict = match (trouble, answer.is_workday) {
            (Some(trouble), _) => trouble.text(),
            (None, Some(true)) => "工作日 · a working day",
            (None, _) => "非工作日 · not a working day",
        };
        let reason = answer.name.zip(answer.source_notice);
        let reason = reason.map(|(name, notice)| format!("  {name} {notice}"));
        format!("{}  {verdict}{}", answer.date, reason.unwrap_or_default())
    })?;
    Ok(trouble)
}

/// A date and a number of days, as far as the line gives them.
fn read_due(line: &str) -> Result<(Date, u32), Trouble> {
    let mut words = line.split_whitespace();
    let (Some(date), Some(days), None) = (words.next(), words.next(), words.next()) else {
        return Err(Trouble::Form);
    };
    let date = parse_date(date).ok_or(Trouble::Date)?;
    let digits = days.bytes().all(|b| b.is_ascii_digit());
    let days = days.parse().ok().filter(|_| digits).ok_or(Trouble::Days)?;
    Ok((date, days))
}

fn answer_due(item: Item, natural: bool, output: &mut Output) -> io::Result<Option<Trouble>> {
    let calendar = Calendar::shipped();
    let due = |(date, days)| {
        Ok(if natural {
            calendar.add_days(date, NaturalDays(days))?
        } else {
            calendar.add_workdays(date, WorkingDays(days))?
        })
    };
    let (shown, asked) = match text_of(item) {
        Ok(line) => {
            let asked = read_due(&line);
            (line.trim().to_owned(), asked)
        }
        Err((shown, trouble)) => (shown, Err(trouble)),
    };
    let found: Result<Date, Trouble> = asked.and_then(due);
    let trouble = found.err();
    let answer = DueAnswer {
        date: asked.map_or(shown, |(date, _)| date.to_string()),
        days: asked.ok().map(|(_, days)| days),
        due: found.ok().map(|due| due.to_string()),
        provisional: trouble == Some(Trouble::Provisional),
        code: trouble.map(Trouble::code),
    };
    output.record(&answer, |answer| {
        let unit = if natural { "个自然日 · days" } else { "个工作日 · working days" };
        let asked = answer.days.map(|days| format!(" + {days} {unit}")).unwrap_or_default();
        let verdict = trouble.map_or_else(
            || answer.due.clone().unwrap_or_default(),
            |trouble| trouble.text().to_owned(),
        );
        format!("{}{asked}  →  {verdict}", answer.date)
    })?;
    Ok(trouble)
}
