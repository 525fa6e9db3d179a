//! What processes used, as Linux tells in `/proc`: processor time, by what the threads are there
//! for, and peak memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::cost::TOTAL;
use crate::fault::Fault;

/// A tick of `/proc`'s clock, in microseconds: 100 a second on every architecture.
const TICK_US: u64 = 10_000;

/// What threads are there for, by how their names begin; the kernel cuts names off at 15 bytes.
const PURPOSES: &[(&str, &str)] = &[
    ("chaincity-api", "interface"),
    (ENGINE, "consensus"),
    ("chaincity-follo", "read_model"),
    ("chaincity-timer", "gossip"),
    ("chaincity-relea", "release"),
    ("fjall:", "history"),
    ("tokio-rt-worker", "consensus"),
];
const ENGINE: &str = "chaincity-engin";

/// What a thread of this name is there for. One without a name of its own is the engine's: the
/// kernel knows it by the name of the thread that made it.
pub(super) fn purpose(thread: &str) -> Option<&'static str> {
    let thread = if thread.is_empty() { ENGINE } else { thread };
    PURPOSES.iter().find(|(name, _)| thread.starts_with(name)).map(|(_, purpose)| *purpose)
}

/// Processor time used, in microseconds, by what the threads are there for; `total` also counts
/// threads that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Used(pub(super) BTreeMap<&'static str, u64>);

impl Used {
    /// What these processes used since they began.
    ///
    /// # Errors
    /// When a process has ended.
    pub(super) fn by(pids: &[u32]) -> Result<Self, Fault> {
        let mut used = Self::default();
        for pid in pids {
            let dir = PathBuf::from(format!("/proc/{pid}"));
            let (_, total) = stat(&dir.join("stat"))?;
            used.add(TOTAL, total);
            let tasks = dir.join("task");
            for entry in fs::read_dir(&tasks).map_err(Fault::io(&tasks))? {
                let task = entry.map_err(Fault::io(&tasks))?.path();
                // A thread may end while the list is read.
                let Ok((name, ticks)) = stat(&task.join("stat")) else { continue };
                if let Some(purpose) = purpose(&name) {
                    used.add(purpose, exact(&task).unwrap_or(ticks));
                }
            }
        }
        Ok(used)
    }

    fn add(&mut self, what: &'static str, us: u64) {
        let sum = self.0.entry(what).or_default();
        *sum = sum.saturating_add(us);
    }

    /// What was used after `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let each = |(what, us): (&&'static str, &u64)| {
            let before = earlier.0.get(what).copied().unwrap_or(0);
            (*what, us.saturating_sub(before))
        };
        Self(self.0.iter().map(each).collect())
    }

    /// All that was used, divided by `count`.
    pub(super) fn each(&self, count: u64) -> u64 {
        let total = self.0.get(TOTAL).copied().unwrap_or(0);
        total.checked_div(count).unwrap_or(0)
    }
}

/// A thread's processor time to the microsecond, where the kernel tells it: ticks begun are lost,
/// and a node has many threads.
fn exact(task: &Path) -> Option<u64> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    let nanos: u64 = text.split_whitespace().next()?.parse().ok()?;
    nanos.checked_div(1_000)
}

/// Name and processor time of a process or thread.
fn stat(path: &Path) -> Result<(String, u64), Fault> {
    let text = fs::read_to_string(path).map_err(Fault::io(path))?;
    parse(&text).ok_or_else(|| {
        Fault::other(
            format!("{} 无法读懂", path.display()),
            format!("{} cannot be understood", path.display()),
        )
    })
}

/// `proc(5)`: the name stands in parentheses and may hold anything; user and system time are the
/// 14th and 15th field.
fn parse(text: &str) -> Option<(String, u64)> {
    let (head, rest) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks = |field: Option<&str>| field?.parse::<u64>().ok();
    let (user, system) = (ticks(fields.next())?, ticks(fields.next())?);
    Some((name.to_owned(), user.saturating_add(system).saturating_mul(TICK_US)))
}

/// The most memory that any of these processes ever held, in mebibytes.
///
/// # Errors
/// When a process has ended.
pub(super) fn peak_memory_mb(pids: &[u32]) -> Result<u64, Fault> {
    let mut most = 0;
    for pid in pids {
        let path = PathBuf::from(format!("/proc/{pid}/status"));
        let text = fs::read_to_string(&path).map_err(Fault::io(&path))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0).div_ceil(1024));
    }
    Ok(most)
}

/// Bytes that the files of a folder take on the disk.
///
/// # Errors
/// When it cannot be read.
pub(super) fn disk_bytes(dir: &Path) -> Result<u64, Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0_u64;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Fault::io(&folder))? {
            let entry = entry.map_err(Fault::io(&folder))?;
            // A running node replaces files.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                bytes = bytes.saturating_add(metadata.blocks().saturating_mul(512));
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_parenthesis_does_not_shift_the_fields() {
        let text = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 0 0 20 0 3 0";
        assert_eq!(parse(text), Some(("a) b (c".to_owned(), 230_000)));
        assert_eq!(parse("7 (a) S 1 2"), None);
    }

    #[test]
    fn the_time_used_is_divided_by_the_count() {
        let of = |total| Used([("total", total)].into());
        assert_eq!(of(1_000).since(&of(400)), of(600));
        assert_eq!((of(600).each(3), of(600).each(0)), (200, 0));
    }
}
