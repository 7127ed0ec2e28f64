//! The ladder of algorithms, each a step of the same road.

use std::fmt;
use std::str::FromStr;

use super::{Conv2dShape, winograd};

/// How a convolution is computed. All give the same result, up to rounding.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Algorithm {
    /// The fastest for the shape.
    #[default]
    Auto,
    /// Seven nested loops and f64 sums: what a convolution *is*.
    Reference,
    /// Patches written out as a matrix, times the filters, by the crate `matrixmultiply` (which picks its own
    /// instruction set).
    Im2colGemm,
    /// The same product by our own tile, which gathers the patches as it packs: no matrix of patches exists.
    Direct,
    /// F(4×4, 3×3): a quarter of the multiplications, for 3×3 filters that move by one; [`Direct`](Self::Direct) for all
    /// others.
    Winograd,
}

/// Fewer channels than this leave most of a cache line, and of the time of a transform, unused.
const FEW_CHANNELS: usize = 16;

/// Winograd's products run at the speed of the direct ones, and its transforms take about a fifth of the time; so it pays
/// up to this share of the direct count. A map of 7×7 has 0.33, 4×4 0.25, 3×3 0.44, 2×2 all of it.
const WORTH_IT: f64 = 0.6;

impl Algorithm {
    /// The algorithm that is used where this one is asked for.
    pub(super) fn chosen(self, s: &Conv2dShape) -> Self {
        match self {
            Self::Auto if s.cin.min(s.cout) < FEW_CHANNELS => Self::Direct,
            Self::Auto if winograd::can(s) && winograd::share_of_products(s) <= WORTH_IT => Self::Winograd,
            Self::Auto => Self::Direct,
            Self::Winograd if !winograd::can(s) => Self::Direct,
            other => other,
        }
    }

    /// The part of the direct count's multiplications that is carried out where this algorithm is asked for: 1, or less by
    /// Winograd's, whose transforms are not counted.
    pub fn share_of_products(self, s: &Conv2dShape) -> f64 {
        match self.chosen(s) {
            Self::Winograd => winograd::share_of_products(s),
            _ => 1.0,
        }
    }

    /// Every algorithm that can be asked for, from the bottom of the ladder.
    pub const LADDER: [Self; 4] = [Self::Reference, Self::Im2colGemm, Self::Direct, Self::Winograd];

    /// The name, as an option on a command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Reference => "reference",
            Self::Im2colGemm => "im2col-gemm",
            Self::Direct => "direct",
            Self::Winograd => "winograd",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No algorithm has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no convolution algorithm is called `{0}`: there are auto, reference, im2col-gemm, direct, winograd")]
pub struct UnknownAlgorithm(pub String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::LADDER.into_iter().chain([Self::Auto]);
        all.find(|a| a.name() == name).ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_the_error_lists_them() {
        let error = "fft".parse::<Algorithm>().unwrap_err().to_string();
        for algorithm in Algorithm::LADDER.into_iter().chain([Algorithm::Auto]) {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert!(error.contains(algorithm.name()), "{error}");
        }
    }
}
