//! What the actions of `case` are called and take; what they do stands in their own files.

use chaincity_package::model::{Action, Field, FieldType, TIMER_ROLE};

use super::schema::{ABOUT_CHARS, subjects, text};
use super::{CASE, HEARING, TASK, WAIT};
use crate::governance::schema::{action, field, optional, title};

pub(super) const START: &str = "start";
pub(super) const CLAIM: &str = "claim";
pub(super) const RELEASE: &str = "release-claim";
pub(super) const HAND_OVER: &str = "hand-over";
pub(super) const DELEGATE: &str = "delegate";
pub(super) const COMPLETE: &str = "complete";
pub(super) const FAIL: &str = "fail";
pub(super) const ESCALATE: &str = "escalate";
pub(super) const RETURN: &str = "return-for-correction";
pub(super) const CORRECT: &str = "correct";
pub(super) const MESSAGE: &str = "message";
pub(super) const HEAR: &str = "hear";
pub(super) const HEAR_ON: &str = "hear-on";
pub(super) const FIRE: &str = "fire";
pub(super) const REMIND: &str = "remind";
pub(super) const OVERDUE: &str = "note-overdue";
pub(super) const CASE_OVERDUE: &str = "note-case-overdue";
pub(super) const SUSPEND: &str = "suspend";
pub(super) const RESUME: &str = "resume";
pub(super) const WITHDRAW: &str = "withdraw";
pub(super) const TERMINATE: &str = "terminate";
pub(super) const ASK: &str = "ask-mandate";
pub(super) const COMMENT: &str = "comment";
pub(super) const ATTACH: &str = "attach";

pub(super) fn all() -> Vec<Action> {
    let mut all = vec![start()];
    all.extend(of_tasks());
    all.extend(of_cases());
    all.extend(of_the_ledger());
    all
}

/// Variables: each as JSON writes it, texts, dates and decimals without quotes.
fn set() -> Field {
    let values = FieldType::MapOf(40, Box::new(text(4_000)), 64);
    optional(values, "变量", "Variables, each as JSON writes it; texts and dates without quotes")
}

fn case() -> Field {
    field(FieldType::Ref(CASE.into()), "办件", "Case")
}

fn task() -> Field {
    field(FieldType::Ref(TASK.into()), "任务", "Task")
}

fn reason() -> Field {
    field(text(500), "事由", "Reason, without personal data")
}

fn start() -> Action {
    action(
        START,
        title("立案", "Begin a case"),
        &[],
        vec![
            ("package", field(text(40), "应用包", "Package")),
            ("process", field(text(128), "流程", "Process")),
            ("set", set()),
            ("subjects", optional(subjects(), "涉及的记录", "Records: `package/register/key`")),
            ("number", optional(text(60), "办件编号", "Number that people know it by")),
            ("title", optional(text(200), "事由", "What it is about, without personal data")),
        ],
    )
}

fn of_tasks() -> Vec<Action> {
    let to = || field(text(64), "经办人", "Operator: public key in hexadecimal");
    let code = |zh, en| field(text(128), zh, en);
    vec![
        action(CLAIM, title("领取任务", "Claim a task"), &[], vec![("task", task())]),
        action(
            RELEASE,
            title("退回任务池", "Put a claimed task back"),
            &[],
            vec![("task", task())],
        ),
        action(
            HAND_OVER,
            title("移交任务", "Hand a task over"),
            &[],
            vec![("task", task()), ("to", to())],
        ),
        action(
            DELEGATE,
            title("委托办理", "Let another do a task"),
            &[],
            vec![("task", task()), ("to", to())],
        ),
        action(
            COMPLETE,
            title("办结任务", "Complete a task"),
            &[],
            vec![("task", task()), ("set", set())],
        ),
        action(
            FAIL,
            title("任务以错误结束", "End a task by an error"),
            &[],
            vec![("task", task()), ("code", code("错误代码", "Error code of the process"))],
        ),
        action(
            ESCALATE,
            title("任务升级", "Escalate a task"),
            &[],
            vec![("task", task()), ("code", code("升级代码", "Escalation code of the process"))],
        ),
        action(
            RETURN,
            title("一次性告知补正", "Ask the applicant for corrections"),
            &[],
            vec![("task", task()), ("reason", reason())],
        ),
        action(
            CORRECT,
            title("补正", "Answer with corrections"),
            &[],
            vec![("task", task()), ("set", set())],
        ),
    ]
}

fn of_cases() -> Vec<Action> {
    let kept = |name, zh, en| {
        action(name, title(zh, en), &[], vec![("case", case()), ("reason", reason())])
    };
    let a_task = || optional(FieldType::Ref(TASK.into()), "任务", "Task");
    vec![
        action(
            MESSAGE,
            title("送达消息", "Deliver a message"),
            &[],
            vec![
                ("case", case()),
                ("message", field(text(128), "消息", "Message")),
                (
                    "wait",
                    optional(
                        FieldType::Ref(WAIT.into()),
                        "等待事件",
                        "What awaits it, where several do",
                    ),
                ),
                ("set", set()),
            ],
        ),
        kept(SUSPEND, "中止", "Suspend a case"),
        kept(RESUME, "恢复办理", "Resume a case"),
        kept(WITHDRAW, "撤回申请", "Withdraw a case"),
        kept(TERMINATE, "终止", "Terminate a case"),
        action(
            ASK,
            title("征求授意", "Ask for a mandate"),
            &[],
            vec![
                ("case", case()),
                ("party", field(text(128), "当事人", "Party: a subject or a member")),
                ("package", field(text(40), "应用包", "Package of the act")),
                ("action", field(text(60), "业务动作", "Action")),
                ("purpose", field(text(60), "用途", "Purpose")),
                ("digest", field(FieldType::Digest, "参数摘要", "Digest of the arguments")),
            ],
        ),
        action(
            COMMENT,
            title("填写意见", "Comment"),
            &[],
            vec![
                ("case", case()),
                ("task", a_task()),
                ("text", field(text(2_000), "意见", "Comment, without personal data")),
            ],
        ),
        action(
            ATTACH,
            title("附材料", "Attach evidence"),
            &[],
            vec![
                ("case", case()),
                ("task", a_task()),
                ("kind", field(text(60), "种类", "Kind of evidence")),
                ("digest", field(FieldType::Digest, "摘要", "Digest of its content")),
                ("media", field(text(100), "媒体类型", "Media type")),
                ("name", optional(text(200), "名称", "Name, without personal data")),
            ],
        ),
    ]
}

/// What nobody calls: timers, and messages that other packages' actions send.
fn of_the_ledger() -> Vec<Action> {
    let wait = field(FieldType::Ref(WAIT.into()), "等待事件", "Awaited event");
    vec![
        action(
            HEAR_ON,
            title("继续听取登记变化", "Let further cases hear"),
            &[TIMER_ROLE],
            vec![(HEARING, field(FieldType::Ref(HEARING.into()), "登记变化", "What they hear of"))],
        ),
        action(FIRE, title("时间到", "A time has come"), &[TIMER_ROLE], vec![("wait", wait)]),
        action(REMIND, title("提醒", "Remind of a task"), &[TIMER_ROLE], vec![("task", task())]),
        action(
            OVERDUE,
            title("任务逾期", "Note that a task is overdue"),
            &[TIMER_ROLE],
            vec![("task", task())],
        ),
        action(
            CASE_OVERDUE,
            title("办件逾期", "Note that a case is overdue"),
            &[TIMER_ROLE],
            vec![("case", case())],
        ),
        action(
            HEAR,
            title("听取登记变化", "Hear what happened to a record"),
            &[],
            vec![
                ("about", field(text(ABOUT_CHARS), "记录", "Record")),
                ("message", field(text(128), "消息", "Message")),
                ("set", set()),
            ],
        ),
    ]
}
