//! The coats themselves, a file each: from a stream of random numbers to a colour for every place on an endless skin.
//!
//! Lengths are in sides of the picture. Edges are as soft as `pixel`, the side of a pixel on the skin, asks for: that
//! is all the antialiasing there is, and it serves every size.

mod cheetah;
mod cow;
mod dalmatian;
mod fawn;
mod giraffe;
mod invented;
mod ladybird;
mod leopard;
mod pufferfish;
mod snake;
mod tiger;
mod tortoise;
mod zebra;

use graft_kernels::random::Stream;

pub(super) use self::invented::skin as invented_skin;

use super::Coat;
use super::math::{Point, Rgb};

/// The colour of every place.
pub(super) type Skin = Box<dyn Fn(Point) -> Rgb>;

/// An animal's skin, whose centre is at (0, 0).
pub(super) fn skin(coat: Coat, s: &mut Stream, pixel: f32) -> Skin {
    match coat {
        Coat::Cheetah => cheetah::skin(s, pixel),
        Coat::Cow => cow::skin(s, pixel),
        Coat::Dalmatian => dalmatian::skin(s, pixel),
        Coat::Fawn => fawn::skin(s, pixel),
        Coat::Giraffe => giraffe::skin(s, pixel),
        Coat::Ladybird => ladybird::skin(s, pixel),
        Coat::Leopard => leopard::skin(s, pixel),
        Coat::Pufferfish => pufferfish::skin(s, pixel),
        Coat::Snake => snake::skin(s, pixel),
        Coat::Tiger => tiger::skin(s, pixel),
        Coat::Tortoise => tortoise::skin(s, pixel),
        Coat::Zebra => zebra::skin(s, pixel),
    }
}
