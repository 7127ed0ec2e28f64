//! What lies outside of a picture.
//!
//! `scipy.ndimage` answers by moving the coordinate, axis by axis, back into [0, n − 1], before interpolating:
//!
//! ```text
//! nearest    a a a a | a b c d | d d d d     clamped
//! reflect    d c b a | a b c d | d c b a     mirrored about the outer edges of the border pixels: period 2n
//! wrap       b c d b | a b c d | b c d b     period n − 1: the last pixel and the first are the same place
//! constant   k k k k | a b c d | k k k k     not moved: k, without blending, as soon as one axis is outside
//! ```
//!
//! That wrapping has period n − 1 is scipy's way for `wrap` (its `grid-wrap` has n), and Keras calls `wrap`. The
//! formulas below are those of scipy's `ni_interpolation.c`, down to which of the two coinciding pixels a multiple of
//! the period takes: the first coming from above, the last coming from below.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// How the places that a warp takes from outside of the picture are filled; Keras's `fill_mode`.
///
/// Written and read (also by serde) by its name: `nearest`, `constant`, `reflect`, `wrap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FillMode {
    /// With the border pixel.
    #[default]
    Nearest,
    /// With `cval`.
    Constant,
    /// With the mirrored picture.
    Reflect,
    /// With the picture over again.
    Wrap,
}

impl FillMode {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Nearest, Self::Constant, Self::Reflect, Self::Wrap];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Constant => "constant",
            Self::Reflect => "reflect",
            Self::Wrap => "wrap",
        }
    }

    /// The coordinate in [0, n − 1] whose value stands at `x`, which for [`FillMode::Constant`] must be one itself.
    pub(super) fn locate(self, x: f64, n: usize) -> f64 {
        let last = n as f64 - 1.0;
        if (0.0..=last).contains(&x) {
            return x;
        }
        let moved = match self {
            Self::Nearest | Self::Constant => x,
            Self::Reflect => {
                let period = 2.0 * n as f64;
                let from_edge = (x + 0.5).rem_euclid(period);
                from_edge.min(period - from_edge) - 0.5
            }
            Self::Wrap if last < 1.0 => 0.0,
            Self::Wrap if x < 0.0 => x + last * ((-x / last).trunc() + 1.0),
            Self::Wrap => x - last * (x / last).trunc(),
        };
        // Mirrored, a border pixel is two pixels wide: half a pixel of it may remain beyond either end.
        moved.clamp(0.0, last)
    }
}

impl fmt::Display for FillMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FillMode {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name).ok_or_else(|| DataError::Setting {
            name: "fill_mode",
            found: format!("'{name}'"),
            expected: "nearest, constant, reflect or wrap",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.ndimage.map_coordinates([0., 1., 2., 3.], [x], order=1, mode=…)` of a ramp gives the coordinate itself:
    ///
    /// ```python
    /// xs = [-9.25, -4.5, -3.0, -1.0, -0.75, -0.25, 3.25, 3.5, 6.0, 7.75, 12.5]
    /// ```
    #[test]
    fn coordinates_are_scipys() {
        let xs = [-9.25, -4.5, -3.0, -1.0, -0.75, -0.25, 3.25, 3.5, 6.0, 7.75, 12.5];
        let reflected = [0.25, 3.0, 2.0, 0.0, 0.0, 0.0, 3.0, 3.0, 1.0, 0.0, 2.5];
        let wrapped = [2.75, 1.5, 3.0, 2.0, 2.25, 2.75, 0.25, 0.5, 0.0, 1.75, 0.5];
        for (i, x) in xs.into_iter().enumerate() {
            assert_eq!(FillMode::Nearest.locate(x, 4), if x < 0.0 { 0.0 } else { 3.0 });
            assert_eq!(FillMode::Reflect.locate(x, 4), reflected[i], "reflect {x}");
            assert_eq!(FillMode::Wrap.locate(x, 4), wrapped[i], "wrap {x}");
        }
    }

    #[test]
    fn inside_nothing_moves_and_one_pixel_is_everywhere() {
        for mode in FillMode::ALL {
            assert_eq!(mode.locate(1.25, 4), 1.25);
            assert_eq!(mode.locate(0.0, 1), 0.0);
            if mode != FillMode::Constant {
                assert_eq!(mode.locate(-7.3, 1), 0.0);
                assert_eq!(mode.locate(1e30, 1), 0.0);
            }
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for mode in FillMode::ALL {
            assert_eq!(mode.to_string().parse::<FillMode>().unwrap(), mode);
        }
        assert!("mirror".parse::<FillMode>().unwrap_err().to_string().contains("reflect"));
    }
}
