//! Instruction sets as values: which kernels this machine may run, and how one is chosen.
//!
//! A program compiled for every x86-64 may not assume AVX-512, and a program that *calls* a function compiled for
//! AVX-512 on a CPU without it dies, or worse. So a CPU feature is a **token** here: `Avx512` has a private field,
//! and only detection makes one. Whoever holds a token holds the proof, and the kernels of an instruction set are
//! reached through its token alone; safe code cannot call the wrong one.
//!
//! | token | registers | needs | kernels written with |
//! |---|---|---|---|
//! | `Avx512` | 32 × 16 floats | AVX-512 F, VL, BW, DQ, and all of AVX2's | `std::arch::x86_64` |
//! | `Avx2` | 16 × 8 floats | AVX2, FMA, F16C (Intel 2013, AMD 2015) | `std::arch::x86_64` |
//! | `Neon` | 32 × 4 floats | every 64-bit ARM | `std::arch::aarch64` |
//! | none | | nothing | `wide`, and plain Rust |
//!
//! The best one is taken unless the environment variable `GRAFT_ISA` names a lesser. Asking for one that the machine
//! lacks is an error, never a silent fall back: whoever sets it wants to test or to measure just that one.
//!
//! Two things go by the CPU whatever `GRAFT_ISA` says, as libraries choose there: the conversion between f16 and f32
//! ([`crate::half`]), which has the same bits everywhere, and the product inside [`Algorithm::Im2colGemm`], which is
//! the yardstick for the others.
//!
//! [`Algorithm::Im2colGemm`]: crate::conv2d::Algorithm::Im2colGemm
//!
//! # Elementwise code is written once
//!
//! Matrix products have hand-written kernels for each instruction set. A loop over independent elements needs none:
//! LLVM vectorises it well, provided it is *compiled* for the wide registers. [`Isa::vectorize`] does that. It takes
//! a closure and inlines it into a function that carries the right `#[target_feature]`, so that one plain loop
//! becomes four machine versions:
//!
//! ```
//! use graft_kernels::Isa;
//! fn scale(isa: Isa, x: &mut [f32], by: f32) {
//!     isa.vectorize(#[inline(always)] || x.iter_mut().for_each(|v| *v *= by));
//! }
//! let mut x = [1.0, 2.0];
//! scale(Isa::best(), &mut x, 3.0);
//! assert_eq!(x, [3.0, 6.0]);
//! ```
//!
//! The `#[inline(always)]` in front of the closure matters: code that is *called* from there, rather than inlined,
//! is compiled for the baseline. Rust never fuses `a * b + c` into one rounding by itself, so `+ − × ÷ √` give the
//! same bits whichever version runs.
//!
//! The pattern of tokens is that of `fearless_simd` (`Level`) and `pulp` (`Arch::dispatch`).

use std::fmt;
use std::sync::OnceLock;

use crate::simd::{Portable, Simd};

/// The environment variable that may lower the choice.
const VARIABLE: &str = "GRAFT_ISA";

/// Every name that [`VARIABLE`] may hold, on any machine.
const NAMES: [&str; 4] = ["avx512", "avx2", "neon", "portable"];

/// Proof that this CPU has AVX-512 F, VL, BW and DQ, and all that `Avx2` proves.
#[cfg(target_arch = "x86_64")]
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Avx512(());

/// Proof that this CPU has AVX2, FMA and F16C.
#[cfg(target_arch = "x86_64")]
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Avx2(());

/// Proof that this CPU has NEON.
#[cfg(target_arch = "aarch64")]
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Neon(());

/// The instruction set that kernels are to use; it can only be one that this machine has.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Isa {
    /// x86-64 with 512-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// x86-64 with 256-bit registers and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// Whatever the program was compiled for: runs everywhere.
    Portable,
}

/// `GRAFT_ISA` asks for what cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// No instruction set has this name.
    #[error(
        "GRAFT_ISA={asked}: no instruction set of that name; this machine has {available} \
         (unset GRAFT_ISA to use the best)"
    )]
    Unknown {
        /// The value of the variable.
        asked: String,
        /// The names this machine accepts, best first.
        available: String,
    },
    /// The name is known, but this machine has no such instructions.
    #[error(
        "GRAFT_ISA={asked}: this CPU ({arch}) lacks it; this machine has {available} (unset GRAFT_ISA to use the best)",
        arch = std::env::consts::ARCH
    )]
    Missing {
        /// The value of the variable.
        asked: String,
        /// The names this machine accepts, best first.
        available: String,
    },
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        all.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    fn detect() -> Option<Self> {
        let all = Avx2::detect().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        all.then_some(Self(()))
    }
}

#[cfg(target_arch = "aarch64")]
impl Neon {
    fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

impl Isa {
    /// The instruction sets of this machine, the best first; the last is always [`Isa::Portable`].
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512::detect().map(Isa::Avx512));
            all.extend(Avx2::detect().map(Isa::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(Neon::detect().map(Isa::Neon));
        all.push(Isa::Portable);
        all
    }

    /// The best instruction set of this machine.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// `avx512`, `avx2`, `neon` or `portable`: what `GRAFT_ISA` calls it.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) => "neon",
            Isa::Portable => "portable",
        }
    }

    /// The instruction set of this name.
    ///
    /// # Errors
    /// [`IsaError::Unknown`] for a name that no instruction set has, [`IsaError::Missing`] for one that this machine
    /// cannot run.
    pub fn from_name(name: &str) -> Result<Self, IsaError> {
        let available = Self::available();
        if let Some(&isa) = available.iter().find(|isa| isa.name() == name) {
            return Ok(isa);
        }
        let asked = name.to_owned();
        let available = available.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
        if NAMES.contains(&name) {
            Err(IsaError::Missing { asked, available })
        } else {
            Err(IsaError::Unknown { asked, available })
        }
    }

    /// What `GRAFT_ISA` asks for, or the best where it is unset or empty.
    ///
    /// # Errors
    /// As [`Isa::from_name`].
    pub fn from_env() -> Result<Self, IsaError> {
        match std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
            Some(name) => Self::from_name(&name.to_string_lossy()),
            None => Ok(Self::best()),
        }
    }

    /// The choice of this process: [`Isa::from_env`], asked once.
    ///
    /// # Panics
    /// If `GRAFT_ISA` is not acceptable. A program calls [`Isa::from_env`] first, and reports its error properly.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| Self::from_env().unwrap_or_else(|e| panic!("{e}")))
    }

    /// Runs `op`, compiled for this instruction set: see the top of this module.
    ///
    /// Write `#[inline(always)]` before the closure, and only inlined code inside it.
    #[inline(always)]
    pub fn vectorize<R>(self, op: impl FnOnce() -> R) -> R {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(s) => s.vectorize(op),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(s) => s.vectorize(op),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(s) => s.vectorize(op),
            Isa::Portable => Portable.vectorize(op),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_the_instruction_set() {
        let available = Isa::available();
        assert_eq!(available.last(), Some(&Isa::Portable));
        assert_eq!(available[0], Isa::best());
        for isa in available {
            assert_eq!(Isa::from_name(isa.name()), Ok(isa));
            assert!(NAMES.contains(&isa.name()));
        }
    }

    #[test]
    fn what_cannot_be_had_is_an_error_that_says_what_can() {
        let foreign = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        let missing = Isa::from_name(foreign).unwrap_err();
        assert!(matches!(missing, IsaError::Missing { .. }));
        let unknown = Isa::from_name("sse9").unwrap_err();
        assert!(matches!(unknown, IsaError::Unknown { .. }));
        for (error, asked) in [(missing, foreign), (unknown, "sse9")] {
            let text = error.to_string();
            assert!(text.contains(&format!("GRAFT_ISA={asked}")), "{text}");
            assert!(text.contains(Isa::best().name()) && text.contains("portable"), "{text}");
        }
    }

    #[test]
    fn vectorised_code_gives_the_same_bits_on_every_instruction_set() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32 * 0.37 - 100.0) / 7.0).collect();
        let run = |isa: Isa| {
            let mut y = x.clone();
            isa.vectorize(
                #[inline(always)]
                || y.iter_mut().zip(&x).for_each(|(y, x)| *y = (*y * 1.1 + x * x) / (x.abs() + 0.3).sqrt()),
            );
            y.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        let portable = run(Isa::Portable);
        for isa in Isa::available() {
            assert_eq!(run(isa), portable, "{isa}");
        }
    }
}
