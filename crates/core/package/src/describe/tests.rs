//! Claims about descriptions.

use super::*;
use crate::doc::PackageDoc;
use crate::source::parse;

const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试<1>, en: Test}\nroles:\n  \
    a.b: {zh: 经办, en: Clerk}\nparameters:\n  days: {type: int, value: '15', zh: 天数, en: Days}\n";
const REGISTER: &str = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
    fields:\n  n: {type: int, zh: 数, en: Number}\n  m: {type: text(9)?, zh: 文, en: Text}\n";
const ACTION: &str = "action: raise\ntitle: {zh: 增加, en: Raise}\nlaw: [民法典 220]\nby: a.b\n\
    input:\n  item: {type: ref(item), zh: 物, en: Item}\nlet:\n  old: get(item, input.item)\n\
    require:\n  - {code: small, that: old.n > 0, zh: 太小, en: too small}\n\
    do:\n  - update: {record: old, set: {n: old.n + 1}}\n";

fn doc(change: impl Fn(&str) -> String) -> PackageDoc {
    let (package, register, action) = (change(PACKAGE), change(REGISTER), change(ACTION));
    let files = [
        ("package.yaml", package.as_str()),
        ("registers/item.yaml", register.as_str()),
        ("actions/raise.yaml", action.as_str()),
    ];
    parse(&files).unwrap().doc
}

fn changed(from: &str, to: &str) -> Vec<(String, bool)> {
    let (old, new) = (doc(str::to_owned), doc(|text| text.replace(from, to)));
    assert_ne!(old, new, "the change changes nothing: {from}");
    diff(&old, &new).into_iter().map(|c| (c.text.en, c.breaks)).collect()
}

#[test]
fn equal_packages_do_not_differ() {
    assert_eq!(diff(&doc(str::to_owned), &doc(str::to_owned)), []);
}

#[test]
fn each_change_is_said_and_what_breaks_records_is_marked() {
    let one = |text: &str, breaks: bool| vec![(text.to_owned(), breaks)];
    assert_eq!(changed("version: 1", "version: 2"), one("version 1 becomes 2", false));
    assert_eq!(changed("'15'", "'30'"), one("value was `15`, becomes `30`", false));
    assert_eq!(
        changed("old.n > 0", "old.n > 1"),
        one("condition `small` was `old.n > 0`, becomes `old.n > 1`", false)
    );
    assert_eq!(
        changed("type: text(9)?", "type: text(5)?"),
        one("type was `text(9)?`, becomes `text(5)?`", true)
    );
    assert_eq!(
        changed("type: int, zh: 数", "type: int?, zh: 数"),
        one("type was `int`, becomes `int?`", false)
    );
    assert_eq!(changed("key: auto", "key: m"), one("key was `auto`, becomes `m`", true));
    assert_eq!(
        changed("  m: {type: text(9)?, zh: 文, en: Text}\n", ""),
        one("field `m` removed", true)
    );
    let added = changed("  m:", "  k: {type: int, zh: 甲, en: K}\n  m:");
    assert_eq!(added[0], ("field `k` added".to_owned(), false));
    assert!(added[1].1, "a field that stored records lack must be optional");
    assert_eq!(changed("[民法典 220]", "[民法典 221]").len(), 1);
}

#[test]
fn a_page_says_who_when_what_and_by_which_law_and_escapes_what_was_written() {
    let page = page(&doc(str::to_owned));
    for part in [
        "增加",
        "Raise",
        "经办",
        "民法典 220",
        "太小",
        "too small",
        "old.n &gt; 0",
        "测试&lt;1&gt;",
        "天数",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<1>"));
}

#[test]
fn a_page_shows_forms_with_what_each_field_fills() {
    assert!(!page(&doc(str::to_owned)).contains("Forms"), "a package without forms has no section");
    let form = "form: raising\ntitle: {zh: 增加表, en: Raising}\nfields:\n  \
        - {fills: test.raise.item, help: {zh: 须在册, en: must be there}}\n  \
        - {fills: [choice], title: {zh: 选择, en: Choice}}\nevidence:\n  deed: {zh: 契约, en: Deed}\n";
    let files = [
        ("package.yaml", PACKAGE),
        ("registers/item.yaml", REGISTER),
        ("actions/raise.yaml", ACTION),
        ("forms/raising.yaml", form),
    ];
    let page = page(&parse(&files).unwrap().doc);
    // The input's own title, where the form has none.
    let own = "物 · <span class=\"en\">Item</span> <code>test.raise.item</code>";
    for part in [own, "增加表", "Raising", "must be there", "选择", "契约", "<code>deed</code>"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_graph_links_roles_actions_and_registers() {
    let svg = graph(&doc(str::to_owned));
    assert_eq!(
        svg.matches("<path").count(),
        2,
        "the role calls the action, which writes the register"
    );
    assert_eq!(svg.matches("<rect x=").count(), 3);
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    let reads = doc(|text| {
        text.replace("- update: {record: old, set: {n: old.n + 1}}", "[]")
            .replace("do:\n  []", "do: []")
    });
    assert!(graph(&reads).contains("stroke-dasharray"), "what is only read is dashed");
}
