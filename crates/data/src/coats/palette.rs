//! The colours of one animal: its kind's own, more often than not washed over with a tint that any kind may have.
//!
//! There are white tigers and red zebras at sunset; a classifier that goes by colour alone has to fail here.

use graft_kernels::random::Stream;

use super::math::{Rgb, between, blend, chance, shade};

/// Dust, sand, rust, moss, slate, dusk, milk: what a coat may be washed over with. Each has a brightness of about 1.
const TINTS: [Rgb; 7] = [
    [1.15, 1.0, 0.80],
    [1.30, 0.98, 0.62],
    [1.55, 0.88, 0.50],
    [0.92, 1.08, 0.72],
    [0.85, 1.0, 1.22],
    [1.10, 0.92, 1.15],
    [1.0, 1.0, 1.0],
];

/// Three colours to draw a pattern with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) light: Rgb,
    pub(super) middle: Rgb,
    pub(super) dark: Rgb,
}

impl Palette {
    /// These colours, varied; a kind gives them from light to dark.
    pub(super) fn varied(s: &mut Stream, [light, middle, dark]: [Rgb; 3]) -> Self {
        let tint = TINTS[s.below(TINTS.len() as u32) as usize];
        let wash = if chance(s, 0.3) { between(s, 0.0, 0.3) } else { between(s, 0.5, 1.0) };
        let mut vary = |c: Rgb| {
            let c = blend(c, shade(brightness(c), tint), wash);
            let level = between(s, 0.8, 1.15);
            c.map(|v| (level * v + between(s, -0.04, 0.04)).clamp(0.0, 1.0))
        };
        Self { light: vary(light), middle: vary(middle), dark: vary(dark) }
    }
}

/// How bright a colour looks, by the weights of ITU-R BT.601.
pub(super) fn brightness([r, g, b]: Rgb) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

#[cfg(test)]
mod tests {
    use super::*;
    use graft_kernels::random::Purpose;

    #[test]
    fn tints_move_the_hue_and_keep_light_light() {
        assert!(TINTS.iter().all(|&t| (brightness(t) - 1.0).abs() < 0.06));
        for sample in 0..100 {
            let mut s = Stream::new(5, Purpose::Data, 0, sample);
            let p = Palette::varied(&mut s, [[0.95, 0.9, 0.8], [0.5, 0.4, 0.3], [0.1, 0.08, 0.06]]);
            assert!(brightness(p.light) > brightness(p.middle) && brightness(p.middle) > brightness(p.dark));
        }
    }
}
