//! Blinded registers: what a member with the whole ledger and one id of a person finds, and how a
//! person acts under an id of one family.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::pseudonym::{Family, pseudonym};
use chaincity_package::source;
use chaincity_types::wire::{Call, Genesis, LogicalKey, Mode, Version};
use chaincity_types::{Digest, Value, cbor};

use crate::desk::{self, Desk, Signed, key, mandate_call, member, operator, outcome, with};

const PACKAGE: &str = "package: homes\nversion: 1\ntitle: {zh: 住房, en: Homes}\n\
    roles: {homes.clerk: {zh: 经办人, en: Clerk}}\n";
const GROUP: &str = "group: holder\ntitle: {zh: 权利人, en: Holder}\nsteward: homes.clerk\n\
    fields: {subject: subject}\n";
const HOLDING: &str = "register: holding\ntitle: {zh: 权利, en: Holding}\nsteward: homes.clerk\n\
    key: auto\nvisibility: blinded\nfields:\n  unit: text(40)\n  \
    holder: \"pseudonym(holder.subject, unit)\"\n  details: sealed(holder)\n\
    indexes: {by_holder: {fields: [holder]}}\n";
const LEVY: &str = "register: levy\ntitle: {zh: 费用, en: Levy}\nsteward: homes.clerk\nkey: auto\n\
    visibility: blinded\nfields:\n  unit: text(40)\n  holding: ref(holding)\n  \
    payer: \"pseudonym(holder.subject, unit)\"\n";
const LISTING: &str = "register: listing\ntitle: {zh: 名单, en: Listing}\nsteward: homes.clerk\n\
    key: auto\nvisibility: blinded\nfields: {listed: \"pseudonym(sector: homes-list)\"}\n";
const HOLD: &str = "action: hold\ntitle: {zh: 登记, en: Hold}\nby: homes.clerk\n\
    mandates: [{of: input.holder, for: hold}]\ninput:\n  unit: text(40)\n  \
    holder: \"pseudonym(holder.subject, unit)\"\n  details: sealed(holder)\ndo:\n  \
    - insert: {register: holding, as: new, fields: {unit: input.unit, holder: input.holder, details: input.details}}\n  \
    - event: {kind: held, register: holding, key: new._key}\n";
const CHARGE: &str = "action: charge\ntitle: {zh: 计费, en: Charge}\nby: homes.clerk\n\
    input: {holding: ref(holding)}\nlet: {holding: \"get(holding, input.holding)\"}\ndo:\n  \
    - insert: {register: levy, fields: {unit: holding.unit, holding: input.holding, payer: holding.holder}}\n";
const LIST: &str = "action: list\ntitle: {zh: 列入, en: List}\nby: homes.clerk\n\
    input: {listed: \"pseudonym(sector: homes-list)\"}\ndo:\n  \
    - insert: {register: listing, fields: {listed: input.listed}}\n";

/// The package; `open` as it would be without pseudonyms.
fn document(open: bool) -> Vec<u8> {
    let files = [
        ("package.yaml", PACKAGE),
        ("groups/holder.yaml", GROUP),
        ("registers/holding.yaml", HOLDING),
        ("registers/levy.yaml", LEVY),
        ("registers/listing.yaml", LISTING),
        ("actions/hold.yaml", HOLD),
        ("actions/charge.yaml", CHARGE),
        ("actions/list.yaml", LIST),
    ];
    let plain = |text: &str| {
        text.replace("visibility: blinded\n", "")
            .replace("\"pseudonym(holder.subject, unit)\"", "subject")
            .replace("\"pseudonym(sector: homes-list)\"", "subject")
    };
    let texts = files.map(|(path, text)| (path, if open { plain(text) } else { text.to_owned() }));
    let files = texts.each_ref().map(|(path, text)| (*path, text.as_str()));
    let source = source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    if let Err(problems) = source.compile() {
        panic!("{problems:#?}");
    }
    source.doc.to_bytes()
}

const PEOPLE: [&str; 2] = ["S:police:00000001", "S:police:00000002"];
const UNITS: [&str; 2] = ["unit-1", "unit-2"];
const SECTOR: &str = "homes-list";

/// The id under which a person stands in a family: a unit, or the sector.
fn id(open: bool, person: &str, family: &str) -> String {
    if open {
        return person.to_owned();
    }
    let ledger = Digest([9; 32]);
    // Another key stands for the sector's stewards.
    let key = Secret::from_bytes([u8::from(family == SECTOR); 32]);
    let group = if family == SECTOR { SECTOR } else { "holder" };
    let of = Family { ledger, package: "homes", group, field: "subject", scope: family };
    pseudonym(&key, &of, person)
}

/// The name of the key with which he signs there: one of its own in each family.
fn signer(open: bool, person: &str, family: &str) -> String {
    if open { person.to_owned() } else { format!("{person} in {family}") }
}

/// What the ledger shows of one thing that happened, and whom and where it was about.
struct Fact {
    about: (&'static str, &'static str),
    values: BTreeSet<Vec<u8>>,
}

/// The town with everything that happened in it.
struct Town {
    desk: Desk,
    open: bool,
    facts: Vec<Fact>,
}

impl Town {
    fn new(open: bool) -> Self {
        let mut operators = vec![operator("clerk", "alpha", &["homes.clerk"], None)];
        let mut facts = Vec::new();
        for person in PEOPLE {
            for family in UNITS.into_iter().chain([SECTOR]) {
                let (name, id) = (signer(open, person, family), id(open, person, family));
                let values = [key(&name), id.as_bytes().to_vec()].into();
                facts.push(Fact { about: (person, family), values });
                if !operators.iter().any(|known| known.key == key(&name)) {
                    operators.push(operator(&name, "people", &[], Some(&id)));
                }
            }
        }
        let genesis = Genesis {
            members: vec![member("alpha", &["homes.clerk"]), member("people", &[])],
            nodes: desk::genesis().nodes.into_iter().take(1).collect(),
            operators,
            packages: vec![document(open).into()],
            ..desk::genesis()
        };
        Self { desk: Desk::after(&genesis), open, facts }
    }

    /// Runs a call, and notes what everybody sees of it.
    fn play(&mut self, about: (&'static str, &'static str), by: &str, call: Call) -> String {
        let signed = self.desk.sign(by, Mode::Atomic, vec![call]);
        let executed = self.desk.block(std::slice::from_ref(&signed));
        assert_eq!(outcome(&executed.receipts[0]), "applied");
        let mut values = shown(&signed);
        for written in &executed.versions {
            let version: Version = cbor::decode(&written.bytes, 1 << 20).unwrap();
            match &version.key {
                LogicalKey::Record { key, .. } => values.extend([key.as_bytes().to_vec()]),
                LogicalKey::Index { values: of, .. } => {
                    of.iter().for_each(|v| leaves(v, &mut values));
                }
                _ => {}
            }
            version.fields.values().for_each(|value| leaves(value, &mut values));
        }
        self.facts.push(Fact { about, values });
        let events = &executed.receipts[0].entries[0].events;
        // The mandate that a call used up has its event before the call's own.
        events.last().map(|event| event.key.to_string()).unwrap_or_default()
    }

    fn live(&mut self) {
        let mut salt = 0;
        for person in PEOPLE {
            for unit in UNITS {
                salt += 1;
                let about = (person, unit);
                let holder = id(self.open, person, unit);
                let call = Call {
                    package: "homes".into(),
                    ..desk::call(
                        "hold",
                        [
                            ("unit", unit.into()),
                            ("holder", holder.as_str().into()),
                            ("details", Value::Bytes(vec![salt; 32])),
                        ],
                    )
                };
                let mandate = mandate_call(self.desk.time, &holder, "hold", &call);
                let mandate = self.play(about, &signer(self.open, person, unit), mandate);
                let holding = self.play(about, "clerk", with(call, &[&mandate]));
                let charge = desk::call("charge", [("holding", holding.as_str().into())]);
                self.play(about, "clerk", Call { package: "homes".into(), ..charge });
            }
            let listed = id(self.open, person, SECTOR);
            let list = desk::call("list", [("listed", listed.as_str().into())]);
            self.play((person, SECTOR), "clerk", Call { package: "homes".into(), ..list });
        }
    }

    /// The families that whoever has the whole ledger, and a person's records in the first unit,
    /// leads back to him by any value that tells one person from another.
    fn found(&self, person: &'static str) -> BTreeSet<(&'static str, &'static str)> {
        let mut whose: BTreeMap<&[u8], BTreeSet<&str>> = BTreeMap::new();
        for fact in &self.facts {
            for value in &fact.values {
                whose.entry(value).or_default().insert(fact.about.0);
            }
        }
        let mut known: BTreeSet<&[u8]> = BTreeSet::new();
        let mut found = BTreeSet::from([(person, UNITS[0])]);
        loop {
            let before = (known.len(), found.len());
            for fact in &self.facts {
                let telling = fact.values.iter().filter(|value| whose[value.as_slice()].len() == 1);
                let telling: Vec<&[u8]> = telling.map(Vec::as_slice).collect();
                if found.contains(&fact.about) || telling.iter().any(|v| known.contains(v)) {
                    found.insert(fact.about);
                    known.extend(telling);
                }
            }
            if before == (known.len(), found.len()) {
                return found;
            }
        }
    }
}

/// Everything that a transaction says, its signer included.
fn shown(signed: &Signed) -> BTreeSet<Vec<u8>> {
    let mut values = BTreeSet::from([signed.operator.clone()]);
    for call in &signed.transaction.calls {
        call.input.values().for_each(|value| leaves(value, &mut values));
        let mandates = call.mandates.iter().flatten();
        values.extend(mandates.map(|mandate| mandate.as_bytes().to_vec()));
    }
    values
}

fn leaves(value: &Value, into: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::Text(text) => into.extend([text.as_bytes().to_vec()]),
        Value::Bytes(bytes) => into.extend([bytes.clone()]),
        Value::List(items) => items.iter().for_each(|item| leaves(item, into)),
        Value::Map(map) => map.values().for_each(|item| leaves(item, into)),
        _ => {}
    }
}

#[test]
fn whoever_has_the_whole_ledger_and_one_id_of_a_person_finds_no_other_family_of_his() {
    let mut town = Town::new(false);
    town.live();
    assert_eq!(town.facts.len(), 2 * (3 + 2 * 3 + 1));
    for person in PEOPLE {
        assert_eq!(town.found(person), [(person, UNITS[0])].into());
    }
}

#[test]
fn the_same_search_finds_everything_where_persons_stand_under_one_id() {
    let mut town = Town::new(true);
    town.live();
    for person in PEOPLE {
        let all = [(person, UNITS[0]), (person, UNITS[1]), (person, SECTOR)];
        assert_eq!(town.found(person), all.into());
    }
}

#[test]
fn a_person_acts_with_the_key_of_the_family_and_no_other() {
    let mut town = Town::new(false);
    let [person, other] = PEOPLE;
    let holder = id(false, person, UNITS[0]);
    let call = |holder: &str| Call {
        package: "homes".into(),
        ..desk::call(
            "hold",
            [
                ("unit", UNITS[0].into()),
                ("holder", holder.into()),
                ("details", Value::Bytes(vec![1; 32])),
            ],
        )
    };
    let wanted = call(&holder);
    assert_eq!(town.desk.outcome("clerk", wanted.clone()), "mandate-missing");
    let mandate = mandate_call(town.desk.time, &holder, "hold", &wanted);
    for (person, family) in [(person, UNITS[1]), (person, SECTOR), (other, UNITS[0])] {
        let by = signer(false, person, family);
        assert_eq!(town.desk.outcome(&by, mandate.clone()), "not-authorised");
    }
    let given = town.desk.mandate(&signer(false, person, UNITS[0]), &holder, "hold", &wanted);
    town.desk.applied("clerk", with(wanted, &[&given]));
    // Neither the id that he has everywhere nor that of another family stands there.
    for wrong in [person.to_owned(), id(false, person, SECTOR), holder.to_uppercase()] {
        assert_eq!(town.desk.outcome("clerk", call(&wrong)), "invalid-input");
    }
}
