//! What is there before anything is sold: three mortgaged houses with their accounts at four suppliers,
//! and a catalogue that says what these may read.

use chaincity_client::call;
use chaincity_types::Value;
use chaincity_types::wire::Call;
use serde_json::{Value as Json, json};

use super::cast::{PAYOFF_BANK, PORT, SELLERS, UTILITIES};
use super::deal::{DEALS, Deal, day, joint, sellers_identity};
use super::forms::Fields;
use super::office::applied;
use super::town::{Person, Town};
use crate::actor::{consent, key_of};
use crate::fault::Fault;

/// The resource's code in the catalogue.
pub(super) const RESOURCE: &str = "431300-0002";
/// The same of what the escrow bank's port reads.
const MOVEMENTS: &str = "431300-0003";
/// For what the suppliers read.
pub(super) const PURPOSE: &str = "公用事业随房过户";
/// What the sellers owe, in fen, when the mortgage was registered.
const OLD_LOAN: i64 = 60_000_000;

/// For what the escrow bank's port reads amounts.
pub(super) const PAYING: &str = "支付监管房款";
/// How long it may, in days.
const PAYING_DAYS: i64 = 365;

/// Three tracks, side by side; then the grant of the bank port, which is given back.
pub(super) fn prepare(town: &Town) -> Result<String, Fault> {
    type Track = fn(&Town) -> Result<(), Fault>;
    let tracks: [Track; 3] = [houses, suppliers, catalogue];
    side_by_side(&tracks, |track| track(town))?;
    paying(town)
}

fn side_by_side<T: Sync>(
    all: &[T],
    run: impl Fn(&T) -> Result<(), Fault> + Sync,
) -> Result<(), Fault> {
    std::thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = all.iter().map(|one| scope.spawn(move || run(one))).collect();
        let ended = |_panic| Fault::other("线程中断", "a thread ended");
        running.into_iter().try_for_each(|one| one.join().map_err(ended)?)
    })
}

fn input(town: &Town, of: (&str, &str), input: &Json) -> Result<Fields, Fault> {
    town.forms.input(of, input)
}

/// Gives consents to calls, each in a transaction of its own; their keys in order.
fn consents(
    person: &Person,
    party: &str,
    to: &[((&str, &str), &str, &Fields)],
) -> Result<Vec<String>, Fault> {
    let give = |(of, purpose, input): &((&str, &str), &str, &Fields)| {
        let input = consent(*of, (party, purpose), chaincity_ledger::mandate_digest(input));
        key_of(&person.actor.apply("governance", "mandate", input, Vec::new())?, "mandate")
    };
    to.iter().map(give).collect()
}

fn with(mut call: Call, mandates: Vec<String>) -> Call {
    call.mandates = Some(mandates.into_iter().map(Into::into).collect());
    call
}

/// The sellers' houses, each with a mortgage and its certificates.
fn houses(town: &Town) -> Result<(), Fault> {
    let registrar = town.person("registrar")?;
    let mut calls = Vec::new();
    for deal in DEALS {
        let place = ("real-estate", "right", "holder-identity");
        let identity = town.safes.seal(&town.forms, registrar, place, &sellers_identity())?;
        let house = json!({
            "number": deal.unit, "number_kind": "gbt37346", "location": deal.location(),
            "building_area": "98.60", "use": "住宅", "holders": joint(&SELLERS),
            "co_ownership": "joint", "basis": "商品房买卖合同", "identity": identity,
        });
        let of = ("real-estate", "first-registration");
        calls.push(call(of.0, of.1, input(town, of, &house)?));
    }
    applied("first-registration", registrar.actor.send(calls)?)?;
    let of = ("real-estate", "mortgage");
    let mortgage = |deal: &&Deal| {
        let mortgage = json!({
            "unit": deal.unit, "mortgagee": PAYOFF_BANK, "kind": "general", "amount": OLD_LOAN,
            "transfer_banned": false, "basis": "抵押合同",
        });
        input(town, of, &mortgage)
    };
    let inputs: Vec<Fields> = DEALS.iter().map(mortgage).collect::<Result<_, _>>()?;
    let to: Vec<_> = inputs.iter().map(|input| (of, "mortgage", input)).collect();
    let mut mandates = vec![Vec::new(); inputs.len()];
    for (name, party) in ["seller", "seller-spouse"].iter().zip(SELLERS) {
        let keys = consents(town.person(name)?, party, &to)?;
        mandates.iter_mut().zip(keys).for_each(|(mandates, key)| mandates.push(key));
    }
    let calls = inputs.into_iter().zip(mandates);
    let calls = calls.map(|(input, mandates)| with(call(of.0, of.1, input), mandates)).collect();
    applied("mortgage", town.person("bank-a")?.actor.send(calls)?)?;
    let of = ("real-estate", "issue-certificate");
    let mut calls = Vec::new();
    for deal in DEALS {
        for paper in
            [json!({"unit": deal.unit}), json!({"unit": deal.unit, "mortgagee": PAYOFF_BANK})]
        {
            calls.push(call(of.0, of.1, input(town, of, &paper)?));
        }
    }
    applied("issue-certificate", registrar.actor.send(calls)?).map(drop)
}

/// Each supplier is admitted, and opens its accounts at both houses.
fn suppliers(town: &Town) -> Result<(), Fault> {
    let of = ("utilities", "admit-provider");
    let mut calls = Vec::new();
    for kind in UTILITIES {
        let admission = json!({"member": kind, "kind": kind, "licence": "示例许可〔2026〕1号"});
        let admission = input(town, of, &admission)?;
        let mandates = consents(town.person(kind)?, kind, &[(of, "supply", &admission)])?;
        calls.push(with(call(of.0, of.1, admission), mandates));
    }
    applied("admit-provider", town.person("authority")?.actor.send(calls)?)?;
    side_by_side(&UTILITIES, |kind| {
        let of = ("utilities", "open-account");
        let [holder, _] = SELLERS;
        let account = |deal: &&Deal| {
            let tail = deal.unit.get(20..).unwrap_or_default();
            let account = json!({
                "number": format!("{kind}-{tail}"), "kind": kind, "unit": deal.unit,
                "holder": holder, "meter": format!("M-{kind}-{tail}"),
            });
            Ok(call(of.0, of.1, input(town, of, &account)?))
        };
        let calls = DEALS.iter().map(account).collect::<Result<_, Fault>>()?;
        applied("open-account", town.person(kind)?.actor.send(calls)?).map(drop)
    })
}

/// What suppliers read of a request is catalogued: the registry keeps it.
fn catalogue(town: &Town) -> Result<(), Fault> {
    let groups: Vec<String> = UTILITIES.iter().map(|kind| format!("{kind}-payload")).collect();
    let resource = json!({
        "code": RESOURCE, "in_package": "utilities", "register": "part", "groups": groups,
        "claims": [], "title_zh": "公用事业过户所需信息",
        "title_en": "What suppliers are told when a house changes hands",
        "sharing": "conditional", "conditions": "新户主同意，读取一次", "update_cycle": "at-once",
        "standards": [], "personal": true, "assessment": "评估〔2026〕2号",
    });
    publish(town, "keeper", (RESOURCE, &resource))
}

/// A steward publishes a resource, the editor lists it.
fn publish(town: &Town, keeper: &str, (code, resource): (&str, &Json)) -> Result<(), Fault> {
    let of = ("disclosure", "publish-resource");
    let keeper = &town.person(keeper)?.actor;
    keeper.apply(of.0, of.1, input(town, of, resource)?, Vec::new())?;
    let listed = [("resource".into(), Value::from(code))].into();
    let editor = &town.person("catalogue")?.actor;
    editor.apply("disclosure", "list-resource", listed, Vec::new()).map(drop)
}

/// The escrow bank lets its own port read what is to be paid, a payment at a time. Gives the grant.
fn paying(town: &Town) -> Result<String, Fault> {
    let resource = json!({
        "code": MOVEMENTS, "in_package": "settlement", "register": "payment",
        "groups": ["movement"], "claims": [], "title_zh": "监管款项的金额及账户",
        "title_en": "Amounts and accounts of movements in escrow", "sharing": "conditional",
        "conditions": "付款所必需", "update_cycle": "at-once", "standards": [], "personal": true,
        "assessment": "评估〔2026〕3号",
    });
    publish(town, "bank-b-keeper", (MOVEMENTS, &resource))?;
    let of = ("disclosure", "apply-use");
    let application = json!({
        "resource": MOVEMENTS, "groups": ["movement"], "claims": [], "purpose": PAYING,
        "item": "1143130000TEXT021M3430715001000", "basis": "民法典 509", "from": day(0),
        "to": day(PAYING_DAYS), "records_max": 1,
    });
    let port = &town.person(PORT)?.actor;
    let applied = port.apply(of.0, of.1, input(town, of, &application)?, Vec::new())?;
    let of = ("disclosure", "grant-use");
    let decision = json!({
        "application": key_of(&applied, "application")?,
        "reason": {"zh": "付款所必需", "en": "needed to pay"},
    });
    let keeper = &town.person("bank-b-keeper")?.actor;
    key_of(&keeper.apply(of.0, of.1, input(town, of, &decision)?, Vec::new())?, "grant")
}
