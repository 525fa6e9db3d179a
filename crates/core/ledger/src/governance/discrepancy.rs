//! What a source system has booked is a fact: while a register mirrors it, the fact is recorded
//! even if it breaks a rule, and the broken rule becomes a discrepancy that its owner answers.

use std::sync::Arc;

use chaincity_package::model::{
    Action, Computed, Field, FieldType, Index, KeyRule, Package, Register,
};
use chaincity_package::rule::{Names, Program, Type};
use chaincity_types::{Reject, Str, Value};

use super::schema::{action, field, optional, register as schema_register, title};
use super::{DISCREPANCY, Input, MODE, key};
use crate::call::CallRun;
use crate::fuel;
use crate::halt::{Halt, Rejection, reject};
use crate::session::{draw, field_text};

/// The modes of a register.
pub(super) const MODES: [&str; 3] = ["mirror", "parallel", "master"];
pub(super) const RESOLVE: &str = "resolve-discrepancy";
/// Working days in which the owner answers.
const DAYS: i64 = 10;
/// Most discrepancies of one call; a fact that breaks more is recorded with these.
const OF_A_CALL_MAX: usize = 8;

/// How a call stands to the source systems of the registers that it writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Booking {
    /// The rules decide.
    #[default]
    Own,
    /// It reports what the source has booked: recorded, and measured by the rules afterwards.
    Reported,
}

/// The key of a register's mode.
pub(super) fn mode_key(package: &str, register: &str) -> Str {
    format!("{package}.{register}").into()
}

pub(super) fn mode_register() -> Register {
    schema_register(
        MODE,
        title("登记簿模式", "Modes of registers"),
        "name",
        vec![
            ("name", field(FieldType::Text(81), "名称", "Name: `package.register`")),
            ("package", field(FieldType::Text(40), "应用包", "Package")),
            ("register", field(FieldType::Text(40), "登记簿", "Register")),
            ("mode", field(FieldType::Enum(MODES.map(Str::from).to_vec()), "模式", "Mode")),
        ],
    )
}

pub(super) fn register() -> Register {
    let fields = vec![
        ("package", field(FieldType::Text(40), "应用包", "Package")),
        ("action", field(FieldType::Text(40), "业务动作", "Action")),
        ("code", field(FieldType::Text(60), "代码", "Code of the rule that does not hold")),
        ("transaction", field(FieldType::Digest, "交易", "Transaction")),
        ("call", field(FieldType::Int, "调用项", "Call, from 0")),
        ("owner", field(FieldType::Text(40), "责任单位", "Member that answers")),
        ("since", field(FieldType::Date, "发现日期", "Found on")),
        ("days", field(FieldType::Int, "处理时限（工作日）", "Working days to answer in")),
        ("resolution", optional(FieldType::Text(500), "处理结果", "How it was resolved")),
        ("basis", optional(FieldType::Text(200), "处理依据", "Legal basis")),
    ];
    let mut register = schema_register(DISCREPANCY, title("差异", "Discrepancies"), "", fields);
    register.key = KeyRule::Auto;
    let by_owner = Index {
        name: "by_owner".into(),
        fields: vec!["owner".into()],
        unique: false,
        for_lists: false,
    };
    register.indexes.insert("by_owner".into(), by_owner);
    register.computed.extend(due());
    register
}

/// The day by which the owner answers.
fn due() -> Option<Computed> {
    let this = Type::record([("since", Type::Date), ("days", Type::Int)]);
    let names = Names::from([(chaincity_package::THIS.to_owned(), this)]);
    let rule = Program::compile("add_workdays(this.since, this.days)", &names).ok()?;
    let title = title("处理期限", "To be answered by");
    let field = Field { kind: FieldType::Date, optional: false, title };
    Some(Computed { name: "due".into(), field, rule })
}

pub(super) fn resolve_declaration() -> Action {
    action(
        RESOLVE,
        title("处理差异", "Resolve a discrepancy"),
        &[],
        vec![
            ("discrepancy", field(FieldType::Ref(DISCREPANCY.into()), "差异", "Discrepancy")),
            ("resolution", field(FieldType::Text(500), "处理结果", "How it was resolved")),
            ("basis", field(FieldType::Text(200), "处理依据", "Legal basis")),
        ],
    )
}

/// The owner says how a discrepancy was resolved; it is closed.
pub(super) fn resolve(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_no_mandates(run)?;
    let name = super::text(input, "discrepancy")?;
    let Some(record) = run.session.get(&key(DISCREPANCY, &name))? else {
        return reject(Reject::NotFound, "register `discrepancy`");
    };
    super::check_own(run, field_text(&record.version, "owner").unwrap_or_default())?;
    let governance = super::package();
    let set = input.iter().filter(|(name, _)| *name != "discrepancy");
    let set = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    run.update(&governance, DISCREPANCY, &name, set, None)?;
    run.close(&governance, DISCREPANCY, &name, &"resolved".into())
}

impl CallRun<'_, '_> {
    /// How this call stands to the sources of the registers that `action` writes. Where it
    /// reports for every one of them, its caller needs no other role.
    pub(crate) fn booking(&mut self, package: &Arc<Package>, action: &Action) -> Result<(), Halt> {
        let mut reported = !action.writes.is_empty();
        for name in &action.writes {
            let source = package.registers.get(name).and_then(|register| register.source.as_ref());
            let Some(source) = source else {
                reported = false;
                continue;
            };
            draw(&mut self.fuel, fuel::READ)?;
            let record = self.session.get(&key(MODE, mode_key(&package.id, name)))?;
            let mode = record.as_deref().and_then(|record| field_text(&record.version, "mode"));
            match (mode.unwrap_or("master"), self.frame.caller.has_role(source)) {
                ("mirror", false) => {
                    return reject(Reject::RegisterMirrored, format!("register `{name}`"));
                }
                ("mirror" | "parallel", true) => {}
                _ => reported = false,
            }
        }
        self.booking = if reported { Booking::Reported } else { Booking::Own };
        Ok(())
    }

    /// What a broken rule means: a rejection, or in a report a discrepancy.
    pub(crate) fn broken(&mut self, result: Result<(), Halt>) -> Result<(), Halt> {
        match result {
            Err(Halt::Rejected(Rejection { code, .. }))
                if self.booking == Booking::Reported
                    && !self.missing
                    && code != Reject::OutOfFuel.code() =>
            {
                if self.discrepancies.len() < OF_A_CALL_MAX && !self.discrepancies.contains(&code) {
                    self.discrepancies.push(code);
                }
                Ok(())
            }
            other => other,
        }
    }

    /// Drafts the discrepancies found.
    pub(crate) fn record_discrepancies(&mut self) -> Result<(), Halt> {
        let governance = super::package();
        for code in std::mem::take(&mut self.discrepancies) {
            let fields = super::record([
                ("package", self.package.id.as_str().into()),
                ("action", self.frame.call.action.as_str().into()),
                ("code", Value::Text(code)),
                ("transaction", Value::Bytes(self.frame.transaction.as_bytes().to_vec())),
                ("call", Value::Int(i64::from(self.frame.index))),
                ("owner", self.frame.caller.member.as_str().into()),
                ("since", Value::Date(self.session.context.time.china_day())),
                ("days", Value::Int(DAYS)),
            ]);
            self.insert(&governance, DISCREPANCY, fields)?;
        }
        Ok(())
    }
}
