//! Spots and stripes that nobody draws: two substances that react and spread (A. Turing, *The chemical basis of
//! morphogenesis*, 1952), in the model of Gray and Scott.
//!
//! `u` is fed, `v` eats it and dies; `u` spreads twice as fast:
//!
//! ```text
//! u' = Du ∇²u − u v² + F (1 − u)
//! v' = Dv ∇²v + u v² − (F + k) v
//! ```
//!
//! Where `v` is, it makes more of itself; around it `u` runs out. Feed `F` and kill `k` alone decide whether that ends
//! in spots, worms or a labyrinth (J. E. Pearson, *Complex patterns in a simple system*, Science 261, 1993).

use graft_kernels::random::Stream;

use super::math::{Point, between, floor, mix};

/// Cells along each side; the pattern is a torus, so that it may be looked at anywhere.
const SIDE: usize = 64;
/// Steps until the labyrinth has filled the torus and settled.
const STEPS: usize = 2400;
/// How fast `u` and `v` spread, in cells² a step: near the largest at which the scheme is stable, so that it settles in
/// few steps.
const SPREAD: [f32; 2] = [0.21, 0.105];

/// A pattern that has settled.
pub(super) struct ReactionDiffusion {
    /// `v`, from row to row.
    v: Vec<f32>,
}

impl ReactionDiffusion {
    /// Lets feed `f` and kill `k` work on drops of `v`, thrown at random.
    pub(super) fn new(s: &mut Stream, f: f32, k: f32) -> Self {
        let (mut u, mut v) = (vec![1.0; SIDE * SIDE], vec![0.0; SIDE * SIDE]);
        for _ in 0..SIDE {
            let [top, left] = [0; 2].map(|_| s.below(SIDE as u32) as usize);
            let strength = between(s, 0.3, 0.6);
            for i in 0..9 {
                let at = (top + i / 3) % SIDE * SIDE + (left + i % 3) % SIDE;
                (u[at], v[at]) = (0.5, strength);
            }
        }
        let (mut next_u, mut next_v) = (u.clone(), v.clone());
        for _ in 0..STEPS {
            for row in 0..SIDE {
                react(&u, &v, row, f, k, &mut next_u, &mut next_v);
            }
            std::mem::swap(&mut u, &mut next_u);
            std::mem::swap(&mut v, &mut next_v);
        }
        Self { v }
    }

    /// `v` at a place, in units of the torus' side, and between its cells a blend of four.
    pub(super) fn at(&self, p: Point) -> f32 {
        let [x, y] = p.map(|c| (c - floor(c) as f32) * SIDE as f32);
        let (i, j) = (floor(x), floor(y));
        let (fx, fy) = (x - i as f32, y - j as f32);
        let v = |di: usize, dj: usize| self.v[(j as usize + dj) % SIDE * SIDE + (i as usize + di) % SIDE];
        mix(mix(v(0, 0), v(1, 0), fx), mix(v(0, 1), v(1, 1), fx), fy)
    }
}

/// One row after one step.
fn react(u: &[f32], v: &[f32], row: usize, f: f32, k: f32, next_u: &mut [f32], next_v: &mut [f32]) {
    let line = |x: &[f32], row: usize| -> [f32; SIDE] {
        x[row % SIDE * SIDE..][..SIDE].try_into().expect("a row has SIDE cells")
    };
    let around = |x: &[f32]| {
        let (up, here, down) = (line(x, row + SIDE - 1), line(x, row), line(x, row + 1));
        let mut sum = [0.0; SIDE];
        for i in 1..SIDE - 1 {
            sum[i] = (up[i] + down[i]) + (here[i - 1] + here[i + 1]) - 4.0 * here[i];
        }
        for i in [0, SIDE - 1] {
            let (left, right) = (here[(i + SIDE - 1) % SIDE], here[(i + 1) % SIDE]);
            sum[i] = (up[i] + down[i]) + (left + right) - 4.0 * here[i];
        }
        (here, sum)
    };
    let ((u, u_around), (v, v_around)) = (around(u), around(v));
    let next_u = &mut next_u[row * SIDE..][..SIDE];
    let next_v = &mut next_v[row * SIDE..][..SIDE];
    for i in 0..SIDE {
        let eaten = u[i] * v[i] * v[i];
        next_u[i] = u[i] + (SPREAD[0] * u_around[i] - eaten + f * (1.0 - u[i]));
        next_v[i] = v[i] + (SPREAD[1] * v_around[i] + eaten - (f + k) * v[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use graft_kernels::random::Purpose;

    #[test]
    fn a_labyrinth_grows_and_stays_within_bounds() {
        let pattern = ReactionDiffusion::new(&mut Stream::new(1, Purpose::Data, 0, 0), 0.037, 0.06);
        assert!(pattern.v.iter().all(|v| (0.0..0.6).contains(v)));
        let full = pattern.v.iter().filter(|&&v| v > 0.2).count() as f32 / (SIDE * SIDE) as f32;
        assert!((0.25..0.75).contains(&full), "{full} of the torus is covered");
    }

    #[test]
    fn the_torus_has_no_seam() {
        let pattern = ReactionDiffusion::new(&mut Stream::new(1, Purpose::Data, 0, 0), 0.037, 0.06);
        assert_eq!(pattern.at([0.25, 0.5]), pattern.at([-1.75, 2.5]));
        assert!((pattern.at([0.9999, 0.3]) - pattern.at([0.0, 0.3])).abs() < 0.01);
    }
}
