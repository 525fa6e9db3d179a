//! The consortium of the benchmark: one office a validator, and 64 operators spread over them;
//! perhaps one whose node joins later.

use std::net::TcpListener;
use std::path::Path;

use chaincity_crypto::suite::SecretKey;

use super::workload::Kind;
use crate::city::{City, Founder, Operator, Plan, Runs};
use crate::clock;
use crate::fault::Fault;

/// Who signs what is measured.
pub(crate) const OPERATORS: usize = 64;
/// Who owns what is transferred.
const CITIZENS: usize = 64;
/// Those who answer for what the first office keeps: a machine, who decides, who edits the catalogue.
const AGENT: &str = "agent";
const KEEPER: &str = "keeper";
const EDITOR: &str = "catalogue";
/// The member whose node joins at the end.
const NEWCOMER: &str = "newcomer";
/// Blocks in an epoch: as `init` has it.
const EPOCH_BLOCKS: u64 = 1_000;

/// Those who act.
#[derive(Debug)]
pub(super) struct People {
    /// The operators' keys.
    pub(super) operators: Vec<SecretKey>,
    /// Subject id and key of each citizen; none where the workload needs none.
    pub(super) citizens: Vec<(String, SecretKey)>,
    /// Where the first office keeps a vault.
    pub(super) steward: Option<Steward>,
}

/// The keys of those who answer for what the first office keeps.
#[derive(Debug)]
pub(super) struct Steward {
    pub(super) agent: SecretKey,
    pub(super) keeper: SecretKey,
    pub(super) editor: SecretKey,
}

fn operator(index: usize) -> String {
    format!("operator-{index:02}")
}

fn citizen(index: usize) -> (String, String) {
    (format!("citizen-{index:02}"), format!("subject-bench-{index:02}"))
}

/// The member with this index.
pub(super) fn office_name(index: usize) -> String {
    format!("office-{index:02}")
}

const fn citizens(kind: Kind) -> usize {
    if kind.has_citizens() { CITIZENS } else { 0 }
}

/// Founds it in `dir`, with these packages; the first office keeps a vault where the workload has a
/// steward.
pub(super) fn found(
    dir: &Path,
    validators: usize,
    (kind, packages): (Kind, Vec<Vec<u8>>),
) -> Result<City, Fault> {
    let office = |office: usize| {
        let mine = |index: &usize| index.checked_rem(validators) == Some(office);
        let operators = (0..OPERATORS).filter(mine);
        let operators = operators.map(|index| Operator {
            name: operator(index),
            roles: kind.roles().iter().map(|role| (*role).to_owned()).collect(),
            subject: None,
        });
        let citizens = (0..citizens(kind)).filter(mine).map(citizen);
        let citizens = citizens.map(|(name, subject)| Operator {
            name,
            roles: Vec::new(),
            subject: Some(subject),
        });
        let officials = if kind.has_steward() && office == 0 { officials() } else { Vec::new() };
        Founder {
            id: office_name(office),
            name: (format!("第{office:02}办事处"), format!("Office {office:02}")),
            runs: Runs::Validator,
            operators: operators.chain(citizens).chain(officials).collect(),
        }
    };
    let newcomer = kind.has_newcomer().then(|| Founder {
        id: NEWCOMER.to_owned(),
        name: ("后来单位".to_owned(), "Newcomer".to_owned()),
        runs: Runs::Observer,
        operators: Vec::new(),
    });
    let members: Vec<Founder> = (0..validators).map(office).chain(newcomer).collect();
    let city = City::create(&Plan {
        dir: dir.to_owned(),
        ports: free_ports(members.len())?,
        members,
        epoch_blocks: EPOCH_BLOCKS,
        time: clock::now(),
        packages,
    })?;
    if kind.has_steward() {
        city.add_vault(&office_name(0), AGENT)?;
    }
    Ok(city)
}

fn officials() -> Vec<Operator> {
    let roles = [(AGENT, "steward.agent"), (KEEPER, "steward.clerk"), (EDITOR, "catalogue.editor")];
    let official = |(name, role): (&str, &str)| Operator {
        name: name.to_owned(),
        roles: vec![role.to_owned()],
        subject: None,
    };
    roles.map(official).into()
}

/// Free pairs of loopback ports below those that the system hands out for outgoing connections.
/// Processes look in different places first, so that two benchmarks do not take the same.
fn free_ports(count: usize) -> Result<Vec<(u16, u16)>, Fault> {
    const FIRST: u32 = 20_000;
    const PLACES: u32 = 100;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let own = std::process::id().checked_rem(PLACES).unwrap_or(0);
    let places = (own..PLACES).chain(0..own).map(|place| {
        let first = u16::try_from(place.saturating_mul(PLACES).saturating_add(FIRST)).unwrap_or(0);
        (first..).zip(first.saturating_add(50)..).take(count).collect::<Vec<_>>()
    });
    let mut free = places.filter(|pairs| pairs.iter().all(|(peer, api)| free(*peer) && free(*api)));
    free.next().ok_or_else(|| Fault::other("本机没有空闲端口", "this machine has no free ports"))
}

impl People {
    /// Reads their keys.
    pub(super) fn of(city: &City, kind: Kind) -> Result<Self, Fault> {
        let operators = (0..OPERATORS).map(|index| city.key(&operator(index)));
        let citizens = (0..citizens(kind)).map(citizen);
        let citizens = citizens.map(|(name, subject)| Ok((subject, city.key(&name)?)));
        let steward = || {
            let [agent, keeper, editor] = [AGENT, KEEPER, EDITOR].map(|name| city.key(name));
            Ok::<_, Fault>(Steward { agent: agent?, keeper: keeper?, editor: editor? })
        };
        Ok(Self {
            operators: operators.collect::<Result<_, Fault>>()?,
            citizens: citizens.collect::<Result<_, Fault>>()?,
            steward: kind.has_steward().then(steward).transpose()?,
        })
    }

    /// The operators of one of so many offices.
    pub(super) fn of_office(
        &self,
        office: usize,
        offices: usize,
    ) -> impl Iterator<Item = &SecretKey> + Clone {
        self.operators.iter().skip(office).step_by(offices.max(1))
    }
}
