//! Figures of cases.

use chaincity_client::{CaseCount, ClientError};
use chaincity_query::{By, Count};
use chaincity_types::Timestamp;

use crate::city::City;

#[test]
fn figures_are_asked_for_by_what_when_and_where() {
    let city = City::open();
    let count = CaseCount {
        by: Some("office".to_owned()),
        package: Some("service-items".to_owned()),
        process: Some("service-standard".to_owned()),
        since: Some("2026-09-01".to_owned()),
        until: Some("2026-09-30".to_owned()),
    };
    let page = city.client().case_statistics(&count, Some(3), 9).unwrap();
    // Both days are whole days in China.
    let (since, until) = (Timestamp(1_788_192_000_000), Timestamp(1_790_784_000_000));
    let asked = Count {
        by: By::Office,
        package: count.package.clone(),
        process: count.process.clone(),
        since,
        until,
        after: 3,
        limit: 9,
    };
    assert_eq!(*city.reader.counted.lock().unwrap(), Some(asked));
    assert_eq!((page.since, page.until), (since.to_string(), until.to_string()));
    assert_eq!((page.by.as_str(), page.next, page.height), ("office", Some(7), 3));
    let row = &page.items[0];
    assert_eq!(row.member.as_deref(), Some("registry"));
    let counts = (row.opened, row.done, row.late, row.open, row.overdue, row.returned);
    assert_eq!(counts, (5, 3, 1, 2, 1, 4));
    assert_eq!((row.median_minutes, row.ninetieth_minutes), (Some(60), None));
}

#[test]
fn without_a_period_the_last_thirty_days_count() {
    let city = City::open();
    let page = city.client().case_statistics(&CaseCount::default(), None, 1).unwrap();
    assert_eq!(page.by, "process");
    let asked = city.reader.counted.lock().unwrap().clone().unwrap();
    assert_eq!(asked.until.since_ms(asked.since), 30 * 86_400_000);
}

#[test]
fn a_word_a_period_and_a_page_that_do_not_fit_are_refused() {
    let city = City::open();
    let refused = |count: &CaseCount, limit| {
        let failed = city.client().case_statistics(count, None, limit);
        failed.map(|_| ()).map_err(|e: ClientError| e.code().map(str::to_owned))
    };
    let bad = Err(Some("bad-request".to_owned()));
    let day = |day: &str| Some(day.to_owned());
    let plain = CaseCount::default();
    assert_eq!(refused(&CaseCount { by: day("operator"), ..plain.clone() }, 1), bad);
    let long = CaseCount { since: day("2025-01-01"), until: day("2026-01-02"), ..plain.clone() };
    assert_eq!(refused(&long, 1), bad);
    let reversed =
        CaseCount { since: day("2026-02-01"), until: day("2026-01-01"), ..plain.clone() };
    assert_eq!(refused(&reversed, 1), bad);
    let year = CaseCount { since: day("2025-01-01"), until: day("2026-01-01"), ..plain.clone() };
    assert_eq!(refused(&year, 1), Ok(()));
    assert_eq!((refused(&plain, 0), refused(&plain, 501)), (bad.clone(), bad));
}
