//! Bad rows at the beginning, in the middle and at the end, which touch no other.

use std::fs;
use std::path::Path;

use super::memory::{Memory, data, import, note, taipei};
use crate::import::run::Options;

const OPTIONS: Options = Options { seed: 1, limit: None };
const FILES: [&str; 4] = [
    "A_lvr_land_A.CSV",
    "A_lvr_land_A_BUILD.CSV",
    "A_lvr_land_A_LAND.CSV",
    "A_lvr_land_A_PARK.CSV",
];

/// The first `rows` sales of the real data with what belongs to them, each file's lines as
/// bytes, header first.
fn excerpt(rows: usize) -> Vec<Vec<Vec<u8>>> {
    let lines = |file: &str| -> Vec<Vec<u8>> {
        let bytes = fs::read(data().join(file)).unwrap();
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let main: Vec<Vec<u8>> = lines(FILES[0]).into_iter().take(rows + 1).collect();
    let keys: Vec<Vec<u8>> =
        main.iter().map(|line| line[line.len() - 21..line.len() - 2].to_vec()).collect();
    let belongs = |line: &Vec<u8>| keys.iter().any(|key| line.starts_with(key));
    let mut files = vec![main];
    for file in &FILES[1..] {
        let all = lines(file);
        let header = all[0].clone();
        let kept = all.into_iter().skip(1).filter(belongs);
        files.push([header].into_iter().chain(kept).collect());
    }
    files
}

fn write(directory: &Path, files: &[Vec<Vec<u8>>]) {
    for (name, lines) in FILES.iter().zip(files) {
        fs::write(directory.join(name), lines.concat()).unwrap();
    }
}

/// A sale in Big5 with one cell changed.
fn sale(key: &str, column: usize, cell: &str) -> Vec<u8> {
    let mut cells = vec![
        "文山區",
        "土地",
        "測試段一小段1~30地號",
        "1.00",
        "住",
        "",
        "",
        "1040512",
        "土地1建物0車位0",
        "",
        "",
        "其他",
        "",
        "",
        "",
        "0.0",
        "0",
        "0",
        "0",
        "有",
        "無",
        "100",
        "100",
        "",
        "0.0",
        "0",
        "",
        key,
    ];
    cells[column] = cell;
    big5(&format!("{}\r\n", cells.join(",")))
}

fn big5(text: &str) -> Vec<u8> {
    encoding_rs::BIG5.encode(text).0.into_owned()
}

#[test]
fn bad_rows_are_set_aside_where_they_stand_and_shift_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mapping = taipei();
    let good = excerpt(40);
    write(directory.path(), &good);
    let mut clean = Memory::new();
    let (wanted, none) = import(&mapping, directory.path(), OPTIONS, &mut clean);
    assert_eq!(none, []);

    let bad: Vec<(Vec<u8>, Option<&str>, &str)> = vec![
        (big5("文山區,土地,太短\r\n"), None, "cell-count"),
        (sale("K01", 26, "多,一格"), None, "cell-count"),
        (sale("K02", 26, "\"沒有關"), None, "quotes"),
        (sale("K03", 0, "火星區"), Some("鄉鎮市區"), "unknown-word"),
        (sale("K04", 1, "飛船"), Some("交易標的"), "unknown-word"),
        (sale("K05", 7, "10405"), Some("交易年月日"), "not-a-date"),
        (sale("K06", 7, "1040231"), Some("交易年月日"), "not-a-date"),
        (sale("K07", 7, ""), Some("交易年月日"), "empty"),
        (sale("K08", 21, ""), Some("總價元"), "empty"),
        (sale("K09", 21, "1.5"), Some("總價元"), "not-money"),
        (sale("K10", 3, "12.345"), Some("土地移轉總面積平方公尺"), "not-an-area"),
        (sale("K11", 10, "許多層"), Some("總樓層數"), "not-storeys"),
        (sale("K12", 27, ""), Some("編號"), "no-key"),
        (sale("K13", 27, "RPPPMLNJKHKFFAA86CA"), Some("編號"), "key-twice"),
        (sale("K14", 26, &"長".repeat(501)), Some("備註"), "invalid-field"),
        (b"\xa4,x,y\r\n".to_vec(), None, "cell-count"),
    ];
    for place in [1, 20, 41] {
        let mut files = good.clone();
        let lines: Vec<Vec<u8>> = bad.iter().map(|(line, ..)| line.clone()).collect();
        files[0].splice(place..place, lines);
        write(directory.path(), &files);
        let mut memory = Memory::new();
        let (summary, mut notes) = import(&mapping, directory.path(), OPTIONS, &mut memory);
        // A repeated key is the later row's fault.
        let first = u64::try_from(place).unwrap() + 1;
        notes.sort_by_key(|note| note.line);
        let later = if place == 1 { 2 + u64::try_from(bad.len()).unwrap() } else { first + 13 };
        let mut expected: Vec<_> = (first..)
            .zip(&bad)
            .map(|(line, (_, column, code))| {
                let line = if *code == "key-twice" { later } else { line };
                note(FILES[0], line, *column, code)
            })
            .collect();
        expected.sort_by_key(|note| note.line);
        assert_eq!(notes, expected, "at {place}");
        assert_eq!(summary.files[0].read, 40 + u64::try_from(bad.len()).unwrap());
        assert_eq!(memory.count("transaction"), 40);
        if place != 1 {
            assert_eq!(summary.total.imported, wanted.total.imported);
            for register in ["unit", "right"] {
                assert_eq!(memory.count(register), clean.count(register));
            }
            let sale = "TPE-RPRPMLNJKHKFFAA07CA";
            let of = |memory: &Memory| memory.record("transaction", sale).unwrap().fields;
            assert_eq!(of(&memory), of(&clean));
        }
    }
}

#[test]
fn a_joined_row_is_set_aside_alone_or_with_the_row_it_belongs_to() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = excerpt(3);
    // The first sale's date is spoiled: its one building part and two parcels go with it.
    let text = String::from_utf8_lossy(&files[0][1]).contains("1031211");
    assert!(text);
    let at = files[0][1].windows(7).position(|bytes| bytes == b"1031211").unwrap();
    files[0][1][at..at + 7].copy_from_slice(b"1039911");
    // The second sale's second part has a wrong area; an orphan; an undecodable cell.
    files[1][3] =
        big5("RPRPMLNJKHKFFAA07CA,20,4.5.1,見使用執照,鋼筋混凝土造,84年4月11日,二十層,\r\n");
    files[1]
        .push(big5("RPXXXXXXXXXXXXXXXXX,20,4.51,見使用執照,鋼筋混凝土造,84年4月11日,二十層,\r\n"));
    files[2].push(b"RPRPMLNJKHKFFAA07CA,\xfb\xaf,1.00,x\r\n".to_vec());
    write(directory.path(), &files);
    let mut memory = Memory::new();
    let (summary, mut notes) = import(&taipei(), directory.path(), OPTIONS, &mut memory);
    notes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    let [sales, buildings, parcels, _] = FILES;
    let last = u64::try_from(files[1].len()).unwrap();
    let area = Some("建物移轉面積平方公尺");
    assert_eq!(
        notes,
        [
            note(sales, 2, Some("交易年月日"), "not-a-date"),
            note(buildings, 2, None, "parent-set-aside"),
            note(buildings, 4, area, "not-an-area"),
            note(buildings, last, None, "no-parent"),
            note(parcels, 2, None, "parent-set-aside"),
            note(parcels, 3, None, "parent-set-aside"),
            note(
                parcels,
                u64::try_from(files[2].len()).unwrap(),
                Some("土地區段位置"),
                "private-character"
            ),
        ]
    );
    assert_eq!(summary.files[0].imported, 2);
    let sale = memory.record("transaction", "TPE-RPRPMLNJKHKFFAA07CA").unwrap();
    let unit = memory.record("unit", sale.fields["unit"].as_text().unwrap()).unwrap();
    assert_eq!(unit.fields["parts"].as_list().unwrap().len(), 2);
    let quality = unit.fields["quality"].as_list().unwrap();
    assert!(quality.contains(&"joined-row-set-aside".into()));
}

#[test]
fn a_unit_sold_twice_is_one_unit_with_two_sales() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = excerpt(0);
    // The house number in full-width digits is the same house number.
    files[0].push(sale("K01", 21, "100"));
    files[0].push(sale("K02", 2, "測試段一小段１~３０地號"));
    files[0].push(sale("K03", 3, "1.01"));
    write(directory.path(), &files);
    let mut memory = Memory::new();
    let (summary, _) = import(&taipei(), directory.path(), OPTIONS, &mut memory);
    assert_eq!((summary.files[0].imported, summary.calls_applied), (3, 5));
    assert_eq!((memory.count("unit"), memory.count("transaction")), (2, 3));
    let unit = |key: &str| memory.record("transaction", key).unwrap().fields["unit"].clone();
    assert_eq!(unit("TPE-K01"), unit("TPE-K02"));
    assert_ne!(unit("TPE-K01"), unit("TPE-K03"));
}

#[test]
fn what_the_ledger_refuses_is_noted_with_its_code_and_counted_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = excerpt(2);
    files[0].insert(2, sale("K01", 7, "2500101"));
    write(directory.path(), &files);
    let mut memory = Memory::new();
    let (summary, notes) = import(&taipei(), directory.path(), OPTIONS, &mut memory);
    assert_eq!(notes, [note(FILES[0], 3, None, "sale-in-future")]);
    assert_eq!((summary.files[0].imported, summary.files[0].refused), (2, 1));
}

#[test]
fn a_file_with_another_header_is_not_imported_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = excerpt(2);
    files[2][0] = big5("編號,土地區段位置,使用分區或編定,土地移轉面積平方公尺\r\n");
    write(directory.path(), &files);
    let mut memory = Memory::new();
    let mut silent = crate::import::meter::Meter::silent();
    let mapping = taipei();
    let failed = crate::import::run::run(
        &mapping,
        directory.path(),
        OPTIONS,
        &mut memory,
        Vec::new(),
        &mut silent,
    );
    let cause = failed.unwrap_err().to_string();
    assert_eq!(cause, "`A_lvr_land_A_LAND.CSV`: line 1 does not name the mapping's columns");
    assert_eq!(memory.count("unit"), 0);
}
