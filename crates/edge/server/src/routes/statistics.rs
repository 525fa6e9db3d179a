//! Figures of cases, as the read model counts them. Whoever may read the tasks may count them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chaincity_api::Problem;
use chaincity_api::read_log::{parse_since, parse_until};
use chaincity_api::record::LIMIT_DEFAULT;
use chaincity_api::statistics::{CaseFigures, CaseStatistics, DAYS_MAX, ROWS_MAX, period};
use chaincity_query::{By, Count, Figures};

use crate::error::{Answer, Failure};
use crate::params::Params;
use crate::routes::records;
use crate::state::{Shared, blocking};

/// `GET /v1/cases/statistics`.
pub(crate) async fn statistics(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Answer<Json<CaseStatistics>> {
    let (count, by) = read(params, &shared)?;
    blocking(move || {
        let found = shared.reader.count(&count)?;
        Ok(Json(CaseStatistics {
            since: count.since.to_string(),
            until: count.until.to_string(),
            by,
            items: found.items.into_iter().map(figures).collect(),
            height: records::height(found.height),
            next: found.next.and_then(|next| next.try_into().ok()),
        }))
    })
    .await
}

fn read(mut params: Params, shared: &Shared) -> Answer<(Count, String)> {
    let by = params.text("by")?.unwrap_or_else(|| "process".to_owned());
    let wanted = match by.as_str() {
        "process" => By::Process,
        "step" => By::Step,
        "office" => By::Office,
        _ => return Err(bad("`by` must be process, step or office".to_owned())),
    };
    let since = params.parsed("since", "a time or a date", parse_since)?;
    let until = params.parsed("until", "a time or a date", parse_until)?;
    let (since, until) = period(since, until, shared.node.status().time).ok_or_else(|| {
        bad(format!("`since` to `until` must be a period of {DAYS_MAX} days at most"))
    })?;
    let count = Count {
        by: wanted,
        package: params.text("package")?,
        process: params.text("process")?,
        since,
        until,
        after: params.number("after")?.unwrap_or(0),
        limit: params.limit("limit", LIMIT_DEFAULT, ROWS_MAX)?,
    };
    params.done()?;
    Ok((count, by))
}

fn figures(row: Figures) -> CaseFigures {
    let Figures {
        group,
        name,
        opened,
        done,
        late,
        open,
        overdue,
        returned,
        median_minutes,
        ninetieth_minutes,
    } = row;
    let chaincity_query::Group { package, process, node, member } = group;
    CaseFigures {
        package,
        process,
        node,
        name,
        member,
        opened,
        done,
        late,
        open,
        overdue,
        returned,
        median_minutes,
        ninetieth_minutes,
    }
}

fn bad(text: String) -> Failure {
    Failure::because(Problem::BadRequest, text)
}
