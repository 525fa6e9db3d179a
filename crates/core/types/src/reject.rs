//! The catalogue of reject codes: stable names for every way an input can be refused, each with
//! a text in both languages. A package adds codes of its own for its guards.

/// Declares the catalogue: variant, code, Chinese text, English text.
macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $zh:literal, $en:literal;)*) => {
        /// A kernel reject code. The code never changes its meaning; texts may improve.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reject { $($(#[$doc])* $variant,)* }

        impl Reject {
            /// Every code, in catalogue order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The text for a person, Chinese.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// The text for a person, English.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }
        }
    };
}

catalogue! {
    // Admission: the bytes and the signature.
    /// Larger than the limit.
    TooLarge = "too-large", "交易超过大小上限", "the transaction is larger than the limit";
    /// Not canonical CBOR of the format.
    Malformed = "malformed", "交易格式错误", "the transaction is malformed";
    /// Nested beyond the depth limit.
    TooDeep = "too-deep", "交易嵌套过深", "the transaction is nested too deeply";
    /// No calls, or more than the limit.
    CallCount = "call-count", "交易的调用项数量不合规定", "the number of calls is out of range";
    /// For another ledger.
    WrongLedger = "wrong-ledger", "交易属于另一账本", "the transaction is for another ledger";
    /// For a protocol not in force.
    WrongProtocol = "wrong-protocol", "协议版本未生效", "the protocol version is not in force";
    /// Past its expiry.
    Expired = "expired", "交易已过期", "the transaction has expired";
    /// Expires later than the window allows.
    ExpiryTooFar = "expiry-too-far", "交易有效期过长", "the expiry is too far ahead";
    /// Seen before within the window.
    Duplicate = "duplicate", "交易重复", "the transaction is a duplicate";
    /// The signature does not verify.
    BadSignature = "bad-signature", "签名无效", "the signature is not valid";
    /// No operator has this key, or the operator is not active.
    UnknownOperator = "unknown-operator", "经办人不存在或已停用", "no active operator has this key";
    /// The pool or the member's quota is full; try again later.
    Busy = "busy", "系统繁忙，请稍后重试", "busy, try again later";
    /// The intent key was used before by this member.
    IntentUsed = "intent-used", "业务唯一号已使用", "the intent key was used before";

    // Calls: names, input, authority.
    /// No such package in force.
    UnknownPackage = "unknown-package", "应用包不存在或未生效", "no such package is in force";
    /// No such action in the package.
    UnknownAction = "unknown-action", "业务动作不存在", "the package has no such action";
    /// No such register in the package.
    UnknownRegister = "unknown-register", "登记簿不存在", "the package has no such register";
    /// The input does not fit the action's declaration.
    InvalidInput = "invalid-input", "输入不符合规定", "the input does not fit the action";
    /// The operator has none of the roles that the action demands.
    NotAuthorised = "not-authorised", "经办人无权办理此业务", "the operator lacks the role for this action";
    /// A mandate that the action demands is not named.
    MandateMissing = "mandate-missing", "缺少当事人授意", "a mandate that the action demands is missing";
    /// A named mandate is not usable: unknown, consumed, revoked, expired, or for other arguments.
    MandateInvalid = "mandate-invalid", "当事人授意无效", "a named mandate cannot be used";

    // Execution: records and rules.
    /// A declared read found no record.
    NotFound = "not-found", "记录不存在", "no such record";
    /// A declared read of one record found several.
    NotUnique = "not-unique", "记录不唯一", "several records where one was expected";
    /// A record with this key exists.
    Exists = "exists", "记录已存在", "a record with this key exists";
    /// A unique combination of fields is taken.
    UniqueTaken = "unique-taken", "唯一性约束冲突", "another record has these unique values";
    /// The record is closed.
    RecordClosed = "record-closed", "记录已注销", "the record is closed";
    /// A field's value does not fit its type.
    InvalidField = "invalid-field", "字段值不符合规定", "a field's value does not fit its type";
    /// A correction must name the current version that it corrects.
    CorrectionMismatch = "correction-mismatch", "更正须指明被更正的现势版本", "a correction must name the current version it corrects";
    /// More records than a declared bound.
    TooManyRecords = "too-many-records", "记录数超过声明上限", "more records than the declared bound";
    /// A live record refers to the one that would be closed.
    Referenced = "referenced", "尚有现势记录引用该记录", "a live record refers to this one";
    /// Only the source system's connector writes a register that mirrors it.
    RegisterMirrored = "register-mirrored", "该登记簿以来源系统为准，只接受其接口的登记", "the register mirrors its source system and takes only what that reports";
    /// An action's calls of other actions lie too deep.
    CallDepth = "call-depth", "业务动作相互调用过深", "actions call each other too deeply";
    /// A body beyond the size limit.
    BodyTooLarge = "body-too-large", "记录超过大小上限", "the record is larger than the limit";
    /// An arithmetic overflow in a rule.
    Overflow = "overflow", "数值溢出", "a number overflowed";
    /// A division by zero in a rule.
    DivisionByZero = "division-by-zero", "除数为零", "division by zero";
    /// A rule met a value it cannot use (missing field, wrong kind, index out of range).
    RuleError = "rule-error", "规则计算出错", "a rule could not be evaluated";
    /// The call's fuel is used up.
    OutOfFuel = "out-of-fuel", "计算量超过上限", "the call used up its fuel";

    // Cases.
    /// The package has no such process in force.
    UnknownProcess = "unknown-process", "流程不存在或未生效", "no such process is in force";
    /// The case is suspended or has ended, or is not suspended where it would have to be.
    CaseState = "case-state", "办件当前状态不允许此操作", "the case is not in a state for this";
    /// Somebody has done the task.
    TaskDone = "task-done", "任务已由他人办结", "somebody has done the task";
    /// The process has taken the task back.
    TaskCancelled = "task-cancelled", "任务已取消", "the task is no longer open";
    /// Another has claimed the task, or nobody has.
    TaskClaimed = "task-claimed", "任务由他人承办", "the task is another's";
    /// The caller holds the role, but for another party than the one whose it is.
    OtherParty = "other-party", "该事项属于其他当事方", "it is another party's";
    /// Whose a task or message would be, no variable of the case says.
    PartyMissing = "party-missing", "未指明由哪一方办理", "nobody is named whose it would be";
    /// Who did a task that this one checks may not do this one.
    FourEyes = "four-eyes", "复核人与经办人不得为同一人", "whoever did the task that this one checks may not do this one";
    /// Evidence that the task demands is not attached.
    EvidenceMissing = "evidence-missing", "缺少须附的材料", "evidence that the task demands is not attached";
    /// The transaction's calls are not those that completing the task carries.
    StepActions = "step-actions", "交易所含业务与任务不符", "the calls are not those that the task carries";
    /// The task's calls made none, or several, of the records that the case keeps one of.
    StepRecord = "step-record", "任务的业务应恰好产生一条所留记录", "the task's calls make exactly one of the records that the case keeps";
    /// The process cannot take the step.
    StepRefused = "step-refused", "流程无法推进", "the process cannot take this step";

    // Governance.
    /// The change does not keep the constitution's conditions.
    GovernanceInvalid = "governance-invalid", "治理变更不符合规定", "the governance change is not allowed";
    /// The package document does not compile within its bounds.
    PackageInvalid = "package-invalid", "应用包无法编译", "the package does not compile";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_both_languages_are_there() {
        let codes: BTreeSet<_> = Reject::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reject::ALL.len());
        for reject in Reject::ALL {
            assert!(!reject.zh().is_ascii() && reject.en().is_ascii(), "{reject:?}");
        }
    }
}
