//! As much of Markdown as the rules need: fenced blocks, headings, inline code, links.

/// A line outside fenced blocks, with its number (from 1).
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let fence = line.trim_start().starts_with("```");
        let inside = fenced || fence;
        fenced ^= fence;
        (!inside).then_some((number, line))
    })
}

/// The levels of the headings, in order.
pub(super) fn heading_levels(text: &str) -> Vec<usize> {
    prose(text)
        .filter_map(|(_, line)| {
            let level = line.chars().take_while(|c| *c == '#').count();
            (level > 0 && line.trim_start_matches('#').starts_with(' ')).then_some(level)
        })
        .collect()
}

/// The commands in the shell blocks, without their comments.
pub(super) fn commands(text: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let mut block: Option<&str> = None;
    for line in text.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let language = info.split_whitespace().next().unwrap_or_default();
            block = if block.is_some() { None } else { Some(language) };
        } else if matches!(block, Some("sh" | "bash" | "console")) {
            let command = line.split_once(" #").map_or(line, |(command, _)| command).trim();
            if !command.is_empty() && !command.starts_with('#') {
                commands.push(command);
            }
        }
    }
    commands
}

/// The inline code of a line.
pub(super) fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of a line's links and images.
pub(super) fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# One\n\nSee `a/b` and [c](d.md).\n\n```sh\n# not a heading\n./run   # go\n\
                        ```\n\n## Two\n\n```sh exit=1\n./test\n```\n";

    #[test]
    fn headings_are_outside_of_blocks() {
        assert_eq!(heading_levels(TEXT), [1, 2]);
    }

    #[test]
    fn commands_are_without_comments() {
        assert_eq!(commands(TEXT), ["./run", "./test"]);
    }

    #[test]
    fn code_and_links_are_found() {
        let line = prose(TEXT).find(|(number, _)| *number == 3).unwrap().1;
        assert_eq!(code(line).collect::<Vec<_>>(), ["a/b"]);
        assert_eq!(link_targets(line).collect::<Vec<_>>(), ["d.md"]);
    }
}
