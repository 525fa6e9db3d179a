//! Files with processes: compiled when their package comes into force, and kept for ever by their
//! digest, so that a case runs to its end by the file with which it began.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::has_errors;
use chaincity_package::model::Package;
use chaincity_process::decision::{Decisions, parse_decisions};
use chaincity_process::graph::{Beginning, NodeIx, ProcessDef};
use chaincity_process::{compile_with, minify, parse};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Digest, Reject, Str, Value, cbor};

use super::schema::{ABOUT_CHARS, BEGUN_BY, BY_BEGUN_BY};
use super::{Fields, Graph, MODEL, MODEL_BYTES_MAX, PROCESS, WORKDAYS_MAX, key, record};
use crate::call::CallRun;
use crate::fuel;
use crate::halt::{Halt, reject, rejected};
use crate::session::{by_kilobyte, draw};

/// Domain of a file's digest.
const DIGEST: &str = "chaincity/process/1";
/// Most roles of a task, an event, the keepers: a task's record has a field for each, so that lists
/// find it by either.
const ROLES_MAX: usize = 2;

/// Most processes of which one message begins a case.
const BEGUN_MAX: usize = 4;

/// Longest id of a process: with its package's it makes a key.
const PROCESS_ID_BYTES_MAX: usize = 80;

/// A file with processes, as its record holds it.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a>(pub &'a Fields);

impl<'a> Model<'a> {
    fn text(self) -> &'a str {
        self.0.get("text").and_then(Value::as_text).unwrap_or_default()
    }

    fn decisions(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let list = self.0.get("decisions").and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(|item| {
            let item = item.as_map()?;
            Some((item.get("name")?.as_text()?, item.get("text")?.as_text()?))
        })
    }

    /// Bytes of its texts.
    #[must_use]
    pub fn size(self) -> usize {
        let decisions = self.decisions().map(|(name, text)| name.len().saturating_add(text.len()));
        decisions.fold(self.text().len(), usize::saturating_add)
    }
}

/// Compiles a file with its decision tables; `None` when anything in it is outside the subset or
/// does not compile.
#[must_use]
pub fn compile(model: &Model<'_>) -> Option<Graph> {
    let decisions = model.decisions().map(|(name, text)| parse_decisions(name, text.as_bytes()));
    let decisions: Vec<Decisions> = decisions.collect::<Result<_, _>>().ok()?;
    let read = parse("", model.text().as_bytes()).ok()?;
    let (graph, problems) = compile_with(&read, &decisions);
    let sound = read.unsupported.is_empty()
        && !has_errors(&problems)
        && !has_errors(read.problems())
        && decisions.iter().all(|file| !has_errors(&file.problems));
    sound.then_some(graph)
}

/// A record of the package's under drafting.
struct File {
    name: Str,
    digest: Digest,
    graph: Arc<Graph>,
    fields: Fields,
}

/// Keeps the processes of a package that comes into force.
pub(crate) fn publish(run: &mut CallRun<'_, '_>, new: &Package) -> Result<(), Halt> {
    let files = read(run, new)?;
    let mut offered = BTreeSet::new();
    let mut begun_by = BTreeSet::new();
    for file in &files {
        keep(run, file)?;
        for process in offers(&file.graph) {
            begun_by.extend(process.begun_by.as_ref().map(trigger));
            offered.insert(offer(run, new, file, process)?);
        }
    }
    let package = super::package();
    let entry = LogicalKey::Index {
        package: super::ID.into(),
        register: PROCESS.into(),
        index: "by_package".into(),
        values: vec![Value::Text(new.id.clone())],
    };
    let Some(register) = package.registers.get(PROCESS) else { return Ok(()) };
    for gone in run.live_under(&package, register, &entry)? {
        if !offered.contains(&gone) {
            let set = record([("offered", Value::Bool(false)), (BEGUN_BY, Value::Null)]);
            run.update(&package, PROCESS, &gone, set, None)?;
        }
    }
    for trigger in begun_by {
        if begun_by_message(run, &trigger)?.len() > BEGUN_MAX {
            let why = format!("`{trigger}` begins more than {BEGUN_MAX} processes");
            return reject(Reject::PackageInvalid, why);
        }
    }
    Ok(())
}

/// A message that begins a case, as the records of processes name it.
fn trigger(Beginning { package, register, message }: &Beginning) -> String {
    super::about(package, register, message)
}

/// The keys of the processes of which a message begins a case; `trigger` names register and message.
pub(super) fn begun_by_message(
    run: &mut CallRun<'_, '_>,
    trigger: &str,
) -> Result<BTreeSet<Str>, Halt> {
    let package = super::package();
    let Some(register) = package.registers.get(PROCESS) else { return Ok(BTreeSet::new()) };
    let entry = LogicalKey::Index {
        package: super::ID.into(),
        register: PROCESS.into(),
        index: BY_BEGUN_BY.into(),
        values: vec![trigger.into()],
    };
    run.live_under(&package, register, &entry)
}

/// Compiles every file.
fn read(run: &mut CallRun<'_, '_>, new: &Package) -> Result<Vec<File>, Halt> {
    let bytes = new.processes.values().fold(0_usize, |sum, text| sum.saturating_add(text.len()));
    draw(&mut run.fuel, by_kilobyte(bytes, fuel::COMPILE_KILOBYTE))?;
    let invalid = |Unfit { file, why: Why { en, .. } }| {
        rejected(Reject::PackageInvalid, format!("`{file}`: {en}"))
    };
    let mut files = Vec::new();
    for (name, fields) in prepare(new).map_err(invalid)? {
        let digest = hash::in_domain(DIGEST, &cbor::encode(&Value::Map(fields.clone())));
        let graph = run.session.graph(digest, &Model(&fields));
        let graph = bounded(&name, graph).map_err(invalid)?;
        files.push(File { name, digest, graph, fields });
    }
    Ok(files)
}

/// Why a package's process cannot be carried out on a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The file.
    pub file: Str,
    /// What is wrong.
    pub why: Why,
}

/// A reason in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Why {
    fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// Whether a ledger takes the processes of a package: what publishing it asks.
///
/// # Errors
/// The first file that it would not take.
pub fn check(new: &Package) -> Result<(), Unfit> {
    for (name, fields) in prepare(new)? {
        bounded(&name, compile(&Model(&fields)).map(Arc::new))?;
    }
    Ok(())
}

/// Each file with a process, short, with the decision tables that it uses.
fn prepare(new: &Package) -> Result<Vec<(Str, Fields)>, Unfit> {
    let unfit = |name: &Str, zh: &str, en: &str| {
        let why = Why::new(zh, en);
        Unfit { file: name.clone(), why }
    };
    let mut tables = Vec::new();
    for (name, text) in new.processes.iter().filter(|(name, _)| name.ends_with(".dmn")) {
        let short = minify(text.as_bytes())
            .map_err(|_wrong| unfit(name, "读取不安全", "it is not safe to read"))?;
        let read = parse_decisions(name, short.as_bytes());
        let read =
            read.map_err(|_wrong| unfit(name, "不是决策文件", "it is no file with decisions"))?;
        tables.push((name, short, read));
    }
    let mut files = Vec::new();
    for (name, text) in new.processes.iter().filter(|(name, _)| name.ends_with(".bpmn")) {
        let short = minify(text.as_bytes())
            .map_err(|_wrong| unfit(name, "读取不安全", "it is not safe to read"))?;
        let read = parse(name, short.as_bytes())
            .map_err(|_wrong| unfit(name, "不是BPMN文件", "it is no BPMN file"))?;
        let named = read.decisions();
        let used = |read: &Decisions| read.tables.iter().any(|table| named.contains(&*table.id));
        let decisions = tables.iter().filter(|(_, _, read)| used(read)).map(|(name, text, _)| {
            let parts = [("name", Value::Text((*name).clone())), ("text", text.as_str().into())];
            Value::Map(record(parts))
        });
        let decisions = Value::List(decisions.collect());
        let fields = record([("text", short.into()), ("decisions", decisions)]);
        let size = Model(&fields).size();
        if size > MODEL_BYTES_MAX {
            let zh = format!("不计图形有{size}字节，至多{MODEL_BYTES_MAX}");
            let en = format!("{size} bytes without diagram; at most {MODEL_BYTES_MAX}");
            return Err(unfit(name, &zh, &en));
        }
        files.push((name.clone(), fields));
    }
    Ok(files)
}

/// What compiled, if records can hold its tasks.
fn bounded(name: &Str, graph: Option<Arc<Graph>>) -> Result<Arc<Graph>, Unfit> {
    let unfit = |why: Why| Unfit { file: name.clone(), why };
    let outside =
        || unfit(Why::new("超出子集，或不能编译", "it is outside the subset, or does not compile"));
    let graph = graph.ok_or_else(outside)?;
    check_bounds(&graph).map_err(unfit)?;
    Ok(graph)
}

/// What records of tasks can hold.
fn check_bounds(graph: &Graph) -> Result<(), Why> {
    for node in graph.nodes() {
        check_node(graph, node)?;
    }
    for process in graph.processes() {
        let id = &process.id;
        if process.keepers.len() > ROLES_MAX {
            return Err(Why::new(
                format!("`{id}`的主管角色超过{ROLES_MAX}个"),
                format!("`{id}` has more than {ROLES_MAX} keepers"),
            ));
        }
        let begun_by = process.begun_by.as_ref().map(trigger).unwrap_or_default();
        if u32::try_from(begun_by.chars().count()).is_ok_and(|chars| chars > ABOUT_CHARS) {
            return Err(Why::new(
                format!("使`{id}`立案的消息标识过长"),
                format!("the id of the message that begins `{id}` is too long"),
            ));
        }
        if id.len() > PROCESS_ID_BYTES_MAX
            || process.name.chars().count() > 200
            || process.workdays.is_some_and(|days| days > WORKDAYS_MAX)
        {
            return Err(Why::new(
                format!("`{id}`的标识、名称或期限过长"),
                format!("the id, name or deadline of `{id}` is too long"),
            ));
        }
    }
    Ok(())
}

fn check_node(graph: &Graph, node: NodeIx) -> Result<(), Why> {
    let (facts, id) = (graph.facts(node), graph.id(node));
    if !facts.has_doer() {
        return Err(Why::new(
            format!("任务`{id}`无人可办"),
            format!("nobody may do the task `{id}`"),
        ));
    }
    if facts.roles.len() > ROLES_MAX {
        return Err(Why::new(
            format!("`{id}`的角色超过{ROLES_MAX}个"),
            format!("`{id}` has more than {ROLES_MAX} roles"),
        ));
    }
    if facts.workdays.is_some_and(|days| days > WORKDAYS_MAX) {
        return Err(Why::new(
            format!("`{id}`的期限超过{WORKDAYS_MAX}个工作日"),
            format!("`{id}` has more than {WORKDAYS_MAX} working days"),
        ));
    }
    let name = graph.label(node).map_or("", |label| &label.name);
    if id.len() > 128 || name.chars().count() > 200 {
        let line = graph.label(node).map_or(0, |label| label.line);
        return Err(Why::new(
            format!("第{line}行节点的id或名称过长"),
            format!("the id or name of a node in line {line} is too long"),
        ));
    }
    Ok(())
}

/// The processes of a file that may be begun: those marked as executable, or all when none is; not
/// those that others of the file call.
fn offers(graph: &Graph) -> impl Iterator<Item = &ProcessDef> {
    let marked = graph.processes().iter().any(|process| process.executable);
    graph
        .processes()
        .iter()
        .filter(move |process| !process.called && (process.executable || !marked))
}

/// Keeps a file, unless it is kept already.
fn keep(run: &mut CallRun<'_, '_>, file: &File) -> Result<(), Halt> {
    let name = Str::from(hex::encode(file.digest.as_bytes()));
    let logical = key(MODEL, &name);
    draw(&mut run.fuel, fuel::READ)?;
    if run.drafts.contains_key(&logical) || run.session.get(&logical)?.is_some() {
        return Ok(());
    }
    let mut fields = file.fields.clone();
    fields.insert("digest".into(), Value::Bytes(file.digest.as_bytes().to_vec()));
    run.insert(&super::package(), MODEL, fields).map(drop)
}

/// Offers a process under its name: anew, or by another file.
fn offer(
    run: &mut CallRun<'_, '_>,
    new: &Package,
    file: &File,
    process: &ProcessDef,
) -> Result<Str, Halt> {
    let package = super::package();
    let id = Str::from(process_key(&new.id, &process.id));
    let name = if process.name.is_empty() { &process.id } else { &process.name };
    let fields = record([
        ("id", Value::Text(id.clone())),
        ("package", Value::Text(new.id.clone())),
        ("package_version", Value::Int(i64::from(new.version))),
        ("process", process.id.as_str().into()),
        ("name", name.as_str().into()),
        ("model", hex::encode(file.digest.as_bytes()).into()),
        ("offered", Value::Bool(true)),
        (BEGUN_BY, process.begun_by.as_ref().map_or(Value::Null, |by| trigger(by).into())),
    ]);
    let logical = key(PROCESS, &id);
    if run.drafts.contains_key(&logical) {
        let why = format!("`{}`: the process `{}` stands in two files", file.name, process.id);
        return reject(Reject::PackageInvalid, why);
    }
    draw(&mut run.fuel, fuel::READ)?;
    match run.session.get(&logical)? {
        None => run.insert(&package, PROCESS, fields).map(drop)?,
        Some(_) => run.update(&package, PROCESS, &id, fields, None)?,
    }
    Ok(id)
}

/// The key of a process in force.
#[must_use]
pub fn process_key(package: &str, process: &str) -> String {
    format!("{package}.{process}")
}
