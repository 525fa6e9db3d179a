//! Running: an interpreter over the compiled tree. It borrows from the environment and the
//! program, and copies only what a rule builds; every step and every copy draws on the fuel. No
//! part of a rule allocates by itself: only new lists, maps, texts and bytes do.
//!
//! `&&` and `||` go strictly from left to right and stop as soon as the result is known; a
//! failure on the way is the rule's failure. (CEL lets the right side absorb a failure of the
//! left.)

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use chaincity_types::{Reject, Share, Str, Value};

use super::ast::{BinaryOp, MacroKind};
use super::compile::{Calendar, Function, Node};
use super::{Environment, FUEL_TABLE, Fuel, RuleFailure};
use crate::literal;
use crate::value::canonical_identifier;

type Run<'a> = Result<Cow<'a, Value>, RuleFailure>;

pub(crate) fn run(
    root: &Node,
    environment: &Environment,
    fuel: &mut Fuel,
) -> Result<Value, RuleFailure> {
    let mut machine = Machine { environment, locals: None, fuel };
    let value = machine.eval(root)?;
    machine.own(value)
}

struct Machine<'a, 'f> {
    environment: &'a Environment,
    locals: Option<&'a Local<'a>>,
    fuel: &'f mut Fuel,
}

/// The item that a macro is at, inside those of the macros around it.
struct Local<'a> {
    value: &'a Value,
    outer: Option<&'a Local<'a>>,
}

fn fail<T>(code: Reject, detail: impl Into<String>) -> Result<T, RuleFailure> {
    Err(RuleFailure { code, detail: detail.into() })
}

fn share(value: &Value) -> Option<Share> {
    let map = value.as_map()?;
    let part = |name: &str| u64::try_from(map.get(name)?.as_int()?).ok();
    Share::new(part("n")?, part("d")?).ok()
}

/// A value of another kind than the checker found: a record that does not follow its schema.
fn unfit<T>(wanted: &str, found: &Value) -> Result<T, RuleFailure> {
    fail(Reject::RuleError, format!("type: {wanted} expected, found {}", found.kind()))
}

fn overflow() -> RuleFailure {
    RuleFailure { code: Reject::Overflow, detail: "a number overflowed".to_owned() }
}

fn bool_of(value: &Value) -> Result<bool, RuleFailure> {
    if let Value::Bool(b) = value { Ok(*b) } else { unfit("bool", value) }
}

fn int_of(value: &Value) -> Result<i64, RuleFailure> {
    value.as_int().map_or_else(|| unfit("int", value), Ok)
}

fn date_of(value: &Value) -> Result<i32, RuleFailure> {
    if let Value::Date(days) = value { Ok(*days) } else { unfit("date", value) }
}

fn text_of(value: &Value) -> Result<&str, RuleFailure> {
    value.as_text().map_or_else(|| unfit("string", value), Ok)
}

fn list_of(value: &Value) -> Result<&[Value], RuleFailure> {
    value.as_list().map_or_else(|| unfit("list", value), Ok)
}

impl<'a> Machine<'a, '_> {
    fn eval(&mut self, node: &'a Node) -> Run<'a> {
        self.fuel.draw(FUEL_TABLE.step)?;
        match node {
            Node::Constant(value) => Ok(Cow::Borrowed(value)),
            Node::Global(name) => match self.environment.get(name) {
                Some(value) => Ok(Cow::Borrowed(value)),
                None => fail(Reject::RuleError, format!("no value is named `{name}`")),
            },
            Node::Local(place) => self.local(*place),
            Node::Select { of, field, optional } => {
                let of = self.eval(of)?;
                self.select(of, field, *optional)
            }
            Node::Item(list, index) => self.item(list, index),
            Node::Not(inner) => Ok(Cow::Owned(Value::Bool(!self.bool(inner)?))),
            Node::Negate(inner) => self.negate(inner),
            Node::And(left, right) => {
                let value = self.bool(left)? && self.bool(right)?;
                Ok(Cow::Owned(Value::Bool(value)))
            }
            Node::Or(left, right) => {
                let value = self.bool(left)? || self.bool(right)?;
                Ok(Cow::Owned(Value::Bool(value)))
            }
            Node::Conditional(condition, yes, no) => {
                if self.bool(condition)? {
                    self.eval(yes)
                } else {
                    self.eval(no)
                }
            }
            Node::Binary(op, left, right) => self.binary(*op, left, right),
            Node::List(items) => {
                let items = items.iter().map(|item| self.owned(item)).collect::<Result<_, _>>()?;
                Ok(Cow::Owned(Value::List(items)))
            }
            Node::Record(entries) => {
                let mut map = BTreeMap::new();
                for (name, entry) in entries {
                    self.fuel.draw(FUEL_TABLE.value)?;
                    self.fuel.draw_bytes(name.len())?;
                    map.insert(name.clone(), self.owned(entry)?);
                }
                Ok(Cow::Owned(Value::Map(map)))
            }
            Node::NotNull(inner) => {
                let present = *self.eval(inner)? != Value::Null;
                Ok(Cow::Owned(Value::Bool(present)))
            }
            Node::SharesWhole(list) => self.shares_whole(list),
            Node::Macro { kind, list, keep, body } => {
                self.macro_over(*kind, list, keep.as_deref(), body)
            }
            Node::Call(function, args) => self.call(*function, args),
        }
    }

    fn bool(&mut self, node: &'a Node) -> Result<bool, RuleFailure> {
        bool_of(&*self.eval(node)?)
    }

    fn owned(&mut self, node: &'a Node) -> Result<Value, RuleFailure> {
        let value = self.eval(node)?;
        self.own(value)
    }

    fn own(&mut self, value: Cow<'a, Value>) -> Result<Value, RuleFailure> {
        if let Cow::Borrowed(value) = &value {
            self.fuel.draw_value(value)?;
        }
        Ok(value.into_owned())
    }

    fn local(&self, place: usize) -> Run<'a> {
        match std::iter::successors(self.locals, |local| local.outer).nth(place) {
            Some(local) => Ok(Cow::Borrowed(local.value)),
            None => fail(Reject::RuleError, "type: no such local"),
        }
    }

    fn select(&mut self, of: Cow<'a, Value>, field: &str, optional: bool) -> Run<'a> {
        let found = if let Cow::Borrowed(Value::Map(map)) = of {
            map.get(field).map(Cow::Borrowed)
        } else if let Cow::Owned(Value::Map(mut map)) = of {
            map.remove(field).map(Cow::Owned)
        } else {
            return unfit("map", &of);
        };
        match found {
            Some(value) => Ok(value),
            None if optional => Ok(Cow::Owned(Value::Null)),
            None => fail(Reject::RuleError, format!("type: no field `{field}`")),
        }
    }

    fn item(&mut self, list: &'a Node, index: &'a Node) -> Run<'a> {
        let list = self.eval(list)?;
        let index = self.eval(index)?;
        if let Value::Text(key) = &*index {
            return self.entry(list, key);
        }
        let index = usize::try_from(int_of(&index)?).ok();
        let found = match (list, index) {
            (_, None) => None,
            (Cow::Borrowed(Value::List(items)), Some(i)) => items.get(i).map(Cow::Borrowed),
            (Cow::Owned(Value::List(items)), Some(i)) => items.into_iter().nth(i).map(Cow::Owned),
            (other, Some(_)) => return unfit("list", &other),
        };
        found.map_or_else(|| fail(Reject::RuleError, "index out of range"), Ok)
    }

    /// What a map holds under a key.
    fn entry(&mut self, map: Cow<'a, Value>, key: &str) -> Run<'a> {
        self.look_up(&map, key)?;
        let found = if let Cow::Borrowed(Value::Map(map)) = map {
            map.get(key).map(Cow::Borrowed)
        } else if let Cow::Owned(Value::Map(mut map)) = map {
            map.remove(key).map(Cow::Owned)
        } else {
            return unfit("map", &map);
        };
        found.map_or_else(|| fail(Reject::RuleError, "the map has no such key"), Ok)
    }

    /// Pays for comparing a key with as many others as a search needs.
    fn look_up(&mut self, map: &Value, key: &str) -> Result<(), RuleFailure> {
        let len = map.as_map().map_or(0, BTreeMap::len);
        let comparisons = u64::from(usize::BITS.saturating_sub(len.leading_zeros()));
        self.fuel.draw(FUEL_TABLE.value.saturating_mul(comparisons))?;
        (0..comparisons).try_for_each(|_| self.fuel.draw_bytes(key.len()))
    }

    /// The map with an entry put in or replaced, or with one taken away.
    fn changed(
        &mut self,
        map: Cow<'a, Value>,
        key: &Value,
        item: Option<Cow<'a, Value>>,
    ) -> Result<Value, RuleFailure> {
        let key = text_of(key)?;
        self.look_up(&map, key)?;
        let Value::Map(mut map) = self.own(map)? else {
            return fail(Reject::RuleError, "type: map expected");
        };
        match item {
            Some(item) => {
                self.fuel.draw_bytes(key.len())?;
                map.insert(key.into(), self.own(item)?);
            }
            None => drop(map.remove(key)),
        }
        Ok(Value::Map(map))
    }

    fn negate(&mut self, inner: &'a Node) -> Run<'a> {
        let inner = self.eval(inner)?;
        let value = if let Value::Decimal { mantissa, scale } = &*inner {
            mantissa.checked_neg().map(|mantissa| Value::Decimal { mantissa, scale: *scale })
        } else {
            int_of(&inner)?.checked_neg().map(Value::Int)
        };
        value.map(Cow::Owned).ok_or_else(overflow)
    }

    fn binary(&mut self, op: BinaryOp, left: &'a Node, right: &'a Node) -> Run<'a> {
        let a = self.eval(left)?;
        let b = self.eval(right)?;
        let value = match op {
            BinaryOp::Eq => Value::Bool(self.equal(&a, &b)?),
            BinaryOp::Ne => Value::Bool(!self.equal(&a, &b)?),
            BinaryOp::Lt => Value::Bool(self.order(&a, &b)?.is_lt()),
            BinaryOp::Le => Value::Bool(self.order(&a, &b)?.is_le()),
            BinaryOp::Gt => Value::Bool(self.order(&a, &b)?.is_gt()),
            BinaryOp::Ge => Value::Bool(self.order(&a, &b)?.is_ge()),
            BinaryOp::In if b.as_map().is_some() => {
                self.look_up(&b, text_of(&a)?)?;
                Value::Bool(
                    b.as_map()
                        .is_some_and(|map| text_of(&a).is_ok_and(|key| map.contains_key(key))),
                )
            }
            BinaryOp::In => {
                let mut found = false;
                for item in list_of(&b)? {
                    self.fuel.draw(FUEL_TABLE.item)?;
                    found = self.equal(&a, item)?;
                    if found {
                        break;
                    }
                }
                Value::Bool(found)
            }
            BinaryOp::Add => self.add(a, b)?,
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                arithmetic(op, &a, &b)?
            }
            BinaryOp::And | BinaryOp::Or => {
                return fail(Reject::RuleError, "type: not an operator");
            }
        };
        Ok(Cow::Owned(value))
    }

    /// Equality of two values of one type; both are paid for, however early they differ.
    fn equal(&mut self, a: &Value, b: &Value) -> Result<bool, RuleFailure> {
        self.fuel.draw_value(a)?;
        self.fuel.draw_value(b)?;
        Ok(same(a, b))
    }

    fn order(&mut self, a: &Value, b: &Value) -> Result<Ordering, RuleFailure> {
        self.fuel.draw_value(a)?;
        self.fuel.draw_value(b)?;
        compare(a, b).map_or_else(|| unfit(a.kind(), b), Ok)
    }

    fn add(&mut self, a: Cow<'a, Value>, b: Cow<'a, Value>) -> Result<Value, RuleFailure> {
        if matches!(&*a, Value::Text(_) | Value::Bytes(_) | Value::List(_)) {
            // Joining copies both sides.
            self.fuel.draw_value(&a)?;
            self.fuel.draw_value(&b)?;
            return match (a.into_owned(), b.into_owned()) {
                (Value::Text(a), Value::Text(b)) => {
                    Ok(Value::from([a.as_str(), b.as_str()].concat()))
                }
                (Value::Bytes(mut a), Value::Bytes(b)) => {
                    a.extend(b);
                    Ok(Value::Bytes(a))
                }
                (Value::List(mut a), Value::List(b)) => {
                    a.extend(b);
                    Ok(Value::List(a))
                }
                (a, b) => unfit(a.kind(), &b),
            };
        }
        arithmetic(BinaryOp::Add, &a, &b)
    }

    fn shares_whole(&mut self, list: &'a Node) -> Run<'a> {
        let list = self.eval(list)?;
        let items = list_of(&list)?;
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        self.fuel.draw(FUEL_TABLE.share.saturating_mul(count))?;
        // What is no share of a whole cannot be part of one.
        let whole = items.iter().all(|item| share(item).is_some())
            && Share::sum_to_whole(items.iter().filter_map(share));
        Ok(Cow::Owned(Value::Bool(whole)))
    }

    fn macro_over(
        &mut self,
        kind: MacroKind,
        list: &'a Node,
        keep: Option<&'a Node>,
        body: &'a Node,
    ) -> Run<'a> {
        let list = self.eval(list)?;
        self.pay_for_keys(&list)?;
        let items = Items::of(list)?;
        if kind == MacroKind::SortBy {
            return self.sort_by(items, body);
        }
        let mut found = 0_u64;
        let mut out = Vec::new();
        for item in items {
            self.fuel.draw(FUEL_TABLE.item)?;
            let local = Local { value: &item, outer: self.locals };
            let mut inner = Machine {
                environment: self.environment,
                locals: Some(&local),
                fuel: &mut *self.fuel,
            };
            let taken = match (kind, keep) {
                (MacroKind::Map, None) => true,
                (MacroKind::Map, Some(keep)) => inner.bool(keep)?,
                (
                    MacroKind::All
                    | MacroKind::Exists
                    | MacroKind::ExistsOne
                    | MacroKind::Filter
                    | MacroKind::SortBy,
                    _,
                ) => inner.bool(body)?,
            };
            if kind == MacroKind::Map && taken {
                out.push(inner.owned(body)?);
            }
            if kind == MacroKind::Filter && taken {
                out.push(self.own(item)?);
            }
            found = found.saturating_add(u64::from(taken));
            match kind {
                MacroKind::All if !taken => return Ok(Cow::Owned(Value::Bool(false))),
                MacroKind::Exists if taken => return Ok(Cow::Owned(Value::Bool(true))),
                MacroKind::All
                | MacroKind::Exists
                | MacroKind::ExistsOne
                | MacroKind::Filter
                | MacroKind::Map
                | MacroKind::SortBy => {}
            }
        }
        Ok(Cow::Owned(match kind {
            MacroKind::All => Value::Bool(true),
            MacroKind::Exists => Value::Bool(false),
            MacroKind::ExistsOne => Value::Bool(found == 1),
            MacroKind::Filter | MacroKind::Map | MacroKind::SortBy => Value::List(out),
        }))
    }

    /// A macro copies the keys of a map that it goes over.
    fn pay_for_keys(&mut self, list: &Value) -> Result<(), RuleFailure> {
        let mut keys = list.as_map().into_iter().flat_map(BTreeMap::keys);
        keys.try_for_each(|key| self.fuel.draw_bytes(key.len()))
    }

    /// The items in the order of what `body` says of each; those of which it says the same stay
    /// as they stood. What is paid for does not depend on how it is sorted: as many comparisons
    /// for each item as their number has binary digits.
    fn sort_by(&mut self, items: Items<'a>, body: &'a Node) -> Run<'a> {
        let mut keyed: Vec<(Value, Value)> = Vec::new();
        for item in items {
            self.fuel.draw(FUEL_TABLE.item)?;
            let local = Local { value: &item, outer: self.locals };
            let mut inner = Machine {
                environment: self.environment,
                locals: Some(&local),
                fuel: &mut *self.fuel,
            };
            let key = inner.owned(body)?;
            if let Some((first, _)) = keyed.first()
                && compare(first, &key).is_none()
            {
                return unfit(first.kind(), &key);
            }
            keyed.push((key, self.own(item)?));
        }
        for _ in 0..usize::BITS.saturating_sub(keyed.len().leading_zeros()) {
            keyed.iter().try_for_each(|(key, _)| self.fuel.draw_value(key))?;
        }
        keyed.sort_by(|(a, _), (b, _)| compare(a, b).unwrap_or(Ordering::Equal));
        Ok(Cow::Owned(Value::List(keyed.into_iter().map(|(_, item)| item).collect())))
    }

    fn call(&mut self, function: Function, nodes: &'a [Node]) -> Run<'a> {
        let mut args = nodes.iter().map(|node| self.eval(node));
        let null = || Ok(Cow::Owned(Value::Null));
        let a = args.next().unwrap_or_else(null)?;
        let b = args.next().unwrap_or_else(null)?;
        let c = args.next().unwrap_or_else(null)?;
        drop(args);
        let value = match function {
            Function::Size => self.size(&a)?,
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                self.fuel.draw_value(&a)?;
                self.fuel.draw_value(&b)?;
                let (text, part) = (text_of(&a)?, text_of(&b)?);
                Value::Bool(if function == Function::StartsWith {
                    text.starts_with(part)
                } else if function == Function::EndsWith {
                    text.ends_with(part)
                } else {
                    text.contains(part)
                })
            }
            Function::Sum => self.sum(&a, None)?,
            Function::SumDecimal(scale) => self.sum(&a, Some(scale))?,
            Function::Min | Function::Max => {
                let first = self.order(&a, &b)?.is_le() == (function == Function::Min);
                return Ok(if first { a } else { b });
            }
            Function::Least | Function::Greatest => {
                return self.extreme(a, function == Function::Least);
            }
            Function::Identifier(kind) => {
                self.fuel.draw(FUEL_TABLE.identifier)?;
                self.fuel.draw_value(&a)?;
                let form = canonical_identifier(kind, text_of(&a)?, date_of(&b)?);
                form.map_or(Value::Null, Value::from)
            }
            Function::Calendar(function) => self.calendar(function, &a, &b)?,
            Function::Successive => self.successive(&a, &b, &c)?,
            Function::Mask | Function::MaskId => {
                // Reading it, then writing what stands in its place.
                self.fuel.draw_value(&a)?;
                self.fuel.draw_value(&a)?;
                let text = text_of(&a)?;
                let of_number = function == Function::MaskId;
                Value::from(if of_number { literal::mask_id(text) } else { literal::mask(text) })
            }
            Function::With => self.changed(a, &b, Some(c))?,
            Function::Without => self.changed(a, &b, None)?,
            Function::ToText => return self.text(a),
        };
        Ok(Cow::Owned(value))
    }

    /// A date, and after it for each term the day that lies so many months, then so many days after
    /// the one before.
    fn successive(
        &mut self,
        start: &Value,
        months: &Value,
        days: &Value,
    ) -> Result<Value, RuleFailure> {
        let (months, days) = (list_of(months)?, list_of(days)?);
        if months.len() != days.len() {
            return fail(Reject::RuleError, "as many months as days are needed");
        }
        let mut last = date_of(start)?;
        let mut dates = Vec::with_capacity(months.len().saturating_add(1));
        dates.push(Value::Date(last));
        for (months, days) in months.iter().zip(days) {
            self.fuel.draw(FUEL_TABLE.item)?;
            let date = literal::add_months(last, int_of(months)?).ok_or_else(overflow)?;
            last = days_later(date, int_of(days)?)?;
            dates.push(Value::Date(last));
        }
        Ok(Value::List(dates))
    }

    /// Dates and times.
    fn calendar(&mut self, function: Calendar, a: &Value, b: &Value) -> Result<Value, RuleFailure> {
        Ok(match function {
            Calendar::AddDays => Value::Date(days_later(date_of(a)?, int_of(b)?)?),
            Calendar::AddMonths => {
                let date = literal::add_months(date_of(a)?, int_of(b)?);
                Value::Date(date.ok_or_else(overflow)?)
            }
            Calendar::MonthsBetween => {
                let months = literal::months_between(date_of(a)?, date_of(b)?);
                Value::Int(months.ok_or_else(overflow)?)
            }
            Calendar::AddWorkdays => {
                let count = int_of(b)?;
                // Each working day costs looking at one, two or, over a festival, some more days.
                self.fuel
                    .draw(u64::try_from(count.clamp(0, literal::WORKDAYS_MAX)).unwrap_or(0))?;
                Value::Date(literal::add_workdays(date_of(a)?, count).ok_or_else(overflow)?)
            }
            Calendar::NextWorkday => {
                Value::Date(literal::next_workday(date_of(a)?).ok_or_else(overflow)?)
            }
            Calendar::DaysBetween => {
                let days = i64::from(date_of(b)?).checked_sub(i64::from(date_of(a)?));
                Value::Int(days.ok_or_else(overflow)?)
            }
            Calendar::AddHours => {
                let Value::Time(time) = a else { return unfit("timestamp", a) };
                Value::Time(literal::add_hours(*time, int_of(b)?).ok_or_else(overflow)?)
            }
            Calendar::DateOf => {
                let Value::Time(time) = a else { return unfit("timestamp", a) };
                Value::Date(literal::date_of(*time).ok_or_else(overflow)?)
            }
            Calendar::StartOf => Value::Time(literal::start_of(date_of(a)?).ok_or_else(overflow)?),
        })
    }

    /// Characters of a text (as in CEL), bytes, items or fields.
    fn size(&mut self, value: &Value) -> Result<Value, RuleFailure> {
        let size = if let Value::Text(text) = value {
            self.fuel.draw_bytes(text.len())?;
            text.chars().count()
        } else if let Value::Bytes(bytes) = value {
            bytes.len()
        } else if let Value::Map(map) = value {
            map.len()
        } else {
            list_of(value)?.len()
        };
        i64::try_from(size).ok().map(Value::Int).ok_or_else(overflow)
    }

    fn sum(&mut self, list: &Value, scale: Option<u8>) -> Result<Value, RuleFailure> {
        let zero = scale.map_or(Value::Int(0), |scale| Value::Decimal { mantissa: 0, scale });
        let mut sum = zero;
        for item in list_of(list)? {
            self.fuel.draw(FUEL_TABLE.item)?;
            sum = arithmetic(BinaryOp::Add, &sum, item)?;
        }
        Ok(sum)
    }

    /// The least or greatest item; an empty list has none.
    fn extreme(&mut self, list: Cow<'a, Value>, least: bool) -> Run<'a> {
        let mut items = Items::of(list)?;
        let Some(mut found) = items.next() else {
            return fail(Reject::RuleError, "an empty list has no least or greatest item");
        };
        for item in items {
            self.fuel.draw(FUEL_TABLE.item)?;
            if self.order(&item, &found)?.is_lt() == least {
                found = item;
            }
        }
        Ok(found)
    }

    fn text(&mut self, value: Cow<'a, Value>) -> Run<'a> {
        let text = match &*value {
            Value::Text(_) => return Ok(value),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Decimal { mantissa, scale } => literal::decimal_text(*mantissa, *scale),
            Value::Date(days) => literal::date_text(*days).ok_or_else(overflow)?,
            Value::Null | Value::Bytes(_) | Value::Time(_) | Value::List(_) | Value::Map(_) => {
                return unfit("string", &value);
            }
        };
        self.fuel.draw_bytes(text.len())?;
        Ok(Cow::Owned(Value::from(text)))
    }
}

/// The items of a list, or the keys of a map in their order, taken one by one: those that are
/// never looked at cost nothing.
enum Items<'a> {
    Borrowed(std::slice::Iter<'a, Value>),
    Owned(std::vec::IntoIter<Value>),
    Keys(std::collections::btree_map::Keys<'a, Str, Value>),
    OwnedKeys(std::collections::btree_map::IntoKeys<Str, Value>),
}

impl<'a> Items<'a> {
    fn of(list: Cow<'a, Value>) -> Result<Self, RuleFailure> {
        if let Cow::Borrowed(Value::List(items)) = list {
            Ok(Self::Borrowed(items.iter()))
        } else if let Cow::Owned(Value::List(items)) = list {
            Ok(Self::Owned(items.into_iter()))
        } else if let Cow::Borrowed(Value::Map(map)) = list {
            Ok(Self::Keys(map.keys()))
        } else if let Cow::Owned(Value::Map(map)) = list {
            Ok(Self::OwnedKeys(map.into_keys()))
        } else {
            unfit("list", &list)
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Cow<'a, Value>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Borrowed(items) => items.next().map(Cow::Borrowed),
            Self::Owned(items) => items.next().map(Cow::Owned),
            Self::Keys(keys) => keys.next().map(|key| Cow::Owned(Value::Text(key.clone()))),
            Self::OwnedKeys(keys) => keys.next().map(|key| Cow::Owned(Value::Text(key))),
        }
    }
}

fn days_later(date: i32, days: i64) -> Result<i32, RuleFailure> {
    let days = i64::from(date).checked_add(days).and_then(|days| i32::try_from(days).ok());
    days.filter(|days| literal::date_in_range(*days)).ok_or_else(overflow)
}

/// The order of two values of one ordered type.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Decimal { mantissa: m, scale: s }, Value::Decimal { mantissa: n, scale: t }) => {
            Some(aligned(*m, *s, *t).cmp(&aligned(*n, *t, *s)))
        }
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Equality: decimals by number, maps with absent and null fields alike.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Decimal { mantissa: m, scale: s }, Value::Decimal { mantissa: n, scale: t }) => {
            aligned(*m, *s, *t) == aligned(*n, *t, *s)
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let covers = |a: &BTreeMap<Str, Value>, b: &BTreeMap<Str, Value>| {
                a.iter().all(|(name, v)| same(v, b.get(name).unwrap_or(&Value::Null)))
            };
            covers(a, b) && b.iter().all(|(name, v)| a.contains_key(name) || *v == Value::Null)
        }
        (a, b) => a == b,
    }
}

/// The mantissa at the larger of two scales; 10^18 times any 64-bit number fits 128 bits.
fn aligned(mantissa: i64, scale: u8, other: u8) -> i128 {
    let places = u32::from(other.saturating_sub(scale).min(literal::SCALE_MAX));
    i128::from(mantissa).saturating_mul(10_i128.saturating_pow(places))
}

fn arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Result<Value, RuleFailure> {
    let decimal = |mantissa: Option<i64>, scale: u8| match mantissa {
        Some(mantissa) => Ok(Value::Decimal { mantissa, scale }),
        None => Err(overflow()),
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => integer(op, *a, *b),
        (Value::Decimal { mantissa: m, scale: s }, Value::Decimal { mantissa: n, scale: t }) => {
            let (m, n, s, t) = (*m, *n, *s, *t);
            if op == BinaryOp::Mul {
                return decimal(m.checked_mul(n), s.saturating_add(t));
            }
            let (x, y) = (aligned(m, s, t), aligned(n, t, s));
            let sum = if op == BinaryOp::Sub { x.checked_sub(y) } else { x.checked_add(y) };
            decimal(sum.and_then(|sum| i64::try_from(sum).ok()), s.max(t))
        }
        (Value::Decimal { mantissa, scale }, Value::Int(n))
        | (Value::Int(n), Value::Decimal { mantissa, scale }) => {
            decimal(mantissa.checked_mul(*n), *scale)
        }
        (Value::Int(_) | Value::Decimal { .. }, other) | (other, _) => unfit("int", other),
    }
}

fn integer(op: BinaryOp, a: i64, b: i64) -> Result<Value, RuleFailure> {
    if b == 0 && matches!(op, BinaryOp::Div | BinaryOp::Rem) {
        return fail(Reject::DivisionByZero, "division by zero");
    }
    let value = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div => a.checked_div(b),
        BinaryOp::Rem => a.checked_rem(b),
        BinaryOp::Or
        | BinaryOp::And
        | BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In => return fail(Reject::RuleError, "type: not arithmetic"),
    };
    value.map(Value::Int).ok_or_else(overflow)
}
