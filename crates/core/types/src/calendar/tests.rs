#![allow(clippy::arithmetic_side_effects, reason = "tests")]

use super::*;
use proptest::prelude::*;

fn day(text: &str) -> Date {
    parse_date(text).unwrap()
}

fn days_of_year(year: i16) -> impl Iterator<Item = Date> {
    Date::constant(year, 1, 1).series(jiff::ToSpan::day(1)).take_while(move |d| d.year() == year)
}

#[test]
fn the_shipped_tables_load_whole() {
    let calendar = Calendar::from_csv(TABLES).unwrap();
    assert_eq!(calendar.years(), Some((2024, 2026)));
    assert_eq!(&calendar, Calendar::shipped());
    let rows: usize = TABLES.iter().map(|table| table.lines().count() - 1).sum();
    assert_eq!(calendar.years.values().map(BTreeMap::len).sum::<usize>(), rows);
}

#[test]
fn each_year_has_its_number_of_working_days() {
    let count = |year| {
        days_of_year(year).filter(|date| Calendar::shipped().is_workday(*date).unwrap()).count()
    };
    assert_eq!((count(2024), count(2025), count(2026)), (251, 248, 248));
}

#[test]
fn days_that_a_notice_names_follow_the_notice() {
    let is_workday = |text| Calendar::shipped().is_workday(day(text)).unwrap();
    for off in ["2024-02-17", "2024-09-16", "2025-02-04", "2025-10-08", "2026-01-02", "2026-02-23"]
    {
        assert!(!is_workday(off), "{off}");
    }
    for worked in
        ["2024-02-04", "2024-10-12", "2025-01-26", "2025-10-11", "2026-01-04", "2026-10-10"]
    {
        assert!(is_workday(worked), "{worked}");
    }
    // Named by no notice: the week decides.
    assert!(is_workday("2024-02-09") && is_workday("2026-11-20"));
    assert!(!is_workday("2026-11-21") && !is_workday("2024-06-08"));
    let named = Calendar::shipped().named(day("2026-09-20")).unwrap();
    assert_eq!(
        (named.name.as_str(), named.source_notice.as_str()),
        ("国庆节", "国办发明电〔2025〕7号")
    );
}

#[test]
fn every_day_off_moved_by_a_notice_is_a_weekday_and_every_day_worked_a_weekend() {
    for (date, named) in Calendar::shipped().years.values().flatten() {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        assert!(weekend || !named.is_workday, "{date} is worked anyway");
    }
}

#[test]
fn working_days_are_counted_without_the_first() {
    for (start, days, due) in [
        ("2026-02-12", 5, "2026-02-26"),
        ("2026-04-30", 5, "2026-05-11"),
        ("2026-09-18", 5, "2026-09-24"),
        ("2026-09-29", 5, "2026-10-12"),
        ("2026-01-26", 30, "2026-03-13"),
        ("2026-01-26", 0, "2026-01-26"),
        ("2025-12-31", 1, "2026-01-04"),
    ] {
        let found = Calendar::shipped().add_workdays(day(start), WorkingDays(days));
        assert_eq!(found, Ok(day(due)), "{start} + {days}");
    }
}

#[test]
fn natural_days_roll_to_the_next_working_day() {
    for (start, days, due) in [
        ("2026-09-16", 15, "2026-10-08"),
        ("2026-02-02", 15, "2026-02-24"),
        ("2026-03-02", 15, "2026-03-17"),
    ] {
        let found = Calendar::shipped().add_days(day(start), NaturalDays(days));
        assert_eq!(found, Ok(day(due)), "{start} + {days}");
    }
}

#[test]
fn a_receipt_out_of_hours_counts_from_the_next_working_day() {
    let receipt = |date, after| Calendar::shipped().day_of_receipt(day(date), after).unwrap();
    assert_eq!(receipt("2026-09-30", false), day("2026-09-30"));
    assert_eq!(receipt("2026-09-30", true), day("2026-10-08"));
    assert_eq!(receipt("2026-10-03", false), day("2026-10-08"));
}

#[test]
fn a_year_without_a_table_is_provisional_and_never_guessed() {
    let calendar = Calendar::shipped();
    assert_eq!(calendar.is_workday(day("2027-01-04")), Err(Provisional { year: 2027 }));
    assert_eq!(calendar.is_workday(day("2023-12-29")), Err(Provisional { year: 2023 }));
    let add = |date, days| calendar.add_workdays(day(date), WorkingDays(days));
    assert_eq!(add("2026-12-30", 1), Ok(day("2026-12-31")));
    assert_eq!(add("2026-12-30", 2), Err(Provisional { year: 2027 }));
    assert_eq!(add("2024-01-01", u32::MAX), Err(Provisional { year: 2027 }));
    assert_eq!(add("9999-12-31", 0), Ok(day("9999-12-31")));
    assert!(calendar.add_days(day("2026-12-30"), NaturalDays(15)).is_err());
    assert!(calendar.add_days(day("2026-12-30"), NaturalDays(u32::MAX)).is_err());
}

#[test]
fn a_table_that_does_not_fit_is_refused_with_its_line() {
    let read = |table| Calendar::from_csv(&[table]).unwrap_err();
    assert_eq!(read("date,is_workday,name,source_notice\n"), TableError::Empty);
    assert_eq!(read("h\n2026-01-01,maybe,x,y"), TableError::Line { line: 2 });
    assert_eq!(read("h\n2026-02-30,true,x,y"), TableError::Line { line: 2 });
    assert_eq!(read("h\n2026-01-01,false,x,y,z"), TableError::Line { line: 2 });
    let other_year = "h\n2026-01-01,false,x,y\n2027-01-01,false,x,y";
    assert_eq!(read(other_year), TableError::Misplaced { line: 3 });
    let twice = "h\n2026-01-01,false,x,y\n2026-01-01,false,x,y";
    assert_eq!(read(twice), TableError::Misplaced { line: 3 });
    let table = TABLES[0];
    assert!(Calendar::from_csv(&[table, table]).is_err());
}

#[test]
fn a_date_has_one_spelling() {
    assert_eq!(parse_date("2026-02-28"), Some(Date::constant(2026, 2, 28)));
    for bad in [
        "2026-02-29",
        "2026-2-28",
        "+026-02-28",
        "2026-02-28T00",
        "2026/02/28",
        "",
        "２０２６-02-28",
        "-026-02-28",
        "日日日-0",
    ] {
        assert_eq!(parse_date(bad), None, "{bad}");
    }
}

#[test]
fn days_count_from_1970() {
    assert_eq!(days_of_date(day("1970-01-01")), 0);
    assert_eq!(days_of_date(day("2026-01-01")), 20_454);
    assert_eq!(days_of_date(day("1900-01-01")), -25_567);
    assert_eq!(date_of_days(i32::MAX), None);
    assert_eq!(date_of_days(i32::MIN), None);
}

proptest! {
    #[test]
    fn days_and_dates_convert_both_ways(days in -4_000_000_i32..2_900_000) {
        let date = date_of_days(days).unwrap();
        prop_assert_eq!(days_of_date(date), days);
    }

    #[test]
    fn a_due_day_is_a_working_day_with_that_many_up_to_it(offset in 0_i32..700, days in 1_u32..200) {
        let start = date_of_days(days_of_date(day("2024-01-01")) + offset).unwrap();
        let calendar = Calendar::shipped();
        let due = calendar.add_workdays(start, WorkingDays(days)).unwrap();
        prop_assert!(calendar.is_workday(due).unwrap());
        let between = (days_of_date(start) + 1..=days_of_date(due))
            .filter(|d| calendar.is_workday(date_of_days(*d).unwrap()).unwrap());
        prop_assert_eq!(between.count(), usize::try_from(days).unwrap());
    }

    #[test]
    fn arbitrary_text_is_no_panic(text in "\\PC{0,40}", bytes in "[0-9:/+-]{8,12}") {
        for text in [text, bytes] {
            if let Some(date) = parse_date(&text) {
                prop_assert_eq!(date.to_string(), text.clone());
            }
            prop_assert!(Calendar::from_csv(&[&text]).is_err());
        }
    }
}
