//! Which runs count, and the line that tells of them.
//!
//! A neighbour that takes one of two cores for a while doubles the time of whatever waits for both. So a run counts only
//! if other processes took less than 5 % of the CPUs during it, which Linux tells: what all of them have computed
//! (`/proc/stat`) less what this one has, children included (`/proc/self/stat`). A run is repeated work of a quarter of
//! a second at least, for that clock ticks a hundred times a second.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use graft_kernels::Isa;
use graft_kernels::conv2d::Algorithm;
use graft_tensor::DType;
use graft_transfer::Precision;
use graft_transfer::memory::peak_rss_bytes;
use serde::Serialize;

use crate::Result;
use crate::options::Options;

/// The shortest run in seconds: shorter work is repeated.
const SHORTEST: f64 = 0.25;

/// No further run begins after this, unless there are fewer than [`FEWEST`].
const BUDGET: Duration = Duration::from_secs(90);

/// What is waited for after every fourth run that does not count.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs that a median needs.
const FEWEST: usize = 3;

/// The part of the CPUs that others may take, and the seconds by which the clocks may differ.
const TOLERANCE: (f64, f64) = (0.05, 0.02);

/// Measures, and prints.
pub(crate) struct Clock {
    peer: String,
    threads: usize,
    runs: usize,
    cpus: Vec<usize>,
}

/// Seconds that some work took.
pub(crate) struct Timing {
    pub(crate) median: f64,
    min: f64,
    max: f64,
    runs: usize,
    dirty: usize,
}

/// What is told of a measurement beside its times.
#[derive(Debug, Default, Serialize)]
#[serde(default)]
pub(crate) struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) img_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ms_per_image: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gflops: Option<f64>,
}

#[derive(Serialize)]
struct Line<'a> {
    peer: &'a str,
    what: &'a str,
    threads: usize,
    batch: usize,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
    runs: usize,
    dirty: usize,
    clean: bool,
    #[serde(flatten)]
    extra: Extra,
    peak_rss_mb: Option<u64>,
}

impl Clock {
    /// A clock for work on so many threads; for a single one, the process is held on one CPU.
    pub(crate) fn new(isa: Isa, options: &Options) -> Result<Self> {
        let Options { threads, runs, conv_algorithm, precision, .. } = *options;
        let mut peer = format!("graft-{}/{isa}", env!("CARGO_PKG_VERSION"));
        if conv_algorithm != Algorithm::Auto {
            peer += &format!("/{conv_algorithm}");
        }
        if precision != Precision::F32 {
            peer += &format!("/{}", DType::from(precision));
        }
        Ok(Self { peer, threads, runs, cpus: cpus::allowed(threads == 1)? })
    }

    /// Times `work`, after having done it `warm` times.
    pub(crate) fn measure(&self, warm: usize, mut work: impl FnMut() -> Result<()>) -> Result<Timing> {
        for _ in 0..warm {
            work()?;
        }
        let once = Instant::now();
        work()?;
        let repeats = (SHORTEST / once.elapsed().as_secs_f64().max(1e-9)).ceil().max(1.0) as usize;
        let (mut good, mut dirty, begun) = (Vec::new(), Vec::new(), Instant::now());
        while good.len() < self.runs && (begun.elapsed() < BUDGET || good.len() + dirty.len() < FEWEST) {
            let (others, run) = (cpus::of_others(&self.cpus), Instant::now());
            for _ in 0..repeats {
                work()?;
            }
            let seconds = run.elapsed().as_secs_f64();
            let taken = cpus::of_others(&self.cpus).zip(others).map_or(0.0, |(after, before)| after - before);
            let bearable = TOLERANCE.0 * seconds * self.cpus.len() as f64 + TOLERANCE.1;
            let runs = if taken <= bearable { &mut good } else { &mut dirty };
            runs.push(seconds / repeats as f64);
            // Somebody is at work here: let them come to an end.
            if taken > bearable && dirty.len() % 4 == 0 {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(Timing::of(good, dirty))
    }

    /// Prints the line of a measurement in seconds of `batch` pictures, and adds it to the file that `PERF_OUT` names.
    pub(crate) fn tell(&self, what: &str, batch: usize, t: &Timing, extra: Extra) -> Result<()> {
        let per_second = (batch > 0).then(|| batch as f64 / t.median);
        let extra = Extra { img_per_s: extra.img_per_s.or(per_second).map(|v| rounded(v, 2)), ..extra };
        self.print(what, batch, "s", [t.median, t.min, t.max].map(|v| rounded(v, 6)), t, extra)
    }

    /// Prints a rate in GFLOP/s, of so many operations each time.
    pub(crate) fn tell_rate(&self, what: &str, flops: f64, t: &Timing) -> Result<()> {
        let rates = [t.median, t.max, t.min].map(|seconds| rounded(flops / seconds / 1e9, 1));
        self.print(what, 0, "GFLOP/s", rates, t, Extra::default())
    }

    fn print(
        &self,
        what: &str,
        batch: usize,
        unit: &'static str,
        [median, min, max]: [f64; 3],
        t: &Timing,
        extra: Extra,
    ) -> Result<()> {
        let line = serde_json::to_string(&Line {
            peer: &self.peer,
            what,
            threads: self.threads,
            batch,
            unit,
            median,
            min,
            max,
            runs: t.runs,
            dirty: t.dirty,
            clean: t.runs >= FEWEST,
            extra,
            peak_rss_mb: peak_rss_bytes().map(|bytes| bytes >> 20),
        })?;
        println!("{line}");
        if let Some(file) = std::env::var_os("PERF_OUT") {
            writeln!(OpenOptions::new().append(true).create(true).open(file)?, "{line}")?;
        }
        Ok(())
    }
}

impl Timing {
    /// The times of one of `parts` equal parts.
    pub(crate) fn of_each(self, parts: f64) -> Self {
        let Self { median, min, max, .. } = self;
        Self { median: median / parts, min: min / parts, max: max / parts, ..self }
    }

    /// Of the runs that count, if there are enough of them; else of all.
    fn of(good: Vec<f64>, dirty: Vec<f64>) -> Self {
        let (runs, dropped) = (good.len(), dirty.len());
        let mut used = good;
        if runs < FEWEST {
            used.extend(dirty);
        }
        used.sort_by(f64::total_cmp);
        let middle = used.len() / 2;
        let median = if used.len() % 2 == 1 { used[middle] } else { (used[middle - 1] + used[middle]) / 2.0 };
        Self { median, min: used[0], max: used[used.len() - 1], runs, dirty: dropped }
    }
}

/// To so many places.
pub(crate) fn rounded(value: f64, places: i32) -> f64 {
    let ten = 10_f64.powi(places);
    (value * ten).round() / ten
}

#[cfg(target_os = "linux")]
mod cpus {
    use std::fs;

    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    use crate::Result;

    /// The unit of the times in `/proc`, whatever the kernel's own clock is.
    const TICKS: f64 = 100.0;

    /// The CPUs that this process may run on; if `one`, it is held on the second of them, as the first serves the
    /// system's interrupts.
    pub(crate) fn allowed(one: bool) -> Result<Vec<usize>> {
        let itself = Pid::from_raw(0);
        let set = sched_getaffinity(itself)?;
        let mut cpus: Vec<usize> =
            (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect();
        if one && let Some(&cpu) = cpus.get(1).or(cpus.first()) {
            let mut only = CpuSet::new();
            only.set(cpu)?;
            sched_setaffinity(itself, &only)?;
            cpus = vec![cpu];
        }
        Ok(cpus)
    }

    /// Seconds that these CPUs have spent on others than this process and its children.
    pub(crate) fn of_others(cpus: &[usize]) -> Option<f64> {
        let all = busy(&fs::read_to_string("/proc/stat").ok()?, cpus);
        let own = own(&fs::read_to_string("/proc/self/stat").ok()?)?;
        Some((all as f64 - own as f64) / TICKS)
    }

    /// Ticks during which these CPUs were not idle, of a text such as `/proc/stat`.
    pub(super) fn busy(stat: &str, cpus: &[usize]) -> u64 {
        let of_line = |line: &str| {
            let (cpu, times) = line.strip_prefix("cpu")?.split_once(' ')?;
            // The first line is the sum, and has no number.
            let counts = cpu.parse().is_ok_and(|cpu| cpus.contains(&cpu));
            let times: Vec<u64> = times.split(' ').filter_map(|t| t.parse().ok()).collect();
            // user, nice, system, (idle, iowait,) irq, softirq, steal
            counts.then(|| [0, 1, 2, 5, 6, 7].iter().filter_map(|&i| times.get(i)).sum::<u64>())
        };
        stat.lines().filter_map(of_line).sum()
    }

    /// Ticks that a process and its children have computed, of a text such as `/proc/self/stat`.
    pub(super) fn own(stat: &str) -> Option<u64> {
        // The name of the program stands in brackets, and may hold anything.
        let (_, fields) = stat.rsplit_once(") ")?;
        let times = fields.split(' ').skip(11).take(4).map(|t| t.parse::<u64>().ok());
        times.sum()
    }
}

#[cfg(not(target_os = "linux"))]
mod cpus {
    use crate::Result;

    /// All of them, and the process stays where the system puts it.
    pub(crate) fn allowed(_one: bool) -> Result<Vec<usize>> {
        let count = std::thread::available_parallelism()?.get();
        Ok((0..count).collect())
    }

    /// Unknown here.
    pub(crate) fn of_others(_cpus: &[usize]) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirty_runs_count_only_where_clean_ones_are_too_few() {
        let t = Timing::of(vec![2.0, 1.0, 3.0], vec![90.0]);
        assert_eq!((t.median, t.min, t.max, t.runs, t.dirty), (2.0, 1.0, 3.0, 3, 1));
        let t = Timing::of(vec![2.0, 1.0], vec![3.0, 9.0]);
        assert_eq!((t.median, t.min, t.max, t.runs, t.dirty), (2.5, 1.0, 9.0, 2, 2));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn idle_cpus_and_those_elsewhere_do_not_count() {
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\n\
                    cpu0 100 20 3 5000 600 70 8 9 0 0\n\
                    cpu1 1 0 0 7777 0 0 0 0 0 0\n\
                    cpu10 5 0 0 7777 0 0 0 0 0 0\nintr 1 2 3\n";
        assert_eq!([&[0][..], &[1], &[0, 10]].map(|cpus| cpus::busy(stat, cpus)), [210, 1, 215]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn own_time_is_that_of_the_process_and_its_children() {
        let stat = "12 (a) b) R 1 2 3 4 5 6 7 8 9 10 400 30 2 1 20 0 8\n";
        assert_eq!(cpus::own(stat), Some(433));
        assert!(cpus::own(&std::fs::read_to_string("/proc/self/stat").unwrap()).is_some());
    }
}
