//! The plane divided among scattered points: each place belongs to the nearest. Giraffes, and cells of most tissues.

use graft_kernels::random::Stream;

use super::math::{Point, floor, length, minus, plus};
use super::noise::{hash, pair};

/// One point in every unit square, moved from its middle at random.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voronoi {
    key: u32,
    jitter: f32,
    /// Where the picture's middle lies among the squares.
    middle: Point,
    /// How far every other row is moved sideways: ½ makes hexagons of what would be squares.
    shift: f32,
}

/// Where a place lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// How far the point is.
    pub(super) radius: f32,
    /// How far the border with the nearest neighbour is.
    pub(super) border: f32,
    /// Two numbers in [0, 1) that are the cell's own.
    pub(super) own: Point,
}

impl Voronoi {
    /// With points that lie within `jitter` / 2 of the middle of their squares, `jitter` in 0..=1.
    pub(super) fn new(s: &mut Stream, jitter: f32) -> Self {
        Self { key: s.next_u32(), jitter, middle: [s.uniform(), s.uniform()], shift: 0.0 }
    }

    /// Every other row moved by half a unit.
    pub(super) fn hexagonal(self) -> Self {
        Self { shift: 0.5, ..self }
    }

    /// The cell that `p` is in. Looks at the nine squares around, which hold the nearest point all but always.
    pub(super) fn at(self, p: Point) -> Cell {
        let p = plus(p, 1.0, self.middle);
        let row = floor(p[1]);
        let mut near = [([0.0; 2], f32::INFINITY, 0); 2];
        for j in row - 1..=row + 1 {
            let shift = if j & 1 == 0 { 0.0 } else { self.shift };
            let column = floor(p[0] - shift);
            for i in column - 1..=column + 1 {
                let h = hash(self.key, i, j);
                let place = |whole: i32, off: f32| whole as f32 + 0.5 + self.jitter * (off - 0.5);
                let [a, b] = pair(h);
                let from = minus(p, [place(i, a) + shift, place(j, b)]);
                let squared = from[0] * from[0] + from[1] * from[1];
                if squared < near[0].1 {
                    near = [(from, squared, h), near[0]];
                } else if squared < near[1].1 {
                    near[1] = (from, squared, h);
                }
            }
        }
        let [(this, first, h), (other, second, _)] = near;
        // The border lies halfway between the two points, at a right angle to the line that joins them.
        let border = (second - first) / (2.0 * length(minus(other, this)));
        Cell { radius: first.sqrt(), border, own: pair(hash(h, 1, 1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use graft_kernels::random::Purpose;

    #[test]
    fn without_jitter_cells_are_squares() {
        let scattered = Voronoi::new(&mut Stream::new(1, Purpose::Data, 0, 0), 0.0);
        let grid = Voronoi { middle: [0.0; 2], ..scattered };
        let cell = grid.at([3.75, -1.5]);
        assert_eq!((cell.radius, cell.border), (0.25, 0.25));
        assert_eq!(cell.own, grid.at([3.25, -1.25]).own);
        assert_ne!(cell.own, grid.at([4.25, -1.25]).own);
        assert_eq!(grid.hexagonal().at([4.0, -0.5]).radius, 0.0);
    }

    #[test]
    fn the_nearest_point_is_found() {
        let scattered = Voronoi::new(&mut Stream::new(2, Purpose::Data, 0, 0), 0.8);
        for i in 0..500 {
            let cell = scattered.at([i as f32 * 0.31, i as f32 * 0.17]);
            assert!(cell.radius < 1.1 && cell.border >= 0.0);
        }
    }
}
