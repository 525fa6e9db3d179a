//! A city with one node, a read model that follows when it is told to, a vault, and people.

pub mod counter;
pub mod package;

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::ReaderKey;
use chaincity_crypto::suite::SecretKey;
use chaincity_crypto::{cose, hash};
use chaincity_pipeline::NodeApi as _;
use chaincity_query::{Filter, Op, ReadModel, Select, StatusFilter};
use chaincity_release::Agent;
use chaincity_testing::desk::{BEGIN, Desk};
use chaincity_types::wire::{
    Call, Event, Genesis, GenesisMember, GenesisNode, GenesisOperator, LogicalKey, Outcome,
    PROTOCOL, Receipt, Validator, Version,
};
use chaincity_types::{Digest, Str, Value, cbor};
use chaincity_vault::{Cost, Passphrase, Place, Sealing, Term, Vault};
use futures::executor::block_on;
use tempfile::TempDir;

use counter::Counter;
use package::{GROUP, LOAN, PACKAGE, REGISTER};

/// Planted: they stand in the vault and in the reader's hands, and nowhere else.
pub const NAME: &str = "测试甲planted";
pub const ID_NUMBER: &str = "110101190001010007planted";

pub const SUBJECT: &str = "测试甲";
pub const STEWARD: &str = "registry";
pub const OTHER_STEWARD: &str = "fund-centre";
pub const READER: &str = "bank-a";
pub const PURPOSE: &str = "贷款审查";
/// Stands in the vault alone.
pub const CASE: &str = "贷1号planted";
const DAYS: i32 = 100;

/// Name, member, roles, subject.
const PEOPLE: [(&str, &str, &[&str], Option<&str>); 11] = [
    ("keeper", STEWARD, &["files.clerk", "steward.clerk"], None),
    ("insider", STEWARD, &["reader.officer"], None),
    ("agent", STEWARD, &["steward.agent"], None),
    ("second-agent", STEWARD, &["steward.agent"], None),
    ("other-keeper", OTHER_STEWARD, &["steward.clerk"], None),
    ("other-agent", OTHER_STEWARD, &["steward.agent"], None),
    ("editor", "data-bureau", &["catalogue.editor"], None),
    ("auditor", "audit-office", &["auditor.officer"], None),
    ("reader", READER, &["reader.officer", "files.reader"], None),
    ("colleague", READER, &["reader.officer", "files.reader"], None),
    ("subject", "citizens", &["subject.self"], Some(SUBJECT)),
];

pub type Fields = BTreeMap<Str, Value>;

pub fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

pub fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(*text)).collect())
}

pub fn map(entries: &[(&str, &str)]) -> Value {
    let entry = |(name, text): &(&str, &str)| (Str::from(*name), Value::from(*text));
    Value::Map(entries.iter().map(entry).collect())
}

pub fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(hash::plain(name.as_bytes()).as_bytes())
}

fn public(name: &str) -> Vec<u8> {
    key(name).public_key().as_bytes().to_vec()
}

fn genesis() -> Genesis {
    let mut roles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, member, held, _) in PEOPLE {
        roles.entry(member).or_default().extend(held.iter().map(|role| (*role).to_owned()));
    }
    let member = |(id, mut roles): (&str, Vec<String>)| {
        roles.sort();
        GenesisMember { id: id.into(), name_zh: id.into(), name_en: id.into(), roles }
    };
    let operator =
        |(name, member, roles, subject): (&str, &str, &[&str], Option<&str>)| GenesisOperator {
            key: public(name),
            member: member.into(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            subject: subject.map(str::to_owned),
        };
    let mut operators: Vec<_> = PEOPLE.into_iter().map(operator).collect();
    operators.sort_by(|a, b| a.key.cmp(&b.key));
    let node =
        Validator { key: public("node"), member: STEWARD.into(), address: "localhost:1".into() };
    Genesis {
        protocol: PROTOCOL,
        name_zh: "测试联盟".into(),
        name_en: "test consortium".into(),
        time: BEGIN,
        epoch_blocks: 100,
        members: roles.into_iter().map(member).collect(),
        operators,
        nodes: vec![GenesisNode { node, validator: true }],
        packages: package::documents().into_iter().map(Into::into).collect(),
    }
}

pub struct City {
    pub counter: Arc<Counter>,
    pub model: Arc<ReadModel>,
    pub vault: Arc<Vault>,
    folder: TempDir,
}

/// What an access asks for.
pub struct Ask<'a> {
    pub steward: &'a str,
    /// The register, or the process.
    pub register: &'a str,
    pub record: &'a str,
    pub groups: &'a [&'a str],
    pub claims: &'a [&'a str],
    /// What is said with the claims in clear.
    pub parameters: &'a [(&'a str, &'a str)],
    /// What is said to the steward alone; by default purpose and case.
    pub sealed: Option<Digest>,
    pub key: [u8; 32],
    pub basis: (&'a str, &'a str),
    /// The case by which is asked.
    pub case: Option<&'a str>,
    /// The search that it follows.
    pub search: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// The person of a file, under a grant.
    pub fn of(record: &'a str, grant: &'a str) -> Self {
        Self {
            steward: STEWARD,
            register: REGISTER,
            record,
            groups: &[GROUP],
            claims: &[],
            parameters: &[],
            sealed: None,
            key: reader_key().public_key(),
            basis: ("grant", grant),
            case: None,
            search: None,
        }
    }
}

/// The reader's one-time key.
pub fn reader_key() -> ReaderKey {
    ReaderKey::from_seed(&Secret::from_bytes([5; 32]))
}

fn passphrase() -> Passphrase {
    let cheap = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    Passphrase::with_cost("a passphrase of the tests", cheap).unwrap()
}

impl City {
    pub fn open() -> Self {
        let mut desk = Desk::before(genesis());
        desk.step();
        let counter = Arc::new(Counter::new(desk));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read.sqlite");
        let model = ReadModel::open(&path, counter.history(), &counter.packages()).unwrap();
        let vault = Vault::create(&folder.path().join("vault"), &passphrase(), BEGIN).unwrap();
        Self { counter, model: Arc::new(model), vault: Arc::new(vault), folder }
    }

    /// A city with a file whose person is sealed, and a grant to read it.
    pub fn with_file() -> (Self, Digest, String) {
        let city = Self::open();
        let commitment = city.seal(1, REGISTER);
        city.open_file("f-1", Some(commitment));
        let grant = city.grant();
        (city, commitment, grant)
    }

    /// The steward's agent, as it is after every start.
    pub fn agent(&self) -> Agent {
        self.agent_with("agent")
    }

    pub fn agent_with(&self, name: &str) -> Agent {
        let node = Arc::<Counter>::clone(&self.counter);
        Agent::new(
            node,
            Arc::clone(&self.model),
            Arc::clone(&self.vault),
            key(name),
            STEWARD.to_owned(),
        )
    }

    /// Lets the read model catch up.
    pub fn follow(&self) {
        while !self.model.catch_up(&self.counter.packages(), 100).unwrap().done {}
    }

    /// A round after the read model has caught up.
    pub fn round(&self, agent: &Agent) -> usize {
        self.follow();
        let answered = agent.round().unwrap();
        self.follow();
        answered
    }

    pub fn ledger(&self) -> Digest {
        self.counter.status().ledger
    }

    /// The vault's file.
    pub fn vault_file(&self) -> std::path::PathBuf {
        self.folder.path().join("vault/vault.sqlite")
    }

    /// A call, which must be applied.
    pub fn apply(&self, by: &str, package: &str, action: &str, input: Fields) -> Receipt {
        let call = Call {
            package: package.into(),
            action: action.into(),
            input,
            case: None,
            task: None,
            mandates: None,
        };
        let mut desk = self.counter.desk();
        let transaction = desk.transaction(vec![call]);
        let signed = cose::sign_transaction(&transaction, &key(by));
        let id = desk.submit(&signed).unwrap();
        desk.step();
        drop(desk);
        let receipt = self.counter.receipt(&id).unwrap().unwrap();
        assert_eq!(receipt.entries[0].outcome, Outcome::Applied, "{action}");
        receipt
    }

    pub fn disclose(&self, by: &str, action: &str, input: Fields) -> Receipt {
        self.apply(by, "disclosure", action, input)
    }

    /// The ledger erases a group; the vault is not told.
    pub fn erase(&self, commitment: Digest) {
        let input = fields([
            ("in_package", package::PACKAGE.into()),
            ("register", package::REGISTER.into()),
            ("record", "f-1".into()),
            ("group", package::GROUP.into()),
            ("commitment", Value::Bytes(commitment.as_bytes().to_vec())),
            ("basis", "个人信息保护法 47".into()),
            ("backups_end", Value::Date(self.today() + 30)),
        ]);
        self.disclose("keeper", "erase", input);
    }

    /// The vault is lost and comes back from a backup that was made before `happened`.
    pub fn restore_from_backup(&mut self, happened: impl FnOnce(&Self)) {
        let backup = self.folder.path().join("backup");
        self.vault.backup(&backup).unwrap();
        happened(self);
        let restored = self.folder.path().join("restored/vault");
        std::fs::create_dir_all(restored.parent().unwrap()).unwrap();
        self.vault = Arc::new(Vault::restore(&backup, &restored, &passphrase()).unwrap());
    }

    /// Current fields of a record, and its version's number.
    pub fn record(&self, package: &str, register: &str, key: &str) -> Option<(u64, Fields)> {
        let key = LogicalKey::Record {
            package: package.into(),
            register: register.into(),
            key: key.into(),
        };
        let found = block_on(self.counter.record(key)).unwrap();
        found.map(|(head, version)| (head.version, version.fields.clone()))
    }

    pub fn access(&self, key: &str) -> Fields {
        self.record("disclosure", "access", key).unwrap().1
    }

    pub fn state(&self, access: &str) -> String {
        self.access(access)["state"].as_text().unwrap().to_owned()
    }

    /// The accesses in the subject's read log.
    pub fn read_log(&self) -> Vec<String> {
        self.logged("access")
    }

    /// What the entries of the subject's read log refer to in this field, sorted.
    pub fn logged(&self, field: &str) -> Vec<String> {
        self.follow();
        let select = Select {
            package: "disclosure".into(),
            register: "read-log".into(),
            filters: vec![Filter { field: "subject".into(), op: Op::Eq, value: SUBJECT.into() }],
            status: StatusFilter::Live,
            sort: vec![],
            limit: 100,
            cursor: None,
        };
        let page = self.model.select(&select).unwrap();
        let referred = |log: &Version| log.fields.get(field)?.as_text().map(str::to_owned);
        let mut referred: Vec<_> = page.items.iter().filter_map(referred).collect();
        referred.sort();
        referred
    }

    /// Seals the fields of a group and gives the commitment.
    pub fn seal_group(
        &self,
        request: Digest,
        (package, register, group): (&str, &str, &str),
        values: Fields,
        terms: &[Term],
    ) -> Digest {
        let place = Place {
            ledger: self.ledger(),
            package: package.into(),
            register: register.into(),
            group: group.into(),
        };
        let bytes = cbor::encode(&Value::Map(values));
        let sealing = Sealing { request, place: &place, bytes: &bytes, terms, permanent: false };
        self.vault.seal(&sealing).unwrap()
    }

    /// Seals a person for a register and gives the commitment.
    pub fn seal(&self, number: u8, register: &str) -> Digest {
        let place = (PACKAGE, register, GROUP);
        self.seal_group(Digest([number; 32]), place, person_fields(), &[])
    }

    /// Seals purpose and case, and what a reader says with its claims, for the access with this
    /// one-time key.
    pub fn seal_parameters(&self, key: [u8; 32], parameters: &[(&str, &str)]) -> Digest {
        self.say(key, &[("purpose", PURPOSE), ("case_number", CASE)], parameters)
    }

    /// Seals what a reader says to the steward alone: these texts, and these parameters of claims.
    pub fn say(&self, key: [u8; 32], why: &[(&str, &str)], parameters: &[(&str, &str)]) -> Digest {
        let mut said = fields([("key", Value::Bytes(key.to_vec())), ("values", map(parameters))]);
        said.extend(why.iter().map(|(name, text)| (Str::from(*name), Value::from(*text))));
        let request = hash::plain(&cbor::encode(&Value::Map(said.clone())));
        self.seal_group(Digest(request.0), ("disclosure", "access", "parameters"), said, &[])
    }

    /// The keeper begins a case about these files.
    pub fn begin_case(&self, files: &[&str]) -> String {
        self.begin_case_of((PACKAGE, LOAN), files)
    }

    /// The same by another process.
    pub fn begin_case_of(&self, process: (&str, &str), files: &[&str]) -> String {
        self.begin(process, files, Fields::new())
    }

    /// The keeper begins a case and seals a note in it.
    pub fn begin_noted(&self, note: Digest, files: &[&str]) -> String {
        self.begin((PACKAGE, LOAN), files, noting(note))
    }

    fn begin(&self, (package, process): (&str, &str), files: &[&str], more: Fields) -> String {
        let about = |file: &&str| Value::from(format!("{PACKAGE}/{REGISTER}/{file}").as_str());
        let mut input = fields([
            ("package", package.into()),
            ("process", process.into()),
            ("subjects", Value::List(files.iter().map(about).collect())),
        ]);
        input.extend(more);
        let begun = self.apply("keeper", "case", "start", input);
        let events = &begun.entries[0].events;
        let is_case = |event: &&Event| event.kind == "inserted" && event.register == "case";
        events.iter().find(is_case).unwrap().key.to_string()
    }

    /// Somebody does something with the task at this place of a case's process.
    pub fn act(&self, by: &str, action: &str, place: (&str, &str)) {
        self.act_with(by, action, place, Fields::new());
    }

    pub fn act_with(&self, by: &str, action: &str, (case, node): (&str, &str), more: Fields) {
        self.follow();
        let select = Select {
            package: "case".into(),
            register: "task".into(),
            filters: vec![Filter { field: "case".into(), op: Op::Eq, value: case.into() }],
            status: StatusFilter::Live,
            sort: vec![],
            limit: 10,
            cursor: None,
        };
        let tasks = self.model.select(&select).unwrap().items;
        let task = tasks.iter().find(|task| task.fields["node"] == node.into()).unwrap();
        let mut input = fields([("task", task.fields["id"].clone())]);
        input.extend(more);
        self.apply(by, "case", action, input);
    }

    /// Opens a file about the subject.
    pub fn open_file(&self, number: &str, commitment: Option<Digest>) {
        let commitment = commitment.map_or(Value::Null, |digest| Value::Bytes(digest.0.to_vec()));
        let input = fields([
            ("number", number.into()),
            ("subject", SUBJECT.into()),
            ("identity", commitment),
        ]);
        self.apply("keeper", PACKAGE, "open-file", input);
    }

    pub fn change_identity(&self, file: &str, commitment: Digest) {
        let commitment = Value::Bytes(commitment.0.to_vec());
        let input = fields([("file", file.into()), ("identity", commitment)]);
        self.apply("keeper", PACKAGE, "change-identity", input);
    }

    fn resource(&self, keeper: &str, (code, register): (&str, &str)) {
        let claim = fields([
            ("name", "person.masked".into()),
            ("zh", "掩码".into()),
            ("en", "Masked".into()),
        ]);
        let input = fields([
            ("code", code.into()),
            ("in_package", PACKAGE.into()),
            ("register", register.into()),
            ("groups", texts(&[GROUP, "deal"])),
            ("claims", Value::List(vec![Value::Map(claim)])),
            ("title_zh", "测试档案身份".into()),
            ("title_en", "Identity in test files".into()),
            ("sharing", "conditional".into()),
            ("conditions", "办理贷款所必需".into()),
            ("update_cycle", "at-once".into()),
            ("standards", Value::List(vec![])),
            ("personal", Value::Bool(true)),
            ("assessment", "评估1号".into()),
        ]);
        self.disclose(keeper, "publish-resource", input);
        self.disclose("editor", "list-resource", fields([("resource", code.into())]));
    }

    pub fn today(&self) -> i32 {
        self.counter.status().time.china_day()
    }

    /// A grant by the steward to the reader.
    pub fn grant(&self) -> String {
        self.grant_of("keeper", "430000-0001")
    }

    /// A grant by another keeper, of a resource of its own.
    pub fn grant_of(&self, keeper: &str, code: &str) -> String {
        self.grant_to("reader", keeper, code)
    }

    pub fn grant_to(&self, reader: &str, keeper: &str, code: &str) -> String {
        self.grant_at(reader, keeper, (code, REGISTER))
    }

    /// A grant of what cases of the process hold.
    pub fn grant_of_cases(&self) -> String {
        self.grant_at("reader", "keeper", ("430000-0004", LOAN))
    }

    fn grant_at(&self, reader: &str, keeper: &str, (code, register): (&str, &str)) -> String {
        self.resource(keeper, (code, register));
        let input = fields([
            ("resource", code.into()),
            ("groups", texts(&[GROUP, "deal"])),
            ("claims", texts(&["person.masked"])),
            ("purpose", PURPOSE.into()),
            ("item", "1143130000TEXT021M3430715001000".into()),
            ("basis", "商业银行法 36".into()),
            ("from", Value::Date(self.today())),
            ("to", Value::Date(self.today() + DAYS)),
            ("records_max", Value::Int(10)),
        ]);
        let applied = self.disclose(reader, "apply-use", input);
        let reason = fields([("zh", "符合条件".into()), ("en", "the conditions are met".into())]);
        let input = fields([
            ("application", event_key(&applied, "use-applied").as_str().into()),
            ("reason", Value::Map(reason)),
        ]);
        event_key(&self.disclose(keeper, "grant-use", input), "use-granted")
    }

    /// The subject's consent, with a resource of its own.
    pub fn consent(&self) -> String {
        self.resource("keeper", ("430000-0002", REGISTER));
        let input = fields([
            ("resource", "430000-0002".into()),
            ("subject", SUBJECT.into()),
            ("reader", READER.into()),
            ("groups", texts(&[GROUP])),
            ("claims", texts(&[])),
            ("purpose", PURPOSE.into()),
            ("from", Value::Date(self.today())),
            ("to", Value::Date(self.today() + DAYS)),
            ("text_digest", Value::Bytes(vec![2; 32])),
            ("text_version", "2026-1".into()),
        ]);
        event_key(&self.disclose("subject", "give-consent", input), "consent-given")
    }

    pub fn suspend(&self, grant: &str) {
        let input = fields([("grant", grant.into()), ("reason", "异常".into())]);
        self.disclose("keeper", "suspend-grant", input);
    }

    pub fn withdraw(&self, consent: &str) {
        self.disclose("subject", "withdraw-consent", fields([("consent", consent.into())]));
    }

    pub fn queue_for_person(&self, access: &str) {
        self.disclose("agent", "queue-for-person", fields([("access", access.into())]));
    }

    /// An access, which the rules let stand as asked, and its number.
    pub fn ask(&self, ask: &Ask<'_>) -> String {
        let access = event_key(&self.try_access(ask), "access-asked");
        assert_eq!(self.state(&access), "asked");
        access
    }

    /// An access that the rules refuse, and its number.
    pub fn ask_in_vain(&self, ask: &Ask<'_>) -> String {
        event_key(&self.try_access(ask), "access-refused")
    }

    fn try_access(&self, ask: &Ask<'_>) -> Receipt {
        self.disclose("reader", "access", self.access_input(ask))
    }

    pub fn access_input(&self, ask: &Ask<'_>) -> Fields {
        let sealed = ask.sealed.unwrap_or_else(|| self.seal_parameters(ask.key, &[]));
        let mut input = fields([
            ("steward", ask.steward.into()),
            ("in_package", PACKAGE.into()),
            ("register", ask.register.into()),
            ("items", texts(&[ask.record])),
            ("groups", texts(ask.groups)),
            ("claims", texts(ask.claims)),
            ("sealed_parameters", Value::Bytes(sealed.0.to_vec())),
            ("key", Value::Bytes(ask.key.to_vec())),
        ]);
        input.insert(ask.basis.0.into(), ask.basis.1.into());
        if let Some(case) = ask.case {
            input.insert("case".into(), case.into());
        }
        if !ask.parameters.is_empty() {
            input.insert("parameters".into(), map(ask.parameters));
        }
        if let Some(search) = ask.search {
            input.insert("search".into(), search.into());
        }
        input
    }

    /// Time passes, a minute a block, and what falls due is done.
    pub fn pass_minutes(&self, minutes: usize) {
        for _ in 0..minutes {
            let mut desk = self.counter.desk();
            desk.clock().advance_ms(60_000);
            desk.step();
        }
    }
}

/// What gives the encrypted variable of a case a value.
pub fn noting(note: Digest) -> Fields {
    fields([("set", map(&[("note", &note.to_string())]))])
}

pub fn event_key(receipt: &Receipt, kind: &str) -> String {
    let events = &receipt.entries[0].events;
    events.iter().find(|event| event.kind == kind).expect(kind).key.to_string()
}

/// The bytes of the group in every file.
pub fn person() -> Vec<u8> {
    cbor::encode(&Value::Map(person_fields()))
}

fn person_fields() -> Fields {
    fields([("name", NAME.into()), ("id_number", ID_NUMBER.into())])
}
