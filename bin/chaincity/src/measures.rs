//! What a node tells of its own cost at `/metrics`, beside the interface's counts: processor time
//! by stage, and bytes to and from its peers.

use std::fmt::Write as _;
use std::time::Duration;

use chaincity_engine::Status;
use chaincity_engine::stage::Used;

use crate::fault::Fault;

/// Name of the counter of processor time.
pub(crate) const CPU: &str = "chaincity_cpu_seconds_total";
/// Name of the counter of bytes.
pub(crate) const WIRE: &str = "chaincity_wire_bytes_total";

/// Both in Prometheus' text format.
pub(crate) fn text(used: &[Used], status: &Status) -> String {
    let mut out = String::new();
    header(&mut out, CPU, "Processor time by stage of the work and name of the thread.");
    for Used { stage, thread, time } in used {
        let (stage, time) = (stage.name(), seconds(*time));
        line(&mut out, &format!("{CPU}{{stage=\"{stage}\",thread=\"{thread}\"}} {time}"));
    }
    header(&mut out, WIRE, "Bytes received from peers and sent to them.");
    line(&mut out, &format!("{WIRE}{{direction=\"in\"}} {}", status.wire_in));
    line(&mut out, &format!("{WIRE}{{direction=\"out\"}} {}", status.wire_out));
    out
}

/// What a node tells.
///
/// # Errors
/// When it does not answer.
pub(crate) fn fetch(url: &str) -> Result<String, Fault> {
    let answer = ureq::get(format!("{url}/metrics")).call();
    answer.and_then(|mut answer| answer.body_mut().read_to_string()).map_err(|error| {
        Fault::other(
            format!("{url} 的指标无法读取：{error}"),
            format!("the metrics of {url} cannot be read: {error}"),
        )
    })
}

fn header(out: &mut String, name: &str, help: &str) {
    line(out, &format!("# HELP {name} {help}"));
    line(out, &format!("# TYPE {name} counter"));
}

fn line(out: &mut String, text: &str) {
    // Writing to a text cannot fail.
    if writeln!(out, "{text}").is_err() {}
}

fn seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use chaincity_engine::stage::Stage;
    use chaincity_types::Height;

    use super::*;

    #[test]
    fn stages_threads_and_both_directions_are_named() {
        let status = Status {
            epoch: 0,
            view: 0,
            height: Height(0),
            peers: 0,
            validator: true,
            syncing: false,
            opened_at: Height(0),
            snapshot: Height(0),
            wire_in: 12,
            wire_out: 345,
            fault: None,
        };
        let time = Duration::from_micros(2_000_007);
        let used = [Used { stage: Stage::ReadModel, thread: "chaincity-follow".into(), time }];
        let text = text(&used, &status);
        for line in [
            "# TYPE chaincity_cpu_seconds_total counter",
            "chaincity_cpu_seconds_total{stage=\"read_model\",thread=\"chaincity-follow\"} \
             2.000007000",
            "chaincity_wire_bytes_total{direction=\"in\"} 12",
            "chaincity_wire_bytes_total{direction=\"out\"} 345",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
