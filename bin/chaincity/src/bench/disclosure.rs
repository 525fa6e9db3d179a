//! What encryption costs, and how fast encrypted groups are read: the same registration in clear and in
//! encrypted groups at the same rate; then accesses, as many as are answered, and a few beside nothing
//! else and beside registrations at half their rate.

use serde::Serialize;

use super::cost::TOTAL;
use super::drive::Window;
use super::process::Used;
use super::readers::Readers;
use super::report::{Step, quotient};
use super::workload::{Answers, Phase};
use super::{Options, Session, say};
use crate::fault::Fault;

/// Accesses a second, where it is not they that load the nodes.
const FEW: u64 = 5;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct AtDisclosure {
    /// Encrypted registrations that stood before: what is asked for.
    records: usize,
    clear: Registering,
    encrypted: Registering,
    /// Processor time of an encrypted registration to that of one in clear.
    cost_ratio: f64,
    /// As many accesses as are answered: latency from when one was due until it was opened and checked.
    accesses: Step,
    /// Processor time of the client that read, for an access.
    access_client_us: u64,
    /// A few, beside nothing else, and beside encrypted registrations at half of their rate.
    quiet: Step,
    half_load: Step,
    half_load_tps: u64,
    /// Opened values that are not what was sealed.
    values_differing: u64,
    /// What the blocks say: afterwards.
    #[serde(flatten)]
    pub(super) answers: Answers,
}

/// Registrations, and what all did for one: from its values to the final block.
#[derive(Debug, Default, Serialize)]
struct Registering {
    window: Step,
    /// Processor time of nodes and client before the window, for each: sealing, where something is
    /// sealed, and signing.
    preparing_nodes_us: u64,
    preparing_client_us: u64,
    /// Of the client, in the window.
    client_us: u64,
    /// All of it, with that of the nodes in the window.
    total_us: u64,
}

impl Registering {
    /// Measures them at a rate.
    fn at(session: &mut Session<'_>, rate: u64, seconds: u64) -> Result<(Self, Window), Fault> {
        let own = [std::process::id()];
        let before = (session.driver.nodes.before()?, Used::by(&own)?);
        let load = session.prepared(rate, seconds)?;
        let count = u64::try_from(load.len()).unwrap_or(u64::MAX);
        let nodes = session.driver.nodes.since(&before.0)?.each(count, count);
        let client = Used::by(&own)?.since(&before.1).each(count);
        let window = session.timed(&load, rate)?;
        let of = |us: Option<&u64>| us.copied().unwrap_or(0);
        let mut found = Self {
            window: Step::of(&window),
            preparing_nodes_us: of(nodes.us.get(TOTAL)),
            preparing_client_us: client,
            client_us: window.client_us,
            total_us: of(window.cost.us.get(TOTAL)),
        };
        let others = [found.preparing_nodes_us, found.preparing_client_us, found.client_us];
        found.total_us = others.into_iter().fold(found.total_us, u64::saturating_add);
        Ok((found, window))
    }

    fn for_person(&self) -> String {
        let Self { preparing_nodes_us, preparing_client_us, client_us, total_us, .. } = self;
        format!(
            "{}; 准备 preparing {preparing_nodes_us} + {preparing_client_us} µs, 客户端 client \
             {client_us} µs, 合计 all {total_us} µs",
            self.window.for_person()
        )
    }
}

impl AtDisclosure {
    /// Seals and registers what is asked for, and measures; gives the window of encrypted registrations.
    pub(super) fn windows(
        session: &mut Session<'_>,
        options: &Options,
        records: usize,
    ) -> Result<(Self, Window), Fault> {
        say("加密登记 · sealing and registering");
        session.workload.load(&mut session.desk)?;
        session.settled()?;
        session.warm_up()?;
        let rate = match options.rate {
            0 => session.measure(options)?.rate,
            rate => rate,
        };
        session.workload.turn_to(Phase::Clear);
        session.warm_up()?;
        let (clear, _) = Registering::at(session, rate, options.seconds)?;
        session.workload.turn_to(Phase::Encrypted);
        let (encrypted, measured) = Registering::at(session, rate, options.seconds)?;

        say("调用 · accesses");
        let readers = Readers::of(&mut session.desk, records)?;
        let nodes = session.driver.nodes;
        let mut values_differing = 0_u64;
        let mut noted = |session: &mut Session<'_>, (window, differing): (Window, u64)| {
            values_differing = values_differing.saturating_add(differing);
            session.note(&window);
            window
        };
        let quiet = readers.run(FEW, options.seconds, nodes)?;
        let quiet = noted(session, quiet);
        let half = rate.div_ceil(2);
        let load = session.prepared(half, options.seconds)?;
        let beside = std::thread::scope(|scope| {
            let reading = scope.spawn(|| readers.run(FEW, options.seconds, nodes));
            let registering = session.timed(&load, half);
            let broken = |_panic| Fault::other("调用线程中断", "a reading thread broke off");
            registering.and(reading.join().map_err(broken)?)
        })?;
        let beside = noted(session, beside);
        let most = session.measure_by(options, |session, rate, seconds| {
            let window = readers.run(rate, seconds, nodes)?;
            session.settled()?;
            Ok(noted(session, window))
        })?;
        let found = Self {
            records,
            cost_ratio: quotient(encrypted.total_us, clear.total_us),
            clear,
            encrypted,
            accesses: Step::of(&most),
            access_client_us: most.client_us,
            quiet: Step::of(&quiet),
            half_load: Step::of(&beside),
            half_load_tps: half,
            values_differing,
            answers: Answers::default(),
        };
        Ok((found, measured))
    }

    /// Whether each access was answered once, and each opened value is what was sealed.
    pub(super) const fn agrees(&self) -> bool {
        self.answers.differing == 0 && self.values_differing == 0
    }

    /// Lines of the table.
    pub(super) fn for_person(&self) -> Vec<String> {
        let row = |what: &str, value: String| format!("{what}: {value}");
        let Self { records, cost_ratio, access_client_us, half_load_tps, answers, .. } = self;
        let Answers { asked, released, differing } = answers;
        vec![
            row("加密件 · encrypted deeds that are asked for", records.to_string()),
            row("明文登记 · registrations in clear", self.clear.for_person()),
            row("加密登记 · encrypted registrations", self.encrypted.for_person()),
            row("加密与明文之比 · encrypted to clear", format!("{cost_ratio:.2}")),
            row("每秒调用 · accesses a second", {
                format!("{}; 客户端 client {access_client_us} µs", self.accesses.for_person())
            }),
            row("空闲时从点击到打开 · from the click until it is opened, quiet", {
                self.quiet.for_person()
            }),
            row("半载时 · at half load", {
                format!("{} ({half_load_tps} tps)", self.half_load.for_person())
            }),
            row("调用、放行、不符 · asked, released, differing", {
                format!("{asked}, {released}, {differing}; {}", self.values_differing)
            }),
        ]
    }
}
