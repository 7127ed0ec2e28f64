//! VGG16's own shapes, for pictures of 224×224.

use graft_kernels::conv2d::{Conv2dShape, Padding};
use graft_kernels::max_pool2d::Pool2dShape;

/// The nine convolutions that differ: name, side of the map, channels in, filters.
///
/// The name is that of the first layer of the shape; block3_conv3, block4_conv3 and all of block 5 but the first
/// repeat one.
const CONVOLUTIONS: [(&str, usize, usize, usize); 9] = [
    ("block1_conv1", 224, 3, 64),
    ("block1_conv2", 224, 64, 64),
    ("block2_conv1", 112, 64, 128),
    ("block2_conv2", 112, 128, 128),
    ("block3_conv1", 56, 128, 256),
    ("block3_conv2", 56, 256, 256),
    ("block4_conv1", 28, 256, 512),
    ("block4_conv2", 28, 512, 512),
    ("block5_conv1", 14, 512, 512),
];

/// The five poolings: name, side of the map, channels.
const POOLINGS: [(&str, usize, usize); 5] = [
    ("block1_pool", 224, 64),
    ("block2_pool", 112, 128),
    ("block3_pool", 56, 256),
    ("block4_pool", 28, 512),
    ("block5_pool", 14, 512),
];

/// A convolution of 3×3 filters that keeps the size of the map.
///
/// # Panics
/// If the sizes overflow.
pub fn convolution(n: usize, side: usize, cin: usize, cout: usize) -> Conv2dShape {
    Conv2dShape::new([n, side, side, cin], [3, 3, cin, cout], [1, 1], Padding::Same).expect("a small shape")
}

/// The convolutions of VGG16 that differ, by name, for `n` pictures.
pub fn convolutions(n: usize) -> Vec<(&'static str, Conv2dShape)> {
    CONVOLUTIONS.map(|(name, side, cin, cout)| (name, convolution(n, side, cin, cout))).into()
}

/// The poolings of VGG16, by name, for one picture.
pub fn poolings() -> Vec<(&'static str, Pool2dShape)> {
    let shape = |side, c| Pool2dShape::new([1, side, side, c], [2, 2], [2, 2], Padding::Valid);
    POOLINGS.map(|(name, side, c)| (name, shape(side, c).expect("2×2 fits into 14×14"))).into()
}
