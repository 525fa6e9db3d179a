//! Roles, actions and registers of a package as a picture: who calls what, and what it reads
//! (dashed) and writes (solid). An SVG in three columns, with links that never overlap a box.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::escape;
use crate::doc::PackageDoc;
use crate::touches::{read_registers, written_registers};

const BOX_WIDTH: usize = 220;
const BOX_HEIGHT: usize = 40;
const BOX_MIDDLE: usize = 20;
const GAP: usize = 14;
const COLUMN: usize = 380;
const TOP: usize = 60;

/// The picture.
#[must_use]
pub fn graph(doc: &PackageDoc) -> String {
    let roles = column(0, doc.roles.iter().map(|r| (r.name.as_str(), r.title.zh.as_str())));
    let actions = column(1, doc.actions.iter().map(|a| (a.name.as_str(), a.title.zh.as_str())));
    let registers = column(2, doc.registers.iter().map(|r| (r.name.as_str(), r.title.zh.as_str())));
    let most = roles.len().max(actions.len()).max(registers.len());
    let height = row(most).saturating_add(GAP);
    let width = COLUMN.saturating_mul(2).saturating_add(BOX_WIDTH).saturating_add(2 * GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" \
         font-family=\"'Noto Sans CJK SC',sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let titles = [("角色", "Roles"), ("业务动作", "Actions"), ("登记簿", "Registers")];
    for (i, (zh, en)) in titles.into_iter().enumerate() {
        put(
            &mut svg,
            &format!(
                "<text x=\"{}\" y=\"30\" font-size=\"15\" font-weight=\"bold\">{zh} · {en}</text>\n",
                left(i)
            ),
        );
    }
    for action in &doc.actions {
        for role in &action.by {
            link(
                &mut svg,
                roles.get(role.as_str()),
                actions.get(action.name.as_str()),
                "#888",
                false,
            );
        }
        let written = written_registers(action, doc);
        for register in &written {
            let (from, to) = (actions.get(action.name.as_str()), registers.get(register.as_str()));
            link(&mut svg, from, to, "#b3261e", false);
        }
        for register in read_registers(action, doc).iter().filter(|name| !written.contains(name)) {
            let (from, to) = (actions.get(action.name.as_str()), registers.get(register.as_str()));
            link(&mut svg, from, to, "#1f5fa8", true);
        }
    }
    for boxes in [&roles, &actions, &registers] {
        for (name, place) in boxes {
            draw(&mut svg, name, place);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// A box: its corner, and its title.
struct Place<'d> {
    x: usize,
    y: usize,
    title: &'d str,
}

fn left(column: usize) -> usize {
    COLUMN.saturating_mul(column).saturating_add(GAP)
}

fn row(n: usize) -> usize {
    (BOX_HEIGHT + GAP).saturating_mul(n).saturating_add(TOP)
}

fn column<'d>(
    number: usize,
    parts: impl Iterator<Item = (&'d str, &'d str)>,
) -> BTreeMap<&'d str, Place<'d>> {
    let place = |(n, (name, title))| (name, Place { x: left(number), y: row(n), title });
    parts.enumerate().map(place).collect()
}

fn put(svg: &mut String, text: &str) {
    svg.push_str(text);
}

fn draw(svg: &mut String, name: &str, place: &Place<'_>) {
    let (x, y) = (place.x, place.y);
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        svg,
        "<g><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" \
         fill=\"#f7f7fa\" stroke=\"#444\"/><text x=\"{tx}\" y=\"{ty}\">{}</text><text x=\"{tx}\" \
         y=\"{ny}\" fill=\"#666\" font-size=\"11\">{}</text></g>",
        escape(place.title),
        escape(name),
        tx = x.saturating_add(10),
        ty = y.saturating_add(17),
        ny = y.saturating_add(32),
    );
}

fn link(
    svg: &mut String,
    from: Option<&Place<'_>>,
    to: Option<&Place<'_>>,
    colour: &str,
    dashed: bool,
) {
    let (Some(from), Some(to)) = (from, to) else { return };
    let middle = |place: &Place<'_>| place.y.saturating_add(BOX_MIDDLE);
    let (x1, x2) = (from.x.saturating_add(BOX_WIDTH), to.x);
    let (bend1, bend2) = (x1.saturating_add(70), x2.saturating_sub(70));
    let dash = if dashed { " stroke-dasharray=\"5 4\"" } else { "" };
    let _infallible = writeln!(
        svg,
        "<path d=\"M{x1} {y1} C{bend1} {y1} {bend2} {y2} {x2} {y2}\" fill=\"none\" \
         stroke=\"{colour}\" stroke-opacity=\"0.6\"{dash}/>",
        y1 = middle(from),
        y2 = middle(to),
    );
}
