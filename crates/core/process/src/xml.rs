//! XML that is safe to read: text of a known encoding, without a document type, its size, depth
//! and counts bounded by one pass before any tree is built.

use std::borrow::Cow;

use chaincity_package::Problem;
use roxmltree::{Document, ParsingOptions};

/// Largest file, in bytes.
pub const BYTES_MAX: usize = 1 << 20;
/// Most nodes (elements, texts, comments) of a file.
pub const NODES_MAX: u32 = 60_000;
/// Deepest nesting of elements.
pub const DEPTH_MAX: usize = 64;
/// Most attributes of an element.
pub const ATTRIBUTES_MAX: usize = 128;
/// Longest value of an attribute, in bytes.
pub const ATTRIBUTE_BYTES_MAX: usize = 16_384;
/// Most declarations of namespaces in a file.
pub(crate) const NAMESPACES_MAX: usize = 8_192;

/// Why a file is not read at all.
pub(crate) type Refusal = Box<Problem>;

/// Where lines begin, to tell a line from a place in the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(breaks.map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> u64 {
        let before = self.0.partition_point(|end| *end < at);
        u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// The file's text, from UTF-8, UTF-16 with a byte order mark, or declared Latin-1.
///
/// # Errors
/// When it is too large or of another encoding.
pub(crate) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    if bytes.len() > BYTES_MAX {
        return Err(problem(
            "too-large",
            (
                format!("文件超过{BYTES_MAX}字节"),
                format!("the file has more than {BYTES_MAX} bytes"),
            ),
            ("请拆分流程", "split the process"),
        )
        .into());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)));
    }
    let wide = match bytes {
        [0xff, 0xfe, rest @ ..] => Some((rest, false)),
        [0xfe, 0xff, rest @ ..] => Some((rest, true)),
        _ => None,
    };
    if let Some((rest, big)) = wide {
        let units: Vec<u16> = rest
            .chunks(2)
            .map(|pair| match (pair, big) {
                ([a, b], true) => u16::from_be_bytes([*a, *b]),
                ([a, b], false) => u16::from_le_bytes([*a, *b]),
                _ => 0,
            })
            .collect();
        if let Ok(text) = String::from_utf16(&units) {
            return Ok(Cow::Owned(text));
        }
    }
    let head: String = bytes.iter().take(120).map(|byte| char::from(*byte)).collect();
    let head = head.to_ascii_lowercase();
    if ["iso-8859-1", "windows-1252"].iter().any(|name| head.contains(name)) {
        return Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()));
    }
    Err(problem(
        "not-text",
        ("文件不是UTF-8文字", "the file is not UTF-8 text"),
        ("请在建模工具中另存为UTF-8", "save it as UTF-8 in the modeller"),
    )
    .into())
}

/// The tree of a text that [`guard`] has passed.
pub(crate) fn tree<'t>(text: &'t str, lines: &Lines) -> Result<Document<'t>, Refusal> {
    guard(text, lines)?;
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        if matches!(error, roxmltree::Error::NodesLimitReached) {
            return too_many("元素", "elements", NODES_MAX, None).into();
        }
        let line = Some(u64::from(error.pos().row));
        let cause = (format!("XML格式有误：{error}"), format!("not well-formed XML: {error}"));
        at_line(problem("xml", cause, ("", "")), line).into()
    })
}

/// Refuses what would make the parser itself dear: a document type, deep nesting, an element with
/// very many or very long attributes. One pass, no memory.
fn guard(text: &str, lines: &Lines) -> Result<(), Refusal> {
    if text.matches("xmlns").count() > NAMESPACES_MAX {
        return Err(
            too_many("命名空间声明", "declarations of namespaces", NAMESPACES_MAX, None).into()
        );
    }
    let (mut rest, mut at, mut depth) = (text, 0_usize, 0_usize);
    while let Some(open) = rest.find('<') {
        at = at.saturating_add(open);
        rest = rest.get(open..).unwrap_or_default();
        let line = Some(lines.line(at));
        let length = if rest.starts_with("<!--") {
            end_of(rest, "-->")
        } else if rest.starts_with("<![CDATA[") {
            end_of(rest, "]]>")
        } else if rest.starts_with("<?") {
            end_of(rest, "?>")
        } else if rest.starts_with("<!") {
            return Err(dtd(line).into());
        } else {
            let tag = tag(rest);
            if tag.attributes > ATTRIBUTES_MAX {
                return Err(too_many("属性", "attributes", ATTRIBUTES_MAX, line).into());
            }
            if tag.longest > ATTRIBUTE_BYTES_MAX {
                return Err(at_line(
                    problem(
                        "too-large",
                        (
                            format!("属性值超过{ATTRIBUTE_BYTES_MAX}字节"),
                            format!("an attribute has more than {ATTRIBUTE_BYTES_MAX} bytes"),
                        ),
                        ("", ""),
                    ),
                    line,
                )
                .into());
            }
            if rest.starts_with("</") {
                depth = depth.saturating_sub(1);
            } else if !tag.empty {
                depth = depth.saturating_add(1);
            }
            if depth > DEPTH_MAX {
                return Err(at_line(
                    problem(
                        "too-deep",
                        (
                            format!("元素嵌套超过{DEPTH_MAX}层"),
                            format!("elements are nested deeper than {DEPTH_MAX}"),
                        ),
                        ("请用调用活动拆分", "split it by call activities"),
                    ),
                    line,
                )
                .into());
            }
            tag.length
        };
        at = at.saturating_add(length);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}

fn end_of(rest: &str, mark: &str) -> usize {
    rest.find(mark).map_or(rest.len(), |at| at.saturating_add(mark.len()))
}

struct Tag {
    length: usize,
    attributes: usize,
    longest: usize,
    empty: bool,
}

/// Measures a tag; what is not closed reaches to the end.
fn tag(rest: &str) -> Tag {
    let mut tag = Tag { length: rest.len(), attributes: 0, longest: 0, empty: false };
    let (mut quote, mut began, mut before) = (None, 0_usize, b'<');
    for (at, byte) in rest.bytes().enumerate() {
        match quote {
            Some(mark) if byte == mark => {
                tag.longest = tag.longest.max(at.saturating_sub(began));
                quote = None;
            }
            Some(_) => {}
            None if byte == b'"' || byte == b'\'' => {
                tag.attributes = tag.attributes.saturating_add(1);
                (quote, began) = (Some(byte), at);
            }
            None if byte == b'>' => {
                tag.length = at.saturating_add(1);
                tag.empty = before == b'/';
                break;
            }
            None => {}
        }
        before = byte;
    }
    if quote.is_some() {
        tag.longest = tag.longest.max(rest.len().saturating_sub(began));
    }
    tag
}

fn dtd(line: Option<u64>) -> Problem {
    at_line(
        problem(
            "dtd",
            ("文件含文档类型声明或实体", "the file has a document type or entities"),
            ("请删除DOCTYPE", "remove the DOCTYPE"),
        ),
        line,
    )
}

fn too_many(zh: &str, en: &str, max: impl std::fmt::Display, line: Option<u64>) -> Problem {
    let cause = (format!("{zh}超过{max}个"), format!("more than {max} {en}"));
    at_line(problem("too-many", cause, ("请拆分流程", "split the process")), line)
}

pub(crate) fn problem(
    code: &'static str,
    cause: (impl Into<String>, impl Into<String>),
    mend: (&str, &str),
) -> Problem {
    Problem::error(code, "", cause, mend)
}

/// The problem at a line; [`crate::parse()`] adds the file's name.
pub(crate) fn at_line(mut problem: Problem, line: Option<u64>) -> Problem {
    problem.location =
        line.map(|line| chaincity_package::Location { file: String::new(), line, column: 1 });
    problem
}
