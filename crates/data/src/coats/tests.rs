//! The pixels themselves, on every machine; and that a data set is what it says.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::*;

/// The first bytes of the BLAKE3 digest of the first picture of each class, 32 × 32, seed 7. They are the same in
/// debug and release, on x86-64 and aarch64; whoever changes how a coat is drawn changes them knowingly.
#[rustfmt::skip]
const DIGESTS: [(&str, &str); 12] = [
    ("cheetah", "5de001f4d87b"), ("cow", "398de9a8e2c9"), ("dalmatian", "ff748e27aa7f"), ("fawn", "ad68c7376172"),
    ("giraffe", "5cbb0bd44363"), ("ladybird", "8450eb911d47"), ("leopard", "be95f9d21364"), ("pufferfish", "2e6ae33b310e"),
    ("snake", "ccd161734a3d"), ("tiger", "0a0eb5a29442"), ("tortoise", "b034100d9ae0"), ("zebra", "9b67213fad8e"),
];

fn small() -> Coats {
    Coats { seed: 7, size: 32, train_per_class: 2, val_per_class: 3 }
}

#[test]
fn pixels_are_those_of_every_machine() {
    let digest = |coat: Coat| {
        let picture = small().picture(coat, Part::Train, 0);
        blake3::hash(&picture.data).to_hex()[..12].to_owned()
    };
    let found: Vec<_> = Coat::ALL.map(|coat| (coat.name(), digest(coat))).into();
    let expected: Vec<_> = DIGESTS.map(|(name, digest)| (name, digest.to_owned())).into();
    assert_eq!(found, expected);
}

/// The same of the first picture of each of the first twelve invented kinds.
#[rustfmt::skip]
const INVENTED: [&str; 12] = [
    "8d40f7cbe0b1", "0845d30f2109", "123ccce5a49c", "579c0bb9c25f", "9e43becf9a4d", "6dd8364f1776",
    "914301961518", "237af9e5b3a3", "f1d92079f6fc", "b2ec4a4765a9", "0b214d478a9e", "bba01a70c7dc",
];

#[test]
fn invented_animals_are_those_of_every_machine_too() {
    let coats = InventedCoats { seed: 7, size: 32, kinds: 12, per_kind: 2 };
    let pictures = coats.pictures(&to_the_end).unwrap();
    let digest = |i: usize| blake3::hash(&pictures[2 * i].1.data).to_hex()[..12].to_owned();
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(digest), INVENTED);
    assert!((0..24).all(|i| pictures[i].0 == i / 2));
    assert!(pictures[23].1 == coats.picture(11, 1));
}

#[test]
fn invented_animals_differ_by_every_part_of_their_name() {
    let coats = InventedCoats { seed: 7, size: 32, kinds: 2, per_kind: 2 };
    let first = coats.picture(0, 0);
    assert!(first != coats.picture(0, 1) && first != coats.picture(1, 0));
    assert!(first != InventedCoats { seed: 8, ..coats }.picture(0, 0));
    let error = InventedCoats { kinds: 10_001, ..coats }.pictures(&to_the_end).unwrap_err().to_string();
    assert!(error.contains("10001") && error.contains("at most 10000"), "{error}");
    let error = InventedCoats { size: 0, ..coats }.pictures(&to_the_end).unwrap_err().to_string();
    assert!(error.contains("expected 1 to 4096 pixels"), "{error}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let draw = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| small().pictures(Part::Validation)).unwrap()
    };
    let (one, three) = (draw(1), draw(3));
    assert_eq!(one.len(), 12 * 3);
    assert!(one == three);
}

#[test]
fn pictures_differ_by_every_part_of_their_name() {
    let first = small().picture(Coat::Tiger, Part::Train, 0);
    let other_seed = Coats { seed: 8, ..small() };
    assert!(first != small().picture(Coat::Tiger, Part::Train, 1));
    assert!(first != small().picture(Coat::Tiger, Part::Validation, 0));
    assert!(first != small().picture(Coat::Zebra, Part::Train, 0));
    assert!(first != other_seed.picture(Coat::Tiger, Part::Train, 0));
}

#[test]
fn another_size_shows_the_same_scene() {
    let mean = |size| {
        let picture = Coats { size, ..small() }.picture(Coat::Giraffe, Part::Train, 1);
        let quarter = |y: usize, x: usize| {
            let half = size / 2;
            let at = |i: usize| f32::from(picture.pixel(y * half + i / half, x * half + i % half)[1]);
            (0..half * half).map(at).sum::<f32>() / (half * half) as f32
        };
        [quarter(0, 0), quarter(0, 1), quarter(1, 0), quarter(1, 1)]
    };
    for (small, large) in mean(32).into_iter().zip(mean(128)) {
        assert!((small - large).abs() < 4.0, "{small} and {large}");
    }
    assert_eq!(Coats { size: 1, ..small() }.picture(Coat::Cow, Part::Train, 0).data.len(), 3);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for size in [0, 4097, usize::MAX] {
        let error = Coats { size, ..small() }.pictures(Part::Train).unwrap_err().to_string();
        assert!(error.contains("expected 1 to 4096 pixels"), "{error}");
    }
}

/// Lets the drawing go on.
fn to_the_end(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_folder_is_whole_and_never_overwritten() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("new").join("coats");
    small().write(&out, &to_the_end).unwrap();
    let dataset = crate::Folder::scan(&out, None).unwrap();
    assert_eq!(dataset.class_names, Coat::ALL.map(|c| c.name()));
    let read = crate::decode_file(&out.join("val/snake/002.png"), crate::DecodeOptions::default()).unwrap();
    assert!(read.image == small().picture(Coat::Snake, Part::Validation, 2));
    let error = small().write(&out, &to_the_end).unwrap_err().to_string();
    assert!(error.contains("not empty") && error.contains("new folder"), "{error}");
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn who_breaks_off_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let third = |done| if done < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let out = temporary.path().join("coats");
    assert!(matches!(small().write(&out, &third), Err(DataError::Interrupted)));
    let invented = InventedCoats { seed: 7, size: 16, kinds: 2, per_kind: 4 };
    assert!(matches!(invented.pictures(&third), Err(DataError::Interrupted)));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_is_known_again_as_long_as_nothing_in_it_has_changed() {
    let change = |how: &dyn Fn(&Path)| {
        let temporary = tempfile::tempdir().unwrap();
        let out = temporary.path().join("coats");
        small().write(&out, &to_the_end).unwrap();
        how(&out);
        small().is_written(&out)
    };
    assert!(change(&|_| ()));
    assert!(!change(&|out| fs::remove_file(out.join("val/cow/002.png")).unwrap()), "a file is missing");
    assert!(!change(&|out| fs::write(out.join("val/cow/002.png"), "").unwrap()), "a file is empty");
    assert!(!change(&|out| fs::write(out.join("train/cow/own.png"), "more").unwrap()), "one came in");
    let other = |out: &Path| {
        fs::copy(out.join("train/cow/001.png"), out.join("train/cow/000.png")).unwrap();
    };
    assert!(!change(&other), "drawn by another program");
    assert!(!small().is_written(Path::new("nowhere")));
}
