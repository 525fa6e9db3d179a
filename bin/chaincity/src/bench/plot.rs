//! Throughput against latency under rising load, as a picture that needs nothing else.

/// One window: operations that were done a second, and latencies in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) rate: u64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Whether what was done followed what was offered.
    pub(super) kept_up: bool,
}

const WIDTH: f64 = 720.0;
const MIDDLE: f64 = 360.0;
const HEIGHT: f64 = 440.0;
/// Left, top, right and bottom edge of the plane.
const PLANE: (f64, f64, f64, f64) = (70.0, 50.0, 700.0, 380.0);
/// Most steps of the lower axis.
const STEPS_MAX: u64 = 8;
/// Lines of a decade of the left axis.
const IN_DECADE: [f64; 3] = [1.0, 2.0, 5.0];

/// Where values stand: the lower axis is linear, the left one logarithmic.
#[derive(Clone, Copy)]
struct Scale {
    /// Step of the lower axis, and how many.
    step: u64,
    steps: u64,
    /// Decades of a millisecond, from and to.
    decades: (i32, i32),
}

fn float(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// The least of 1, 2, 5, 10, 20 … of which few enough reach to `max`.
fn round_step(max: u64) -> u64 {
    let mut decade = 1_u64;
    loop {
        for digit in [1, 2, 5] {
            let step = decade.saturating_mul(digit);
            if max.div_ceil(step) <= STEPS_MAX {
                return step;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

#[allow(clippy::float_arithmetic, reason = "a picture decides nothing")]
impl Scale {
    fn of(points: &[Point]) -> Self {
        let rate_max = points.iter().map(|point| point.rate).max().unwrap_or(0).max(1);
        let step = round_step(rate_max);
        let steps = rate_max.div_ceil(step);
        let all = || points.iter().flat_map(|point| [point.p50, point.p99]).filter(|ms| *ms > 0.0);
        let (low, high) = (all().fold(1_000.0, f64::min), all().fold(1.0, f64::max));
        let from = (-3..6).rev().find(|decade| 10_f64.powi(*decade) <= low).unwrap_or(-3);
        let to = (-3..9).find(|decade| 10_f64.powi(*decade) >= high).unwrap_or(9);
        Self { step, steps, decades: (from, to.max(from.saturating_add(1))) }
    }

    fn x(self, rate: f64) -> f64 {
        PLANE.0 + (PLANE.2 - PLANE.0) * rate / float(self.step.saturating_mul(self.steps))
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
    curve(&mut out, scale, "#1f5fa8", points.iter().map(|p| (p.rate, p.p50, p.kept_up)));
    curve(&mut out, scale, "#b3401f", points.iter().map(|p| (p.rate, p.p99, p.kept_up)));
    key(&mut out);
    out.push_str("</svg>\n");
    out
}

#[allow(clippy::float_arithmetic, reason = "a picture decides nothing")]
fn axes(out: &mut String, scale: Scale) {
    let (left, top, right, bottom) = PLANE;
    let decades = scale.decades.0..=scale.decades.1;
    for ms in decades.flat_map(|decade| IN_DECADE.map(|ms| ms * 10_f64.powi(decade))) {
        let y = scale.y(ms);
        // Of the last decade only its beginning is in the plane.
        if y < top - 0.5 {
            continue;
        }
        line(out, (left, y), (right, y));
        text(out, (left - 8.0, y + 4.0), "end", &format!("{ms}"));
    }
    for step in 0..=scale.steps {
        let rate = scale.step.saturating_mul(step);
        let x = scale.x(float(rate));
        line(out, (x, top), (x, bottom));
        text(out, (x, bottom + 18.0), "middle", &format!("{rate}"));
    }
    let below = "每秒完成操作数 · operations done a second";
    text(out, ((left + right) / 2.0, bottom + 40.0), "middle", below);
    // Upwards beside the plane.
    put(out, &format!("<g transform=\"translate(16 {}) rotate(-90)\">", (top + bottom) / 2.0));
    text(out, (0.0, 0.0), "middle", "延迟，毫秒（对数） · latency, ms (logarithmic)");
    put(out, "</g>");
}

/// Every window as a point, filled where the ledger kept up; a line through those.
fn curve(
    out: &mut String,
    scale: Scale,
    colour: &str,
    values: impl Iterator<Item = (u64, f64, bool)>,
) {
    let places = values.map(|(rate, ms, kept_up)| (scale.x(float(rate)), scale.y(ms), kept_up));
    let places: Vec<(f64, f64, bool)> = places.collect();
    let kept_up = places.iter().filter(|(_, _, kept_up)| *kept_up);
    let list: Vec<String> = kept_up.map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
    let list = list.join(" ");
    put(out, &format!("<polyline points=\"{list}\" fill=\"none\" stroke=\"{colour}\"/>"));
    for (x, y, kept_up) in places {
        dot(out, (x, y), colour, kept_up);
    }
}

/// What the points mean, above the plane.
#[allow(clippy::float_arithmetic, reason = "a picture decides nothing")]
fn key(out: &mut String) {
    let y = PLANE.1 - 12.0;
    for (x, colour, filled, name) in [
        (90.0, "#1f5fa8", true, "中位数 · p50"),
        (210.0, "#b3401f", true, "p99"),
        (290.0, "#555", false, "未跟上 · not keeping up"),
    ] {
        dot(out, (x, y), colour, filled);
        text(out, (x + 8.0, y + 4.0), "start", name);
    }
}

fn dot(out: &mut String, (x, y): (f64, f64), colour: &str, filled: bool) {
    let fill = if filled { colour } else { "white" };
    let place = format!("cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"");
    put(out, &format!("<circle {place} fill=\"{fill}\" stroke=\"{colour}\"/>"));
}

fn put(out: &mut String, element: &str) {
    out.push_str(element);
    out.push('\n');
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let ends = format!("x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"");
    put(out, &format!("<line {ends} stroke=\"#ddd\"/>"));
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, content: &str) {
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"");
    put(out, &format!("<text {place}>{}</text>", escaped(content)));
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
        let point = |rate, p50, p99| Point { rate, p50, p99, kept_up: rate < 500 };
        let points = [
            point(400, 80.0, 700.0),
            point(100, 20.0, 60.0),
            point(700, 900.0, 2_000.0),
            point(200, 25.5, 90.0),
        ];
        let drawn = svg("a & b < c", &points);
        assert!(well_formed(&drawn), "{drawn}");
        assert_eq!(drawn.matches("<circle").count(), 2 * 4 + 3, "windows and the key");
        assert_eq!(drawn.matches("fill=\"white\" stroke").count(), 2 + 1, "not kept up");
        assert!(drawn.contains("a &amp; b &lt; c") && !drawn.contains("NaN"), "{drawn}");
        assert!(!well_formed("<svg><line></svg>") && !well_formed("<svg>&</svg>"));
        let curves = drawn.lines().filter(|line| line.starts_with("<polyline"));
        for curve in curves {
            let places: Vec<f64> = curve.split('"').nth(1).unwrap().split(' ').map(x).collect();
            assert_eq!(places, [160.0, 250.0, 430.0], "what kept up, by rate: {curve}");
        }
    }

    /// The first of two numbers.
    fn x(place: &str) -> f64 {
        place.split(',').next().unwrap().parse().unwrap()
    }

    #[test]
    fn both_axes_are_named_in_both_languages_and_have_round_numbers() {
        let drawn = svg("t", &[Point { rate: 655, p50: 240.0, p99: 3_700.0, kept_up: true }]);
        for name in
            ["延迟，毫秒（对数） · latency, ms", "每秒完成操作数 · operations done a second"]
        {
            assert!(drawn.contains(name), "{name}: {drawn}");
        }
        for number in ["0", "100", "700", "200", "5000", "10000"] {
            assert!(drawn.contains(&format!(">{number}</text>")), "{number}: {drawn}");
        }
        assert!(!drawn.contains(">20000<") && !drawn.contains(">800<"), "{drawn}");
    }

    #[test]
    fn nothing_and_zeros_can_be_drawn() {
        for points in [&[][..], &[Point { rate: 0, p50: 0.0, p99: 0.0, kept_up: true }]] {
            let drawn = svg("none", points);
            assert!(well_formed(&drawn) && !drawn.contains("NaN") && !drawn.contains("inf"));
        }
    }
}
