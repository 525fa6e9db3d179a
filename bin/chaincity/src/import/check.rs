//! Holds a mapping against the package and compiles it: every name is resolved, every value
//! fits its field, so that a run meets faults of the data alone.

use std::collections::BTreeMap;

use chaincity_package::model::{Action, Field, FieldType, Package, Text};
use chaincity_types::{Reject, Str, Value};
use encoding_rs::Encoding;
use serde_saphyr::Spanned;

use super::convert::{self, Convert};
use super::generation::Generation;
use super::mapping::{
    CallText, ChildrenText, DifferText, ExprText, FileText, FlagText, KeyText, MappingProblem,
    MappingText, Ordered, Title,
};
use super::read::Shape;

/// Fewest and most hexadecimal digits of a made key.
const KEY_DIGITS: std::ops::RangeInclusive<usize> = 16..=40;

/// A mapping, ready to run.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// Identifier of the source.
    pub(crate) id: String,
    /// What is imported.
    pub(crate) title: Title,
    /// What it takes for granted, for readers.
    pub(crate) assumptions: Vec<Title>,
    /// The package.
    pub(crate) package: String,
    /// Which state of which system the files are.
    pub(crate) generation: Option<Generation>,
    /// What the reject codes of the called actions mean.
    codes: BTreeMap<String, Title>,
    /// The files, as reported.
    pub(crate) files: Vec<FileSpec>,
    /// The file whose rows become calls.
    pub(crate) main: usize,
    /// Named values, each using only earlier ones.
    pub(crate) names: Vec<Expr>,
    /// What is called for each row.
    pub(crate) calls: Vec<CallSpec>,
    /// Today, as days since 1970-01-01: identifiers that hold a date are checked against it.
    pub(crate) today: i32,
}

impl Mapping {
    /// Why the ledger refused a call, for a person.
    pub(crate) fn why(&self, code: &str) -> Title {
        let known = Reject::ALL.iter().find(|known| known.code() == code);
        let kernel = known.map(|known| (known.zh(), known.en()));
        let (zh, en) =
            kernel.unwrap_or(("被应用包的前置条件驳回", "rejected by a guard of the package"));
        let own = self.codes.get(code).cloned();
        own.unwrap_or_else(|| Title { zh: zh.to_owned(), en: en.to_owned() })
    }
}

/// A file.
#[derive(Debug)]
pub(crate) struct FileSpec {
    /// Name in the source's directory.
    pub(crate) path: String,
    /// How its lines become rows.
    pub(crate) shape: Shape,
    /// Lines before the first row.
    pub(crate) header_lines: u64,
}

/// A call.
#[derive(Debug)]
pub(crate) struct CallSpec {
    /// The action.
    pub(crate) action: String,
    /// Reject codes that say the record is there.
    pub(crate) already: Vec<String>,
    /// The input.
    pub(crate) input: Vec<InputSpec>,
    /// What the package declares.
    pub(crate) declared: BTreeMap<Str, Field>,
}

/// A field of an input and where it comes from.
#[derive(Debug)]
pub(crate) struct InputSpec {
    /// The field.
    pub(crate) field: String,
    /// Its value.
    pub(crate) value: Expr,
    /// Whether the row is refused when there is no value.
    pub(crate) required: bool,
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Expr {
    /// Always the same.
    Constant(Value),
    /// A converted cell.
    Cell {
        /// The column.
        column: usize,
        /// How.
        convert: Convert,
    },
    /// A cell by a table of words.
    Word {
        /// The column.
        column: usize,
        /// What each becomes.
        words: BTreeMap<String, String>,
    },
    /// Literal text and cells in turn.
    Template(Vec<Piece>),
    /// A key of hashed cells.
    Key {
        /// How it begins.
        prefix: String,
        /// A word after the prefix.
        word: Option<Box<Expr>>,
        /// Hashed columns.
        columns: Vec<usize>,
        /// Digits of the hash.
        digits: usize,
    },
    /// A named value.
    Name(usize),
    /// Holders made from the seed and a named value.
    SyntheticHolders(usize),
    /// Items of joined rows.
    Children {
        /// The file.
        file: usize,
        /// Fields of an item.
        item: Vec<InputSpec>,
        /// The item's type.
        kind: FieldType,
        /// Most items.
        max: usize,
    },
    /// Words for what is doubtful.
    Flags(Vec<Flag>),
    /// The line of the row.
    Line,
    /// The lines of the rows of a joined file that are part of a call.
    Lines(usize),
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Piece {
    /// As it stands.
    Literal(String),
    /// The cell of a column.
    Cell(usize),
}

/// When a flag is set.
#[derive(Debug)]
pub(crate) struct Flag {
    /// The word.
    pub(crate) flag: String,
    /// What must all hold; nothing, for every row.
    pub(crate) when: Vec<When>,
}

/// A condition of a flag.
#[derive(Debug)]
pub(crate) enum When {
    /// A cell contains a text.
    Contains(usize, String),
    /// A cell does not contain a text.
    Lacks(usize, String),
    /// A joined row was set aside.
    ChildrenSetAside,
    /// The shares in the rows of a joined file do not make a whole.
    NotWhole(usize),
    /// The rows of a joined file differ in a column.
    Differ(usize, usize),
}

/// Compiles a mapping against the package that it names.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub(crate) fn compile(
    text: &MappingText,
    package: &Package,
    today: i32,
) -> Result<Mapping, Vec<MappingProblem>> {
    let mut compiler = Compiler {
        problems: Vec::new(),
        files: Vec::new(),
        names: Vec::new(),
        used: Vec::new(),
        generation: None,
        today,
    };
    if text.package.value != package.id {
        let cause =
            format!("the mapping is for package `{}`, not `{}`", text.package.value, package.id);
        compiler.problem(&text.package, cause);
    }
    let id_fits =
        text.id.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if text.id.value.is_empty() || text.id.value.len() > 40 || !id_fits {
        compiler.problem(&text.id, "`import` has 1 to 40 lower-case letters, digits and hyphens");
    }
    compiler.files(text);
    compiler.generation(text, package);
    let main = compiler.files.iter().position(|(name, _)| *name == text.rows.value);
    let Some(main) = main else {
        compiler.problem(&text.rows, format!("`{}` is none of the files", text.rows.value));
        return Err(compiler.problems);
    };
    let mut names = Vec::new();
    for (name, expr) in &text.names.0 {
        let compiled = compiler.expr(expr, main, None);
        names.extend(compiled);
        compiler.names.push(name.clone());
    }
    if names.len() != compiler.names.len() {
        return Err(compiler.problems);
    }
    let calls =
        text.calls.iter().filter_map(|call| compiler.call(call, main, &names, package)).collect();
    for (index, (name, _)) in compiler.files.iter().enumerate() {
        let uses = compiler.used.iter().filter(|used| **used == index).count();
        if index != main && uses != 1 {
            let cause = format!("the rows of `{name}` are used {uses} times, once is needed");
            compiler.problems.push(at(&text.rows, cause));
        }
    }
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let files = compiler.files.into_iter().map(|(_, file)| file).collect();
    let actions = &package.actions;
    let (id, package) = (text.id.value.clone(), package.id.to_string());
    let (title, assumptions) = (text.title.clone(), text.assumptions.clone());
    let (generation, codes) = (compiler.generation, codes(text, actions));
    Ok(Mapping {
        id,
        title,
        assumptions,
        package,
        generation,
        codes,
        files,
        main,
        names,
        calls,
        today,
    })
}

fn at<T>(place: &Spanned<T>, cause: impl Into<String>) -> MappingProblem {
    let (line, column) = (place.referenced.line(), place.referenced.column());
    MappingProblem { line, column, cause: cause.into() }
}

/// What the reject codes of the called actions mean.
fn codes(text: &MappingText, actions: &BTreeMap<Str, Action>) -> BTreeMap<String, Title> {
    let first = text.generation.iter().map(|generation| &generation.value.action);
    let called = first.chain(text.calls.iter().map(|call| &call.value.action));
    let guards =
        called.filter_map(|name| actions.get(name.as_str())).flat_map(|action| &action.guards);
    let title = |Text { zh, en }: &Text| Title { zh: zh.clone(), en: en.clone() };
    guards.map(|guard| (guard.code.to_string(), title(&guard.text))).collect()
}

struct Compiler {
    problems: Vec<MappingProblem>,
    files: Vec<(String, FileSpec)>,
    names: Vec<String>,
    /// Files whose rows became a list.
    used: Vec<usize>,
    generation: Option<Generation>,
    today: i32,
}

impl Compiler {
    fn problem<T>(&mut self, place: &Spanned<T>, cause: impl Into<String>) {
        self.problems.push(at(place, cause));
    }

    fn files(&mut self, text: &MappingText) {
        for (name, file) in &text.files.0 {
            match file_spec(&file.value) {
                Ok(spec) => self.files.push((name.clone(), spec)),
                Err(cause) => self.problem(file, cause),
            }
        }
    }

    fn generation(&mut self, text: &MappingText, package: &Package) {
        let Some(place) = &text.generation else { return };
        let files: Vec<String> = self.files.iter().map(|(_, file)| file.path.clone()).collect();
        match Generation::compile(&place.value, package, &files, self.today) {
            Ok(generation) => {
                let action = package.actions.get(generation.action.as_str());
                self.already(place, &place.value.already, action);
                self.generation = Some(generation);
            }
            Err(cause) => self.problem(place, cause),
        }
    }

    /// A second run must find what the first one wrote.
    fn already<T>(&mut self, place: &Spanned<T>, already: &[String], action: Option<&Action>) {
        if already.is_empty() {
            let cause = "`already` names no code, so a second run would not find what is there";
            self.problem(place, cause);
        }
        let Some(action) = action else { return };
        for code in already.iter().filter(|code| !may_reject(action, code)) {
            let cause = format!("action `{}` never rejects with `{code}`", action.name);
            self.problem(place, cause);
        }
    }

    fn column(&mut self, place: &Spanned<ExprText>, file: usize, name: &str) -> Option<usize> {
        let (file_name, spec) = self.files.get(file)?;
        let found = spec.shape.columns.iter().position(|column| column == name);
        if found.is_none() {
            let cause = format!("file `{file_name}` has no column `{name}`");
            self.problem(place, cause);
        }
        found
    }

    fn name(&mut self, place: &Spanned<ExprText>, name: &str) -> Option<usize> {
        let found = self.names.iter().position(|known| known == name);
        if found.is_none() {
            self.problem(place, format!("no earlier `let` is named `{name}`"));
        }
        found
    }

    fn call(
        &mut self,
        call: &Spanned<CallText>,
        main: usize,
        names: &[Expr],
        package: &Package,
    ) -> Option<CallSpec> {
        let CallText { action: name, already, input } = &call.value;
        let Some(action) = package.actions.get(name.as_str()) else {
            self.problem(call, format!("package `{}` has no action `{name}`", package.id));
            return None;
        };
        self.already(call, already, Some(action));
        let input = self.fields(call, input, main, names, &action.input);
        let declared = action.input.clone();
        Some(CallSpec { action: name.clone(), already: already.clone(), input, declared })
    }

    fn fields<T>(
        &mut self,
        place: &Spanned<T>,
        input: &Ordered<Spanned<ExprText>>,
        file: usize,
        names: &[Expr],
        declared: &BTreeMap<Str, Field>,
    ) -> Vec<InputSpec> {
        let mut specs: Vec<InputSpec> = Vec::new();
        for (name, text) in &input.0 {
            let Some(field) = declared.get(name.as_str()) else {
                self.problem(text, format!("field `{name}` is not declared"));
                continue;
            };
            if specs.iter().any(|spec| spec.field == *name) {
                self.problem(text, format!("field `{name}` stands twice"));
            }
            let Some(value) = self.expr(text, file, Some((&field.kind, names))) else { continue };
            if let Err(cause) = fits(&value, &field.kind, names, self.today) {
                self.problem(text, format!("field `{name}` {cause}"));
            }
            specs.push(InputSpec { field: name.clone(), value, required: !field.optional });
        }
        for (name, _) in declared.iter().filter(|(_, field)| !field.optional) {
            if !input.0.iter().any(|(given, _)| given == name) {
                self.problem(place, format!("field `{name}` is required and not mapped"));
            }
        }
        specs
    }

    /// Compiles an expression over the rows of `file`; `wanted` is the field it is for.
    fn expr(
        &mut self,
        place: &Spanned<ExprText>,
        file: usize,
        wanted: Option<(&FieldType, &[Expr])>,
    ) -> Option<Expr> {
        let ExprText { column, convert, allow, words, constant, template, key, name, .. } =
            &place.value;
        let ExprText { synthetic_holders, children, flags, source, of, .. } = &place.value;
        let kinds = [
            column.is_some(),
            constant.is_some(),
            template.is_some(),
            key.is_some(),
            name.is_some(),
            synthetic_holders.is_some(),
            children.is_some(),
            flags.is_some(),
            source.is_some(),
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            self.problem(place, "exactly one source of the value is needed, such as `column`");
            return None;
        }
        let of_cell = convert.is_some() || !allow.is_empty() || words.is_some();
        if of_cell && column.is_none() {
            self.problem(place, "`as`, `allow` and `words` go with `column` only");
            return None;
        }
        if let Some(column) = column {
            return self.cell(place, file, column);
        }
        if let Some(text) = constant {
            return Some(Expr::Constant(Value::from(text.as_str())));
        }
        if let Some(template) = template {
            return self.template(place, file, template);
        }
        if let Some(key) = key {
            return self.key(place, file, key);
        }
        if let Some(name) = name {
            return self.name(place, name).map(Expr::Name);
        }
        if let Some(name) = synthetic_holders {
            return self.name(place, name).map(Expr::SyntheticHolders);
        }
        if let Some(children) = children {
            return self.children(place, children, wanted);
        }
        if let Some(source) = source {
            return self.source(place, file, source, of.as_deref());
        }
        flags.as_ref().and_then(|flags| self.flags(place, file, flags))
    }

    fn cell(&mut self, place: &Spanned<ExprText>, file: usize, name: &str) -> Option<Expr> {
        let column = self.column(place, file, name)?;
        let ExprText { convert, allow, words, .. } = &place.value;
        if let Some(words) = words {
            if convert.is_some() || !allow.is_empty() {
                self.problem(place, "`words` goes without `as` and `allow`");
            }
            let table: BTreeMap<String, String> = words.0.iter().cloned().collect();
            if table.len() != words.0.len() {
                self.problem(place, "a word stands twice");
            }
            return Some(Expr::Word { column, words: table });
        }
        let name = convert.as_deref().unwrap_or("text");
        let Some(mut convert) = Convert::of_name(name) else {
            self.problem(place, format!("`{name}` is none of {}", convert::NAMES));
            return None;
        };
        for allowed in allow {
            match (&mut convert, allowed.as_str()) {
                (Convert::Area { bare_point, .. }, "bare-point") => *bare_point = true,
                (Convert::Area { float_noise, .. }, "float-noise") => *float_noise = true,
                _ => self.problem(place, format!("`{name}` has nothing to allow as `{allowed}`")),
            }
        }
        Some(Expr::Cell { column, convert })
    }

    fn template(&mut self, place: &Spanned<ExprText>, file: usize, text: &str) -> Option<Expr> {
        let mut pieces = Vec::new();
        for (index, part) in text.split('{').enumerate() {
            if index == 0 {
                pieces.push(Piece::Literal(part.to_owned()));
                continue;
            }
            let Some((name, literal)) = part.split_once('}') else {
                self.problem(place, "a brace does not close");
                return None;
            };
            pieces.push(Piece::Cell(self.column(place, file, name)?));
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        Some(Expr::Template(pieces))
    }

    fn key(&mut self, place: &Spanned<ExprText>, file: usize, key: &KeyText) -> Option<Expr> {
        let KeyText { prefix, word, columns, digits } = key;
        if !KEY_DIGITS.contains(digits) || columns.is_empty() {
            self.problem(place, "a key hashes at least one column to 16 to 40 digits");
            return None;
        }
        let word = match word {
            None => None,
            Some(word) => Some(Box::new(self.expr(word, file, None)?)),
        };
        if word.as_deref().is_some_and(|word| !matches!(word, Expr::Word { .. })) {
            self.problem(place, "the word of a key is a column with `words`");
            return None;
        }
        let columns =
            columns.iter().map(|name| self.column(place, file, name)).collect::<Option<_>>()?;
        Some(Expr::Key { prefix: prefix.clone(), word, columns, digits: *digits })
    }

    fn children(
        &mut self,
        place: &Spanned<ExprText>,
        text: &ChildrenText,
        wanted: Option<(&FieldType, &[Expr])>,
    ) -> Option<Expr> {
        let file = self.file(place, &text.file)?;
        let Some((FieldType::List(kind, max), names)) = wanted else {
            self.problem(place, "joined rows become a list");
            return None;
        };
        let share = share_fields();
        let declared = if let FieldType::Map(declared) = kind.as_ref() {
            declared
        } else if **kind == FieldType::Share {
            &share
        } else {
            self.problem(place, "joined rows become a list of maps or of shares");
            return None;
        };
        self.used.push(file);
        let item = self.fields(place, &text.item, file, names, declared);
        let max = usize::try_from(*max).unwrap_or(usize::MAX);
        Some(Expr::Children { file, item, kind: kind.as_ref().clone(), max })
    }

    fn flags(
        &mut self,
        place: &Spanned<ExprText>,
        file: usize,
        texts: &[FlagText],
    ) -> Option<Expr> {
        let mut flags = Vec::new();
        for text in texts {
            let when = self.conditions(place, file, text)?;
            flags.push(Flag { flag: text.flag.clone(), when });
        }
        Some(Expr::Flags(flags))
    }

    fn conditions(
        &mut self,
        place: &Spanned<ExprText>,
        file: usize,
        text: &FlagText,
    ) -> Option<Vec<When>> {
        let FlagText { flag: _, column, contains, lacks, children_set_aside, not_whole, differ } =
            text;
        let mut when = Vec::new();
        if column.is_some() != (contains.is_some() || lacks.is_some()) {
            self.problem(place, "`column` goes with `contains` or `lacks`");
            return None;
        }
        if let Some(column) = column {
            let column = self.column(place, file, column)?;
            when.extend(contains.clone().map(|text| When::Contains(column, text)));
            when.extend(lacks.clone().map(|text| When::Lacks(column, text)));
        }
        if *children_set_aside {
            when.push(When::ChildrenSetAside);
        }
        if let Some(name) = not_whole {
            when.push(When::NotWhole(self.file(place, name)?));
        }
        if let Some(DifferText { file, column }) = differ {
            let file = self.file(place, file)?;
            when.push(When::Differ(file, self.column(place, file, column)?));
        }
        Some(when)
    }

    fn file(&mut self, place: &Spanned<ExprText>, name: &str) -> Option<usize> {
        let found = self.files.iter().position(|(known, _)| known == name);
        if found.is_none() {
            self.problem(place, format!("`{name}` is none of the files"));
        }
        found
    }

    /// Where a row stands.
    fn source(
        &mut self,
        place: &Spanned<ExprText>,
        file: usize,
        source: &str,
        of: Option<&str>,
    ) -> Option<Expr> {
        let of = match of {
            Some(name) => Some(self.file(place, name)?),
            None => None,
        };
        let text = |text: &str| Expr::Constant(Value::from(text));
        match (source, of) {
            ("generation", None) => match &self.generation {
                Some(generation) => Some(text(&generation.id)),
                None => {
                    self.problem(place, "the mapping names no generation");
                    None
                }
            },
            ("file", _) => self.files.get(of.unwrap_or(file)).map(|(_, spec)| text(&spec.path)),
            ("row", None) => Some(Expr::Line),
            ("rows", Some(of)) => Some(Expr::Lines(of)),
            _ => {
                let cause =
                    "a source is `generation`, `file`, `row`, or `file` or `rows` with `of`";
                self.problem(place, cause);
                None
            }
        }
    }
}

/// What a share consists of, as the items of a list of them are mapped.
fn share_fields() -> BTreeMap<Str, Field> {
    let field = |name: &str, kind| {
        let title = Text { zh: name.to_owned(), en: name.to_owned() };
        (name.into(), Field { kind, optional: false, title })
    };
    [field("subject", FieldType::Subject), field("n", FieldType::Int), field("d", FieldType::Int)]
        .into()
}

fn file_spec(text: &FileText) -> Result<FileSpec, String> {
    let FileText { path, encoding, private, separator, header_lines, columns, key } = text;
    let plain = !path.is_empty() && !path.contains(['/', '\\']) && path != "." && path != "..";
    if !plain {
        return Err(format!("`{path}` is not the name of a file in the source's directory"));
    }
    let found = Encoding::for_label(encoding.as_bytes());
    let encoding = found.ok_or_else(|| format!("`{encoding}` is not a known encoding"))?;
    let separator = match separator.as_deref().unwrap_or(",").as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'"' => *byte,
        _ => return Err("the separator is one ASCII character".to_owned()),
    };
    if *header_lines == 0 {
        return Err("the header has at least the line that names the columns".to_owned());
    }
    for (index, column) in columns.iter().enumerate() {
        if columns.iter().skip(index.saturating_add(1)).any(|other| other == column) {
            return Err(format!("column `{column}` stands twice"));
        }
    }
    let index = columns.iter().position(|column| column == key);
    let key = index.ok_or_else(|| format!("the key `{key}` is none of the columns"))?;
    let private = private.iter().map(|range| code_range(range)).collect::<Result<_, _>>()?;
    let shape = Shape { encoding, private, separator, columns: columns.clone(), key };
    Ok(FileSpec { path: path.clone(), shape, header_lines: *header_lines })
}

fn code_range(text: &str) -> Result<(u16, u16), String> {
    let code = |text: &str| u16::from_str_radix(text, 16).ok().filter(|code| *code >= 0x8000);
    let range = text.split_once('-').and_then(|(from, to)| Some((code(from)?, code(to)?)));
    range
        .filter(|(from, to)| from <= to)
        .ok_or_else(|| format!("`{text}` is not a range of two-byte codes such as `FA40-FEFE`"))
}

/// Whether `code` is one that says a record is there: a guard's own, or the kernel's.
fn may_reject(action: &Action, code: &str) -> bool {
    action.guards.iter().any(|guard| guard.code == code)
        || [Reject::Exists.code(), Reject::UniqueTaken.code()].contains(&code)
}

/// Whether every value of `expr` is of the field's kind. Ranges and lengths are checked row by
/// row.
fn fits(expr: &Expr, kind: &FieldType, names: &[Expr], today: i32) -> Result<(), String> {
    let is_text = matches!(
        kind,
        FieldType::Text(_)
            | FieldType::Ref(_)
            | FieldType::Subject
            | FieldType::Pseudonym(_)
            | FieldType::Identifier(_)
            | FieldType::Enum(_)
    );
    let check = |text: &str| kind.check(text.into(), today).map(drop).map_err(|p| p.to_string());
    let ok = match expr {
        Expr::Constant(value) => {
            return kind.check(value.clone(), today).map(drop).map_err(|p| p.to_string());
        }
        Expr::Word { words, .. } => return words.values().try_for_each(|word| check(word)),
        Expr::Name(index) => match names.get(*index) {
            Some(expr) => return fits(expr, kind, names, today),
            None => false,
        },
        Expr::Cell { convert, .. } => match convert {
            Convert::Text => is_text,
            Convert::Integer | Convert::Storeys => *kind == FieldType::Int,
            Convert::Money => *kind == FieldType::Fen,
            Convert::Date | Convert::RocDate => *kind == FieldType::Date,
            Convert::Time => *kind == FieldType::Time,
            Convert::Area { .. } => *kind == FieldType::Area,
        },
        Expr::Template(_) | Expr::Key { .. } => is_text,
        Expr::SyntheticHolders(_) => is_list_of(kind, |item| *item == FieldType::Share),
        Expr::Children { .. } => {
            is_list_of(kind, |item| matches!(item, FieldType::Map(_) | FieldType::Share))
        }
        Expr::Line => *kind == FieldType::Int,
        Expr::Lines(_) => is_list_of(kind, |item| *item == FieldType::Int),
        Expr::Flags(flags) => {
            let all = |item: &FieldType| {
                flags.iter().all(|f| item.check(f.flag.as_str().into(), today).is_ok())
            };
            is_list_of(kind, all)
        }
    };
    if ok { Ok(()) } else { Err(format!("is of type {}, which this value is not", kind.name())) }
}

fn is_list_of(kind: &FieldType, item_fits: impl Fn(&FieldType) -> bool) -> bool {
    matches!(kind, FieldType::List(item, _) if item_fits(item))
}
