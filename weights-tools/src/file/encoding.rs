//! Stored floats of any width and byte order → f32.

use half::{bf16, f16};
use hdf5_pure::{AttrValue, Datatype, DatatypeByteOrder, FloatingPointLayout};

use super::entry::DType;

/// How the numbers of a dataset are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
}

impl Encoding {
    /// The encoding of a dataset, or `None` if it holds no floats (a counter, the state of a random generator).
    ///
    /// HDF5 has no bfloat16: h5py stores one as two opaque bytes, and Keras says so in the attribute `dtype`.
    pub(crate) fn of(datatype: &Datatype, dtype_attr: Option<&AttrValue>) -> Option<Self> {
        let (dtype, order) = match datatype {
            Datatype::FloatingPoint { size, byte_order, layout } => (ieee(*size, layout)?, *byte_order),
            Datatype::Opaque { size: 2, .. } if is_bf16(dtype_attr) => {
                (DType::Bf16, DatatypeByteOrder::LittleEndian)
            }
            Datatype::FixedPoint { size: 2, byte_order, .. } if is_bf16(dtype_attr) => {
                (DType::Bf16, *byte_order)
            }
            _ => return None,
        };
        match order {
            DatatypeByteOrder::LittleEndian => Some(Self { dtype, big_endian: false }),
            DatatypeByteOrder::BigEndian => Some(Self { dtype, big_endian: true }),
            DatatypeByteOrder::Vax => None,
        }
    }

    /// Bytes a number.
    pub(crate) fn width(self) -> usize {
        match self.dtype {
            DType::F16 | DType::Bf16 => 2,
            DType::F32 => 4,
            DType::F64 => 8,
        }
    }

    /// `out[i]` = number `i` of `bytes`, which holds exactly `out.len()` of them.
    pub(crate) fn decode(self, bytes: &[u8], out: &mut [f32]) {
        debug_assert_eq!(bytes.len(), out.len() * self.width());
        match self.dtype {
            DType::F16 => self.each(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            DType::Bf16 => self.each(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
            DType::F32 => self.each(bytes, out, f32::from_le_bytes),
            DType::F64 => self.each(bytes, out, |b| f64::from_le_bytes(b) as f32),
        }
    }

    fn each<const N: usize>(self, bytes: &[u8], out: &mut [f32], from_le: impl Fn([u8; N]) -> f32) {
        let (numbers, _) = bytes.as_chunks::<N>();
        for (v, b) in out.iter_mut().zip(numbers) {
            let mut b = *b;
            if self.big_endian {
                b.reverse();
            }
            *v = from_le(b);
        }
    }
}

fn is_bf16(attr: Option<&AttrValue>) -> bool {
    attr.and_then(AttrValue::as_str) == Some("bfloat16")
}

/// The IEEE type of this layout of bits; anything else that calls itself a float is not one we can read.
fn ieee(size: u32, l: &FloatingPointLayout) -> Option<DType> {
    match (
        size,
        l.bit_offset,
        l.exponent_location,
        l.exponent_size,
        l.mantissa_location,
        l.mantissa_size,
        l.exponent_bias,
    ) {
        (2, 0, 10, 5, 0, 10, 15) => Some(DType::F16),
        (2, 0, 7, 8, 0, 7, 127) => Some(DType::Bf16),
        (4, 0, 23, 8, 0, 23, 127) => Some(DType::F32),
        (8, 0, 52, 11, 0, 52, 1023) => Some(DType::F64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_order_decodes_exactly() {
        let values = [0.0, -1.5, 2.0, 65504.0, f32::INFINITY];
        let check = |dtype, bytes: Vec<u8>, big_endian| {
            let mut out = [f32::NAN; 5];
            Encoding { dtype, big_endian }.decode(&bytes, &mut out);
            // bf16 keeps eight bits: 65504 becomes 65536.
            let want = values.map(|v| if dtype == DType::Bf16 { bf16::from_f32(v).to_f32() } else { v });
            assert_eq!(out, want, "{dtype}");
        };
        check(DType::F16, values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(), false);
        check(DType::F16, values.iter().flat_map(|&v| f16::from_f32(v).to_be_bytes()).collect(), true);
        check(DType::Bf16, values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(), false);
        check(DType::F32, values.iter().flat_map(|&v| v.to_le_bytes()).collect(), false);
        check(DType::F32, values.iter().flat_map(|&v| v.to_be_bytes()).collect(), true);
        check(DType::F64, values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect(), false);
        check(DType::F64, values.iter().flat_map(|&v| f64::from(v).to_be_bytes()).collect(), true);
    }
}
