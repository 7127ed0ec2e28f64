//! What a file is, by its first bytes: names lie, contents do not.

use std::fmt;
use std::path::Path;

/// A picture format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG: baseline and progressive; grey, colour, CMYK and YCCK.
    Jpeg,
    /// PNG, of every bit depth.
    Png,
    /// Windows bitmap.
    Bmp,
    /// GIF; of an animation, the first frame.
    Gif,
    /// WebP, lossy and lossless; of an animation, the first frame.
    WebP,
    /// TIFF; of several pages, the first.
    Tiff,
    /// Portable anymap: PBM, PGM, PPM, PAM.
    Pnm,
}

/// As many bytes of a file as tell its format.
pub(crate) const SNIFFED: usize = 16;

impl Format {
    /// The format of a file that starts with these bytes, or `None` if it is none that can be decoded.
    ///
    /// ```
    /// # use graft_data::Format;
    /// assert_eq!(Format::sniff(b"\xFF\xD8\xFF\xE0\0\x10JFIF"), Some(Format::Jpeg));
    /// assert_eq!(Format::sniff(b"<html><body>404"), None);
    /// ```
    pub fn sniff(head: &[u8]) -> Option<Self> {
        Some(match head {
            [0xFF, 0xD8, 0xFF, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::WebP,
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Self::Tiff,
            [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n', ..] => Self::Pnm,
            // The reserved words of a bitmap's header are zero; "BM" alone begins many a text.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Self::Bmp,
            _ => return None,
        })
    }

    pub(super) fn for_image_crate(self) -> image::ImageFormat {
        match self {
            Self::Jpeg => image::ImageFormat::Jpeg,
            Self::Png => image::ImageFormat::Png,
            Self::Bmp => image::ImageFormat::Bmp,
            Self::Gif => image::ImageFormat::Gif,
            Self::WebP => image::ImageFormat::WebP,
            Self::Tiff => image::ImageFormat::Tiff,
            Self::Pnm => image::ImageFormat::Pnm,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Pnm => "PNM",
        })
    }
}

/// Endings by which a file claims to be a picture, whether it is one that can be decoded or not: a file that makes
/// the claim and breaks it is told to the user, any other stray file is not.
const CLAIMS: [&str; 22] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "webp", "tif", "tiff", "pbm", "pgm", "ppm",
    "pnm", "pam", "heic", "heif", "avif", "jxl", "jp2", "ico",
];

/// Whether a file's name claims that it is a picture.
pub(crate) fn claims_to_be_a_picture(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| CLAIMS.iter().any(|c| e.eq_ignore_ascii_case(c)))
}

/// In a few words, what a file that cannot be decoded seems to be.
pub(super) fn describe_foreign(head: &[u8]) -> &'static str {
    match head {
        [] => "the file is empty",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => {
            "it is a HEIC picture: convert it to JPEG or PNG"
        }
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => {
            "it is an AVIF picture: convert it to JPEG or PNG"
        }
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] | [0xFF, 0x0A, ..] => {
            "it is a JPEG XL picture: convert it to JPEG or PNG"
        }
        [0, 0, 0, 12, b'j', b'P', ..] | [0xFF, 0x4F, 0xFF, 0x51, ..] => {
            "it is a JPEG 2000 picture: convert it to JPEG or PNG"
        }
        [0, 0, 1, 0, ..] => "it is a Windows icon: convert it to PNG",
        [b'%', b'P', b'D', b'F', ..] => "it is a PDF document",
        [b'P', b'K', 3, 4, ..] => "it is a ZIP archive",
        [b'<', ..] => "it holds markup (HTML, XML or SVG), often a web page saved in place of a picture",
        _ if head.iter().all(|b| (b' '..=b'~').contains(b) || b.is_ascii_whitespace()) => "it holds text",
        _ if head.iter().all(|&b| b == 0) => "it is filled with zeros, as an interrupted copy leaves it",
        _ => "its content is none of JPEG, PNG, BMP, GIF, WebP, TIFF, PNM",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_read_from_the_ending_in_any_case() {
        assert!(claims_to_be_a_picture(Path::new("a/b.JPG")));
        assert!(claims_to_be_a_picture(Path::new("b.tar.Heic")));
        assert!(!claims_to_be_a_picture(Path::new("jpg")));
        assert!(!claims_to_be_a_picture(Path::new("Thumbs.db")));
    }

    #[test]
    fn text_that_starts_like_a_bitmap_is_text() {
        assert_eq!(Format::sniff(b"BMW is a maker of cars"), None);
        assert_eq!(Format::sniff(b"P5\n2 2 255\n"), Some(Format::Pnm));
        assert_eq!(Format::sniff(b"P5x"), None);
        assert_eq!(describe_foreign(b"BMW is a maker "), "it holds text");
    }
}
