//! What a running program costs, as Linux tells it.

use std::fs;
use std::process::Command;

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the program runs");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("a program has memory");
    let kib: f64 =
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("the kernel writes a number");
    kib / 1024.0
}

/// Processor time used until now, in seconds, of all its threads.
pub(crate) fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the program runs");
    // The name in brackets may hold anything; the numbers follow the last one.
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = numbers.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / ticks_per_second()
}

fn ticks_per_second() -> f64 {
    let out = Command::new("getconf").arg("CLK_TCK").output().ok();
    out.and_then(|o| String::from_utf8(o.stdout).ok()).and_then(|t| t.trim().parse().ok()).unwrap_or(100.0)
}

/// The machine in a line: processor, cores, kernel.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, {cores} cores, Linux {}", model.trim_start_matches([' ', '\t', ':']), kernel.trim())
}
