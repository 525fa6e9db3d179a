//! Why something was refused: a stable code, and texts in both languages.

use crate::{BATCH_MAX, CLASS_MAX, MEMBERS_MAX, NAME_CHARS_MAX, STEWARDS_MAX};

/// Why something was refused. No variant holds an identity number, an id or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectorError {
    /// The bytes or the text are not what they should be.
    #[error("not {0}, or damaged")]
    Malformed(&'static str),
    /// The name of a sector or list.
    #[error(
        "a name has 1 to {NAME_CHARS_MAX} characters, a-z, 0-9 and inner hyphens, a letter first"
    )]
    Name,
    /// An epoch of 0.
    #[error("key epochs are counted from 1")]
    Epoch,
    /// No person, or too many.
    #[error("a message holds 1 to {BATCH_MAX} persons")]
    Batch,
    /// Key and message are of different ledgers, sectors, lists or epochs.
    #[error("the key is of another ledger, sector, list or epoch")]
    ScopeDiffers,
    /// A key of a list where one of a sector is needed, or the other way.
    #[error("a list's key and a sector's do not stand for each other")]
    PurposeDiffers,
    /// No steward, too many, or the same one twice.
    #[error("a chain has 1 to {STEWARDS_MAX} stewards, each with a key of its own")]
    Chain,
    /// Not evaluated by as many stewards as the chain has.
    #[error("evaluated by {found} stewards where the chain has {wanted}")]
    Steps {
        /// How many evaluated.
        found: usize,
        /// How many should.
        wanted: usize,
    },
    /// A proof does not hold: another key was used, or the evaluation was altered.
    #[error("a proof does not hold: another key, or altered")]
    Proof,
    /// The evaluation answers another question.
    #[error("the answer is to another question")]
    QuestionDiffers,
    /// The persons are not those that were blinded, or in another order.
    #[error("not the persons of the question, or not in its order")]
    PersonsDiffer,
    /// There is no key of the epoch.
    #[error("there is no key of epoch {0}")]
    EpochUnknown(u32),
    /// The member's evaluations of the period are used up.
    #[error("{used} of {quota} evaluations are used in this period, {asked} more were asked for")]
    QuotaExceeded {
        /// Evaluations used.
        used: u32,
        /// Evaluations allowed.
        quota: u32,
        /// Evaluations asked for.
        asked: u32,
    },
    /// A quota that allows nothing, or has no period.
    #[error("a quota allows something in a period")]
    Quota,
    /// A member's id is empty or too long.
    #[error("not a member's id")]
    Member,
    /// Too many members asked in one period.
    #[error("more than {MEMBERS_MAX} members asked in one period")]
    MembersTooMany,
    /// The list is too long.
    #[error("a list has at most {CLASS_MAX} persons")]
    ListTooLong,
}

impl SectorError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "sector-malformed",
            Self::Name => "sector-name",
            Self::Epoch => "sector-epoch",
            Self::Batch => "sector-batch",
            Self::ScopeDiffers => "sector-scope-differs",
            Self::PurposeDiffers => "sector-purpose-differs",
            Self::Chain => "sector-chain",
            Self::Steps { .. } => "sector-steps",
            Self::Proof => "sector-proof",
            Self::QuestionDiffers => "sector-question-differs",
            Self::PersonsDiffer => "sector-persons-differ",
            Self::EpochUnknown(_) => "sector-epoch-unknown",
            Self::QuotaExceeded { .. } => "sector-quota-exceeded",
            Self::Quota => "sector-quota",
            Self::Member => "sector-member",
            Self::MembersTooMany => "sector-members-too-many",
            Self::ListTooLong => "sector-list-too-long",
        }
    }

    /// The text for a person, Chinese; `Display` gives the English one.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Malformed(_) => "内容格式不符或已损坏".to_owned(),
            Self::Name => format!(
                "名称须为1至{NAME_CHARS_MAX}个字符：小写字母、数字和中间的连字符，以字母开头"
            ),
            Self::Epoch => "密钥届从1起计".to_owned(),
            Self::Batch => format!("一份文件含1至{BATCH_MAX}人"),
            Self::ScopeDiffers => "密钥属于另一账本、领域、名单或密钥届".to_owned(),
            Self::PurposeDiffers => "名单的密钥与领域的密钥不能互相代替".to_owned(),
            Self::Chain => format!("管理单位须为1至{STEWARDS_MAX}个，各有自己的密钥"),
            Self::Steps { found, wanted } => {
                format!("应由{wanted}个管理单位计算，实有{found}个")
            }
            Self::Proof => "证明不成立：所用密钥不符，或内容被改动".to_owned(),
            Self::QuestionDiffers => "答复所答的是另一询问".to_owned(),
            Self::PersonsDiffer => "人员与询问时不同，或次序不同".to_owned(),
            Self::EpochUnknown(epoch) => format!("没有第{epoch}届的密钥"),
            Self::QuotaExceeded { used, quota, asked } => {
                format!("本期限额{quota}次，已用{used}次，又请求{asked}次")
            }
            Self::Quota => "限额的次数和期间须大于零".to_owned(),
            Self::Member => "成员编号有误".to_owned(),
            Self::MembersTooMany => format!("一期内询问的成员超过{MEMBERS_MAX}个"),
            Self::ListTooLong => format!("名单最多{CLASS_MAX}人"),
        }
    }
}
