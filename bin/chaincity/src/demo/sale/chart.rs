//! The time line of a play: a line a step with a bar, so that it is seen what ran side by side; then
//! the old way beside it.

/// Columns of the bar.
const BAR: usize = 32;
/// Columns of a step's name and of who did it.
const NAME: usize = 40;
const WHO: usize = 40;

/// A step: its name, who did it, since when it could be done and when it was, in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) node: String,
    pub(super) name: String,
    pub(super) who: String,
    pub(super) open: u64,
    pub(super) done: u64,
}

/// What belongs together: where it begins and ends in the process, and how it was before.
struct Phase {
    name: (&'static str, &'static str),
    nodes: &'static [&'static str],
    before: (&'static str, &'static str),
}

const NOT_TOLD: (&str, &str) = ("—", "");

/// The phases; what was before is what reports say, and nothing else.
const PHASES: &[Phase] = &[
    Phase {
        name: ("核验、网签、监管", "check, contract, escrow"),
        nodes: &["check", "contract", "escrow"],
        before: NOT_TOLD,
    },
    Phase {
        name: ("资金∥贷款∥结清报价∥税款", "funds ∥ loan ∥ payoff quote ∥ taxes"),
        nodes: &["own-funds", "loan-approve", "quote", "tax-assess", "tax-pay"],
        before: NOT_TOLD,
    },
    Phase {
        name: ("一并申请、审核", "one application, review"),
        nodes: &["apply", "accept", "notice", "review", "review-again"],
        before: NOT_TOLD,
    },
    Phase {
        name: ("授意、登簿（解押＋过户＋抵押）", "signatures, release + transfer + mortgage"),
        nodes: &[
            "sheet-write",
            "sellers-sign",
            "buyers-sign",
            "payoff-bank-signs",
            "loan-bank-signs",
            "sheet-agree",
            "guarantee",
            "commit-release",
        ],
        before: (
            "还清并解押→过户→再抵押，依次办理",
            "payoff and release, then transfer, then mortgage, one after the other",
        ),
    },
    Phase {
        name: ("放款、结清、付房款", "loan, payoff, price"),
        nodes: &[
            "draw-down",
            "payoff-instruct",
            "payoff-paid",
            "receipt",
            "net-instruct",
            "net-paid",
            "settle",
        ],
        before: ("两家银行各办各的", "two banks, each on its own"),
    },
    Phase {
        name: ("水∥电∥气∥视", "water ∥ power ∥ gas ∥ cable"),
        nodes: &["utilities-ask", "water-accept", "power-accept", "gas-accept", "cable-accept"],
        before: (
            "水、电、气逐一；电：4–6 份材料、5 个工作日",
            "one by one; power alone 4 to 6 papers and 5 working days",
        ),
    },
];

/// Columns that a text takes: East Asian characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Hangul, CJK, kana, full-width forms; not the marks between.
const fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}')
}

/// The text and as many blanks as fill the column.
fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Seconds with one decimal.
pub(super) fn seconds(ms: u64) -> String {
    let tenths = ms.checked_div(100).unwrap_or(0);
    let (whole, tenth) = (tenths.checked_div(10), tenths.checked_rem(10));
    format!("{}.{}", whole.unwrap_or(0), tenth.unwrap_or(0))
}

/// A bar from when a step could be done to when it was.
fn bar(open: u64, done: u64, total: u64) -> String {
    let columns = u64::try_from(BAR).unwrap_or(u64::MAX);
    let place = |ms: u64| {
        let place = ms.saturating_mul(columns).checked_div(total).unwrap_or(0).min(columns);
        usize::try_from(place).unwrap_or(BAR)
    };
    let from = place(open).min(BAR.saturating_sub(1));
    let length = place(done).saturating_sub(from).max(1);
    format!("{}{}", "·".repeat(from), "█".repeat(length))
}

/// A line a step.
pub(super) fn steps(rows: &[Row]) -> Vec<String> {
    let total = rows.iter().map(|row| row.done).max().unwrap_or(0);
    let line = |row: &Row| {
        format!(
            "{:>6} {} {} {}",
            seconds(row.done),
            padded(&row.name, NAME),
            padded(&row.who, WHO),
            bar(row.open, row.done, total),
        )
    };
    rows.iter().map(line).collect()
}

/// A line a phase: here, and before.
pub(super) fn beside(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for Phase { name: (zh, en), nodes, before: (before_zh, before_en) } in PHASES {
        let of = || rows.iter().filter(|row| nodes.contains(&row.node.as_str()));
        let (open, done) = (of().map(|row| row.open).min(), of().map(|row| row.done).max());
        let (Some(open), Some(done)) = (open, done) else { continue };
        let span = format!("{:>5} – {:>5} s", seconds(open), seconds(done));
        let before = format!("以往 before: {before_zh} {before_en}");
        lines.push(format!(
            "{} {span}  {}",
            padded(&format!("{zh} · {en}"), 72),
            before.trim_end()
        ));
    }
    lines
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::demo::sale::forms::Forms;

    fn row(node: &str, open: u64, done: u64) -> Row {
        Row {
            node: node.into(), name: "登簿 · Book".into(), who: "登记中心".into(), open, done
        }
    }

    #[test]
    fn columns_stand_below_each_other_in_both_scripts() {
        assert_eq!(width("登簿 · Book"), 11);
        assert_eq!(padded("水∥电", 8), "水∥电   ");
        let lines = steps(&[row("check", 0, 500), row("apply", 500, 1_000)]);
        let bars: Vec<usize> = lines
            .iter()
            .map(|line| width(line.split(['·', '█']).next().unwrap_or_default()))
            .collect();
        assert_eq!(lines.len(), 2);
        assert!(bars.iter().all(|columns| *columns == bars[0]), "{lines:?}");
    }

    #[test]
    fn what_ran_side_by_side_has_bars_side_by_side() {
        assert_eq!(bar(0, 1_000, 1_000).chars().count(), BAR);
        assert_eq!(bar(500, 1_000, 1_000), format!("{}{}", "·".repeat(16), "█".repeat(16)));
        // The shortest step is seen as well, and the last one stays within the bar.
        assert_eq!(bar(1_000, 1_000, 1_000).chars().count(), BAR);
        assert_eq!(bar(0, 0, 0), "█");
    }

    #[test]
    fn a_phase_lasts_from_its_first_step_to_its_last() {
        let lines = beside(&[row("check", 0, 700), row("escrow", 900, 2_340)]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("0.0 –   2.3 s"), "{lines:?}");
    }

    #[test]
    fn phases_name_steps_of_the_process() {
        let forms = Forms::read().unwrap();
        for node in PHASES.iter().flat_map(|phase| phase.nodes) {
            assert!(forms.facts(node).is_some(), "{node}");
        }
    }
}
