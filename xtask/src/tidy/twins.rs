//! A document in two languages (`X.md`, `X.zh.md`) has the same parts and commands in both, and
//! each links to the other.

use super::{Finding, markdown};
use crate::tree::Tree;

/// Documents that must have a twin.
const IN_BOTH: &[&str] = &["README.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for english in IN_BOTH {
        let chinese = english.replace(".md", ".zh.md");
        if tree.text(&chinese).is_none() {
            findings.push(Finding::new("twins", english, format!("has no twin `{chinese}`")));
        }
    }
    for (chinese, zh) in tree.ending(&[".zh.md"]) {
        let english = chinese.replace(".zh.md", ".md");
        let Some(en) = tree.text(&english) else {
            findings.push(Finding::new("twins", chinese, format!("has no twin `{english}`")));
            continue;
        };
        let mut refuse = |text: &str| {
            findings.push(Finding::new("twins", chinese, format!("{text} `{english}`")));
        };
        if markdown::heading_levels(zh) != markdown::heading_levels(en) {
            refuse("has other headings than");
        }
        if markdown::commands(zh) != markdown::commands(en) {
            refuse("has other commands than");
        }
        if !links_to(zh, &english) || !links_to(en, chinese) {
            refuse("lacks a link to or from");
        }
    }
    findings
}

/// Whether the text links to the file beside it.
fn links_to(text: &str, path: &str) -> bool {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    markdown::prose(text).any(|(_, line)| markdown::link_targets(line).any(|t| t == file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: &str = "# A\n[中文](README.zh.md)\n```sh\n./run # go\n```\n";
    const ZH: &str = "# 甲\n[English](README.md)\n```sh\n./run # 运行\n```\n";

    fn findings(zh: &str) -> usize {
        check(&Tree::of(&[("README.md", EN), ("README.zh.md", zh)])).len()
    }

    #[test]
    fn twins_with_equal_parts_and_commands_pass() {
        assert_eq!(findings(ZH), 0);
    }

    #[test]
    fn a_missing_twin_is_refused() {
        assert_eq!(check(&Tree::of(&[("README.md", EN)])).len(), 1);
        let tree = Tree::of(&[("README.md", EN), ("README.zh.md", ZH), ("docs/a.zh.md", "")]);
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn twins_that_drifted_apart_are_refused() {
        assert_eq!(findings(&format!("{ZH}## 乙\n")), 1);
        assert_eq!(findings(&ZH.replace("./run", "./test")), 1);
        assert_eq!(findings(&ZH.replace("README.md", "LICENSE")), 1);
    }
}
