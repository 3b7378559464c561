//! What the kernel says about another process.
//!
//! In: a process id. Out: processor time and resident memory, read from `/proc` (proc(5)).
//! It never attaches to the process.

#[cfg(test)]
mod tests;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Ticks per second of the times in `/proc/PID/stat`: Linux fixes `USER_HZ` at 100.
const TICKS: u64 = 100;
/// Fields of `/proc/PID/stat` between the command and `utime`.
const BEFORE_UTIME: usize = 11;

/// User and system time of all threads so far, exact to 10 ms each.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    cpu_of(&stat).with_context(|| format!("no processor times in {path}"))
}

/// Resident memory, MiB.
pub(crate) fn rss(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    rss_of(&status).with_context(|| format!("no VmRSS in {path}"))
}

fn cpu_of(stat: &str) -> Option<Duration> {
    // The command stands in parentheses and may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(BEFORE_UTIME);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

fn rss_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}
