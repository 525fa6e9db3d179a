//! What an action does, once nothing stands against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::model::{Corrects, Effect};
use chaincity_package::rule::Program;
use chaincity_types::wire::Correction;
use chaincity_types::{Reject, Value};

use crate::call::{Binding, CallRun};
use crate::fields;
use crate::halt::{Halt, reject};

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
            Effect::Insert { register, name, fields } => {
                let fields = self.evaluate(fields)?;
                let key = self.insert(&package, register, &fields)?;
                if let Some(name) = name {
                    let seen = BTreeMap::from([("_key".to_owned(), Value::Text(key.clone()))]);
                    self.environment.insert(name.clone(), Value::Map(seen));
                    let binding = Binding { register: register.clone(), keys: vec![key] };
                    self.bindings.insert(name.clone(), binding);
                }
                Ok(())
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
                self.update(&package, &binding.register, key, &set, corrects)
            }
            Effect::Close { record, reason } => {
                let binding = self.binding(record)?;
                for key in &binding.keys {
                    self.close(&package, &binding.register, key, reason)?;
                }
                Ok(())
            }
            Effect::Event { kind, register, key } => {
                let value = key.run(&self.environment, &mut self.fuel)?;
                // A list of keys raises an event for each: as many as there are records.
                let keys = value.as_list().unwrap_or(std::slice::from_ref(&value));
                for key in keys {
                    match fields::key_text(key) {
                        Some(key) => self.raise(&package.id, kind, register, &key)?,
                        None => {
                            return reject(Reject::RuleError, format!("key of event `{kind}`"));
                        }
                    }
                }
                Ok(())
            }
        }
    }

    fn evaluate(
        &mut self,
        programs: &BTreeMap<String, Program>,
    ) -> Result<BTreeMap<String, Value>, Halt> {
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
        register: &str,
        key: &str,
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

    fn words(&mut self, program: &Program, what: &str) -> Result<String, Halt> {
        match program.run(&self.environment, &mut self.fuel)?.as_text() {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => reject(Reject::InvalidField, format!("a correction names its {what}")),
        }
    }
}
