//! What a folder of pictures is taken for: layouts, classes, strays, links, splits, and sentences about what is wrong.

mod common;

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use common::{Photos, verified};
use graft_data::{
    DataError, Dataset, Folder, Format, Layout, OnBadImage, Part, Sample, VerifyOptions, image_files, verify,
};

fn scan(photos: &Photos) -> Result<Folder, DataError> {
    Folder::scan(photos.path(), None)
}

fn refusal(photos: &Photos) -> String {
    scan(photos).unwrap_err().to_string()
}

#[test]
fn classes_are_the_folders_in_byte_order() {
    let photos =
        Photos::new(&["bees/1.png", "Wasps/1.png", "ants/10.png", "ants/2.png", "ants/deep/er/1.png"]);
    assert_eq!(Folder::layout(photos.path()).unwrap(), Layout::Classes);
    let folder = scan(&photos).unwrap();
    assert_eq!(folder.class_names, ["Wasps", "ants", "bees"]);
    let files: Vec<_> = folder.files.iter().map(|f| (photos.name(&f.path), f.label)).collect();
    let expected = [
        ("Wasps/1.png", 0),
        ("ants/10.png", 1),
        ("ants/2.png", 1),
        ("ants/deep/er/1.png", 1),
        ("bees/1.png", 2),
    ];
    assert!(files.iter().map(|(name, label)| (name.as_str(), *label)).eq(expected));
    assert!(folder.warnings.is_empty());
}

#[test]
fn parts_are_found_by_their_names() {
    for validation in ["val", "validation", "valid", "Val"] {
        let photos =
            Photos::new(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png", "README.md"]);
        photos.add(&format!("{validation}/a/1.png"));
        photos.add(&format!("{validation}/b/1.png"));
        let folder = scan(&photos).unwrap();
        let parts: Vec<Part> = folder.files.iter().map(|f| f.part).collect();
        let twice = |part| [part, part];
        assert_eq!(parts, [twice(Part::Train), twice(Part::Validation), twice(Part::Test)].concat());
        assert_eq!(folder.class_names, ["a", "b"]);
        assert_eq!((folder.ignored, folder.warnings.len()), (1, 0));
        photos.add("raw/1.png");
        assert!(scan(&photos).unwrap().warnings[0].contains("raw: lies beside train/"));
    }
    let train_only = Photos::new(&["train/a/1.png", "train/b/1.png"]);
    assert_eq!(Folder::layout(train_only.path()).unwrap(), Layout::Parts);
    let vehicles = Photos::new(&["train/1.png", "bus/1.png", "tram/1.png"]);
    assert_eq!(scan(&vehicles).unwrap().class_names, ["bus", "train", "tram"]);
}

#[test]
fn a_test_part_without_answers_is_left_out() {
    let photos = Photos::new(&["train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"]);
    let folder = scan(&photos).unwrap();
    assert_eq!(folder.files.len(), 2);
    assert!(folder.warnings[0].contains("test: has no class folders"), "{:?}", folder.warnings);
}

#[test]
fn what_is_no_picture_is_passed_over_and_counted() {
    let photos =
        Photos::new(&["a/1.png", "b/1.png", ".hidden/1.png", "a/.ipynb_checkpoints/1.png", "__MACOSX/1.png"]);
    for stray in ["a/Thumbs.db", "a/notes.txt", "b/.DS_Store", "a/._1.png", "README"] {
        photos.write(stray, b"not a picture");
    }
    fs::copy(photos.path().join("a/1.png"), photos.path().join("b/without_ending")).unwrap();
    let folder = scan(&photos).unwrap();
    assert_eq!(folder.class_names, ["a", "b"]);
    assert_eq!(
        (folder.files.len(), folder.ignored),
        (3, 3),
        "dot files do not count, the other three strays do"
    );
}

#[test]
fn warnings_tell_of_empty_classes_and_loose_pictures() {
    let photos = Photos::new(&["a/1.png", "b/1.png", "loose.png"]);
    fs::create_dir(photos.path().join("c")).unwrap();
    let warnings = scan(&photos).unwrap().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("1 picture lies outside"), "{warnings:?}");
    assert!(warnings[1].contains("class c has no pictures"), "{warnings:?}");
}

#[test]
fn named_classes_give_order_and_choice() {
    let photos = Photos::new(&["a/1.png", "b/1.png", "c/1.png"]);
    let names = |names: &[&str]| names.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let folder = Folder::scan(photos.path(), Some(&names(&["c", "a"]))).unwrap();
    assert_eq!(folder.class_names, ["c", "a"]);
    assert!(photos.name(&folder.files[0].path) == "c/1.png" && folder.files[0].label == 0);
    assert!(folder.warnings[0].contains("left out, as they are not named: b"));
    let refusal = |list: &[&str]| Folder::scan(photos.path(), Some(&names(list))).unwrap_err().to_string();
    assert!(refusal(&["a", " d"]).contains("no folder for ' d' (there are: a, b, c)"));
    assert!(refusal(&["a", "b", "a"]).contains("the class a named twice"));
    assert!(refusal(&["a"]).contains("one class, a"));
    assert!(refusal(&[]).contains("no class"));
}

#[test]
fn each_wrong_folder_gets_its_sentence() {
    let missing = Folder::scan(Path::new("/nowhere/at/all"), None).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at/all: found nothing, expected a folder"), "{missing}");
    let photos = Photos::new(&["one.png"]);
    let file = Folder::scan(&photos.path().join("one.png"), None).unwrap_err().to_string();
    assert!(file.contains("found a file, expected a folder"), "{file}");
    assert!(refusal(&photos).contains("no class folders (1 picture"), "{}", refusal(&photos));
    assert!(refusal(&Photos::new(&[])).contains("neither folders nor pictures"));
    assert!(refusal(&Photos::new(&["a/1.png", "a/2.png"])).contains("one class, a"));
    assert!(refusal(&Photos::new(&["a/x/1.png", "a/y/2.png"])).contains("may be meant"));
    assert!(refusal(&Photos::new(&["val/a/1.png", "val/b/1.png"])).contains("but no train/"));
    assert!(refusal(&Photos::new(&["train/1.png", "val/2.png"])).contains("train: found no class folders"));
    let both = Photos::new(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png"]);
    assert!(refusal(&both).contains("both"), "{}", refusal(&both));
    let differing = Photos::new(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"]);
    assert!(refusal(&differing).contains("missing: b; only here: c"), "{}", refusal(&differing));
    let empty = Photos::new(&["a/1.png"]);
    fs::create_dir(empty.path().join("b")).unwrap();
    assert!(refusal(&empty).contains("pictures in one only of the 2 class folders"), "{}", refusal(&empty));
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_never_in_circles() {
    use std::os::unix::fs::symlink;
    let photos = Photos::new(&["a/1.png", "b/1.png", "elsewhere/pictures/2.png"]);
    let at = |name: &str| photos.path().join(name);
    symlink(at("elsewhere/pictures"), at("a/linked")).unwrap();
    symlink(photos.path(), at("a/back_to_the_root")).unwrap();
    symlink(at("b"), at("b/itself")).unwrap();
    symlink("/nowhere/at/all", at("b/dangling.png")).unwrap();
    let names = [String::from("a"), String::from("b")];
    let folder = Folder::scan(photos.path(), Some(&names)).unwrap();
    let of_a: Vec<_> = folder.files.iter().filter(|f| f.label == 0).map(|f| photos.name(&f.path)).collect();
    assert!(of_a.contains(&"a/linked/2.png".to_owned()), "{of_a:?}");
    // The dangling link claims to be a picture, so it is a bad one.
    let verified = verify(folder, &VerifyOptions::default(), &|_| ControlFlow::Continue(())).unwrap();
    assert!(verified.bad.iter().any(|bad| bad.path.ends_with("dangling.png")));
}

#[cfg(unix)]
#[test]
fn a_pipe_with_the_name_of_a_picture_is_not_waited_for() {
    let photos = Photos::new(&["a/1.png", "b/1.png"]);
    let made = std::process::Command::new("mkfifo").arg(photos.path().join("a/pipe.jpg")).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: mkfifo is not there");
        return;
    }
    let verified = verified(&photos);
    assert!(verified.bad[0].to_string().ends_with("it is no regular file"), "{}", verified.bad[0]);
}

#[test]
fn bad_pictures_are_named_and_left_where_they_are() {
    let photos = Photos::new(&["a/1.png", "a/2.png", "b/1.png", "b/2.png"]);
    photos.write("a/text.jpg", b"words");
    let png = fs::read(photos.path().join("b/1.png")).unwrap();
    photos.write("b/torn.png", &png[..png.len() / 2]);
    let good = verified(&photos);
    assert_eq!(good.dataset.samples.len(), 4);
    let bad: Vec<_> = good.bad.iter().map(|b| photos.name(&b.path)).collect();
    assert_eq!(bad, ["a/text.jpg", "b/torn.png"]);
    assert!(photos.path().join("a/text.jpg").exists());
    let strict = VerifyOptions { on_bad: OnBadImage::Fail, ..VerifyOptions::default() };
    let refusal =
        verify(scan(&photos).unwrap(), &strict, &|_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(refusal.contains("2 bad images") && refusal.contains("text.jpg: it holds text"), "{refusal}");
}

#[test]
fn the_choices_have_names() {
    for choice in [OnBadImage::Skip, OnBadImage::Fail] {
        assert_eq!(choice.to_string().parse::<OnBadImage>().unwrap(), choice);
        assert_eq!(serde_json::to_string(&choice).unwrap(), format!("\"{choice}\""));
    }
    assert!("delete".parse::<OnBadImage>().unwrap_err().to_string().contains("expected skip or fail"));
}

#[test]
fn bad_pictures_may_cost_a_class_but_not_all_but_one() {
    let photos = Photos::new(&[]);
    photos.write("a/1.jpg", b"words");
    photos.write("b/1.jpg", b"words");
    let all = |_| ControlFlow::Continue(());
    let refusal = verify(scan(&photos).unwrap(), &VerifyOptions::default(), &all).unwrap_err().to_string();
    assert!(refusal.contains("no picture to train on that can be decoded"), "{refusal}");
    photos.add("b/2.png");
    let refusal = verify(scan(&photos).unwrap(), &VerifyOptions::default(), &all).unwrap_err().to_string();
    assert!(refusal.contains("in one class only, b"), "{refusal}");
    photos.add("c/1.png");
    let lost = verify(scan(&photos).unwrap(), &VerifyOptions::default(), &all).unwrap();
    assert_eq!(lost.warnings, ["the class a has no good pictures to train on"]);
}

#[test]
fn verification_tells_how_far_it_is_and_can_be_broken_off() {
    let photos = Photos::new(&["a/1.png", "a/2.png", "b/1.png", "b/2.png"]);
    let seen = std::sync::Mutex::new(vec![]);
    let all = |done| {
        seen.lock().unwrap().push(done);
        ControlFlow::Continue(())
    };
    verify(scan(&photos).unwrap(), &VerifyOptions::default(), &all).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, 4]);
    let broken = verify(scan(&photos).unwrap(), &VerifyOptions::default(), &|_| ControlFlow::Break(()));
    assert!(matches!(broken, Err(DataError::Interrupted)));
}

#[test]
fn the_class_table_shows_what_there_is() {
    let photos = Photos::new(&[
        "train/ants/1.png",
        "train/ants/2.png",
        "train/honey bees/1.png",
        "val/ants/1.png",
        "val/honey bees/1.png",
    ]);
    let table = verified(&photos).dataset.class_table().to_string();
    let expected = "\
index  class            train  validation
    0  ants                 2           1
    1  honey bees           1           1
       all                  3           2";
    assert_eq!(table, expected);
}

#[test]
fn a_flat_folder_has_samples_without_classes() {
    let photos = Photos::new(&["2.png", "1.png", "sub/3.png"]);
    let folder = Folder::scan_flat(photos.path()).unwrap();
    assert!(folder.class_names.is_empty());
    let data = verify(folder, &VerifyOptions::default(), &|_| ControlFlow::Continue(())).unwrap().dataset;
    let names: Vec<_> = (0..3).map(|i| data.relative_path(i).to_str().unwrap()).collect();
    assert_eq!(names, ["1.png", "2.png", "sub/3.png"]);
    assert_eq!(image_files(photos.path()).unwrap().len(), 3);
    assert_eq!(image_files(&photos.path().join("1.png")).unwrap().len(), 1);
    assert!(image_files(&photos.path().join("4.png")).unwrap_err().to_string().contains("found nothing"));
    assert!(image_files(Photos::new(&["a/"]).path()).unwrap_err().to_string().contains("no picture"));
}

/// A dataset of classes of these sizes, without files.
fn dataset(sizes: &[usize]) -> Dataset {
    let mut samples = Vec::new();
    for (label, &n) in sizes.iter().enumerate() {
        samples.extend((0..n).map(|i| Sample {
            path: format!("{label}/{i}.png").into(),
            label,
            part: Part::Train,
            format: Format::Png,
            height: 1,
            width: 1,
            digest: [(label * 100 + i) as u8; 32],
        }));
    }
    Dataset { root: "".into(), class_names: (0..sizes.len()).map(|i| i.to_string()).collect(), samples }
}

#[test]
fn the_split_is_stratified_and_named_by_its_seed() {
    let split = |sizes: &[usize], fraction, seed| {
        let mut data = dataset(sizes);
        data.hold_out(fraction, seed).unwrap();
        data
    };
    let data = split(&[10, 1, 2, 0, 13], 0.2, 7);
    assert_eq!(data.class_counts(Part::Validation), [2, 0, 1, 0, 3]);
    assert_eq!(data.class_counts(Part::Train), [8, 1, 1, 0, 10]);
    assert_eq!(split(&[3, 3], 0.99, 0).class_counts(Part::Train), [1, 1]);
    assert_eq!(split(&[3, 3], 0.0, 0).count(Part::Validation), 0);
    assert_eq!(data.samples, split(&[10, 1, 2, 0, 13], 0.2, 7).samples);
    assert_ne!(data.samples, split(&[10, 1, 2, 0, 13], 0.2, 8).samples);
    // Another class's size does not change which pictures of this class are held out.
    assert_eq!(data.samples[..10], split(&[10, 5], 0.2, 7).samples[..10]);
}

/// The bytes of a file, and not where it lies, decide which part it is in.
#[test]
fn photos_keep_their_part_when_others_come_or_names_change() {
    let held_out = |mut data: Dataset, seed| {
        data.hold_out(0.2, seed).unwrap();
        let held_out = data.samples.iter().filter(|s| s.part == Part::Validation).map(|s| s.digest);
        held_out.collect::<HashSet<_>>()
    };
    for seed in 0..20 {
        let before = held_out(dataset(&[50]), seed);
        let mut renamed = dataset(&[50]);
        renamed.samples.reverse();
        assert_eq!(held_out(renamed, seed), before);
        for (n, count) in [(52, 10), (60, 12)] {
            let after = held_out(dataset(&[n]), seed);
            assert_eq!((before.len(), after.len()), (10, count));
            let new = after.iter().filter(|digest| digest[0] >= 50).count();
            // The border moves, one way or the other.
            let (came, went) = (after.difference(&before).count() - new, before.difference(&after).count());
            assert!(
                came == 0 || went == 0,
                "{came} that were trained on are measured with, {went} the other way"
            );
        }
    }
}

#[test]
fn copies_of_a_photo_stay_together() {
    for (seed, copies) in (0..20).flat_map(|seed| (2..10).map(move |copies| (seed, copies))) {
        let mut data = dataset(&[10]);
        data.samples[..copies].iter_mut().for_each(|s| s.digest = [200; 32]);
        data.hold_out(0.3, seed).unwrap();
        let part = data.samples[0].part;
        assert!(data.samples[..copies].iter().all(|s| s.part == part), "{copies} copies, seed {seed}");
        assert!(data.count(Part::Train) > 0 && data.count(Part::Validation) > 0);
        assert!(copies > 2 || data.count(Part::Validation).abs_diff(3) <= 1);
    }
    // Where there is nothing else, there is no choice.
    let mut data = dataset(&[4]);
    data.samples.iter_mut().for_each(|s| s.digest = [200; 32]);
    data.hold_out(0.25, 0).unwrap();
    assert_eq!(data.count(Part::Validation), 1);
}

#[test]
fn a_split_that_cannot_be_is_refused() {
    for fraction in [1.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(dataset(&[4, 4]).hold_out(fraction, 0).is_err(), "{fraction}");
    }
    let mut data = dataset(&[4, 4]);
    data.hold_out(0.25, 0).unwrap();
    assert!(data.hold_out(0.25, 0).unwrap_err().to_string().contains("validation part of its own"));
}

#[test]
fn duplicates_across_parts_and_classes_are_found() {
    let mut data = dataset(&[3, 3]);
    data.samples[1].digest = data.samples[0].digest; // The same class and part: harmless.
    data.samples[4].digest = data.samples[0].digest;
    assert_eq!(data.duplicates(), [(0, 4)]);
    data.samples[1].part = Part::Validation;
    assert_eq!(data.duplicates(), [(0, 1), (0, 4)]);
}

fn verify_refusal(photos: &Photos) -> String {
    let folder = scan(photos).unwrap();
    verify(folder, &VerifyOptions::default(), &|_| ControlFlow::Continue(())).unwrap_err().to_string()
}

#[test]
fn one_class_left_after_verification_is_refused() {
    let photos = Photos::new(&["a/1.png", "a/2.png"]);
    photos.write("b/1.png", b"no picture");
    assert!(verify_refusal(&photos).contains("one class only, a"));
}

#[test]
fn a_part_without_a_good_picture_is_refused() {
    let photos = Photos::new(&["train/a/1.png", "train/b/1.png"]);
    photos.write("val/a/1.png", b"no picture");
    photos.write("val/b/1.png", b"no picture");
    let folder = scan(&photos).unwrap();
    assert!(folder.has(Part::Validation) && !folder.has(Part::Test));
    assert!(verify_refusal(&photos).contains("no picture of the validation part"));
}

#[test]
fn classes_with_few_photos_are_told_of() {
    let photos = Photos::new(&["a/1.png", "b/1.png", "b/2.png"]);
    for i in 0..5 {
        photos.add(&format!("c/{i}.png"));
    }
    let warnings = verified(&photos).dataset.warnings();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("a has a single photo") && warnings[1].contains("b has only 2 photos"));
    assert!(warnings[0].contains("none can be held out"), "{warnings:?}");
    let mut dataset = verified(&photos).dataset;
    dataset.hold_out(0.5, 1).unwrap();
    let one_each = &dataset.warnings()[1];
    assert!(
        one_each.contains("b has a single photo to train on") && !one_each.contains("none"),
        "{one_each}"
    );
}
