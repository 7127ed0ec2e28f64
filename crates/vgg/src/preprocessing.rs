//! What must be done to pixels before a network sees them: a property of its weights, kept with them.
//!
//! VGG16's weights were trained with Caffe, whose pictures came as blue, green, red from 0 to 255, minus the mean of
//! ImageNet's training pictures. Other pixels (red first, or divided by 255) give other features, silently.

use std::fmt;
use std::str::FromStr;

use graft_nn::NnError;
use serde::{Deserialize, Serialize};

/// The mean of ImageNet's training pictures: blue, green, red.
pub const IMAGENET_MEANS_BGR: [f32; 3] = [103.939, 116.779, 123.68];

/// How raw pixels, RGB from 0 to 255, become what a network expects; stored with each model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preprocessing {
    /// Pixels as they are.
    None,
    /// RGB to BGR, minus ImageNet's means, no scaling: what VGG16's weights expect.
    Caffe,
    /// Divided by 255, as many recipes have it, whatever the weights expect.
    Rescale,
}

impl Preprocessing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Caffe, Self::Rescale];

    /// The name on a command line and in a model's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Caffe => "caffe",
            Self::Rescale => "rescale",
        }
    }

    /// Turns raw pixels into what the network expects, in place. To be applied once: the result are no pixels any more.
    ///
    /// # Panics
    /// If the numbers are not whole pixels of three channels.
    pub fn apply(self, rgb: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Caffe => preprocess_input(rgb),
            Self::Rescale => rgb.iter_mut().for_each(|v| *v /= 255.0),
        }
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("RGB 0 to 255, as they are"),
            Self::Caffe => write!(f, "RGB to BGR, minus {IMAGENET_MEANS_BGR:?}, no scaling"),
            Self::Rescale => f.write_str("RGB / 255"),
        }
    }
}

impl FromStr for Preprocessing {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self, NnError> {
        let known = Self::ALL.into_iter().find(|p| p.name() == name);
        known.ok_or_else(|| {
            NnError::argument("the preprocessing", "caffe, rescale or none", format!("'{name}'"))
        })
    }
}

/// `keras.applications.vgg16.preprocess_input`, in place: RGB from 0 to 255 to BGR minus ImageNet's means.
///
/// ```
/// let mut pixel = [255.0, 116.779, 0.0]; // red, green, blue
/// graft_vgg::preprocess_input(&mut pixel);
/// assert_eq!(pixel, [-103.939, 0.0, 255.0 - 123.68]);
/// ```
///
/// # Panics
/// If the numbers are not whole pixels of three channels.
pub fn preprocess_input(rgb: &mut [f32]) {
    let (pixels, rest) = rgb.as_chunks_mut::<3>();
    assert!(rest.is_empty(), "pixels have three channels");
    let [blue, green, red] = IMAGENET_MEANS_BGR;
    for pixel in pixels {
        let [r, g, b] = *pixel;
        *pixel = [b - blue, g - green, r - red];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caffe_swaps_and_subtracts_in_f32() {
        let mut pixels = [10.0, 20.0, 30.0, 0.0, 0.0, 0.0];
        Preprocessing::Caffe.apply(&mut pixels);
        let [b, g, r] = [103.939f32, 116.779, 123.68];
        assert_eq!(pixels, [30.0 - b, 20.0 - g, 10.0 - r, -b, -g, -r]);
        let mut pixels = [0.0, 51.0, 255.0];
        Preprocessing::Rescale.apply(&mut pixels);
        assert_eq!(pixels, [0.0, 0.2, 1.0]);
        let mut pixels = [10.0, 20.0, 30.0];
        Preprocessing::None.apply(&mut pixels);
        assert_eq!(pixels, [10.0, 20.0, 30.0]);
    }

    #[test]
    fn it_is_stored_by_name_and_said_in_words() {
        for preprocessing in Preprocessing::ALL {
            let name = preprocessing.name();
            assert_eq!(serde_json::to_string(&preprocessing).unwrap(), format!("\"{name}\""));
            assert_eq!(name.parse::<Preprocessing>().unwrap(), preprocessing);
        }
        let error = "torch".parse::<Preprocessing>().unwrap_err().to_string();
        assert!(error.contains("torch") && error.contains("caffe, rescale or none"), "{error}");
        assert_eq!(
            Preprocessing::Caffe.to_string(),
            "RGB to BGR, minus [103.939, 116.779, 123.68], no scaling"
        );
    }
}
