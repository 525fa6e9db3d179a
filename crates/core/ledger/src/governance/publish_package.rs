//! `publish-package`: a package comes into force, at once, or replaces its earlier version.

use chaincity_package::doc::PackageDoc;
use chaincity_package::model::{Action, Index, Package, Register};
use chaincity_types::{Reject, Value};

use super::schema::{action, document, field, title};
use super::{ADMIN, Input, PACKAGE, record};
use crate::call::CallRun;
use crate::halt::{Halt, reject};
use crate::session::{by_kilobyte, draw, field_bytes};
use crate::{cases, fuel, is_built_in};

pub(super) const NAME: &str = "publish-package";

pub(super) fn declaration() -> Action {
    action(
        NAME,
        title("发布应用包", "Publish a package"),
        &[ADMIN],
        vec![("document", field(document(), "文档", "Package document, compressed"))],
    )
}

/// The fields of a package's record.
pub(super) fn fields(package: &Package, document: &[u8]) -> Input {
    record([
        ("id", package.id.as_str().into()),
        ("version", Value::Int(i64::from(package.version))),
        ("title_zh", package.title.zh.as_str().into()),
        ("title_en", package.title.en.as_str().into()),
        ("digest", Value::Bytes(package.digest.as_bytes().to_vec())),
        ("document", Value::Bytes(document.to_vec())),
    ])
}

pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Input) -> Result<(), Halt> {
    super::check_majority(run)?;
    let document = super::bytes(input, "document")?;
    let Ok(unpacked) = PackageDoc::unpacked_len(&document) else {
        return reject(Reject::PackageInvalid, "not a package document");
    };
    draw(&mut run.fuel, by_kilobyte(unpacked, fuel::COMPILE_KILOBYTE))?;
    let Some(new) = run.session.compile(&document) else {
        return reject(Reject::PackageInvalid, "the document does not compile");
    };
    check_id(&new)?;
    check_requires(run, &new)?;
    let governance = super::package();
    cases::publish(run, &new)?;
    let fields = fields(&new, &document);
    let Some(current) = run.session.get(&super::key(PACKAGE, &new.id))? else {
        check_version(&new, 0)?;
        run.insert(&governance, PACKAGE, fields)?;
        return Ok(());
    };
    let old = field_bytes(&current.version, "document").and_then(|old| run.session.compile(old));
    if let Some(old) = old {
        check_version(&new, old.version)?;
        for (name, register) in &old.registers {
            check_compatible(register, new.registers.get(name))?;
        }
    }
    run.update(&governance, PACKAGE, &new.id, fields, None)
}

/// The names of built-in packages are taken.
pub(super) fn check_id(new: &Package) -> Result<(), Halt> {
    if is_built_in(&new.id) || !super::is_name(&new.id) {
        return reject(Reject::GovernanceInvalid, "the package identifier is not allowed");
    }
    Ok(())
}

/// What it calls must be in force, at least in the version that it needs.
pub(super) fn check_requires(run: &mut CallRun<'_, '_>, new: &Package) -> Result<(), Halt> {
    for (id, version) in &new.requires {
        let found = run.required_version(id)?;
        if found.is_none_or(|found| found < *version) {
            let text = format!("it requires `{id}` in version {version}");
            return reject(Reject::GovernanceInvalid, text);
        }
    }
    Ok(())
}

impl CallRun<'_, '_> {
    /// The version of a package that is in force or comes into force with this call.
    fn required_version(&mut self, id: &str) -> Result<Option<u32>, Halt> {
        let key = super::key(PACKAGE, id);
        let version = |fields: &Input| {
            fields.get("version").and_then(Value::as_int).and_then(|n| u32::try_from(n).ok())
        };
        if let Some(draft) = self.drafts.get(&key) {
            return Ok(version(&draft.fields));
        }
        draw(&mut self.fuel, fuel::READ)?;
        let record = self.session.get(&key)?;
        Ok(record.and_then(|record| version(&record.version.fields)))
    }
}

fn check_version(new: &Package, current: u32) -> Result<(), Halt> {
    if Some(new.version) == current.checked_add(1) {
        Ok(())
    } else {
        reject(Reject::GovernanceInvalid, format!("version {} after {current}", new.version))
    }
}

/// Stored records must stay readable: registers, fields, keys and indexes stay as they are;
/// optional fields may be added.
fn check_compatible(old: &Register, new: Option<&Register>) -> Result<(), Halt> {
    let Some(new) = new else {
        return reject(Reject::GovernanceInvalid, format!("register `{}` is gone", old.name));
    };
    let kept = old.fields.iter().all(|(name, field)| {
        new.fields
            .get(name)
            .is_some_and(|f| f.kind == field.kind && (f.optional || !field.optional))
    });
    let added = new.fields.iter().all(|(name, f)| old.fields.contains_key(name) || f.optional);
    // What the ledger keeps entries of. Others are made by each node of what it has.
    let kept_indexes = |register: &Register| -> Vec<Index> {
        register.indexes.values().filter(|index| !index.for_lists).cloned().collect()
    };
    if kept && added && old.key == new.key && kept_indexes(old) == kept_indexes(new) {
        Ok(())
    } else {
        reject(Reject::GovernanceInvalid, format!("register `{}` is incompatible", old.name))
    }
}
