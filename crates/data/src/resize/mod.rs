//! Bringing pictures to one size, by the arithmetic of the library that did it for the model.
//!
//! A network sees whatever the resizing left of a photo, and libraries that name a method alike do not compute alike.
//! Two families matter here, and a model must go on being fed by the one it was trained with:
//!
//! | name | who | what |
//! |---|---|---|
//! | `bilinear` (default), `bicubic`, `lanczos` | Pillow | the filter is widened with the reduction: antialiased; bytes |
//! | `nearest` | Pillow, `load_img`'s default | the pixel under the centre; bytes |
//! | `tf-bilinear` | `tf.image.resize`, `image_dataset_from_directory` | four neighbours at any scale: aliased; floats |
//!
//! In all of them pixel i covers the interval [i, i+1), so that pixel i of the result has its centre, in pixels of the
//! source, at (i + ½)·s with s = source size / target size. `nearest` takes the pixel in which that point falls.
//! `tf-bilinear` weighs the two pixels whose centres lie on either side of it, per axis, even when s = 10 and eight out
//! of ten pixels are never looked at: the moiré of bricks and fur that follows is why antialiasing is the default.
//! The arithmetic of each stands in its own file: `pillow.rs` (and how it is made fast in `passes.rs`), `nearest.rs`,
//! `tensorflow.rs`.

mod nearest;
mod passes;
mod pillow;
mod tensorflow;

use std::fmt;
use std::str::FromStr;

use graft_kernels::Isa;
use serde::{Deserialize, Serialize};

use crate::{CHANNELS, DataError, Result, Rgb8, RgbF32};

/// How a picture is brought to another size.
///
/// Written and read (also by serde) by its name: `bilinear`, `nearest`, `bicubic`, `lanczos`, `tf-bilinear`.
///
/// ```
/// use graft_data::Interpolation;
/// let how: Interpolation = "tf-bilinear".parse()?;
/// assert_eq!(how, Interpolation::TfBilinear);
/// assert_eq!(Interpolation::default().to_string(), "bilinear");
/// # Ok::<(), graft_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// A triangle of two source pixels, or of two target pixels when reducing; as Pillow's `BILINEAR`.
    #[default]
    Bilinear,
    /// The source pixel under the centre of the target pixel; as Pillow's `NEAREST`.
    Nearest,
    /// Keys's cubic with a = −½; as Pillow's `BICUBIC`.
    Bicubic,
    /// A sinc windowed by a wider sinc, three lobes; as Pillow's `LANCZOS`.
    Lanczos,
    /// Between four neighbours whatever the scale; as `tf.image.resize` with its default `antialias=False`.
    TfBilinear,
}

impl Interpolation {
    /// All of them, the default first.
    pub const ALL: [Self; 5] =
        [Self::Bilinear, Self::Nearest, Self::Bicubic, Self::Lanczos, Self::TfBilinear];

    /// The name on the command line and in saved models.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Nearest => "nearest",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
            Self::TfBilinear => "tf-bilinear",
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Interpolation {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|how| how.name() == name).ok_or_else(|| DataError::Setting {
            name: "resize",
            found: format!("'{name}'"),
            expected: "bilinear, nearest, bicubic, lanczos or tf-bilinear",
        })
    }
}

/// A resized picture: bytes where the method rounds, floats where it does not.
#[derive(Debug, Clone, PartialEq)]
pub enum Resized {
    /// What Pillow's methods give, and any picture that had the size already.
    Bytes(Rgb8),
    /// What TensorFlow's gives.
    Floats(RgbF32),
}

impl Resized {
    /// The picture in floats, as augmentation and preprocessing take it.
    pub fn into_f32(self) -> RgbF32 {
        match self {
            Self::Bytes(image) => image.to_f32(),
            Self::Floats(image) => image,
        }
    }

    /// Writes the picture's values, in floats, to as many places.
    pub(crate) fn write_to(&self, values: &mut [f32]) {
        match self {
            Self::Bytes(image) => image.write_to(values),
            Self::Floats(image) => values.copy_from_slice(&image.data),
        }
    }
}

/// `image` at `height` × `width` pixels, without regard to its aspect ratio (as Keras does it). A picture that has this
/// size already is returned as it is.
///
/// # Errors
/// [`DataError::Resize`] if the picture or the target has no pixels, or the result does not fit into memory.
///
/// ```
/// use graft_data::{Interpolation, Resized, Rgb8, resize};
/// let ramp = Rgb8::from_fn(1, 4, |_, x| [80 * x as u8; 3]);
/// let Resized::Bytes(half) = resize(ramp, 1, 2, Interpolation::Bilinear)? else { unreachable!() };
/// assert_eq!(half.pixel(0, 0), [57, 57, 57]); // (3·0 + 3·80 + 1·160) / 7
/// # Ok::<(), graft_data::DataError>(())
/// ```
pub fn resize(image: Rgb8, height: usize, width: usize, how: Interpolation) -> Result<Resized> {
    let refuse = |why| DataError::Resize { from: (image.height, image.width), to: (height, width), why };
    if image.height == 0 || image.width == 0 {
        return Err(refuse("the picture has no pixels"));
    }
    if height == 0 || width == 0 {
        return Err(refuse("a side of the target is 0"));
    }
    if (image.height, image.width) == (height, width) {
        return Ok(Resized::Bytes(image));
    }
    let too_large = || refuse("the result does not fit into memory");
    let filter = match how {
        Interpolation::Nearest => {
            return nearest::resize(&image, height, width).map(Resized::Bytes).ok_or_else(too_large);
        }
        Interpolation::TfBilinear => {
            return tensorflow::resize(Isa::current(), &image, height, width)
                .map(Resized::Floats)
                .ok_or_else(too_large);
        }
        Interpolation::Bilinear => pillow::BILINEAR,
        Interpolation::Bicubic => pillow::BICUBIC,
        Interpolation::Lanczos => pillow::LANCZOS,
    };
    pillow::resize(Isa::current(), &image, height, width, filter).map(Resized::Bytes).ok_or_else(too_large)
}

/// An empty vector with room for a picture of this size, if there is that much memory.
fn room<T>(height: usize, width: usize) -> Option<Vec<T>> {
    let values = height.checked_mul(width)?.checked_mul(CHANNELS)?;
    let mut data = Vec::new();
    data.try_reserve_exact(values).ok()?;
    Some(data)
}

/// So many zeros, if there is that much memory.
fn zeros<T: Copy + Default>(len: usize) -> Option<Vec<T>> {
    let mut data = Vec::new();
    data.try_reserve_exact(len).ok()?;
    data.resize(len, T::default());
    Some(data)
}

#[cfg(test)]
mod tests;
