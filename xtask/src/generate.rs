//! Files made from code: written by `cargo xtask generate`, checked for freshness by
//! `cargo xtask tidy`.

mod reject_codes;

use crate::tidy::Finding;
use crate::tree::{Tree, root};
use crate::{Error, say};

/// One generated file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generator {
    /// The command that writes it: `cargo xtask <name>`.
    pub(crate) name: &'static str,
    /// Where it lies.
    pub(crate) path: &'static str,
    /// Its text; depends on nothing but the code.
    pub(crate) render: fn() -> String,
}

/// Every generated file. The list of commands and the freshness rule follow from it.
pub(crate) const ALL: &[Generator] = &[
    Generator {
        name: "openapi",
        path: "openapi/chaincity-v1.json",
        render: chaincity_api::openapi::text,
    },
    Generator { name: "reject-codes", path: "docs/reject-codes.md", render: reject_codes::render },
];

/// The generator with this name.
pub(crate) fn named(name: &str) -> Result<&'static [Generator], Error> {
    ALL.chunks(1)
        .find(|chunk| chunk.iter().any(|generator| generator.name == name))
        .ok_or_else(|| Error::Usage(name.to_owned()))
}

/// Writes the files.
pub(crate) fn write(generators: &[Generator]) -> Result<(), Error> {
    for generator in generators {
        let place = root().join(generator.path);
        let failed = |source| Error::Write { path: generator.path.to_owned(), source };
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(place, (generator.render)()).map_err(failed)?;
        say(&format!("wrote {}", generator.path));
    }
    Ok(())
}

/// The files that are not what their generator would write now.
pub(crate) fn stale(tree: &Tree, generators: &[Generator]) -> Vec<Finding> {
    generators
        .iter()
        .filter(|generator| tree.text(generator.path) != Some((generator.render)().as_str()))
        .map(|generator| {
            let text = format!("is stale: run `cargo xtask {}`", generator.name);
            Finding::new("generated", generator.path, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[Generator] =
        &[Generator { name: "one", path: "docs/one.md", render: || "made\n".to_owned() }];

    #[test]
    fn a_fresh_file_passes() {
        assert!(stale(&Tree::of(&[("docs/one.md", "made\n")]), ONE).is_empty());
    }

    #[test]
    fn an_edited_or_missing_file_is_stale() {
        assert_eq!(stale(&Tree::of(&[("docs/one.md", "edited\n")]), ONE).len(), 1);
        assert_eq!(stale(&Tree::of(&[]), ONE).len(), 1);
    }

    #[test]
    fn a_generator_is_found_by_its_name_alone() {
        for generator in ALL {
            let found = named(generator.name).unwrap();
            assert_eq!(found.iter().map(|g| g.path).collect::<Vec<_>>(), [generator.path]);
        }
        assert!(named("nothing").is_err());
    }
}
