//! The rows of features that a run works with: in memory while they fit, else in a file of the run's own.
//!
//! The file is not the shared cache. Another run may sweep that at any time; this one belongs to this process alone and
//! is gone when it ends, however it ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use graft_nn::NnError;
use graft_tensor::{DType, Shape, Stored, Tensor};

use crate::{Error, Result};

/// Features up to this many bytes stay in memory: 5,000 photos behind VGG16's last pool.
const IN_MEMORY: usize = 512 << 20;

/// One row of features for each of some samples.
pub struct FeatureStore {
    /// The shape of one row.
    shape: Shape,
    /// The row of each sample of the data set, if it has one.
    row_of: Vec<Option<usize>>,
    rows: Rows,
}

enum Rows {
    Memory(Stored),
    File { file: Mutex<File>, folder: PathBuf },
}

impl FeatureStore {
    /// Room for one row of this shape for each of `wanted`, samples of a data set of `samples`: in memory with
    /// `precision`, or exactly in a file in `folder` if they would not fit.
    ///
    /// # Errors
    /// If there is neither the memory nor a place for the file.
    pub fn new(
        shape: Shape,
        samples: usize,
        wanted: &[usize],
        precision: DType,
        folder: &Path,
    ) -> Result<Self> {
        Self::with_memory(shape, samples, wanted, precision, folder, IN_MEMORY)
    }

    fn with_memory(
        shape: Shape,
        samples: usize,
        wanted: &[usize],
        precision: DType,
        folder: &Path,
        memory: usize,
    ) -> Result<Self> {
        let mut row_of = vec![None; samples];
        wanted.iter().enumerate().for_each(|(row, &sample)| row_of[sample] = Some(row));
        let bytes = shape.elements().saturating_mul(precision.bytes()).saturating_mul(wanted.len());
        let rows = if bytes <= memory {
            Rows::Memory(Stored::zeros(batch_shape(shape, wanted.len()), precision).map_err(NnError::from)?)
        } else {
            let file = tempfile::tempfile_in(folder).map_err(|e| Error::write(folder, &e))?;
            Rows::File { file: Mutex::new(file), folder: folder.to_owned() }
        };
        Ok(Self { shape, row_of, rows })
    }

    /// The shape of one row.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Keeps the row of a sample.
    ///
    /// # Errors
    /// If the file cannot take it: the disk is full.
    ///
    /// # Panics
    /// If there is no room for this sample.
    pub fn put(&mut self, sample: usize, features: &[f32]) -> Result<()> {
        let row = self.row(sample);
        let n = self.shape.elements();
        match &mut self.rows {
            Rows::Memory(stored) => {
                let features = Tensor::new(batch_shape(self.shape, 1), features).map_err(NnError::from)?;
                stored.set_rows(row, &features).map_err(NnError::from)?;
            }
            Rows::File { file, folder } => {
                let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(offset(row, n)))
                    .and_then(|_| file.write_all(bytemuck::cast_slice(features)))
                    .map_err(|e| Error::write(folder, &e))?;
            }
        }
        Ok(())
    }

    /// The rows of these samples, in this order: `(n, …shape)`.
    ///
    /// # Errors
    /// If the file cannot be read.
    ///
    /// # Panics
    /// If there is no row of a sample.
    pub fn batch(&self, samples: &[usize]) -> Result<Tensor> {
        let rows: Vec<_> = samples.iter().map(|&s| self.row(s)).collect();
        match &self.rows {
            Rows::Memory(stored) => Ok(stored.gather_rows(&rows).map_err(NnError::from)?),
            Rows::File { file, folder } => {
                let n = self.shape.elements();
                let mut batch =
                    Tensor::for_overwrite(batch_shape(self.shape, rows.len())).map_err(NnError::from)?;
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                for (out, row) in batch.data_mut().chunks_exact_mut(n).zip(rows) {
                    file.seek(SeekFrom::Start(offset(row, n)))
                        .and_then(|_| file.read_exact(bytemuck::cast_slice_mut(out)))
                        .map_err(|e| Error::read(folder, &e))?;
                }
                Ok(batch)
            }
        }
    }

    fn row(&self, sample: usize) -> usize {
        self.row_of[sample].expect("a sample with features")
    }
}

/// `n` rows of this shape.
fn batch_shape(row: Shape, n: usize) -> Shape {
    let mut dims = vec![n];
    dims.extend(row.iter());
    Shape::from(&dims[..])
}

fn offset(row: usize, elements: usize) -> u64 {
    row as u64 * elements as u64 * size_of::<f32>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_give_the_same_rows() {
        let dir = tempfile::tempdir().unwrap();
        for memory in [usize::MAX, 0] {
            let wanted = [5, 2, 9];
            let mut store =
                FeatureStore::with_memory(Shape::from([2, 3]), 10, &wanted, DType::F32, dir.path(), memory)
                    .unwrap();
            for &s in wanted.iter().rev() {
                store.put(s, &[s as f32; 6]).unwrap();
            }
            let batch = store.batch(&[9, 5]).unwrap();
            assert_eq!(*batch.shape(), [2, 2, 3]);
            assert_eq!((batch.row(0), batch.row(1)), (&[9.0; 6][..], &[5.0; 6][..]));
        }
    }
}
