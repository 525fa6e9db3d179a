//! What the demo tells: a line a step for a person, and the report for a machine.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::demo::sale::Sale;
use crate::fault::Fault;

/// What the demo found, as `--report` writes it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Whether every step went as it should.
    pub(crate) ok: bool,
    /// Number of nodes.
    pub(crate) nodes: usize,
    /// Height at which the state roots were compared.
    pub(crate) height: u64,
    /// State root at that height, one a node.
    pub(crate) roots: Vec<String>,
    /// Rows of the real data that came in, and synthetic units.
    pub(crate) imported: u64,
    /// Rows of the real data that were set aside.
    pub(crate) set_aside: u64,
    /// The steps, in order.
    pub(crate) steps: Vec<Step>,
    /// Whether `chaincity-verify` accepted the exported proof.
    pub(crate) proof_verified: bool,
    /// What was encrypted: synthetic names, identity numbers, prices and contract numbers, as they
    /// were written. None of them stands in any file outside the folders named `vault` and the
    /// simulated bank's own, `bank`.
    pub(crate) private_values: Vec<String>,
    /// The node that was killed.
    pub(crate) crash: Option<Crash>,
    /// The sales of mortgaged houses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sale: Option<Sale>,
}

/// One step.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// Stable name.
    pub(crate) name: String,
    /// Whether it went as it should (a refusal that should come is ok).
    pub(crate) ok: bool,
    /// How long it took.
    pub(crate) seconds: f64,
    /// For a refusal, its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
}

/// A crash and recovery.
#[derive(Debug, Serialize)]
pub(crate) struct Crash {
    /// The node.
    pub(crate) node: String,
    /// From SIGKILL until it was started again.
    pub(crate) downtime_s: f64,
    /// From its start until it had every final block again.
    pub(crate) caught_up_s: f64,
}

/// Prints the steps as they happen and gathers the report.
#[derive(Debug)]
pub(crate) struct Timeline {
    begun: Instant,
    /// The report so far.
    pub(crate) report: Report,
}

/// What a step says when it is done: Chinese and English.
pub(crate) type Said = (String, String);

impl Timeline {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), report: Report::default() }
    }

    /// Prints a line without a step.
    pub(crate) fn say(&self, zh: &str, en: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "[{:>7}] {zh}\n          {en}", clock(self.begun.elapsed()))?;
        out.flush()
    }

    /// Prints lines that belong to the step before.
    pub(crate) fn list(&self, lines: &[String]) -> Result<(), Fault> {
        let mut out = io::stdout().lock();
        let mut written = lines.iter().try_for_each(|line| writeln!(out, "  {line}"));
        written = written.and_then(|()| out.flush());
        written.map_err(Fault::io(std::path::Path::new("stdout")))
    }

    /// Runs a step that should succeed.
    pub(crate) fn step(
        &mut self,
        name: &str,
        run: impl FnOnce(&mut Report) -> Result<Said, Fault>,
    ) -> Result<(), Fault> {
        self.expect(name, |report| run(report).map(|said| (None, said)))
    }

    /// Runs a step that says a refusal's code when it should be refused.
    pub(crate) fn expect(
        &mut self,
        name: &str,
        run: impl FnOnce(&mut Report) -> Result<(Option<String>, Said), Fault>,
    ) -> Result<(), Fault> {
        let begun = Instant::now();
        let done = run(&mut self.report);
        let (ok, code, said, failed) = match done {
            Ok((code, said)) => (true, code, said, None),
            Err(fault) => {
                let text = fault.to_string();
                (false, None, (format!("失败：{text}"), format!("failed: {text}")), Some(fault))
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        self.report.steps.push(Step { name: name.to_owned(), ok, seconds, code });
        let mark = if ok { "✓" } else { "✗" };
        let (zh, en) = said;
        self.say(&format!("{mark} {zh}"), &format!("  {en}"))
            .map_err(Fault::io(std::path::Path::new("stdout")))?;
        failed.map_or(Ok(()), Err)
    }
}

fn clock(elapsed: Duration) -> String {
    format!("{}.{} s", elapsed.as_secs(), elapsed.subsec_millis().checked_div(100).unwrap_or(0))
}
