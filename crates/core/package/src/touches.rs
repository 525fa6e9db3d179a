//! Which registers an action touches, as its document says.

use crate::doc::{ActionDoc, EffectDoc, PackageDoc};

/// Registers that an action reads, in the order of their reads.
pub(crate) fn read_registers(action: &ActionDoc, doc: &PackageDoc) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for read in doc.reads_of(action).filter_map(|read| crate::read::parse(&read.read).ok()) {
        if let Some(register) = read.register().filter(|name| !out.iter().any(|o| o == name)) {
            out.push(register.to_owned());
        }
    }
    out
}

/// Registers that an action writes: into which it inserts, or whose records it read and changes.
pub(crate) fn written_registers(action: &ActionDoc, doc: &PackageDoc) -> Vec<String> {
    let register_of = |name: &str| {
        let read = doc.reads_of(action).find(|read| read.name == name)?;
        crate::read::parse(&read.read).ok()?.register().map(str::to_owned)
    };
    let mut out: Vec<String> = Vec::new();
    let mut items: Vec<(&str, &str)> = Vec::new();
    for effect in &action.effects {
        effect.walk(&mut |effect| {
            let found = match effect {
                EffectDoc::Insert { register, .. } | EffectDoc::Append { register, .. } => {
                    Some(register.clone())
                }
                EffectDoc::Update { record, .. } | EffectDoc::Close { record, .. } => {
                    let item = items.iter().rev().find(|(name, _)| name == record);
                    item.map(|(_, register)| (*register).to_owned()).or_else(|| register_of(record))
                }
                EffectDoc::Each { name, register, .. } => {
                    items.extend(register.as_deref().map(|register| (name.as_str(), register)));
                    None
                }
                EffectDoc::Event { .. }
                | EffectDoc::Tell { .. }
                | EffectDoc::When { .. }
                | EffectDoc::Call { .. }
                | EffectDoc::Count { .. } => None,
            };
            if let Some(register) = found.filter(|register| !out.contains(register)) {
                out.push(register);
            }
        });
    }
    out
}
