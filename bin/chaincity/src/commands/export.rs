//! `chaincity export`: a package's records as objects of a foreign standard, by a mapping that the
//! package declares in `exports/NAME.yaml`.
//!
//! One JSON object a line, so that a register of any size can be written and read: first the
//! export and its standard, then each object once, last how many there are and up to which block.
//! Or, of objects that are pages, one HTML file to print.

mod page;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chaincity_client::Select;
use chaincity_client::api::json::parse_instant;
use chaincity_client::api::record::{LIMIT_MAX, Record};
use chaincity_package::export::{self, Export, Exported};
use chaincity_package::json::to_fields;
use chaincity_package::model::{Package, Register};
use chaincity_package::rule::{Environment, Fuel};
use chaincity_types::Timestamp;
use chaincity_types::wire::Status;
use clap::Args;
use serde_json::{Map, Value as Json, json};

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::Output;
use crate::{clock, folder, progress, shipped};

/// 按国际标准导出登记簿 · export registers as objects of a standard, such as LADM (ISO 19152)
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 映射名称：应用包 exports 文件夹中的文件名 · the mapping: a file of the package's folder `exports`
    mapping: String,
    /// 随附的应用包，或应用包文件夹 · a shipped package, or a package's folder
    #[arg(long, default_value = "real-estate")]
    package: String,
    /// 写入此文件 · where to write the objects, one JSON object a line
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// 只导出主键为此的记录 · only records with this key
    #[arg(long, value_name = "KEY")]
    record: Option<String>,
    /// 写成可打印的网页（对象须有标题和正文行）· as pages to print, of objects that have title and lines
    #[arg(long)]
    page: bool,
    /// 包括已注销的记录 · closed records too
    #[arg(long)]
    closed: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let (package, mapping) = load(arguments)?;
    let client = arguments.connection.client()?;
    let now = clock::now();
    let writer = File::create(&arguments.to).map_err(Fault::io(&arguments.to))?;
    let writer = BufWriter::new(writer);
    let mut sink =
        Sink { to: &arguments.to, writer, seen: BTreeSet::new(), written: 0, page: arguments.page };
    if arguments.page {
        sink.line(&page::head(&mapping.name))?;
    } else {
        let (name, standard) = (&mapping.name, &mapping.standard);
        sink.line(&json!({"export": name, "standard": standard, "package": package.id}))?;
    }
    let progress = progress::bar();
    let (mut height, environment) = (0, package.environment(now));
    for name in mapping.registers() {
        let Some(register) = package.registers.get(name) else { continue };
        let status = if arguments.closed { "any" } else { "live" };
        let mut select = Select::new(&package.id, name).limit(LIMIT_MAX).status(status);
        if let Some(key) = &arguments.record {
            select = select.eq("_key", key);
        }
        loop {
            let page = client.select(&select)?;
            height = page.height;
            for record in &page.items {
                sink.record(&mapping, register, record, &environment)?;
            }
            progress.set_message(format!("{name}: {}", sink.seen.len()));
            match page.next {
                Some(next) => select = select.after(&next),
                None => break,
            }
        }
    }
    progress.finish_and_clear();
    let end = json!({"objects": sink.written, "height": height});
    if arguments.page {
        sink.line(&page::TAIL)?;
    } else {
        sink.line(&end)?;
    }
    sink.writer.flush().map_err(Fault::io(&arguments.to))?;
    output.report(&end, |end| {
        let to = arguments.to.display();
        vec![format!(
            "{} 个对象写入 · objects written to {to}（区块 · block {height}）",
            end["objects"]
        )]
    })?;
    Ok(Exit::Ok)
}

/// The package and the mapping, shipped or of a folder.
fn load(arguments: &Arguments) -> Result<(Package, Export), Failure> {
    let path = format!("exports/{}.yaml", arguments.mapping);
    let folder = Path::new(&arguments.package);
    let (source, text) = if folder.is_dir() {
        let source = folder::read(folder)?.map_err(|problems| refused(&problems))?;
        let file = folder.join(&path);
        (source, std::fs::read_to_string(&file).map_err(Fault::io(&file))?)
    } else {
        let text = shipped::file(&arguments.package, &path)?;
        (shipped::source(&arguments.package)?, text.to_owned())
    };
    let package = source.compile().map_err(|problems| refused(&problems))?;
    let mapping = export::compile(&path, &text, &package).map_err(|problems| refused(&problems))?;
    Ok((package, mapping))
}

fn refused(problems: &[chaincity_package::Problem]) -> Failure {
    let zh: Vec<&str> = problems.iter().map(|problem| problem.cause.zh.as_str()).collect();
    let en: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::usage(zh.join("\n"), en.join("\n"))
}

/// Where the objects go, each once.
struct Sink<'a> {
    to: &'a Path,
    writer: BufWriter<File>,
    seen: BTreeSet<(String, String)>,
    written: u64,
    /// Whether as pages.
    page: bool,
}

impl Sink<'_> {
    fn line(&mut self, line: &dyn Display) -> Result<(), Fault> {
        writeln!(self.writer, "{line}").map_err(Fault::io(self.to))
    }

    fn object(&mut self, object: Exported) -> Result<(), Fault> {
        if self.page {
            let Some(page) = page::page(&object) else { return Ok(()) };
            self.line(&page)?;
        } else {
            let mut line = Map::from_iter([
                ("class".to_owned(), Json::String(object.class)),
                ("id".to_owned(), Json::String(object.id)),
            ]);
            line.extend(object.attributes);
            self.line(&Json::Object(line))?;
        }
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    fn record(
        &mut self,
        mapping: &Export,
        register: &Register,
        record: &Record,
        environment: &Environment,
    ) -> Result<(), Fault> {
        let unfit = |cause: &str| {
            let key = &record.key;
            let name = &register.name;
            Fault::other(
                format!("记录 {name}/{key} 无法导出：{cause}"),
                format!("the record {name}/{key} cannot be exported: {cause}"),
            )
        };
        let fields =
            to_fields(&register.fields, &record.fields).map_err(|e| unfit(&e.to_string()))?;
        let status = if record.status == "live" { Status::Live } else { Status::Closed };
        let began = parse_instant(&record.began).unwrap_or(Timestamp(0));
        let stored =
            register.stored(&record.key.as_str().into(), &fields, (status, record.version, began));
        let mut scratch = environment.clone();
        let seen = register
            .compute(stored, &mut scratch, &mut Fuel::for_call())
            .map_err(|e| unfit(&e.to_string()))?;
        let objects =
            mapping.objects(register, &seen, environment).map_err(|e| unfit(&e.to_string()))?;
        for object in objects {
            if self.seen.insert((object.class.clone(), object.id.clone())) {
                self.object(object)?;
            }
        }
        Ok(())
    }
}
