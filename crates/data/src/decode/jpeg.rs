//! JPEG by `zune-jpeg`, which would rather show half a picture than none; here half a picture is a bad one.
//!
//! A browser wants to see what there is, so that decoder fills what a torn file lacks with grey and calls it success.
//! A network would learn the grey. Two things tell the cases apart:
//!
//! 1. **The end is there.** A JPEG is a row of segments, `FF xx` and mostly a length, and ends with `FF D9`. Within
//!    the compressed data of a scan an `FF` is followed by `00` or is a restart marker, so that walking from segment
//!    to segment finds the end, past any thumbnail, whose own end lies inside of a segment. What comes after the end
//!    is of no concern: phones put a second picture or a film there. (ITU-T T.81, annex B; Pillow asks the same.)
//! 2. **The decoder got there.** Its strict mode reports data that run out or make no sense. But it is strict about
//!    harmless things in the headers too, so a picture that it refuses for those is decoded again, leniently.

use image::metadata::Orientation;
use memchr::memchr;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::memory::Memory;
use super::{Fault, Format, Raw, limits};
use crate::CHANNELS;

/// Decodes a JPEG to RGB, or says in a few words why not.
pub(super) fn decode(bytes: &[u8]) -> Result<Raw, Fault> {
    find_end(bytes).map_err(Fault::Damaged)?;
    match decode_as(bytes, true) {
        Err(Failure::Header(_)) => decode_as(bytes, false),
        result => result,
    }
    .map_err(|failure| match (kind_without_decoder(bytes), failure) {
        (Some(kind), _) => Fault::Refused(format!(
            "JPEG of a kind that is not supported ({kind}): save it as baseline JPEG or PNG"
        )),
        (None, Failure::Header(fault) | Failure::Body(fault)) => fault,
    })
}

/// What the frame's marker says of a JPEG that the decoder cannot know. (Table B.1 of the standard.)
fn kind_without_decoder(bytes: &[u8]) -> Option<&'static str> {
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low, precision]) = bytes.get(at..at + 5) {
        match marker {
            0xC0..=0xC2 => return (precision != 8).then_some("more than 8 bits a channel"),
            0xC3 | 0xC7 | 0xCB | 0xCF => return Some("lossless"),
            0xC5 | 0xC6 => return Some("hierarchical"),
            0xC9 | 0xCA | 0xCD | 0xCE => return Some("arithmetic coding"),
            0xDA => return None,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    None
}

/// Where decoding failed: before the first scan, or in the picture itself.
enum Failure {
    Header(Fault),
    Body(Fault),
}

fn decode_as(bytes: &[u8], strict: bool) -> Result<Raw, Failure> {
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Memory::new(bytes), options);
    decoder.decode_headers().map_err(|e| Failure::Header(describe(&e)))?;
    let info =
        decoder.info().ok_or_else(|| Failure::Header(Fault::Damaged("it has no header".to_owned())))?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    let _turn =
        limits::admit(height, width, CHANNELS).map_err(|reason| Failure::Body(Fault::Refused(reason)))?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let data = decoder.decode().map_err(|e| Failure::Body(describe(&e)))?;
    Ok(Raw { height, width, data, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
}

fn describe(error: &DecodeErrors) -> Fault {
    match error {
        DecodeErrors::Unsupported(kind) => Fault::unsupported(Format::Jpeg, kind),
        // Some of its texts come quoted, with line ends spelt out.
        other => {
            Fault::Damaged(other.to_string().replace("\\n", " ").trim_matches(['"', '\n', ' ']).to_owned())
        }
    }
}

/// Walks the segments to the end-of-image marker.
fn find_end(bytes: &[u8]) -> Result<(), String> {
    let (mut at, mut scans) = (2, 0);
    while let Some(skip) = bytes.get(at..).and_then(|rest| memchr(0xFF, rest)) {
        at += skip + 1;
        match bytes.get(at) {
            // A stuffed byte, a fill byte (which may start a marker itself), a marker that stands alone.
            Some(0xFF) => {}
            Some(0x00 | 0x01 | 0xD0..=0xD8) => at += 1,
            Some(0xD9) if scans > 0 => return Ok(()),
            Some(0xD9) => return Err("it ends before its pixels begin".to_owned()),
            Some(&marker) => {
                scans += usize::from(marker == 0xDA);
                let Some(&[high, low]) = bytes.get(at + 1..at + 3) else { break };
                at += 1 + usize::from(u16::from_be_bytes([high, low]));
            }
            None => break,
        }
    }
    Err(format!("it is truncated: {} bytes, and the end of the picture is not among them", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCAN: &[u8] = &[0xFF, 0xDA, 0, 2, 1, 2, 0xFF, 0, 0xFF, 0xD0, 3];

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xFF, 0xD8][..], &parts.concat()].concat()
    }

    #[test]
    fn the_end_is_that_of_the_picture_not_of_its_thumbnail() {
        let thumbnail: &[u8] = &[0xFF, 0xE1, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9];
        assert!(find_end(&file(&[thumbnail, SCAN, &[0xFF, 0xD9]])).is_ok());
        assert!(find_end(&file(&[SCAN, &[0xFF, 0xFF, 0xD9, 1, 2, 3]])).is_ok());
        for torn in [file(&[thumbnail, SCAN]), file(&[SCAN, &[0xFF]]), file(&[&[0xFF, 0xE1, 0]]), file(&[])] {
            assert!(find_end(&torn).unwrap_err().contains("truncated"));
        }
        assert!(find_end(&file(&[thumbnail, &[0xFF, 0xD9]])).is_err());
    }

    #[test]
    fn kinds_that_no_decoder_is_there_for_are_told_by_their_frame() {
        let kind = |marker, precision| {
            let quantization: &[u8] = &[0xFF, 0xDB, 0, 4, 1, 2];
            kind_without_decoder(&file(&[quantization, &[0xFF, marker, 0, 4, precision, 0], SCAN]))
        };
        assert_eq!([kind(0xC0, 8), kind(0xC2, 8)], [None, None]);
        assert_eq!(kind(0xC1, 12), Some("more than 8 bits a channel"));
        assert_eq!([kind(0xC3, 8), kind(0xC9, 8)], [Some("lossless"), Some("arithmetic coding")]);
        assert_eq!(kind_without_decoder(&file(&[SCAN])), None);
    }
}
