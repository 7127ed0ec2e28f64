//! The header: a Python dictionary of three keys, read by a parser of exactly that.
//!
//! The general way is to read any Python literal and then look for the three keys (`npyz::NpyHeader` does so), but a
//! general literal nests as deep as a hostile file likes, and the extents come out multiplied without a check. So the
//! dictionary is read here, by a cursor that never recurses and never allocates more than the header, and `npyz` is
//! asked for the one part that has a language of its own: the type string (`<f4`, `|u1`, `<U12`, `<M8[ns]`).

use npyz::{Endianness, TypeChar, TypeStr};

use super::Source;
use crate::{MAX_RANK, Result, Shape};

/// Every file starts so.
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// numpy gives a plain array a header of 118 bytes, and reads none of more than 10,000 unless told to.
const MAX_HEADER: u64 = 64 << 10;

/// The numbers start at a multiple of this many bytes, for whoever maps the file into memory.
const ALIGN: usize = 64;

/// numpy leaves room for the first extent to grow to 21 digits without moving the numbers.
const GROWTH_DIGITS: usize = 21;

/// What a header says, once it is found to be sound.
#[derive(Debug)]
pub(super) struct Header {
    /// What one element is.
    pub(super) kind: TypeChar,
    /// Bytes of one element; code points, for the kind `U`.
    pub(super) width: usize,
    /// Whether the bytes of each number are to be reversed on this machine.
    pub(super) swapped: bool,
    /// Whether the first axis is the one that runs fastest.
    pub(super) fortran: bool,
    /// The extents.
    pub(super) shape: Shape,
}

impl Header {
    /// How many elements there are; counted without overflow when the header was read.
    pub(super) fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// How many bytes one element takes.
    pub(super) fn element_bytes(&self) -> Option<usize> {
        if self.kind == TypeChar::UnicodeStr { self.width.checked_mul(4) } else { Some(self.width) }
    }

    /// Reads the header, and leaves the source at the first number.
    pub(super) fn read<R: std::io::Read>(source: &mut Source<R>) -> Result<Self> {
        let mut start = [0; 8];
        source.fill(&mut start, "the 8 bytes that a .npy file starts with")?;
        if start[..6] != *MAGIC {
            let found = format!("\"{}\"", start[..6].escape_ascii());
            return Err(
                source.bad(format!("a .npy file, which starts with \"{}\"", MAGIC.escape_ascii()), found)
            );
        }
        let mut length = [0; 4];
        let digits = match (start[6], start[7]) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            (major, minor) => {
                let found = format!("version {major}.{minor}");
                return Err(source.bad("version 1.0, 2.0 or 3.0 of the .npy format", found));
            }
        };
        source.fill(&mut length[..digits], "the length of the header")?;
        let length = u64::from(u32::from_le_bytes(length));
        if length > MAX_HEADER {
            return Err(
                source.bad(format!("a header of at most {MAX_HEADER} bytes"), format!("one of {length}"))
            );
        }
        let mut text = vec![0; length as usize];
        source.fill(&mut text, format!("a header of {length} bytes"))?;
        Dict::parse(&text)
            .and_then(Dict::check)
            .map_err(|e| source.bad(e.expected, format!("{} in the header {}", e.found, excerpt(&text))))
    }
}

/// The header of an f32 array in C order, as numpy writes it.
pub(super) fn f32_header(shape: &Shape) -> Vec<u8> {
    let room = shape.first().map_or(0, |rows| GROWTH_DIGITS - rows.to_string().len());
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}{:room$}", "");
    let before = MAGIC.len() + 2 + 2;
    let whole = (before + dict.len() + 1) / ALIGN * ALIGN + ALIGN; // numpy pads by 1 to 64 bytes, never by 0
    let length = u16::try_from(whole - before).expect("six extents of 20 digits each fit");
    let mut header = [&MAGIC[..], &[1, 0], &length.to_le_bytes(), dict.as_bytes()].concat();
    header.resize(whole - 1, b' ');
    header.push(b'\n');
    header
}

/// The header's text for an error message: without its padding, and not the whole of a long one.
fn excerpt(text: &[u8]) -> String {
    const SHOWN: usize = 120;
    let text = text.trim_ascii();
    let dots = if text.len() > SHOWN { "…" } else { "" };
    format!("{}{dots}", text[..text.len().min(SHOWN)].escape_ascii()).replace("\\'", "'")
}

/// What is wrong with a header.
struct Fault {
    expected: String,
    found: String,
}

fn fault<T>(expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { expected: expected.into(), found: found.into() })
}

/// The three entries, as they are written; of an entry given twice the last counts, as in Python.
#[derive(Default)]
struct Dict<'a> {
    descr: Option<&'a str>,
    fortran_order: Option<bool>,
    shape: Option<Shape>,
}

impl<'a> Dict<'a> {
    fn parse(text: &'a [u8]) -> Result<Self, Fault> {
        let mut dict = Self::default();
        let mut rest = Cursor(text);
        rest.expect(b'{')?;
        while !rest.eat(b'}') {
            let key = rest.string()?;
            rest.expect(b':')?;
            match key {
                "descr" => dict.descr = Some(rest.plain_descr()?),
                "fortran_order" => dict.fortran_order = Some(rest.boolean()?),
                "shape" => dict.shape = Some(rest.shape()?),
                _ => {
                    return fault(
                        "the keys descr, fortran_order and shape alone",
                        format!("the key '{key}'"),
                    );
                }
            }
            if !rest.eat(b',') && rest.peek() != Some(b'}') {
                return fault("a comma between two entries", "none");
            }
        }
        match rest.peek() {
            None => Ok(dict),
            Some(_) => fault("nothing after the dictionary", "more text"),
        }
    }

    fn check(self) -> Result<Header, Fault> {
        let missing = |key| Fault { expected: format!("an entry '{key}'"), found: "none".into() };
        let descr = self.descr.ok_or_else(|| missing("descr"))?;
        let fortran = self.fortran_order.ok_or_else(|| missing("fortran_order"))?;
        let shape = self.shape.ok_or_else(|| missing("shape"))?;
        // Version 1.0 wrote pickled objects as '|O8' or '|O4', by the size of a pointer.
        if descr.get(1..).is_some_and(|d| d.starts_with('O')) {
            return fault(
                "an array of numbers or strings (saved in numpy as a.astype('float32'), say)",
                format!(
                    "pickled Python objects ('{descr}'), which are never read, since a pickle is a program,"
                ),
            );
        }
        let ty: TypeStr = match descr.parse() {
            Ok(ty) => ty,
            Err(e) => return fault("a type string such as '<f4'", format!("'{descr}' ({e})")),
        };
        let native = if cfg!(target_endian = "little") { Endianness::Little } else { Endianness::Big };
        let swapped = ![native, Endianness::Irrelevant].contains(&ty.endianness());
        let width = usize::try_from(ty.size_field()).unwrap_or(usize::MAX);
        Ok(Header { kind: ty.type_char(), width, swapped, fortran, shape })
    }
}

/// What is left of the text.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        self.0 = self.0.trim_ascii_start();
        self.0.first().copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.0 = &self.0[usize::from(there)..];
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) {
            return Ok(());
        }
        let found = self.peek().map_or("the end".into(), |b| format!("'{}'", b.escape_ascii()));
        fault(format!("a Python dictionary with '{}' at this place", char::from(byte)), found)
    }

    /// The bytes for which `keep` holds, taken off the front.
    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&b| !keep(b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// `'…'` or `"…"`, of printable ASCII without escapes: no type string and no key has any.
    fn string(&mut self) -> Result<&'a str, Fault> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return fault("a quoted string", "something else");
        };
        self.0 = &self.0[1..];
        let inside = self.take_while(|b| b != quote && b != b'\\' && (b' '..=b'~').contains(&b));
        match std::str::from_utf8(inside) {
            Ok(text) if self.0.first() == Some(&quote) => {
                self.0 = &self.0[1..];
                Ok(text)
            }
            _ => fault("a quoted string of plain letters", "other bytes, or no closing quote"),
        }
    }

    /// The type string; a structured type is a list instead.
    fn plain_descr(&mut self) -> Result<&'a str, Fault> {
        match self.peek() {
            Some(b'[' | b'(') => {
                fault("one number or string per element", "a structured type (an array of records)")
            }
            _ => self.string(),
        }
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        self.peek();
        match self.take_while(|b| b.is_ascii_alphabetic()) {
            b"True" => Ok(true),
            b"False" => Ok(false),
            _ => fault("fortran_order to be True or False", "something else"),
        }
    }

    /// A tuple of extents whose product, were the zeros ones, can be counted.
    fn shape(&mut self) -> Result<Shape, Fault> {
        if !self.eat(b'(') {
            return fault("the shape to be a tuple", "something else");
        }
        let (mut dims, mut comma) = (Vec::new(), true);
        while !self.eat(b')') {
            if !comma {
                return fault("a shape of whole numbers, with a comma between two", "something else");
            }
            dims.push(self.extent()?);
            comma = self.eat(b',');
        }
        if dims.len() == 1 && !comma {
            return fault("the shape to be a tuple", "a number in brackets");
        }
        let Some(shape) = Shape::try_new(&dims) else {
            return fault(format!("at most {MAX_RANK} axes"), format!("{} axes", dims.len()));
        };
        match shape.checked_elements() {
            Some(_) => Ok(shape),
            None => fault("a shape that memory can hold", "one with more elements than can be counted"),
        }
    }

    /// A whole number, not negative; Python 2 may have put an L after it.
    fn extent(&mut self) -> Result<usize, Fault> {
        if self.peek() == Some(b'-') {
            return fault("extents of 0 or more", "a negative one");
        }
        let digits = self.take_while(|b| b.is_ascii_digit());
        if digits.is_empty() {
            return fault("a shape of whole numbers", "something else");
        }
        self.eat(b'L');
        let value =
            digits.iter().try_fold(0usize, |n, d| n.checked_mul(10)?.checked_add(usize::from(d - b'0')));
        match value {
            Some(n) => Ok(n),
            None => fault("a shape that memory can hold", "an extent too large to count"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, String> {
        let parsed = Dict::parse(text.as_bytes()).and_then(Dict::check);
        parsed.map_err(|e| format!("expected {}, found {}", e.expected, e.found))
    }

    /// `numpy.lib.format.write_array_header_1_0` of numpy 2.4.6: the text, and the length of the header with all before.
    #[test]
    fn headers_are_written_as_numpy_writes_them() {
        let rollover = [0, 100_000_000, 1_000_000_000_000_000_000, 1, 1, 1];
        for (shape, tuple, length) in [
            (Shape::from([]), "()", 128),
            (Shape::from([5]), "(5,)", 128),
            (Shape::from([0]), "(0,)", 128),
            (Shape::from([2, 0, 7]), "(2, 0, 7)", 128),
            (Shape::from([3, 3, 64, 512]), "(3, 3, 64, 512)", 128),
            (Shape::from([100_000, 7, 7, 512]), "(100000, 7, 7, 512)", 128),
            (Shape::from([1, 2, 3, 4, 5, 6]), "(1, 2, 3, 4, 5, 6)", 128),
            (Shape::from(rollover), "(0, 100000000, 1000000000000000000, 1, 1, 1)", 192),
        ] {
            let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple}, }}");
            let padded = format!("{text:<width$}\n", width = length - 11);
            let start = [b"\x93NUMPY\x01\x00".as_slice(), &(padded.len() as u16).to_le_bytes()].concat();
            assert_eq!(f32_header(&shape), [&start, padded.as_bytes()].concat(), "{shape}");
        }
    }

    #[test]
    fn any_order_of_keys_and_any_spacing_is_read() {
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
            "{'shape':(3,4),'fortran_order':False,'descr':'<f4'}",
            "  {\t\"descr\" : \"<f4\" , \"shape\" : ( 3 , 4 , ) , \"fortran_order\" : False }  \n",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }",
            "{'descr': '>i8', 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
        ] {
            let header = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(header.shape, [3, 4], "{text}");
            assert_eq!((header.kind, header.width, header.fortran), (TypeChar::Float, 4, false), "{text}");
        }
    }

    #[test]
    fn a_header_that_is_anything_else_is_refused_with_its_fault() {
        let with = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
        let of = |descr: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}");
        for (text, words) in [
            (String::new(), "found the end"),
            ("{".into(), "a quoted string"),
            ("{'descr'".into(), "':' at this place, found the end"),
            ("[1]".into(), "'{' at this place, found '['"),
            (with("(2, 2)") + " x", "nothing after the dictionary"),
            (with("(2, 2)").replace(", 'f", " 'f"), "a comma"),
            (with("(2, 2), 'extra': 1"), "the key 'extra'"),
            (with("(2 2)"), "a comma between two"),
            (with("(2, -2)"), "a negative one"),
            (with("(2.5, 2)"), "whole numbers"),
            (with("(0x10, 2)"), "whole numbers"),
            (with("(,)"), "whole numbers"),
            (with("(5)"), "a number in brackets"),
            (with("5"), "to be a tuple"),
            (with("[5, 5]"), "to be a tuple"),
            (with("(1, 1, 1, 1, 1, 1, 1)"), "at most 6 axes, found 7"),
            (with("(99999999999999999999999, 1)"), "an extent too large"),
            (with("(4294967296, 4294967296)"), "more elements than can be counted"),
            (with("(0, 4294967296, 4294967296)"), "more elements than can be counted"),
            (with(&"(".repeat(60_000)), "whole numbers"),
            (with("(1,)").replace("False", "0"), "True or False"),
            (with("(1,)").replace("False", "Falsey"), "True or False"),
            ("{'descr': '<f4".into(), "or no closing quote"),
            (of(r"'<f\x34'"), "a quoted string"),
            (of("'<q4'"), "'<q4'"),
            (of("'f4'"), "'f4'"),
            (of("'<f3'"), "'<f3'"),
            (of("'|f4'"), "'|f4'"),
            (of("'<U99999999999999999999999'"), "'<U99999999999999999999999'"),
            (of("'|O'"), "a pickle is a program"),
            (of("[('a', '<f4'), ('b', '|O')]"), "a structured type"),
            (of("('<f4', (2, 2))"), "a structured type"),
        ] {
            let fault = parse(&text).expect_err(&text);
            assert!(fault.contains(words), "{text}: {fault}");
        }
    }

    #[test]
    fn a_long_header_is_quoted_in_part() {
        assert_eq!(excerpt(b"  {'a': 1}   \n"), "{'a': 1}");
        let long = excerpt(&[b'\xff'; 1000]);
        assert!(long.ends_with(r"\xff…") && long.len() < 500, "{long}");
    }
}
