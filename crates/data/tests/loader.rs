//! Batches: in order, the same bits for any number of threads, errors with their file, no thread left behind.

mod common;

use std::sync::Arc;

use common::{Photos, verified};
use graft_data::augment::{Augmentation, Compat};
use graft_data::{
    Augment, Batch, DataError, DecodeOptions, Interpolation, Loader, LoaderOptions, Part, PixelStore, Target,
    Verified, shuffled,
};

fn photos() -> Photos {
    let names: Vec<String> = (0..13).map(|i| format!("{}/{i}.png", ["a", "b", "c"][i % 3])).collect();
    Photos::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn options(threads: usize) -> LoaderOptions {
    LoaderOptions {
        target: Target::square(16),
        decode: DecodeOptions::default(),
        batch_size: 4,
        threads,
        preprocess: Arc::new(|x| x.iter_mut().for_each(|v| *v -= 100.0)),
    }
}

fn augment(seed: u64) -> Augment {
    let ranges = Augmentation {
        rotation_range: 30.0,
        width_shift_range: 0.1,
        horizontal_flip: true,
        ..Default::default()
    };
    Augment { ranges, compat: Compat::Native, seed }
}

fn loader(verified: &Verified, store: &PixelStore, options: LoaderOptions) -> Loader {
    Loader::new(Arc::new(verified.dataset.clone()), store.clone(), options).unwrap()
}

fn bits(batches: impl Iterator<Item = Result<Batch, DataError>>) -> Vec<u32> {
    batches.flat_map(|b| b.unwrap().x.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect()
}

#[test]
fn batches_hold_the_samples_in_the_order_asked_for() {
    let photos = photos();
    let good = verified(&photos);
    let order = shuffled(&good.dataset.indices(Part::Train), 7, 0);
    let loader = loader(&good, &good.store, options(2));
    let mut batches = loader.batches(order.clone());
    assert_eq!(batches.remaining(), 4);
    let all: Vec<Batch> = batches.by_ref().map(Result::unwrap).collect();
    assert_eq!(batches.remaining(), 0);
    let sizes: Vec<usize> = all.iter().map(|b| b.x.rows()).collect();
    assert_eq!(sizes, [4, 4, 4, 1]);
    assert_eq!(all.iter().flat_map(|b| b.samples.clone()).collect::<Vec<_>>(), order);
    for batch in &all {
        assert_eq!(batch.x.shape()[1..], [16, 16, 3]);
        for (row, (&sample, &label)) in batch.samples.iter().zip(&batch.labels).enumerate() {
            assert_eq!(label, good.dataset.samples[sample].label);
            let file =
                graft_data::decode(&good.dataset.samples[sample].path, DecodeOptions::default()).unwrap();
            let expected = graft_data::resize(file, 16, 16, Interpolation::Bilinear).unwrap().into_f32();
            assert!(batch.x.row(row).iter().zip(&expected.data).all(|(x, grey)| *x == grey - 100.0));
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_on_what_is_kept() {
    let photos = photos();
    let good = verified(&photos);
    assert_eq!(good.store.len(), 13);
    let order = shuffled(&good.dataset.indices(Part::Train), 7, 3);
    let plain = bits(loader(&good, &good.store, options(1)).batches(order.clone()));
    let varied = bits(loader(&good, &good.store, options(1)).augmented(order.clone(), augment(7), 3));
    assert_ne!(plain, varied);
    for threads in [1, 2, 7] {
        for store in [&good.store, &PixelStore::default()] {
            let loader = loader(&good, store, options(threads));
            assert!(plain == bits(loader.batches(order.clone())), "{threads} threads");
            assert!(varied == bits(loader.augmented(order.clone(), augment(7), 3)), "{threads} threads");
        }
    }
    let loader = loader(&good, &good.store, options(2));
    assert_ne!(varied, bits(loader.augmented(order.clone(), augment(7), 4)), "another epoch, other variants");
    assert_ne!(varied, bits(loader.augmented(order, augment(8), 3)), "another seed, other variants");
}

/// A picture's variant belongs to the picture, not to its place in the epoch.
#[test]
fn variants_do_not_depend_on_the_order() {
    let photos = photos();
    let good = verified(&photos);
    let loader = loader(&good, &good.store, options(2));
    let variant_of_5 = |order: Vec<usize>| {
        let at = order.iter().position(|&i| i == 5).unwrap();
        let batch = loader.augmented(order, augment(0), 0).nth(at / 4).unwrap().unwrap();
        batch.x.row(at % 4).to_vec()
    };
    assert_eq!(variant_of_5((0..13).collect()), variant_of_5((0..13).rev().collect()));
}

#[test]
fn pixels_kept_for_another_size_are_not_used() {
    let photos = photos();
    let good = verified(&photos);
    for target in [Target::square(8), Target { interpolation: Interpolation::Nearest, ..Target::square(16) }]
    {
        let with = loader(&good, &good.store, LoaderOptions { target, ..options(2) });
        let without = loader(&good, &PixelStore::default(), LoaderOptions { target, ..options(2) });
        assert!(bits(with.batches(vec![0, 1, 2])) == bits(without.batches(vec![0, 1, 2])));
    }
}

#[test]
fn a_file_that_has_gone_since_is_named_and_ends_the_batches() {
    let photos = photos();
    let good = verified(&photos);
    std::fs::remove_file(&good.dataset.samples[6].path).unwrap();
    let mut batches = loader(&good, &PixelStore::default(), options(2)).batches((0..13).collect());
    assert!(batches.next().unwrap().is_ok());
    let error = batches.next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with(good.dataset.samples[6].path.to_str().unwrap()), "{error}");
    assert!(batches.next().is_none());
}

#[test]
fn dropped_early_the_threads_end() {
    let photos = photos();
    let good = verified(&photos);
    let counted = Arc::new(());
    let held = Arc::clone(&counted);
    let preprocess = Arc::new(move |_: &mut [f32]| drop(Arc::clone(&held)));
    let loader = loader(&good, &good.store, LoaderOptions { preprocess, ..options(3) });
    for taken in 0..3 {
        let mut batches = loader.batches((0..13).cycle().take(10_000).collect());
        (0..taken).for_each(|_| assert!(batches.next().unwrap().is_ok()));
    }
    drop(loader);
    assert_eq!(Arc::strong_count(&counted), 1, "a thread still holds what it worked with");
}

#[test]
fn sizes_of_nothing_are_refused() {
    let good = verified(&photos());
    for wrong in [
        LoaderOptions { batch_size: 0, ..options(1) },
        LoaderOptions { target: Target::square(0), ..options(1) },
    ] {
        let refused = Loader::new(Arc::new(good.dataset.clone()), PixelStore::default(), wrong);
        assert!(refused.is_err_and(|e| e.to_string().contains("found 0, expected at least 1")));
    }
    assert!(loader(&good, &good.store, options(1)).batches(vec![]).next().is_none());
}

#[test]
fn a_batch_larger_than_any_folder_holds_all() {
    let photos = photos();
    let good = verified(&photos);
    let order = good.dataset.indices(Part::Train);
    let loader = loader(&good, &good.store, LoaderOptions { batch_size: usize::MAX, ..options(2) });
    let sizes: Vec<usize> = loader.batches(order).map(|b| b.unwrap().x.rows()).collect();
    assert_eq!(sizes, [13]);
}
