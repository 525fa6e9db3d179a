//! Compiling a group's claims: what its steward works out and hands over in place of the fields.

use std::collections::{BTreeMap, BTreeSet};

use super::{Compiler, base_names, text};
use crate::doc::ClaimDoc;
use crate::model::{Claim, Field, FieldType, Package};
use crate::problem::Problem;
use crate::rule::Type;
use crate::{INPUT, THIS};
use chaincity_types::Str;

/// Most claims of a group.
const CLAIMS_MAX: usize = 16;
/// Most parameters of a claim: as many as an access can carry.
const PARAMETERS_MAX: usize = 8;

impl Compiler {
    /// Rules see no record and no other group, so that a claim says no more than its group does.
    pub(super) fn claims(
        &mut self,
        place: &str,
        docs: &[ClaimDoc],
        fields: &BTreeMap<Str, Field>,
        package: &Package,
    ) -> BTreeMap<Str, Claim> {
        let place = format!("{place}.claims");
        let mut claims = BTreeMap::new();
        if !self.bounded(&place, docs.len(), CLAIMS_MAX) {
            return claims;
        }
        self.check_twice(&place, docs.iter().map(|claim| claim.field.name.as_str()));
        for doc in docs {
            let name = &doc.field.name;
            let place = format!("{place}.{}", crate::rule::short(name));
            self.check_id(&place, name);
            if let Some(claim) = self.claim(&place, doc, fields, package) {
                claims.insert(name.into(), claim);
            }
        }
        claims
    }

    fn claim(
        &mut self,
        place: &str,
        doc: &ClaimDoc,
        fields: &BTreeMap<Str, Field>,
        package: &Package,
    ) -> Option<Claim> {
        let parameters = self.parameters(place, doc)?;
        let kind = match crate::field::parse(&doc.field.ty) {
            Ok((kind @ (FieldType::Bool | FieldType::Enum(_) | FieldType::Text(_)), false)) => kind,
            // A number or a date would be the field itself, or its neighbour.
            Ok(_) | Err(_) => {
                let cause = ("派生结论的类型有误", "not the type of a claim");
                let mend = ("写 bool、enum(…) 或 text(N)", "write bool, enum(…) or text(N)");
                self.report(Problem::error("claim-type", place, cause, mend));
                return None;
            }
        };
        let seen =
            |fields: &BTreeMap<Str, Field>| {
                Type::record(fields.iter().map(|(name, field)| {
                    (name.clone(), Type::of_field(&field.kind, field.optional))
                }))
            };
        let mut names = base_names(package);
        names.insert(THIS.to_owned(), seen(fields));
        names.insert(INPUT.to_owned(), seen(&parameters));
        let wanted = Type::of_field(&kind, false);
        let rule = self.typed(&format!("{place}.rule"), &doc.rule, &wanted, &names)?;
        let field = Field { kind, optional: false, title: text(&doc.field.title) };
        let clear = doc.clear.iter().map(Into::into).collect();
        Some(Claim { field, rule, parameters, clear })
    }

    /// Parameters are single values: they travel as texts.
    fn parameters(&mut self, place: &str, doc: &ClaimDoc) -> Option<BTreeMap<Str, Field>> {
        let place = format!("{place}.parameters");
        if !self.bounded(&place, doc.parameters.len(), PARAMETERS_MAX) {
            return None;
        }
        let parameters = self.fields(&place, &doc.parameters);
        for (name, field) in &parameters {
            if !is_single(&field.kind) || field.optional {
                let cause = ("参数须为必填的单个值", "a parameter is one value, not optional");
                let mend = ("换一种类型", "choose another type");
                self.report(Problem::error("bad-type", format!("{place}.{name}"), cause, mend));
            }
        }
        let mut known = BTreeSet::new();
        for name in &doc.clear {
            if !parameters.contains_key(name.as_str()) || !known.insert(name) {
                self.unknown(&place, ("参数", "parameter"), name);
            }
        }
        Some(parameters)
    }
}

const fn is_single(kind: &FieldType) -> bool {
    matches!(
        kind,
        FieldType::Bool
            | FieldType::Int
            | FieldType::Fen
            | FieldType::Area
            | FieldType::Decimal(_)
            | FieldType::Text(_)
            | FieldType::Date
            | FieldType::Enum(_)
            | FieldType::Subject
            | FieldType::Identifier(_)
    )
}
