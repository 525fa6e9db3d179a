//! The city that the tests play in: its members, its people, its genesis. All synthetic.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chaincity_package::source::{self, Source};
use chaincity_types::Timestamp;
use chaincity_types::wire::{Genesis, GenesisMember, GenesisNode, GenesisOperator, PROTOCOL};

/// What an actor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Registrar of the registry.
    Registrar,
    /// Enforcement officer of a court.
    Judge,
    /// Officer of a bank.
    Banker,
    /// Clerk of the housing bureau.
    Clerk,
    /// Who brings the registry's old data over.
    Importer,
    /// Who takes in applications at the registry's counter.
    Acceptor,
    /// Who reviews applications.
    Reviewer,
    /// Clerk of the planning bureau.
    Planner,
    /// Officer of a state organ who queries.
    Officer,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Registrar => "registry.registrar",
            Self::Judge => "court.officer",
            Self::Banker => "bank.officer",
            Self::Clerk => "housing.clerk",
            Self::Importer => "registry.importer",
            Self::Acceptor => "registry.acceptor",
            Self::Reviewer => "registry.reviewer",
            Self::Planner => "planning.clerk",
            Self::Officer => "organ.officer",
        }
    }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// Registrar.
    Registrar,
    /// Officer of the first court.
    Judge,
    /// Officer of the second court.
    OtherJudge,
    /// Officer of the first bank.
    BankerA,
    /// Officer of the second bank.
    BankerB,
    /// Clerk of the housing bureau.
    Clerk,
    /// Who brings the registry's old data over.
    Importer,
    /// Who takes in applications.
    Acceptor,
    /// Who takes in applications and reviews those of others.
    Examiner,
    /// Who only reviews.
    Reviewer,
    /// Another reviewer.
    OtherReviewer,
    /// Clerk of the planning bureau.
    Planner,
    /// Officer of the police.
    Officer,
    /// Somebody whose key the ledger does not know.
    Stranger,
    /// A citizen with a key of their own: 测试甲, 测试乙, ….
    Citizen(u8),
}

/// Names of the citizens; more are needed nowhere.
pub const CITIZENS: [&str; 6] = ["测试甲", "测试乙", "测试丙", "测试丁", "测试戊", "测试己"];

impl Actor {
    /// All whom the ledger knows.
    #[must_use]
    pub fn known() -> Vec<Self> {
        let mut all = vec![
            Self::Registrar,
            Self::Judge,
            Self::OtherJudge,
            Self::BankerA,
            Self::BankerB,
            Self::Clerk,
            Self::Importer,
            Self::Acceptor,
            Self::Examiner,
            Self::Reviewer,
            Self::OtherReviewer,
            Self::Planner,
            Self::Officer,
        ];
        all.extend((0_u8..6).map(Self::Citizen));
        all
    }

    /// The roles.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Registrar => &[Role::Registrar],
            Self::Judge | Self::OtherJudge => &[Role::Judge],
            Self::BankerA | Self::BankerB => &[Role::Banker],
            Self::Clerk => &[Role::Clerk],
            Self::Importer => &[Role::Importer],
            Self::Acceptor => &[Role::Acceptor],
            Self::Examiner => &[Role::Acceptor, Role::Reviewer],
            Self::Reviewer | Self::OtherReviewer => &[Role::Reviewer],
            Self::Planner => &[Role::Planner],
            Self::Officer => &[Role::Officer],
            Self::Stranger | Self::Citizen(_) => &[],
        }
    }

    /// The member acted for.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Registrar
            | Self::Importer
            | Self::Acceptor
            | Self::Examiner
            | Self::Reviewer
            | Self::OtherReviewer => "registry",
            Self::Judge => "court",
            Self::OtherJudge => "court-2",
            Self::BankerA => "bank-a",
            Self::BankerB => "bank-b",
            Self::Clerk => "housing-bureau",
            Self::Planner => "planning-bureau",
            Self::Officer => "police",
            Self::Stranger | Self::Citizen(_) => "citizens",
        }
    }

    /// The party for which the actor consents: the citizen, or the member.
    #[must_use]
    pub fn party(self) -> &'static str {
        if let Self::Citizen(i) = self {
            CITIZENS.get(usize::from(i)).copied().unwrap_or("测试无名")
        } else {
            self.member()
        }
    }

    /// A name from which a key can be derived.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// The genesis document: these nodes, this package, every actor under the key that `key_of`
/// gives to its name.
#[must_use]
pub fn genesis(
    time: Timestamp,
    nodes: Vec<GenesisNode>,
    documents: Vec<Vec<u8>>,
    key_of: &dyn Fn(&str) -> Vec<u8>,
) -> Genesis {
    let actors = Actor::known();
    let operator = |actor: &Actor| GenesisOperator {
        key: key_of(&actor.name()),
        member: actor.member().to_owned(),
        roles: actor.roles().iter().map(|role| role.name().to_owned()).collect(),
        subject: matches!(actor, Actor::Citizen(_)).then(|| actor.party().to_owned()),
    };
    let ids: BTreeSet<&str> = actors.iter().map(|actor| actor.member()).collect();
    let member = |id: &str| GenesisMember {
        id: id.to_owned(),
        name_zh: format!("测试{id}"),
        name_en: id.to_owned(),
        roles: actors
            .iter()
            .filter(|actor| actor.member() == id)
            .flat_map(|actor| actor.roles())
            .map(|role| role.name().to_owned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    };
    let mut operators: Vec<_> = actors.iter().map(operator).collect();
    operators.sort_by(|a, b| a.key.cmp(&b.key));
    Genesis {
        protocol: PROTOCOL,
        name_zh: "测试联盟".to_owned(),
        name_en: "test consortium".to_owned(),
        time,
        epoch_blocks: 100,
        members: ids.into_iter().map(member).collect(),
        operators,
        nodes,
        packages: documents.into_iter().map(Into::into).collect(),
    }
}

/// Reads a package of the repository, such as `real-estate`.
///
/// # Errors
/// A text for the developer: a file that cannot be read, or is not of its form.
pub fn package(name: &str) -> Result<Source, String> {
    package_with(name, &[])
}

/// The same with further files, by their paths in the package's folder.
///
/// # Errors
/// As [`package`].
pub fn package_with(name: &str, more: &[(&str, &str)]) -> Result<Source, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages").join(name);
    let mut files = Vec::new();
    collect(&root, &root, &mut files).map_err(|error| format!("{}: {error}", root.display()))?;
    let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let files: Vec<_> = files.chain(more.iter().copied()).collect();
    source::parse(&files).map_err(|problems| format!("{problems:#?}"))
}

fn collect(
    root: &Path,
    folder: &Path,
    files: &mut Vec<(String, String)>,
) -> Result<(), std::io::Error> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path
            .extension()
            .is_some_and(|ext| ["yaml", "bpmn", "dmn"].iter().any(|e| ext == *e))
        {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}
