//! What the compiler cannot check: each rule is a pure function from the repository's files to
//! findings.

mod budget;
mod direction;
mod forbidden;
mod links;
mod lints;
mod manifests;
mod markdown;
mod twins;

use std::fmt;

use crate::generate;
use crate::tree::Tree;

/// Something that a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    rule: &'static str,
    place: String,
    text: String,
}

impl Finding {
    pub(crate) fn new(rule: &'static str, place: &str, text: String) -> Self {
        Self { rule, place: place.to_owned(), text }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.text, self.rule)
    }
}

/// A rule with its name and what holds when it finds nothing.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) claim: &'static str,
    pub(crate) check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule, in the order of the report.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "direction",
        claim: "dependencies run one way, and each crate names only what it may",
        check: direction::check,
    },
    Rule {
        name: "budget",
        claim: "no source file has more than 800 code lines",
        check: budget::check,
    },
    Rule {
        name: "lints",
        claim: "every crate inherits the workspace's lints",
        check: lints::check,
    },
    Rule {
        name: "links",
        claim: "paths named in documents and comments exist",
        check: links::check,
    },
    Rule {
        name: "twins",
        claim: "a document in two languages has the same parts and commands in both",
        check: twins::check,
    },
    Rule {
        name: "forbidden",
        claim: "no text names a machine's folders or a private registry",
        check: forbidden::check,
    },
    Rule {
        name: "generated",
        claim: "generated files are fresh",
        check: |tree| generate::stale(tree, generate::ALL),
    },
];
