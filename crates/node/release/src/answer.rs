//! Why the agent refuses an access.

use crate::said::Unfit;

/// A refusal by the agent itself. What the package refuses has the package's own code and texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such record.
    RecordUnknown,
    /// The record's current version holds none of the groups asked for.
    GroupAbsent,
    /// This vault does not keep the group.
    GroupUnknown,
    /// The group was erased.
    GroupErased,
    /// The ciphertext on the ledger is not what was sealed.
    GroupUnreadable,
    /// The one-time key is no X25519 key.
    KeyInvalid,
    /// The package declares no such claim.
    ClaimUnknown,
    /// A claim's rule gives no value for this group, such as by an overflow.
    ClaimWithoutValue,
    /// A parameter is missing, not of its type or of no claim; or what was sealed is another's.
    ParameterInvalid,
    /// A parameter stands in clear that may not.
    ParameterInClear,
    /// More groups and claims than one envelope holds.
    TooMuch,
    /// Who asks confidentially signed it too, or the countersigner is of the same member.
    SignedByAsker,
    /// What is said of purpose and case does not do.
    Why(Unfit),
    /// There is no such case.
    CaseUnknown,
    /// The case has ended, or is suspended.
    CaseNotRunning,
    /// The officer has, and did, no task of the case.
    NotInCase,
    /// The case is not about the record.
    RecordNotOfCase,
    /// No task of the officer discloses the group.
    GroupNotDisclosed,
    /// The register is not found by this kind of term.
    KindUnknown,
    /// What is searched for is no term, or was not sealed for this search.
    ValueInvalid,
    /// More records than an answer may name.
    TooManyFound,
}

impl Refusal {
    /// Stable code, and the reason in Chinese and English.
    #[allow(clippy::too_many_lines, reason = "a table: the texts of each refusal")]
    pub(crate) const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::RecordUnknown => ("record-unknown", "没有这条记录", "there is no such record"),
            Self::GroupAbsent => {
                ("group-absent", "该记录没有所请求的字段组", "the record has none of these groups")
            }
            Self::GroupUnknown => (
                "group-unknown",
                "本单位保险库不保管该字段组",
                "this vault does not keep the group",
            ),
            Self::GroupErased => ("group-erased", "该字段组已依法销毁", "the group was erased"),
            Self::GroupUnreadable => (
                "group-unreadable",
                "账上的密文不是封存的密文，无法解密",
                "the ciphertext on the ledger is not what was sealed, and does not open",
            ),
            Self::KeyInvalid => ("key-invalid", "一次性公钥无效", "the one-time key is not valid"),
            Self::ClaimUnknown => {
                ("claim-unknown", "应用包没有这项派生结论", "the package has no such claim")
            }
            Self::ClaimWithoutValue => (
                "claim-without-value",
                "该记录得不出这项派生结论",
                "the claim has no value for this record",
            ),
            Self::ParameterInvalid => (
                "parameter-invalid",
                "调用参数缺失、有误或非本次调用所封存",
                "a parameter is missing, does not fit, or was not sealed for this access",
            ),
            Self::ParameterInClear => {
                ("parameter-in-clear", "该参数须加密提交", "this parameter must not stand in clear")
            }
            Self::SignedByAsker => (
                "signed-by-asker",
                "调用人不得记录或会签，会签人不得属于用数单位",
                "who asks does not record or countersign it, nor does his member countersign",
            ),
            Self::Why(unfit) => unfit.texts(),
            Self::CaseUnknown => ("case-unknown", "没有这个办件", "there is no such case"),
            Self::CaseNotRunning => {
                ("case-not-running", "办件已办结或已中止", "the case has ended or is suspended")
            }
            Self::NotInCase => {
                ("not-in-case", "调用人不承办该办件", "who asks has no part in the case")
            }
            Self::RecordNotOfCase => {
                ("record-not-of-case", "该办件不涉及此记录", "the case is not about the record")
            }
            Self::GroupNotDisclosed => (
                "group-not-disclosed",
                "调用人的任务不披露该字段组",
                "no task of who asks discloses the group",
            ),
            Self::KindUnknown => (
                "kind-unknown",
                "该登记簿不能按此类检索词检索",
                "the register is not found by this kind of term",
            ),
            Self::ValueInvalid => (
                "value-invalid",
                "检索内容有误或非本次检索所封存",
                "what is searched for is no term, or was not sealed for this search",
            ),
            Self::TooManyFound => (
                "too-many-found",
                "命中记录过多，须缩小范围",
                "too many records were found; the search must be narrower",
            ),
            Self::TooMuch => (
                "too-much-at-once",
                "一次所请求的字段组和派生结论过多",
                "more groups and claims than one envelope holds",
            ),
        }
    }
}
