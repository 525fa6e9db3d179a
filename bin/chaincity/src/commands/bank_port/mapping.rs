//! A package's mapping `ports/bank.yaml`: which register the port follows, where an instruction's
//! fields come from, and which actions answer. Data, so that another package needs no code; no part
//! of the document that is voted on.

use std::collections::BTreeMap;

use chaincity_client::api::record::Record;
use chaincity_package::Problem;
use chaincity_package::model::{Action, Field, FieldType, Package, Register};
use chaincity_types::Str;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// Path of the mapping within a package.
pub(super) const FILE: &str = "ports/bank.yaml";
/// Its name.
const NAME: &str = "bank";
/// Largest mapping, in bytes.
const BYTES_MAX: usize = 65_536;
/// Most registers of a mapping.
const PAYMENTS_MAX: usize = 16;

/// The heads of paths that name no group.
const RECORD: &str = "record";
const OUTCOME: &str = "outcome";
/// A record's key, among its fields.
const OWN_KEY: &str = "_key";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    port: String,
    payments: Vec<Payments>,
}

/// One register whose records are paid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payments {
    pub(super) register: String,
    /// The field that names the member whose bank pays.
    pub(super) bank: String,
    /// The fields that say: to be paid.
    pub(super) when: BTreeMap<String, String>,
    /// What an access names as its case.
    #[serde(default)]
    pub(super) case: Option<Path>,
    pub(super) instruction: Fields,
    pub(super) settled: Answer,
    pub(super) failed: Answer,
}

/// Where the fields of an instruction come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    pub(super) amount_fen: Path,
    pub(super) to: Path,
    #[serde(default)]
    pub(super) from: Option<Path>,
    #[serde(default)]
    pub(super) payer_name: Option<Path>,
    #[serde(default)]
    pub(super) payee_name: Option<Path>,
}

impl Fields {
    fn all(&self) -> impl Iterator<Item = &Path> {
        let optional = [&self.from, &self.payer_name, &self.payee_name];
        [&self.amount_fen, &self.to].into_iter().chain(optional.into_iter().flatten())
    }
}

/// An action that says what became of a payment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) action: String,
    input: BTreeMap<String, Input>,
}

/// What an input of such an action is given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Input {
    /// What a path leads to.
    One(Path),
    /// A list with one entry, for an action that answers for many payments at a time.
    Entry([BTreeMap<String, Path>; 1]),
}

impl Answer {
    /// The action's input for one payment; what leads nowhere is left out.
    pub(super) fn input(&self, values: &Values<'_>) -> Map<String, Json> {
        let mut input = Map::new();
        for (name, given) in &self.input {
            let value = match given {
                Input::One(path) => values.get(path),
                Input::Entry([fields]) => {
                    let entry = fields.iter();
                    let entry =
                        entry.filter_map(|(name, path)| Some((name.clone(), values.get(path)?)));
                    Some(Json::Array(vec![Json::Object(entry.collect())]))
                }
            };
            if let Some(value) = value {
                input.insert(name.clone(), value);
            }
        }
        input
    }
}

/// A path, or several that are joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathText")]
pub(super) struct Path(Vec<(String, String)>);

#[derive(Deserialize)]
#[serde(untagged)]
enum PathText {
    One(String),
    Several(Vec<String>),
}

impl TryFrom<PathText> for Path {
    type Error = String;

    fn try_from(text: PathText) -> Result<Self, String> {
        let texts = match text {
            PathText::One(text) => vec![text],
            PathText::Several(texts) => texts,
        };
        let step = |text: String| {
            let (head, field) = text.split_once('.').unwrap_or_default();
            let whole = !head.is_empty() && !field.is_empty() && !field.contains('.');
            let step = (head.to_owned(), field.to_owned());
            if whole { Ok(step) } else { Err(format!("`{text}` is no path")) }
        };
        let steps: Vec<_> = texts.into_iter().map(step).collect::<Result<_, _>>()?;
        if steps.is_empty() { Err("a path is missing".to_owned()) } else { Ok(Self(steps)) }
    }
}

/// What paths lead into.
#[derive(Debug)]
pub(super) struct Values<'a> {
    pub(super) record: &'a Record,
    /// The opened groups, by name.
    pub(super) groups: BTreeMap<String, Map<String, Json>>,
    /// What the core told, by the names that mappings use.
    pub(super) outcome: Map<String, Json>,
}

impl Values<'_> {
    /// The value at the end of a path; of several paths their joined texts.
    pub(super) fn get(&self, path: &Path) -> Option<Json> {
        if let [step] = path.0.as_slice() {
            return self.step(step);
        }
        let texts: Option<Vec<String>> =
            path.0.iter().map(|step| self.step(step).as_ref().and_then(text)).collect();
        Some(Json::String(texts?.join("/")))
    }

    /// The same as a text.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        self.get(path).as_ref().and_then(text)
    }

    fn step(&self, (head, field): &(String, String)) -> Option<Json> {
        let value = match head.as_str() {
            RECORD if field == OWN_KEY => return Some(Json::String(self.record.key.clone())),
            RECORD => self.record.fields.get(field),
            OUTCOME => self.outcome.get(field),
            group => self.groups.get(group)?.get(field),
        };
        value.filter(|value| !value.is_null()).cloned()
    }
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

impl Payments {
    /// The encrypted groups that an instruction is made from.
    pub(super) fn groups(&self) -> Vec<String> {
        let steps = self.instruction.all().flat_map(|path| &path.0);
        let mut groups: Vec<String> =
            steps.map(|(head, _)| head).filter(|head| *head != RECORD).cloned().collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Whether a live record waits to be paid by this member.
    pub(super) fn waits(&self, record: &Record, member: &str) -> bool {
        let is = |field: &str, value: &str| {
            record.fields.get(field).and_then(Json::as_str) == Some(value)
        };
        record.status == "live"
            && is(&self.bank, member)
            && self.when.iter().all(|(field, value)| is(field, value))
    }
}

/// Reads a mapping and checks it against its package.
///
/// # Errors
/// Everything that does not fit.
pub(crate) fn compile(
    path: &str,
    text: &str,
    package: &Package,
) -> Result<Vec<Payments>, Vec<Problem>> {
    let unreadable = |cause: &str| {
        let cause = (format!("无法读取：{cause}"), cause.to_owned());
        let mend = ("按文件格式改正", "correct it to the file's form");
        vec![Problem::error("yaml", path, cause, mend)]
    };
    if text.len() > BYTES_MAX {
        return Err(unreadable("the file is too large"));
    }
    let file: File = serde_saphyr::from_str(text)
        .map_err(|error| unreadable(error.to_string().lines().next().unwrap_or_default()))?;
    let mut checker = Checker { path, package, problems: Vec::new() };
    if file.port != NAME {
        checker.unknown("port", &file.port);
    }
    if file.payments.is_empty() || file.payments.len() > PAYMENTS_MAX {
        let cause = ("登记簿数目须为1至16", "1 to 16 registers are named");
        checker.refuse("payments", cause.0, cause.1);
    }
    for payments in &file.payments {
        checker.payments(payments);
    }
    if checker.problems.is_empty() { Ok(file.payments) } else { Err(checker.problems) }
}

struct Checker<'a> {
    path: &'a str,
    package: &'a Package,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn refuse(&mut self, place: &str, zh: &str, en: &str) {
        let mend = ("改正映射", "correct the mapping");
        let place = format!("{}: {place}", self.path);
        self.problems.push(Problem::error("port-mapping", place, (zh, en), mend));
    }

    fn unknown(&mut self, place: &str, name: &str) {
        self.refuse(place, &format!("未知的`{name}`"), &format!("`{name}` is unknown"));
    }

    fn payments(&mut self, payments: &Payments) {
        let place = &payments.register;
        let Some(register) = self.package.registers.get(place.as_str()) else {
            self.unknown("register", place);
            return;
        };
        let leads = |field: &str| {
            register.indexes.values().any(|i| i.fields.first().is_some_and(|first| first == field))
        };
        if !leads(&payments.bank) {
            let (zh, en) = (
                format!("`{}`不是任何索引的首个字段", payments.bank),
                format!("`{}` is not the first field of an index", payments.bank),
            );
            self.refuse(place, &zh, &en);
        }
        if payments.when.is_empty() {
            self.refuse(place, "缺少 when", "`when` is missing");
        }
        for field in payments.when.keys().filter(|field| !has_field(register, field)) {
            self.unknown(place, field);
        }
        for path in payments.instruction.all() {
            self.path(place, register, path, &[]);
        }
        if let Some(case) = &payments.case {
            self.path(place, register, case, &[]);
            if case.0.iter().any(|(head, _)| head != RECORD) {
                self.refuse(place, "业务号须取自记录", "the case comes from the record");
            }
        }
        if !self.is_amount(register, &payments.instruction.amount_fen) {
            self.refuse(place, "金额须为 fen 字段", "the amount is no field of type fen");
        }
        self.answer(register, &payments.settled, &["reference", "booked_on"]);
        self.answer(register, &payments.failed, &["reason"]);
    }

    /// Checks a path; `outcome` are the fields of the outcome that it may name.
    fn path(&mut self, place: &str, register: &Register, path: &Path, outcome: &[&str]) {
        for (head, field) in &path.0 {
            let known = match head.as_str() {
                RECORD => field == OWN_KEY || has_field(register, field),
                OUTCOME => outcome.contains(&field.as_str()),
                group => {
                    holds(register, group)
                        && self
                            .package
                            .groups
                            .get(group)
                            .is_some_and(|group| group.fields.contains_key(field.as_str()))
                }
            };
            if !known {
                self.unknown(place, &format!("{head}.{field}"));
            }
        }
    }

    fn is_amount(&self, register: &Register, path: &Path) -> bool {
        let [(head, field)] = path.0.as_slice() else { return false };
        let fields = if head == RECORD {
            Some(&register.fields)
        } else {
            self.package.groups.get(head.as_str()).map(|group| &group.fields)
        };
        let field = fields.and_then(|fields| fields.get(field.as_str()));
        field.is_some_and(|field| field.kind == FieldType::Fen)
    }

    fn answer(&mut self, register: &Register, answer: &Answer, outcome: &[&str]) {
        let place = &answer.action;
        let Some(action) = self.package.actions.get(place.as_str()) else {
            self.unknown("action", place);
            return;
        };
        let action: &Action = action;
        for (name, given) in &answer.input {
            let field = action.input.get(name.as_str());
            match given {
                _ if field.is_none() => self.unknown(place, name),
                Input::One(path) => self.given(place, register, path, outcome),
                Input::Entry([paths]) => {
                    let Some(fields) = field.and_then(|field| entry(&field.kind)) else {
                        let (zh, en) = (
                            format!("`{name}`不是由条目组成的列表"),
                            format!("`{name}` is no list of entries"),
                        );
                        self.refuse(place, &zh, &en);
                        continue;
                    };
                    for (name, path) in paths {
                        if !fields.contains_key(name.as_str()) {
                            self.unknown(place, name);
                        }
                        self.given(place, register, path, outcome);
                    }
                    self.complete(place, fields, paths);
                }
            }
        }
        self.complete(place, &action.input, &answer.input);
    }

    /// Checks a path that leads to an input.
    fn given(&mut self, place: &str, register: &Register, path: &Path, outcome: &[&str]) {
        if path.0.iter().any(|(head, _)| head != RECORD && head != OUTCOME) {
            let (zh, en) = ("输入不得取自加密组", "an input comes from an encrypted group");
            self.refuse(place, zh, en);
        }
        self.path(place, register, path, outcome);
    }

    /// Whatever is not optional is given.
    fn complete<T>(
        &mut self,
        place: &str,
        fields: &BTreeMap<Str, Field>,
        given: &BTreeMap<String, T>,
    ) {
        let missing = fields
            .iter()
            .filter(|(name, field)| !field.optional && !given.contains_key(name.as_str()));
        for (name, _) in missing {
            let (zh, en) = (format!("缺少输入`{name}`"), format!("the input `{name}` is missing"));
            self.refuse(place, &zh, &en);
        }
    }
}

/// The fields of an entry, when this is a list of such.
fn entry(kind: &FieldType) -> Option<&BTreeMap<Str, Field>> {
    let FieldType::List(item, _) = kind else { return None };
    if let FieldType::Map(fields) = &**item { Some(fields) } else { None }
}

fn has_field(register: &Register, field: &str) -> bool {
    register.fields.contains_key(field)
}

/// Whether the register's records hold this group.
fn holds(register: &Register, group: &str) -> bool {
    register.fields.values().any(|field| field.kind.group().is_some_and(|name| **name == *group))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shipped;

    fn compiled(package: &str, text: &str) -> Result<Vec<Payments>, Vec<Problem>> {
        compile(FILE, text, &shipped::source(package).unwrap().compile().unwrap())
    }

    /// The shipped mapping of a register.
    fn of(package: &str, register: &str) -> Payments {
        let all = compiled(package, shipped::file(package, FILE).unwrap()).unwrap();
        all.into_iter().find(|payments| payments.register == register).unwrap()
    }

    fn record(fields: &Json) -> Record {
        let mut record = json!({
            "_key": "P-1", "_version": 1, "_status": "live", "_began": "2026-09-01T00:00:00Z",
            "_by": {"operator": "", "member": "", "package": "", "package_version": 1,
                    "action": "", "transaction": "", "call": 0, "height": 1},
        });
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn the_shipped_mappings_fit_their_packages() {
        assert_eq!(of("settlement", "payment").groups(), ["movement"]);
        assert!(of("engineering-funds", "payment").groups().is_empty());
        assert!(of("engineering-funds", "wage").groups().is_empty());
    }

    #[test]
    fn a_list_of_entries_is_answered_for_one_payment_at_a_time() {
        let good = shipped::file("engineering-funds", FILE).unwrap();
        let (list, items) = ("list: record.list", "items: [{wage: record._key, ");
        for (from, to) in [
            (list, "list: [{wage: record._key}]"),
            (items, "items: [{wage: record._key}, {"),
            (items, "items: [{worker: record._key, "),
            (items, "items: [{wage: record.key, "),
            (items, "items: [{wage: outcome.reason, "),
            (items, "items: [{"),
            (items, "wages: [{wage: record._key, "),
        ] {
            assert!(good.contains(from), "{from}");
            let bad = good.replacen(from, to, 1);
            assert!(compiled("engineering-funds", &bad).is_err(), "{from} → {to}");
        }
        let record = record(&json!({"list": "L-1", "worker": "W-1", "deposit": "D-1"}));
        let outcome = json!({"reference": "K-1", "booked_on": "2026-09-01"});
        let outcome = outcome.as_object().unwrap().clone();
        let values = Values { record: &record, groups: BTreeMap::new(), outcome };
        let input = of("engineering-funds", "wage").settled.input(&values);
        let expected = json!({
            "list": "L-1", "items": [{"wage": "P-1", "reference": "K-1"}], "on": "2026-09-01",
        });
        assert_eq!(Json::Object(input.clone()), expected);
        let package = shipped::source("engineering-funds").unwrap().compile().unwrap();
        let action = package.actions.get("settle-wages").unwrap();
        assert!(chaincity_package::json::to_fields(&action.input, &input).is_ok());
    }

    #[test]
    fn a_mapping_that_does_not_fit_is_refused() {
        let good = shipped::file("settlement", FILE).unwrap();
        for (from, to) in [
            ("port: bank", "port: post"),
            ("register: payment", "register: payments"),
            ("bank: escrow", "bank: kind"),
            ("state: instructed", "stage: instructed"),
            ("{state: instructed}", "{}"),
            ("movement.amount", "movement.sum"),
            ("amount_fen: movement.amount", "amount_fen: movement.account"),
            ("movement.account", "sheet.account"),
            ("movement.account", "outcome.reference"),
            ("movement.account", "account"),
            ("case: record.sheet", "case: movement.account"),
            ("confirm-payment", "confirm"),
            ("reference: outcome.reference, ", ""),
            ("on: outcome.booked_on", "on: outcome.reason"),
            ("on: outcome.booked_on", "on: outcome.booked_on, more: record._key"),
            ("reason: outcome.reason", "reason: movement.payee"),
            ("instruction:", "instructions:"),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(compiled("settlement", &good.replacen(from, to, 1)).is_err(), "{from} → {to}");
        }
        assert!(compiled("settlement", good).is_ok());
        assert!(compiled("settlement", &format!("{good}{}", " ".repeat(BYTES_MAX))).is_err());
    }

    #[test]
    fn a_record_waits_while_it_is_live_instructed_and_this_banks() {
        let payments = of("settlement", "payment");
        let waiting = record(&json!({"escrow": "bank-c", "state": "instructed"}));
        assert!(payments.waits(&waiting, "bank-c"));
        assert!(!payments.waits(&waiting, "bank-d"));
        let paid = record(&json!({"escrow": "bank-c", "state": "paid"}));
        assert!(!payments.waits(&paid, "bank-c"));
        let closed = Record { status: "closed".to_owned(), ..waiting };
        assert!(!payments.waits(&closed, "bank-c"));
    }

    #[test]
    fn paths_lead_to_what_they_name() {
        let record =
            record(&json!({"contract": "C-1", "kind": "works", "amount": 700, "due": null}));
        let group = json!({"amount": 5}).as_object().unwrap().clone();
        let outcome = json!({"reference": "K-1"}).as_object().unwrap().clone();
        let groups = BTreeMap::from([("movement".to_owned(), group)]);
        let values = Values { record: &record, groups, outcome };
        let path = |text: Json| serde_json::from_value::<Path>(text).unwrap();
        assert_eq!(values.get(&path(json!("record._key"))), Some(json!("P-1")));
        assert_eq!(values.get(&path(json!("record.amount"))), Some(json!(700)));
        assert_eq!(values.get(&path(json!("movement.amount"))), Some(json!(5)));
        assert_eq!(values.get(&path(json!("outcome.reference"))), Some(json!("K-1")));
        let joined = path(json!(["record.contract", "record.kind"]));
        assert_eq!(values.text(&joined).unwrap(), "C-1/works");
        for nothing in ["record.due", "record.none", "sheet.amount"] {
            assert_eq!(values.get(&path(json!(nothing))), None, "{nothing}");
        }
        for bad in [json!("record"), json!("record."), json!(".x"), json!("a.b.c"), json!([])] {
            assert!(serde_json::from_value::<Path>(bad.clone()).is_err(), "{bad}");
        }
    }
}
