//! What a file may ask for, checked before it gets it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most pixels a side may have.
const MAX_SIDE: usize = 30_000;

/// The most bytes of a file, and of a decoded picture: 178 million pixels of RGB.
pub(super) const MAX_BYTES: usize = 512 << 20;

/// A decoded picture above this, 44 million pixels of RGB, waits for other such: a decoder may need a few times as much
/// in passing, and there are as many decoders at work as there are threads.
const LARGE: usize = 128 << 20;

static ONE_LARGE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A large picture's turn, which ends when it is dropped.
pub(super) type Turn = Option<MutexGuard<'static, ()>>;

/// Lets a picture of this size and so many bytes a pixel in, as soon as it is its turn, or says why not.
pub(super) fn admit(height: usize, width: usize, bytes_per_pixel: usize) -> Result<Turn, String> {
    let bytes = height.checked_mul(width).and_then(|n| n.checked_mul(bytes_per_pixel)).unwrap_or(usize::MAX);
    if bytes == 0 {
        Err(format!("it has {height} × {width} pixels"))
    } else if height.max(width) > MAX_SIDE || bytes > MAX_BYTES {
        let mib = MAX_BYTES >> 20;
        Err(format!("it has {height} × {width} pixels: at most {MAX_SIDE} a side and {mib} MiB are decoded"))
    } else {
        // The lock guards no data, so a decoder that panicked while it held it has spoiled nothing.
        Ok((bytes > LARGE).then(|| ONE_LARGE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_photo_is_let_in_and_a_giant_is_not() {
        assert!(matches!(admit(3000, 4000, 3), Ok(None)));
        assert!(matches!(admit(9000, 12_000, 3), Ok(Some(_))), "a phone's 108 megapixels");
        for (height, width) in [(30_001, 1), (1, 30_001), (30_000, 30_000), (usize::MAX, 2), (0, 5)] {
            assert!(admit(height, width, 3).is_err(), "{height} × {width}");
        }
    }
}
