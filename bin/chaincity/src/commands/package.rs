//! `chaincity package`: makes, checks, tests, describes and compares packages' folders, encodes them
//! and brings them into force.

mod describe;
mod new;
mod publish;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use chaincity_ledger::cases::Unfit;
use chaincity_ledger::scenario::{self, Rehearsal};
use chaincity_package::describe::{graph, page};
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::{Fill, Package};
use chaincity_package::source::Source;
use chaincity_package::{Problem, Severity, check, check_against, check_forms, export, has_errors};
use chaincity_process::decision::parse_decisions;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::bank_port::mapping;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::folder;
use crate::output::Output;
use crate::shipped;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 检查 · check it
    Check {
        #[command(flatten)]
        which: Which,
        /// 警告也算不通过 · warnings fail too
        #[arg(long)]
        strict: bool,
        /// 它所替换的版本的目录：已有记录须仍可读 · the folder of the version that it replaces: stored records must stay readable
        #[arg(long, value_name = "DIR")]
        against: Option<PathBuf>,
    },
    /// 运行其情景 · run its scenarios
    Test {
        #[command(flatten)]
        which: Which,
        /// 只运行名称含此文字的情景 · only scenarios whose name contains this
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// 新建一个应用包 · make a new one to begin from
    New {
        /// 名称 · its name
        name: String,
        /// 目录；缺省同名称 · its folder; by default its name
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// 写成供阅读的网页 · write it as a page for people
    Docs {
        #[command(flatten)]
        which: Which,
        /// 输出文件 · where to write it
        #[arg(long, value_name = "FILE.html")]
        out: PathBuf,
    },
    /// 画出角色、业务动作和登记簿 · draw its roles, actions and registers
    Graph {
        #[command(flatten)]
        which: Which,
        /// 输出文件 · where to write it
        #[arg(long, value_name = "FILE.svg")]
        out: PathBuf,
    },
    /// 比较两个版本 · say what changed between two versions
    Diff {
        /// 旧版目录 · folder of the old one
        old: PathBuf,
        /// 新版目录 · folder of the new one
        new: PathBuf,
    },
    /// 编码为可发布的文档 · encode it as a document to publish
    Build {
        #[command(flatten)]
        which: Which,
        /// 输出文件 · where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// 代本成员同意发布 · consent for the key's member to its publication
    Approve(Box<publish::Approve>),
    /// 发布：由运行共识节点的成员过半数同意 · bring it into force, by consent of most members that run validators
    Publish(Box<publish::Publish>),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// 应用包目录 · the package's folder
    dir: Option<PathBuf>,
    /// 随程序附带的应用包 · a package that comes with the program
    #[arg(long, value_name = "NAME")]
    shipped: Option<String>,
}

impl Which {
    fn read(&self) -> Result<Result<Source, Vec<Problem>>, Fault> {
        match (&self.dir, &self.shipped) {
            (Some(dir), _) => folder::read(dir),
            (None, Some(name)) => Ok(chaincity_package::source::parse(&shipped::files(name))),
            (None, None) => folder::read(Path::new(".")),
        }
    }

    /// A package that this one requires: from the folder beside it, else as it is shipped.
    fn required(&self, name: &str) -> Result<PackageDoc, Fault> {
        let dir = self.dir.as_deref().unwrap_or(Path::new("."));
        let beside = dir.join("..").join(name);
        let found = if self.shipped.is_none() && beside.join("package.yaml").is_file() {
            folder::read(&beside)?
        } else {
            chaincity_package::source::parse(&shipped::files(name))
        };
        found.map(|source| source.doc).map_err(|problems| {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            Fault::other(
                format!("所需应用包 {name}：{first}"),
                format!("the required package {name}: {first}"),
            )
        })
    }

    /// The packages whose inputs the forms of this one fill, as far as they are at hand.
    fn named_in_forms(&self, package: &Package) -> BTreeMap<String, Package> {
        let fields = package.forms.values().flat_map(|form| &form.fields);
        let named = fields.flat_map(|field| &field.fills).filter_map(|fill| match fill {
            Fill::Input { package, .. } => Some(package.to_string()),
            Fill::Variable(_) => None,
        });
        let others: BTreeSet<String> = named.filter(|name| *name != *package.id).collect();
        let compiled = |name: String| {
            let doc = self.required(&name).ok()?;
            Some((name, chaincity_package::compile(&doc).ok()?))
        };
        others.into_iter().filter_map(compiled).collect()
    }

    /// What is wrong with the package's exports, ports, processes and forms, once it compiles itself.
    fn check_beside(&self, source: &Source) -> Result<Vec<Problem>, Fault> {
        let Ok(package) = source.compile() else { return Ok(Vec::new()) };
        let (exports, processes, ports) = match (&self.dir, &self.shipped) {
            (None, Some(name)) => {
                let files = |folder| shipped_in(name, folder);
                (files("exports/"), files("processes/"), files("ports/"))
            }
            (dir, _) => {
                let dir = dir.as_deref().unwrap_or(Path::new("."));
                (folder::exports(dir)?, folder::processes(dir)?, folder::ports(dir)?)
            }
        };
        let wrong = |(path, text): &(String, String)| export::compile(path, text, &package).err();
        let mut problems: Vec<_> = exports.iter().filter_map(wrong).flatten().collect();
        let wrong = |(path, text): &(String, String)| mapping::compile(path, text, &package).err();
        problems.extend(ports.iter().filter_map(wrong).flatten());
        problems.extend(check_processes(&processes, &package));
        problems.extend(idle_forms(&processes, &package).map(|problem| source.locate(problem)));
        problems.extend(check_forms(source, &package, &self.named_in_forms(&package)));
        if !has_errors(&problems) {
            problems.extend(chaincity_ledger::cases::check(&package).err().map(unfit));
        }
        Ok(problems)
    }
}

/// A process that no ledger would take.
fn unfit(Unfit { file, why }: Unfit) -> Problem {
    let cause = (
        format!("`{file}`不能在账本上办理：{}", why.zh),
        format!("no ledger carries out `{file}`: {}", why.en),
    );
    Problem::error(
        "unfit",
        format!("processes.{file}"),
        cause,
        ("请改画或拆分", "draw it otherwise, or split it"),
    )
}

/// The files of a shipped package in one of its folders.
fn shipped_in(package: &str, folder: &str) -> Vec<(String, String)> {
    let owned = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
    let files = shipped::files(package).into_iter();
    files.filter(|(path, _)| path.starts_with(folder)).map(owned).collect()
}

/// What is wrong with a package's processes, each checked by itself with all of its decision tables,
/// and against the package.
fn check_processes(files: &[(String, String)], package: &Package) -> Vec<Problem> {
    let (tables, processes): (Vec<_>, Vec<_>) =
        files.iter().partition(|(path, _)| path.ends_with(".dmn"));
    let (mut problems, mut decisions) = (Vec::new(), Vec::new());
    for (path, text) in tables {
        match parse_decisions(path, text.as_bytes()) {
            Ok(read) => decisions.push(read),
            Err(wrong) => problems.extend(wrong),
        }
    }
    for (path, text) in processes {
        match chaincity_process::parse(path, text.as_bytes()) {
            Ok(model) => {
                problems.extend(chaincity_process::check_with(&model, &decisions));
                problems.extend(chaincity_process::check_within(&model, package));
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    problems
}

/// Forms that no task of the package's processes names.
fn idle_forms(files: &[(String, String)], package: &Package) -> impl Iterator<Item = Problem> {
    let models = files
        .iter()
        .filter_map(|(path, text)| chaincity_process::parse(path, text.as_bytes()).ok());
    let named: BTreeSet<String> =
        models.flat_map(|model| chaincity_process::forms_of(&model)).collect();
    let idle = package.forms.keys().filter(move |name| !named.contains(name.as_str()));
    idle.map(|name| {
        let cause = ("没有任务使用此表单", "no task names this form");
        let mend =
            ("在任务的 chaincity:form 中指明，或删除", "name it in `chaincity:form`, or remove it");
        Problem::error("idle-form", format!("forms.{name}"), cause, mend).warning()
    })
}

#[derive(Debug, Serialize)]
struct ProblemLine<'a> {
    severity: &'static str,
    code: &'a str,
    place: &'a str,
    file: Option<&'a str>,
    line: Option<u64>,
    column: Option<u64>,
    zh: &'a str,
    en: &'a str,
    mend_zh: &'a str,
    mend_en: &'a str,
}

#[derive(Debug, Serialize)]
struct ScenarioLine<'a> {
    scenario: &'a str,
    ok: bool,
    zh: &'a str,
    en: &'a str,
    file: &'a str,
    line: u64,
    failure: Option<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    package: String,
    version: u32,
    ok: bool,
    passed: usize,
    failed: usize,
}

#[derive(Debug, Serialize)]
struct Built {
    package: String,
    version: u32,
    digest: String,
    file: PathBuf,
    bytes: usize,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = match &arguments.action {
        Action::Check { which, strict, against } => {
            attempt_check(which, *strict, against.as_deref(), output)
        }
        Action::Test { which, only } => attempt_test(which, only.as_deref(), output),
        Action::Build { which, out } => attempt_build(which, out, output),
        Action::New { name, dir } => {
            new::run(name, dir.as_deref().unwrap_or(Path::new(name)), output)
        }
        Action::Docs { which, out } => described(which, page, out, output),
        Action::Graph { which, out } => described(which, graph, out, output),
        Action::Diff { old, new } => attempt_diff(old, new, output),
        Action::Approve(arguments) => publish::approve(arguments, output),
        Action::Publish(arguments) => publish::publish(arguments, output),
    };
    let submitting = matches!(arguments.action, Action::Approve(_) | Action::Publish(_));
    settle(outcome, submitting, output)
}

fn attempt_check(
    which: &Which,
    strict: bool,
    against: Option<&Path>,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let old = match against {
        Some(dir) => {
            let old = Which { dir: Some(dir.to_owned()), shipped: None };
            match parsed(&old, output)? {
                Some(old) => Some(old.doc),
                None => return Ok(Exit::Negative),
            }
        }
        None => None,
    };
    let problems = match which.read()? {
        Ok(source) => {
            let mut problems = check(&source);
            problems.extend(old.iter().flat_map(|old| check_against(&source, old)));
            problems.extend(which.check_beside(&source)?);
            problems
        }
        Err(problems) => problems,
    };
    show(&problems, output)?;
    let bad = has_errors(&problems) || (strict && !problems.is_empty());
    if problems.is_empty() {
        output.heading("检查通过 · nothing is wrong")?;
    }
    Ok(if bad { Exit::Negative } else { Exit::Ok })
}

pub(super) fn show(problems: &[Problem], output: &mut Output) -> io::Result<()> {
    for problem in problems {
        let at = problem.location.as_ref();
        let line = ProblemLine {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: problem.code,
            place: &problem.place,
            file: at.map(|at| at.file.as_str()),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            zh: &problem.cause.zh,
            en: &problem.cause.en,
            mend_zh: &problem.mend.zh,
            mend_en: &problem.mend.en,
        };
        output.report(&line, |line| {
            let mut lines = vec![format!("{problem}")];
            lines.push(format!("    {}；{} ({})", line.zh, line.mend_zh, line.code));
            lines
        })?;
    }
    Ok(())
}

/// The package when it may be published, or its problems, shown.
fn checked(which: &Which, output: &mut Output) -> Result<Option<Source>, Failure> {
    let (source, problems) = match which.read()? {
        Ok(source) => {
            let problems = check(&source);
            (Some(source), problems)
        }
        Err(problems) => (None, problems),
    };
    show(&problems, output)?;
    Ok(source.filter(|_| !has_errors(&problems)))
}

/// The package, or its problems, shown.
fn parsed(which: &Which, output: &mut Output) -> Result<Option<Source>, Failure> {
    let problems = match which.read()? {
        Ok(source) => match source.compile() {
            Ok(_) => return Ok(Some(source)),
            Err(problems) => problems,
        },
        Err(problems) => problems,
    };
    show(&problems, output)?;
    Ok(None)
}

fn described(
    which: &Which,
    make: fn(&PackageDoc) -> String,
    out: &Path,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let Some(source) = parsed(which, output)? else { return Ok(Exit::Negative) };
    describe::write(&source.doc, make, out, output)
}

fn attempt_diff(old: &Path, new: &Path, output: &mut Output) -> Result<Exit, Failure> {
    let folder = |dir: &Path| Which { dir: Some(dir.to_owned()), shipped: None };
    let Some(old) = parsed(&folder(old), output)? else { return Ok(Exit::Negative) };
    let Some(new) = parsed(&folder(new), output)? else { return Ok(Exit::Negative) };
    describe::diff(&old.doc, &new.doc, output)
}

fn attempt_test(which: &Which, only: Option<&str>, output: &mut Output) -> Result<Exit, Failure> {
    let Some(source) = parsed(which, output)? else { return Ok(Exit::Negative) };
    let required = scenario::required(&source.doc, &mut |name| which.required(name))?;
    let required: Vec<_> = required.iter().map(PackageDoc::to_bytes).collect();
    let rehearsal = Rehearsal::requiring(&source.doc.to_bytes(), &required)
        .map_err(|f| Failure::usage(format!("应用包无法载入：{f}"), f.to_string()))?;
    let (mut passed, mut failed): (usize, usize) = (0, 0);
    let wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    for scenario in source.scenarios.iter().filter(|scenario| wanted(&scenario.name)) {
        let failure = rehearsal.run(scenario).err();
        let count = if failure.is_none() { &mut passed } else { &mut failed };
        *count = count.saturating_add(1);
        let line = ScenarioLine {
            scenario: &scenario.name,
            ok: failure.is_none(),
            zh: &scenario.zh,
            en: &scenario.en,
            file: &scenario.location.file,
            line: scenario.location.line,
            failure: failure.map(|failure| failure.to_string()),
        };
        output.report(&line, |line| {
            let verdict = if line.ok { "通过 · ok  " } else { "失败 · FAIL" };
            let mut lines = vec![format!("{verdict}  {}  {}", line.scenario, line.zh)];
            if let Some(failure) = &line.failure {
                lines.push(format!("    {}:{}: {failure}", line.file, line.line));
            }
            lines
        })?;
    }
    let ok = failed == 0 && passed > 0;
    let (package, version) = (source.doc.id.clone(), source.doc.version);
    output.record(&Summary { package, version, ok, passed, failed }, |summary| {
        format!("{} 个通过，{} 个失败 · {} passed, {} failed", passed, failed, passed, failed)
            + if summary.ok || failed > 0 { "" } else { "：没有情景 · no scenario ran" }
    })?;
    Ok(if ok { Exit::Ok } else { Exit::Negative })
}

fn attempt_build(which: &Which, out: &Path, output: &mut Output) -> Result<Exit, Failure> {
    let Some(source) = parsed(which, output)? else { return Ok(Exit::Negative) };
    let bytes = source.doc.to_bytes();
    std::fs::write(out, &bytes).map_err(Fault::io(out))?;
    let built = Built {
        package: source.doc.id.clone(),
        version: source.doc.version,
        digest: source.doc.digest().to_string(),
        file: out.to_owned(),
        bytes: bytes.len(),
    };
    output.record(&built, |built| {
        format!(
            "已写入 · written: {} ({} v{}, {} 字节 bytes, 摘要 digest {})",
            built.file.display(),
            built.package,
            built.version,
            built.bytes,
            built.digest
        )
    })?;
    Ok(Exit::Ok)
}
