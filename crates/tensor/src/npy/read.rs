//! From bytes to typed elements: one read for all of them, then, where needed, one pass to swap and one to transpose.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;

use bytemuck::{AnyBitPattern, NoUninit};
use graft_kernels::OutOfMemory;
use half::vec::HalfBitsVecExt;
use npyz::TypeChar;

use super::{Header, NpyArray, NpyData};
use crate::{MAX_RANK, Result, Shape, Tensor, TensorError};

/// Bytes with a name, and with an end that is known beforehand.
pub(super) struct Source<'a, R> {
    name: &'a str,
    left: u64,
    reader: R,
}

impl<'a, R: Read> Source<'a, R> {
    pub(super) fn new(name: &'a str, len: u64, reader: R) -> Self {
        Self { name, left: len, reader }
    }

    /// The error that says what was expected and found here.
    pub(super) fn bad(&self, expected: impl Display, found: impl Display) -> TensorError {
        TensorError::format(self.name, expected, found)
    }

    /// Reads exactly `out`; `what` says what for.
    pub(super) fn fill(&mut self, out: &mut [u8], what: impl Display) -> Result<()> {
        if out.len() as u64 > self.left {
            return Err(self.bad(what, format!("the end of the file after {} more bytes", self.left)));
        }
        self.left -= out.len() as u64;
        self.reader.read_exact(out).map_err(|e| TensorError::io(self.name, "read", e))
    }

    /// The whole array.
    pub(super) fn array(mut self) -> Result<NpyArray> {
        let header = Header::read(&mut self)?;
        self.data(&header)
    }

    /// The whole array as f32, from the file of `len` bytes that is being read: where it lies, if that can be, else read.
    pub(super) fn mapped(mut self, file: &File, len: u64) -> Result<Tensor> {
        let header = Header::read(&mut self)?;
        self.check_size(&header)?;
        let as_here =
            (header.kind, header.width) == (TypeChar::Float, 4) && !header.swapped && !header.fortran;
        let map = || Tensor::map(file, len - self.left, header.shape);
        match as_here.then(map).flatten() {
            Some(tensor) => Ok(tensor),
            None => self.data(&header)?.to_tensor(),
        }
    }

    /// That as many bytes follow the header as its shape needs, no fewer and no more.
    fn check_size(&self, header: &Header) -> Result<()> {
        let need = header.element_bytes().and_then(|b| b.checked_mul(header.elements()));
        if need.is_none_or(|need| need as u64 != self.left) {
            let need = need.map_or("more bytes than can be counted".into(), |n| format!("{n} bytes"));
            let shape = header.shape;
            return Err(
                self.bad(format!("{need} of data for the shape {shape}"), format!("{} bytes", self.left))
            );
        }
        Ok(())
    }

    /// The data that follow the header.
    fn data(&mut self, header: &Header) -> Result<NpyArray> {
        self.check_size(header)?;
        let data = self.typed(header)?;
        // Reading on to the end lets an archive check its checksum, and a file that grows meanwhile be noticed.
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(NpyArray { name: self.name.into(), shape: header.shape, data }),
            Ok(_) => Err(self.bad("the end of the data", "more bytes than were announced")),
            Err(e) => Err(TensorError::io(self.name, "read", e)),
        }
    }

    fn typed(&mut self, h: &Header) -> Result<NpyData> {
        Ok(match (h.kind, h.width) {
            (TypeChar::Bool, 1) => NpyData::Bool(self.booleans(h)?),
            (TypeChar::Uint, 1) => NpyData::U8(self.numbers(h)?),
            (TypeChar::Uint, 2) => NpyData::I64(self.widened::<u16>(h)?),
            (TypeChar::Uint, 4) => NpyData::I64(self.widened::<u32>(h)?),
            (TypeChar::Uint, 8) => NpyData::U64(self.numbers(h)?),
            (TypeChar::Int, 1) => NpyData::I64(self.widened::<i8>(h)?),
            (TypeChar::Int, 2) => NpyData::I64(self.widened::<i16>(h)?),
            (TypeChar::Int, 4) => NpyData::I64(self.widened::<i32>(h)?),
            (TypeChar::Int, 8) => NpyData::I64(self.numbers(h)?),
            (TypeChar::Float, 2) => NpyData::F16(self.numbers::<u16>(h)?.reinterpret_into()),
            (TypeChar::Float, 4) => NpyData::F32(self.floats(h)?),
            (TypeChar::Float, 8) => NpyData::F64(self.numbers(h)?),
            (TypeChar::UnicodeStr | TypeChar::ByteStr, 1..) => NpyData::Str(self.strings(h)?),
            (kind, width) => {
                let found = match kind {
                    TypeChar::Complex => "complex numbers".into(),
                    TypeChar::DateTime | TypeChar::TimeDelta => "dates or time spans".into(),
                    TypeChar::Float => format!("floats of {width} bytes"),
                    other => format!("elements of the kind {other:?} and {width} bytes"),
                };
                return Err(self.bad("floats of 2, 4 or 8 bytes, integers, booleans or strings", found));
            }
        })
    }

    /// f32, straight into a tensor's own memory.
    fn floats(&mut self, h: &Header) -> Result<Tensor> {
        let mut tensor = Tensor::try_zeros(h.shape)?;
        self.bulk(h, tensor.data_mut())?;
        if !h.fortran {
            return Ok(tensor);
        }
        let mut in_c_order = Tensor::try_zeros(h.shape)?;
        in_c_order.data_mut().iter_mut().zip(fortran_order(h.shape)).for_each(|(v, i)| *v = tensor.data()[i]);
        Ok(in_c_order)
    }

    /// Numbers of any other type, in C order.
    fn numbers<T: Number>(&mut self, h: &Header) -> Result<Vec<T>> {
        let mut stored = zeros(h.elements())?;
        self.bulk(h, &mut stored)?;
        in_c_order(h, stored)
    }

    /// Integers of fewer than 8 bytes as i64.
    fn widened<T: Number + Into<i64>>(&mut self, h: &Header) -> Result<Vec<i64>> {
        let stored = self.numbers::<T>(h)?;
        let mut wide = with_capacity(stored.len())?;
        wide.extend(stored.into_iter().map(T::into));
        Ok(wide)
    }

    fn booleans(&mut self, h: &Header) -> Result<Vec<bool>> {
        let stored = self.numbers::<u8>(h)?;
        match stored.iter().find(|&&b| b > 1) {
            Some(odd) => Err(self.bad("booleans of 0 or 1", format!("one of {odd}"))),
            None => Ok(stored.into_iter().map(|b| b == 1).collect()),
        }
    }

    /// Strings of one width, filled up with zeros: code points of 4 bytes each (`U`), or bytes of UTF-8 (`S`).
    fn strings(&mut self, h: &Header) -> Result<Vec<String>> {
        let units = h.elements() * h.width;
        let texts: Option<Vec<String>> = if h.kind == TypeChar::UnicodeStr {
            let mut points = zeros::<u32>(units)?;
            self.bulk(h, &mut points)?;
            points.chunks_exact(h.width).map(|s| s.iter().map(|&p| char::from_u32(p)).collect()).collect()
        } else {
            let mut bytes = zeros::<u8>(units)?;
            self.bulk(h, &mut bytes)?;
            bytes.chunks_exact(h.width).map(|s| String::from_utf8(s.to_vec()).ok()).collect()
        };
        let Some(mut texts) = texts else {
            return Err(self.bad("strings of Unicode characters", "numbers that are no characters"));
        };
        for text in &mut texts {
            text.truncate(text.trim_end_matches('\0').len());
        }
        in_c_order(h, texts)
    }

    /// One read of all the bytes; the bytes of each number reversed where the file has them the other way round.
    fn bulk<T: Number>(&mut self, h: &Header, out: &mut [T]) -> Result<()> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(out);
        self.fill(bytes, "the data")?;
        if h.swapped {
            bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

/// Any plain number.
trait Number: AnyBitPattern + NoUninit {}
impl<T: AnyBitPattern + NoUninit> Number for T {}

/// Room for `len` elements, or an error; never an abort, since `len` comes from a file.
fn with_capacity<T>(len: usize) -> Result<Vec<T>> {
    let mut v = Vec::new();
    let floats = len.saturating_mul(size_of::<T>()) / size_of::<f32>();
    v.try_reserve_exact(len).map_err(|_| OutOfMemory { len: floats })?;
    Ok(v)
}

fn zeros<T: Number>(len: usize) -> Result<Vec<T>> {
    let mut v = with_capacity(len)?;
    v.resize(len, T::zeroed());
    Ok(v)
}

/// The same elements in C order, if they are not so already.
fn in_c_order<T: Clone>(h: &Header, stored: Vec<T>) -> Result<Vec<T>> {
    if !h.fortran {
        return Ok(stored);
    }
    let mut ordered = with_capacity(stored.len())?;
    ordered.extend(fortran_order(h.shape).map(|i| stored[i].clone()));
    Ok(ordered)
}

/// Where the elements lie in Fortran order, first axis fastest, when they are asked for in C order, last axis fastest.
fn fortran_order(shape: Shape) -> impl Iterator<Item = usize> {
    let (mut index, mut strides) = ([0; MAX_RANK], [1; MAX_RANK]);
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut at = 0;
    (0..shape.elements()).map(move |_| {
        let here = at;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
            at -= strides[axis] * shape[axis];
        }
        here
    })
}
