//! What this machine has.

/// Its memory, in bytes; 0 where the system does not tell (it is asked as Linux answers, proc(5)).
pub(crate) fn memory_bytes() -> u64 {
    std::fs::read_to_string("/proc/meminfo").map(|text| total(&text)).unwrap_or(0)
}

fn total(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_tells_it() {
        assert_eq!(total("MemTotal:       24683392 kB\nMemFree: 1 kB\n"), 24_683_392 * 1_024);
        assert_eq!(total("MemTotal: much"), 0);
    }
}
