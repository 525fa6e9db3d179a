//! A path that a document names, as a link or as inline code, exists; so does a path that a
//! comment names as inline code.

use super::{Finding, markdown};
use crate::tree::Tree;

/// The repository's folders, present or planned: inline code that begins with one is a path.
const FOLDERS: &[&str] = &[
    ".cargo", ".ci", "bench", "bin", "console", "crates", "docs", "examples", "fuzz", "openapi",
    "packages", "scripts", "testing", "xtask",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut missing = |place: &str, number: usize, path: &str| {
        let text = format!("`{path}` does not exist");
        findings.push(Finding::new("links", &format!("{place}:{number}"), text));
    };
    for (document, text) in tree.ending(&[".md"]) {
        for (number, line) in markdown::prose(text) {
            for path in markdown::code(line).filter_map(path_in_code).filter(|p| !tree.has(p)) {
                missing(document, number, path);
            }
            let links = markdown::link_targets(line).filter_map(|t| path_of_link(document, t));
            for path in links.filter(|path| !path.is_empty() && !tree.has(path)) {
                missing(document, number, &path);
            }
        }
    }
    for (source, text) in tree.ending(&[".rs", ".ts", ".tsx"]) {
        for (line, number) in text.lines().zip(1..) {
            let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
            for path in markdown::code(comment).filter_map(path_in_code).filter(|p| !tree.has(p)) {
                missing(source, number, path);
            }
        }
    }
    findings
}

/// The path that inline code names, if it names one. Patterns (`crates/*/*`) name none.
fn path_in_code(code: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':');
    if !code.chars().all(plain) {
        return None;
    }
    let code = code.strip_prefix("./").unwrap_or(code);
    // `file.rs:12` names a line of a file.
    let path = code.split_once(':').map_or(code, |(path, _)| path).trim_end_matches('/');
    let first = path.split_once('/')?.0;
    FOLDERS.contains(&first).then_some(path)
}

/// The path of a link, from the root; `None` for a link that leads elsewhere.
fn path_of_link(document: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") || target.starts_with('#') {
        return None;
    }
    let target = target.split_once('#').map_or(target, |(path, _)| path);
    let target = target.split_once(' ').map_or(target, |(path, _title)| path);
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                // Above the root nothing exists; the leading `..` then makes the path unknown.
                if parts.pop().is_none() {
                    parts.push("..");
                }
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/a.md", text), ("crates/core/lib.rs", ""), ("README.md", "")]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn paths_that_exist_and_texts_that_are_no_paths_pass() {
        let text = "`crates/core`, `crates/core/lib.rs:7`, `./docs/a.md`, `crates/*/*`, \
                    `application/json`, `and/or`, [home](../README.md#top), [web](https://a.example/b), \
                    [part](#part)\n```\n`crates/gone`\n```\n";
        assert_eq!(findings(text), Vec::<String>::new());
    }

    #[test]
    fn a_path_in_code_that_does_not_exist_is_refused() {
        assert_eq!(
            findings("\n`crates/gone`"),
            ["docs/a.md:2: `crates/gone` does not exist [links]"]
        );
    }

    #[test]
    fn a_path_in_a_comment_exists_too() {
        let passes = ("a.rs", "//! See `docs/a.md`.\nlet text = \"`docs/gone.md`\";\n");
        let refused = ("b.rs", "    /// See `docs/gone.md`.\n");
        let tree = Tree::of(&[passes, refused, ("docs/a.md", "")]);
        let findings: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(findings, ["b.rs:1: `docs/gone.md` does not exist [links]"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        assert_eq!(findings("[a](gone.md)").len(), 1);
        assert_eq!(findings("![a](../../outside.png)").len(), 1);
    }
}
