//! TIFFs with a palette, which the `tiff` crate refuses although all that it would have to do is to look colours up.
//!
//! A TIFF's directory says by tag 262 what a sample means: 1, a grey level; 3, an index into the colours of tag 320.
//! The samples lie in the file the same way. So the tag is changed from 3 to 1 in a copy of the file, the copy is
//! decoded as a grey picture, whose levels are the indices, and the colours are looked up here.
//! (TIFF 6.0, section 5: the map holds all reds, then all greens, then all blues, 16 bits each.)

use crate::CHANNELS;

const BITS_PER_SAMPLE: u16 = 258;
const PHOTOMETRIC_INTERPRETATION: u16 = 262;
const COLOR_MAP: u16 = 320;
const MIN_IS_BLACK: u16 = 1;
const PALETTE: u16 = 3;

/// Samples of 8 bits, the only ones that are read as indices.
const COLORS: usize = 256;

/// A TIFF whose palette has been taken out.
pub(super) struct Indexed {
    /// The file, claiming to be grey.
    pub(super) grey: Vec<u8>,
    /// Red, green and blue of every index.
    colors: Vec<[u8; CHANNELS]>,
}

impl Indexed {
    /// Takes the palette out of a file, if it is a TIFF with one.
    pub(super) fn find(bytes: &[u8]) -> Option<Self> {
        let order = Order::of(bytes)?;
        let directory = order.u32(bytes, 4)?;
        let entries = usize::from(order.u16(bytes, directory)?);
        // An entry: tag, type, count, and the value or, if that has more than 4 bytes, where it lies.
        let value_of = |tag| {
            let entry =
                (0..entries).map(|i| directory + 2 + 12 * i).find(|&at| order.u16(bytes, at) == Some(tag))?;
            Some(entry + 8)
        };
        let meaning = value_of(PHOTOMETRIC_INTERPRETATION)?;
        if order.u16(bytes, meaning)? != PALETTE || order.u16(bytes, value_of(BITS_PER_SAMPLE)?)? != 8 {
            return None;
        }
        let map = order.u32(bytes, value_of(COLOR_MAP)?)?;
        // As Pillow: the upper half of the 16 bits.
        let level = |i: usize| order.u16(bytes, map.checked_add(2 * i)?).map(|v| (v >> 8) as u8);
        let color = |i| Some([level(i)?, level(COLORS + i)?, level(2 * COLORS + i)?]);
        let colors = (0..COLORS).map(color).collect::<Option<Vec<_>>>()?;
        let mut grey = bytes.to_vec();
        grey[meaning..meaning + 2].copy_from_slice(&order.bytes(MIN_IS_BLACK));
        Some(Self { grey, colors })
    }

    /// Replaces every pixel, being its index thrice, by its colour.
    pub(super) fn look_up(&self, pixels: &mut [u8]) {
        for pixel in pixels.chunks_exact_mut(CHANNELS) {
            pixel.copy_from_slice(&self.colors[usize::from(pixel[0])]);
        }
    }
}

/// The order of bytes, which a TIFF declares.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if matches!(self, Self::Little) { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<usize> {
        let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let value =
            if matches!(self, Self::Little) { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) };
        usize::try_from(value).ok()
    }

    fn bytes(self, value: u16) -> [u8; 2] {
        if matches!(self, Self::Little) { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}
