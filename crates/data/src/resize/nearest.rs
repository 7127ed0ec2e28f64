//! Pillow's `NEAREST`: target pixel i takes source pixel ⌊(i + ½)·s⌋.
//!
//! Where (i + ½)·s is a whole number, rounding decides which of two pixels it is, and Pillow does not compute the
//! product: it adds s up from ½·s, one pixel at a time (`ImagingScaleAffine` in its `Geometry.c`). The rounding of the
//! sum is part of the result: at 500 → 695 pixels, for one, the product picks other pixels.

use super::room;
use crate::{CHANNELS, Rgb8};

/// `None` if there is no memory for it.
pub(super) fn resize(image: &Rgb8, height: usize, width: usize) -> Option<Rgb8> {
    let mut data = room(height, width)?;
    let columns = sources(image.width, width)?;
    for row in sources(image.height, height)? {
        let line = &image.data[row * image.width * CHANNELS..][..image.width * CHANNELS];
        for &column in &columns {
            data.extend_from_slice(&line[column * CHANNELS..][..CHANNELS]);
        }
    }
    Some(Rgb8 { height, width, data })
}

/// The source pixel of each target pixel along one axis.
fn sources(from: usize, to: usize) -> Option<Vec<usize>> {
    let mut indices = Vec::new();
    indices.try_reserve_exact(to).ok()?;
    let scale = from as f64 / to as f64;
    let mut position = 0.5 * scale;
    for _ in 0..to {
        indices.push((position as usize).min(from - 1));
        position += scale;
    }
    Some(indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_pixel_under_the_centre() {
        assert_eq!(sources(4, 2).unwrap(), [1, 3]);
        assert_eq!(sources(2, 4).unwrap(), [0, 0, 1, 1]);
        assert_eq!(sources(1, 3).unwrap(), [0, 0, 0]);
        assert_eq!(sources(9, 1).unwrap(), [4]);
    }

    /// `np.asarray(Image.fromarray(np.arange(500, dtype="int32")[None]).resize((695, 1), 0))[0]` has 499 distinct
    /// values in which the sum and the product part ways.
    #[test]
    fn rounds_as_the_running_sum() {
        let (from, to) = (500, 695);
        let product = |i: usize| ((i as f64 + 0.5) * (from as f64 / to as f64)) as usize;
        let picked = sources(from, to).unwrap();
        let differing: Vec<usize> = (0..to).filter(|&i| picked[i] != product(i)).collect();
        assert!(!differing.is_empty());
        assert!(differing.iter().all(|&i| picked[i].abs_diff(product(i)) == 1));
    }
}
