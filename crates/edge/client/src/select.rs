//! Selections of a register's records.

use chaincity_api::Endpoint;

use crate::transport::Ask;

/// Which records are wanted. Conditions are combined: all must hold.
///
/// ```
/// use chaincity_client::Select;
/// let seals = Select::new("real-estate", "restriction")
///     .eq("kind", "seal")
///     .when("began", "ge", "2026-01-01")
///     .sort("-began")
///     .limit(20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    package: String,
    register: String,
    query: Vec<(String, String)>,
}

impl Select {
    /// The live records of a register, by key.
    #[must_use]
    pub fn new(package: &str, register: &str) -> Self {
        let (package, register) = (package.to_owned(), register.to_owned());
        Self { package, register, query: Vec::new() }
    }

    /// Only records whose field has this value.
    #[must_use]
    pub fn eq(self, field: &str, value: &str) -> Self {
        self.when(field, "eq", value)
    }

    /// Only records whose field compares so: `op` is one of `eq`, `ne`, `lt`, `le`, `gt`, `ge`,
    /// `prefix`, `has` (of a list).
    #[must_use]
    pub fn when(self, field: &str, op: &str, value: &str) -> Self {
        self.with(field, &format!("{op}:{value}"))
    }

    /// `live` (the default), `closed` or `any`.
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        self.with("_status", status)
    }

    /// Sorts by a field; descending with a `-` before it.
    #[must_use]
    pub fn sort(self, field: &str) -> Self {
        self.with("_sort", field)
    }

    /// At most so many records in a page, 1 to 200.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        self.with("_limit", &limit.to_string())
    }

    /// The page after the one whose `next` this is.
    #[must_use]
    pub fn after(mut self, cursor: &str) -> Self {
        self.query.retain(|(name, _)| name != "_cursor");
        self.with("_cursor", cursor)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), value.to_owned()));
        self
    }

    pub(crate) fn ask(&self) -> Ask {
        let ask = Ask::new(Endpoint::SelectRecords, &[&self.package, &self.register]);
        self.query.iter().fold(ask, |ask, (name, value)| ask.query(name, value))
    }
}
