//! The real file, whole.

use std::fs;

use chaincity_types::Value;
use chaincity_types::calendar::days_of_date;
use jiff::civil::date;

use super::memory::{Memory, data, fields, import, note, same, taipei};
use crate::import::run::{CallOutcome, Options, Sink};
use crate::import::synthetic::synthetic_calls;

const OPTIONS: Options = Options { seed: 1, limit: None };

fn area(mantissa: i64) -> Value {
    Value::Decimal { mantissa, scale: 2 }
}

fn day(y: i16, m: i8, d: i8) -> Value {
    Value::Date(days_of_date(date(y, m, d)))
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

#[test]
fn every_row_of_the_real_file_is_accounted_for_and_a_second_run_adds_nothing() {
    let mapping = taipei();
    let mut memory = Memory::new();
    let (first, notes) = import(&mapping, &data(), OPTIONS, &mut memory);
    for (counts, file) in first.files.iter().zip(&mapping.files) {
        let bytes = fs::read(data().join(&file.path)).unwrap();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(counts.read, u64::try_from(lines - 1).unwrap(), "{}", file.path);
    }
    let sales = &first.files[0];
    assert_eq!((sales.read, sales.already_there, sales.refused), (5_146, 0, 0));
    assert_eq!(memory.count("transaction"), usize::try_from(sales.imported).unwrap());
    // The rows of the main file that cannot be read, each found by hand.
    let main: Vec<_> = notes.iter().filter(|note| note.file == "A_lvr_land_A.CSV").collect();
    let file = "A_lvr_land_A.CSV";
    let (location, completed) = (Some("土地區段位置或建物區門牌"), Some("建築完成年月"));
    let wanted = [
        note(file, 1085, location, "private-character"),
        note(file, 1850, completed, "not-a-date"),
        note(file, 4040, completed, "not-a-date"),
        note(file, 4193, location, "private-character"),
        note(file, 4535, location, "private-character"),
        note(file, 4917, Some("交易年月日"), "not-a-date"),
    ];
    assert!(main.into_iter().eq(&wanted));
    // 43 parcels lie in a section whose name is written with a user-defined character.
    let reason = |code: &str| notes.iter().filter(|note| note.code == code).count();
    assert_eq!((reason("private-character"), reason("not-a-date")), (46, 3));
    assert_eq!(reason("parent-set-aside") + 49, notes.len());

    let before = memory.chain.ledger.clone();
    let (second, again) = import(&mapping, &data(), OPTIONS, &mut memory);
    assert_eq!(memory.chain.ledger, before);
    assert_eq!(again, notes);
    assert_eq!((second.calls_applied, second.total.imported), (0, 0));
    for (first, second) in first.files.iter().zip(&second.files) {
        assert_eq!(second.already_there, first.imported + first.already_there);
        assert_eq!(second.set_aside, first.set_aside);
    }
}

#[test]
fn synthetic_units_are_registered_as_they_are() {
    let mut memory = Memory::new();
    let calls: Vec<_> = synthetic_calls(9, 0..300).collect();
    for part in calls.chunks(60) {
        let outcomes = memory.execute(part.to_vec());
        assert!(outcomes.iter().all(|outcome| *outcome == CallOutcome::Applied), "{outcomes:?}");
    }
    assert_eq!((memory.count("unit"), memory.count("right")), (300, 300));
}

#[test]
fn rows_checked_by_hand_come_in_exactly() {
    let mut memory = Memory::new();
    let limited = Options { seed: 1, limit: Some(4) };
    let (summary, _) = import(&taipei(), &data(), limited, &mut memory);
    assert_eq!((summary.files[0].read, summary.files[0].imported), (4, 4));

    let sale = fields(&memory.record("transaction", "TPE-RPPPMLNJKHKFFAA86CA").unwrap());
    assert_eq!(sale["date"], day(2014, 12, 11));
    assert_eq!(sale["price"], Value::Int(480_000_000));
    assert_eq!(sale["parking_price"], Value::Int(0));
    assert_eq!(sale["currency"], Value::from("TWD"));
    assert_eq!(sale["land_area"], area(2_767));
    assert_eq!(sale["note"], Value::from("親友、員工或其他特殊關係間之交易。"));
    assert!(!sale.contains_key("parking"));
    let key = sale["unit"].as_text().unwrap();
    assert!(key.starts_with("TPE-116-") && key.len() == 32, "{key}");
    let unit = fields(&memory.record("unit", key).unwrap());
    assert_eq!(unit["number_kind"], Value::from("other"));
    assert_eq!(unit["location"], Value::from("臺北市文山區景興路23巷6弄1~30號"));
    assert_eq!(unit["building_area"], area(8_378));
    assert_eq!(unit["floor"], Value::from("二層，陽台"));
    assert_eq!(unit["floors"], Value::Int(4));
    assert_eq!(unit["layout"], Value::from("3房1廳1衛"));
    assert_eq!(unit["building_type"], Value::from("公寓(5樓含以下無電梯)"));
    assert!(!unit.contains_key("completed"));
    let parcel = |mantissa| {
        map(&[
            ("location", Value::from("景美段二小段")),
            ("area", area(mantissa)),
            ("zoning", Value::from("都市：住")),
        ])
    };
    assert_eq!(unit["parcels"], Value::List(vec![parcel(2_400), parcel(367)]));
    assert_eq!(unit["quality"], Value::List(vec![Value::from("no-unit-number")]));

    let sale = fields(&memory.record("transaction", "TPE-RPRPMLNJKHKFFAA07CA").unwrap());
    assert_eq!(sale["date"], day(2014, 11, 20));
    assert_eq!(sale["price"], Value::Int(2_610_000_000));
    let unit = fields(&memory.record("unit", sale["unit"].as_text().unwrap()).unwrap());
    assert_eq!(unit["completed"], day(1995, 4, 11));
    assert_eq!(unit["floors"], Value::Int(20));
    assert_eq!(unit["building_area"], area(15_152));
    let parts = unit["parts"].as_list().unwrap();
    let areas: Vec<_> = parts.iter().map(|part| part.as_map().unwrap()["area"].clone()).collect();
    assert_eq!(areas, [area(12_925), area(451), area(1_776)]);
    assert_eq!(parts[0].as_map().unwrap()["completed"], day(1995, 4, 11));

    // 121.64000000000001 in the file.
    let sale = fields(&memory.record("transaction", "TPE-RPPNMLSJKHKFFAA17CA").unwrap());
    assert_eq!(sale["building_area"], area(12_164));
    let space =
        map(&[("kind", Value::from("坡道機械")), ("price", Value::Int(0)), ("area", area(1_755))]);
    assert_eq!(sale["parking"], Value::List(vec![space]));
    let unit = fields(&memory.record("unit", sale["unit"].as_text().unwrap()).unwrap());
    assert_eq!((&unit["completed"], &unit["floors"]), (&day(2010, 7, 30), &Value::Int(5)));

    // Bare land has no storeys.
    let sale = fields(&memory.record("transaction", "TPE-RPQNMLRJKHKFFAA17CA").unwrap());
    assert_eq!((&sale["object"], &sale["price"]), (&Value::from("土地"), &Value::Int(220_000_000)));
    let unit = fields(&memory.record("unit", sale["unit"].as_text().unwrap()).unwrap());
    assert!(!unit.contains_key("floors") && !unit.contains_key("floor"));
}

#[test]
fn the_same_seed_gives_the_same_owners_and_another_seed_others() {
    let limited = |seed| Options { seed, limit: Some(120) };
    let mapping = taipei();
    let ledgers: Vec<Memory> = [1, 1, 2]
        .map(|seed| {
            let mut memory = Memory::new();
            import(&mapping, &data(), limited(seed), &mut memory);
            memory
        })
        .into();
    assert!(same(&ledgers[0], &ledgers[1]));
    assert!(!same(&ledgers[0], &ledgers[2]));
    assert_eq!(ledgers[0].count("unit"), ledgers[2].count("unit"));
}

#[test]
fn an_import_killed_at_any_transaction_is_taken_up_where_it_ended() {
    /// Dies at a transaction: before or after it applied.
    struct Mortal(Memory, u64, bool);
    impl Sink for Mortal {
        fn submit(
            &mut self,
            number: u64,
            calls: Vec<chaincity_types::wire::Call>,
        ) -> std::io::Result<Vec<crate::import::run::Finished>> {
            if number < self.1 {
                return self.0.submit(number, calls);
            }
            if self.2 {
                self.0.execute(calls);
            }
            Err(std::io::Error::other("killed"))
        }
        fn drain(&mut self) -> std::io::Result<Vec<crate::import::run::Finished>> {
            self.0.drain()
        }
    }
    let mapping = taipei();
    let limited = Options { seed: 3, limit: Some(150) };
    let mut whole = Memory::new();
    let (wanted, _) = import(&mapping, &data(), limited, &mut whole);
    for dies_at in [0, 1, wanted.transactions - 1] {
        for applied in [false, true] {
            let mut mortal = Mortal(Memory::new(), dies_at, applied);
            let mut silent = crate::import::meter::Meter::silent();
            let mut notes = Vec::new();
            let died = crate::import::run::run(
                &mapping,
                &data(),
                limited,
                &mut mortal,
                &mut notes,
                &mut silent,
            );
            assert!(died.is_err());
            let mut memory = mortal.0;
            let _told_to_nobody = memory.drain().unwrap();
            let (summary, _) = import(&mapping, &data(), limited, &mut memory);
            assert_eq!(memory.count("unit"), whole.count("unit"));
            assert_eq!(memory.count("transaction"), whole.count("transaction"));
            let there = summary.total.imported + summary.total.already_there;
            assert_eq!(there, wanted.total.imported + wanted.total.already_there);
        }
    }
}
