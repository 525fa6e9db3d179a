//! The catalogue of identifier findings: stable codes, each with a text in both languages.

/// Declares the catalogue: variant, code, Chinese text, English text.
macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $zh:literal, $en:literal;)*) => {
        /// What can be found in an identifier. The code never changes its meaning; texts may
        /// improve.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum IdCode { $($(#[$doc])* $variant,)* }

        impl IdCode {
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
    // Any kind.
    /// No text, or only spaces.
    Empty = "empty", "内容为空", "the text is empty";
    /// Longer than any identifier.
    TooLong = "too-long", "内容过长", "the text is too long";
    /// The bytes are not UTF-8 text.
    NotUtf8 = "not-utf8", "不是UTF-8文本", "the bytes are not UTF-8 text";
    /// Not the number of characters that the kind has.
    Length = "length", "位数错误", "the number of characters is wrong";
    /// A character that the kind does not have at that place.
    Character = "character", "含有不允许的字符", "a character is not allowed here";
    /// The check character does not fit the others.
    CheckDigit = "check-digit", "校验码错误", "the check digit is wrong";
    /// Not a date of the calendar.
    Date = "date", "日期不存在", "the date does not exist";
    /// A date after today.
    FutureDate = "future-date", "日期在今天之后", "the date is in the future";
    /// The sequence number is missing, zero or too short.
    Sequence = "sequence", "顺序号错误", "the sequence number is wrong";
    /// Not the parts, in the order, that the kind has.
    Form = "form", "格式错误", "the form is wrong";
    /// Not a year of four digits.
    Year = "year", "年份应为四位数字", "the year is not four digits";

    // Places.
    /// Not the one-character name of a province.
    Province = "province", "不是省级行政区简称", "not the short name of a province";
    /// No place name, or one that is not 1 to 20 Chinese characters.
    Place = "place", "市县名缺失或错误", "the place name is missing or wrong";
    /// Not a province's two digits (or 00 for the state).
    Region = "region", "地区代码错误", "the region digits name no province";
    /// Not a county of the division table.
    UnknownCounty = "unknown-county", "县级行政区划代码不存在", "no such county in the division table";
    /// Not a code of the division table.
    UnknownDivision = "unknown-division", "行政区划代码不存在", "no such code in the division table";
    /// Warning: the division table does not know the region.
    UnknownRegion = "unknown-region", "地区代码不在行政区划表中", "the region is not in the division table";
    /// Warning: the region's code is no longer in force.
    AbolishedRegion = "abolished-region", "行政区划代码已撤销", "the region's code is no longer in force";

    // Social credit code.
    /// Warning: the organisation part's own check digit (GB 11714) does not fit.
    InnerCheckDigit = "inner-check-digit", "主体标识码的校验码不符", "the inner check digit is wrong";
    /// Warning: no such pair of registering department and class.
    UnknownClass = "unknown-class", "登记管理部门与机构类别代码不常见", "the department and class are not known";
    /// Warning: the check digit is wrong, but the code is on the exception list.
    ListedException = "listed-exception", "校验码不符，但在例外清单中", "the check digit is wrong, but the code is a listed exception";

    // Real-estate unit number.
    /// Not a first or second parcel feature letter, or not a pair that exists.
    ParcelLetter = "parcel-letter", "宗地特征码错误", "the parcel feature letters are wrong";
    /// Not a fixture feature letter.
    FixtureLetter = "fixture-letter", "定着物特征码错误", "the fixture letter is wrong";
    /// W (no fixture) needs eight zeros.
    FixtureZeros = "fixture-zeros", "无定着物时单元号应为八个零", "without a fixture the unit digits are eight zeros";
    /// A building or unit numbered 0000.
    FixtureNumber = "fixture-number", "幢号和户号不得为0000", "the building and the unit must not be 0000";

    // Certificate number.
    /// A certificate of the time before unified registration.
    LegacyKind = "legacy-kind", "旧式权证，请作为原证号登记", "a legacy certificate, keep it as a legacy number";
    /// Neither a right nor a proof certificate.
    CertificateKind = "certificate-kind", "既非不动产权证书也非不动产登记证明", "neither a certificate of title nor a proof of registration";
    /// Warning: a year after this one.
    FutureYear = "future-year", "年份在今年之后", "the year is in the future";

    // Electronic licence identifier.
    /// Not below the root 1.2.156.3005.2.
    Root = "root", "电子证照标识根代码错误", "the root is wrong";
    /// The type code is not a social credit code and three digits.
    TypeCode = "type-code", "证照类型代码错误", "the type code is wrong";
    /// The issuer is not a social credit code.
    Issuer = "issuer", "颁发机构代码错误", "the issuer is not a social credit code";
    /// The serial number is not 1 to 32 digits or letters.
    Serial = "serial", "流水号错误", "the serial number is wrong";
    /// The version is not 001 to 999.
    Version = "version", "版本号错误", "the version is not 001 to 999";

    // Service item code.
    /// Not a level from 1 (state) to 6 (village).
    Level = "level", "行使层级错误", "the level is not 1 to 6";
    /// Warning: no such type of service item.
    UnknownItemType = "unknown-item-type", "事项类型不常见", "the item type is not known";
    /// The main item of a sub-item is not in the catalogue.
    MainItemAbsent = "main-item-absent", "主项不存在", "the sub-item's main item is absent";

    // Court case number.
    /// Not a court's short code.
    Court = "court", "法院代字错误", "the court code is wrong";
    /// Warning: not one of the common types of cases.
    UnknownCaseType = "unknown-case-type", "案件类型代字不常见", "the type of case is not known";

    // Bank number.
    /// Warning: the kind's check rule is not published, so only the form was checked.
    FormOnly = "form-only", "仅检查了格式", "only the form was checked";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_both_languages_are_there() {
        let codes: BTreeSet<_> = IdCode::ALL.iter().map(|c| c.code()).collect();
        assert_eq!(codes.len(), IdCode::ALL.len());
        for code in IdCode::ALL {
            assert!(!code.zh().is_ascii() && code.en().is_ascii(), "{code:?}");
        }
    }
}
