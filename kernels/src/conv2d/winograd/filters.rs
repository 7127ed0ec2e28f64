//! The filters at the points, U = (G g Gᵀ) / (f fᵀ), in the order in which the register tile reads them.
//!
//! ```text
//! U[panel of NR output channels][point 0..36][input channel][NR]
//! ```
//!
//! It is computed in f64 and rounded once, the divisors last: four numbers for each one of the filters, 235 MB for the
//! twelve layers of VGG16 behind the first, which is why a frozen layer's are kept ([`crate::conv2d::KeptFilters`]).

use rayon::prelude::*;

use super::transform::{DIVISORS, PLANES, POINTS, TAPS, filter};
use crate::conv2d::Conv2dShape;
use crate::simd::Simd;

/// The filters of a layer, (3, 3, cin, cout), read as those of a pass.
#[derive(Copy, Clone)]
pub(super) enum Taps<'a> {
    /// As they are: sums over cin.
    Forward(&'a Conv2dShape, &'a [f32]),
    /// Turned by 180°, the channels swapped: sums over cout.
    Backward(&'a Conv2dShape, &'a [f32]),
}

impl Taps<'_> {
    /// Channels summed over, and channels that come out.
    pub(super) fn channels(&self) -> [usize; 2] {
        match self {
            Self::Forward(s, _) => [s.cin, s.cout],
            Self::Backward(s, _) => [s.cout, s.cin],
        }
    }

    /// The nine taps from channel `k` to the channels from `first` on; zeros beyond the last.
    #[inline(always)]
    fn gather<const NR: usize>(&self, k: usize, first: usize, to: &mut [[f32; NR]; TAPS * TAPS]) {
        let width = NR.min(self.channels()[1] - first);
        for (tap, to) in to.iter_mut().enumerate() {
            match self {
                Self::Forward(s, w) => {
                    let from = &w[(tap * s.cin + k) * s.cout + first..][..width];
                    to[..width].copy_from_slice(from);
                }
                Self::Backward(s, w) => {
                    let turned = TAPS * TAPS - 1 - tap;
                    let from = w[(turned * s.cin + first) * s.cout + k..].iter().step_by(s.cout);
                    to[..width].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
            to[width..].fill(0.0);
        }
    }
}

/// Numbers of U.
pub(super) fn packed_len<const NR: usize>([channels, outputs]: [usize; 2]) -> usize {
    PLANES * channels * outputs.next_multiple_of(NR)
}

/// Writes U.
pub(super) fn pack<S: Simd, const NR: usize>(s: S, taps: Taps<'_>, u: &mut [f32]) {
    let [channels, _] = taps.channels();
    // A quarter of a panel's channels is a task: 64 → 64 channels are two panels only.
    let part = channels.div_ceil(4).max(1);
    let rows = u.as_chunks_mut::<NR>().0;
    let panels = rows.par_chunks_mut((PLANES * channels).max(1)).enumerate();
    panels.for_each(|(panel, u)| {
        // One piece of each plane's channels goes to each task.
        let mut tasks: Vec<Vec<&mut [[f32; NR]]>> = Vec::new();
        for plane in u.chunks_exact_mut(channels) {
            for (task, piece) in plane.chunks_mut(part).enumerate() {
                if tasks.len() == task {
                    tasks.push(Vec::with_capacity(PLANES));
                }
                tasks[task].push(piece);
            }
        }
        tasks.into_par_iter().enumerate().for_each(|(task, mut planes)| {
            s.vectorize(
                #[inline(always)]
                || transform(taps, panel * NR, task * part, &mut planes),
            );
        });
    });
}

/// The channels from `first_k` on, as many as the pieces of the planes have rows.
#[inline(always)]
fn transform<const NR: usize>(taps: Taps<'_>, first: usize, first_k: usize, planes: &mut [&mut [[f32; NR]]]) {
    let (mut g, mut at_points) = ([[0.0; NR]; TAPS * TAPS], [[0.0; NR]; PLANES]);
    for k in 0..planes[0].len() {
        taps.gather(first_k + k, first, &mut g);
        for lane in 0..NR {
            let mut columns = [[0.0; TAPS]; POINTS];
            for x in 0..TAPS {
                let mut column = [0.0; TAPS];
                for y in 0..TAPS {
                    column[y] = f64::from(g[y * TAPS + x][lane]);
                }
                let column = filter(column);
                for i in 0..POINTS {
                    columns[i][x] = column[i];
                }
            }
            for i in 0..POINTS {
                let row = filter(columns[i]);
                for j in 0..POINTS {
                    at_points[i * POINTS + j][lane] = (row[j] * (1.0 / (DIVISORS[i] * DIVISORS[j]))) as f32;
                }
            }
        }
        for (plane, values) in planes.iter_mut().zip(&at_points) {
            plane[k] = *values;
        }
    }
}
