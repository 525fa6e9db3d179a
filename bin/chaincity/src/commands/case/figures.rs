//! `chaincity case statistics` and `case overdue`: how much was done, and what lies.

use chaincity_client::api::read_log::{parse_since, parse_until};
use chaincity_client::api::record::LIMIT_MAX;
use chaincity_client::api::statistics::{BY, CaseFigures, ROWS_MAX};
use chaincity_client::{CaseCount, Select};
use clap::Args;
use serde::Serialize;

use super::CASE;
use crate::commands::query::show;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct Statistics {
    /// 按流程（统计办件）、环节或单位（统计任务） · by process (counts cases), step or office (count tasks)
    #[arg(long, value_name = "BY", default_value = "process", value_parser = BY)]
    by: String,
    /// 只看该应用包的流程 · only processes of this package
    #[arg(long)]
    package: Option<String>,
    /// 只看该流程 · only this process
    #[arg(long, value_name = "ID")]
    process: Option<String>,
    /// 自该日或该时刻起，默认三十天 · from this day or time on; thirty days when absent
    #[arg(long, value_name = "DATE", value_parser = a_begin)]
    from: Option<String>,
    /// 至该日（含）止，默认至今 · until this day, which is included; now when absent
    #[arg(long, value_name = "DATE", value_parser = an_end)]
    to: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct Overdue {
    /// 只看该成员的任务 · only tasks of this member
    #[arg(long, conflicts_with = "role")]
    member: Option<String>,
    /// 只看该角色可办的任务 · only tasks that this role may do
    #[arg(long)]
    role: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

const NO_TIME: &str = "not a date such as 2026-11-21, nor an RFC 3339 time";

fn a_begin(text: &str) -> Result<String, &'static str> {
    parse_since(text).map(|_| text.to_owned()).ok_or(NO_TIME)
}

fn an_end(text: &str) -> Result<String, &'static str> {
    parse_until(text).map(|_| text.to_owned()).ok_or(NO_TIME)
}

/// What stands after the rows or tasks.
#[derive(Debug, Serialize)]
struct End {
    /// Rows or tasks shown.
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

pub(super) fn statistics(asked: &Statistics, output: &mut Output) -> Result<Exit, Failure> {
    let client = asked.connection.client()?;
    let count = CaseCount {
        by: Some(asked.by.clone()),
        package: asked.package.clone(),
        process: asked.process.clone(),
        since: asked.from.clone(),
        until: asked.to.clone(),
    };
    let (mut shown, mut after) = (0_usize, None);
    loop {
        let page = client.case_statistics(&count, after, ROWS_MAX)?;
        shown = shown.saturating_add(page.items.len());
        for row in &page.items {
            output.report(row, for_person)?;
        }
        after = page.next;
        if after.is_none() {
            let (since, until) = (Some(page.since), Some(page.until));
            output.report(&End { count: shown, since, until }, |end| {
                let period = [&end.since, &end.until].map(|time| time.as_deref().unwrap_or(""));
                vec![format!("{} 行 · rows, {} – {}", end.count, period[0], period[1])]
            })?;
            return Ok(Exit::Ok);
        }
    }
}

fn for_person(row: &CaseFigures) -> Vec<String> {
    let place = [&row.package, &row.process, &row.node];
    let place: Vec<_> = place.into_iter().flatten().map(String::as_str).collect();
    let office = match (&row.member, place.is_empty()) {
        (Some(member), _) => member.as_str(),
        (None, true) => "未认领 · unclaimed",
        (None, false) => "",
    };
    let name = row.name.as_deref().unwrap_or_default();
    let hours = |minutes: Option<u64>| match minutes {
        Some(minutes) => {
            let hours = minutes.checked_div(60).unwrap_or(0);
            format!("{hours}:{:02}", minutes.checked_rem(60).unwrap_or(0))
        }
        None => "–".to_owned(),
    };
    let head = [place.join("/").as_str(), office, name].map(str::to_owned);
    let head: Vec<_> = head.into_iter().filter(|part| !part.is_empty()).collect();
    vec![
        head.join("  "),
        format!(
            "    新增 · opened {}，办结 · done {}（超期 · late {}），在办 · open {}（逾期 · overdue {}），\
             退回补正 · returned {}",
            row.opened, row.done, row.late, row.open, row.overdue, row.returned
        ),
        format!(
            "    用时（时:分，含节假日） · time taken (h:mm by the clock)：中位 · median {}，九成 · 90 % {}",
            hours(row.median_minutes),
            hours(row.ninetieth_minutes)
        ),
    ]
}

pub(super) fn overdue(asked: &Overdue, output: &mut Output) -> Result<Exit, Failure> {
    let client = asked.connection.client()?;
    let all = || Select::new(CASE, "task").eq("overdue", "true").limit(LIMIT_MAX);
    let mut select = match (&asked.member, &asked.role) {
        (Some(member), _) => all().eq("member", member),
        (None, Some(role)) => all().when("lists", "has", role),
        (None, None) => all(),
    };
    let mut count = 0_usize;
    loop {
        let page = client.select(&select)?;
        count = count.saturating_add(page.items.len());
        for record in &page.items {
            show(record, output)?;
        }
        match page.next {
            Some(next) => select = select.after(&next),
            None => break,
        }
    }
    output.report(&End { count, since: None, until: None }, |end| {
        vec![format!("{} 个逾期任务 · overdue tasks", end.count)]
    })?;
    Ok(Exit::Ok)
}
