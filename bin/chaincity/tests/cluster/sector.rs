//! Sector ids and blind questions on a running city: asked of the holders' nodes, on the ledger before
//! they are answered, within the quota, and answered again after a crash without counting twice.

use std::fs;
use std::path::Path;

use chaincity_sector::{Asked, Name, Pending, Person};
use chaincity_types::id::ResidentId;
use serde_json::{Value, json};

use crate::city::{City, NODES, Ran, chaincity, text};
use crate::disclosure::{DESK, call, done, key_of, publish_packages};
use crate::membership::govern;

/// Synthetic people, born in 1900.
const NUMBERS: [&str; 3] = ["431302190001010017", "431321190002280026", "43130219000301007X"];
const SECTOR: &str = "provident-fund";
/// The stewards, each with its officer, in the order of their evaluations.
const STEWARDS: [(&str, &str); 2] =
    [("registry", "registry-identity"), ("housing", "housing-identity")];
const PASSPHRASE: &str = "correct horse battery\n";

/// Makes a key beside a node's configuration; gives its public part.
fn new_key(city: &City, node: &str, (name, of): (&str, [&str; 2])) -> Value {
    let dir = Path::new(&city.config(node)).parent().unwrap().to_owned();
    let (key, public) = (dir.join(format!("{name}.key")), city.file(&format!("{name}.pub")));
    let passphrase = dir.join("sector.passphrase");
    fs::write(&passphrase, PASSPHRASE).unwrap();
    let ledger = city.ledger.to_string();
    let new = ["sector", "new-key", text(&key), "--public", &public, "--ledger", &ledger];
    let made = chaincity(&[&new, &of[..], &["--passphrase-file", text(&passphrase)]].concat());
    done(&made)["public"].clone()
}

fn hold(city: &City, node: &str, keys: &[&str]) {
    let config = city.config(node);
    let before = fs::read_to_string(&config).unwrap();
    let keys: Vec<_> = keys.iter().map(|name| format!("\"{name}.key\"")).collect();
    let keys = keys.join(", ");
    let section = format!("[sector]\nkeys = [{keys}]\npassphrase = \"sector.passphrase\"\n");
    fs::write(&config, format!("{before}\n{section}")).unwrap();
}

/// Officers of the stewards and of the city's data authority, and the package.
fn staff(city: &City) {
    let roles = |member: &str, roles: &[&str]| {
        govern(city, "set-member", &json!({"id": member, "roles": roles}));
    };
    let registry = ["registry.registrar", "steward.clerk", "reader.officer", "governance.admin"];
    roles("registry", &[&registry[..], &["identity.clerk"]].concat());
    let housing = ["housing.clerk", "auditor.officer", "governance.admin"];
    roles("housing", &[&housing[..], &["identity.clerk", "authority.officer"]].concat());
    for (name, member, role) in [
        (STEWARDS[0].1, "registry", "identity.clerk"),
        (STEWARDS[1].1, "housing", "identity.clerk"),
        ("data-1", "housing", "authority.officer"),
        ("data-2", "housing", "authority.officer"),
    ] {
        let key = done(&chaincity(&["key", "new", &city.key_file(name)]))["public"].clone();
        let operator = json!({"key": key, "member": member, "roles": [role]});
        call(city, &format!("{member}-admin"), ("governance", "add-operator"), &operator, &[]);
    }
    publish_packages(city, &["identity"]);
}

/// A member is admitted as identity steward, and publishes its key of the sector.
fn admit(city: &City, (place, public): (usize, &Value), persons_a_day: u32) {
    let (member, officer) = STEWARDS[place - 1];
    let proposal = json!({"member": member, "kinds": ["person"], "basis": "编办〔2026〕1号"});
    let proposed = call(city, "data-1", ("identity", "propose-steward"), &proposal, &[]);
    let entry = json!({"steward": key_of(&proposed, "inserted", "steward")});
    let input = entry.to_string();
    let give = ["mandate", "give", "identity", "confirm-steward", "--input", &input];
    let given = [&give[..], &["--for", "accept-stewardship"]].concat();
    let given = done(&city.run_as(officer, DESK, &given));
    let mandate = ["--mandate", given["mandate"].as_str().unwrap()];
    call(city, "data-2", ("identity", "confirm-steward"), &entry, &mandate);
    let key = json!({
        "sector": SECTOR, "epoch": 1, "place": place, "public_key": public,
        "persons_a_day": persons_a_day,
    });
    call(city, officer, ("identity", "publish-sector-key"), &key, &[]);
}

/// Ids of numbers, asked by an operator.
fn ask(city: &City, operator: &str, numbers: &[&str]) -> Ran {
    let file = city.file("numbers.txt");
    fs::write(&file, numbers.join("\n")).unwrap();
    let [first, second] = STEWARDS.map(|(member, _)| city.url(member));
    let ask = ["sector", "ask", &file, "--sector", SECTOR, "--steward-node", first];
    city.run_as(operator, DESK, &[&ask[..], &["--steward-node", second]].concat())
}

fn on_list(city: &City, operator: &str, numbers: &[&str]) -> Ran {
    let (file, tags) = (city.file("numbers.txt"), city.file("list.tags"));
    fs::write(&file, numbers.join("\n")).unwrap();
    let ask = ["sector", "on-list", &tags, &file, "--owner-node", city.url("registry")];
    city.run_as(operator, DESK, &ask)
}

fn refused(ran: &Ran, code: &str) {
    assert_eq!((ran.code, &ran.json()[0]["code"]), (4, &json!(code)), "{ran:?}");
    let told = &ran.json()[0];
    assert!(!told["zh"].as_str().unwrap().is_ascii() && told["en"].as_str().unwrap().is_ascii());
    for number in NUMBERS {
        assert!(!ran.out.contains(number), "{}", ran.out);
    }
}

/// About how many persons members asked, of each key, as the ledger has it.
fn counted(city: &City) -> Vec<(Value, Value)> {
    let query = ["query", "identity", "question-day", "--where", "member=bank-a"];
    let lines = city.run_as("bank-a", DESK, &query).json();
    let mut counted: Vec<_> =
        lines.into_iter().filter(|line| line.get("persons").is_some()).collect();
    counted.iter_mut().map(|line| (line["key"].take(), line["persons"].take())).collect()
}

#[test]
fn offices_ask_two_stewards_and_a_lists_owner_on_the_ledger() {
    let mut city = City::found(1_000);
    let of_sector = ["--sector", SECTOR];
    let first = new_key(&city, "registry", ("first", of_sector));
    let second = new_key(&city, "housing", ("second", of_sector));
    let list = new_key(&city, "registry", ("list", ["--list", "defaulters"]));
    hold(&city, "registry", &["first", "list"]);
    hold(&city, "housing", &["second"]);
    city.start(&NODES);
    staff(&city);
    refused_without_a_key(&city);
    admit(&city, (1, &first), 4);
    admit(&city, (2, &second), 4);

    let ran = ask(&city, "bank-a", &NUMBERS[..2]);
    assert_eq!(ran.code, 0, "{ran:?}{}", city.logs());
    let ids = ran.json();
    assert!(ids[0]["id"].as_str().unwrap().starts_with("provident-fund.1.") && ids.len() == 2);
    let other = done(&ask(&city, "court", &NUMBERS[1..2]));
    assert_eq!(other["id"], ids[1]["id"], "another office, the same person");
    refused(&ask(&city, "bank-a", &NUMBERS), "sector-quota-exceeded");
    refused(&ask(&city, "keeper", &NUMBERS[..1]), "not-asker");
    let counts = counted(&city);
    assert_eq!(counts.iter().map(|(_, n)| n).collect::<Vec<_>>(), [&json!(2), &json!(2)]);
    a_crash_of_the_holders_node_counts_nothing_twice(&mut city);

    let members = city.file("members.csv");
    fs::write(&members, format!("no\n{}\n", NUMBERS[0])).unwrap();
    let dir = Path::new(&city.config("registry")).parent().unwrap().to_owned();
    let (key, pass) = (dir.join("list.key"), dir.join("sector.passphrase"));
    let tags = city.file("list.tags");
    let make = ["sector", "list", &members, "--column", "no", "--key", text(&key), "--out", &tags];
    done(&chaincity(&[&make[..], &["--passphrase-file", text(&pass)]].concat()));
    let published =
        json!({"list": "defaulters", "epoch": 1, "public_key": list, "persons_a_day": 2});
    let unpublished = on_list(&city, "bank-a", &NUMBERS[..1]);
    assert_eq!(unpublished.json()[0]["code"], "sector-key-unpublished", "{unpublished:?}");
    call(&city, "keeper", ("identity", "publish-list-key"), &published, &[]);
    let told = on_list(&city, "bank-a", &NUMBERS[..2]);
    assert_eq!(told.code, 0, "{told:?}{}", city.logs());
    let listed: Vec<_> = told.json().iter().map(|told| told["listed"].clone()).collect();
    assert_eq!(listed, [json!(true), json!(false)]);
    refused(&on_list(&city, "bank-a", &NUMBERS[2..]), "sector-quota-exceeded");
}

fn refused_without_a_key(city: &City) {
    let ran = ask(city, "bank-a", &NUMBERS[..1]);
    assert_eq!(
        (ran.code, &ran.json()[0]["code"]),
        (6, &json!("sector-key-unpublished")),
        "{ran:?}"
    );
}

/// The question stands on the ledger; the node dies before the answer is there, and answers it later.
fn a_crash_of_the_holders_node_counts_nothing_twice(city: &mut City) {
    let (holder, _) = STEWARDS[0];
    let bank = city.client(&[DESK], "bank-a");
    let keys = bank.sector_keys(&Name::new(SECTOR).unwrap(), None).unwrap();
    let today = jiff::civil::date(2026, 11, 27);
    let person = Person::of(&ResidentId::parse(NUMBERS[2], today).unwrap().value);
    let pending = Pending::blind(keys[0].public.scope(), &[person], &mut rand::rng()).unwrap();
    let asked = Asked::First(pending.blinded().clone());
    let holding = |city: &City| city.client(&[holder], "bank-a");
    let first = bank.evaluated(&asked, &keys[0], &holding(city)).unwrap();
    let counts = counted(city);
    city.kill(&[holder]);
    city.start(&[holder]);
    let again = bank.evaluated(&asked, &keys[0], &holding(city)).unwrap();
    assert_eq!(again.steps()[0].elements(), first.steps()[0].elements());
    assert_eq!(counted(city), counts);
}
