//! From a row and the rows joined to it to the calls that bring them in. Pure.

use std::collections::BTreeMap;

use chaincity_crypto::hash;
use chaincity_package::value::check_fields;
use chaincity_types::wire::Call;
use chaincity_types::{Share, Str, Value, cbor};

use super::check::{CallSpec, Expr, FileSpec, Flag, InputSpec, Mapping, Piece, When};
use super::convert::{folded, trimmed};
use super::read::Row;
use super::refusal::{Reason, Refusal};
use super::synthetic;

/// Largest call, in bytes of CBOR: it fits a transaction with room for its envelope.
pub(crate) const CALL_BYTES_MAX: usize = 98_304;
/// Domain of made keys.
const KEY_DOMAIN: &str = "chaincity/import-key/1";

/// The calls of one row.
#[derive(Debug)]
pub(crate) struct Planned {
    /// In order; later ones may rely on earlier ones.
    pub(crate) calls: Vec<Call>,
    /// Joined rows that are part of a call: file, line, which call.
    pub(crate) placed: Vec<(usize, u64, usize)>,
    /// Joined rows that cannot be: file, line, why.
    pub(crate) refused: Vec<(usize, u64, Refusal)>,
}

/// The rows of one file that are joined to a row.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// By file.
    pub(crate) rows: BTreeMap<usize, Vec<Row>>,
    /// Whether some were set aside already.
    pub(crate) flawed: bool,
}

/// Items made of joined rows and the lines of these, by file.
type Lists = BTreeMap<usize, Vec<(u64, Value)>>;

/// What an expression is evaluated over.
struct Scope<'a> {
    file: &'a FileSpec,
    row: &'a Row,
    names: &'a [Option<Value>],
    lists: &'a Lists,
    joined: &'a Joined,
    flawed: bool,
    seed: u64,
}

/// Plans a row of the main file.
///
/// # Errors
/// Why the row is set aside; its joined rows are then set aside with it.
pub(crate) fn plan(
    mapping: &Mapping,
    seed: u64,
    row: &Row,
    joined: &Joined,
) -> Result<Planned, Refusal> {
    let file = mapping.files.get(mapping.main).ok_or_else(|| Refusal::row(Reason::NoKey))?;
    let (lists, placed, refused) = lists(mapping, seed, joined);
    let flawed = joined.flawed || !refused.is_empty();
    let mut names: Vec<Option<Value>> = Vec::new();
    for expr in &mapping.names {
        let scope = Scope { file, row, names: &names, lists: &lists, joined, flawed, seed };
        let value = scope.value(expr)?;
        names.push(value);
    }
    let scope = Scope { file, row, names: &names, lists: &lists, joined, flawed, seed };
    let call = |spec| scope.call(mapping, spec);
    let calls = mapping.calls.iter().map(call).collect::<Result<_, _>>()?;
    Ok(Planned { calls, placed, refused })
}

type Placed = (Lists, Vec<(usize, u64, usize)>, Vec<(usize, u64, Refusal)>);

/// Makes the list of each joined file. A row that does not convert is refused alone.
fn lists(mapping: &Mapping, seed: u64, joined: &Joined) -> Placed {
    let (mut lists, mut placed, mut refused) = (Lists::new(), Vec::new(), Vec::new());
    for (index, call) in mapping.calls.iter().enumerate() {
        for input in &call.input {
            let Expr::Children { file, item, kind, max } = &input.value else { continue };
            let Some(spec) = mapping.files.get(*file) else { continue };
            let mut items = Vec::new();
            for row in joined.rows.get(file).into_iter().flatten() {
                let (lists, joined) = (&Lists::new(), &Joined::default());
                let scope =
                    Scope { file: spec, row, names: &[], lists, joined, flawed: false, seed };
                let made = scope.fields(item).and_then(|map| {
                    let checked = kind.check(Value::Map(map), mapping.today);
                    checked.map_err(|problem| scope.refused(item, &problem))
                });
                match made {
                    Ok(_) if items.len() >= *max => {
                        refused.push((*file, row.line, Refusal::row(Reason::TooManyChildren)));
                    }
                    Ok(value) => {
                        items.push((row.line, value));
                        placed.push((*file, row.line, index));
                    }
                    Err(refusal) => refused.push((*file, row.line, refusal)),
                }
            }
            lists.insert(*file, items);
        }
    }
    (lists, placed, refused)
}

impl Scope<'_> {
    fn call(&self, mapping: &Mapping, spec: &CallSpec) -> Result<Call, Refusal> {
        let input = self.fields(&spec.input)?;
        let input = check_fields(&spec.declared, input, mapping.today)
            .map_err(|problem| self.refused(&spec.input, &problem))?;
        let call = Call {
            package: mapping.package.as_str().into(),
            action: spec.action.as_str().into(),
            input,
            case: None,
            task: None,
            mandates: None,
        };
        if cbor::encode(&call).len() > CALL_BYTES_MAX {
            return Err(Refusal::row(Reason::TooLarge));
        }
        Ok(call)
    }

    fn fields(&self, specs: &[InputSpec]) -> Result<BTreeMap<Str, Value>, Refusal> {
        let mut fields = BTreeMap::new();
        for spec in specs {
            match self.value(&spec.value)? {
                Some(value) => {
                    fields.insert(spec.field.as_str().into(), value);
                }
                None if spec.required => {
                    let column = self.column_of(&spec.value).map(str::to_owned);
                    let detail = format!("field `{}`", spec.field);
                    return Err(Refusal { column, reason: Reason::Empty, detail: Some(detail) });
                }
                None => {}
            }
        }
        Ok(fields)
    }

    /// A value that the package does not take, with the column that it came from.
    fn refused(
        &self,
        specs: &[InputSpec],
        problem: &chaincity_package::value::FieldProblem,
    ) -> Refusal {
        let field = problem.path.split(['.', '[']).next().unwrap_or_default();
        let spec = specs.iter().find(|spec| spec.field == field);
        let column = spec.and_then(|spec| self.column_of(&spec.value)).map(str::to_owned);
        Refusal { column, reason: Reason::InvalidField, detail: Some(problem.to_string()) }
    }

    fn column_of(&self, expr: &Expr) -> Option<&str> {
        match expr {
            Expr::Cell { column, .. } | Expr::Word { column, .. } => {
                Some(self.column_name(*column))
            }
            Expr::Constant(_)
            | Expr::Template(_)
            | Expr::Key { .. }
            | Expr::Name(_)
            | Expr::SyntheticHolders(_)
            | Expr::Children { .. }
            | Expr::Flags(_)
            | Expr::Line
            | Expr::Lines(_) => None,
        }
    }

    fn column_name(&self, column: usize) -> &str {
        self.file.shape.columns.get(column).map_or("", String::as_str)
    }

    fn cell(&self, column: usize) -> &str {
        trimmed(self.row.cells.get(column).unwrap_or_default())
    }

    /// The value of an expression; `None` when there is none.
    fn value(&self, expr: &Expr) -> Result<Option<Value>, Refusal> {
        Ok(match expr {
            Expr::Constant(value) => Some(value.clone()),
            Expr::Cell { column, convert } => match self.cell(*column) {
                "" => None,
                text => {
                    let refuse = |reason| Refusal::cell(self.column_name(*column), reason);
                    Some(convert.value(text).map_err(refuse)?)
                }
            },
            Expr::Word { column, words } => match self.cell(*column) {
                "" => None,
                text => {
                    let refuse = || Refusal::cell(self.column_name(*column), Reason::UnknownWord);
                    Some(Value::Text(words.get(text).ok_or_else(refuse)?.as_str().into()))
                }
            },
            Expr::Template(pieces) => self.template(pieces),
            Expr::Key { prefix, word, columns, digits } => {
                let word = match word {
                    None => String::new(),
                    Some(word) => match self.value(word)? {
                        Some(Value::Text(word)) => format!("{word}-"),
                        _ => {
                            let column = self.column_of(word).unwrap_or_default();
                            return Err(Refusal::cell(column, Reason::Empty));
                        }
                    },
                };
                Some(Value::from(format!("{prefix}-{word}{}", self.hashed(columns, *digits))))
            }
            Expr::Name(index) => self.names.get(*index).cloned().flatten(),
            Expr::SyntheticHolders(index) => {
                let of = self.names.get(*index).and_then(Option::as_ref).and_then(Value::as_text);
                of.map(|of| synthetic::holders(self.seed, of))
            }
            Expr::Children { file, .. } => {
                let items = self.items(*file).map(|(_, item)| item.clone());
                Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty()).map(Value::List)
            }
            Expr::Line => Some(line(self.row.line)),
            Expr::Lines(file) => {
                let lines = self.items(*file).map(|(number, _)| line(*number));
                Some(lines.collect::<Vec<_>>()).filter(|lines| !lines.is_empty()).map(Value::List)
            }
            Expr::Flags(flags) => self.flags(flags),
        })
    }

    fn items(&self, file: usize) -> impl Iterator<Item = &(u64, Value)> {
        self.lists.get(&file).into_iter().flatten()
    }

    fn holds(&self, when: &When) -> bool {
        match when {
            When::Contains(column, text) => self.cell(*column).contains(text.as_str()),
            When::Lacks(column, text) => !self.cell(*column).contains(text.as_str()),
            When::ChildrenSetAside => self.flawed,
            When::NotWhole(file) => {
                let shares: Option<Vec<Share>> =
                    self.items(*file).map(|(_, item)| share(item)).collect();
                !shares.is_some_and(Share::sum_to_whole)
            }
            When::Differ(file, column) => {
                let rows = self.joined.rows.get(file).into_iter().flatten();
                let mut cells = rows.map(|row| trimmed(row.cells.get(*column).unwrap_or_default()));
                cells.next().is_some_and(|first| cells.any(|cell| cell != first))
            }
        }
    }

    fn template(&self, pieces: &[Piece]) -> Option<Value> {
        let mut text = String::new();
        let mut any = false;
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Cell(column) => {
                    let cell = self.cell(*column);
                    any |= !cell.is_empty();
                    text.push_str(cell);
                }
            }
        }
        any.then_some(Value::from(text))
    }

    /// The columns are hashed as a list of texts in canonical CBOR, so that no two lists of
    /// cells look alike.
    fn hashed(&self, columns: &[usize], digits: usize) -> String {
        let cells = columns.iter().map(|column| Value::from(folded(self.cell(*column)))).collect();
        let digest = hash::in_domain(KEY_DOMAIN, &cbor::encode(&Value::List(cells)));
        digest.to_string().chars().take(digits).collect()
    }

    fn flags(&self, flags: &[Flag]) -> Option<Value> {
        let set = |flag: &&Flag| flag.when.iter().all(|when| self.holds(when));
        let words: Vec<Value> =
            flags.iter().filter(set).map(|flag| Value::from(flag.flag.as_str())).collect();
        (!words.is_empty()).then_some(Value::List(words))
    }
}

fn line(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The share that an item of a list of holders is.
fn share(item: &Value) -> Option<Share> {
    let part = |name: &str| u64::try_from(item.as_map()?.get(name)?.as_int()?).ok();
    Share::new(part("n")?, part("d")?).ok()
}
