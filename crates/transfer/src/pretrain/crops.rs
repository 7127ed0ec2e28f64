//! Batches of small pictures that lie in memory as bytes: moved and mirrored by whole pixels, and a part of each hidden, as
//! they become numbers.
//!
//! A backbone of small pictures trains at a thousand of them a second and more, and meets each many times. So they are
//! decoded once; an epoch then costs a copy of each, made by all threads at once, while the general loader, which
//! decodes and warps by any angle, would have to hand over picture by picture.

use graft_data::{CHANNELS, Part, Resized, Rgb8, shuffled};
use graft_kernels::random::{Purpose, Stream};
use graft_nn::fit::{Batch, Batches, BoxError};
use graft_tensor::Tensor;
use graft_vgg::Preprocessing;
use rayon::prelude::*;

use crate::pictures::Pictures;
use crate::{Error, Result};

/// What the pixels of a backbone go through: the same as those of VGG16, so that its weights can stand in for them.
pub const PREPROCESSING: Preprocessing = Preprocessing::Caffe;

/// The pictures of one part, in memory.
pub struct Crops<'a> {
    pictures: Vec<&'a Rgb8>,
    labels: Vec<usize>,
    /// Rows and columns of what the network sees.
    size: [usize; 2],
    batch_size: usize,
    /// How pictures are varied; as they are where this is `None`.
    vary: Option<Vary>,
}

/// How pictures are varied.
#[derive(Debug, Clone, Copy)]
pub struct Vary {
    /// By how many pixels they are moved at most, in both directions; one that is larger than what is seen of it, to
    /// anywhere. What comes in from outside is grey.
    pub shift: usize,
    /// The side of a square, somewhere in each picture, that is made grey: a network that cannot count on seeing the one
    /// telling part has to learn the others too (DeVries and Taylor, *Cutout*, 2017). 0 hides nothing.
    pub cutout: usize,
    /// Names the order of an epoch, and the moves.
    pub seed: u64,
}

/// The move of one picture in one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Move {
    /// Where the first row and column of the result lie in the picture; beyond its border, if negative.
    top: isize,
    left: isize,
    mirrored: bool,
    hidden: Hidden,
}

/// The rows and columns of a result that are hidden; the square they make may reach over the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hidden {
    top: isize,
    left: isize,
    side: isize,
}

impl<'a> Crops<'a> {
    /// The pictures of a part.
    ///
    /// # Errors
    /// [`Error::Usage`] if not all of them were kept in memory.
    pub fn new(pictures: &'a Pictures, part: Part, batch_size: usize, vary: Option<Vary>) -> Result<Self> {
        let dataset = &pictures.dataset;
        let samples = dataset.indices(part);
        let picture = |&i: &usize| match pictures.kept(i) {
            Some(Resized::Bytes(picture)) => Ok(picture),
            _ => Err(Error::Usage(format!(
                "{} pictures of this size do not fit into memory; give --image-size a smaller number",
                dataset.samples.len()
            ))),
        };
        let labels = samples.iter().map(|&i| dataset.samples[i].label).collect();
        let pictures: Vec<_> = samples.iter().map(picture).collect::<Result<_>>()?;
        let size = pictures.first().map_or([0; 2], |picture| [picture.height, picture.width]);
        Ok(Self { pictures, labels, size, batch_size, vary })
    }

    /// These pictures too, with their labels. They may be larger than those of the folder: each time another part of
    /// them is seen.
    pub fn and(mut self, more: &'a [(usize, Rgb8)]) -> Self {
        self.labels.extend(more.iter().map(|(label, _)| label));
        self.pictures.extend(more.iter().map(|(_, picture)| picture));
        self
    }

    fn batch(&self, epoch: u64, places: &[usize]) -> Result<Batch, BoxError> {
        let [height, width] = self.size;
        let mut x = Tensor::for_overwrite([places.len(), height, width, CHANNELS])?;
        let rows = x.data_mut().par_chunks_exact_mut(height * width * CHANNELS);
        rows.zip(places).for_each(|(row, &i)| {
            let picture = self.pictures[i];
            let how = self.vary.map_or(Move::NONE, |vary| vary.of(epoch, i, self.size, picture));
            how.copy(picture, self.size, row);
        });
        let labels = places.iter().map(|&i| self.labels[i]).collect();
        Ok(Batch { x, from_layer: 0, labels, samples: places.iter().map(|&i| i as u64).collect() })
    }
}

impl Batches for Crops<'_> {
    fn samples(&self) -> usize {
        self.pictures.len()
    }

    fn steps(&self) -> usize {
        self.pictures.len().div_ceil(self.batch_size)
    }

    fn epoch(&mut self, epoch: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let all: Vec<usize> = (0..self.pictures.len()).collect();
        let order = self.vary.map_or(all.clone(), |vary| shuffled(&all, vary.seed, epoch));
        let steps = self.steps();
        Box::new((0..steps).map(move |step| {
            let end = order.len().min((step + 1) * self.batch_size);
            self.batch(epoch, &order[step * self.batch_size..end])
        }))
    }
}

impl Vary {
    /// The move of picture `sample` in an epoch, from the stream (seed, `Augment`, epoch, sample).
    fn of(self, epoch: u64, sample: usize, size: [usize; 2], picture: &Rgb8) -> Move {
        let mut s = Stream::new(self.seed, Purpose::Augment, epoch, sample as u64);
        let mut shift =
            |spare: usize| s.below((2 * self.shift + spare) as u32 + 1) as isize - self.shift as isize;
        let (top, left) = (shift(picture.height - size[0]), shift(picture.width - size[1]));
        let mirrored = s.below(2) == 1;
        // The middle of the square is a pixel of the picture, each as likely as the other.
        let mut corner = |len: usize| s.below(len as u32) as isize - (self.cutout / 2) as isize;
        let hidden = Hidden { top: corner(size[0]), left: corner(size[1]), side: self.cutout as isize };
        Move { top, left, mirrored, hidden }
    }
}

impl Move {
    const NONE: Self = Self { top: 0, left: 0, mirrored: false, hidden: Hidden { top: 0, left: 0, side: 0 } };

    /// The moved picture, preprocessed. Places from outside and hidden ones are 0, which is ImageNet's mean colour.
    fn copy(self, picture: &Rgb8, size: [usize; 2], out: &mut [f32]) {
        let width = size[1] as isize;
        let columns = self.left.max(0)..(self.left + width).min(picture.width as isize);
        let first = (columns.start - self.left) as usize * CHANNELS;
        let source = columns.start as usize * CHANNELS..columns.end as usize * CHANNELS;
        for (y, line) in out.chunks_exact_mut(size[1] * CHANNELS).enumerate() {
            line.fill(0.0);
            let row = y as isize + self.top;
            if (0..picture.height as isize).contains(&row) {
                let from = &picture.data[row as usize * picture.width * CHANNELS..][source.clone()];
                let to = &mut line[first..first + from.len()];
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = f32::from(from));
                PREPROCESSING.apply(to);
            }
            if self.mirrored {
                // Whole pixels, not their channels.
                let (pixels, _) = line.as_chunks_mut::<CHANNELS>();
                pixels.reverse();
            }
            let Hidden { top, left, side } = self.hidden;
            if (top..top + side).contains(&(y as isize)) {
                let columns = left.max(0) as usize..(left + side).min(width) as usize;
                line[columns.start * CHANNELS..columns.end * CHANNELS].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Rgb8 {
        Rgb8::from_fn(4, 5, |y, x| [(10 * y + x) as u8, 100, 200])
    }

    /// Red, with the mean added back and 255 for places from outside.
    fn reds(how: Move) -> Vec<Vec<u8>> {
        let mut out = vec![f32::NAN; 4 * 5 * 3];
        how.copy(&picture(), [4, 5], &mut out);
        let red = |bgr: &[f32]| if bgr == [0.0; 3] { 255 } else { (bgr[2] + 123.68).round() as u8 };
        out.chunks(15).map(|line| line.chunks(3).map(red).collect()).collect()
    }

    #[test]
    fn pictures_are_moved_by_whole_pixels() {
        assert_eq!(reds(Move::NONE)[3], [30, 31, 32, 33, 34]);
        let moved = reds(Move { top: 1, left: -2, ..Move::NONE });
        assert_eq!(moved, [[255, 255, 10, 11, 12], [255, 255, 20, 21, 22], [255, 255, 30, 31, 32], [255; 5]]);
        let mirrored = reds(Move { top: -1, left: 3, mirrored: true, ..Move::NONE });
        assert_eq!(mirrored[..2], [[255; 5], [255, 255, 255, 4, 3]]);
    }

    #[test]
    fn a_square_is_hidden_where_the_picture_ended_up_and_cut_at_its_border() {
        let hidden = |top, left| reds(Move { hidden: Hidden { top, left, side: 2 }, ..Move::NONE });
        let within = [[0, 1, 2, 3, 4], [10, 255, 255, 13, 14], [20, 255, 255, 23, 24], [30, 31, 32, 33, 34]];
        assert_eq!(hidden(1, 1), within);
        assert_eq!(hidden(-1, -1)[..2], [[255, 1, 2, 3, 4], [10, 11, 12, 13, 14]]);
        assert_eq!(hidden(3, 4)[2..], [[20, 21, 22, 23, 24], [30, 31, 32, 33, 255]]);
    }

    #[test]
    fn every_move_is_drawn_and_named_by_epoch_and_sample() {
        let vary = Vary { shift: 2, cutout: 2, seed: 1 };
        let moves: Vec<Move> = (0..400).map(|sample| vary.of(3, sample, [4, 5], &picture())).collect();
        for shift in -2..=2 {
            assert!(moves.iter().any(|m| m.top == shift) && moves.iter().any(|m| m.left == shift));
        }
        assert!(moves.iter().all(|m| m.top.abs() <= 2 && m.left.abs() <= 2));
        assert!((150..250).contains(&moves.iter().filter(|m| m.mirrored).count()));
        for row in -1..3 {
            assert!(moves.iter().any(|m| m.hidden.top == row && m.hidden.left == row + 1));
        }
        assert!(moves.iter().all(|m| (-1..3).contains(&m.hidden.top) && (-1..4).contains(&m.hidden.left)));
        let other_epoch: Vec<Move> = (0..400).map(|sample| vary.of(4, sample, [4, 5], &picture())).collect();
        assert_ne!(moves, other_epoch);
    }

    #[test]
    fn of_a_larger_picture_every_part_is_seen_and_no_other_size() {
        let (small, large) = (picture(), Rgb8::from_fn(6, 8, |y, x| [(10 * y + x) as u8, 100, 200]));
        let vary = Vary { shift: 1, cutout: 0, seed: 1 };
        let moves: Vec<Move> = (0..400).map(|sample| vary.of(3, sample, [4, 5], &large)).collect();
        for (top, left) in (-1..=3).flat_map(|top| (-1..=4).map(move |left| (top, left))) {
            assert!(moves.iter().any(|m| (m.top, m.left) == (top, left)), "{top}, {left}");
        }
        assert!(moves.iter().all(|m| (-1..=3).contains(&m.top) && (-1..=4).contains(&m.left)));
        let mut out = vec![f32::NAN; 4 * 5 * 3];
        Move { top: 3, left: 4, ..Move::NONE }.copy(&large, [4, 5], &mut out);
        let red = |y: usize, x: usize| (out[(5 * y + x) * 3 + 2] + 123.68).round();
        assert_eq!([red(0, 0), red(0, 3), red(2, 1)], [34.0, 37.0, 55.0]);
        assert_eq!((out[4 * 3], out[15 * 3]), (0.0, 0.0), "beyond its right and its lower border");

        let more = [(2, large)];
        let folder = Crops {
            pictures: vec![&small; 2],
            labels: vec![0, 1],
            size: [4, 5],
            batch_size: 3,
            vary: Some(vary),
        };
        let mut all = folder.and(&more);
        let batch = all.epoch(0).next().unwrap().unwrap();
        assert_eq!(batch.x.shape()[..], [3, 4, 5, 3]);
        assert_eq!(batch.labels.iter().sum::<usize>(), 3);
    }

    #[test]
    fn an_epoch_has_every_picture_once_and_measuring_leaves_them_as_they_are() {
        let picture = picture();
        let crops = |vary| Crops {
            pictures: vec![&picture; 7],
            labels: (0..7).collect(),
            size: [4, 5],
            batch_size: 3,
            vary,
        };
        let labels = |c: &mut Crops<'_>, epoch| -> Vec<usize> {
            c.epoch(epoch).flat_map(|b| b.unwrap().labels).collect()
        };
        let mut trained = crops(Some(Vary { shift: 1, cutout: 0, seed: 5 }));
        let (first, second) = (labels(&mut trained, 0), labels(&mut trained, 1));
        assert_ne!(first, second);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..7).collect::<Vec<_>>());
        let mut measured = crops(None);
        assert_eq!((measured.steps(), measured.samples()), (3, 7));
        assert_eq!(labels(&mut measured, 9), (0..7).collect::<Vec<_>>());
    }
}
