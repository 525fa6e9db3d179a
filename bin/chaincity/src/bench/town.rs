//! The consortium of the benchmark: one office a validator, and 64 registrars spread over them.

use std::path::Path;

use chaincity_crypto::suite::SecretKey;

use super::workload::Kind;
use crate::city::{City, Member, Operator, Plan, any_ports};
use crate::clock;
use crate::fault::Fault;
use crate::shipped;

/// Who signs what is measured.
pub(crate) const OPERATORS: usize = 64;
/// Who owns what is transferred.
const CITIZENS: usize = 64;
/// Blocks in an epoch: as `init` has it.
const EPOCH_BLOCKS: u64 = 1_000;

/// Those who act.
#[derive(Debug)]
pub(super) struct People {
    /// The registrars' keys.
    pub(super) registrars: Vec<SecretKey>,
    /// Subject id and key of each citizen; none where the workload needs none.
    pub(super) citizens: Vec<(String, SecretKey)>,
}

fn registrar(index: usize) -> String {
    format!("registrar-{index:02}")
}

fn citizen(index: usize) -> (String, String) {
    (format!("citizen-{index:02}"), format!("subject-bench-{index:02}"))
}

const fn citizens(kind: Kind) -> usize {
    match kind {
        Kind::Register => 0,
        Kind::Transfer => CITIZENS,
    }
}

/// Founds it in `dir`.
pub(super) fn found(dir: &Path, validators: usize, kind: Kind) -> Result<City, Fault> {
    let office = |office: usize| {
        let mine = |index: &usize| index.checked_rem(validators) == Some(office);
        let registrars = (0..OPERATORS).filter(mine);
        let registrars =
            registrars.map(|index| Operator::official(&registrar(index), "registry.registrar"));
        let citizens = (0..citizens(kind)).filter(mine).map(citizen);
        let citizens = citizens.map(|(name, subject)| Operator::citizen(&name, &subject));
        Member {
            id: format!("office-{office:02}"),
            name_zh: format!("第{office:02}登记所"),
            name_en: format!("Registry Office {office:02}"),
            validator: true,
            operators: registrars.chain(citizens).collect(),
        }
    };
    City::create(&Plan {
        dir: dir.to_owned(),
        members: (0..validators).map(office).collect(),
        ports: any_ports(validators)?,
        epoch_blocks: EPOCH_BLOCKS,
        time: clock::now(),
        packages: vec![shipped::source("real-estate")?.doc.to_bytes()],
    })
}

impl People {
    /// Reads their keys.
    pub(super) fn of(city: &City, kind: Kind) -> Result<Self, Fault> {
        let registrars = (0..OPERATORS).map(|index| city.key(&registrar(index)));
        let citizens = (0..citizens(kind)).map(citizen);
        let citizens = citizens.map(|(name, subject)| Ok((subject, city.key(&name)?)));
        Ok(Self {
            registrars: registrars.collect::<Result<_, Fault>>()?,
            citizens: citizens.collect::<Result<_, Fault>>()?,
        })
    }
}
