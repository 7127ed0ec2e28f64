//! What is written is what numpy writes and reads back as it was; what is damaged is refused, however it is damaged.

use graft_kernels::random::{Purpose, Stream};
use graft_tensor::npy::{self, NpyData};
use graft_tensor::{Tensor, TensorError};

/// The bytes of a `.npy` file with this type, order and shape in its header.
fn file(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn read(bytes: &[u8]) -> Result<Tensor, TensorError> {
    npy::from_bytes("x.npy", bytes)?.to_tensor()
}

fn written(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = Vec::new();
    npy::write_to(&mut bytes, tensor).unwrap();
    bytes
}

/// `numpy.save` of `numpy.array([[1, -2.5], [3.1, numpy.inf]], numpy.float32)`, numpy 2.4.6.
#[test]
fn a_file_is_written_byte_for_byte_as_numpy_writes_it() {
    let numpy = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\
        \x20                                                         \n\
        \x00\x00\x80?\x00\x00 \xc0ffF@\x00\x00\x80\x7f";
    let x = Tensor::new([2, 2], &[1.0, -2.5, 3.1, f32::INFINITY]).unwrap();
    assert_eq!(written(&x), numpy);
    assert_eq!(read(numpy).unwrap(), x);
}

#[test]
fn random_tensors_come_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for case in 0..60 {
        let mut s = Stream::new(2, Purpose::Data, 0, case);
        let dims: Vec<usize> = (0..s.below(7)).map(|_| s.below(5) as usize).collect();
        // Any bits at all: subnormals, infinities and NaNs with their payloads.
        let x = Tensor::from_fn(&dims[..], |_| f32::from_bits(s.next_u32()));
        let path = folder.path().join("x.npy");
        npy::write(&path, &x).unwrap();
        let y = npy::read(&path).unwrap();
        assert_eq!(x.shape(), y.shape());
        assert!(x.data().iter().zip(y.data()).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", x.shape());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn what_is_mapped_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let n = 600 * 700;
    let x = Tensor::from_fn([600, 700], |i| i as f32 / 7.0);
    let singles: Vec<u8> = x.data().iter().flat_map(|v| v.to_le_bytes()).collect();
    let swapped: Vec<u8> = x.data().iter().flat_map(|v| v.to_be_bytes()).collect();
    let doubles: Vec<u8> = x.data().iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
    for (what, bytes) in [
        ("as numpy writes it", written(&x)),
        ("off the cache lines", file("<f4", false, "(600, 700)", &singles)),
        ("in Fortran order", file("<f4", true, "(600, 700)", &singles)),
        ("big endian", file(">f4", false, "(600, 700)", &swapped)),
        ("f64", file("<f8", false, "(600, 700)", &doubles)),
        ("few numbers", written(&x.slice_rows(0, 2).unwrap())),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let (mapped, read) = (npy::map(&path).unwrap(), npy::read(&path).unwrap());
        assert!(mapped == read, "{what}: {mapped:?} is not {read:?}");
    }
    for (what, bytes) in [
        ("cut off", written(&x)[..4 * n].to_vec()),
        ("too long", [written(&x), vec![0]].concat()),
        ("no array", b"text".to_vec()),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let message = |r: Result<Tensor, TensorError>| r.unwrap_err().to_string();
        assert_eq!(message(npy::map(&path)), message(npy::read(&path)), "{what}");
    }
}

#[test]
fn a_tensor_written_in_parts_is_the_tensor_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let x = Tensor::from_fn([5, 2, 3], |i| i as f32);
    let parts = |cuts: &[usize]| -> Vec<_> {
        cuts.windows(2).map(|c| Ok(x.slice_rows(c[0], c[1]).unwrap())).collect()
    };
    npy::write_parts(&path, *x.shape(), parts(&[0, 2, 2, 5])).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), written(&x));

    // Too few, too many, or a part that fails: what was there stays.
    let failing = vec![Ok(x.clone()), Err(std::io::Error::other("no more pictures"))];
    for (wrong, words) in [
        (parts(&[0, 4]), "do not add up to the shape (5, 2, 3)"),
        (parts(&[0, 5, 5, 5]).into_iter().chain(parts(&[0, 1])).collect(), "do not add up"),
        (failing, "no more pictures"),
    ] {
        let message = npy::write_parts(&path, *x.shape(), wrong).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), written(&x));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The same counted array in each number type numpy has, by either byte order, in C and in Fortran order.
#[test]
fn every_type_is_read_in_either_byte_order_and_either_axis_order() {
    let counted: Vec<i8> = (0..24).collect();
    // Where element i of the C order lies in a file that runs through the axes of (2, 3, 4) first axis fastest.
    let in_fortran: Vec<i8> = (0..24).map(|k| (k % 2) * 12 + (k / 2 % 3) * 4 + k / 6).collect();
    let expected = Tensor::from_fn([2, 3, 4], |i| i as f32);
    type Encode = fn(i8) -> Vec<u8>;
    let types: [(&str, Encode); 11] = [
        ("i1", |v| v.to_be_bytes().into()),
        ("i2", |v| i16::from(v).to_be_bytes().into()),
        ("i4", |v| i32::from(v).to_be_bytes().into()),
        ("i8", |v| i64::from(v).to_be_bytes().into()),
        ("u1", |v| (v as u8).to_be_bytes().into()),
        ("u2", |v| (v as u16).to_be_bytes().into()),
        ("u4", |v| (v as u32).to_be_bytes().into()),
        ("u8", |v| (v as u64).to_be_bytes().into()),
        ("f2", |v| half::f16::from_f32(v.into()).to_be_bytes().into()),
        ("f4", |v| f32::from(v).to_be_bytes().into()),
        ("f8", |v| f64::from(v).to_be_bytes().into()),
    ];
    for (ty, big_endian) in types {
        for (fortran, values) in [(false, &counted), (true, &in_fortran)] {
            let big = values.iter().flat_map(|&v| big_endian(v)).collect::<Vec<_>>();
            let little = values.iter().flat_map(|&v| big_endian(v).into_iter().rev()).collect::<Vec<_>>();
            for (order, data) in [('>', big), ('<', little)] {
                let x = read(&file(&format!("{order}{ty}"), fortran, "(2, 3, 4)", &data)).unwrap();
                assert_eq!(x, expected, "{order}{ty}, Fortran order: {fortran}");
            }
        }
    }
}

#[test]
fn integers_keep_their_value_and_floats_round_to_the_nearest() {
    let numbers =
        |descr: &str, data: &[u8]| npy::from_bytes("x.npy", &file(descr, false, "(1,)", data)).unwrap();
    let exact = 9_007_199_254_740_993_i64; // 2⁵³ + 1, which no f64 holds
    let array = numbers("<i8", &exact.to_le_bytes());
    assert_eq!(array.to_i64().unwrap(), [exact]);
    assert_eq!(array.to_tensor().unwrap().data(), [9_007_199_254_740_992.0]);

    let array = numbers("<u8", &u64::MAX.to_le_bytes());
    assert_eq!(array.to_i64().unwrap_err().to_string(), "x.npy: 18446744073709551615 does not fit int64");
    assert_eq!(array.to_f64().unwrap(), [18_446_744_073_709_551_616.0]);

    let array = numbers("<f8", &0.1f64.to_le_bytes());
    assert_eq!(array.to_f64().unwrap(), [0.1]);
    assert_eq!(array.to_tensor().unwrap().data(), [0.1f32]);
    assert_eq!(
        numbers("<f8", &f64::NEG_INFINITY.to_le_bytes()).to_tensor().unwrap().data(),
        [f32::NEG_INFINITY]
    );
    assert!(numbers("<f8", &f64::NAN.to_le_bytes()).to_tensor().unwrap().data()[0].is_nan());
    let message = numbers("<f8", &1e39f64.to_le_bytes()).to_tensor().unwrap_err().to_string();
    assert!(
        message.starts_with("x.npy: 1000000000000000000000000000000000000000 does not fit f32"),
        "{message}"
    );
}

#[test]
fn an_array_is_not_given_as_what_it_is_not() {
    let floats = npy::from_bytes("x.npy", &file("<f4", false, "(1,)", &[0; 4])).unwrap();
    let message = floats.to_i64().unwrap_err().to_string();
    assert_eq!(message, "x.npy: expected an array of integers, found one of float32 (1,)");
    assert!(floats.bytes().is_err() && floats.strings().is_err());
    let text = npy::from_bytes("x.npy", &file("|S3", false, "(2,)", b"ab\0xyz")).unwrap();
    assert_eq!(text.strings().unwrap(), ["ab", "xyz"]);
    let message = text.to_tensor().unwrap_err().to_string();
    assert_eq!(message, "x.npy: expected an array of numbers, found one of string (2,)");
}

/// `numpy.asfortranarray([["a", "bc"], ["é", "🙂"]])`, big endian.
#[test]
fn strings_are_read_in_either_order_without_their_padding() {
    let points = ["a\0", "é\0", "bc", "🙂\0"].concat();
    let data: Vec<u8> = points.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let array = npy::from_bytes("x.npy", &file(">U2", true, "(2, 2)", &data)).unwrap();
    assert_eq!(array.strings().unwrap(), ["a", "bc", "é", "🙂"]);

    let surrogate = file("<U1", false, "(1,)", &0xD800u32.to_le_bytes());
    let message = npy::from_bytes("x.npy", &surrogate).unwrap_err().to_string();
    assert!(message.contains("strings of Unicode characters"), "{message}");
    assert!(npy::from_bytes("x.npy", &file("|S2", false, "(1,)", b"\xff\xfe")).is_err());
}

#[test]
fn types_without_numbers_are_refused_by_name() {
    for (descr, bytes, words) in [
        ("<c8", 8, "complex numbers"),
        ("<M8[ns]", 8, "dates or time spans"),
        ("<m8[D]", 8, "dates or time spans"),
        ("<f16", 16, "floats of 16 bytes"),
        ("|V7", 7, "7 bytes"),
        ("<U0", 0, "0 bytes"),
    ] {
        let message = read(&file(descr, false, "(1,)", &vec![0; bytes])).unwrap_err().to_string();
        assert!(message.contains(words), "{descr}: {message}");
    }
}

/// Headers that announce more than there is. Any attempt to allocate for them would end the test.
#[test]
fn sizes_that_are_not_there_are_refused_before_anything_is_allocated() {
    for (descr, shape) in [
        ("<f4", "(4611686018427387904,)"),
        ("<f8", "(2305843009213693951,)"),
        ("|u1", "(18446744073709551615,)"),
        ("|u1", "(9223372036854775807, 2)"),
        ("<U4611686018427387904", "(1,)"),
        ("<U9", "(4611686018427387904,)"),
        ("|S0", "(18446744073709551615,)"),
    ] {
        let refused = npy::from_bytes("x.npy", &file(descr, false, shape, &[0; 64]));
        assert!(matches!(refused, Err(TensorError::Format { .. })), "{descr} {shape}");
    }
    assert!(read(&file("<f4", false, "(4,)", &[0; 15])).is_err());
    assert!(read(&file("<f4", false, "(4,)", &[0; 17])).is_err());
}

/// Every prefix of a file, and thousands of files with a few bytes changed: an error or a sound array, and no panic.
#[test]
fn damage_of_any_kind_is_an_error_or_another_sound_array() {
    let whole = file("<f4", true, "(2, 3, 4)", &[0; 96]);
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "{end} bytes");
    }
    const TELLING: &[u8] = b"\x00\xff0129,()[]{}'\"\\-LTFfiuUSbOcMV<>|: \n";
    let originals = [whole, file(">U3", false, "(2, 4)", &[0; 96]), file("|b1", true, "(96,)", &[1; 96])];
    let mut read_well = 0;
    for case in 0..30_000 {
        let mut s = Stream::new(3, Purpose::Data, 0, case);
        let mut bytes = originals[case as usize % originals.len()].clone();
        for _ in 0..1 + s.below(4) {
            let at = s.below(bytes.len() as u32 - 90) as usize;
            bytes[at] = if s.below(2) == 0 {
                TELLING[s.below(TELLING.len() as u32) as usize]
            } else {
                s.next_u32() as u8
            };
        }
        if let Ok(array) = npy::from_bytes("x.npy", &bytes) {
            read_well += 1;
            let count = match array.data() {
                NpyData::Str(v) => v.len(),
                _ => array.to_f64().unwrap().len(),
            };
            assert_eq!(count, array.shape().elements());
        }
    }
    assert!((100..20_000).contains(&read_well), "{read_well} of the damaged files are still sound");
}

#[test]
fn a_missing_file_a_folder_and_an_unwritable_place_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.npy");
    let message = npy::read(&missing).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: cannot open: ", missing.display())), "{message}");
    let message = npy::read(folder.path()).unwrap_err().to_string();
    assert!(message.ends_with("expected a .npy file, found a folder"), "{message}");
    let nowhere = folder.path().join("no/such/folder/x.npy");
    let message = npy::write(&nowhere, &Tensor::scalar(1.0)).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: cannot write: ", nowhere.display())), "{message}");
}
