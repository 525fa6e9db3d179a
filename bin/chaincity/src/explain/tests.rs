//! The report as people see it.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

use chaincity_client::api::explain::{Packages, Rules, compare, explain};
use chaincity_client::api::package::{GuardInfo, PackageSummary};
use chaincity_types::wire::{Correction, LogicalKey, Provenance, Status, Version};
use chaincity_types::{Height, Value};

use super::*;

/// What someone would write who wants a page to run it.
const EVIL: &str = "<script>alert(1)</script>\"&'<img src=x onerror=y>";

fn both(zh: &str, en: &str) -> TextInfo {
    TextInfo { zh: zh.to_owned(), en: en.to_owned() }
}

/// A version all of whose texts are `text`.
fn version(number: u64, text: &str) -> Version {
    let generation = [("system", text.into()), ("row", Value::Int(number.cast_signed()))];
    let generation = generation.map(|(name, value)| (name.into(), value)).into();
    Version {
        key: LogicalKey::Record { package: text.into(), register: text.into(), key: text.into() },
        version: number,
        previous: Digest::ZERO,
        schema: 1,
        status: Status::Live,
        fields: [
            (text.into(), Value::from(text)),
            ("owner".into(), Value::from(format!("{text}{number}"))),
            ("generation".into(), Value::Map(generation)),
        ]
        .into(),
        by: Provenance {
            transaction: Digest([5; 32]),
            call: 3,
            operator: [6; 32].into(),
            member: text.into(),
            package: text.into(),
            package_version: 1,
            action: text.into(),
            height: Height(40 + number),
            time: Timestamp(1_790_000_000_000 + number),
            case: Some(text.into()),
            mandates: Some(vec![text.into()]),
        },
        reason: Some(text.into()),
        corrects: Some(Correction {
            version: 1,
            body: Digest::ZERO,
            reason: text.into(),
            basis: text.into(),
        }),
    }
}

fn rules(text: &str) -> Rules {
    let guard = GuardInfo { code: text.into(), text: both(text, text) };
    Rules {
        package: PackageSummary {
            id: text.into(),
            version: 1,
            title: both(text, text),
            digest: "07".repeat(32),
        },
        action: text.into(),
        title: both(text, text),
        law: vec![text.into()],
        by: vec![text.into()],
        mandates: vec![text.into()],
        guards: vec![guard.clone()],
        invariants: vec![guard],
    }
}

/// A report of two versions, the second of which is not proved.
fn report(text: &str) -> Report {
    let (one, two) = (version(1, text), version(2, text));
    let doubt = Doubt { code: text.into(), zh: text.into(), en: text.into() };
    let checked = |version: &Version, before, chain| {
        let mut explained = explain(version, before, &Packages::new());
        explained.rules = Some(rules(text));
        for change in &mut explained.changes {
            change.title = Some(both(text, text));
        }
        let block = Inclusion::Block { block: Digest([9; 32]), index: 2, signers: 3 };
        let began = version.by.time;
        Shown::from(Checked { explained, began, chain, receipt: Ok(block), rules: Ok(()) })
    };
    let versions = vec![checked(&one, None, Ok(())), checked(&two, Some(&one), Err(doubt))];
    let explained: Vec<_> = versions.iter().map(|shown| shown.explained.clone()).collect();
    Report {
        ok: false,
        ledger: text.into(),
        package: text.into(),
        register: text.into(),
        key: text.into(),
        title: Some(both(text, text)),
        at: Some(text.into()),
        proved: ProvedAt { height: 9, time: text.into(), block: text.into(), signers: 3 },
        later: vec![Later::from(&version(3, text))],
        comparison: compare(&explained),
        versions,
    }
}

#[test]
fn nothing_in_a_record_or_a_package_reaches_the_page_as_markup() {
    let plain = page::page(&report("x"));
    let evil = page::page(&report(EVIL));
    assert!(evil.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;"));
    assert!(!evil.contains("<script") && !evil.contains("<img"), "{evil}");
    // Whatever the texts, the same tags in the same order.
    let tags = |page: &str| -> Vec<String> {
        let tags = page.split('<').skip(1);
        tags.map(|tag| tag.split('>').next().unwrap().to_owned()).collect()
    };
    assert_eq!(tags(&evil), tags(&plain));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_prints_on_a4_with_chinese_first() {
    let page = page::page(&report("x"));
    for outside in ["http:", "https:", "url(", "src=", "<link", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("@page{size:A4") && page.contains("<html lang=\"zh\">"));
    assert!(
        page.contains("<h1>记录成因报告 · <span class=\"en\">How the record came about</span>")
    );
}

#[test]
fn a_person_sees_times_in_china_and_each_versions_verdict() {
    let lines = words::lines(&report("x"));
    let has = |wanted: &str| lines.iter().any(|line| line == wanted);
    assert!(has("第 1 版 · version 1  已核验 · VERIFIED"), "{lines:#?}");
    assert!(has("第 2 版 · version 2  未通过核验 · NOT VERIFIED"), "{lines:#?}");
    assert!(has("  时间 · Time: 2026-09-21 22:13:20.001 +08:00"), "{lines:#?}");
    assert!(has("    owner x · x: x1 → x2"), "{lines:#?}");
    assert!(has("    历史链 · Chain of versions: 不成立 · does not hold: x · x (x)"), "{lines:#?}");
    let first = "  owner x · x: 第 1 代 · generation 1（x）= x1；第 2 代 · generation 2（x）= x2；\
                 首次不同 · first differs: 第 2 代 · generation 2（第 2 版 · version 2）";
    assert!(has(first), "{lines:#?}");
}

#[test]
fn a_time_among_a_records_fields_is_shown_in_china_too_and_a_text_as_it_is() {
    let value = |text: &str| rows::value(Some(&serde_json::Value::from(text)));
    assert_eq!(value("2026-11-27T01:30:00.000Z"), "2026-11-27 09:30:00.000 +08:00");
    assert_eq!(value("2026-11-27"), "2026-11-27");
    assert_eq!(value("2026-11-27T01:30:00Z 起"), "2026-11-27T01:30:00Z 起");
}
