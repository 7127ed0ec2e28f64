//! Random numbers that need no running state: number `i` of a stream is a function of the stream's key and of `i`.
//!
//! A generator that runs on from number to number ties every result to the order of the calls: read one picture
//! more, start one thread more, and all that follows changes. Here a stream is *named* by what it is for,
//!
//! ```text
//! (seed, purpose, epoch, sample)        e.g. (7, Augment, epoch 3, picture 120)
//! ```
//!
//! and two streams never meet, so pictures can be augmented in any order on any number of threads, and a run that is
//! taken up again at epoch 3 draws what it would have drawn.
//!
//! The function is Philox4x32-10: ten rounds of multiplication and exclusive-or that turn a 128-bit counter and a
//! 64-bit key into 128 random bits (Salmon, Moraes, Dror, Shaw: *Parallel random numbers: as easy as 1, 2, 3*, SC 2011).
//! It is the generator of JAX's, TensorFlow's and PyTorch's devices, and passes TestU01's BigCrush.

/// What a stream is for; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Initial weights; the sample is the number of the layer.
    Initialize = 1,
    /// The units that dropout drops.
    Dropout = 2,
    /// The order of the pictures within an epoch.
    Shuffle = 3,
    /// Which pictures are held out.
    Split = 4,
    /// The random transform of one picture.
    Augment = 5,
    /// Data drawn by a program: tests, benches, synthetic pictures.
    Data = 6,
}

/// One stream of random numbers, read from its start.
///
/// ```
/// use graft_kernels::random::{Purpose, Stream};
/// let mut a = Stream::new(7, Purpose::Augment, 3, 120);
/// let mut b = Stream::new(7, Purpose::Augment, 3, 120);
/// assert_eq!(a.next_u32(), b.next_u32()); // the name is all that counts
/// assert!((0.0..1.0).contains(&a.uniform()));
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream of this name. Samples count up to 2⁴⁰, epochs up to 2²⁴.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, sample: u64) -> Self {
        Self::of_layer(seed, purpose, 0, epoch, sample)
    }

    /// The stream of this name for one of many layers, which count up to 2¹⁶; [`Stream::new`] is layer 0.
    pub fn of_layer(seed: u64, purpose: Purpose, layer: u32, epoch: u64, sample: u64) -> Self {
        debug_assert!(
            layer < 1 << 16 && epoch < 1 << 24 && sample < 1 << 40,
            "the name of a stream has 16 bits of layer, 24 of epoch, 40 of sample"
        );
        let [key0, key1] = halves(seed);
        let [sample_lo, sample_hi] = halves(sample);
        let [epoch, _] = halves(epoch);
        // The block number counts in word 0; the name fills the other three.
        let counter = [0, sample_lo, sample_hi | u32::from(purpose as u8) << 8 | layer << 16, epoch];
        Self { key: [key0, key1], counter, block: [0; 4], used: 4 }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter.map(|word| [word]), self.key).map(|[word]| word);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Goes on as if `words` more numbers of 32 bits had been read: any part of a stream can be had without what is
    /// before it.
    ///
    /// ```
    /// use graft_kernels::random::{Purpose, Stream};
    /// let mut a = Stream::new(7, Purpose::Data, 0, 0);
    /// let mut b = a.clone();
    /// (0..1001).for_each(|_| { a.next_u32(); });
    /// b.advance(1001);
    /// assert_eq!(a.next_u32(), b.next_u32());
    /// ```
    pub fn advance(&mut self, words: u64) {
        let read = (4 * u64::from(self.counter[0]) + self.used as u64).wrapping_sub(4);
        let next = read.wrapping_add(words);
        (self.counter[0], self.used) = ((next / 4) as u32, 4);
        (0..next % 4).for_each(|_| _ = self.next_u32());
    }

    /// Words 64·`index` to 64·`index` + 63 of the stream, wherever it has been read to: many at once, for kernels.
    #[inline(always)]
    pub(crate) fn words(&self, index: u32) -> [u32; 64] {
        const L: usize = 16;
        let [_, c1, c2, c3] = self.counter;
        let mut first = [index.wrapping_mul(L as u32); L];
        for l in 0..L {
            first[l] = first[l].wrapping_add(l as u32);
        }
        let planes = philox([first, [c1; L], [c2; L], [c3; L]], self.key);
        let mut words = [0; 64];
        for l in 0..L {
            for w in 0..4 {
                words[4 * l + w] = planes[w][l];
            }
        }
        words
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// Uniform in [0, 1), a multiple of 2⁻²⁴: every value an f32 holds exactly.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [from, to).
    pub fn range(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform_f64()
    }

    /// A whole number below `n`, each as likely as the other (Lemire's method, with rejection).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "there is no number below 0");
        let reject = n.wrapping_neg() % n;
        loop {
            let [low, high] = halves(u64::from(self.next_u32()) * u64::from(n));
            if low >= reject {
                return high;
            }
        }
    }

    /// A number of the standard normal distribution (Box and Muller's method).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform_f64(), self.uniform_f64());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Puts `items` into a random order, each order as likely as the other (Fisher and Yates's method).
    ///
    /// # Panics
    /// Beyond 2³² items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let bound = u32::try_from(i + 1).expect("at most 2³² items");
            items.swap(i, self.below(bound) as usize);
        }
    }
}

/// Low half, high half.
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// Ten rounds of Philox4x32 on `L` counters side by side: word `w` of counter `l` is `c[w][l]`.
#[inline(always)]
fn philox<const L: usize>(mut c: [[u32; L]; 4], mut key: [u32; 2]) -> [[u32; L]; 4] {
    for _ in 0..10 {
        for l in 0..L {
            let [lo0, hi0] = halves(u64::from(c[0][l]) * 0xD251_1F53);
            let [lo1, hi1] = halves(u64::from(c[2][l]) * 0xCD9E_8D57);
            (c[0][l], c[1][l]) = (hi1 ^ c[1][l] ^ key[0], lo1);
            (c[2][l], c[3][l]) = (hi0 ^ c[3][l] ^ key[1], lo0);
        }
        // The Weyl sequence of the golden ratio and of √3 − 1.
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that come with Random123, the authors' own library.
    #[test]
    fn philox_gives_the_published_vectors() {
        let philox = |counter: [u32; 4], key| philox(counter.map(|word| [word]), key).map(|[word]| word);
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
        );
        let (c, k) = ([0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0]);
        assert_eq!(philox(c, k), [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]);
    }

    #[test]
    fn words_in_bulk_are_those_read_one_by_one() {
        let name = || Stream::of_layer(1 << 40 | 5, Purpose::Dropout, 3, 2, 7 | 1 << 39);
        let mut one_by_one = name();
        for index in 0..3 {
            assert_eq!(name().words(index), [0; 64].map(|_| one_by_one.next_u32()));
        }
    }

    #[test]
    fn to_advance_is_to_read() {
        for (read, advance) in [(0, 0), (0, 4), (1, 2), (1, 3), (3, 1), (4, 9), (5, 1 << 10), (6, 7)] {
            let mut a = Stream::new(3, Purpose::Data, 1, 2);
            (0..read).for_each(|_| _ = a.next_u32());
            let mut b = a.clone();
            (0..advance).for_each(|_| _ = a.next_u32());
            b.advance(advance);
            assert_eq!([0; 9].map(|_| a.next_u32()), [0; 9].map(|_| b.next_u32()), "{read}, {advance}");
        }
    }

    #[test]
    fn every_part_of_the_name_counts() {
        let first = |seed, purpose, epoch, sample| Stream::new(seed, purpose, epoch, sample).next_u64();
        let base = first(1, Purpose::Shuffle, 2, 3);
        assert_ne!(base, first(2, Purpose::Shuffle, 2, 3));
        assert_ne!(base, first(1, Purpose::Split, 2, 3));
        assert_ne!(base, first(1, Purpose::Shuffle, 3, 3));
        assert_ne!(base, first(1, Purpose::Shuffle, 2, 3 | 1 << 39));
        let layer = |n| Stream::of_layer(1, Purpose::Shuffle, n, 2, 3).next_u64();
        assert_eq!(base, layer(0));
        assert_ne!(base, layer(1));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let (mut s, n) = (Stream::new(0, Purpose::Data, 0, 0), 100_000);
        let mean = |f: &mut dyn FnMut() -> f64| (0..n).map(|_| f()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || s.uniform_f64()) - 0.5).abs() < 0.004);
        assert!((mean(&mut || s.normal()).abs()) < 0.015);
        assert!((mean(&mut || s.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(&mut || f64::from(s.below(7))) - 3.0).abs() < 0.03);
    }

    #[test]
    fn shuffle_reaches_every_order() {
        let mut seen = std::collections::HashSet::new();
        for sample in 0..200 {
            let mut v = [0, 1, 2, 3];
            Stream::new(0, Purpose::Shuffle, 0, sample).shuffle(&mut v);
            seen.insert(v);
        }
        assert_eq!(seen.len(), 24);
    }
}
