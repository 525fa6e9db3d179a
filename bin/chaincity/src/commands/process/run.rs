//! `chaincity process run --auto`: plays a BPMN file through without data.

use std::collections::BTreeMap;
use std::path::Path;

use chaincity_process::auto::{self, Played};
use chaincity_process::model::Unsupported;
use serde::Serialize;

use super::read;
use crate::commands::package::show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What came of it: all processes together, then each.
#[derive(Debug, Serialize)]
struct Ran {
    /// Node id to times completed.
    completed: BTreeMap<String, u64>,
    /// Elements that cannot be run.
    unsupported: Vec<Element>,
    /// End events that were reached, in order.
    ended: Vec<String>,
    /// Moves made.
    steps: u64,
    /// Whether the bound on steps was hit.
    stopped: bool,
    processes: Vec<Process>,
}

#[derive(Debug, Serialize)]
struct Element {
    element: String,
    id: String,
    line: u64,
}

#[derive(Debug, Serialize)]
struct Process {
    process: String,
    completed: BTreeMap<String, u64>,
    ended: Vec<String>,
    /// Whether every token came to an end.
    finished: bool,
    steps: u64,
    stopped: bool,
    /// Why it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// The code of an error that nothing caught.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Joins at which tokens wait for ever.
    waiting: Vec<String>,
    /// Calls of processes that are not in the file.
    elsewhere: Vec<String>,
}

impl From<Played> for Process {
    fn from(played: Played) -> Self {
        let Played {
            process,
            completed,
            ended,
            finished,
            error,
            waiting,
            elsewhere,
            steps,
            stopped,
        } = played;
        let (steps, cause, stopped) = (steps.into(), stopped.clone(), stopped.is_some());
        Self {
            process,
            completed,
            ended,
            finished,
            steps,
            stopped,
            cause,
            error,
            waiting,
            elsewhere,
        }
    }
}

impl From<&Unsupported> for Element {
    fn from(found: &Unsupported) -> Self {
        let Unsupported { element, id, line } = found.clone();
        Self { element, id, line }
    }
}

pub(super) fn run(file: &Path, output: &mut Output) -> Result<Exit, Failure> {
    let model = match read(file)? {
        Ok(model) => model,
        Err(problems) => {
            show(&problems, output)?;
            return Ok(Exit::Negative);
        }
    };
    let (graph, _findings) = chaincity_process::compile(&model);
    let played = auto::played(&graph).into_iter().map(|place| auto::play(&graph, place));
    let processes: Vec<Process> = played.map(Process::from).collect();
    let mut ran = Ran {
        completed: BTreeMap::new(),
        unsupported: model.unsupported.iter().map(Element::from).collect(),
        ended: Vec::new(),
        steps: 0,
        stopped: false,
        processes: Vec::new(),
    };
    for process in &processes {
        for (node, times) in &process.completed {
            let sum = ran.completed.entry(node.clone()).or_insert(0);
            *sum = sum.saturating_add(*times);
        }
        ran.ended.extend(process.ended.iter().cloned());
        ran.steps = ran.steps.saturating_add(process.steps);
        ran.stopped |= process.stopped;
    }
    ran.processes = processes;
    output.report(&ran, for_person)?;
    // It was played as asked; what came of it is in the report.
    Ok(Exit::Ok)
}

fn for_person(ran: &Ran) -> Vec<String> {
    let mut lines = Vec::new();
    for process in &ran.processes {
        let verdict =
            if process.finished { "已结束 · ended" } else { "未结束 · did not end" };
        lines.push(format!("{}：{verdict}，{} 步 steps", process.process, process.steps));
        for (node, times) in &process.completed {
            lines.push(format!("    {times} × {node}"));
        }
        for join in &process.waiting {
            lines.push(format!("    汇合处仍在等待 · still waiting at the join {join}"));
        }
        for call in &process.elsewhere {
            lines.push(format!(
                "    被调用的流程不在本文件中 · calls a process that is elsewhere: {call}"
            ));
        }
        lines.extend(process.error.iter().map(|code| {
            format!("    以未捕获的错误结束 · ended by an error that nothing catches: {code}")
        }));
        lines.extend(process.cause.iter().map(|cause| format!("    已停止 · stopped: {cause}")));
    }
    for found in &ran.unsupported {
        lines.push(format!(
            "不支持 · not supported: {} {}（第{}行 line {}）",
            found.element, found.id, found.line, found.line
        ));
    }
    lines
}
