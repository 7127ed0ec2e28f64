//! Real photos, where they are there: none is taken for bad, each finds its class.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use graft_data::{Folder, Format, Part, Target, VerifyOptions, verify};

/// A folder of photos beside the project, or `None` with a line that says so.
fn photos(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(name);
    if !path.is_dir() {
        println!("skipped: the photos of {name} are not there ({})", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn ants_and_bees_are_all_good() {
    let Some(path) = photos("ants_and_bees") else { return };
    let options = VerifyOptions { keep: Some(Target::square(32)), ..VerifyOptions::default() };
    let all = verify(Folder::scan(&path, None).unwrap(), &options, &|_| ControlFlow::Continue(())).unwrap();
    assert!(all.bad.is_empty(), "{:?}", all.bad);
    assert_eq!(all.dataset.class_names, ["ants", "bees"]);
    assert_eq!(all.dataset.class_counts(Part::Train), [124, 121]);
    assert_eq!(all.dataset.class_counts(Part::Validation), [70, 83]);
    assert_eq!(all.store.len(), 398);
    let mut formats = HashMap::new();
    all.dataset.samples.iter().for_each(|s| *formats.entry(s.format).or_insert(0) += 1);
    assert_eq!(formats, HashMap::from([(Format::Jpeg, 397), (Format::Gif, 1)]));
}

#[test]
fn animals_are_all_good_and_split_by_species() {
    let Some(path) = photos("animals") else { return };
    let all =
        verify(Folder::scan(&path, None).unwrap(), &VerifyOptions::default(), &|_| ControlFlow::Continue(()));
    let mut all = all.unwrap();
    assert!(all.bad.is_empty(), "{:?}", all.bad);
    assert_eq!((all.dataset.class_names.len(), all.dataset.samples.len()), (22, 1939));
    let sizes = all.dataset.class_counts(Part::Train);
    all.dataset.hold_out(0.2, 0).unwrap();
    for (held_out, n) in all.dataset.class_counts(Part::Validation).into_iter().zip(sizes) {
        assert!((held_out as f64 - 0.2 * n as f64).abs() <= 0.5, "{held_out} of {n}");
    }
}
