//! The repository speaks of the project alone: no text names a machine's folders or a private
//! registry, since neither exists for the next reader.

use super::Finding;
use crate::tree::Tree;

/// Folders of one machine. Written in pieces, so that this file passes its own rule.
const FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tm", "p/t-"),
    concat!("../sha", "red"),
];

/// Hosts of private mirrors, as they leak into lock files.
const REGISTRIES: &[&str] =
    &[concat!("artif", "actory"), concat!("verda", "ccio"), concat!("/nex", "us/repository")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (line, number) in text.lines().zip(1_usize..) {
            let folders = FOLDERS.iter().filter(|folder| names_folder(line, folder));
            let registries = REGISTRIES.iter().filter(|registry| line.contains(*registry));
            for word in folders.chain(registries) {
                let place = format!("{path}:{number}");
                findings.push(Finding::new("forbidden", &place, format!("names `{word}`")));
            }
        }
    }
    findings
}

/// Whether the line names the folder as a path of its own: inside `https://a.example/work/b` or
/// as the end of a longer name the same letters mean something else.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '}')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(line: &str) -> usize {
        check(&Tree::of(&[("a.txt", line)])).len()
    }

    #[test]
    fn urls_and_relative_paths_pass() {
        for folder in FOLDERS {
            assert_eq!(findings(&format!("https://a.example{folder}x and docs{folder}")), 0);
        }
    }

    #[test]
    fn a_machine_s_folder_is_refused_wherever_it_stands() {
        for folder in FOLDERS {
            for line in [format!("{folder}x"), format!("see `{folder}x`"), format!("A={folder}")] {
                assert_eq!(findings(&line), 1, "{line}");
            }
        }
    }

    #[test]
    fn a_private_registry_is_refused() {
        for registry in REGISTRIES {
            assert_eq!(findings(&format!("https://x.{registry}.example/npm/a.tgz")), 1);
        }
    }
}
