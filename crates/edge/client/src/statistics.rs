//! Figures of cases.

use chaincity_api::Endpoint;
use chaincity_api::statistics::CaseStatistics;

use crate::client::Client;
use crate::error::ClientError;
use crate::transport::Ask;

/// Which figures are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseCount {
    /// What a row is about: `process`, `step` or `office`; `process` when absent.
    pub by: Option<String>,
    /// Only processes of this package.
    pub package: Option<String>,
    /// Only this process.
    pub process: Option<String>,
    /// The period begins: an RFC 3339 time or a date; 30 days before its end when absent.
    pub since: Option<String>,
    /// It ends: a time, or a date, which is included; now when absent.
    pub until: Option<String>,
}

impl Client {
    /// A page of figures of cases or tasks; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn case_statistics(
        &self,
        count: &CaseCount,
        after: Option<u64>,
        limit: usize,
    ) -> Result<CaseStatistics, ClientError> {
        let CaseCount { by, package, process, since, until } = count;
        let given = [
            ("by", by),
            ("package", package),
            ("process", process),
            ("since", since),
            ("until", until),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let ask = Ask::new(Endpoint::CountCases, &[]).query("limit", &limit.to_string());
        let ask = given.fold(ask, |ask, (name, value)| ask.query(name, value));
        self.get(&match after {
            Some(after) => ask.query("after", &after.to_string()),
            None => ask,
        })
    }
}
