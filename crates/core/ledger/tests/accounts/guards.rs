//! What the registers themselves do not let pass, whatever an action says.

use chaincity_package::doc::{ActionDoc, EffectDoc, PackageDoc, SetDoc};
use chaincity_package::source;
use chaincity_types::Value;
use chaincity_types::wire::Call;

use crate::book::conserved;
use crate::city::{City, PEOPLE, call, package};

/// The package with one action written wrongly.
pub(crate) fn spoiled(action: &str, spoil: impl Fn(&mut ActionDoc)) -> City {
    let mut doc: PackageDoc = package().doc;
    spoil(doc.actions.iter_mut().find(|found| found.name == action).unwrap());
    City::with(vec![doc.to_bytes()])
}

/// Fen that the treasury transfers to an earmarked account of its own.
fn pays(city: &mut City) -> String {
    opened(city, Value::Null);
    order(city, "r1")
}

/// A source and an earmarked account of the treasury, the source perhaps a package's.
fn opened(city: &mut City, via: Value) {
    let treasurer = PEOPLE[0];
    let unit = [("code", "fen".into()), ("zh", "分".into()), ("en", "fen".into())];
    assert_eq!(city.outcome(treasurer, call("register-unit", unit)), "applied");
    for (name, kind, purpose, via) in
        [("general", "source", Value::Null, via), ("road", "holding", "road".into(), Value::Null)]
    {
        let account = [
            ("unit", "fen".into()),
            ("holder", "treasury".into()),
            ("name", name.into()),
            ("title", name.into()),
            ("kind", kind.into()),
            ("purpose", purpose),
            ("uses", Value::List(Vec::new())),
            ("lower", Value::Int(if kind == "source" { -1_000 } else { 0 })),
            ("via", via),
        ];
        assert_eq!(city.outcome(treasurer, call("open", account)), "applied");
    }
}

fn order(city: &mut City, reference: &str) -> String {
    let order = [
        ("debit", "treasury:general".into()),
        ("credit", "treasury:road".into()),
        ("amount", Value::Int(10)),
        ("purpose", "road".into()),
        ("reference", reference.into()),
        ("basis", "依据".into()),
    ];
    city.outcome(PEOPLE[0], call("transfer", order))
}

/// Puts a rule in the place of the one that sets this field of the record with this name.
fn set(action: &mut ActionDoc, of: &str, name: &str, rule: &str) {
    for effect in &mut action.effects {
        if let EffectDoc::Update { record, set, .. } = effect
            && record == of
        {
            let found = set.iter_mut().find(|field| field.field == name);
            if let Some(field) = found {
                field.rule = rule.to_owned();
            }
        }
    }
}

#[test]
fn an_action_that_books_one_side_only_or_more_on_one_side_is_refused() {
    assert_eq!(pays(&mut spoiled("transfer", |_| {})), "applied");
    let one_side = |action: &mut ActionDoc| {
        let credit = |effect: &EffectDoc| matches!(effect, EffectDoc::Update { record, .. } if record == "credit");
        action.effects.retain(|effect| !credit(effect));
    };
    assert_eq!(pays(&mut spoiled("transfer", one_side)), "debits-equal-credits");
    let more = |action: &mut ActionDoc| {
        set(action, "credit", "credits", "credit.credits + input.amount + 1");
    };
    assert_eq!(pays(&mut spoiled("transfer", more)), "debits-equal-credits");
}

#[test]
fn an_action_that_lowers_a_total_or_changes_an_earmark_is_refused() {
    let fall = |action: &mut ActionDoc| {
        let rule =
            |of: &str, total: &str| format!("{of}.{total} > 0 ? 0 : {of}.{total} + input.amount");
        set(action, "debit", "debits", &rule("debit", "debits"));
        set(action, "credit", "credits", &rule("credit", "credits"));
    };
    let mut city = spoiled("transfer", fall);
    assert_eq!(pays(&mut city), "applied");
    assert_eq!(order(&mut city, "r2"), "account-rewritten");
    let earmark = |action: &mut ActionDoc| {
        for effect in &mut action.effects {
            if let EffectDoc::Update { record, set, .. } = effect
                && record == "credit"
            {
                set.push(SetDoc { field: "purpose".into(), rule: "'school'".into() });
            }
        }
    };
    assert_eq!(pays(&mut spoiled("transfer", earmark)), "account-rewritten");
}

/// A package with an action that reserves, one that posts, and one that voids.
const PAYER: [(&str, &str); 4] = [
    (
        "package.yaml",
        "package: payer\nversion: 1\ntitle: {zh: 付款, en: Payer}\nrequires: {accounts: 1}\n\
         roles:\n  accounts.holder: {zh: 持有, en: Holder}\n",
    ),
    (
        "actions/order.yaml",
        "action: order\ntitle: {zh: 付, en: Pay}\nby: accounts.holder\n\
         input:\n  reference: text(40)\ndo:\n  - call:\n      package: accounts\n      \
         action: reserve\n      input: {debit: '\"treasury:general\"', \
         credit: '\"treasury:road\"', amount: '10', purpose: '\"road\"', \
         reference: input.reference, basis: '\"b\"'}\n",
    ),
    (
        "actions/book.yaml",
        "action: book\ntitle: {zh: 记, en: Book}\nby: accounts.holder\n\
         input:\n  transfer: text(128)\ndo:\n  - call: {package: accounts, action: post, \
         input: {transfer: input.transfer, amount: '10'}}\n",
    ),
    (
        "actions/cancel.yaml",
        "action: cancel\ntitle: {zh: 销, en: Cancel}\nby: accounts.holder\n\
         input:\n  transfer: text(128)\ndo:\n  - call: {package: accounts, action: void, \
         input: {transfer: input.transfer, reason: '\"r\"'}}\n",
    ),
];

#[test]
fn what_a_package_ordered_only_its_actions_settle() {
    let payer = source::parse(&PAYER).unwrap().doc;
    let mut city = City::with(vec![package().doc.to_bytes(), payer.to_bytes()]);
    opened(&mut city, "payer".into());
    assert_eq!(order(&mut city, "r1"), "package-only");
    let by_package = |action: &str, name: &str, text: &str| {
        let call = call(action, [(name, text.into())]);
        Call { package: "payer".into(), ..call }
    };
    for reference in ["r1", "r2"] {
        let call = by_package("order", "reference", reference);
        assert_eq!(city.outcome(PEOPLE[0], call), "applied");
    }
    let key = |reference: &str| ("transfer", Value::from(format!("treasury:{reference}").as_str()));
    let post = call("post", [key("r1"), ("amount", Value::Int(10))]);
    assert_eq!(city.outcome(PEOPLE[0], post), "not-settler");
    let void = call("void", [key("r2"), ("reason", "r".into())]);
    assert_eq!(city.outcome(PEOPLE[0], void), "not-a-party");
    let post = by_package("book", "transfer", "treasury:r1");
    assert_eq!(city.outcome(PEOPLE[0], post), "applied");
    let void = by_package("cancel", "transfer", "treasury:r2");
    assert_eq!(city.outcome(PEOPLE[0], void), "applied");
    conserved(&city);
}
