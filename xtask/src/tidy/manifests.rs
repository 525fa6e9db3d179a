//! The crates of the workspace, read from their manifests.

use crate::tree::Tree;

/// A crate's manifest, as far as the rules need it.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Path of the `Cargo.toml`.
    pub(super) path: String,
    pub(super) name: String,
    /// The packages that it depends on, under their own names, for building and for tests alike.
    pub(super) dependencies: Vec<String>,
    /// Those of them that its tests alone depend on.
    pub(super) for_tests: Vec<String>,
    /// Whether it says `[lints] workspace = true`.
    pub(super) inherits_lints: bool,
}

/// Every manifest of a package, or the path and the reason of one that cannot be read.
pub(super) fn all(tree: &Tree) -> Vec<Result<Manifest, (String, String)>> {
    let workspace = tree
        .text("Cargo.toml")
        .and_then(|text| text.parse::<toml::Table>().ok())
        .and_then(|root| root.get("workspace")?.get("dependencies")?.as_table().cloned())
        .unwrap_or_default();
    tree.ending(&["Cargo.toml"])
        .filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"))
        .filter_map(|(path, text)| match text.parse::<toml::Table>() {
            Ok(table) => read(path, &table, &workspace).map(Ok),
            Err(error) => Some(Err((path.to_owned(), error.message().to_owned()))),
        })
        .collect()
}

/// `None` for a manifest without a package: the workspace's root.
fn read(path: &str, table: &toml::Table, workspace: &toml::Table) -> Option<Manifest> {
    let name = table.get("package")?.get("name")?.as_str()?.to_owned();
    let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
    let (mut dependencies, mut for_tests) = (Vec::new(), Vec::new());
    let targets = table.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let targets = targets.filter_map(|(_, target)| target.as_table());
    for table in std::iter::once(table).chain(targets) {
        collect(table, workspace, &["dependencies", "build-dependencies"], &mut dependencies);
        collect(table, workspace, &["dev-dependencies"], &mut for_tests);
    }
    for_tests.retain(|name| !dependencies.contains(name));
    dependencies.extend(for_tests.iter().cloned());
    let inherits_lints = lints.and_then(toml::Value::as_bool) == Some(true);
    Some(Manifest { path: path.to_owned(), name, dependencies, for_tests, inherits_lints })
}

fn collect(table: &toml::Table, workspace: &toml::Table, kinds: &[&str], into: &mut Vec<String>) {
    for kind in kinds {
        for (key, value) in table.get(*kind).and_then(toml::Value::as_table).into_iter().flatten() {
            // A renamed dependency is known by the package behind the name.
            let package = |value: &toml::Value| Some(value.get("package")?.as_str()?.to_owned());
            let name = package(value)
                .or_else(|| workspace.get(key).and_then(package))
                .unwrap_or_else(|| key.clone());
            into.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_kind_are_read_under_their_own_names() {
        let tree = Tree::of(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nshort = { package = \"long\", version = \"1\" }",
            ),
            (
                "a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nshort.workspace = true\n\
                 [dev-dependencies]\nb = { package = \"c\", path = \"../c\" }\n\
                 [target.'cfg(unix)'.dependencies]\nd = \"1\"\n[lints]\nworkspace = true",
            ),
        ]);
        let manifests = all(&tree);
        assert_eq!(manifests.len(), 1);
        let manifest = manifests.into_iter().next().unwrap().unwrap();
        assert_eq!(manifest.dependencies, ["long", "d", "c"]);
        assert_eq!(manifest.for_tests, ["c"]);
        assert!(manifest.inherits_lints);
    }

    #[test]
    fn a_manifest_that_is_not_toml_is_named() {
        let manifests = all(&Tree::of(&[("a/Cargo.toml", "[package")]));
        assert_eq!(manifests.first().unwrap().as_ref().unwrap_err().0, "a/Cargo.toml");
    }
}
