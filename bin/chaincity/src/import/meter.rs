//! How far an import is: rows done of all, rows a second, rows set aside, time left. A bar on a
//! terminal, else a line from time to time; both on standard error.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Pause between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Where it is shown.
enum Shown {
    Nowhere,
    Bar(ProgressBar),
    /// As lines; when the last was written.
    Lines(Instant),
}

/// Tells a person how far an import is.
pub(crate) struct Meter {
    shown: Shown,
    begun: Instant,
    all: u64,
    done: u64,
    aside: u64,
}

impl Meter {
    const fn new(shown: Shown, begun: Instant) -> Self {
        Self { shown, begun, all: 0, done: 0, aside: 0 }
    }

    /// Tells nobody.
    pub(crate) fn silent() -> Self {
        Self::new(Shown::Nowhere, Instant::now())
    }

    /// On standard error.
    pub(crate) fn standard() -> Self {
        let begun = Instant::now();
        if !io::stderr().is_terminal() {
            return Self::new(Shown::Lines(begun), begun);
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "{bar:30} {human_pos}/{human_len} 行 rows · {msg} · 剩余 left {eta}",
        );
        // The template is a constant; with a wrong one the plain bar is shown.
        let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
        Self::new(Shown::Bar(bar), begun)
    }

    /// So many rows there are.
    pub(super) fn all(&mut self, rows: u64) {
        self.all = rows;
        if let Shown::Bar(bar) = &self.shown {
            bar.set_length(rows);
        }
    }

    /// So many rows have an outcome, and so many did not come in.
    pub(super) fn at(&mut self, done: u64, aside: u64) {
        if (done, aside) == (self.done, self.aside) {
            return;
        }
        (self.done, self.aside) = (done, aside);
        match &mut self.shown {
            Shown::Nowhere => {}
            Shown::Bar(bar) => {
                let rate = a_second(done, self.begun.elapsed());
                bar.set_message(format!("{rate} 行每秒 rows/s · 搁置 set aside {aside}"));
                bar.set_position(done);
            }
            Shown::Lines(last) if last.elapsed() >= PAUSE => {
                *last = Instant::now();
                eprintln!("{}", self.line(self.begun.elapsed()));
            }
            Shown::Lines(_) => {}
        }
    }

    /// The bar is taken away.
    pub(crate) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let Self { all, done, aside, .. } = self;
        let rate = a_second(*done, elapsed);
        let left = all.saturating_sub(*done);
        let left = left.checked_div(rate).map_or_else(
            || "未知 unknown".to_owned(),
            |seconds| format!("{:#}", HumanDuration(Duration::from_secs(seconds))),
        );
        format!(
            "{done} / {all} 行 rows · {rate} 行每秒 rows/s · 搁置 set aside {aside} · 剩余 left {left}"
        )
    }
}

/// A count over a time as a rate.
pub(crate) fn a_second(count: u64, over: Duration) -> u64 {
    let rate = u128::from(count).saturating_mul(1_000).checked_div(over.as_millis());
    rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_how_many_aside_and_how_long_still() {
        let mut meter = Meter::silent();
        meter.all(350_000);
        meter.at(50_000, 12);
        assert_eq!(
            meter.line(Duration::from_secs(25)),
            "50000 / 350000 行 rows · 2000 行每秒 rows/s · 搁置 set aside 12 · 剩余 left 3m"
        );
        meter.at(0, 0);
        assert!(meter.line(Duration::ZERO).ends_with("剩余 left 未知 unknown"));
    }
}
