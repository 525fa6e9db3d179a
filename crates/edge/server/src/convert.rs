//! The node's types as the interface shows them.

use std::collections::BTreeMap;

use chaincity_api::block::{BlockIds, BlockInfo, BlockSummary};
use chaincity_api::package::{
    ActionInfo, ClaimInfo, EvidenceInfo, FieldInfo, FieldKind, FormFieldInfo, FormInfo, GroupInfo,
    GuardInfo, IndexInfo, PackageInfo, PackageSummary, ParameterInfo, RegisterInfo, TextInfo,
};
use chaincity_api::record::Record;
use chaincity_api::transaction::{ReceiptInfo, WriteInfo};
use chaincity_crypto::hash;
use chaincity_history::StoredBlock;
use chaincity_package::json;
use chaincity_package::model::{
    Action, Field, FieldType, Form, FormField, Group, KeyRule, Package, Placement, Register,
    Retention, Text,
};
use chaincity_types::wire::Version;
use chaincity_types::{Str, Timestamp};

/// A version with its computed fields at a time.
pub(crate) fn record(
    package: &Package,
    of: &Register,
    version: &Version,
    now: Timestamp,
) -> Record {
    let mut record = Record::from(version);
    match of.computed_at(package, &record.key, version, now) {
        Ok(computed) => record.computed = json::from_fields(&computed),
        // A rule that gives no value refuses calls; a reader still sees what is stored.
        Err(failure) => {
            tracing::debug!(register = %of.name, code = failure.code.code(), "no value");
        }
    }
    record
}

/// A block without its content.
pub(crate) fn block_summary(stored: &StoredBlock) -> BlockSummary {
    let header = &stored.block.header;
    BlockSummary {
        height: header.height.0,
        digest: hash::header_digest(header).to_string(),
        parent: header.parent.to_string(),
        time: header.time.to_string(),
        protocol: header.protocol,
        transactions: stored.block.transactions.len(),
        transaction_bytes: stored.block.transactions.iter().map(|bytes| bytes.len()).sum(),
        state_root: header.state_root.to_string(),
        effects_root: header.effects_root.to_string(),
        committee: header.committee.to_string(),
    }
}

/// A block with what it did.
pub(crate) fn block_info(stored: &StoredBlock) -> BlockInfo {
    BlockInfo {
        block: block_summary(stored),
        receipts: stored.receipts.iter().map(ReceiptInfo::from).collect(),
        writes: stored.writes.iter().map(WriteInfo::from).collect(),
    }
}

/// A block with the ids of what has a receipt.
pub(crate) fn block_ids(stored: &StoredBlock) -> BlockIds {
    let ids = stored.receipts.iter().map(|receipt| receipt.transaction.to_string());
    BlockIds { block: block_summary(stored), ids: ids.collect() }
}

/// A package without its content.
pub(crate) fn package_summary(package: &Package) -> PackageSummary {
    PackageSummary {
        id: package.id.to_string(),
        version: package.version,
        title: text(&package.title),
        digest: package.digest.to_string(),
    }
}

/// A package.
pub(crate) fn package_info(package: &Package) -> PackageInfo {
    PackageInfo {
        package: package_summary(package),
        roles: map(&package.roles, text),
        groups: map(&package.groups, group),
        registers: map(&package.registers, register),
        actions: map(&package.actions, action),
        parameters: map(&package.parameters, |parameter| ParameterInfo {
            field: field(&parameter.field),
            value: json::from_value(&parameter.value),
        }),
        forms: map(&package.forms, form),
        requires: map(&package.requires, |version| *version),
    }
}

fn form(form: &Form) -> FormInfo {
    let field = |field: &FormField| FormFieldInfo {
        fills: field.fills.iter().map(ToString::to_string).collect(),
        title: field.title.as_ref().map(text),
        help: field.help.as_ref().map(text),
    };
    let evidence =
        |(kind, title): &(Str, Text)| EvidenceInfo { kind: kind.to_string(), title: text(title) };
    FormInfo {
        title: text(&form.title),
        help: form.help.as_ref().map(text),
        fields: form.fields.iter().map(field).collect(),
        evidence: form.evidence.iter().map(evidence).collect(),
    }
}

fn map<A, B>(from: &BTreeMap<Str, A>, with: impl Fn(&A) -> B) -> BTreeMap<String, B> {
    from.iter().map(|(name, value)| (name.to_string(), with(value))).collect()
}

fn text(text: &Text) -> TextInfo {
    TextInfo { zh: text.zh.clone(), en: text.en.clone() }
}

fn group(group: &Group) -> GroupInfo {
    GroupInfo {
        title: text(&group.title),
        steward: group.steward.to_string(),
        fields: map(&group.fields, field),
        claims: map(&group.claims, |claim| ClaimInfo {
            field: field(&claim.field),
            parameters: map(&claim.parameters, field),
            clear: claim.clear.iter().map(ToString::to_string).collect(),
        }),
        find_by: map(&group.find_by, |path| path.join(".")),
        on_ledger: group.placement == Placement::Ledger,
    }
}

fn register(register: &Register) -> RegisterInfo {
    RegisterInfo {
        title: text(&register.title),
        steward: register.steward.to_string(),
        key_field: match &register.key {
            KeyRule::Field(field) => Some(field.to_string()),
            KeyRule::Auto => None,
        },
        blinded: register.blinded,
        fields: map(&register.fields, field),
        indexes: map(&register.indexes, |index| IndexInfo {
            fields: index.fields.iter().map(Into::into).collect(),
            unique: index.unique,
        }),
        computed: register
            .computed
            .iter()
            .map(|computed| (computed.name.to_string(), field(&computed.field)))
            .collect(),
        invariants: register
            .invariants
            .iter()
            .map(|i| GuardInfo { code: i.code.to_string(), text: text(&i.text) })
            .collect(),
        retention_years: match register.retention {
            Retention::Permanent => None,
            Retention::Years(years) => Some(years),
        },
    }
}

fn action(action: &Action) -> ActionInfo {
    ActionInfo {
        title: text(&action.title),
        law: action.law.clone(),
        by: action.by.iter().map(Into::into).collect(),
        urgent: action.urgent,
        mandates: action.mandates.iter().map(|rule| rule.purpose.to_string()).collect(),
        input: map(&action.input, field),
        reads: action
            .reads
            .iter()
            .filter_map(|read| read.register.as_ref())
            .map(Into::into)
            .collect(),
        guards: action
            .refusals()
            .into_iter()
            .map(|(code, words)| GuardInfo { code: code.to_owned(), text: text(words) })
            .collect(),
    }
}

fn field(field: &Field) -> FieldInfo {
    FieldInfo { kind: kind(&field.kind), optional: field.optional, title: text(&field.title) }
}

/// A field's type.
pub(crate) fn kind(kind: &FieldType) -> FieldKind {
    match kind {
        FieldType::Bool => FieldKind::Bool,
        FieldType::Int => FieldKind::Int,
        FieldType::Fen => FieldKind::Fen,
        FieldType::Area => FieldKind::Area,
        FieldType::Decimal(scale) => FieldKind::Decimal { scale: *scale },
        FieldType::Text(max) => FieldKind::Text { max: *max },
        FieldType::Bytes(max) => FieldKind::Bytes { max: *max },
        FieldType::Digest => FieldKind::Digest,
        FieldType::Date => FieldKind::Date,
        FieldType::Time => FieldKind::Time,
        FieldType::Enum(words) => FieldKind::Enum { words: words.iter().map(Into::into).collect() },
        FieldType::Ref(register) => FieldKind::Ref { register: register.to_string() },
        FieldType::Sealed(group) | FieldType::Placed(group) => {
            FieldKind::Sealed { group: group.to_string() }
        }
        FieldType::Subject => FieldKind::Subject,
        FieldType::Pseudonym(family) => FieldKind::Pseudonym { name: family.name().to_string() },
        FieldType::Identifier(kind) => FieldKind::Identifier { kind: kind.to_string() },
        FieldType::Share => FieldKind::Share,
        FieldType::List(of, max) => FieldKind::List { of: Box::new(self::kind(of)), max: *max },
        FieldType::Map(fields) => FieldKind::Map { fields: map(fields, field) },
        FieldType::MapOf(key, of, max) => {
            FieldKind::MapOf { key: *key, of: Box::new(self::kind(of)), max: *max }
        }
    }
}
