//! The errors of the interface, each with a stable code and a text in both languages.
//!
//! A transaction that is refused carries the kernel's own code ([`chaincity_types::Reject`]) or
//! the code of a package's guard; the codes here are the interface's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Stable code: of the interface, of the kernel's catalogue, or of a package's guard.
    pub code: String,
    /// What a person is told, Chinese.
    pub zh: String,
    /// What a person is told, English.
    pub en: String,
    /// What exactly, for a developer; never a value of a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// After how many seconds the request may be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

/// Declares the catalogue: variant, HTTP status, code, Chinese text, English text.
macro_rules! problems {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $code:literal, $zh:literal, $en:literal;)*) => {
        /// An error of the interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Problem { $($(#[$doc])* $variant,)* }

        impl Problem {
            /// Every error, in catalogue order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

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

problems! {
    /// A path, query or body that cannot be read.
    BadRequest = 400 "bad-request", "请求格式错误", "the request cannot be understood";
    /// A condition or order on something that has none.
    UnknownField = 400 "unknown-field", "该字段不能用于筛选或排序", "the field cannot be filtered or sorted by";
    /// No condition is on the key or on the first field of an index.
    FilterNotIndexed = 400 "filter-not-indexed", "筛选条件须含主键或索引字段", "a condition must be on the key or an indexed field";
    /// An order that needs an index.
    SortNotIndexed = 400 "sort-not-indexed", "该字段须有索引方可排序", "sorting by this field needs an index";
    /// A condition's value or comparison does not fit the field.
    BadCondition = 400 "bad-condition", "筛选条件与字段类型不符", "the condition does not fit the field's type";
    /// A cursor of another selection.
    BadCursor = 400 "bad-cursor", "翻页标记不属于此查询", "the cursor does not belong to this selection";
    /// A path parameter or a query parameter longer than allowed.
    UriTooLong = 414 "uri-too-long", "请求地址过长", "the address or query is too long";
    /// A body larger than allowed.
    BodyTooLarge = 413 "request-too-large", "请求内容过大", "the request body is too large";
    /// A body of another content type.
    MediaType = 415 "media-type", "请求内容类型不受支持", "the content type is not accepted here";
    /// No token, or one that is unknown, expired or withdrawn.
    TokenRequired = 401 "token-required", "需要有效的会话令牌", "a valid session token is required";
    /// The challenge is unknown, expired or used.
    ChallengeInvalid = 401 "challenge-invalid", "签名挑战无效或已过期", "the challenge is not valid or has expired";
    /// The statement's signature, ledger or key does not fit.
    SignatureInvalid = 401 "signature-invalid", "登录签名无效", "the sign-in signature is not valid";
    /// No active operator has this key.
    OperatorInactive = 403 "operator-inactive", "经办人不存在或已停用", "no active operator has this key";
    /// Only for callers on the node's own machine.
    LoopbackOnly = 403 "loopback-only", "仅限本机访问", "only callers on this machine may ask";
    /// No such endpoint.
    NoSuchEndpoint = 404 "no-such-endpoint", "接口不存在", "no such endpoint";
    /// The endpoint has another method.
    MethodNotAllowed = 405 "method-not-allowed", "请求方法不受支持", "the method is not supported here";
    /// No final transaction with this id is known.
    NotFinal = 404 "not-final", "交易尚未终局或不存在", "no final transaction with this id is known yet";
    /// No record with this key, or none at that time.
    NoSuchRecord = 404 "no-such-record", "记录不存在", "no such record";
    /// No block at this height yet, or none held.
    NoSuchBlock = 404 "no-such-block", "区块不存在", "no such block is held";
    /// No such package in force.
    NoSuchPackage = 404 "no-such-package", "应用包不存在或未生效", "no such package is in force";
    /// No such register in the package.
    NoSuchRegister = 404 "no-such-register", "登记簿不存在", "the package has no such register";
    /// No such running number or counter in the package.
    NoSuchSequence = 404 "no-such-sequence", "该编号序列或计数器不存在", "the package has no such sequence or counter";
    /// The caller is none of those whom this read log is for.
    NotYourLog = 403 "not-your-log", "调用日志仅限本人（或经窗口）、提供单位经办人、审计监督人员查看", "a read log is for the subject (or a window), the steward's officers and the auditor";
    /// The node keeps no vault.
    NoVault = 404 "no-vault", "本节点没有保险库", "this node keeps no vault";
    /// No such field group in the package.
    NoSuchGroup = 404 "no-such-group", "字段组不存在", "the package has no such field group";
    /// The register has no field for the group.
    GroupElsewhere = 400 "group-elsewhere", "该登记簿没有此字段组", "the register holds no such group";
    /// The values do not fit the group's fields.
    GroupInvalid = 400 "group-invalid", "字段组的内容不符合要求", "the values do not fit the group's fields";
    /// The caller is not of the node's member, or lacks the role of the group's steward.
    NotSteward = 403 "not-steward", "仅限本单位有该字段组主责角色的经办人", "only officers of the node's member with the role of the group's steward";
    /// Something else was sealed for the same request.
    RequestDiffers = 409 "request-differs", "同一请求号已用于其他内容", "another group was sealed for the same request";
    /// This vault keeps no request of a confidential access under this commitment.
    NoSuchRequest = 404 "no-such-request", "本单位保险库没有此保密调用请求", "this vault keeps no such request of a confidential access";
    /// The caller is neither the steward's clerk nor the auditor.
    RequestNotYours = 403 "request-not-yours", "保密调用请求仅限提供单位经办人和审计监督人员查看", "a request of a confidential access is for the steward's clerks and the auditor";
    /// The access is not released, or its release is not final.
    NotReleased = 404 "not-released", "该调用或检索尚未答复放行", "the access or search is not answered";
    /// The caller is not of the member that asked, or not the officer who searched or asked confidentially.
    NotReader = 403 "not-reader", "仅限提出调用的单位（检索、保密调用为提出人）领取", "only the member that asked, or the officer who searched or asked confidentially, may fetch it";
    /// The envelope was dropped after its time.
    EnvelopeGone = 410 "envelope-gone", "密封数据已超过保存期限", "the envelope was dropped after its time";
    /// The node holds no key of a sector or list.
    NoSectorKeys = 404 "no-sector-keys", "本节点没有领域或名单的密钥", "this node holds no key of a sector or list";
    /// The question does not stand on the ledger as this node knows it.
    QuestionUnrecorded = 404 "question-unrecorded", "该询问尚未记入账本", "the question does not stand on the ledger";
    /// The caller is not of the member that asked.
    NotAsker = 403 "not-asker", "仅限提出询问的单位领取", "only the member that asked may have the evaluation";
    /// Another vault of the member answers.
    VaultElsewhere = 409 "vault-elsewhere", "本单位已改由另一保险库答复", "another vault of the member answers";
    /// This vault answers: it takes no copies.
    NotStandby = 409 "not-standby", "本保险库正在答复，不接收副本", "this vault answers, and takes no copies";
    /// The standby did not keep a copy of what was sealed.
    StandbyAway = 503 "standby-away", "备用保险库未能保存副本，请稍后重试", "the standby did not keep a copy, try again later";
    /// The vault cannot answer now.
    VaultClosed = 503 "vault-closed", "保险库暂不可用", "the vault does not answer now";
    /// This node lacks a part of history.
    HistoryIncomplete = 503 "history-incomplete", "本节点的历史数据尚不完整", "this node does not hold that part of history yet";
    /// No finality certificate is held yet.
    NotCertified = 503 "not-certified", "终局证明尚未取得", "no finality certificate is held yet";
    /// The node is still fetching state.
    NotReady = 503 "not-ready", "节点尚未就绪", "the node is not ready";
    /// The node has too much to do.
    Busy = 503 "busy", "系统繁忙，请稍后重试", "busy, try again later";
    /// The request took too long.
    TimedOut = 504 "timed-out", "请求超时", "the request took too long";
    /// The node's own fault.
    Fault = 500 "fault", "节点内部故障", "the node failed";
}

impl Problem {
    /// The body for this error.
    #[must_use]
    pub fn body(self, detail: Option<String>) -> ProblemBody {
        ProblemBody {
            code: self.code().to_owned(),
            zh: self.zh().to_owned(),
            en: self.en().to_owned(),
            detail,
            retry_after_s: self.retry_after_s(),
        }
    }

    /// When a caller may try again, in seconds; `None` when trying again is of no use.
    #[must_use]
    pub const fn retry_after_s(self) -> Option<u64> {
        match self.status() {
            503 => Some(1),
            504 => Some(5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_both_languages_are_there() {
        let codes: BTreeSet<_> = Problem::ALL.iter().map(|p| p.code()).collect();
        assert_eq!(codes.len(), Problem::ALL.len());
        for problem in Problem::ALL {
            assert!(!problem.zh().is_ascii() && problem.en().is_ascii(), "{problem:?}");
            assert!((400..600).contains(&problem.status()));
        }
    }
}
