//! What processes used, as Linux tells in `/proc`: processor time, by stage where a stage has
//! threads of its own, and peak memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// A tick of `/proc`'s clock, in microseconds: 100 a second on every architecture.
const TICK_US: u64 = 10_000;

/// Stages by how the names of their threads begin; the kernel cuts names off at 15 bytes. The
/// engine's threads run consensus, execution and state, and hand blocks over to the history.
const STAGES: &[(&str, &str)] = &[
    ("chaincity-api", "api"),
    ("chaincity-engin", "engine"),
    ("chaincity-follo", "read_model"),
    ("chaincity-timer", "gossip"),
    ("fjall:", "history"),
    ("tokio-rt-worker", "engine"),
];

/// Processor time used, in microseconds, by stage; `total` also counts threads that ended.
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
            used.add("total", total);
            let tasks = dir.join("task");
            for entry in fs::read_dir(&tasks).map_err(Fault::io(&tasks))? {
                let path = entry.map_err(Fault::io(&tasks))?.path().join("stat");
                // A thread may end while the list is read.
                let Ok((name, us)) = stat(&path) else { continue };
                if let Some((_, stage)) = STAGES.iter().find(|(thread, _)| name.starts_with(thread))
                {
                    used.add(stage, us);
                }
            }
        }
        Ok(used)
    }

    fn add(&mut self, stage: &'static str, us: u64) {
        let sum = self.0.entry(stage).or_default();
        *sum = sum.saturating_add(us);
    }

    /// What was used after `earlier`, divided by `count`.
    pub(super) fn since(&self, earlier: &Self, count: u64) -> Self {
        let each = |(stage, us): (&&'static str, &u64)| {
            let before = earlier.0.get(stage).copied().unwrap_or(0);
            (*stage, us.saturating_sub(before).checked_div(count).unwrap_or(0))
        };
        Self(self.0.iter().map(each).collect())
    }
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
        assert_eq!(of(1_000).since(&of(400), 3), of(200));
        assert_eq!(of(1_000).since(&of(400), 0), of(0));
    }
}
