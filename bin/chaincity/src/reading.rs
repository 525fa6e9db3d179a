//! The read model as the server sees it.

use std::sync::Arc;

use chaincity_query::{Direction, Filter, Op, QueryError, ReadModel, Select, StatusFilter};
use chaincity_server::{self as server, ReadError, Reader, Selected, Selection};
use chaincity_types::wire::Version;
use chaincity_types::{Height, Timestamp};

/// Joins the server to the read model.
#[derive(Debug)]
pub(crate) struct ModelReader(pub(crate) Arc<ReadModel>);

fn error(error: QueryError) -> ReadError {
    match error {
        QueryError::Incomplete { before } => ReadError::Incomplete { before },
        error if error.is_request() => ReadError::Request(error.to_string()),
        error => ReadError::Fault(error.to_string()),
    }
}

fn filter(filter: &server::Filter) -> Filter {
    let op = match filter.op {
        server::Op::Eq => Op::Eq,
        server::Op::Ne => Op::Ne,
        server::Op::Lt => Op::Lt,
        server::Op::Le => Op::Le,
        server::Op::Gt => Op::Gt,
        server::Op::Ge => Op::Ge,
        server::Op::Prefix => Op::Prefix,
    };
    Filter { field: filter.field.clone(), op, value: filter.value.clone() }
}

impl Reader for ModelReader {
    fn select(&self, selection: &Selection) -> Result<Selected, ReadError> {
        let status = match selection.status {
            server::StatusFilter::Live => StatusFilter::Live,
            server::StatusFilter::Closed => StatusFilter::Closed,
            server::StatusFilter::Any => StatusFilter::Any,
        };
        let direction =
            |down: bool| if down { Direction::Descending } else { Direction::Ascending };
        let sort = selection.sort.iter().map(|(field, down)| (field.clone(), direction(*down)));
        let select = Select {
            package: selection.package.clone(),
            register: selection.register.clone(),
            filters: selection.filters.iter().map(filter).collect(),
            status,
            sort: sort.collect(),
            limit: selection.limit,
            cursor: selection.cursor.clone(),
        };
        let page = self.0.select(&select).map_err(error)?;
        let height = page.height.unwrap_or_default();
        Ok(Selected { items: page.items, next: page.next, height })
    }

    fn history(
        &self,
        package: &str,
        register: &str,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Version>, ReadError> {
        let found = self.0.history(package, register, key, before, limit).map_err(error)?;
        Ok(found.items)
    }

    fn as_of(
        &self,
        package: &str,
        register: &str,
        key: &str,
        time: Timestamp,
    ) -> Result<Option<Version>, ReadError> {
        Ok(self.0.as_of(package, register, key, time).map_err(error)?.0)
    }

    fn height(&self) -> Height {
        self.0.height().ok().flatten().unwrap_or_default()
    }
}
