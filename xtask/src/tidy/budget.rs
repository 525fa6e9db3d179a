//! Source files stay within 800 code lines: blank lines, comments and tests do not count.

use super::Finding;
use crate::tree::Tree;

const CODE_LINES_MAX: usize = 800;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending(&[".rs", ".ts", ".tsx"])
        .filter(|(path, _)| !is_test(path))
        .filter_map(|(path, text)| {
            let lines = code_lines(text);
            (lines > CODE_LINES_MAX).then(|| {
                let text = format!("has {lines} code lines, more than {CODE_LINES_MAX}");
                Finding::new("budget", path, text)
            })
        })
        .collect()
}

/// Files under a folder `tests`, `tests.rs` beside its module, and TypeScript tests.
fn is_test(path: &str) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    folders.split('/').any(|folder| folder == "tests")
        || file == "tests.rs"
        || [".test.ts", ".test.tsx", ".spec.ts"].iter().any(|ending| file.ends_with(ending))
}

fn code_lines(text: &str) -> usize {
    let mut lines = text.lines().peekable();
    let mut count = 0_usize;
    let mut in_comment = false;
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            // Formatted code closes a module of the outermost level in the first column.
            while lines.peek().is_some_and(|next| next.starts_with("#[")) {
                lines.next();
            }
            if lines.peek().is_some_and(|next| next.contains("mod ") && next.ends_with('{')) {
                lines.by_ref().find(|next| *next == "}");
                continue;
            }
        }
        let line = line.trim();
        if in_comment || line.starts_with("/*") {
            in_comment = !line.contains("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            count = count.saturating_add(1);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(number: usize) -> String {
        "call();\n".repeat(number)
    }

    #[test]
    fn a_file_at_the_budget_passes() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    call();\n".repeat(900));
        let text = format!("//! Doc.\n\n{}/* a\nb */\n{tests}", lines(800));
        assert!(check(&Tree::of(&[("a/src/lib.rs", &text)])).is_empty());
    }

    #[test]
    fn a_file_over_the_budget_is_refused() {
        for path in ["a/src/lib.rs", "console/src/app.tsx"] {
            assert_eq!(check(&Tree::of(&[(path, &lines(801))])).len(), 1, "{path}");
        }
    }

    #[test]
    fn code_after_a_test_module_counts() {
        let text = format!("#[cfg(test)]\nmod tests {{\n    call();\n}}\n{}", lines(801));
        assert_eq!(check(&Tree::of(&[("a/src/lib.rs", &text)])).len(), 1);
    }

    #[test]
    fn files_of_tests_have_no_budget() {
        for path in ["a/tests/long.rs", "a/src/b/tests.rs", "console/src/app.test.ts"] {
            assert!(check(&Tree::of(&[(path, &lines(801))])).is_empty(), "{path}");
        }
    }
}
