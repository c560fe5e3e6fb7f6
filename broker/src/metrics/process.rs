//! What the operating system tells of this process.

use std::fs;

/// The process as `/proc/self` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ProcessUsage {
    /// CPU time, user and system.
    pub(crate) cpu_seconds: f64,
    /// Resident memory.
    pub(crate) resident_bytes: u64,
    /// Open file descriptors.
    pub(crate) open_files: u64,
}

impl ProcessUsage {
    /// Reads it; what cannot be read is 0.
    pub(crate) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(0);
        Self {
            cpu_seconds: cpu_seconds(&stat, ticks_per_second).unwrap_or(0.0),
            resident_bytes: resident_pages(&statm).unwrap_or(0).saturating_mul(page_bytes),
            open_files: u64::try_from(open_files).unwrap_or(0),
        }
    }
}

/// Fields 14 and 15 of `/proc/<pid>/stat`, counted behind the command, which may hold spaces (proc(5)).
#[expect(clippy::cast_precision_loss, reason = "ticks of a process' life are far below 2^52")]
fn cpu_seconds(stat: &str, ticks_per_second: u64) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) as f64 / ticks_per_second as f64)
}

/// Field 2 of `/proc/<pid>/statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_command_with_spaces() {
        let stat = "1 (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(cpu_seconds(stat, 100), Some(2.0));
        assert_eq!(cpu_seconds("", 100), None);
        assert_eq!(resident_pages("100 25 3 4 5 6 7"), Some(25));
        assert_eq!(resident_pages(""), None);
    }

    #[test]
    fn this_process_is_there() {
        let usage = ProcessUsage::read();
        assert!(usage.resident_bytes > 100_000 && usage.open_files > 0, "{usage:?}");
    }
}
