//! The extents of a tensor: a small value of its own, so that shapes are copied, compared and kept without allocating.

use std::fmt;
use std::ops::Deref;

/// The most axes a tensor may have; pictures, filters and their batches need four.
pub const MAX_RANK: usize = 6;

/// The extents of a tensor, outermost axis first; a plain value, compared and copied as such.
///
/// ```
/// # use graft_tensor::Shape;
/// let s = Shape::from([2, 3]);
/// assert_eq!(s.len(), 2);              // axes
/// assert_eq!(s.elements(), 6);         // numbers
/// assert_eq!(s.to_string(), "(2, 3)"); // as numpy writes it
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// A shape from any list of extents, or `None` beyond [`MAX_RANK`] axes.
    pub fn try_new(dims: &[usize]) -> Option<Self> {
        let mut s = Self { dims: [0; MAX_RANK], rank: dims.len() };
        s.dims.get_mut(..dims.len())?.copy_from_slice(dims);
        Some(s)
    }

    /// How many numbers a tensor of this shape holds, or `None` if that overflows: for shapes that a file or a user gave.
    ///
    /// A zero among the extents does not excuse the others: the rows of (0, 2⁴⁰, 2⁴⁰) could not be counted either.
    pub fn checked_elements(&self) -> Option<usize> {
        let product = self.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1)))?;
        Some(if self.contains(&0) { 0 } else { product })
    }

    /// How many numbers a tensor of this shape holds.
    ///
    /// # Panics
    /// On overflow; a shape read from a file goes through [`Shape::checked_elements`].
    pub fn elements(&self) -> usize {
        self.checked_elements()
            .unwrap_or_else(|| panic!("the shape {self} has more elements than can be counted"))
    }

    /// The same shape with another extent of the outermost axis.
    ///
    /// # Panics
    /// On a shape without axes.
    pub fn with_rows(mut self, rows: usize) -> Self {
        assert!(self.rank > 0, "a scalar has no rows");
        self.dims[0] = rows;
        self
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        const { assert!(N <= MAX_RANK) };
        Self::from(&dims[..])
    }
}

impl From<&[usize]> for Shape {
    /// # Panics
    /// Beyond [`MAX_RANK`] axes.
    fn from(dims: &[usize]) -> Self {
        Self::try_new(dims)
            .unwrap_or_else(|| panic!("a shape has at most {MAX_RANK} axes, got {}", dims.len()))
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        **self == *other
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims = self.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "({dims}{})", if self.rank == 1 { "," } else { "" })
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_written_as_python_writes_tuples() {
        let written: Vec<String> =
            [Shape::from([]), Shape::from([5]), Shape::from([2, 3])].iter().map(Shape::to_string).collect();
        assert_eq!(written, ["()", "(5,)", "(2, 3)"]);
    }

    #[test]
    fn elements_are_counted_without_overflow() {
        assert_eq!(Shape::from([]).checked_elements(), Some(1));
        assert_eq!(Shape::from([2, 0, 3]).checked_elements(), Some(0));
        assert_eq!(Shape::from([usize::MAX, 1]).checked_elements(), Some(usize::MAX));
        assert_eq!(Shape::from([1 << 32, 1 << 32]).checked_elements(), None);
        assert_eq!(Shape::from([1 << 32, 1 << 32, 0]).checked_elements(), None);
    }

    #[test]
    fn there_are_at_most_six_axes() {
        assert_eq!(Shape::try_new(&[1, 2, 3, 4, 5, 6]), Some(Shape::from([1, 2, 3, 4, 5, 6])));
        assert_eq!(Shape::try_new(&[1; 7]), None);
    }

    #[test]
    fn equal_shapes_have_equal_axes() {
        assert_ne!(Shape::from([1, 2]), Shape::from([1, 2, 0]));
        assert_eq!(Shape::from([7, 2]).with_rows(1), [1, 2]);
        assert_eq!(Shape::from([1, 2])[..], [1, 2]);
    }
}
