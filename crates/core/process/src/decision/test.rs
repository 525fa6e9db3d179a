//! An entry of a decision table as a rule: a unary test of an input.

/// The rule that says whether `input` passes `entry`. What is no test stays as it is, and the rule
/// language says what is wrong with it.
pub(crate) fn unary(input: &str, entry: &str) -> String {
    let entry = entry.trim();
    if entry.is_empty() || entry == "-" {
        return "true".to_owned();
    }
    let inner = entry.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')'));
    if let Some(inner) = inner {
        return format!("!({})", unary(input, inner));
    }
    let parts = split(entry);
    if parts.len() > 1 {
        let tests: Vec<String> =
            parts.iter().map(|part| format!("({})", unary(input, part))).collect();
        return tests.join(" || ");
    }
    if let Some(test) = range(input, entry) {
        return test;
    }
    let compares = ["<=", ">=", "<", ">", "==", "!="].iter().any(|op| entry.starts_with(op));
    if compares { format!("({input}) {entry}") } else { format!("({input}) == ({entry})") }
}

/// `[1..5]`, `(1..5)`, `]1..5[`: ends inside or outside.
fn range(input: &str, entry: &str) -> Option<String> {
    let open = entry.chars().next().filter(|c| "[](".contains(*c))?;
    let close = entry.chars().last().filter(|c| "[])".contains(*c))?;
    let inside = entry.strip_prefix(open)?.strip_suffix(close)?;
    let (low, high) = inside.split_once("..")?;
    let from = if open == '[' { ">=" } else { ">" };
    let to = if close == ']' { "<=" } else { "<" };
    Some(format!("({input}) {from} ({low}) && ({input}) {to} ({high})"))
}

/// The parts between commas that stand outside quotes and brackets.
fn split(entry: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quote) = (Vec::new(), 0_usize, 0_u32, None);
    let mut escaped = false;
    for (at, c) in entry.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth = depth.saturating_add(1),
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(entry.get(begin..at).unwrap_or_default());
                begin = at.saturating_add(1);
            }
            (None, _) => {}
        }
    }
    parts.push(entry.get(begin..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_rules() {
        for (entry, rule) in [
            ("", "true"),
            (" - ", "true"),
            ("5", "(x) == (5)"),
            ("< 5", "(x) < 5"),
            (">= date('2026-01-01')", "(x) >= date('2026-01-01')"),
            ("[1..5]", "(x) >= (1) && (x) <= (5)"),
            ("(1..5[", "(x) > (1) && (x) < (5)"),
            ("\"a\", \"b,c\"", "((x) == (\"a\")) || ((x) == (\"b,c\"))"),
            ("not(1, 2)", "!(((x) == (1)) || ((x) == (2)))"),
            ("min(a, b)", "(x) == (min(a, b))"),
        ] {
            assert_eq!(unary("x", entry), rule, "{entry}");
        }
    }
}
