//! Random runs against a model that is a map.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{bytes, create, erasure, passphrase, reopen, seal};
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{Term, Vault, VaultError};
use proptest::prelude::*;

/// What is done; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Seal { request: u8, value: u8, name: u8 },
    Erase(usize),
    Rotate,
    Renew,
    Rewrap(u32),
    Reopen,
    Backup,
    Restore(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12_u8, 0..2_u8, 0..3_u8)
            .prop_map(|(request, value, name)| Step::Seal { request, value, name }),
        2 => any::<usize>().prop_map(Step::Erase),
        1 => Just(Step::Rotate),
        1 => Just(Step::Renew),
        2 => (1..4_u32).prop_map(Step::Rewrap),
        1 => Just(Step::Reopen),
        1 => Just(Step::Backup),
        1 => any::<usize>().prop_map(Step::Restore),
    ]
}

/// What a vault should hold: by request, the commitment, the value and the name.
#[derive(Clone, Default)]
struct Model {
    sealed: BTreeMap<u8, (Digest, u8, u8)>,
    /// Requests of what was erased while this vault held it.
    buried: BTreeMap<u8, Digest>,
}

struct Run {
    folder: tempfile::TempDir,
    vault: Vault,
    model: Model,
    /// Every group that was ever sealed, and what the ledger says was erased.
    known: Vec<Digest>,
    erased: BTreeSet<Digest>,
    backups: Vec<Model>,
    restored: usize,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = create(&folder);
        Self {
            folder,
            vault,
            model: Model::default(),
            known: Vec::new(),
            erased: BTreeSet::new(),
            backups: Vec::new(),
            restored: 0,
        }
    }

    fn apply(mut self, step: Step) -> Self {
        match step {
            Step::Seal { request, value, name } => self.seal(request, value, name),
            Step::Erase(which) => self.erase(which),
            Step::Rotate => drop(self.vault.rotate(Timestamp(1)).unwrap()),
            Step::Renew => drop(self.vault.renew(&passphrase(), Timestamp(1)).unwrap()),
            Step::Rewrap(max) => {
                let behind = self.vault.summary().unwrap().behind;
                let left = self.vault.rewrap(max).unwrap();
                assert_eq!(left, behind.saturating_sub(u64::from(max)));
            }
            Step::Reopen => self.vault = reopen(self.vault),
            Step::Backup => {
                let backup = self.folder.path().join(format!("backup-{}", self.backups.len()));
                self.vault.backup(&backup).unwrap();
                self.backups.push(self.model.clone());
            }
            Step::Restore(which) if !self.backups.is_empty() => {
                return self.restore(which);
            }
            Step::Restore(_) => {}
        }
        self
    }

    fn seal(&mut self, request: u8, value: u8, name: u8) {
        let terms = [Term::new("name", &format!("N {name}"))];
        let result = seal(&self.vault, request, &[0xa1, 1, value], &terms);
        let found = self.model.sealed.get(&request);
        match (found, self.model.buried.get(&request)) {
            (Some((commitment, old_value, old_name)), _) => {
                if (*old_value, *old_name) == (value, name) {
                    assert_eq!(result.unwrap(), *commitment);
                } else {
                    assert!(matches!(result, Err(VaultError::RequestDiffers)));
                }
            }
            (None, Some(erased)) => {
                assert!(matches!(result, Err(VaultError::Erased(d)) if d == *erased));
            }
            (None, None) => {
                let commitment = result.unwrap();
                assert!(!self.known.contains(&commitment));
                self.known.push(commitment);
                self.model.sealed.insert(request, (commitment, value, name));
            }
        }
    }

    fn erase(&mut self, which: usize) {
        if self.known.is_empty() {
            return;
        }
        let commitment = self.known[which % self.known.len()];
        let held = self.model.sealed.iter().find(|(_, (held, _, _))| *held == commitment);
        let request = held.map(|(request, _)| *request);
        let result = self.vault.erase(&erasure(commitment));
        if let Some(request) = request {
            result.unwrap();
            self.model.sealed.remove(&request);
            self.model.buried.insert(request, commitment);
            self.erased.insert(commitment);
        } else if self.erased.contains(&commitment) {
            result.unwrap();
        } else {
            // Lost by a restore.
            assert!(matches!(result, Err(VaultError::Unknown(d)) if d == commitment));
        }
    }

    fn restore(self, which: usize) -> Self {
        let which = which % self.backups.len();
        let backup = self.folder.path().join(format!("backup-{which}"));
        let restored = self.restored + 1;
        let path = self.folder.path().join(format!("restored-{restored}/vault"));
        drop(self.vault);
        let vault = Vault::restore(&backup, &path, &passphrase()).unwrap();
        let mut model = self.backups[which].clone();
        let gone: Vec<u8> = model
            .sealed
            .iter()
            .filter(|(_, (commitment, _, _))| self.erased.contains(commitment))
            .map(|(request, _)| *request)
            .collect();
        for request in &gone {
            let (commitment, _, _) = model.sealed.remove(request).unwrap();
            model.buried.insert(*request, commitment);
        }
        let erasures: Vec<_> = self.erased.iter().map(|erased| erasure(*erased)).collect();
        let reapplied = vault.reapply_erasures(&erasures).unwrap();
        assert_eq!(reapplied.erased, u64::try_from(gone.len()).unwrap());
        Self { vault, model, restored, ..self }
    }

    fn check(&self) {
        let held: BTreeMap<Digest, u8> = self
            .model
            .sealed
            .values()
            .map(|(commitment, value, _)| (*commitment, *value))
            .collect();
        for commitment in &self.known {
            let opened = self.vault.open_group(commitment);
            match held.get(commitment) {
                Some(value) => assert_eq!(bytes(&opened.unwrap()), [0xa1, 1, *value]),
                None if self.erased.contains(commitment) => {
                    assert!(matches!(opened, Err(VaultError::Erased(_))));
                }
                None => assert!(matches!(opened, Err(VaultError::Unknown(_)))),
            }
        }
        for name in 0..3 {
            let wanted: BTreeSet<Digest> = self
                .model
                .sealed
                .values()
                .filter(|(_, _, other)| *other == name)
                .map(|(commitment, _, _)| *commitment)
                .collect();
            let found = self.vault.search("name", &format!("n{name}"), 100).unwrap();
            assert_eq!(found, Vec::from_iter(wanted));
        }
        let summary = self.vault.summary().unwrap();
        assert_eq!(summary.groups, u64::try_from(held.len()).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_vault_is_a_map_that_forgets_what_was_erased(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut run = Run::new();
        for step in steps {
            run = run.apply(step);
            run.check();
        }
    }
}
