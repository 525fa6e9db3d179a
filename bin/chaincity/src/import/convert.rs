//! From the text of a cell to a value. Every conversion is exact or refuses; none guesses.

use chaincity_types::calendar::days_of_date;
use chaincity_types::{Share, Timestamp, Value};
use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use super::refusal::Reason;

/// The year before the first of the calendar of the Republic of China (民國).
const ROC_YEAR_ZERO: i16 = 1911;
/// How far a decimal that went through a binary float may lie from one with two places: a
/// millionth of a square metre, written as digits after the second place.
const FLOAT_NOISE_ZEROS: &str = "0000";

/// A conversion that a mapping names with `as`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convert {
    /// The text, without surrounding blanks.
    Text,
    /// A whole number.
    Integer,
    /// Whole units of money to hundredths.
    Money,
    /// A date, `2015-05-12`, `2015/5/12` or `20150512`.
    Date,
    /// A date of the Republic's calendar: `1040512`, `0840411`, `84年4月11日`.
    RocDate,
    /// Square metres with at most two places.
    Area {
        /// `.29` stands for `0.29`.
        bare_point: bool,
        /// `121.64000000000001` stands for `121.64`: a sum printed by a binary float.
        float_noise: bool,
    },
    /// A time of day in China, `2014-03-05 10:20:30`.
    Time,
    /// A number of storeys in digits or Chinese numerals: `十四層`, `14`, `１４层`.
    Storeys,
}

/// What `as` may say, for messages.
pub(crate) const NAMES: &str = "text, integer, money, date, roc-date, time, area, storeys";

impl Convert {
    /// The conversion of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "integer" => Self::Integer,
            "money" => Self::Money,
            "date" => Self::Date,
            "roc-date" => Self::RocDate,
            "time" => Self::Time,
            "area" => Self::Area { bare_point: false, float_noise: false },
            "storeys" => Self::Storeys,
            _ => return None,
        })
    }

    /// Converts a cell that is not empty.
    ///
    /// # Errors
    /// The reason why the text is not such a value.
    pub(crate) fn value(self, text: &str) -> Result<Value, Reason> {
        match self {
            Self::Text => Ok(Value::from(text)),
            Self::Integer => integer(text).map(Value::Int).ok_or(Reason::NotInteger),
            Self::Money => money(text).map(Value::Int).ok_or(Reason::NotMoney),
            Self::Date => date(text).map(Value::Date).ok_or(Reason::NotDate),
            Self::RocDate => roc_date(text).map(Value::Date).ok_or(Reason::NotDate),
            Self::Time => time(text).map(Value::Time).ok_or(Reason::NotDate),
            Self::Area { bare_point, float_noise } => {
                let mantissa = area(text, bare_point, float_noise).ok_or(Reason::NotArea)?;
                Ok(Value::Decimal { mantissa, scale: 2 })
            }
            Self::Storeys => storeys(text).map(Value::Int).ok_or(Reason::NotStoreys),
        }
    }
}

/// Without surrounding blanks, among them the ideographic one.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace())
}

/// For keys: full-width forms as plain ones, no blanks.
pub(crate) fn folded(text: &str) -> String {
    text.nfkc().filter(|c| !c.is_whitespace()).collect()
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn integer(text: &str) -> Option<i64> {
    let text = folded(text);
    digits(text.strip_prefix('-').unwrap_or(&text)).then(|| text.parse().ok()).flatten()
}

fn money(text: &str) -> Option<i64> {
    let text = folded(text);
    digits(&text).then(|| text.parse::<i64>().ok()).flatten()?.checked_mul(100)
}

fn area(text: &str, bare_point: bool, float_noise: bool) -> Option<i64> {
    let text = folded(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let whole = if text.starts_with('.') && bare_point { "0" } else { whole };
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let (places, rest) = fraction.split_at_checked(2).unwrap_or((fraction, ""));
    let hundredths: i64 = format!("{whole}{places:0<2}").parse().ok()?;
    if rest.bytes().all(|b| b == b'0') {
        return Some(hundredths);
    }
    if !float_noise || rest.len() <= FLOAT_NOISE_ZEROS.len() {
        return None;
    }
    if rest.starts_with(FLOAT_NOISE_ZEROS) {
        return Some(hundredths);
    }
    let nines = rest.bytes().take(FLOAT_NOISE_ZEROS.len()).all(|b| b == b'9');
    nines.then(|| hundredths.checked_add(1)).flatten()
}

fn date(text: &str) -> Option<i32> {
    let text = folded(text);
    if digits(&text) && text.len() == 8 {
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        return day_of(year.parse().ok()?, month, day);
    }
    let mut parts = text.split(['-', '/']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = year.len() == 4 && digits(year) && parts.next().is_none();
    fits.then(|| day_of(year.parse().ok()?, month, day)).flatten()
}

fn time(text: &str) -> Option<Timestamp> {
    let (day, clock) = text.split_once(' ')?;
    chaincity_package::literal::time(&format!("{day}T{clock}+08:00"))
}

fn roc_date(text: &str) -> Option<i32> {
    let text = folded(text);
    let (year, month, day) = if let Some((year, rest)) = text.split_once('年') {
        let (month, day) = rest.split_once('月')?;
        (year, month, day.strip_suffix('日')?)
    } else {
        if !digits(&text) || !(6..=7).contains(&text.len()) {
            return None;
        }
        let (year, rest) = text.split_at_checked(text.len().checked_sub(4)?)?;
        let (month, day) = rest.split_at_checked(2)?;
        (year, month, day)
    };
    if !digits(year) || year.len() > 3 {
        return None;
    }
    let year: i16 = year.parse().ok().filter(|year| *year > 0)?;
    day_of(year.checked_add(ROC_YEAR_ZERO)?, month, day)
}

fn day_of(year: i16, month: &str, day: &str) -> Option<i32> {
    if !digits(month) || !digits(day) || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let date = Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(days_of_date(date))
}

fn storeys(text: &str) -> Option<i64> {
    let text = folded(text);
    let number = text.strip_suffix(['層', '层', '樓', '楼']).unwrap_or(&text);
    if digits(number) {
        return number.parse().ok().filter(|n| (1..=999).contains(n));
    }
    chinese_number(number).filter(|n| *n > 0)
}

/// A Chinese numeral below a thousand: `十`, `十四`, `四十二`, `一百零一`.
fn chinese_number(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut digit: Option<i64> = None;
    let mut unit_before = 1_000_i64;
    let mut zero = false;
    for c in text.chars() {
        let unit = match c {
            '十' => 10,
            '百' => 100,
            '零' | '〇' if digit.is_none() && !zero => {
                zero = true;
                continue;
            }
            _ => {
                let value = "一二三四五六七八九".chars().position(|known| known == c)?;
                if digit.is_some() {
                    return None;
                }
                digit = i64::try_from(value).ok()?.checked_add(1);
                continue;
            }
        };
        let leading_ten = unit == 10 && total == 0;
        let count = digit.take().or(leading_ten.then_some(1))?;
        if unit >= unit_before {
            return None;
        }
        unit_before = unit;
        zero = false;
        total = total.checked_add(count.checked_mul(unit)?)?;
    }
    total.checked_add(digit.unwrap_or(0)).filter(|_| !text.is_empty())
}

/// A synthetic holder with a share, as `list(share)` takes it.
pub(crate) fn share(subject: String, share: Share) -> Value {
    let part = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let entries = [
        ("subject".into(), Value::from(subject)),
        ("n".into(), part(share.numerator())),
        ("d".into(), part(share.denominator())),
    ];
    Value::Map(entries.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area_of(text: &str) -> Option<i64> {
        area(text, true, true)
    }

    fn day(y: i16, m: i8, d: i8) -> Option<i32> {
        Some(days_of_date(Date::new(y, m, d).unwrap()))
    }

    #[test]
    fn dates_of_the_republic_are_read_ragged_ones_too() {
        assert_eq!(roc_date("1040512"), day(2015, 5, 12));
        assert_eq!(roc_date("0840411"), day(1995, 4, 11));
        assert_eq!(roc_date("980506"), day(2009, 5, 6));
        assert_eq!(roc_date("84年4月11日"), day(1995, 4, 11));
        assert_eq!(roc_date("１０４０５１２"), day(2015, 5, 12));
        assert_eq!(roc_date("1050229"), day(2016, 2, 29));
    }

    #[test]
    fn what_is_no_day_of_the_republic_is_refused() {
        for bad in [
            "10405",
            "008",
            "1040000",
            "1040230",
            "1041301",
            "0000101",
            "-040512",
            "104 5",
            "",
            "99999999",
            "84年4月",
            "84年月1日",
            "1040229",
        ] {
            assert_eq!(roc_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn common_dates_are_read_or_refused() {
        for good in ["2015-05-12", "2015/5/12", "20150512"] {
            assert_eq!(date(good), day(2015, 5, 12), "{good}");
        }
        for bad in ["2015-02-29", "15-05-12", "2015-05", "201505", "2015-05-12-1", "2015-+5-12"] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn areas_keep_two_places_and_lose_only_the_noise_of_a_float() {
        assert_eq!(area_of("27.67"), Some(2767));
        assert_eq!(area_of(".29"), Some(29));
        assert_eq!(area_of("0.0"), Some(0));
        assert_eq!(area_of("121.64000000000001"), Some(12_164));
        assert_eq!(area_of("50.099999999999994"), Some(5_010));
        assert_eq!(area_of("99.99999999999999"), Some(10_000));
        assert_eq!(area_of("12.500"), Some(1_250));
        for bad in ["", ".", "1.", "-1.00", "1.234", "1.2345678901", "1e3", "1,234.5", "12m"] {
            assert_eq!(area_of(bad), None, "{bad}");
        }
        assert_eq!(area(".29", false, true), None);
        assert_eq!(area("121.64000000000001", true, false), None);
    }

    #[test]
    fn money_is_whole_and_becomes_hundredths() {
        assert_eq!(money("4800000"), Some(480_000_000));
        assert_eq!(money("４８"), Some(4_800));
        assert_eq!(money("0"), Some(0));
        for bad in ["", "-1", "1.5", "1e9", "99999999999999999999", "九"] {
            assert_eq!(money(bad), None, "{bad}");
        }
        assert_eq!(integer("-3"), Some(-3));
        assert_eq!(integer("3-"), None);
    }

    #[test]
    fn storeys_are_read_in_either_script() {
        for (text, wanted) in [
            ("四層", 4),
            ("十層", 10),
            ("十四層", 14),
            ("二十層", 20),
            ("四十二層", 42),
            ("14", 14),
            ("１４层", 14),
            ("03", 3),
            ("一百零一層", 101),
            ("一百一十", 110),
            ("二百", 200),
        ] {
            assert_eq!(storeys(text), Some(wanted), "{text}");
        }
        for bad in [
            "",
            "層",
            "地下一層",
            "全",
            "四四層",
            "十十",
            "零層",
            "0",
            "四層五層",
            "百",
            "十百",
            "見使用執照",
        ] {
            assert_eq!(storeys(bad), None, "{bad}");
        }
    }

    #[test]
    fn blanks_are_cut_and_keys_folded() {
        assert_eq!(trimmed("\u{3000} 住 家\t"), "住 家");
        assert_eq!(folded("１~３０號\u{3000}二樓"), "1~30號二樓");
    }
}
