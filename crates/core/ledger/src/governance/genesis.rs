//! The records of the genesis document, written by the block at height 1.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::model::Package;
use chaincity_package::rule::Fuel;
use chaincity_types::wire::{Call, Genesis, Validator};
use chaincity_types::{Digest, Str, Value};

use super::{MEMBER, NODE, OPERATOR, PACKAGE, PARAMETER, committee, record, text_list};
use crate::authority::Caller;
use crate::call::{CallRun, Frame};
use crate::cases;
use crate::halt::Halt;
use crate::session::{Layer, Session};
use crate::view::{BlockContext, Empty, Packages};

/// Why a document is not a possible genesis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A package document does not compile.
    #[error("package document number {index} does not compile")]
    Package {
        /// Position in the document, from 0.
        index: usize,
    },
    /// Not 1 to 64 validators.
    #[error("{count} validators where 1 to 64 are needed")]
    Validators {
        /// Validators found.
        count: usize,
    },
    /// A name that is not allowed.
    #[error("`{id}` is not a member identifier")]
    MemberId {
        /// The identifier, cut to 40 characters.
        id: String,
    },
    /// A subject that could speak for the member of the same name.
    #[error("the subject `{id}` is called like a member")]
    Subject {
        /// The identifier, cut to 40 characters.
        id: String,
    },
    /// A record that cannot be written: a duplicate, an unknown member, a field out of range.
    #[error("a genesis record is refused as `{code}`: {detail}")]
    Record {
        /// Reject code.
        code: String,
        /// What exactly.
        detail: String,
    },
}

impl From<Halt> for GenesisError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Rejected(rejection) => Self::Record {
                code: rejection.code.into(),
                detail: rejection.detail.unwrap_or_default(),
            },
            // The empty view knows every key.
            Halt::Missing => Self::Record { code: "missing".into(), detail: String::new() },
        }
    }
}

/// Writes the genesis records.
pub(crate) fn genesis(
    context: &BlockContext,
    genesis: &Genesis,
    packages: &dyn Packages,
) -> Result<Layer, GenesisError> {
    let (block, view) = (Layer::default(), Empty);
    let mut session = Session::new(context, &block, &view, packages);
    let call = Call {
        package: super::ID.into(),
        action: "genesis".into(),
        input: BTreeMap::new(),
        case: None,
        task: None,
        mandates: None,
    };
    let caller = Caller {
        key: [].into(),
        name: Str::default(),
        member: Str::default(),
        roles: Vec::new(),
        subject: None,
    };
    let frame = Frame {
        transaction: Digest::ZERO,
        index: 0,
        call: &call,
        caller: &caller,
        before: &[],
        intent: None,
        depth: 0,
        ordinal: 0,
    };
    let package = super::package();
    // The document is trusted and was made by those who start the ledger.
    let fuel = Fuel { left: u64::MAX };
    let mut run = CallRun::new(&mut session, frame, Arc::clone(&package), fuel);
    write_members(&mut run, &package, genesis)?;
    write_nodes(&mut run, &package, genesis)?;
    write_packages(&mut run, &package, genesis)?;
    write_parameters(&mut run, &package, genesis)?;
    run.decide()?;
    Ok(run.settle()?)
}

fn write_members(
    run: &mut CallRun<'_, '_>,
    package: &Arc<Package>,
    genesis: &Genesis,
) -> Result<(), GenesisError> {
    for member in &genesis.members {
        if !super::is_name(&member.id) {
            return Err(GenesisError::MemberId { id: member.id.chars().take(40).collect() });
        }
        super::check_not_ledgers(&member.roles)?;
        let fields = record([
            ("id", member.id.as_str().into()),
            ("name_zh", member.name_zh.as_str().into()),
            ("name_en", member.name_en.as_str().into()),
            ("roles", text_list(&member.roles)),
            ("active", Value::Bool(true)),
        ]);
        run.insert(package, MEMBER, fields)?;
    }
    for operator in &genesis.operators {
        let subject = operator.subject.as_deref().unwrap_or_default();
        if genesis.members.iter().any(|member| member.id == subject) {
            return Err(GenesisError::Subject { id: subject.chars().take(40).collect() });
        }
        super::check_key(&operator.key)?;
        let subject = operator.subject.clone().map_or(Value::Null, Value::from);
        let fields = record([
            ("key", Value::Bytes(operator.key.clone())),
            ("member", operator.member.as_str().into()),
            ("roles", text_list(&operator.roles)),
            ("active", Value::Bool(true)),
            ("subject", subject),
        ]);
        run.insert(package, OPERATOR, fields)?;
    }
    Ok(())
}

fn write_nodes(
    run: &mut CallRun<'_, '_>,
    package: &Arc<Package>,
    genesis: &Genesis,
) -> Result<(), GenesisError> {
    for node in &genesis.nodes {
        super::check_key(&node.node.key)?;
        let kind = if node.validator { "candidate" } else { "observer" };
        let fields = record([
            ("key", Value::Bytes(node.node.key.clone())),
            ("member", node.node.member.as_str().into()),
            ("address", node.node.address.as_str().into()),
            ("kind", kind.into()),
        ]);
        run.insert(package, NODE, fields)?;
    }
    let validators: Vec<Validator> =
        genesis.nodes.iter().filter(|n| n.validator).map(|n| n.node.clone()).collect();
    if validators.is_empty() || validators.len() > committee::VALIDATORS_MAX {
        return Err(GenesisError::Validators { count: validators.len() });
    }
    run.insert(package, super::COMMITTEE, committee::fields(validators))?;
    Ok(())
}

fn write_packages(
    run: &mut CallRun<'_, '_>,
    package: &Arc<Package>,
    genesis: &Genesis,
) -> Result<(), GenesisError> {
    for (index, document) in genesis.packages.iter().enumerate() {
        let Some(compiled) = run.session.compile(document) else {
            return Err(GenesisError::Package { index });
        };
        // A package stands after those that it requires.
        super::publish_package::check_requires(run, &compiled)?;
        super::publish_package::check_id(&compiled)?;
        cases::publish(run, &compiled)?;
        let fields = super::publish_package::fields(&compiled, document);
        run.insert(package, PACKAGE, fields)?;
    }
    Ok(())
}

fn write_parameters(
    run: &mut CallRun<'_, '_>,
    package: &Arc<Package>,
    genesis: &Genesis,
) -> Result<(), GenesisError> {
    let parameters = [
        ("name-zh", genesis.name_zh.clone()),
        ("name-en", genesis.name_en.clone()),
        ("protocol", genesis.protocol.to_string()),
        ("epoch-blocks", genesis.epoch_blocks.to_string()),
    ];
    for (name, value) in parameters {
        let fields = record([("name", name.into()), ("value", Value::from(value))]);
        run.insert(package, PARAMETER, fields)?;
    }
    Ok(())
}
