//! Files made to break a reader, by numpy, by ndarray-npy's authors and by hand: refused with the file, what was
//! expected and what was found; and the unusual but legal ones, read as numpy reads them.

use std::path::{Path, PathBuf};

use graft_tensor::npy::{self, NpyData};
use graft_tensor::npz::Npz;
use graft_tensor::{Tensor, TensorError};

/// The folder of hostile files, where it is there.
fn hostile() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/hostile/npy");
    if !folder.is_dir() {
        println!("skipped: the folder of hostile files is not there");
        return None;
    }
    Some(folder)
}

/// The error for a file that must be refused, checked to name the file.
fn refused(path: &Path, error: TensorError) -> String {
    let message = error.to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(message.contains(name), "{name} is not named in: {message}");
    message
}

#[test]
fn bad_npy_files_are_refused_with_their_fault() {
    let Some(folder) = hostile() else { return };
    for (file, words) in [
        ("generated/bad_empty_file.npy", "the end of the file after 0 more bytes"),
        ("generated/bad_header_len_4g.npy", "4294967295"),
        ("generated/bad_huge_shape.npy", "more elements than can be counted"),
        ("generated/bad_magic.npy", r#"starts with "\x93NUMPY", found "\x93NUMPZ""#),
        ("generated/bad_missing_key.npy", "an entry 'fortran_order'"),
        ("generated/bad_negative_shape.npy", "a negative one"),
        ("generated/bad_trailing_data.npy", "240 bytes of data for the shape (3, 4, 5), found 243 bytes"),
        ("generated/bad_truncated_data.npy", "240 bytes of data for the shape (3, 4, 5), found 233 bytes"),
        ("generated/bad_truncated_header.npy", "a header of 118 bytes"),
        ("generated/bad_version9.npy", "version 9.0"),
        ("generated/c8.npy", "complex numbers"),
        ("generated/structured.npy", "a structured type"),
        ("generated/v3_utf8_field.npy", "a structured type"),
        ("ndarray-npy/example_bool_bad_value.npy", "booleans of 0 or 1, found one of 98"),
        ("ndarray-npy/example_c64_big_endian_fortran.npy", "complex numbers"),
        ("ndarray-npy/example_c64_big_endian_standard.npy", "complex numbers"),
        ("ndarray-npy/example_c64_little_endian_fortran.npy", "complex numbers"),
        ("ndarray-npy/example_c64_little_endian_standard.npy", "complex numbers"),
        ("numpy/py2-np0-objarr.npy", "pickled Python objects ('|O8')"),
        ("numpy/py2-objarr.npy", "pickled Python objects ('|O8')"),
        ("numpy/py3-objarr.npy", "pickled Python objects ('|O')"),
    ] {
        let path = folder.join(file);
        let message = refused(&path, npy::read(&path).expect_err(file));
        assert!(message.contains(words), "{file}: {message}");
    }
}

#[test]
fn bad_npz_files_are_refused_with_their_fault() {
    let Some(folder) = hostile() else { return };
    let truncated = folder.join("generated/bad_truncated.npz");
    let message = refused(&truncated, Npz::open(&truncated).unwrap_err());
    assert!(message.contains("a whole ZIP archive"), "{message}");
    for file in ["numpy/py2-objarr.npz", "numpy/py3-objarr.npz"] {
        let path = folder.join(file);
        let message = refused(&path, Npz::open(&path).unwrap().get("x").unwrap_err());
        assert!(message.contains("member 'x'") && message.contains("pickled Python objects"), "{message}");
    }
}

/// `numpy.random.default_rng(0).standard_normal((3, 4, 5)).astype(numpy.float32)`: its first numbers, its last, its sum
/// of index times value, which no transposition keeps.
fn assert_is_the_common_array(x: &Tensor, file: &str, tolerance: f64) {
    assert_eq!(x.shape(), &[3, 4, 5], "{file}");
    let near = |got: f64, expected: f64| {
        assert!((got - expected).abs() <= tolerance, "{file}: {got}, not {expected}")
    };
    near(f64::from(x.data()[0]), f64::from(0.125_730_22_f32));
    near(f64::from(x.data()[1]), f64::from(-0.132_104_86_f32));
    near(f64::from(x.data()[59]), f64::from(-0.661_702_6_f32));
    let moment = x.data().iter().enumerate().map(|(i, &v)| i as f64 * f64::from(v)).sum::<f64>();
    near(moment / 1770.0, 303.578_887_585_550_55 / 1770.0);
}

#[test]
fn every_width_order_and_version_is_read_as_numpy_reads_it() {
    let Some(folder) = hostile() else { return };
    for (file, tolerance) in [
        ("c_f4", 0.0),
        ("fortran_f4", 0.0),
        ("be_f4", 0.0),
        ("f8", 0.0),
        ("be_fortran_f8", 0.0),
        ("version1", 0.0),
        ("version2", 0.0),
        ("version3", 0.0),
        ("f2", 1e-3),
    ] {
        // The figures are those of f32; the sum of sixty f64 products leaves a rounding of its own.
        let x = npy::read(folder.join(format!("generated/{file}.npy"))).unwrap();
        assert_is_the_common_array(&x, file, f64::max(tolerance, 1e-15));
    }
    for file in ["stored", "deflated", "fortran"] {
        let mut archive = Npz::open(folder.join(format!("generated/{file}.npz"))).unwrap();
        assert_is_the_common_array(&archive.tensor("x").unwrap(), file, 1e-15);
    }
}

#[test]
fn odd_but_legal_files_are_read() {
    let Some(folder) = hostile() else { return };
    let read = |file: &str| npy::read_array(folder.join(file)).unwrap();
    let tensor = |file: &str| read(file).to_tensor().unwrap();

    assert_eq!(
        tensor("generated/odd_key_order_no_comma.npy"),
        Tensor::new([2, 2], &[0.0, 2.0, 1.0, 3.0]).unwrap()
    );
    assert_eq!(tensor("generated/scalar0d.npy"), Tensor::scalar(3.5));
    assert_eq!(tensor("generated/empty.npy"), Tensor::zeros([0, 5]));
    assert_eq!(tensor("generated/bool.npy").data(), [1.0, 0.0]);
    assert_eq!(read("generated/i8.npy").to_i64().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(read("generated/u1.npy").bytes().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(read("generated/unicode.npy").strings().unwrap(), ["é", "abc"]);
    assert_eq!(read("ndarray-npy/array.npy").to_i64().unwrap(), [0, 1, 2, 3, 4, 5]);
    let NpyData::Bool(flags) = read("ndarray-npy/example_bool_standard.npy").data().clone() else { panic!() };
    assert_eq!(flags[..8], [true, false, true, false, true, true, false, true]);

    let counted = Tensor::from_fn([2, 3, 4], |i| i as f32);
    for end in ["big", "little"] {
        for order in ["standard", "fortran"] {
            assert_eq!(tensor(&format!("ndarray-npy/example_f64_{end}_endian_{order}.npy")), counted);
        }
    }

    let mut archive = Npz::open(folder.join("generated/odd_subdir_and_nonnpy.npz")).unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["dir/x"]);
    assert_is_the_common_array(&archive.tensor("dir/x").unwrap(), "dir/x", 1e-15);
    let missing = archive.get("notes.txt").unwrap_err().to_string();
    assert!(missing.contains("an array named 'notes.txt', found dir/x"), "{missing}");
}
