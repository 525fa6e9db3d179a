//! Type-checking: every part of a rule gets a static type, so that running it cannot meet a
//! value of the wrong kind.
//!
//! What may be null must be tested before it is used: `x != null && x > 0`, `x == null || …`,
//! `has(a.x) ? … : …`. The checker follows these tests along `&&`, `||`, `!` and `?:`.

use std::collections::BTreeSet;

use chaincity_types::Value;

use super::ast::{BinaryOp, Expr, ExprKind, MacroKind};
use super::{Names, RuleError, Type};

/// The type of every node, by its number.
pub(crate) struct Types(Vec<Type>);

impl Types {
    pub(crate) fn of(&self, expr: &Expr) -> Result<&Type, RuleError> {
        self.0.get(expr.id).ok_or_else(|| RuleError::new(expr.at, "internal: untyped node"))
    }
}

/// Paths known not to be null.
type Facts = BTreeSet<String>;

pub(crate) fn check(expr: &Expr, names: &Names) -> Result<Types, RuleError> {
    let size = expr.id.saturating_add(1).min(super::NODES_MAX.saturating_add(1));
    let mut checker = Checker { names, locals: Vec::new(), types: vec![Type::Never; size] };
    checker.value(expr, &Facts::new())?;
    Ok(Types(checker.types))
}

struct Checker<'n> {
    names: &'n Names,
    locals: Vec<(String, Type)>,
    types: Vec<Type>,
}

impl Checker<'_> {
    /// The type of a part that is used as a value: anything but a sum of shares.
    fn value(&mut self, expr: &Expr, facts: &Facts) -> Result<Type, RuleError> {
        let ty = self.any(expr, facts)?;
        if ty == Type::ShareSum {
            let hint = "a sum of shares can only be compared: sum_shares(…) == whole";
            return Err(RuleError::new(expr.at, hint));
        }
        Ok(ty)
    }

    fn any(&mut self, expr: &Expr, facts: &Facts) -> Result<Type, RuleError> {
        let ty = self.infer(expr, facts)?;
        let known = expr.path().is_some_and(|path| facts.contains(&path));
        let ty = if known { ty.required() } else { ty };
        if let Some(place) = self.types.get_mut(expr.id) {
            *place = ty.clone();
        }
        Ok(ty)
    }

    fn wanted(&mut self, expr: &Expr, wanted: &Type, facts: &Facts) -> Result<(), RuleError> {
        let found = self.value(expr, facts)?;
        if found == *wanted || found == Type::Never {
            return Ok(());
        }
        Err(RuleError::new(expr.at, mismatch(wanted, &found)))
    }

    fn infer(&mut self, expr: &Expr, facts: &Facts) -> Result<Type, RuleError> {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(literal_type(value)),
            ExprKind::Name(name) => self.name(expr, name),
            ExprKind::Select(of, field) => {
                let of_type = self.value(of, facts)?;
                select(expr, &of_type, field)
            }
            ExprKind::Index(of, index) => self.index(of, index, facts),
            ExprKind::Not(inner) => self.wanted(inner, &Type::Bool, facts).map(|()| Type::Bool),
            ExprKind::Negate(inner) => {
                let ty = self.value(inner, facts)?;
                if matches!(ty, Type::Int | Type::Decimal(_)) {
                    return Ok(ty);
                }
                Err(RuleError::new(inner.at, mismatch(&Type::Int, &ty)))
            }
            ExprKind::Binary(op, left, right) => self.binary(expr, *op, (left, right), facts),
            ExprKind::Conditional(condition, yes, no) => {
                self.wanted(condition, &Type::Bool, facts)?;
                let yes_type = self.value(yes, &known(condition, true, facts))?;
                let no_type = self.value(no, &known(condition, false, facts))?;
                unify(no, &yes_type, &no_type)
            }
            ExprKind::List(items) => {
                let item = items.iter().try_fold(Type::Never, |item, next| {
                    let ty = self.value(next, facts)?;
                    unify(next, &item, &ty)
                })?;
                Ok(Type::list(item))
            }
            ExprKind::Record(entries) => {
                let fields = entries
                    .iter()
                    .map(|(name, entry)| Ok((name.clone(), self.value(entry, facts)?)))
                    .collect::<Result<Vec<_>, _>>()?;
                let ty = Type::record(fields);
                if ty.within(super::TYPE_PARTS_MAX).is_none() {
                    let cause = format!("a map of more than {} parts", super::TYPE_PARTS_MAX);
                    return Err(RuleError::new(expr.at, cause));
                }
                Ok(ty)
            }
            ExprKind::Has(path) => self.value(path, facts).map(|_| Type::Bool),
            ExprKind::Macro { kind, list, variable, keep, body } => {
                let item = self.list_item(list, facts)?;
                self.bind(expr, variable, item.clone())?;
                let result = self.macro_body(*kind, item, keep.as_deref(), body, facts);
                self.locals.pop();
                result
            }
            ExprKind::Call { name, method, args } => self.call(expr, name, *method, args, facts),
        }
    }

    fn name(&self, expr: &Expr, name: &str) -> Result<Type, RuleError> {
        if name == "whole" {
            return Ok(Type::ShareSum);
        }
        let local = self.locals.iter().rev().find(|(local, _)| local == name).map(|(_, ty)| ty);
        local.or_else(|| self.names.get(name)).cloned().ok_or_else(|| {
            RuleError::new(expr.at, format!("unknown name `{}`", super::short(name)))
        })
    }

    fn bind(&mut self, expr: &Expr, variable: &str, ty: Type) -> Result<(), RuleError> {
        let taken = self.names.contains_key(variable)
            || self.locals.iter().any(|(local, _)| local == variable);
        if taken {
            let cause = format!("`{variable}` already means something here");
            return Err(RuleError::new(expr.at, cause));
        }
        self.locals.push((variable.to_owned(), ty));
        Ok(())
    }

    fn macro_body(
        &mut self,
        kind: MacroKind,
        item: Type,
        keep: Option<&Expr>,
        body: &Expr,
        facts: &Facts,
    ) -> Result<Type, RuleError> {
        let mut body_facts = facts.clone();
        if let Some(keep) = keep {
            self.wanted(keep, &Type::Bool, facts)?;
            body_facts = known(keep, true, facts);
        }
        match kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => {
                self.wanted(body, &Type::Bool, &body_facts).map(|()| Type::Bool)
            }
            MacroKind::Filter => {
                self.wanted(body, &Type::Bool, &body_facts).map(|()| Type::list(item))
            }
            MacroKind::Map => self.value(body, &body_facts).map(Type::list),
            MacroKind::SortBy => {
                let key = self.value(body, &body_facts)?;
                if key.is_ordered() || key == Type::Never {
                    return Ok(Type::list(item));
                }
                let cause = format!("items cannot be ordered by {key}{}", null_hint(&key));
                Err(RuleError::new(body.at, cause))
            }
        }
    }

    fn list_item(&mut self, list: &Expr, facts: &Facts) -> Result<Type, RuleError> {
        let ty = self.value(list, facts)?;
        if let Type::List(item) = &ty {
            return Ok(item.as_ref().clone());
        }
        if matches!(ty, Type::Map(_)) {
            return Ok(Type::String);
        }
        let cause = format!("a list expected, found {ty}{}", null_hint(&ty));
        Err(RuleError::new(list.at, cause))
    }

    fn index(&mut self, of: &Expr, index: &Expr, facts: &Facts) -> Result<Type, RuleError> {
        let of_type = self.value(of, facts)?;
        if let (Type::Record(_), ExprKind::Literal(Value::Text(field))) = (&of_type, &index.kind) {
            self.value(index, facts)?;
            return select(index, &of_type, field);
        }
        if let Type::Map(item) = &of_type {
            self.wanted(index, &Type::String, facts)?;
            return Ok(item.as_ref().clone());
        }
        let Type::List(item) = &of_type else {
            let cause = format!("a list expected, found {of_type}{}", null_hint(&of_type));
            return Err(RuleError::new(of.at, cause));
        };
        self.wanted(index, &Type::Int, facts)?;
        Ok(item.as_ref().clone())
    }

    fn binary(
        &mut self,
        expr: &Expr,
        op: BinaryOp,
        (left, right): (&Expr, &Expr),
        facts: &Facts,
    ) -> Result<Type, RuleError> {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                self.wanted(left, &Type::Bool, facts)?;
                let facts = known(left, op == BinaryOp::And, facts);
                self.wanted(right, &Type::Bool, &facts).map(|()| Type::Bool)
            }
            BinaryOp::Eq | BinaryOp::Ne => {
                let (a, b) = (self.any(left, facts)?, self.any(right, facts)?);
                if a == Type::ShareSum || b == Type::ShareSum {
                    return whole_comparison(left, right);
                }
                if matches!((a.required(), b.required()), (Type::Decimal(_), Type::Decimal(_))) {
                    return Ok(Type::Bool);
                }
                unify(right, &a, &b).map(|_| Type::Bool)
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let (a, b) = (self.value(left, facts)?, self.value(right, facts)?);
                let decimals = matches!((&a, &b), (Type::Decimal(_), Type::Decimal(_)));
                if a.is_ordered() && (a == b || decimals) {
                    return Ok(Type::Bool);
                }
                Err(operands(expr, &a, &b))
            }
            BinaryOp::In => {
                let item = self.value(left, facts)?;
                let of = self.list_item(right, facts)?;
                unify(left, &item, &of).map(|_| Type::Bool)
            }
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                let (a, b) = (self.value(left, facts)?, self.value(right, facts)?);
                arithmetic(op, &a, &b).ok_or_else(|| operands(expr, &a, &b))
            }
        }
    }

    fn call(
        &mut self,
        expr: &Expr,
        name: &str,
        method: bool,
        args: &[Expr],
        facts: &Facts,
    ) -> Result<Type, RuleError> {
        if let Some(value) = super::compile::constant(name, args) {
            for arg in args {
                self.value(arg, facts)?;
            }
            return match value {
                Some(value) => Ok(literal_type(&value)),
                None => Err(RuleError::new(expr.at, format!("not a {name}"))),
            };
        }
        let types: Vec<Type> =
            args.iter().map(|arg| self.value(arg, facts)).collect::<Result<_, _>>()?;
        let result = match (name, method, types.as_slice()) {
            (
                "size",
                _,
                [Type::String | Type::Bytes | Type::List(_) | Type::Record(_) | Type::Map(_)],
            ) => Some(Type::Int),
            ("with", false, [map, Type::String, item]) => map
                .map_item()
                .and_then(|of| of.unify(item))
                .filter(|item| !matches!(item, Type::Optional(_) | Type::Null))
                .map(Type::map),
            ("without", false, [map, Type::String]) => map.map_item().map(Type::map),
            ("startsWith" | "endsWith" | "contains", true, [Type::String, Type::String]) => {
                Some(Type::Bool)
            }
            ("sum", false, [Type::List(item)]) => summed(item),
            ("sum_shares", false, [ty]) => {
                ty.fits(&Type::list(Type::share())).then_some(Type::ShareSum)
            }
            ("min" | "max", false, [a, b]) if a == b && a.is_ordered() => Some(a.clone()),
            ("min" | "max", false, [Type::List(item)]) if item.is_ordered() => {
                Some(item.as_ref().clone())
            }
            ("add_days" | "add_months" | "add_workdays", false, [Type::Date, Type::Int])
            | ("next_workday", false, [Type::Date]) => Some(Type::Date),
            ("successive", false, [Type::Date, months, days])
                if months.fits(&Type::list(Type::Int)) && days.fits(&Type::list(Type::Int)) =>
            {
                Some(Type::list(Type::Date))
            }
            ("days_between" | "months_between", false, [Type::Date, Type::Date]) => Some(Type::Int),
            ("identifier", false, [Type::String, Type::String, Type::Date]) => {
                let kind = args.first().and_then(super::compile::identifier_kind);
                if kind.is_none() {
                    let cause = "the first argument of identifier is a literal kind of identifier";
                    return Err(RuleError::new(expr.at, cause));
                }
                Some(Type::String.optional())
            }
            ("date_of", false, [Type::Time]) => Some(Type::Date),
            ("start_of", false, [Type::Date]) => Some(Type::Time),
            ("add_hours", false, [Type::Time, Type::Int]) => Some(Type::Time),
            ("mask" | "mask_id", false, [Type::String]) => Some(Type::String),
            (
                "string",
                false,
                [Type::Int | Type::Decimal(_) | Type::Date | Type::Bool | Type::String],
            ) => Some(Type::String),
            _ => None,
        };
        result.ok_or_else(|| {
            let list = types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            RuleError::new(expr.at, format!("no function `{}({list})`", super::short(name)))
        })
    }
}

fn summed(item: &Type) -> Option<Type> {
    if *item == Type::Never {
        return Some(Type::Int);
    }
    matches!(item, Type::Int | Type::Decimal(_)).then(|| item.clone())
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Decimal { scale, .. } => Type::Decimal(*scale),
        Value::Text(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Date(_) => Type::Date,
        Value::Time(_) => Type::Time,
        Value::List(_) | Value::Map(_) => Type::Never,
    }
}

fn select(expr: &Expr, of: &Type, field: &str) -> Result<Type, RuleError> {
    let Type::Record(fields) = of else {
        let cause = format!("a record expected, found {of}{}", null_hint(of));
        return Err(RuleError::new(expr.at, cause));
    };
    fields.get(field).cloned().ok_or_else(|| {
        let known = fields.keys().map(String::as_str).take(30).collect::<Vec<_>>().join("`, `");
        let cause = format!("no field `{}` among `{known}`", super::short(field));
        RuleError::new(expr.at, cause)
    })
}

fn arithmetic(op: BinaryOp, a: &Type, b: &Type) -> Option<Type> {
    match (op, a, b) {
        (
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem,
            Type::Int,
            Type::Int,
        ) => Some(Type::Int),
        (BinaryOp::Add | BinaryOp::Sub, Type::Decimal(a), Type::Decimal(b)) => {
            Some(Type::Decimal(*a.max(b)))
        }
        (BinaryOp::Mul, Type::Decimal(scale), Type::Int)
        | (BinaryOp::Mul, Type::Int, Type::Decimal(scale)) => Some(Type::Decimal(*scale)),
        (BinaryOp::Mul, Type::Decimal(a), Type::Decimal(b)) => {
            a.checked_add(*b).filter(|scale| *scale <= 9).map(Type::Decimal)
        }
        (BinaryOp::Add, Type::String, Type::String) => Some(Type::String),
        (BinaryOp::Add, Type::Bytes, Type::Bytes) => Some(Type::Bytes),
        (BinaryOp::Add, Type::List(a), Type::List(b)) => a.unify(b).map(Type::list),
        _ => None,
    }
}

/// `sum_shares(…) == whole` in either order: the one comparison of shares.
fn whole_comparison(left: &Expr, right: &Expr) -> Result<Type, RuleError> {
    if super::compile::shares_against_whole(left, right).is_some() {
        return Ok(Type::Bool);
    }
    Err(RuleError::new(left.at, "shares are compared as sum_shares(…) == whole"))
}

fn unify(at: &Expr, a: &Type, b: &Type) -> Result<Type, RuleError> {
    a.unify(b).ok_or_else(|| RuleError::new(at.at, mismatch(a, b)))
}

fn mismatch(wanted: &Type, found: &Type) -> String {
    format!("{wanted} expected, found {found}{}", null_hint(found))
}

fn null_hint(found: &Type) -> &'static str {
    if matches!(found, Type::Optional(_)) { "; test it with `!= null` first" } else { "" }
}

fn operands(expr: &Expr, a: &Type, b: &Type) -> RuleError {
    let hint = if null_hint(a).is_empty() { null_hint(b) } else { null_hint(a) };
    RuleError::new(expr.at, format!("not defined between {a} and {b}{hint}"))
}

/// What is known not to be null where `condition` came out as `outcome`, on top of `facts`.
fn known(condition: &Expr, outcome: bool, facts: &Facts) -> Facts {
    let mut all = facts.clone();
    collect(condition, outcome, &mut all);
    all
}

fn collect(condition: &Expr, outcome: bool, facts: &mut Facts) {
    if let ExprKind::Binary(op, a, b) = &condition.kind {
        match (op, outcome) {
            (BinaryOp::And, true) | (BinaryOp::Or, false) => {
                collect(a, outcome, facts);
                collect(b, outcome, facts);
            }
            (BinaryOp::Ne, true) | (BinaryOp::Eq, false) => null_test(a, b, facts),
            _ => {}
        }
    } else if let ExprKind::Not(inner) = &condition.kind {
        collect(inner, !outcome, facts);
    } else if let (ExprKind::Has(path), true) = (&condition.kind, outcome) {
        facts.extend(path.path());
    }
}

fn null_test(a: &Expr, b: &Expr, facts: &mut Facts) {
    let is_null = |e: &Expr| matches!(e.kind, ExprKind::Literal(Value::Null));
    if is_null(b) {
        facts.extend(a.path());
    } else if is_null(a) {
        facts.extend(b.path());
    }
}
