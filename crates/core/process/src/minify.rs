//! A BPMN or DMN file without what no node executes: its diagram, its comments, and the blanks
//! between its elements. A ledger keeps the file of every running case.

use std::ops::Range;

use chaincity_package::Problem;
use roxmltree::Node as Xml;

use crate::xml::{self, Lines};

/// Elements at the file's top that only say where things are drawn.
const DRAWN: &[&str] = &["BPMNDiagram", "DMNDI"];

/// The file's text without diagram, comments and blanks between elements. It means the same.
///
/// # Errors
/// When the file is not safe to read, or is no XML.
pub fn minify(bytes: &[u8]) -> Result<String, Vec<Problem>> {
    let read = || {
        let text = xml::text(bytes)?;
        let lines = Lines::of(&text);
        let document = xml::tree(&text, &lines)?;
        let root = document.root_element();
        let left_out = document.descendants().filter(|xml| is_idle(*xml, root));
        Ok(without(&text, left_out.map(|xml| xml.range())))
    };
    read().map_err(|problem: xml::Refusal| vec![*problem])
}

fn is_idle(xml: Xml<'_, '_>, root: Xml<'_, '_>) -> bool {
    if xml.is_comment() {
        return true;
    }
    if xml.is_text() {
        let blank = xml.text().is_some_and(|text| text.trim().is_empty());
        return blank
            && xml.parent_element().is_some_and(|of| of.children().any(|c| c.is_element()));
    }
    xml.parent() == Some(root) && DRAWN.contains(&xml.tag_name().name())
}

/// The text without these places, which come in order; what lies inside one that is left out is
/// gone with it.
fn without(text: &str, places: impl Iterator<Item = Range<usize>>) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for place in places.filter(|place| !place.is_empty()) {
        if place.start >= from {
            out.push_str(text.get(from..place.start).unwrap_or_default());
            from = place.end;
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::minify;

    #[test]
    fn what_is_not_executed_is_left_out() {
        let file = "<?xml version=\"1.0\"?>\n<!-- why -->\n<d xmlns:i=\"urn:i\">\n  <process id=\"p\">\n    \
                    <conditionExpression> a &lt; 1 </conditionExpression>\n    <doc> </doc>\n  </process>\n  \
                    <i:BPMNDiagram><i:BPMNPlane/><!-- x --></i:BPMNDiagram>\n</d>\n";
        let short = minify(file.as_bytes()).unwrap();
        let wanted = "<d xmlns:i=\"urn:i\"><process id=\"p\">\
                      <conditionExpression> a &lt; 1 </conditionExpression><doc> </doc></process></d>\n";
        assert!(short.ends_with(wanted), "{short}");
        assert_eq!(minify(short.as_bytes()).unwrap(), short);
        assert!(minify(b"<d>").is_err());
    }
}
