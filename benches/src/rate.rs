//! Wall time, with rates printed as GFLOP/s and GB/s (10⁹).

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use std::time::{Duration, Instant};

/// The criterion of these benches.
pub type Criterion = criterion::Criterion<Rate>;

/// This many floating-point operations an iteration.
pub fn flops(n: usize) -> Throughput {
    Throughput::Elements(n as u64)
}

/// The bytes of this many f32, read or written in an iteration.
pub fn bytes(numbers: usize) -> Throughput {
    Throughput::BytesDecimal(4 * numbers as u64)
}

/// Wall time; elements count as floating-point operations.
#[derive(Debug, Clone, Copy)]
pub struct Rate;

impl Measurement for Rate {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        WallTime.start()
    }

    fn end(&self, start: Instant) -> Duration {
        WallTime.end(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        WallTime.add(a, b)
    }

    fn zero(&self) -> Duration {
        WallTime.zero()
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Rate {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(&self, typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let Throughput::Elements(flops) = *throughput else {
            return WallTime.formatter().scale_throughputs(typical, throughput, values);
        };
        // Operations a nanosecond are 10⁹ a second.
        values.iter_mut().for_each(|ns| *ns = flops as f64 / *ns);
        "GFLOP/s"
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}
