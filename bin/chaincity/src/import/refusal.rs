//! Why a row is set aside: stable codes, each with a text in both languages.

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $zh:literal, $en:literal;)*) => {
        /// Why a row cannot be imported. The code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The text for a person, Chinese.
            pub(crate) const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// The text for a person, English.
            pub(crate) const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }
        }
    };
}

reasons! {
    /// Longer than the limit.
    LineTooLong = "line-too-long", "行超过长度上限", "the line is longer than the limit";
    /// Bytes that the file's encoding does not know.
    Undecodable = "undecodable", "含有该编码无法识别的字节", "bytes that the file's encoding does not know";
    /// A character of the range that the code page leaves to its users.
    PrivateCharacter = "private-character", "含有造字区字符，含义无法确定", "a user-defined character, whose meaning is not known";
    /// More or fewer cells than the header.
    CellCount = "cell-count", "单元格数与表头不符", "more or fewer cells than the header";
    /// Quotes that do not close.
    Quotes = "quotes", "引号不成对", "quotes that do not close";
    /// The join column is empty.
    NoKey = "no-key", "编号为空", "the key is empty";
    /// A row with this key came before.
    KeyTwice = "key-twice", "编号重复", "a row with this key came before";
    /// No row of the main file has this key.
    NoParent = "no-parent", "主表中没有此编号", "the main file has no row with this key";
    /// The row of the main file lies beyond the limit of this run.
    ParentNotRead = "parent-not-read", "所属主表行超出本次导入的行数限制", "the row it belongs to lies beyond this run's limit";
    /// The row of the main file was set aside.
    ParentSetAside = "parent-set-aside", "所属主表行已搁置", "the row it belongs to is set aside";
    /// More children than a list takes.
    TooManyChildren = "too-many-children", "附属行数超过上限", "more rows belong to one row than the list takes";
    /// Nothing where a value is needed.
    Empty = "empty", "必填项为空", "nothing where a value is needed";
    /// Not a date.
    NotDate = "not-a-date", "不是有效日期", "not a date";
    /// Not a whole number.
    NotInteger = "not-an-integer", "不是整数", "not a whole number";
    /// Not an amount of money.
    NotMoney = "not-money", "不是有效金额", "not an amount of money";
    /// Not an area.
    NotArea = "not-an-area", "不是有效面积", "not an area with at most two places";
    /// Not a number of storeys.
    NotStoreys = "not-storeys", "不是有效层数", "not a number of storeys";
    /// A word that the mapping does not list.
    UnknownWord = "unknown-word", "不在取值表中", "a word that the mapping does not list";
    /// A value that the action's input does not take.
    InvalidField = "invalid-field", "不符合业务动作的输入规定", "the action's input does not take the value";
    /// Larger than a transaction.
    TooLarge = "too-large", "超过交易大小上限", "larger than a transaction";
}

/// A reason, and where in the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Name of the column; `None` when it is the row as a whole.
    pub(crate) column: Option<String>,
    /// Why.
    pub(crate) reason: Reason,
    /// What exactly; never the value, which may be personal.
    pub(crate) detail: Option<String>,
}

impl Refusal {
    /// The row as a whole.
    pub(crate) const fn row(reason: Reason) -> Self {
        Self { column: None, reason, detail: None }
    }

    /// One cell.
    pub(crate) fn cell(column: &str, reason: Reason) -> Self {
        Self { column: Some(column.to_owned()), reason, detail: None }
    }

    /// With what exactly.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_both_languages_are_there() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(!reason.zh().is_ascii() && reason.en().is_ascii(), "{reason:?}");
        }
    }
}
