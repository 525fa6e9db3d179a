//! What goes wrong in a run, and when: drawn from the seed.

use chaincity_engine::sim::Weather;
use std::time::Duration;

use crate::workload::Random;

/// Validators in a run: one of them may be faulty.
pub const VALIDATORS: usize = 4;

/// Something that happens to the city.
#[derive(Clone, Debug)]
pub enum Event {
    /// These nodes lose power.
    Crash(Vec<usize>),
    /// These nodes start again.
    Restart(Vec<usize>),
    /// Only within a group do messages arrive.
    Divide(Vec<Vec<usize>>),
    /// All are linked again.
    Unite,
    /// Messages take other times, and some are lost.
    Weather(Weather),
}

/// What goes wrong in a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// A validator that contradicts itself when it votes.
    pub equivocator: Option<usize>,
    /// Events in order, with the milliseconds since the beginning.
    pub events: Vec<(u64, Event)>,
    /// When the last fault is over.
    pub end_ms: u64,
}

fn ms(random: &mut Random, from: usize, to: usize) -> u64 {
    let span = to.saturating_sub(from);
    u64::try_from(from.saturating_add(random.below(span))).unwrap_or_default()
}

impl Schedule {
    /// The schedule of this seed: crashes, divisions and weather, each with a course of its own,
    /// so that they overlap; in every fourth run one validator equivocates.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5ced_01e5);
        let equivocator = (seed & 3 == 3).then(|| random.below(VALIDATORS));
        let mut events = Vec::new();
        for course in [crashes, divisions, weathers] {
            let mut at = ms(&mut random, 1_000, 5_000);
            for _ in 0..random.below(4) {
                let (event, over, lasts) = course(&mut random);
                events.push((at, event));
                at = at.saturating_add(lasts);
                events.push((at, over));
                at = at.saturating_add(ms(&mut random, 500, 6_000));
            }
        }
        events.sort_by_key(|(at, _)| *at);
        let end_ms = events.last().map_or(5_000, |(at, _)| *at);
        Self { equivocator, events, end_ms }
    }

    /// The schedule in words, Chinese and English.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(node) = self.equivocator {
            words.push(format!("节点 {node} 投票自相矛盾 / node {node} equivocates"));
        }
        for (at, event) in &self.events {
            words.push(format!("{at:>6} ms  {}", in_words(event)));
        }
        if words.is_empty() {
            words.push("没有故障 / no faults".to_owned());
        }
        words
    }
}

fn in_words(event: &Event) -> String {
    match event {
        Event::Crash(nodes) => format!("断电 {nodes:?} / power cut of {nodes:?}"),
        Event::Restart(nodes) => format!("重启 {nodes:?} / restart of {nodes:?}"),
        Event::Divide(groups) => format!("网络分割 {groups:?} / network divided {groups:?}"),
        Event::Unite => "网络复原 / network whole again".to_owned(),
        Event::Weather(weather) => {
            let (latency, jitter) = (weather.latency.as_millis(), weather.jitter.as_millis());
            let lost = weather.loss_per_mille;
            format!(
                "网络延迟 {latency}±{jitter} 毫秒，丢失 {lost}‰ / messages take {latency}±{jitter} ms, {lost}‰ are lost"
            )
        }
    }
}

/// A fault, its end, and how long it lasts.
type Fault = (Event, Event, u64);

fn crashes(random: &mut Random) -> Fault {
    let nodes: Vec<usize> =
        if random.once_in(4) { (0..VALIDATORS).collect() } else { vec![random.below(VALIDATORS)] };
    let lasts = ms(random, 100, 9_000);
    (Event::Crash(nodes.clone()), Event::Restart(nodes), lasts)
}

fn divisions(random: &mut Random) -> Fault {
    let first = random.below(VALIDATORS);
    let mut groups = vec![vec![first], Vec::new()];
    let with = (!random.once_in(2)).then(|| random.below(VALIDATORS));
    for node in (0..VALIDATORS).filter(|node| *node != first) {
        let side = usize::from(with != Some(node));
        if let Some(group) = groups.get_mut(side) {
            group.push(node);
        }
    }
    (Event::Divide(groups), Event::Unite, ms(random, 500, 10_000))
}

fn weathers(random: &mut Random) -> Fault {
    let latency = ms(random, 20, 250);
    let weather = Weather {
        latency: Duration::from_millis(latency),
        jitter: Duration::from_millis(ms(random, 1, 100)),
        loss_per_mille: random.pick(&[0, 10, 50, 150]).unwrap_or(0),
    };
    (Event::Weather(weather), Event::Weather(Weather::default()), ms(random, 2_000, 12_000))
}
