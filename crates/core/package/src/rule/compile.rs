//! Compiling: the typed syntax tree becomes the tree that runs. Names become places, constants
//! are folded, and every operation is resolved.

use chaincity_types::id::IdKind;
use chaincity_types::{Str, Value};

use super::ast::{BinaryOp, Expr, ExprKind, MacroKind};
use super::check::Types;
use super::{RuleError, Type};

/// A node that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A value.
    Constant(Value),
    /// A named value of the environment.
    Global(Str),
    /// A macro's variable, counted from the innermost.
    Local(usize),
    /// A field; null when absent, if it may be.
    Select {
        /// The record.
        of: Box<Node>,
        /// The field.
        field: Str,
        /// Whether the field may be absent.
        optional: bool,
    },
    /// An item of a list or of a map.
    Item(Box<Node>, Box<Node>),
    /// `!`
    Not(Box<Node>),
    /// `-`
    Negate(Box<Node>),
    /// `a && b`, from left to right.
    And(Box<Node>, Box<Node>),
    /// `a || b`, from left to right.
    Or(Box<Node>, Box<Node>),
    /// `a ? b : c`
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    /// Any other operator.
    Binary(BinaryOp, Box<Node>, Box<Node>),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Record(Vec<(Str, Node)>),
    /// Whether it is not null.
    NotNull(Box<Node>),
    /// Whether a list of shares makes exactly one.
    SharesWhole(Box<Node>),
    /// A list macro.
    Macro {
        /// Which.
        kind: MacroKind,
        /// The list.
        list: Box<Node>,
        /// Which items are taken by `map`.
        keep: Option<Box<Node>>,
        /// Evaluated for each item.
        body: Box<Node>,
    },
    /// A function.
    Call(Function, Vec<Node>),
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    Sum,
    SumDecimal(u8),
    Min,
    Max,
    Least,
    Greatest,
    Calendar(Calendar),
    Identifier(IdKind),
    Successive,
    Mask,
    MaskId,
    With,
    Without,
    ToText,
}

/// A function of dates and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calendar {
    AddDays,
    AddMonths,
    AddWorkdays,
    AddHours,
    DaysBetween,
    MonthsBetween,
    NextWorkday,
    DateOf,
    StartOf,
}

/// `decimal("…")`, `date("…")` and `timestamp("…")` with a literal: a constant. The outer option
/// says whether this is one of them, the inner is empty when the text does not fit.
#[allow(clippy::option_option, reason = "two different questions, answered by one look")]
pub(crate) fn constant(name: &str, args: &[Expr]) -> Option<Option<Value>> {
    if !matches!(name, "decimal" | "date" | "timestamp") {
        return None;
    }
    let [Expr { kind: ExprKind::Literal(Value::Text(text)), .. }] = args else {
        return Some(None);
    };
    Some(match name {
        "decimal" => crate::literal::decimal(text),
        "date" => crate::literal::date(text).map(Value::Date),
        _ => crate::literal::time(text).map(Value::Time),
    })
}

/// The kind that the first argument of `identifier` names.
pub(crate) fn identifier_kind(arg: &Expr) -> Option<IdKind> {
    if let ExprKind::Literal(Value::Text(kind)) = &arg.kind {
        IdKind::from_name(kind)
    } else {
        None
    }
}

/// The list of shares, when one side is `sum_shares(list)` and the other `whole`.
pub(crate) fn shares_against_whole<'e>(left: &'e Expr, right: &'e Expr) -> Option<&'e Expr> {
    let is_whole = |e: &Expr| matches!(&e.kind, ExprKind::Name(name) if name == "whole");
    let sum = if is_whole(right) {
        left
    } else if is_whole(left) {
        right
    } else {
        return None;
    };
    let ExprKind::Call { name, args, .. } = &sum.kind else { return None };
    if name == "sum_shares" { args.first() } else { None }
}

pub(crate) fn compile(expr: &Expr, types: &Types) -> Result<Node, RuleError> {
    Compiler { types, locals: Vec::new() }.node(expr)
}

struct Compiler<'e> {
    types: &'e Types,
    locals: Vec<&'e str>,
}

impl<'e> Compiler<'e> {
    fn boxed(&mut self, expr: &'e Expr) -> Result<Box<Node>, RuleError> {
        self.node(expr).map(Box::new)
    }

    fn nodes(&mut self, exprs: &'e [Expr]) -> Result<Vec<Node>, RuleError> {
        exprs.iter().map(|e| self.node(e)).collect()
    }

    fn node(&mut self, expr: &'e Expr) -> Result<Node, RuleError> {
        Ok(match &expr.kind {
            ExprKind::Literal(value) => Node::Constant(value.clone()),
            ExprKind::Name(name) => {
                match self.locals.iter().rev().position(|local| local == name) {
                    Some(place) => Node::Local(place),
                    None => Node::Global(name.into()),
                }
            }
            ExprKind::Select(of, field) => self.select(of, field)?,
            ExprKind::Index(of, index) => match (self.types.of(of)?, &index.kind) {
                (Type::Record(_), ExprKind::Literal(Value::Text(field))) => {
                    self.select(of, field)?
                }
                _ => Node::Item(self.boxed(of)?, self.boxed(index)?),
            },
            ExprKind::Not(inner) => Node::Not(self.boxed(inner)?),
            ExprKind::Negate(inner) => Node::Negate(self.boxed(inner)?),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right)?,
            ExprKind::Conditional(condition, yes, no) => {
                Node::Conditional(self.boxed(condition)?, self.boxed(yes)?, self.boxed(no)?)
            }
            ExprKind::List(items) => fold_list(self.nodes(items)?),
            ExprKind::Record(entries) => Node::Record(
                entries
                    .iter()
                    .map(|(name, entry)| Ok((name.into(), self.node(entry)?)))
                    .collect::<Result<_, RuleError>>()?,
            ),
            ExprKind::Has(path) => Node::NotNull(self.boxed(path)?),
            ExprKind::Macro { kind, list, variable, keep, body } => {
                let list = self.boxed(list)?;
                self.locals.push(variable);
                let keep = keep.as_deref().map(|keep| self.boxed(keep)).transpose()?;
                let body = self.boxed(body)?;
                self.locals.pop();
                Node::Macro { kind: *kind, list, keep, body }
            }
            ExprKind::Call { name, args, .. } => self.call(expr, name, args)?,
        })
    }

    fn select(&mut self, of: &'e Expr, field: &str) -> Result<Node, RuleError> {
        let declared =
            if let Type::Record(fields) = self.types.of(of)? { fields.get(field) } else { None };
        let optional = matches!(declared, Some(Type::Optional(_) | Type::Null));
        Ok(Node::Select { of: self.boxed(of)?, field: field.into(), optional })
    }

    fn binary(&mut self, op: BinaryOp, l: &'e Expr, r: &'e Expr) -> Result<Node, RuleError> {
        if let (BinaryOp::Eq | BinaryOp::Ne, Some(list)) = (op, shares_against_whole(l, r)) {
            let whole = Node::SharesWhole(self.boxed(list)?);
            return Ok(if op == BinaryOp::Eq { whole } else { Node::Not(Box::new(whole)) });
        }
        let (left, right) = (self.boxed(l)?, self.boxed(r)?);
        Ok(match op {
            BinaryOp::And => Node::And(left, right),
            BinaryOp::Or => Node::Or(left, right),
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::In
            | BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem => Node::Binary(op, left, right),
        })
    }

    fn call(&mut self, expr: &'e Expr, name: &str, args: &'e [Expr]) -> Result<Node, RuleError> {
        if let Some(Some(value)) = constant(name, args) {
            return Ok(Node::Constant(value));
        }
        let function = match name {
            "size" => Function::Size,
            "startsWith" => Function::StartsWith,
            "endsWith" => Function::EndsWith,
            "contains" => Function::Contains,
            "sum" => {
                if let Type::Decimal(scale) = self.types.of(expr)? {
                    Function::SumDecimal(*scale)
                } else {
                    Function::Sum
                }
            }
            "min" if args.len() == 1 => Function::Least,
            "max" if args.len() == 1 => Function::Greatest,
            "min" => Function::Min,
            "max" => Function::Max,
            "add_days" => Function::Calendar(Calendar::AddDays),
            "add_months" => Function::Calendar(Calendar::AddMonths),
            "months_between" => Function::Calendar(Calendar::MonthsBetween),
            "add_workdays" => Function::Calendar(Calendar::AddWorkdays),
            "next_workday" => Function::Calendar(Calendar::NextWorkday),
            "days_between" => Function::Calendar(Calendar::DaysBetween),
            "identifier" => {
                let (Some(kind), [_, args @ ..]) = (args.first().and_then(identifier_kind), args)
                else {
                    return Err(RuleError::new(expr.at, "internal: unknown kind"));
                };
                return Ok(Node::Call(Function::Identifier(kind), self.nodes(args)?));
            }
            "add_hours" => Function::Calendar(Calendar::AddHours),
            "date_of" => Function::Calendar(Calendar::DateOf),
            "start_of" => Function::Calendar(Calendar::StartOf),
            "successive" => Function::Successive,
            "mask" => Function::Mask,
            "mask_id" => Function::MaskId,
            "with" => Function::With,
            "without" => Function::Without,
            "string" => Function::ToText,
            _ => return Err(RuleError::new(expr.at, "internal: unknown function")),
        };
        Ok(Node::Call(function, self.nodes(args)?))
    }
}

/// A list of constants is a constant.
fn fold_list(nodes: Vec<Node>) -> Node {
    let constant = |node: &Node| {
        if let Node::Constant(value) = node { Some(value.clone()) } else { None }
    };
    match nodes.iter().map(constant).collect::<Option<Vec<_>>>() {
        Some(values) => Node::Constant(Value::List(values)),
        None => Node::List(nodes),
    }
}
