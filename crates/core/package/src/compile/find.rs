//! Compiling what a group is found by: each kind of term leads to a text of the group.

use std::collections::BTreeMap;

use chaincity_types::Str;

use super::Compiler;
use crate::doc::TermDoc;
use crate::find::{KINDS_MAX, TERM_CHARS_MAX, TERMS_MAX};
use crate::model::{Field, FieldType, Index, Package};
use crate::problem::Problem;

impl Compiler {
    pub(super) fn find_by(
        &mut self,
        place: &str,
        docs: &[TermDoc],
        fields: &BTreeMap<Str, Field>,
    ) -> BTreeMap<Str, Vec<Str>> {
        let place = format!("{place}.find_by");
        let mut found = BTreeMap::new();
        if !self.bounded(&place, docs.len(), KINDS_MAX) {
            return found;
        }
        self.check_twice(&place, docs.iter().map(|term| term.kind.as_str()));
        let mut count: usize = 0;
        for doc in docs {
            let place = format!("{place}.{}", crate::rule::short(&doc.kind));
            self.check_id(&place, &doc.kind);
            let path: Vec<Str> = doc.path.split('.').map(Into::into).collect();
            match leaf(fields, &path) {
                None => self.unknown(&place, ("字段", "field"), &doc.path),
                Some((kind, times)) if is_text(kind) => {
                    count = count.saturating_add(times);
                    found.insert(doc.kind.as_str().into(), path);
                }
                Some(_) => {
                    let cause = ("检索词不是短文本", "what a group is found by is no short text");
                    let mend = ("指向至多300字的文本", "name a text of at most 300 characters");
                    self.report(Problem::error("bad-type", place, cause, mend));
                }
            }
        }
        // Every list filled: so that no group of these fields is too long to be sealed.
        self.bounded(&place, count, TERMS_MAX);
        found
    }
}

/// Indexes that lead a search from a group to the records that hold it. Only the node that searches
/// needs them: they cost no state, and no rule sees them. No authored index has such a name.
pub(super) fn indexes(fields: &BTreeMap<Str, Field>, package: &Package) -> Vec<Index> {
    let mut found = Vec::new();
    for (name, field) in fields {
        let group = field.kind.group().and_then(|group| package.groups.get(group));
        if group.is_some_and(|group| !group.find_by.is_empty()) {
            found.push(Index {
                name: format!("find:{name}").into(),
                fields: vec![name.clone()],
                unique: false,
                for_lists: true,
            });
        }
    }
    found
}

/// The type at the end of a path, and how many values can stand there; lists are gone through.
fn leaf<'a>(fields: &'a BTreeMap<Str, Field>, path: &[Str]) -> Option<(&'a FieldType, usize)> {
    let (first, rest) = path.split_first()?;
    let mut kind = &fields.get(first)?.kind;
    let mut times: usize = 1;
    while let FieldType::List(item, max) = kind {
        times = times.saturating_mul(usize::try_from(*max).unwrap_or(usize::MAX));
        kind = item;
    }
    if rest.is_empty() {
        return Some((kind, times));
    }
    let FieldType::Map(fields) = kind else { return None };
    let (kind, inner) = leaf(fields, rest)?;
    Some((kind, times.saturating_mul(inner)))
}

fn is_text(kind: &FieldType) -> bool {
    if let FieldType::Text(max) = kind {
        return usize::try_from(*max).is_ok_and(|max| max <= TERM_CHARS_MAX);
    }
    matches!(kind, FieldType::Identifier(_))
}
