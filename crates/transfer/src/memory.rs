//! How much memory this process has used at its fullest.

/// Peak resident set size in bytes, where the system tells it (Linux: `VmHWM` of `/proc/self/status`).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_peak_covers_what_was_touched() {
        let big = vec![1u8; 64 << 20];
        assert!(super::peak_rss_bytes().unwrap() > big.iter().map(|&b| u64::from(b)).sum());
    }
}
