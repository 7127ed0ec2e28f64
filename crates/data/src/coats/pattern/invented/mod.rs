//! A coat that nobody wears: a rule put together at random, which all animals of one kind follow.
//!
//! A kind has one or two *fields*, a number for every place on the skin, that are joined to one; at certain levels of
//! it the colour changes. All this is drawn from the kind's stream, `kind`. What the kind leaves open (where the stripes
//! begin, how they bend, which places the dots take, how the colours are washed) comes from the animal's own, `s`.

mod fields;

use graft_kernels::random::Stream;

use self::fields::Field;
use super::super::math::{Rgb, between, blend, chance, plus, step, times, wave};
use super::super::noise::Noise;
use super::super::palette::{Palette, brightness};
use super::Skin;

/// How two fields become one.
#[derive(Debug, Clone, Copy)]
enum Join {
    /// A share of one, the rest of the other.
    Mean(f32),
    /// The one that is larger, with the second held back.
    Larger,
    /// One changes the sign of the other.
    Product,
}

impl Join {
    fn of(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Mean(share) => (1.0 - share) * a + share * b,
            Self::Larger => a.max(b - 0.2),
            Self::Product => 1.5 * a * b,
        }
    }
}

/// The skin of one animal of a kind.
pub(in super::super) fn skin(kind: &mut Stream, s: &mut Stream, pixel: f32) -> Skin {
    let colours = colours(kind, s);
    let Field { at: first, mut slope } = Field::new(kind, s);
    let join =
        [None, None, Some(Join::Mean(between(kind, 0.35, 0.7))), Some(Join::Larger), Some(Join::Product)]
            [kind.below(5) as usize];
    let second = join.map(|join| (join, Field::new(kind, s)));
    slope = slope.max(second.as_ref().map_or(0.0, |(_, field)| field.slope));
    let (low, high) = (between(kind, -0.35, 0.1), between(kind, 0.15, 0.6));
    // Two colours or three, in steps or, as on a map, in lines of equal height; with hard edges or flowing ones.
    let three = chance(kind, 0.4);
    let lines = chance(kind, 0.15).then(|| between(kind, 0.8, 1.6));
    let flowing = if chance(kind, 0.25) { between(kind, 0.1, 0.5) } else { 0.0 };
    let bent = if chance(kind, 0.6) { between(kind, 0.0, 0.12) } else { 0.0 };
    let (bend, often) = (Noise::new(s), between(kind, 1.2, 5.0));
    let soft = (1.5 * slope * lines.unwrap_or(1.0).max(1.0) * pixel).clamp(0.02, 0.6) + flowing;
    Box::new(move |p| {
        let q = plus(p, bent, bend.push(times(often, p)));
        let height = match &second {
            Some((join, field)) => join.of(first(q), (field.at)(q)),
            None => first(q),
        };
        let height = lines.map_or(height, |many| wave(many * height));
        let [ground, between, top] = colours;
        let low = step(low, soft, height);
        if three {
            blend(blend(ground, between, low), top, step(high, soft, height))
        } else {
            blend(ground, top, low)
        }
    })
}

/// Three colours of the kind, varied like those of any animal; from light to dark, or from dark to light.
fn colours(kind: &mut Stream, s: &mut Stream) -> [Rgb; 3] {
    let mut own = [0; 3].map(|_| [0; 3].map(|_| kind.uniform()));
    own.sort_by(|a, b| brightness(*b).total_cmp(&brightness(*a)));
    let [light, middle, dark] = own;
    let apart = [blend(light, [0.95; 3], 0.5), middle, blend(dark, [0.05; 3], 0.6)];
    let Palette { light, middle, dark } = Palette::varied(s, apart);
    if chance(kind, 0.5) { [light, middle, dark] } else { [dark, middle, light] }
}
