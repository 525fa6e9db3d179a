//! Dependencies run one way: `bin → server → release → {query, vault} → pipeline → {engine,
//! history} → core`; `vault` sees only `core`.
//!
//! [`CRATES`] is the one place that says which crate may know which. A new crate gets a row; a
//! new edge is a decision (`docs/adr/`).

use super::{Finding, manifests};
use crate::tree::Tree;

/// A crate of the workspace and the crates of the workspace that it may name.
struct Allowed {
    name: &'static str,
    may_name: &'static [&'static str],
}

const CRATES: &[Allowed] = &[
    // core: pure
    Allowed { name: "chaincity-types", may_name: &[] },
    Allowed { name: "chaincity-crypto", may_name: &["chaincity-types"] },
    Allowed { name: "chaincity-package", may_name: &["chaincity-types", "chaincity-crypto"] },
    Allowed { name: "chaincity-process", may_name: &["chaincity-types", "chaincity-package"] },
    Allowed {
        name: "chaincity-ledger",
        may_name: &[
            "chaincity-types",
            "chaincity-crypto",
            "chaincity-package",
            "chaincity-process",
        ],
    },
    Allowed { name: "chaincity-sector", may_name: &["chaincity-types", "chaincity-crypto"] },
    // node: effects
    Allowed { name: "chaincity-engine", may_name: &["chaincity-types", "chaincity-crypto"] },
    Allowed { name: "chaincity-history", may_name: &["chaincity-types", "chaincity-crypto"] },
    Allowed { name: "chaincity-vault", may_name: &["chaincity-types", "chaincity-crypto"] },
    Allowed {
        name: "chaincity-pipeline",
        may_name: &[
            "chaincity-types",
            "chaincity-crypto",
            "chaincity-package",
            "chaincity-ledger",
            "chaincity-engine",
            "chaincity-history",
        ],
    },
    Allowed {
        name: "chaincity-query",
        may_name: &[
            "chaincity-types",
            "chaincity-crypto",
            "chaincity-package",
            "chaincity-ledger",
            "chaincity-history",
            "chaincity-pipeline",
        ],
    },
    Allowed {
        name: "chaincity-release",
        may_name: &[
            "chaincity-types",
            "chaincity-crypto",
            "chaincity-package",
            "chaincity-ledger",
            "chaincity-pipeline",
            "chaincity-query",
            "chaincity-vault",
        ],
    },
    // edge
    Allowed { name: "chaincity-api", may_name: CORE },
    Allowed {
        name: "chaincity-server",
        may_name: &[
            "chaincity-types",
            "chaincity-crypto",
            "chaincity-package",
            "chaincity-ledger",
            "chaincity-history",
            "chaincity-pipeline",
            "chaincity-query",
            "chaincity-vault",
            "chaincity-release",
            "chaincity-sector",
            "chaincity-api",
        ],
    },
    Allowed { name: "chaincity-client", may_name: CORE_AND_API },
    // binaries and tools
    Allowed { name: "chaincity", may_name: ALL },
    Allowed { name: "chaincity-verify", may_name: CORE_AND_API },
    // Stands for a bank's own system: it knows the messages, not our code.
    Allowed { name: "chaincity-example-bank", may_name: &[] },
    Allowed { name: "chaincity-testing", may_name: ALL },
    Allowed { name: "xtask", may_name: CORE_AND_API },
];

/// Edges that tests alone may have: the server's tests speak to it through the real client, the
/// release agent's stand at the counter of a whole node.
const IN_TESTS: &[(&str, &str)] = &[
    ("chaincity-server", "chaincity-client"),
    ("chaincity-release", "chaincity-history"),
    ("chaincity-release", "chaincity-testing"),
];

const CORE: &[&str] = &[
    "chaincity-types",
    "chaincity-crypto",
    "chaincity-package",
    "chaincity-process",
    "chaincity-ledger",
    "chaincity-sector",
];

const CORE_AND_API: &[&str] = &[
    "chaincity-types",
    "chaincity-crypto",
    "chaincity-package",
    "chaincity-process",
    "chaincity-ledger",
    "chaincity-sector",
    "chaincity-api",
];

const ALL: &[&str] = &[
    "chaincity-types",
    "chaincity-crypto",
    "chaincity-package",
    "chaincity-process",
    "chaincity-ledger",
    "chaincity-sector",
    "chaincity-engine",
    "chaincity-history",
    "chaincity-vault",
    "chaincity-pipeline",
    "chaincity-query",
    "chaincity-release",
    "chaincity-api",
    "chaincity-server",
    "chaincity-client",
];

/// The engine's crates begin so; this many of them each of these crates may name.
const ENGINE_PREFIX: &str = "commonware-";
const ENGINE_USERS: &[(&str, &[&str])] =
    &[("chaincity-engine", &["commonware-"]), ("chaincity-pipeline", &["commonware-runtime"])];

/// What brings a clock, entropy, a disk, a network or a runtime into the pure core.
const IMPURE: &[&str] = &[
    "axum",
    "fjall",
    "futures",
    "getrandom",
    "rand",
    "rusqlite",
    "rustls",
    "tempfile",
    "tokio",
    "tracing",
    "ureq",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests::all(tree) {
        match manifest {
            Ok(manifest) => check_one(&manifest, &mut findings),
            Err((path, reason)) => findings.push(Finding::new("direction", &path, reason)),
        }
    }
    findings
}

fn check_one(manifest: &manifests::Manifest, findings: &mut Vec<Finding>) {
    let mut refuse = |text| findings.push(Finding::new("direction", &manifest.path, text));
    let name = manifest.name.as_str();
    let Some(row) = CRATES.iter().find(|row| row.name == name) else {
        refuse(format!("crate `{name}` has no row in the table of allowed edges"));
        return;
    };
    for dependency in manifest.dependencies.iter().map(String::as_str) {
        let ours = CRATES.iter().any(|row| row.name == dependency);
        let in_tests = IN_TESTS.contains(&(name, dependency))
            && manifest.for_tests.iter().any(|other| other == dependency);
        if ours && !in_tests && !row.may_name.contains(&dependency) {
            refuse(format!("`{name}` must not know `{dependency}`"));
        }
        if dependency.starts_with(ENGINE_PREFIX) && !may_name_engine(name, dependency) {
            refuse(format!("`{name}` must not name `{dependency}`: only the engine crate does"));
        }
        if CORE.contains(&name) && IMPURE.contains(&dependency) {
            refuse(format!("`{name}` is pure and must not name `{dependency}`"));
        }
    }
}

fn may_name_engine(name: &str, dependency: &str) -> bool {
    ENGINE_USERS
        .iter()
        .filter(|(user, _)| *user == name)
        .flat_map(|(_, prefixes)| prefixes.iter())
        .any(|prefix| dependency.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings for a crate with these dependencies.
    fn findings(name: &str, dependencies: &[&str]) -> Vec<Finding> {
        let lines: String = dependencies.iter().map(|d| format!("{d} = \"1\"\n")).collect();
        let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{lines}");
        check(&Tree::of(&[("x/Cargo.toml", &text)]))
    }

    #[test]
    fn a_downward_edge_passes() {
        assert!(findings("chaincity-ledger", &["chaincity-types", "minicbor"]).is_empty());
        assert!(findings("chaincity-server", &["chaincity-query", "tokio"]).is_empty());
        assert!(findings("chaincity-verify", &["chaincity-crypto", "chaincity-api"]).is_empty());
    }

    #[test]
    fn an_upward_edge_is_refused() {
        assert_eq!(findings("chaincity-types", &["chaincity-crypto"]).len(), 1);
        assert_eq!(findings("chaincity-engine", &["chaincity-pipeline"]).len(), 1);
    }

    #[test]
    fn client_and_verifier_see_core_and_api_alone() {
        for name in ["chaincity-client", "chaincity-verify"] {
            for node in ["chaincity-engine", "chaincity-history", "chaincity-pipeline"] {
                assert_eq!(findings(name, &[node]).len(), 1, "{name} {node}");
            }
            assert!(findings(name, CORE_AND_API).is_empty());
        }
    }

    #[test]
    fn only_the_engine_names_commonware_and_the_pipeline_its_runtime() {
        assert!(findings("chaincity-engine", &["commonware-storage"]).is_empty());
        assert!(findings("chaincity-pipeline", &["commonware-runtime"]).is_empty());
        assert_eq!(findings("chaincity-pipeline", &["commonware-storage"]).len(), 1);
        assert_eq!(findings("chaincity-crypto", &["commonware-cryptography"]).len(), 1);
    }

    #[test]
    fn the_core_names_nothing_impure_even_in_tests() {
        let text = "[package]\nname = \"chaincity-types\"\n[dev-dependencies]\ntokio = \"1\"";
        assert_eq!(check(&Tree::of(&[("x/Cargo.toml", text)])).len(), 1);
    }

    #[test]
    fn an_edge_for_tests_alone_is_refused_outside_them() {
        assert_eq!(findings("chaincity-server", &["chaincity-client"]).len(), 1);
        let text = |kinds: &str| format!("[package]\nname = \"chaincity-server\"\n{kinds}");
        let client = "chaincity-client = \"1\"\n";
        let tests = text(&format!("[dev-dependencies]\n{client}"));
        assert!(check(&Tree::of(&[("x/Cargo.toml", &tests)])).is_empty());
        let both = text(&format!("[dependencies]\n{client}[dev-dependencies]\n{client}"));
        assert_eq!(check(&Tree::of(&[("x/Cargo.toml", &both)])).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_refused() {
        assert_eq!(findings("chaincity-new", &[]).len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        let mut above: Vec<&str> = Vec::new();
        for row in CRATES {
            for name in row.may_name {
                assert!(above.contains(name), "`{}` names `{name}`, which is not above", row.name);
            }
            above.push(row.name);
        }
    }
}
