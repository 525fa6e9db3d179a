//! The authored form: a folder of YAML files, given as (path, text) pairs.
//!
//! `package.yaml`, `groups/*.yaml`, `registers/*.yaml`, `guards/*.yaml`, `actions/*.yaml`,
//! `forms/*.yaml` and `scenarios/*.yaml` are read, `processes/*.bpmn` and `*.dmn` are kept as they stand; other files
//! belong to other tools. YAML is read with budgets, without aliases, and every part remembers its
//! line.

mod yaml;

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use crate::doc::{
    ActionDoc, ClaimDoc, ComputedDoc, CorrectsDoc, CounterDoc, EffectDoc, EvidenceDoc, FieldDoc,
    FileDoc, FormDoc, FormFieldDoc, GroupDoc, GuardDoc, GuardSetDoc, IndexDoc, InvariantDoc,
    LetDoc, LimitDoc, MandateDoc, NumberedDoc, PackageDoc, ParameterDoc, RegisterDoc, RequireDoc,
    RoleDoc, SequenceDoc, SetDoc, TermDoc, TextDoc, TimerDoc,
};
use crate::problem::{Location, Problem};
use crate::scenario::{Person, Scenario, ScenarioFile};
use yaml::{ActionFile, EffectText, FieldText, Ordered, PackageFile, RegisterFile};
pub(crate) use yaml::{ExportFile, ObjectText, PolicyFile, PolicyRule, read as read_yaml};

/// Folders of a package that hold its own files; others belong to other tools.
pub const FOLDERS: [&str; 6] = ["groups", "registers", "guards", "actions", "forms", "scenarios"];

/// The folder of a package that holds its processes (`.bpmn`) and decision tables (`.dmn`).
pub const PROCESSES: &str = "processes";

/// A package as authored: the document, its scenarios, and where everything was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The document.
    pub doc: PackageDoc,
    /// The scenarios, in the order of their files.
    pub scenarios: Vec<Scenario>,
    /// Where the parts of the document were written, by path such as
    /// `actions.transfer.let.title`.
    pub places: BTreeMap<String, Location>,
}

/// Reads a package from its files.
///
/// # Errors
/// Every file that cannot be read as YAML of its form, with line and column.
pub fn parse(files: &[(&str, &str)]) -> Result<Source, Vec<Problem>> {
    let mut reader = Reader { source: Source::default(), problems: Vec::new() };
    let mut files: Vec<_> = files.to_vec();
    files.sort_unstable();
    if !files.iter().any(|(path, _)| *path == "package.yaml") {
        reader.problems.push(Problem::error(
            "no-package",
            "package.yaml",
            ("缺少 package.yaml", "there is no package.yaml"),
            ("新建该文件", "write it"),
        ));
    }
    let mut scenario_files = Vec::new();
    for (path, text) in files {
        if let Some(name) = path.strip_prefix("processes/") {
            reader.process(name, text);
            continue;
        }
        if !path.ends_with(".yaml") {
            continue;
        }
        match path.split_once('/') {
            None if path == "package.yaml" => reader.package(path, text),
            Some(("groups", _)) => reader.group(path, text),
            Some(("registers", _)) => reader.register(path, text),
            Some(("guards", _)) => reader.guard_set(path, text),
            Some(("actions", _)) => reader.action(path, text),
            Some(("forms", _)) => reader.form(path, text),
            Some(("scenarios", _)) => {
                scenario_files.extend(reader.read::<ScenarioFile>(path, text).map(|f| (path, f)));
            }
            _ => {}
        }
    }
    reader.scenarios(scenario_files);
    reader.source.doc.groups.sort_by(|a, b| a.name.cmp(&b.name));
    reader.source.doc.registers.sort_by(|a, b| a.name.cmp(&b.name));
    reader.source.doc.guards.sort_by(|a, b| a.name.cmp(&b.name));
    reader.source.doc.actions.sort_by(|a, b| a.name.cmp(&b.name));
    reader.source.doc.forms.sort_by(|a, b| a.name.cmp(&b.name));
    if reader.problems.is_empty() { Ok(reader.source) } else { Err(reader.problems) }
}

impl Source {
    /// Compiles the document; problems say where they were written.
    ///
    /// # Errors
    /// As [`crate::compile()`].
    pub fn compile(&self) -> Result<crate::model::Package, Vec<Problem>> {
        crate::compile(&self.doc)
            .map_err(|problems| problems.into_iter().map(|problem| self.locate(problem)).collect())
    }

    /// Adds to `problem` the nearest place that was written in a file.
    #[must_use]
    pub fn locate(&self, mut problem: Problem) -> Problem {
        let mut path = problem.place.as_str();
        loop {
            if let Some(location) = self.places.get(path) {
                problem.location = Some(location.clone());
                return problem;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return problem,
            }
        }
    }
}

struct Reader {
    source: Source,
    problems: Vec<Problem>,
}

impl Reader {
    fn read<T: serde::de::DeserializeOwned>(&mut self, path: &str, text: &str) -> Option<T> {
        match yaml::read(text) {
            Ok(value) => Some(value),
            Err((line, column, cause)) => {
                let mut problem = Problem::error(
                    "yaml",
                    path,
                    (format!("无法读取：{cause}"), cause),
                    ("按文件格式改正", "correct it to the file's form"),
                );
                problem.location = Some(Location { file: path.to_owned(), line, column });
                self.problems.push(problem);
                None
            }
        }
    }

    fn put<T>(&mut self, file: &str, place: String, part: &Spanned<T>) {
        let (line, column) = (part.referenced.line(), part.referenced.column());
        let location = Location { file: file.to_owned(), line, column };
        self.source.places.insert(place, location);
    }

    /// A process or a file with decision tables, as it stands; others are left out.
    fn process(&mut self, name: &str, text: &str) {
        if !name.ends_with(".bpmn") && !name.ends_with(".dmn") {
            return;
        }
        let location = Location { file: format!("{PROCESSES}/{name}"), line: 1, column: 1 };
        self.source.places.insert(format!("{PROCESSES}.{name}"), location);
        let (name, text) = (name.to_owned(), text.to_owned());
        self.source.doc.processes.push(FileDoc { name, text });
    }

    fn package(&mut self, path: &str, text: &str) {
        let Some(file) = self.read::<PackageFile>(path, text) else { return };
        self.put(path, "package".to_owned(), &file.package);
        for (name, title) in &file.roles.0 {
            self.put(path, format!("roles.{name}"), title);
        }
        for (name, parameter) in &file.parameters.0 {
            self.put(path, format!("parameters.{name}"), parameter);
        }
        for (name, sequence) in &file.sequences.0 {
            self.put(path, format!("sequences.{name}"), sequence);
        }
        for (name, title) in &file.counters.0 {
            self.put(path, format!("counters.{name}"), title);
        }
        let doc = &mut self.source.doc;
        doc.id = file.package.value;
        doc.version = file.version;
        doc.title = file.title.into();
        let role = |(name, title): (String, Spanned<yaml::Title>)| RoleDoc {
            name,
            title: title.value.into(),
        };
        doc.roles = file.roles.0.into_iter().map(role).collect();
        let require = |(package, version)| RequireDoc { package, version };
        doc.requires = file.requires.0.into_iter().map(require).collect();
        let parameter = |(name, text): (String, Spanned<yaml::ParameterText>)| {
            let yaml::ParameterText { ty, value, zh, en } = text.value;
            ParameterDoc { name, ty, value, title: TextDoc { zh, en } }
        };
        doc.parameters = file.parameters.0.into_iter().map(parameter).collect();
        let sequence =
            |(name, text): (String, Spanned<String>)| SequenceDoc { name, text: text.value };
        doc.sequences = file.sequences.0.into_iter().map(sequence).collect();
        let counter = |(name, title): (String, Spanned<yaml::Title>)| CounterDoc {
            name,
            title: title.value.into(),
        };
        doc.counters = file.counters.0.into_iter().map(counter).collect();
    }

    fn fields(
        &mut self,
        path: &str,
        place: &str,
        fields: Ordered<Spanned<FieldText>>,
    ) -> Vec<FieldDoc> {
        let mut out = Vec::new();
        for (name, field) in fields.0 {
            self.put(path, format!("{place}.{name}"), &field);
            let FieldText { ty, title } = field.value;
            out.push(FieldDoc { name, ty, title: title.map(TextDoc::from).unwrap_or_default() });
        }
        out
    }

    fn group(&mut self, path: &str, text: &str) {
        let Some(file) = self.read::<yaml::GroupFile>(path, text) else { return };
        let name = file.group.value.clone();
        let place = format!("groups.{name}");
        self.put(path, place.clone(), &file.group);
        self.put(path, format!("{place}.steward"), &file.steward);
        let fields = self.fields(path, &format!("{place}.fields"), file.fields);
        let mut claims = Vec::new();
        for (name, claim) in file.claims.0 {
            let place = format!("{place}.claims.{name}");
            self.put(path, place.clone(), &claim);
            let yaml::ClaimText { ty, rule, parameters, clear, zh, en } = claim.value;
            self.put(path, format!("{place}.rule"), &rule);
            let parameters = self.fields(path, &format!("{place}.parameters"), parameters);
            let field = FieldDoc { name, ty, title: TextDoc { zh, en } };
            claims.push(ClaimDoc { field, rule: rule.value, parameters, clear });
        }
        let terms = self.sets(path, &format!("{place}.find_by"), file.find_by).into_iter();
        let find_by = terms.map(|set| TermDoc { kind: set.field, path: set.rule }).collect();
        let placement = file.placement.map(|text| {
            self.put(path, format!("{place}.placement"), &text);
            text.value
        });
        let (title, steward) = (file.title.into(), file.steward.value);
        let group = GroupDoc { name, title, steward, fields, claims, find_by, placement };
        self.source.doc.groups.push(group);
    }

    fn register(&mut self, path: &str, text: &str) {
        let Some(file) = self.read::<RegisterFile>(path, text) else { return };
        let name = file.register.value.clone();
        let place = format!("registers.{name}");
        self.put(path, place.clone(), &file.register);
        self.put(path, format!("{place}.steward"), &file.steward);
        self.put(path, format!("{place}.key"), &file.key);
        let fields = self.fields(path, &format!("{place}.fields"), file.fields);
        let mut indexes = Vec::new();
        for (name, index) in file.indexes.0 {
            self.put(path, format!("{place}.indexes.{name}"), &index);
            let yaml::IndexText { fields, unique } = index.value;
            indexes.push(IndexDoc { name, fields, unique });
        }
        let mut computed = Vec::new();
        for (name, text) in file.computed.0 {
            self.put(path, format!("{place}.computed.{name}"), &text);
            let yaml::ComputedText { ty, rule, zh, en } = text.value;
            let field = FieldDoc { name, ty, title: TextDoc { zh, en } };
            computed.push(ComputedDoc { field, rule });
        }
        let mut invariants = Vec::new();
        for (i, text) in file.invariants.into_iter().enumerate() {
            self.put(path, format!("{place}.invariants[{i}]"), &text.that);
            let yaml::InvariantText { code, over, that, zh, en } = text;
            let text = TextDoc { zh, en };
            invariants.push(InvariantDoc { code, over, that: that.value, text });
        }
        let on_close = self.sets(path, &format!("{place}.on_close"), file.on_close);
        let retention = file.retention.map_or_else(
            || "permanent".to_owned(),
            |text| {
                self.put(path, format!("{place}.retention"), &text);
                text.value
            },
        );
        let source = file.source.map(|text| {
            self.put(path, format!("{place}.source"), &text);
            text.value
        });
        let visibility = file.visibility.map(|text| {
            self.put(path, format!("{place}.visibility"), &text);
            text.value
        });
        let mut timers = Vec::new();
        for (name, timer) in file.timers.0 {
            let place = format!("{place}.timers.{name}");
            self.put(path, place.clone(), &timer);
            let yaml::TimerText { at, call, input } = timer.value;
            let input = self.sets(path, &place, input);
            timers.push(TimerDoc { name, at, action: call, input });
        }
        self.source.doc.registers.push(RegisterDoc {
            name,
            title: file.title.into(),
            steward: file.steward.value,
            key: file.key.value,
            fields,
            indexes,
            computed,
            invariants,
            on_close,
            retention,
            source,
            timers,
            visibility,
        });
    }

    fn action(&mut self, path: &str, text: &str) {
        let Some(file) = self.read::<ActionFile>(path, text) else { return };
        let name = file.action.value.clone();
        let place = format!("actions.{name}");
        self.put(path, place.clone(), &file.action);
        self.put(path, format!("{place}.by"), &file.by);
        let input = self.fields(path, &format!("{place}.input"), file.input);
        let mut mandates = Vec::new();
        for (i, mandate) in file.mandates.into_iter().enumerate() {
            self.put(path, format!("{place}.mandates[{i}]"), &mandate.of);
            mandates.push(MandateDoc { of: mandate.of.value, purpose: mandate.purpose });
        }
        let reads = self.reads(path, &place, file.reads);
        let guards = self.guards(path, &place, file.require);
        let effects = self.effects(path, &place, file.effects);
        self.source.doc.actions.push(ActionDoc {
            name,
            title: file.title.into(),
            law: file.law,
            by: file.by.value.0,
            urgent: file.urgent,
            mandates,
            input,
            reads,
            guards,
            effects,
        });
    }

    fn form(&mut self, path: &str, text: &str) {
        let Some(file) = self.read::<yaml::FormFile>(path, text) else { return };
        let name = file.form.value.clone();
        let place = format!("forms.{name}");
        self.put(path, place.clone(), &file.form);
        let mut fields = Vec::new();
        for (i, field) in file.fields.into_iter().enumerate() {
            self.put(path, format!("{place}.fields[{i}]"), &field);
            let yaml::FormFieldText { fills, title, help } = field.value;
            let (title, help) = (title.map(TextDoc::from), help.map(TextDoc::from));
            fields.push(FormFieldDoc { fills: fills.0, title, help });
        }
        let mut evidence = Vec::new();
        for (i, (kind, title)) in file.evidence.0.into_iter().enumerate() {
            self.put(path, format!("{place}.evidence[{i}]"), &title);
            evidence.push(EvidenceDoc { kind, title: title.value.into() });
        }
        let title = file.title.into();
        let help = file.help.map(TextDoc::from);
        self.source.doc.forms.push(FormDoc { name, title, fields, evidence, help });
    }

    fn guard_set(&mut self, path: &str, text: &str) {
        let Some(file) = self.read::<yaml::GuardsFile>(path, text) else { return };
        let name = file.guard.value.clone();
        let place = format!("guards.{name}");
        self.put(path, place.clone(), &file.guard);
        let mut on = Vec::new();
        for (i, action) in file.on.into_iter().enumerate() {
            self.put(path, format!("{place}.on[{i}]"), &action);
            on.push(action.value);
        }
        let reads = self.reads(path, &place, file.reads);
        let guards = self.guards(path, &place, file.require);
        let title = file.title.into();
        let set = GuardSetDoc { name, title, law: file.law, on, reads, guards };
        self.source.doc.guards.push(set);
    }

    fn reads(&mut self, path: &str, place: &str, texts: Ordered<Spanned<String>>) -> Vec<LetDoc> {
        let mut reads = Vec::new();
        for (name, read) in texts.0 {
            self.put(path, format!("{place}.let.{name}"), &read);
            reads.push(LetDoc { name, read: read.value });
        }
        reads
    }

    fn guards(&mut self, path: &str, place: &str, texts: Vec<yaml::GuardText>) -> Vec<GuardDoc> {
        let mut guards = Vec::new();
        for (i, guard) in texts.into_iter().enumerate() {
            self.put(path, format!("{place}.require[{i}]"), &guard.that);
            let text = TextDoc { zh: guard.zh, en: guard.en };
            guards.push(GuardDoc { code: guard.code, that: guard.that.value, text });
        }
        guards
    }

    fn sets(&mut self, path: &str, place: &str, sets: Ordered<Spanned<String>>) -> Vec<SetDoc> {
        let mut out = Vec::new();
        for (field, rule) in sets.0 {
            self.put(path, format!("{place}.{field}"), &rule);
            out.push(SetDoc { field, rule: rule.value });
        }
        out
    }

    fn effects(
        &mut self,
        path: &str,
        place: &str,
        texts: Vec<Spanned<EffectText>>,
    ) -> Vec<EffectDoc> {
        let mut effects = Vec::new();
        for (i, effect) in texts.into_iter().enumerate() {
            let place = format!("{place}.do[{i}]");
            self.put(path, place.clone(), &effect);
            effects.push(self.effect(path, &place, effect.value));
        }
        effects
    }

    fn numbers(
        &mut self,
        path: &str,
        place: &str,
        texts: Ordered<Spanned<yaml::NumberedText>>,
    ) -> Vec<NumberedDoc> {
        let mut numbers = Vec::new();
        for (field, text) in texts.0 {
            self.put(path, format!("{place}.{field}"), &text);
            let yaml::NumberedText { sequence, scope } = text.value;
            numbers.push(NumberedDoc { field, sequence, scope });
        }
        numbers
    }

    fn effect(&mut self, path: &str, place: &str, effect: EffectText) -> EffectDoc {
        match effect {
            EffectText::Insert(insert) => EffectDoc::Insert {
                register: insert.register,
                name: insert.name,
                fields: self.sets(path, place, insert.fields),
                numbers: self.numbers(path, place, insert.numbers),
            },
            EffectText::Each(each) => EffectDoc::Each {
                name: each.name,
                position: each.position,
                list: each.list,
                register: each.register,
                effects: self.effects(path, place, each.effects),
            },
            EffectText::When(when) => EffectDoc::When {
                that: when.that,
                effects: self.effects(path, place, when.effects),
            },
            EffectText::Call(call) => EffectDoc::Call {
                package: call.package,
                action: call.action,
                input: self.sets(path, place, call.input),
                mandates: call.mandates,
            },
            EffectText::Count(yaml::CountText { counter, scope, by, limit }) => {
                let limit = limit.map(|yaml::LimitText { max, code, zh, en }| LimitDoc {
                    max,
                    code,
                    text: TextDoc { zh, en },
                });
                EffectDoc::Count { counter, scope, by, limit }
            }
            EffectText::Append(yaml::AppendText { register, key, field, items }) => {
                EffectDoc::Append { register, key, field, items }
            }
            EffectText::Update(update) => EffectDoc::Update {
                record: update.record,
                set: self.sets(path, place, update.set),
                corrects: update.corrects.map(|c| {
                    let yaml::CorrectsText { version, reason, basis } = c;
                    CorrectsDoc { version, reason, basis }
                }),
            },
            EffectText::Close(close) => {
                EffectDoc::Close { record: close.record, reason: close.reason }
            }
            EffectText::Tell(yaml::TellText { message, register, key, fields }) => {
                // A message that says no more has the same bytes as ever.
                let fields = Some(self.sets(path, place, fields)).filter(|sets| !sets.is_empty());
                EffectDoc::Tell { message, register, key, fields }
            }
            EffectText::Event(event) => {
                EffectDoc::Event { kind: event.kind, register: event.register, key: event.key }
            }
        }
    }

    fn scenarios(&mut self, files: Vec<(&str, ScenarioFile)>) {
        let people: BTreeMap<String, Person> =
            files.iter().flat_map(|(_, file)| file.people.clone()).collect();
        for (path, file) in files {
            for text in file.scenarios {
                let at = text.scenario.referenced;
                let mut given = file.given.clone();
                given.extend(text.given);
                self.source.scenarios.push(Scenario {
                    name: text.scenario.value,
                    zh: text.zh,
                    en: text.en,
                    people: people.clone(),
                    given,
                    parameters: text.parameters,
                    when: text.when,
                    then: text.then,
                    location: Location {
                        file: path.to_owned(),
                        line: at.line(),
                        column: at.column(),
                    },
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
