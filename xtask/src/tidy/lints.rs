//! Every crate inherits the workspace's lints.

use super::{Finding, manifests};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    manifests::all(tree)
        .into_iter()
        .filter_map(|manifest| match manifest {
            Ok(manifest) if manifest.inherits_lints => None,
            Ok(manifest) => Some(Finding::new(
                "lints",
                &manifest.path,
                "must say `[lints] workspace = true`".to_owned(),
            )),
            Err((path, reason)) => Some(Finding::new("lints", &path, reason)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_inherits_passes() {
        let text = "[package]\nname = \"a\"\n[lints]\nworkspace = true";
        assert!(check(&Tree::of(&[("a/Cargo.toml", text)])).is_empty());
    }

    #[test]
    fn a_crate_with_lints_of_its_own_or_none_is_refused() {
        let own = "[package]\nname = \"a\"\n[lints.rust]\nunsafe_code = \"allow\"";
        let none = "[package]\nname = \"b\"";
        let tree = Tree::of(&[("a/Cargo.toml", own), ("b/Cargo.toml", none)]);
        assert_eq!(check(&tree).len(), 2);
    }
}
