//! Why the agent refuses an access.

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
    /// The one-time key is no X25519 key.
    KeyInvalid,
    /// Derived claims are asked for, which no person has worked out.
    ClaimUnknown,
}

impl Refusal {
    /// Stable code, and the reason in Chinese and English.
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
            Self::KeyInvalid => ("key-invalid", "一次性公钥无效", "the one-time key is not valid"),
            Self::ClaimUnknown => {
                ("claim-unknown", "本单位尚不提供派生结论", "this steward works out no claims")
            }
        }
    }
}
