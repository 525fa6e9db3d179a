//! The registers and action declarations of `governance`, as a compiled package: the read model
//! and the API list its records like any other's.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chaincity_package::doc::PACKED_BYTES_MAX;
use chaincity_package::model::{Action, Field, FieldType, KeyRule, Package, Register, Text};
use chaincity_types::{Digest, Str};

use super::{
    ADMIN, COMMITTEE, ID, IDENTITY, MANDATE, MEMBER, NODE, OPERATOR, PACKAGE, PARAMETER,
    add_member, add_node, add_operator, discrepancy, mandate, publish_package, set_committee,
    set_member, set_operator, set_parameter, set_register_mode,
};

/// The package, made once.
#[must_use]
pub fn package() -> Arc<Package> {
    static PACKAGE: OnceLock<Arc<Package>> = OnceLock::new();
    Arc::clone(PACKAGE.get_or_init(|| Arc::new(build())))
}

fn build() -> Package {
    let registers = [
        member(),
        operator(),
        node(),
        package_register(),
        committee(),
        mandates(),
        parameter(),
        discrepancy::mode_register(),
        discrepancy::register(),
    ];
    let actions = [
        add_member::declaration(),
        set_member::declaration(),
        add_operator::declaration(),
        set_operator::declaration(),
        add_node::declaration(),
        set_committee::declaration(),
        publish_package::declaration(),
        set_parameter::declaration(),
        set_register_mode::declaration(),
        discrepancy::resolve_declaration(),
        mandate::give_declaration(),
        mandate::revoke_declaration(),
    ];
    Package {
        id: ID.into(),
        version: 1,
        title: title("治理", "Governance"),
        digest: Digest::ZERO,
        roles: BTreeMap::from([
            (ADMIN.into(), title("治理管理员", "Governance administrator")),
            (IDENTITY.into(), title("身份核验员", "Identity officer")),
        ]),
        registers: registers.into_iter().map(|r| (r.name.clone(), r)).collect(),
        actions: actions.into_iter().map(|a| (a.name.clone(), a)).collect(),
        ..Package::default()
    }
}

fn member() -> Register {
    register(
        MEMBER,
        title("成员单位", "Members"),
        "id",
        vec![
            ("id", field(FieldType::Text(40), "标识", "Identifier")),
            ("name_zh", field(FieldType::Text(100), "中文名称", "Name, Chinese")),
            ("name_en", field(FieldType::Text(200), "英文名称", "Name, English")),
            ("roles", field(roles(), "可授角色", "Roles it may hand out")),
            ("active", field(FieldType::Bool, "启用", "Active")),
        ],
    )
}

fn operator() -> Register {
    register(
        OPERATOR,
        title("经办人", "Operators"),
        "key",
        vec![
            ("key", field(FieldType::Bytes(32), "公钥", "Public key")),
            ("member", field(FieldType::Ref(MEMBER.into()), "成员单位", "Member")),
            ("roles", field(roles(), "角色", "Roles")),
            ("active", field(FieldType::Bool, "启用", "Active")),
            ("subject", optional(FieldType::Text(128), "主体", "Subject that the operator is")),
            (
                "rotated_from",
                optional(FieldType::Bytes(32), "原公钥", "Key that this one replaced"),
            ),
        ],
    )
}

fn node() -> Register {
    register(
        NODE,
        title("节点", "Nodes"),
        "key",
        vec![
            ("key", field(FieldType::Bytes(32), "公钥", "Public key")),
            ("member", field(FieldType::Ref(MEMBER.into()), "成员单位", "Member")),
            ("address", field(FieldType::Text(255), "地址", "Address, `host:port`")),
            ("kind", field(node_kind(), "类型", "Kind: may it be a validator")),
        ],
    )
}

fn package_register() -> Register {
    register(
        PACKAGE,
        title("应用包", "Packages"),
        "id",
        vec![
            ("id", field(FieldType::Text(40), "标识", "Identifier")),
            ("version", field(FieldType::Int, "版本", "Version")),
            ("title_zh", field(FieldType::Text(200), "中文名称", "Title, Chinese")),
            ("title_en", field(FieldType::Text(200), "英文名称", "Title, English")),
            ("digest", field(FieldType::Digest, "文档摘要", "Digest of the document")),
            ("document", field(document(), "文档", "Package document, compressed")),
        ],
    )
}

fn committee() -> Register {
    let validator = [
        ("key", field(FieldType::Bytes(32), "公钥", "Public key")),
        ("member", field(FieldType::Text(40), "成员单位", "Member")),
        ("address", field(FieldType::Text(255), "地址", "Address")),
    ];
    let validator = validator.map(|(name, field)| (name.into(), field)).into();
    let validators = FieldType::List(Box::new(FieldType::Map(validator)), 64);
    register(
        COMMITTEE,
        title("共识委员会", "Committee"),
        "name",
        vec![
            ("name", field(FieldType::Text(40), "名称", "Name: `current`")),
            ("validators", field(validators, "共识节点", "Validators of the next epoch, by key")),
        ],
    )
}

fn mandates() -> Register {
    let status = ["open", "consumed", "revoked"].map(Str::from).to_vec();
    let mut register = register(
        MANDATE,
        title("授意", "Mandates"),
        "",
        vec![
            ("party", field(FieldType::Text(128), "当事人", "Party: a member or a subject")),
            ("package", field(FieldType::Text(40), "应用包", "Package")),
            ("action", field(FieldType::Text(60), "业务动作", "Action")),
            ("purpose", field(FieldType::Text(60), "用途", "Purpose")),
            ("digest", field(FieldType::Digest, "参数摘要", "Digest of the arguments")),
            ("case", optional(FieldType::Text(64), "办件", "Case")),
            ("expiry", field(FieldType::Time, "有效期至", "Expiry")),
            ("status", field(FieldType::Enum(status), "状态", "Status")),
            ("consumed_by", optional(FieldType::Digest, "使用交易", "Transaction that used it")),
        ],
    );
    register.key = KeyRule::Auto;
    register
}

fn parameter() -> Register {
    register(
        PARAMETER,
        title("参数", "Parameters"),
        "name",
        vec![
            ("name", field(FieldType::Text(40), "名称", "Name")),
            ("value", field(FieldType::Text(1_000), "值", "Value")),
        ],
    )
}

pub(crate) fn register(name: &str, title: Text, key: &str, fields: Vec<(&str, Field)>) -> Register {
    Register {
        name: name.into(),
        title,
        steward: ADMIN.into(),
        key: KeyRule::Field(key.into()),
        fields: fields.into_iter().map(|(name, field)| (name.into(), field)).collect(),
        ..Register::default()
    }
}

/// An action's declaration; what it does stands in its own file.
pub(crate) fn action(name: &str, title: Text, by: &[&str], input: Vec<(&str, Field)>) -> Action {
    Action {
        name: name.into(),
        title,
        law: Vec::new(),
        by: by.iter().map(|role| (*role).into()).collect(),
        urgent: false,
        mandates: Vec::new(),
        input: input.into_iter().map(|(name, field)| (name.into(), field)).collect(),
        reads: Vec::new(),
        guards: Vec::new(),
        effects: Vec::new(),
        writes: Vec::new(),
    }
}

pub(crate) fn title(zh: &str, en: &str) -> Text {
    Text { zh: zh.to_owned(), en: en.to_owned() }
}

pub(crate) fn field(kind: FieldType, zh: &str, en: &str) -> Field {
    Field { kind, optional: false, title: title(zh, en) }
}

pub(crate) fn optional(kind: FieldType, zh: &str, en: &str) -> Field {
    Field { kind, optional: true, title: title(zh, en) }
}

/// Roles: at most 64 names.
pub(super) fn roles() -> FieldType {
    FieldType::List(Box::new(FieldType::Text(60)), 64)
}

/// What a node may become.
pub(super) fn node_kind() -> FieldType {
    FieldType::Enum(vec!["candidate".into(), "observer".into()])
}

/// A package document as the ledger holds it; it leaves room in its record's body.
pub(super) fn document() -> FieldType {
    FieldType::Bytes(u32::try_from(PACKED_BYTES_MAX).unwrap_or(u32::MAX))
}
