//! What the kernel tells of this process.

use std::fs;

use anyhow::Context;

/// Ticks a second, in which Linux counts for all programs.
const TICKS: f64 = 100.0;

/// User and system time of all threads, those that ended as well.
pub(crate) fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has another form")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(11).context("utime")? + ticks(12).context("stime")?) / TICKS)
}

/// The most memory that was ever resident.
pub(crate) fn peak_memory_mib() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kib = line.trim().trim_end_matches("kB").trim().parse::<f64>().context("VmHWM")?;
    Ok(kib / 1024.0)
}
