//! What an action does, once nothing stands against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::model::{Corrects, EACH_MAX, Effect, Numbered};
use chaincity_package::rule::Program;
use chaincity_types::wire::{Call, Correction};
use chaincity_types::{Reject, Str, Value};

use crate::call::{Binding, CallRun};
use crate::halt::{Halt, reject};
use crate::session::draw;
use crate::{cases, counters, fields, fuel};

impl CallRun<'_, '_> {
    /// Drafts the effects in order.
    pub(crate) fn apply_effects(&mut self, effects: &[Effect]) -> Result<(), Halt> {
        for effect in effects {
            let result = self.apply_effect(effect);
            self.tolerate(result)?;
        }
        Ok(())
    }

    fn apply_effect(&mut self, effect: &Effect) -> Result<(), Halt> {
        let package = Arc::clone(&self.package);
        match effect {
            Effect::Insert { register, name, fields, numbers } => {
                self.insert_record(register, name.as_ref(), fields, numbers)
            }
            Effect::Update { record, set, corrects } => {
                let set = self.evaluate(set)?;
                let binding = self.binding(record)?;
                let [key] = binding.keys.as_slice() else {
                    return reject(Reject::NotFound, format!("read `{record}`"));
                };
                let corrects = match corrects {
                    Some(corrects) => Some(self.correction(&binding.register, key, corrects)?),
                    None => None,
                };
                self.update(&package, &binding.register, key, set, corrects)
            }
            Effect::Close { record, reason } => {
                let binding = self.binding(record)?;
                for key in &binding.keys {
                    self.close(&package, &binding.register, key, reason)?;
                }
                Ok(())
            }
            Effect::Event { kind, register, key } => self.notify(&package.id, kind, register, key),
            Effect::Tell { message, register, key, fields } => {
                self.tell(message, (register, key), fields)
            }
            Effect::Each { name, position, list, register, effects } => {
                let of = register.as_ref();
                self.apply_each((name, position.as_ref()), list, of, effects)
            }
            Effect::When { that, effects } => {
                let holds = that.run(&self.environment, &mut self.fuel)?;
                if holds == Value::Bool(true) { self.apply_effects(effects) } else { Ok(()) }
            }
            Effect::Call { package, action, input, mandates } => {
                self.plan_call((package, action), input, mandates.as_ref())
            }
            Effect::Count { counter, scope, by, limit } => {
                self.count(counter, (scope, by), limit.as_ref())
            }
            Effect::Append { register, key, field, items } => {
                self.append((register, field), (key, items))
            }
        }
    }

    /// Drafts a new record; its numbers come when the call is settled, where they may.
    fn insert_record(
        &mut self,
        register: &Str,
        name: Option<&Str>,
        fields: &BTreeMap<Str, Program>,
        numbers: &[Numbered],
    ) -> Result<(), Halt> {
        let package = Arc::clone(&self.package);
        let mut fields = self.evaluate(fields)?;
        let late = package.registers.get(register).is_some_and(|register| {
            numbers.iter().all(|number| counters::comes_late(register, &number.field))
        });
        let key = if late {
            let later: Vec<&str> = numbers.iter().map(|n| n.field.as_str()).collect();
            let key = self.insert_but(&later, &package, register, fields)?;
            self.number_late(numbers, register, &key)?;
            key
        } else {
            for number in numbers {
                let text = self.next_number(number)?;
                fields.insert(number.field.clone(), Value::Text(text));
            }
            self.insert(&package, register, fields)?
        };
        if let Some(name) = name {
            let seen = BTreeMap::from([("_key".into(), Value::Text(key.clone()))]);
            self.environment.insert(name.clone(), Value::Map(seen));
            let binding = Binding { register: register.clone(), keys: vec![key] };
            self.bindings.insert(name.clone(), binding);
        }
        Ok(())
    }

    /// Raises an event, or one for each of a list of keys: as many as there are records.
    fn notify(
        &mut self,
        package: &Str,
        kind: &str,
        register: &Str,
        key: &Program,
    ) -> Result<(), Halt> {
        let value = key.run(&self.environment, &mut self.fuel)?;
        let keys = value.as_list().unwrap_or(std::slice::from_ref(&value));
        for key in keys {
            match fields::key_text(key) {
                Some(key) => self.raise(package, kind, register, &key)?,
                None => return reject(Reject::RuleError, format!("key of event `{kind}`")),
            }
        }
        Ok(())
    }

    /// Notes a message to the open cases about a record, or about each of a list: they hear it when
    /// this call's drafts are versions.
    fn tell(
        &mut self,
        message: &Str,
        (register, key): (&Str, &Program),
        fields: &BTreeMap<Str, Program>,
    ) -> Result<(), Halt> {
        let told = self.evaluate(fields)?;
        let value = key.run(&self.environment, &mut self.fuel)?;
        let keys = value.as_list().unwrap_or(std::slice::from_ref(&value));
        for key in keys {
            let Some(key) = fields::key_text(key) else {
                return reject(Reject::RuleError, format!("key of message `{message}`"));
            };
            draw(&mut self.fuel, fuel::CALL)?;
            let about = cases::about(&self.package.id, register, &key);
            self.calls.push(cases::hear(message, about, &told));
        }
        Ok(())
    }

    /// Notes an action of another package, to be called when this call's drafts are versions.
    fn plan_call(
        &mut self,
        (package, action): (&Str, &Str),
        input: &BTreeMap<Str, Program>,
        mandates: Option<&Program>,
    ) -> Result<(), Halt> {
        // Before it is kept, so that a loop cannot plan more calls than could ever run.
        draw(&mut self.fuel, fuel::CALL)?;
        let input = self.evaluate(input)?;
        let mandates = match mandates {
            Some(rule) => Some(rule.run(&self.environment, &mut self.fuel)?),
            None => None,
        };
        let texts = |list: &Value| {
            let items = list.as_list().unwrap_or_default();
            items.iter().filter_map(Value::as_str).cloned().collect()
        };
        self.calls.push(Call {
            package: package.clone(),
            action: action.clone(),
            input,
            case: self.frame.call.case.clone(),
            task: self.frame.call.task.clone(),
            mandates: mandates.as_ref().map(texts),
        });
        Ok(())
    }

    /// The effects for each item; a record of a register can be changed by the item's name.
    fn apply_each(
        &mut self,
        (name, position): (&Str, Option<&Str>),
        list: &Program,
        register: Option<&Str>,
        effects: &[Effect],
    ) -> Result<(), Halt> {
        let Value::List(items) = list.run(&self.environment, &mut self.fuel)? else {
            return reject(Reject::RuleError, "`each` needs a list");
        };
        if items.len() > EACH_MAX {
            return reject(
                Reject::TooManyRecords,
                format!("`each` has more than {EACH_MAX} items"),
            );
        }
        for (i, item) in (0_i64..).zip(items) {
            if let Some(register) = register {
                let key = item.as_map().and_then(|map| map.get("_key")).and_then(Value::as_str);
                let keys = key.cloned().into_iter().collect();
                let binding = Binding { register: register.clone(), keys };
                self.bindings.insert(name.clone(), binding);
            }
            self.environment.insert(name.clone(), item);
            if let Some(position) = position {
                self.environment.insert(position.clone(), Value::Int(i));
            }
            self.apply_effects(effects)?;
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        programs: &BTreeMap<Str, Program>,
    ) -> Result<BTreeMap<Str, Value>, Halt> {
        let mut out = BTreeMap::new();
        for (name, program) in programs {
            out.insert(name.clone(), program.run(&self.environment, &mut self.fuel)?);
        }
        Ok(out)
    }

    fn binding(&self, name: &str) -> Result<Binding, Halt> {
        match self.bindings.get(name) {
            Some(binding) => Ok(binding.clone()),
            None => reject(Reject::RuleError, format!("no read `{name}`")),
        }
    }

    /// What a correction names (更正登记, 民法典 220): the current version, the reason and the
    /// legal basis.
    fn correction(
        &mut self,
        register: &Str,
        key: &Str,
        corrects: &Corrects,
    ) -> Result<Correction, Halt> {
        let named = corrects.version.run(&self.environment, &mut self.fuel)?;
        let reason = self.words(&corrects.reason, "reason")?;
        let basis = self.words(&corrects.basis, "basis")?;
        let logical = self.record_key(register, key);
        let Some(record) = self.session.get(&logical)? else {
            return reject(Reject::NotFound, format!("register `{register}`"));
        };
        let version = record.head.version;
        if named.as_int().and_then(|n| u64::try_from(n).ok()) != Some(version) {
            return reject(Reject::CorrectionMismatch, "not the current version");
        }
        Ok(Correction { version, body: record.head.body, reason, basis })
    }

    fn words(&mut self, program: &Program, what: &str) -> Result<Str, Halt> {
        match program.run(&self.environment, &mut self.fuel)?.as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text.clone()),
            _ => reject(Reject::InvalidField, format!("a correction names its {what}")),
        }
    }
}
