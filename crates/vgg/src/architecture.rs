//! Configuration D, the network known as VGG16, as in table 1 of K. Simonyan and A. Zisserman, *Very deep convolutional
//! networks for large-scale image recognition* (ICLR 2015).
//!
//! All its convolutions are 3×3, move by 1, keep height and width (`same`), and end in a ReLU. All its poolings take the
//! largest of 2×2 and halve height and width. Two 3×3 convolutions see as much as one of 5×5, with fewer weights and one
//! non-linearity more: that was the paper's point.
//!
//! Names are Keras's, and with them those of the weights in every file that Keras has written.

/// One layer of the convolutional part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A 3×3 convolution: name, and number of filters.
    Conv(&'static str, usize),
    /// A 2×2 max-pooling: name.
    Pool(&'static str),
}

use Layer::{Conv, Pool};

/// The convolutional part. For a picture of 224×224, the map at the end of each block is named on the right.
#[rustfmt::skip]
pub const CONFIGURATION_D: [Layer; 18] = [
    Conv("block1_conv1",  64),
    Conv("block1_conv2",  64),
    Pool("block1_pool"),        // 112 × 112 ×  64
    Conv("block2_conv1", 128),
    Conv("block2_conv2", 128),
    Pool("block2_pool"),        //  56 ×  56 × 128
    Conv("block3_conv1", 256),
    Conv("block3_conv2", 256),
    Conv("block3_conv3", 256),
    Pool("block3_pool"),        //  28 ×  28 × 256
    Conv("block4_conv1", 512),
    Conv("block4_conv2", 512),
    Conv("block4_conv3", 512),
    Pool("block4_pool"),        //  14 ×  14 × 512
    Conv("block5_conv1", 512),
    Conv("block5_conv2", 512),
    Conv("block5_conv3", 512),
    Pool("block5_pool"),        //   7 ×   7 × 512
];

impl Layer {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        match self {
            Conv(name, _) | Pool(name) => name,
        }
    }
}

/// The dense layers of the top, each ending in a ReLU, between `flatten` and `predictions`: name and units.
pub const TOP: [(&str, usize); 2] = [("fc1", 4096), ("fc2", 4096)];
