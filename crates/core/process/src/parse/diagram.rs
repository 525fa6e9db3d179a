//! Places of a diagram: BPMN DI, in tenths of its unit, so that no float is needed.

use roxmltree::Node as Xml;

use super::local;
use crate::model::{Bounds, Diagram};

const PLANE: &str = "http://www.omg.org/spec/BPMN/20100524/DI";
/// Places beyond are of no use to a drawing.
const PLACE_MAX: i64 = 1_000_000;

/// Reads every diagram of the file; an element's first place counts.
pub(super) fn read(root: Xml<'_, '_>, diagram: &mut Diagram) {
    let plane = |xml: &Xml<'_, '_>| xml.tag_name().namespace() == Some(PLANE);
    for xml in root.descendants().filter(plane) {
        let Some(element) = xml.attribute("bpmnElement").map(local) else { continue };
        match xml.tag_name().name() {
            "BPMNShape" => {
                let bounds = xml.children().find(|child| child.tag_name().name() == "Bounds");
                if let Some(bounds) = bounds.and_then(bounds_of) {
                    diagram.shapes.entry(element).or_insert(bounds);
                }
            }
            "BPMNEdge" => {
                let points = xml.children().filter(|child| child.tag_name().name() == "waypoint");
                let points: Vec<(i64, i64)> =
                    points.filter_map(|p| Some((number(p, "x")?, number(p, "y")?))).collect();
                diagram.edges.entry(element).or_insert(points);
            }
            _ => {}
        }
    }
}

fn bounds_of(xml: Xml<'_, '_>) -> Option<Bounds> {
    Some(Bounds {
        x: number(xml, "x")?,
        y: number(xml, "y")?,
        width: number(xml, "width")?.max(10),
        height: number(xml, "height")?.max(10),
    })
}

/// A decimal number in tenths, such as `-12.5`; an exponent makes it none.
fn number(xml: Xml<'_, '_>, attribute: &str) -> Option<i64> {
    let text = xml.attribute(attribute)?.trim();
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let tenth = part.chars().next().map_or(Some(0), |c| c.to_digit(10))?;
    let value = whole.checked_mul(10)?.checked_add(i64::from(tenth))?;
    let value = if negative { value.checked_neg()? } else { value };
    (value.abs() <= PLACE_MAX).then_some(value)
}
