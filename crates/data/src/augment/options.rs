//! The ranges, and one draw from them.

use graft_kernels::random::Stream;
use serde::{Deserialize, Serialize};

use super::{FillMode, Interval, Transform};
use crate::{DataError, Result};

/// What may be done to a training picture: the options of Keras's `ImageDataGenerator`, by their names there, and all
/// off by default.
///
/// ```
/// use graft_data::augment::{Augmentation, Compat, Interval};
/// use graft_kernels::random::{Purpose, Stream};
/// # let photo = graft_data::RgbF32::from_fn(48, 64, |y, x| [y as f32, x as f32, 0.0]);
/// let augmentation = Augmentation {
///     rotation_range: 30.0,
///     width_shift_range: 0.1,
///     zoom_range: Interval::around_one(0.2),
///     horizontal_flip: true,
///     ..Augmentation::default()
/// };
/// augmentation.validate()?;
///
/// let (seed, epoch, index) = (7, 3, 120);
/// let mut stream = Stream::new(seed, Purpose::Augment, epoch, index);
/// let transform = augmentation.sample(&mut stream, photo.height, photo.width);
/// let variant = transform.apply(&photo, Compat::Native);
/// # assert_eq!((variant.height, variant.width), (48, 64));
/// # Ok::<(), graft_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Turns by up to this many degrees, either way.
    pub rotation_range: f64,
    /// Shifts to the left or right by up to this much: a fraction of the width below 1, else pixels. (An *integer* n in
    /// Keras is a choice of −n+1 … n−1; there is no such choice here.)
    pub width_shift_range: f64,
    /// Shifts up or down by up to this much: a fraction of the height below 1, else pixels.
    pub height_shift_range: f64,
    /// Shears by up to this many degrees, either way.
    pub shear_range: f64,
    /// Factors of height and width, drawn apart; above 1 things become smaller.
    pub zoom_range: Interval,
    /// Mirrors left and right every other time.
    pub horizontal_flip: bool,
    /// Mirrors top and bottom every other time.
    pub vertical_flip: bool,
    /// Factors of brightness. Even a factor of 1 drops what is left of grey levels after the point, as in Keras.
    pub brightness_range: Option<Interval>,
    /// Adds up to this many grey levels to all values, or takes them away.
    pub channel_shift_range: f64,
    /// What fills the places from outside of the picture.
    pub fill_mode: FillMode,
    /// The grey level of [`FillMode::Constant`].
    pub cval: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            rotation_range: 0.0,
            width_shift_range: 0.0,
            height_shift_range: 0.0,
            shear_range: 0.0,
            zoom_range: Interval::ONE,
            horizontal_flip: false,
            vertical_flip: false,
            brightness_range: None,
            channel_shift_range: 0.0,
            fill_mode: FillMode::Nearest,
            cval: 0.0,
        }
    }
}

impl Augmentation {
    /// Whether no option changes a picture.
    pub fn is_off(&self) -> bool {
        let Self { fill_mode, cval, .. } = *self;
        *self == Self { fill_mode, cval, ..Self::default() }
    }

    /// Checks that a picture can come of every draw.
    ///
    /// # Errors
    /// [`DataError::Setting`] with the first option that has a value it cannot have.
    pub fn validate(&self) -> Result<()> {
        let refuse = |name, found: String, expected| Err(DataError::Setting { name, found, expected });
        for (name, value) in [
            ("rotation_range", self.rotation_range),
            ("width_shift_range", self.width_shift_range),
            ("height_shift_range", self.height_shift_range),
            ("shear_range", self.shear_range),
            ("channel_shift_range", self.channel_shift_range),
        ] {
            if !(0.0..f64::INFINITY).contains(&value) {
                return refuse(name, value.to_string(), "a number from 0 up");
            }
        }
        if self.shear_range >= 90.0 {
            let found = self.shear_range.to_string();
            return refuse(
                "shear_range",
                found,
                "less than 90 degrees, where a picture is sheared to a line",
            );
        }
        let ordered = |i: &Interval| i.low <= i.high && i.high < f64::INFINITY;
        if !(ordered(&self.zoom_range) && self.zoom_range.low > 0.0) {
            let found = self.zoom_range.to_string();
            return refuse(
                "zoom_range",
                found,
                "two factors above 0, the smaller first, or one number below 1",
            );
        }
        if let Some(range) = &self.brightness_range
            && !(ordered(range) && range.low >= 0.0)
        {
            return refuse("brightness_range", range.to_string(), "two factors from 0 up, the smaller first");
        }
        if !self.cval.is_finite() {
            return refuse("cval", self.cval.to_string(), "a grey level, as a rule from 0 to 255");
        }
        Ok(())
    }

    /// Draws the transform of one picture of `height` × `width` pixels.
    ///
    /// Every option takes its numbers from the stream whether it is on or off, so that switching one on leaves the
    /// draws of the others as they were.
    pub fn sample(&self, stream: &mut Stream, height: usize, width: usize) -> Transform {
        let mut either_way = |range: f64| stream.range(-range, range);
        let theta = either_way(self.rotation_range);
        let tx = either_way(pixels(self.height_shift_range, height));
        let ty = either_way(pixels(self.width_shift_range, width));
        let shear = either_way(self.shear_range);
        let channel_shift = either_way(self.channel_shift_range);
        let mut within = |range: Interval| stream.range(range.low, range.high);
        let (zx, zy) = (within(self.zoom_range), within(self.zoom_range));
        let brightness = within(self.brightness_range.unwrap_or(Interval::ONE));
        let mut coin = || stream.uniform() < 0.5;
        Transform {
            theta,
            tx,
            ty,
            shear,
            zx,
            zy,
            flip_horizontal: coin() && self.horizontal_flip,
            flip_vertical: coin() && self.vertical_flip,
            channel_shift: (self.channel_shift_range != 0.0).then_some(channel_shift),
            brightness: self.brightness_range.map(|_| brightness),
            fill_mode: self.fill_mode,
            cval: self.cval,
        }
    }
}

/// A shift range in pixels of a side.
fn pixels(range: f64, side: usize) -> f64 {
    if range < 1.0 { range * side as f64 } else { range }
}
