//! The registers of `case`, as a compiled package: the read model and the API list its records like
//! any other's. Its actions' declarations stand in [`super::actions`].

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chaincity_package::THIS;
use chaincity_package::model::{
    Computed, Field, FieldType, Index, KeyRule, Package, Register, Text, Timer,
};
use chaincity_package::rule::{Names, Program, Type};
use chaincity_types::{Digest, Str};

use super::{
    ATTACHMENT, CASE, COMMENT, HEARING, ID, MODEL, MODEL_BYTES_MAX, PROCESS, REQUEST, SEALED,
    STATE_BYTES_MAX, SUBJECT, SUBJECTS_MAX, TASK, WAIT, actions,
};
use crate::governance::schema::{field, optional, register as keyed, title};

/// The package, made once.
#[must_use]
pub fn package() -> Arc<Package> {
    static PACKAGE: OnceLock<Arc<Package>> = OnceLock::new();
    Arc::clone(PACKAGE.get_or_init(|| Arc::new(build())))
}

fn build() -> Package {
    let registers = [
        process(),
        model(),
        case(),
        task(),
        wait(),
        subject(),
        hearing(),
        request(),
        comment(),
        attachment(),
    ];
    Package {
        id: ID.into(),
        version: 1,
        title: title("办件", "Cases"),
        digest: Digest::ZERO,
        registers: registers.into_iter().map(|r| (r.name.clone(), r)).collect(),
        actions: actions::all().into_iter().map(|a| (a.name.clone(), a)).collect(),
        ..Package::default()
    }
}

fn register(name: &str, title: Text, key: &str, fields: Vec<(&str, Field)>) -> Register {
    let mut register = keyed(name, title, key, fields);
    // Nobody's in particular: who may write is said by each process.
    register.steward = Str::default();
    if key.is_empty() {
        register.key = KeyRule::Auto;
    }
    register
}

/// An index that lists alone use.
fn lists(register: &mut Register, indexes: &[(&str, &[&str])]) {
    for (name, fields) in indexes {
        let fields = fields.iter().map(|field| Str::from(*field)).collect();
        let index = Index { name: (*name).into(), fields, unique: false, for_lists: true };
        register.indexes.insert((*name).into(), index);
    }
}

pub(super) fn text(chars: u32) -> FieldType {
    FieldType::Text(chars)
}

fn words(words: &[&str]) -> FieldType {
    FieldType::Enum(words.iter().map(|word| Str::from(*word)).collect())
}

fn texts(chars: u32, max: u32) -> FieldType {
    FieldType::List(Box::new(text(chars)), max)
}

/// Who holds some roles, and for which party: of two roles, each for as many as a variable names.
fn holders() -> FieldType {
    texts(190, 64)
}

/// Subjects of a case, as its record and its beginning name them.
pub(super) fn subjects() -> FieldType {
    texts(ABOUT_CHARS, u32::try_from(SUBJECTS_MAX).unwrap_or(u32::MAX))
}

/// Longest name of a record: package, register and key; also of a message about one.
pub(super) const ABOUT_CHARS: u32 = 212;

fn to(register: &str) -> FieldType {
    FieldType::Ref(register.into())
}

fn process() -> Register {
    let mut register = register(
        PROCESS,
        title("流程", "Processes"),
        "id",
        vec![
            ("id", field(text(200), "标识", "Name: `package.process`")),
            ("package", field(text(40), "应用包", "Package")),
            ("package_version", field(FieldType::Int, "应用包版本", "Version of the package")),
            ("process", field(text(128), "流程标识", "Id of the process")),
            ("name", field(text(200), "名称", "Name")),
            ("model", field(to(MODEL), "流程文件", "The file that holds it")),
            ("offered", field(FieldType::Bool, "可立案", "Whether cases may be begun by it")),
            (
                BEGUN_BY,
                optional(
                    text(ABOUT_CHARS),
                    "立案消息",
                    "Message that begins a case: `package/register/message`",
                ),
            ),
        ],
    );
    for (name, field) in [("by_package", "package"), (BY_BEGUN_BY, BEGUN_BY)] {
        let fields = vec![field.into()];
        let index = Index { name: name.into(), fields, unique: false, for_lists: false };
        register.indexes.insert(name.into(), index);
    }
    register
}

/// What begins a case of a process by itself.
pub(super) const BEGUN_BY: &str = "begun_by";
/// The index of processes by it.
pub(super) const BY_BEGUN_BY: &str = "by_begun_by";

fn model() -> Register {
    let bytes = u32::try_from(MODEL_BYTES_MAX).unwrap_or(u32::MAX);
    let table =
        [("name", field(text(100), "文件", "File")), ("text", field(text(bytes), "内容", "Text"))];
    let table = FieldType::Map(table.map(|(name, field)| (name.into(), field)).into());
    let tables = FieldType::List(Box::new(table), 32);
    register(
        MODEL,
        title("流程文件", "Files with processes"),
        "digest",
        vec![
            ("digest", field(FieldType::Digest, "摘要", "Digest of what it holds")),
            ("text", field(text(bytes), "BPMN", "BPMN, without diagram, comments and blanks")),
            ("decisions", field(tables, "决策表", "Decision tables that it uses, likewise")),
        ],
    )
}

fn case() -> Register {
    let status = words(&["running", "suspended", "completed", "failed", "withdrawn", "terminated"]);
    let doers = FieldType::MapOf(128, Box::new(texts(64, 32)), 200);
    let mut register = register(
        CASE,
        title("办件", "Cases"),
        "",
        vec![
            ("package", field(text(40), "应用包", "Package")),
            ("process", field(text(128), "流程", "Process")),
            ("name", field(text(200), "流程名称", "Name of the process")),
            ("model", field(to(MODEL), "流程文件", "The file by which it runs to its end")),
            ("status", field(status, "状态", "Status")),
            ("number", optional(text(60), "办件编号", "Number that people know it by")),
            ("title", optional(text(200), "事由", "What it is about, without personal data")),
            ("applicant", field(text(128), "申请方", "Party that began it: a subject or a member")),
            ("holder", field(text(40), "承办单位", "Member through which it was begun")),
            (
                "keepers",
                field(holders(), "主管者", "Who suspends and ends it: `role` or `role@party`"),
            ),
            ("subjects", field(subjects(), "涉及的记录", "Records it is about")),
            ("opened", field(FieldType::Time, "立案时间", "Begun at")),
            ("ended", optional(FieldType::Time, "办结时间", "Ended at")),
            ("reason", optional(text(500), "事由说明", "Why it was suspended, withdrawn, ended")),
            ("error", optional(text(128), "错误", "Error that nothing caught")),
            ("since", optional(FieldType::Date, "时限起算", "Deadline counts from")),
            ("days", optional(FieldType::Int, "时限（工作日）", "Working days left then")),
            ("stopped", optional(FieldType::Time, "停止计时", "Clock stopped since")),
            ("returned", field(FieldType::Int, "待补正任务", "Tasks that wait for corrections")),
            ("overdue", field(FieldType::Bool, "逾期", "Overdue")),
            ("doers", field(doers, "经办记录", "Who did the tasks that others check")),
            (
                SEALED,
                optional(sealed(), "加密变量", "Encrypted variables: whose vault has which group"),
            ),
            ("state", field(state(), "流程状态", "Where the process stands, CBOR")),
        ],
    );
    lists(
        &mut register,
        &[
            ("by_status", &["status", "package", "process"]),
            ("by_process", &["package", "process"]),
            ("by_applicant", &["applicant"]),
            ("by_holder", &["holder", "status"]),
            ("by_number", &["number"]),
            ("by_overdue", &["overdue", "package"]),
            ("by_ended", &["ended"]),
        ],
    );
    register.computed.extend(due());
    register.timers.extend(timer("overdue", OVERDUE, actions::CASE_OVERDUE, "case"));
    register
}

/// Of each variable that holds an encrypted group: the group, its commitment, and the member whose
/// operator set it.
fn sealed() -> FieldType {
    let note = [
        ("group", field(text(40), "字段组", "Field group")),
        ("commitment", field(FieldType::Digest, "承诺值", "Commitment")),
        ("member", field(text(40), "封存单位", "Member whose vault has it")),
    ];
    let note = FieldType::Map(note.map(|(name, field)| (name.into(), field)).into());
    FieldType::MapOf(128, Box::new(note), 64)
}

fn state() -> FieldType {
    FieldType::Bytes(u32::try_from(STATE_BYTES_MAX).unwrap_or(u32::MAX))
}

fn task() -> Register {
    let status = words(&["open", "claimed", "returned", "done", "failed", "cancelled"]);
    let mut register = register(
        TASK,
        title("任务", "Tasks"),
        "id",
        vec![
            ("id", field(text(64), "标识", "Name: case and number of the work")),
            ("case", field(to(CASE), "办件", "Case")),
            ("package", field(text(40), "应用包", "Package")),
            ("process", field(text(128), "流程", "Process")),
            ("node", field(text(128), "环节", "Its place in the process")),
            ("name", field(text(200), "名称", "Name")),
            ("may", optional(holders(), "可办理者", "Who may do it: `role` or `role@party`")),
            (LISTS, optional(texts(190, 66), "所在清单", "Lists it is in: `role`, `role@party`")),
            ("status", field(status, "状态", "Status")),
            ("operator", optional(text(64), "承办人", "Operator who has it, or did it")),
            ("member", optional(text(40), "承办单位", "That operator's member")),
            ("delegate", optional(text(64), "受托人", "Operator who does it for that one")),
            ("opened", field(FieldType::Time, "开始时间", "Open since")),
            ("ended", optional(FieldType::Time, "结束时间", "Ended at")),
            ("by", optional(text(64), "办结人", "Operator who ended it")),
            ("since", optional(FieldType::Date, "时限起算", "Deadline counts from")),
            ("days", optional(FieldType::Int, "时限（工作日）", "Working days left then")),
            ("stopped", optional(FieldType::Time, "停止计时", "Clock stopped since")),
            ("reason", optional(text(500), "补正内容", "What is to be corrected")),
            ("overdue", field(FieldType::Bool, "逾期", "Overdue")),
            ("attached", field(texts(60, 64), "已附材料", "Kinds of evidence attached")),
        ],
    );
    lists(
        &mut register,
        &[
            ("by_case", &["case"]),
            ("by_lists", &[LISTS]),
            ("by_operator", &["operator", "status"]),
            ("by_member", &["member", "status"]),
            ("by_overdue", &["overdue"]),
            ("by_process", &["package", "process", "node"]),
            ("by_ended", &["ended"]),
        ],
    );
    register.computed.extend(due());
    register.timers.extend(timer("remind", REMIND, actions::REMIND, "task"));
    register.timers.extend(timer("overdue", OVERDUE, actions::OVERDUE, "task"));
    register
}

fn wait() -> Register {
    let mut register = register(
        WAIT,
        title("等待事件", "Awaited events"),
        "id",
        vec![
            ("id", field(text(64), "标识", "Name: case and number of the work")),
            ("case", field(to(CASE), "办件", "Case")),
            ("node", field(text(128), "环节", "Its place in the process")),
            ("name", field(text(200), "名称", "Name")),
            ("message", optional(text(128), "消息", "Message that is awaited")),
            ("may", optional(holders(), "可送达者", "Who may send it: `role` or `role@party`")),
            ("at", optional(FieldType::Time, "时间", "Time at which it goes off")),
            ("fixed", optional(FieldType::Bool, "固定时间", "Whether that time never moves")),
            ("left", optional(FieldType::Int, "剩余次数", "How often it still goes off")),
            ("since", optional(FieldType::Date, "起算", "Working days count from")),
            ("days", optional(FieldType::Int, "工作日", "Working days left then")),
            ("stopped", optional(FieldType::Time, "停止计时", "Clock stopped since")),
            ("opened", field(FieldType::Time, "开始时间", "Awaited since")),
        ],
    );
    lists(&mut register, &[("by_case", &["case"]), ("by_message", &["message"])]);
    register.timers.extend(timer("fire", FIRE, actions::FIRE, "wait"));
    register
}

fn subject() -> Register {
    let mut register = register(
        SUBJECT,
        title("办件涉及的记录", "What cases are about"),
        "id",
        vec![
            ("id", field(text(64), "标识", "Name: case and place")),
            ("case", field(to(CASE), "办件", "Case")),
            ("about", field(text(ABOUT_CHARS), "记录", "Record: `package/register/key`")),
        ],
    );
    let by_about = Index {
        name: BY_ABOUT.into(),
        fields: vec!["about".into()],
        unique: false,
        for_lists: false,
    };
    register.indexes.insert(BY_ABOUT.into(), by_about);
    register
}

/// Under what a task is listed: for each who may do it `role` and, for a party, `role@party`.
pub(super) const LISTS: &str = "lists";

/// The one index of open cases that the ledger itself reads by.
pub(super) const BY_ABOUT: &str = "by_about";

fn request() -> Register {
    let status = words(&["asked", "given"]);
    let mut register = register(
        REQUEST,
        title("征求的授意", "Mandates asked for"),
        "id",
        vec![
            ("id", field(text(64), "标识", "Name: digest of what it asks for")),
            ("case", field(to(CASE), "办件", "Case")),
            ("party", field(text(128), "当事人", "Party: a subject or a member")),
            ("package", field(text(40), "应用包", "Package of the act")),
            ("action", field(text(60), "业务动作", "Action")),
            ("purpose", field(text(60), "用途", "Purpose")),
            ("digest", field(FieldType::Digest, "参数摘要", "Digest of the arguments")),
            ("status", field(status, "状态", "Status")),
            ("mandate", optional(text(40), "授意", "The mandate that was given")),
        ],
    );
    lists(&mut register, &[("by_case", &["case", "status"]), ("by_party", &["party", "status"])]);
    register
}

fn hearing() -> Register {
    let mut register = register(
        HEARING,
        title("待听取的登记变化", "Changes that cases are to hear of"),
        "",
        vec![
            ("about", field(text(ABOUT_CHARS), "记录", "Record: `package/register/key`")),
            ("message", field(text(128), "消息", "Message")),
            ("after", field(text(64), "已听取至", "Subject up to which cases have heard")),
            ("at", field(FieldType::Time, "时间", "When the next hear")),
        ],
    );
    register.timers.extend(timer("go-on", "this.at", actions::HEAR_ON, HEARING));
    register
}

fn comment() -> Register {
    let mut register = register(
        COMMENT,
        title("办件意见", "Comments"),
        "",
        vec![
            ("case", field(to(CASE), "办件", "Case")),
            ("task", optional(to(TASK), "任务", "Task")),
            ("text", field(text(2_000), "意见", "Comment, without personal data")),
            ("member", field(text(40), "单位", "Member")),
            ("operator", field(text(64), "经办人", "Operator")),
        ],
    );
    lists(&mut register, &[("by_case", &["case"])]);
    register
}

fn attachment() -> Register {
    let mut register = register(
        ATTACHMENT,
        title("办件材料", "Attachments"),
        "",
        vec![
            ("case", field(to(CASE), "办件", "Case")),
            ("task", optional(to(TASK), "任务", "Task")),
            ("kind", field(text(60), "种类", "Kind of evidence")),
            ("digest", field(FieldType::Digest, "摘要", "Digest of its content")),
            ("media", field(text(100), "媒体类型", "Media type")),
            ("name", optional(text(200), "名称", "Name, without personal data")),
            ("member", field(text(40), "单位", "Member")),
            ("operator", field(text(64), "经办人", "Operator")),
        ],
    );
    lists(&mut register, &[("by_case", &["case"])]);
    register
}

/// The day by which it is due. Provisional beyond the last table: it follows the calendar.
fn due() -> Option<Computed> {
    let rule =
        "this.since != null && this.days != null ? add_workdays(this.since, this.days) : null";
    let rule = Program::compile(rule, &names()).ok()?;
    let title = title("到期日", "Due by the end of");
    Some(Computed {
        name: "due".into(),
        field: Field { kind: FieldType::Date, optional: true, title },
        rule,
    })
}

/// When the day by which it is due has passed, unless its clock stands still.
const OVERDUE: &str = "this.since != null && this.days != null && this.stopped == null \
    ? start_of(add_days(add_workdays(this.since, this.days), 1)) : null";
/// Nine in the morning of the day by which it is due, if there was more than one.
const REMIND: &str = "this.since != null && this.days != null && this.stopped == null \
    && this.days > 1 ? add_hours(start_of(add_workdays(this.since, this.days)), 9) : null";
/// When an awaited time comes.
const FIRE: &str = "this.stopped != null ? null : this.at != null ? this.at : \
    this.since != null && this.days != null \
    ? start_of(add_days(add_workdays(this.since, this.days), 1)) : null";

/// What the rules of timers see of a record, of whichever register.
fn names() -> Names {
    let this = Type::record([
        ("_key", Type::String),
        ("since", Type::Date.optional()),
        ("days", Type::Int.optional()),
        ("stopped", Type::Time.optional()),
        ("at", Type::Time.optional()),
    ]);
    Names::from([(THIS.to_owned(), this)])
}

fn timer(name: &str, at: &str, action: &str, input: &str) -> Option<(Str, Timer)> {
    let at = Program::compile(at, &names()).ok()?;
    let key = Program::compile("this._key", &names()).ok()?;
    let input = BTreeMap::from([(input.into(), key)]);
    Some((name.into(), Timer { at, action: action.into(), input }))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    /// What cannot be compiled is left out: here it shows.
    #[test]
    fn every_rule_of_the_registers_compiles() {
        let package = package();
        let timers = |name: &str| package.registers[name].timers.len();
        assert_eq!((timers(CASE), timers(TASK), timers(WAIT)), (1, 2, 1));
        for name in [CASE, TASK] {
            assert_eq!(package.registers[name].computed.len(), 1, "{name}");
        }
        for register in package.registers.values() {
            for timer in register.timers.values() {
                assert!(package.actions.contains_key(&timer.action), "{}", timer.action);
            }
        }
    }
}
