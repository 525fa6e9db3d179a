//! What the registers themselves do not let pass, whatever an action says.

use chaincity_package::doc::{ActionDoc, EffectDoc, PackageDoc, SetDoc};
use chaincity_types::Value;

use crate::city::{City, PEOPLE, call, package};

/// The package with one action written wrongly.
pub(crate) fn spoiled(action: &str, spoil: impl Fn(&mut ActionDoc)) -> City {
    let mut doc: PackageDoc = package().doc;
    spoil(doc.actions.iter_mut().find(|found| found.name == action).unwrap());
    City::with(doc.to_bytes())
}

/// Fen that the treasury transfers to a bureau's earmarked account.
fn pays(city: &mut City) -> String {
    let treasurer = PEOPLE[0];
    let unit = [("code", "fen".into()), ("zh", "分".into()), ("en", "fen".into())];
    assert_eq!(city.outcome(treasurer, call("register-unit", unit)), "applied");
    for (name, kind, purpose) in
        [("general", "source", Value::Null), ("road", "holding", "road".into())]
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
        ];
        assert_eq!(city.outcome(treasurer, call("open", account)), "applied");
    }
    order(city, "r1")
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
