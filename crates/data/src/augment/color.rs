//! Changes of single values, in place.

/// Adds `shift` and cuts off at the smallest and largest value there was; Keras's `apply_channel_shift`. (Keras adds
/// the same number to all three channels, so it is the whole picture that becomes lighter or darker.)
pub(super) fn channel_shift(data: &mut [f32], shift: f32) {
    let (min, max) = extremes(data);
    for value in data {
        let shifted = *value + shift;
        // Unlike `clamp`, comparisons let NaN through and do not mind an empty picture.
        *value = if shifted < min {
            min
        } else if shifted > max {
            max
        } else {
            shifted
        };
    }
}

/// Multiplies by `factor` in bytes, cutting off at 255; Keras's `apply_brightness_shift` with `scale=False`.
///
/// Keras goes by way of Pillow's `ImageEnhance.Brightness`, which works on bytes: fractions are dropped before and after
/// the product. A picture with values outside of 0..=255, as a `cval` may bring them, is spread over 0..=255 first, and
/// spread back at the end.
pub(super) fn brightness(data: &mut [f32], factor: f32) {
    /// Interpolating among values up to 255 may round to a little more; that alone is no reason to spread.
    const ROUNDING: f32 = 1e-3;
    let (min, max) = extremes(data);
    let spread = (min < -ROUNDING || max > 255.0 + ROUNDING).then_some(max - min);
    for value in data {
        let byte = match spread {
            Some(range) => ((*value - min) / range * 255.0) as u8,
            None => *value as u8,
        };
        let enhanced = (factor * f32::from(byte)) as u8;
        *value = match spread {
            Some(range) => f32::from(enhanced) / 255.0 * range + min,
            None => f32::from(enhanced),
        };
    }
}

fn extremes(data: &[f32]) -> (f32, f32) {
    data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &v| (min.min(v), max.max(v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifting_stays_between_the_extremes() {
        let mut data = vec![10.0, 50.5, 200.0];
        channel_shift(&mut data, 20.25);
        assert_eq!(data, [30.25, 70.75, 200.0]);
        channel_shift(&mut data, -60.0);
        assert_eq!(data, [30.25, 30.25, 140.0]);
        channel_shift(&mut [], 1.0);
        let mut broken = vec![f32::NAN, 1.0, 2.0];
        channel_shift(&mut broken, 1.0);
        assert!(broken[0].is_nan() && broken[1..] == [2.0, 2.0]);
    }

    /// ```python
    /// from keras.src.legacy.preprocessing.image import apply_brightness_shift
    /// apply_brightness_shift(np.array([[[0, 10.9, 100], [199.5, 254.99, 255]]], np.float32), 0.7, False)  # and 1.3
    /// apply_brightness_shift(np.array([[[-20, 10.9, 100], [199.5, 254.99, 300]]], np.float32), 1.3, False)
    /// ```
    #[test]
    fn brightness_is_kerass() {
        let photo = [0.0, 10.9, 100.0, 199.5, 254.99, 255.0];
        let of = |values: &[f32], factor| {
            let mut data = values.to_vec();
            brightness(&mut data, factor);
            data
        };
        assert_eq!(of(&photo, 0.7), [0.0, 7.0, 70.0, 139.0, 177.0, 178.0]);
        assert_eq!(of(&photo, 1.3), [0.0, 13.0, 130.0, 255.0, 255.0, 255.0]);
        assert_eq!(of(&photo, 0.0), [0.0; 6]);
        let beyond = of(&[-20.0, 10.9, 100.0, 199.5, 254.99, 300.0], 1.3);
        let keras = [-20.0, 18.901_962, 134.352_94, 263.607_85, 300.0, 300.0];
        assert!(beyond.iter().zip(keras).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-4), "{beyond:?}");
    }
}
