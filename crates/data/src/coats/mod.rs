//! `coats`: a data set made of code. Twelve animals' coats, each picture drawn from a seed.
//!
//! To try transfer learning one needs photos, and photos have owners, sizes and download pages. These pictures have
//! none: they are a few hundred lines of Rust, and yet a task that a network has to have *seen* something for. What
//! makes a zebra is the way dark and light lie beside each other; the colours, the light, the scale, the direction,
//! the background and the grass in front change from picture to picture, and tell nothing.
//!
//! ```text
//! pattern/*.rs   one coat each: an endless skin, place → colour
//!   ├ voronoi               plates, rosettes, dots
//!   ├ reaction_diffusion    labyrinths: Turing's own
//!   ├ noise                 stripes that bend and break, patches
//!   └ palette               the kind's colours, varied and tinted
//! invented.rs    animals that there are not: a class for every number
//! scene.rs       the skin on a round body, before a background, behind grass
//! camera.rs      light, focus, grain → bytes
//! folder.rs      all pictures as a folder of PNG files
//! ```
//!
//! The same seed gives the same pixels on every machine: each picture draws from a stream of its own, named by seed,
//! coat, part and number, and all arithmetic is + − × ÷ √ in f32, in a fixed order (see `math.rs`). A picture of
//! another size shows the same scene.

mod background;
mod body;
mod camera;
mod folder;
mod foreground;
mod invented;
mod math;
mod noise;
mod palette;
mod pattern;
mod reaction_diffusion;
mod scene;
mod voronoi;

use std::fmt;

use graft_kernels::random::{Purpose, Stream};
use rayon::prelude::*;

pub use self::invented::InventedCoats;
use crate::{DataError, Part, Result, Rgb8};

/// An animal, known by its coat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coat {
    /// Small solid dots, close together.
    Cheetah,
    /// A few large patches.
    Cow,
    /// Blots of every size on a light ground.
    Dalmatian,
    /// Light spots in rows on dark ground.
    Fawn,
    /// Dark plates, light seams.
    Giraffe,
    /// Large round dots, mirrored on a dark line.
    Ladybird,
    /// Broken rings around a darker centre.
    Leopard,
    /// A labyrinth.
    Pufferfish,
    /// Scales, with a band across them.
    Snake,
    /// Thin, pointed, broken stripes.
    Tiger,
    /// Plates with rings.
    Tortoise,
    /// Broad stripes that fork.
    Zebra,
}

impl Coat {
    /// All of them, by name; the place in this list is the label.
    pub const ALL: [Self; 12] = [
        Self::Cheetah,
        Self::Cow,
        Self::Dalmatian,
        Self::Fawn,
        Self::Giraffe,
        Self::Ladybird,
        Self::Leopard,
        Self::Pufferfish,
        Self::Snake,
        Self::Tiger,
        Self::Tortoise,
        Self::Zebra,
    ];

    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cheetah => "cheetah",
            Self::Cow => "cow",
            Self::Dalmatian => "dalmatian",
            Self::Fawn => "fawn",
            Self::Giraffe => "giraffe",
            Self::Ladybird => "ladybird",
            Self::Leopard => "leopard",
            Self::Pufferfish => "pufferfish",
            Self::Snake => "snake",
            Self::Tiger => "tiger",
            Self::Tortoise => "tortoise",
            Self::Zebra => "zebra",
        }
    }
}

impl fmt::Display for Coat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A data set of coats: its seed, and how much of it there is.
///
/// ```
/// use graft_data::{Coat, Coats, Part};
/// let coats = Coats { size: 32, ..Coats::default() };
/// let zebra = coats.picture(Coat::Zebra, Part::Train, 0);
/// assert_eq!((zebra.height, zebra.width), (32, 32));
/// assert!(zebra == coats.picture(Coat::Zebra, Part::Train, 0));
/// assert!(zebra != coats.picture(Coat::Zebra, Part::Validation, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coats {
    /// Names every random choice.
    pub seed: u64,
    /// Rows and columns of a picture.
    pub size: usize,
    /// Pictures of each class to learn from.
    pub train_per_class: usize,
    /// Pictures of each class to judge by.
    pub val_per_class: usize,
}

impl Default for Coats {
    /// 20 + 50 pictures of 64 × 64 a class: so few to learn from that it matters what a network knew before.
    fn default() -> Self {
        Self { seed: 0, size: 64, train_per_class: 20, val_per_class: 50 }
    }
}

impl Coats {
    /// The largest side of a picture.
    pub const MAX_SIZE: usize = 4096;

    /// Picture number `index` of a class and part; there is no last one.
    pub fn picture(&self, coat: Coat, part: Part, index: usize) -> Rgb8 {
        let mut s = Stream::of_layer(self.seed, Purpose::Data, coat as u32, part as u64, index as u64);
        scene::picture(|s, pixel| pattern::skin(coat, s, pixel), &mut s, self.size)
    }

    /// All pictures of a part with their labels, class after class, drawn by all threads.
    ///
    /// # Errors
    /// [`DataError::Setting`] if the size is not in 1..=[`Coats::MAX_SIZE`].
    pub fn pictures(&self, part: Part) -> Result<Vec<(Coat, Rgb8)>> {
        check_size(self.size)?;
        let all: Vec<_> = self.numbers(part).collect();
        Ok(all.into_par_iter().map(|(coat, index)| (coat, self.picture(coat, part, index))).collect())
    }

    /// How many pictures a class has in a part.
    fn per_class(&self, part: Part) -> usize {
        match part {
            Part::Train => self.train_per_class,
            Part::Validation => self.val_per_class,
            Part::Test => 0,
        }
    }

    /// Class and number of each picture of a part.
    fn numbers(&self, part: Part) -> impl Iterator<Item = (Coat, usize)> + use<> {
        let per_class = self.per_class(part);
        Coat::ALL.into_iter().flat_map(move |coat| (0..per_class).map(move |index| (coat, index)))
    }
}

fn check_size(size: usize) -> Result<()> {
    if (1..=Coats::MAX_SIZE).contains(&size) {
        return Ok(());
    }
    let expected = "1 to 4096 pixels";
    Err(DataError::Setting { name: "size of coats", found: size.to_string(), expected })
}

#[cfg(test)]
mod tests;
