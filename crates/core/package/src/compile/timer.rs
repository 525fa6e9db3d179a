//! Compiling a register's timers: after the actions, which they call.

use std::collections::BTreeMap;

use super::{Compiler, FIELDS_MAX, INDEXES_MAX, action::record_type};
use crate::THIS;
use crate::doc::{RegisterDoc, TimerDoc};
use crate::model::{Package, Register, TIMER_ROLE, Timer};
use crate::problem::Problem;
use crate::rule::{Names, Type};
use chaincity_types::Str;

impl Compiler {
    pub(super) fn timers(&mut self, doc: &RegisterDoc, package: &Package) -> BTreeMap<Str, Timer> {
        let place = format!("registers.{}.timers", doc.name);
        let mut out = BTreeMap::new();
        let Some(register) = package.registers.get(doc.name.as_str()) else { return out };
        if !self.bounded(&place, doc.timers.len(), INDEXES_MAX) {
            return out;
        }
        self.check_twice(&place, doc.timers.iter().map(|timer| timer.name.as_str()));
        let names = names(register, package);
        for timer in &doc.timers {
            let place = format!("{place}.{}", timer.name);
            self.check_id(&place, &timer.name);
            out.extend(
                self.timer(&place, timer, &names, package).map(|t| (timer.name.as_str().into(), t)),
            );
        }
        out
    }

    fn timer(
        &mut self,
        place: &str,
        doc: &TimerDoc,
        names: &Names,
        package: &Package,
    ) -> Option<Timer> {
        let at = self.typed(place, &doc.at, &Type::Time.optional(), names);
        let Some(action) = package.actions.get(doc.action.as_str()) else {
            self.unknown(place, ("业务动作", "action"), &doc.action);
            return None;
        };
        if !action.by.iter().any(|role| role == TIMER_ROLE) || !action.mandates.is_empty() {
            self.report(Problem::error(
                "timer-action",
                place,
                (
                    format!("定时器不能调用`{}`", doc.action),
                    format!("a timer cannot call `{}`", doc.action),
                ),
                (
                    "该动作的 by 须含 ledger.timer，且不得要求授权",
                    "name `ledger.timer` among its `by`, and demand no mandates",
                ),
            ));
        }
        let mut input = BTreeMap::new();
        self.check_twice(place, doc.input.iter().map(|set| set.field.as_str()));
        self.bounded(place, doc.input.len(), FIELDS_MAX);
        for set in doc.input.iter().take(FIELDS_MAX) {
            let place = format!("{place}.{}", set.field);
            let Some(field) = action.input.get(set.field.as_str()) else {
                self.unknown(&place, ("输入", "input"), &set.field);
                continue;
            };
            let wanted = Type::of_field(&field.kind, field.optional);
            let rule = self.typed(&place, &set.rule, &wanted, names);
            input.extend(rule.map(|rule| (set.field.as_str().into(), rule)));
        }
        for (name, _) in action.input.iter().filter(|(_, field)| !field.optional) {
            if !doc.input.iter().any(|set| set.field == *name) {
                self.report(Problem::error(
                    "missing-field",
                    place,
                    (format!("缺少必填输入`{name}`"), format!("the input `{name}` is not given")),
                    ("给出该输入的规则", "give a rule for it"),
                ));
            }
        }
        Some(Timer { at: at?, action: doc.action.as_str().into(), input })
    }
}

/// What a timer's rules see: the record as stored, and parameters. Neither the time nor what is
/// computed with it: the time that they give must not move by itself.
fn names(register: &Register, package: &Package) -> Names {
    let mut names = super::base_names(package);
    names.remove("now");
    names.remove("today");
    let stored = Register { computed: Vec::new(), ..register.clone() };
    names.insert(THIS.to_owned(), record_type(&stored));
    names
}
