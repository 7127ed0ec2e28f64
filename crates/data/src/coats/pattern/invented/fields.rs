//! Eight ways to give every place on a skin a number: waves, shapes on a grid, clouds, veins, cells, bricks, checks, blots.

use graft_kernels::random::Stream;

use super::super::super::math::{
    Point, between, chance, direction, floor, length, plus, times, turned, wave,
};
use super::super::super::noise::{Noise, hash, pair};
use super::super::super::voronoi::Voronoi;

/// The number of every place, about −1 to 1.
type At = Box<dyn Fn(Point) -> f32>;

/// One animal's field.
pub(super) struct Field {
    pub(super) at: At,
    /// About how steeply it rises, a side of the picture being 1: what edges in it are softened by.
    pub(super) slope: f32,
}

impl Field {
    /// A field by the rule of a kind.
    pub(super) fn new(kind: &mut Stream, s: &mut Stream) -> Self {
        let rule = [gratings, lattice, clouds, veins, cells, bricks, checks, blots][kind.below(8) as usize];
        let (at, slope) = rule(kind, s);
        Self { at, slope }
    }
}

/// Half of the kinds are drawn out in one direction.
fn drawn_out(kind: &mut Stream, least: f32) -> f32 {
    if chance(kind, 0.5) { between(kind, least, 0.6) } else { 1.0 }
}

/// Waves in up to three directions.
fn gratings(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let many = between(kind, 3.0, 10.0);
    let directions = 1 + kind.below(3);
    let mut one = |_| (times(many * between(kind, 0.5, 1.2), direction(kind)), s.uniform());
    let waves: Vec<(Point, f32)> = (0..directions).map(&mut one).collect();
    let height = 1.0 / (directions as f32).sqrt();
    let train = move |p: Point, (d, phase): &(Point, f32)| height * wave(d[0] * p[0] + d[1] * p[1] + phase);
    (Box::new(move |p| waves.iter().map(|w| train(p, w)).sum()), 4.0 * many)
}

/// Discs, rings, squares, lozenges or crosses on a grid, more or less in their places.
fn lattice(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, aspect) = (between(kind, 3.5, 9.0), between(kind, 0.55, 1.0));
    let (shape, size, uneven) = (kind.below(5), between(kind, 0.22, 0.4), between(kind, 0.0, 0.3));
    let every_other_row = if chance(kind, 0.5) { 0.5 } else { 0.0 };
    let (phase, key) = ([s.uniform(), s.uniform()], s.next_u32());
    let at = move |p: Point| {
        let y = many * aspect * p[1] + phase[1];
        let j = floor(y);
        let x = many * p[0] + phase[0] + if j & 1 == 0 { 0.0 } else { every_other_row };
        let i = floor(x);
        let off = pair(hash(key, i, j)).map(|v| uneven * (v - 0.5));
        let d = [x - i as f32 - 0.5 + off[0], y - j as f32 - 0.5 + off[1]];
        let (small, large) = (d[0].abs().min(d[1].abs()), d[0].abs().max(d[1].abs()));
        let radius = match shape {
            0 => length(d),
            1 => 2.0 * (length(d) - 0.7 * size).abs() + 0.4 * size,
            2 => large,
            3 => small + large,
            _ => 1.6 * small + 0.5 * large,
        };
        (3.0 * (size - radius) / size).clamp(-1.0, 1.0)
    };
    (Box::new(at), 3.0 * many / size)
}

/// Noise of up to four sizes.
fn clouds(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, drawn) = (between(kind, 1.8, 7.0), drawn_out(kind, 0.2));
    let (octaves, along, noise) = (1 + kind.below(4), direction(kind), Noise::new(s));
    let at = move |p: Point| {
        let [x, y] = turned(p, along);
        1.4 * noise.fractal([many * x, many * drawn * y], octaves)
    };
    (Box::new(at), 4.0 * many)
}

/// The lines where noise is 0.
fn veins(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, drawn, sharp) = (between(kind, 1.6, 6.0), drawn_out(kind, 0.25), between(kind, 3.0, 7.0));
    let (octaves, along, noise) = (1 + kind.below(2), direction(kind), Noise::new(s));
    let at = move |p: Point| {
        let [x, y] = turned(p, along);
        (1.0 - sharp * noise.fractal([many * x, many * drawn * y], octaves).abs()).max(-1.0)
    };
    (Box::new(at), 2.0 * sharp * many)
}

/// Voronoi's cells: their borders, a level each, or their middles.
fn cells(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, stretched, along) = (between(kind, 2.5, 9.0), between(kind, 0.45, 1.0), direction(kind));
    let (seen, seam) = (kind.below(3), between(kind, 0.06, 0.2));
    let cells = Voronoi::new(s, between(kind, 0.4, 1.0));
    let cells = if chance(kind, 0.5) { cells.hexagonal() } else { cells };
    let at = move |p: Point| {
        let [x, y] = turned(p, along);
        let cell = cells.at([many * x, many * stretched * y]);
        match seen {
            0 => (2.0 * (cell.border - seam) / seam).clamp(-1.0, 1.0),
            1 => 2.0 * cell.own[0] - 1.0,
            _ => (1.0 - 3.0 * cell.radius).max(-1.0),
        }
    };
    (Box::new(at), 3.0 * many)
}

/// Bricks with joints, each as light as it likes.
fn bricks(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, aspect) = (between(kind, 4.0, 9.0), between(kind, 0.25, 1.0));
    let shift = [0.0, 0.5, 0.33][kind.below(3) as usize];
    let (joint, mottled) = (between(kind, 0.06, 0.2), between(kind, 0.0, 1.4));
    let (phase, key) = ([s.uniform(), s.uniform()], s.next_u32());
    let at = move |p: Point| {
        let y = many * p[1] + phase[1];
        let j = floor(y);
        let x = many * aspect * p[0] + phase[0] + shift * j as f32;
        let i = floor(x);
        let (a, b) = (x - i as f32, y - j as f32);
        let border = (a.min(1.0 - a) / aspect).min(b).min(1.0 - b);
        let brick = ((border - joint) / (0.5 * joint)).clamp(-1.0, 1.0);
        brick.min(1.0 - mottled * pair(hash(key, i, j))[0])
    };
    (Box::new(at), 2.0 * many / joint)
}

/// Two trains of stripes that cross, as on a chessboard or in cloth.
fn checks(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, aspect, skew) = (between(kind, 2.5, 7.0), between(kind, 0.5, 1.0), between(kind, -0.6, 0.6));
    let (woven, phase) = (chance(kind, 0.5), [s.uniform(), s.uniform()]);
    let at = move |p: Point| {
        let a = wave(many * p[0] + phase[0]);
        let b = wave(many * aspect * (p[1] + skew * p[0]) + phase[1]);
        if woven { (a - b).clamp(-1.0, 1.0) } else { (6.0 * a * b).clamp(-1.0, 1.0) }
    };
    (Box::new(at), 10.0 * many)
}

/// Blots that lie about, frayed or smooth, round or long; some places stay empty.
fn blots(kind: &mut Stream, s: &mut Stream) -> (At, f32) {
    let (many, stretched, along) = (between(kind, 3.0, 9.0), between(kind, 0.35, 1.0), direction(kind));
    let (share, least, more) = (between(kind, 0.35, 0.9), between(kind, 0.1, 0.25), between(kind, 0.0, 0.25));
    let (frayed, rough, cells) = (between(kind, 0.0, 0.25), Noise::new(s), Voronoi::new(s, 1.0));
    let at = move |p: Point| {
        let [x, y] = turned(p, along);
        let q = [many * x, many * stretched * y];
        let cell = cells.at(plus(q, frayed, rough.push(times(2.5, q))));
        let radius = if cell.own[0] < share { least + more * cell.own[1] } else { -0.3 };
        (4.0 * (radius - cell.radius)).clamp(-1.0, 1.0)
    };
    (Box::new(at), 4.0 * many)
}
