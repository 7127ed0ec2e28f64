//! VGG16's five max-poolings, and global pooling of its last map at batch 32. Bytes are those read and written.

#![forbid(unsafe_code)]

use graft_benches::{Criterion, Once, bytes, data, isas, run, shapes};
use graft_kernels::Isa;
use graft_kernels::global_pool2d::{self, GlobalPool2dShape};
use graft_kernels::max_pool2d::{self, Pool2dShape};
use std::hint::black_box;

fn main() {
    run(|c| {
        shapes::poolings().iter().for_each(|(name, s)| max_pooling(c, name, s));
        global_pooling(c);
    });
}

fn max_pooling(c: &mut Criterion, name: &str, s: &Pool2dShape) {
    let (x, dy) = (data(1, s.x_len()), data(2, s.y_len()));
    let (mut y, mut dx) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()]);
    max_pool2d::reference::forward(s, &x, &mut y);
    max_pool2d::reference::backward(s, &x, &dy, &mut dx);
    measure(c, &format!("max_pool2d {name} forward"), s.x_len() + s.y_len(), &y, |isa, y| {
        max_pool2d::forward(isa, s, &x, y);
    });
    measure(c, &format!("max_pool2d {name} backward"), 2 * s.x_len() + s.y_len(), &dx, |isa, dx| {
        max_pool2d::backward(isa, s, &x, &dy, dx);
    });
}

fn global_pooling(c: &mut Criterion) {
    let s = &GlobalPool2dShape { n: 32, hw: 49, c: 512 };
    let (x, dy) = (data(1, s.x_len()), data(2, s.y_len()));
    let (mut y, mut dx) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()]);
    global_pool2d::reference::average_forward(s, &x, &mut y);
    measure(c, "global_average_pool2d forward", s.x_len(), &y, |isa, y| {
        global_pool2d::average_forward(isa, s, &x, y);
    });
    global_pool2d::reference::average_backward(s, &dy, &mut dx);
    measure(c, "global_average_pool2d backward", s.x_len(), &dx, |isa, dx| {
        global_pool2d::average_backward(isa, s, &dy, dx);
    });
    global_pool2d::reference::max_forward(s, &x, &mut y);
    measure(c, "global_max_pool2d forward", s.x_len(), &y, |isa, y| {
        global_pool2d::max_forward(isa, s, &x, y)
    });
    global_pool2d::reference::max_backward(s, &x, &dy, &mut dx);
    measure(c, "global_max_pool2d backward", 2 * s.x_len(), &dx, |isa, dx| {
        global_pool2d::max_backward(isa, s, &x, &y, &dy, dx);
    });
}

/// Checks and measures one pass on every instruction set; its result must be `expected` to the last bit.
fn measure(
    c: &mut Criterion,
    group: &str,
    numbers: usize,
    expected: &[f32],
    compute: impl Fn(Isa, &mut [f32]),
) {
    let mut group = c.benchmark_group(group);
    group.throughput(bytes(numbers));
    let mut output = vec![0.0; expected.len()];
    for isa in isas() {
        let mut checked = Once::default();
        group.bench_function(isa.name(), |b| {
            checked.run(|| {
                output.fill(f32::NAN);
                compute(isa, &mut output);
                assert!(output == expected, "{isa}: another result than the reference's");
            });
            b.iter(|| compute(isa, black_box(&mut output)));
        });
    }
    group.finish();
}
