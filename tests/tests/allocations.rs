//! A training step takes its memory from what the step before it has dropped: after the first, none asks the system for more
//! than 4 KiB at a time.
//!
//! Fresh memory is not only a call. Every page of it traps into the system when it is first written to, which is slower
//! than most kernels compute. The first step makes all that a step needs and the optimiser's memory; the second finds it.
//!
//! The allocator counts for the whole process, so this is a program of its own with a single test.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use graft_kernels::random::{Purpose, Stream};
use graft_nn::Sequential;
use graft_nn::fit::{Batch, Trainer};
use graft_nn::head::Head;
use graft_tensor::{DType, Tensor};
use graft_transfer::features::FeatureStore;
use graft_vgg::Vgg16;
use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker, Allocator};

#[global_allocator]
static ALLOCATOR: Allocator<std::alloc::System> = Allocator::system();

/// Bytes that a step may ask for at once: small lists, names and boxes of rules.
const SMALL: usize = 4096;

/// Steps that may allocate what they like, and steps that are watched.
const STEPS: (usize, usize) = (1, 4);

const BATCH: usize = 4;
const CLASSES: usize = 3;

static COUNTING: AtomicBool = AtomicBool::new(false);

/// How often each size above [`SMALL`] was asked for.
static LARGE: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

struct Counter;

impl AllocationTracker for Counter {
    fn allocated(&self, _: usize, size: usize, _: usize, _: AllocationGroupId) {
        if size > SMALL && COUNTING.load(Ordering::Relaxed) {
            *LARGE.lock().expect("no panic while counting").entry(size).or_default() += 1;
        }
    }

    fn deallocated(&self, _: usize, _: usize, _: usize, _: AllocationGroupId, _: AllocationGroupId) {}
}

/// VGG16 for pictures of 32×32 with method 1's head, trained from layer `from` on.
fn model(from: usize) -> Sequential {
    let mut model = Vgg16::without_top(32, 32).build().expect("the smallest VGG16");
    let head: Head =
        "flatten, dense(64, relu), dropout(0.5), dense(classes, softmax)".parse().expect("a head");
    model.push_all(&head.layers(CLASSES).expect("some classes")).expect("a head that fits");
    model.set_trainable(..from, false);
    model.initialize(1);
    model
}

/// How often a step asked for which size, once memory has been made: training on random rows that enter layer `from`.
fn large_allocations(from: usize) -> BTreeMap<usize, usize> {
    let mut model = model(from);
    let below = from.checked_sub(1);
    let shape = below.map_or(*model.input_shape(), |layer| *model.layers()[layer].output_shape());
    let samples: Vec<usize> = (0..2 * BATCH).collect();
    let mut rows = FeatureStore::new(shape, samples.len(), &samples, DType::F32, &std::env::temp_dir())
        .expect("room for a few rows");
    for &sample in &samples {
        let mut stream = Stream::new(1, Purpose::Data, 0, sample as u64);
        let row = Tensor::from_fn(shape, |_| stream.uniform());
        rows.put(sample, row.data()).expect("a row of the store's shape");
    }
    // Which thread takes which piece is a matter of luck, and one that comes to a kernel for the first time makes its
    // scratch memory then: on one thread, the first step has been everywhere.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let mut trainer = Trainer::new(&mut model);
    for step in 0..STEPS.0 + STEPS.1 {
        COUNTING.store(step >= STEPS.0, Ordering::Relaxed);
        let samples = &samples[step % 2 * BATCH..][..BATCH];
        let batch = Batch {
            x: rows.batch(samples).expect("rows that are there"),
            from_layer: from,
            labels: samples.iter().map(|s| s % CLASSES).collect(),
            samples: samples.iter().map(|&s| s as u64).collect(),
        };
        pool.install(|| trainer.train_step(0, &batch)).expect("a step");
        COUNTING.store(false, Ordering::Relaxed);
    }
    std::mem::take(&mut LARGE.lock().expect("no panic while counting"))
}

#[test]
fn after_the_first_step_none_allocates_more_than_4_kib_at_a_time() {
    AllocationRegistry::set_global_tracker(Counter).expect("the only tracker");
    AllocationRegistry::enable_tracking();
    COUNTING.store(true, Ordering::Relaxed);
    drop(Vec::<u8>::with_capacity(SMALL + 1));
    COUNTING.store(false, Ordering::Relaxed);
    let seen = std::mem::take(&mut *LARGE.lock().expect("no panic while counting"));
    assert_eq!(seen, BTreeMap::from([(SMALL + 1, 1)]), "what is large is not seen");

    // Method 1 behind the kept features, method 2 behind those of block 4, and every layer trained.
    for (steps, from) in [("a head", 18), ("block 5 and a head", 14), ("every layer", 0)] {
        let found = large_allocations(from);
        assert!(
            found.is_empty(),
            "{steps}: bytes and how often they were asked for in {} steps: {found:?}",
            STEPS.1
        );
    }
}
