//! Pictures as the pipeline holds them: rows of red, green, blue, either as bytes or as floats of the same scale.
//!
//! A decoded photo is an [`Rgb8`]; it stays one as long as possible, being a quarter of the size. Antialiased resizing
//! gives an [`Rgb8`] again (Pillow rounds there, and so do the models trained with it), `tf-bilinear` and augmentation
//! give an [`RgbF32`], whose values are still grey levels in 0..=255, unrounded. Neither is preprocessed: what a
//! network's weights want done to grey levels is no business of a picture.

use graft_kernels::Isa;
use graft_tensor::Shape;

use crate::{DataError, Result};

/// Values a pixel has: red, green, blue.
pub const CHANNELS: usize = 3;

/// A picture of 8-bit grey levels, `data[(row · width + column) · 3 + channel]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb8 {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Red, green, blue of each pixel, row by row from the top left.
    pub data: Vec<u8>,
}

/// A picture of unrounded grey levels, laid out as [`Rgb8`].
#[derive(Clone, PartialEq)]
pub struct RgbF32 {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Red, green, blue of each pixel, row by row from the top left; 0 is black, 255 is full.
    pub data: Vec<f32>,
}

impl Rgb8 {
    /// A picture of these bytes.
    ///
    /// # Errors
    /// [`DataError::Pixels`] if there are not `height · width · 3` of them.
    pub fn new(height: usize, width: usize, data: Vec<u8>) -> Result<Self> {
        check(height, width, data.len())?;
        Ok(Self { height, width, data })
    }

    /// A picture whose pixel at (row, column) is `f(row, column)`.
    ///
    /// ```
    /// # use graft_data::Rgb8;
    /// let ramp = Rgb8::from_fn(2, 256, |_, x| [x as u8; 3]);
    /// assert_eq!(ramp.pixel(1, 200), [200, 200, 200]);
    /// ```
    pub fn from_fn(height: usize, width: usize, f: impl FnMut(usize, usize) -> [u8; CHANNELS]) -> Self {
        Self { height, width, data: fill(height, width, f) }
    }

    /// Red, green, blue at (row, column).
    ///
    /// # Panics
    /// Outside of the picture.
    pub fn pixel(&self, y: usize, x: usize) -> [u8; CHANNELS] {
        pixel(&self.data, self.width, y, x)
    }

    /// The same picture in floats.
    pub fn to_f32(&self) -> RgbF32 {
        let mut data = vec![0.0; self.data.len()];
        self.write_to(&mut data);
        RgbF32 { height: self.height, width: self.width, data }
    }

    /// Writes the picture's values, in floats, to as many places.
    pub(crate) fn write_to(&self, values: &mut [f32]) {
        assert_eq!(self.data.len(), values.len(), "values of a picture");
        Isa::current().vectorize(
            #[inline(always)]
            || values.iter_mut().zip(&self.data).for_each(|(value, &byte)| *value = f32::from(byte)),
        );
    }
}

impl RgbF32 {
    /// A picture of these numbers.
    ///
    /// # Errors
    /// [`DataError::Pixels`] if there are not `height · width · 3` of them.
    pub fn new(height: usize, width: usize, data: Vec<f32>) -> Result<Self> {
        check(height, width, data.len())?;
        Ok(Self { height, width, data })
    }

    /// A picture whose pixel at (row, column) is `f(row, column)`.
    pub fn from_fn(height: usize, width: usize, f: impl FnMut(usize, usize) -> [f32; CHANNELS]) -> Self {
        Self { height, width, data: fill(height, width, f) }
    }

    /// Red, green, blue at (row, column).
    ///
    /// # Panics
    /// Outside of the picture.
    pub fn pixel(&self, y: usize, x: usize) -> [f32; CHANNELS] {
        pixel(&self.data, self.width, y, x)
    }

    /// The same picture in bytes: rounded half up, held within 0..=255, NaN as black.
    pub fn to_u8(&self) -> Rgb8 {
        let data = self.data.iter().map(|&v| (v + 0.5) as u8).collect();
        Rgb8 { height: self.height, width: self.width, data }
    }
}

fn check(height: usize, width: usize, len: usize) -> Result<()> {
    let expected = Shape::from([height, width, CHANNELS]);
    if expected.checked_elements() == Some(len) {
        Ok(())
    } else {
        Err(DataError::Pixels { expected, found: len })
    }
}

fn fill<T>(height: usize, width: usize, mut f: impl FnMut(usize, usize) -> [T; CHANNELS]) -> Vec<T> {
    let mut data = Vec::with_capacity(height * width * CHANNELS);
    for y in 0..height {
        for x in 0..width {
            data.extend(f(y, x));
        }
    }
    data
}

fn pixel<T: Copy>(data: &[T], width: usize, y: usize, x: usize) -> [T; CHANNELS] {
    assert!(x < width, "column {x} of a picture {width} wide");
    let at = (y * width + x) * CHANNELS;
    [data[at], data[at + 1], data[at + 2]]
}

impl std::fmt::Debug for Rgb8 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgb8({} × {})", self.height, self.width)
    }
}

impl std::fmt::Debug for RgbF32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RgbF32({} × {})", self.height, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_in_rows() {
        let image = Rgb8::from_fn(2, 3, |y, x| [y as u8, x as u8, 9]);
        assert_eq!(&image.data[9..12], &[1, 0, 9]);
        assert_eq!(image.pixel(1, 2), [1, 2, 9]);
        assert_eq!(image.to_f32().to_u8(), image);
    }

    #[test]
    fn a_wrong_count_is_refused() {
        assert!(Rgb8::new(2, 2, vec![0; 12]).is_ok());
        assert!(Rgb8::new(2, 2, vec![0; 11]).is_err());
        assert!(RgbF32::new(usize::MAX, 2, vec![0.0; 12]).is_err());
    }

    #[test]
    fn rounding_keeps_within_the_scale() {
        let image =
            RgbF32::from_fn(1, 2, |_, x| if x == 0 { [-3.0, 0.49, 0.5] } else { [254.5, 300.0, f32::NAN] });
        assert_eq!(image.to_u8().data, [0, 0, 1, 255, 255, 0]);
    }
}
