//! Throughput against latency under rising load, as a picture that needs nothing else.

use std::fmt::Write as _;

/// One window: operations that were done a second, and latencies in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) rate: u64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

const WIDTH: f64 = 720.0;
const MIDDLE: f64 = 360.0;
const HEIGHT: f64 = 440.0;
/// Left, top, right and bottom edge of the plane.
const PLANE: (f64, f64, f64, f64) = (70.0, 50.0, 700.0, 380.0);
/// Steps of the lower axis.
const STEPS: u32 = 5;

/// Where values stand: the lower axis is linear, the left one logarithmic.
#[derive(Clone, Copy)]
struct Scale {
    rate_max: f64,
    /// Decades of a millisecond, from and to.
    decades: (i32, i32),
}

fn float(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[allow(clippy::float_arithmetic, reason = "a picture decides nothing")]
impl Scale {
    fn of(points: &[Point]) -> Self {
        let rate_max = points.iter().map(|point| float(point.rate)).fold(1.0, f64::max);
        let all = || points.iter().flat_map(|point| [point.p50, point.p99]).filter(|ms| *ms > 0.0);
        let (low, high) = (all().fold(1_000.0, f64::min), all().fold(1.0, f64::max));
        let from = (-3..6).rev().find(|decade| 10_f64.powi(*decade) <= low).unwrap_or(-3);
        let to = (-3..9).find(|decade| 10_f64.powi(*decade) >= high).unwrap_or(9);
        Self { rate_max, decades: (from, to.max(from.saturating_add(1))) }
    }

    fn x(self, rate: f64) -> f64 {
        PLANE.0 + (PLANE.2 - PLANE.0) * rate / self.rate_max
    }

    fn y(self, ms: f64) -> f64 {
        let (from, to) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let part = (ms.max(10_f64.powi(self.decades.0)).log10() - from) / (to - from);
        PLANE.3 - (PLANE.3 - PLANE.1) * part
    }
}

/// Draws the windows.
pub(super) fn svg(title: &str, points: &[Point]) -> String {
    let mut points = points.to_vec();
    points.sort_by_key(|point| point.rate);
    let scale = Scale::of(&points);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n",
        title = escaped(title)
    );
    text(&mut out, (MIDDLE, 24.0), "middle", title);
    axes(&mut out, scale);
    curve(&mut out, scale, ("p50", "#1f5fa8", 90.0), points.iter().map(|p| (p.rate, p.p50)));
    curve(&mut out, scale, ("p99", "#b3401f", 150.0), points.iter().map(|p| (p.rate, p.p99)));
    out.push_str("</svg>\n");
    out
}

#[allow(clippy::float_arithmetic, reason = "a picture decides nothing")]
fn axes(out: &mut String, scale: Scale) {
    let (left, top, right, bottom) = PLANE;
    for decade in scale.decades.0..=scale.decades.1 {
        let ms = 10_f64.powi(decade);
        let y = scale.y(ms);
        line(out, (left, y), (right, y));
        text(out, (left - 8.0, y + 4.0), "end", &format!("{ms}"));
    }
    for step in 0..=STEPS {
        let rate = scale.rate_max * f64::from(step) / f64::from(STEPS);
        let x = scale.x(rate);
        line(out, (x, top), (x, bottom));
        text(out, (x, bottom + 18.0), "middle", &format!("{rate:.0}"));
    }
    let below = "每秒完成操作数 · operations done a second";
    text(out, ((left + right) / 2.0, bottom + 40.0), "middle", below);
    text(out, (left, top - 8.0), "end", "ms");
}

#[allow(clippy::float_arithmetic, reason = "a picture decides nothing")]
fn curve(
    out: &mut String,
    scale: Scale,
    (name, colour, beside): (&str, &str, f64),
    values: impl Iterator<Item = (u64, f64)>,
) {
    let places: Vec<(f64, f64)> =
        values.map(|(rate, ms)| (scale.x(float(rate)), scale.y(ms))).collect();
    let list: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let list = list.join(" ");
    let mut put = |line: String| {
        out.push_str(&line);
        out.push('\n');
    };
    put(format!("<polyline points=\"{list}\" fill=\"none\" stroke=\"{colour}\"/>"));
    for (x, y) in places {
        put(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
    }
    let y = PLANE.1 - 12.0;
    put(format!("<circle cx=\"{beside}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>"));
    text(out, (beside + 8.0, PLANE.1 - 8.0), "start", name);
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let ends = format!("x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"");
    // Writing to a text cannot fail.
    if writeln!(out, "<line {ends} stroke=\"#ddd\"/>").is_err() {}
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, content: &str) {
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"");
    if writeln!(out, "<text {place}>{}</text>", escaped(content)).is_err() {}
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;

    /// Every element that opens closes in turn, and every `&` begins an entity.
    fn well_formed(text: &str) -> bool {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = text;
        while let Some((before, tag)) = rest.split_once('<') {
            let Some((tag, after)) = tag.split_once('>') else { return false };
            let entities = before.split('&').skip(1);
            if !entities.clone().all(|e| ["amp;", "lt;", "gt;"].iter().any(|k| e.starts_with(k))) {
                return false;
            }
            let name = tag.split_whitespace().next().unwrap_or_default();
            if let Some(closed) = name.strip_prefix('/') {
                if open.pop() != Some(closed) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            if tag.matches('"').count() % 2 != 0 {
                return false;
            }
            rest = after;
        }
        open.is_empty()
    }

    #[test]
    fn the_plot_is_well_formed_and_shows_every_window_twice() {
        let point = |rate, p50, p99| Point { rate, p50, p99 };
        let points = [point(400, 80.0, 700.0), point(100, 20.0, 60.0), point(200, 25.5, 90.0)];
        let drawn = svg("a & b < c", &points);
        assert!(well_formed(&drawn), "{drawn}");
        assert_eq!(drawn.matches("<circle").count(), 2 * 3 + 2, "windows and the key");
        assert!(drawn.contains("a &amp; b &lt; c") && !drawn.contains("NaN"), "{drawn}");
        assert!(!well_formed("<svg><line></svg>") && !well_formed("<svg>&</svg>"));
        let curves: Vec<&str> = drawn.lines().filter(|l| l.starts_with("<polyline")).collect();
        let first =
            |line: &str| line.split('"').nth(1).unwrap().split(',').next().unwrap() == "227.5";
        assert!(curves.iter().all(|line| first(line)), "by rate: {curves:?}");
    }

    #[test]
    fn nothing_and_zeros_can_be_drawn() {
        for points in [&[][..], &[Point { rate: 0, p50: 0.0, p99: 0.0 }]] {
            let drawn = svg("none", points);
            assert!(well_formed(&drawn) && !drawn.contains("NaN") && !drawn.contains("inf"));
        }
    }
}
