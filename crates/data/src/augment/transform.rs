//! One drawn change, and a picture's variant by it.

use std::fmt;
use std::str::FromStr;

use graft_kernels::Isa;
use serde::{Deserialize, Serialize};

use super::fill::FillMode;
use super::matrix::{self, Matrix, product};
use super::{color, warp};
use crate::{DataError, Result, RgbF32};

/// Whose axes: see the [module's page](super).
///
/// Written and read (also by serde) by its name: `native`, `keras3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// Rows are vertical, columns horizontal.
    #[default]
    Native,
    /// Exchanged, as in Keras 3 and tf_keras.
    Keras3,
}

impl Compat {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Native, Self::Keras3];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Keras3 => "keras3",
        }
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compat {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|compat| compat.name() == name).ok_or_else(|| DataError::Setting {
            name: "augment_compat",
            found: format!("'{name}'"),
            expected: "native or keras3",
        })
    }
}

/// The parameters of one variant, by Keras's names for them. The default changes nothing.
///
/// ```
/// use graft_data::RgbF32;
/// use graft_data::augment::{Compat, Transform};
/// let dot = RgbF32::from_fn(5, 9, |y, x| if (y, x) == (1, 6) { [255.0; 3] } else { [0.0; 3] });
/// let up = Transform { tx: 1.0, ..Transform::default() }; // takes from one row further down
/// assert_eq!(up.apply(&dot, Compat::Native).pixel(0, 6), [255.0; 3]);
/// assert_eq!(up.apply(&dot, Compat::Keras3).pixel(1, 5), [255.0; 3]); // not so in Keras
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    /// Rotation in degrees.
    pub theta: f64,
    /// Pixels along the rows' axis: down.
    pub tx: f64,
    /// Pixels along the columns' axis: to the right.
    pub ty: f64,
    /// Shear in degrees.
    pub shear: f64,
    /// Factor of the rows' axis.
    pub zx: f64,
    /// Factor of the columns' axis.
    pub zy: f64,
    /// Left becomes right.
    pub flip_horizontal: bool,
    /// Top becomes bottom.
    pub flip_vertical: bool,
    /// Grey levels to add.
    pub channel_shift: Option<f64>,
    /// Factor of all values.
    pub brightness: Option<f64>,
    /// What fills the places from outside of the picture.
    pub fill_mode: FillMode,
    /// The grey level of [`FillMode::Constant`].
    pub cval: f32,
}

impl Default for Transform {
    fn default() -> Self {
        Self {
            theta: 0.0,
            tx: 0.0,
            ty: 0.0,
            shear: 0.0,
            zx: 1.0,
            zy: 1.0,
            flip_horizontal: false,
            flip_vertical: false,
            channel_shift: None,
            brightness: None,
            fill_mode: FillMode::Nearest,
            cval: 0.0,
        }
    }
}

impl Transform {
    /// The variant of `image`, of the same size.
    pub fn apply(&self, image: &RgbF32, compat: Compat) -> RgbF32 {
        let flips = warp::Flips { vertical: self.flip_vertical, horizontal: self.flip_horizontal };
        let mut variant = match self.matrix(image.height, image.width, compat) {
            Some(m) => {
                let fill = warp::Fill { mode: self.fill_mode, cval: self.cval };
                warp::warp(Isa::current(), image, &m, flips, fill)
            }
            None => warp::flip(image, flips),
        };
        if let Some(shift) = self.channel_shift {
            color::channel_shift(&mut variant.data, shift as f32);
        }
        if let Some(factor) = self.brightness {
            color::brightness(&mut variant.data, factor as f32);
        }
        variant
    }

    /// From places of the warped picture, before it is flipped, to places of the source; `None` if they are the same.
    fn matrix(&self, height: usize, width: usize, compat: Compat) -> Option<Matrix> {
        let factors = [
            (self.theta != 0.0).then(|| matrix::rotation(self.theta)),
            (self.tx != 0.0 || self.ty != 0.0).then(|| matrix::translation(self.tx, self.ty)),
            (self.shear != 0.0).then(|| matrix::shear(self.shear)),
            (self.zx != 1.0 || self.zy != 1.0).then(|| matrix::scale(self.zx, self.zy)),
        ];
        let m = factors.into_iter().flatten().reduce(|m, factor| product(&m, &factor))?;
        let m = matrix::about(&m, height as f64 / 2.0 - 0.5, width as f64 / 2.0 - 0.5);
        Some(match compat {
            Compat::Native => m,
            Compat::Keras3 => matrix::exchange_axes(&m),
        })
    }
}
