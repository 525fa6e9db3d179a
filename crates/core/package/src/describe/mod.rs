//! Packages in words and pictures, for those who decide on them: pages, a graph, and what changed
//! between two versions. Everything is made from the document alone.

mod diff;
mod graph;
mod page;

pub use diff::{Change, diff};
pub use graph::graph;
pub use page::page;

/// Text for HTML and SVG, fit for content and for attributes in double quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
