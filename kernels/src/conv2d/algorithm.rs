//! The ladder of algorithms, each a step of the same road.

use std::fmt;
use std::str::FromStr;

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
}

impl Algorithm {
    /// Every algorithm that can be asked for, from the bottom of the ladder.
    pub const LADDER: [Self; 3] = [Self::Reference, Self::Im2colGemm, Self::Direct];

    /// The name, as an option on a command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Reference => "reference",
            Self::Im2colGemm => "im2col-gemm",
            Self::Direct => "direct",
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
#[error("no convolution algorithm is called `{0}`: there are auto, reference, im2col-gemm, direct")]
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
        let error = "winograd".parse::<Algorithm>().unwrap_err().to_string();
        for algorithm in Algorithm::LADDER.into_iter().chain([Algorithm::Auto]) {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert!(error.contains(algorithm.name()), "{error}");
        }
    }
}
