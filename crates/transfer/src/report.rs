//! What a run leaves on disk beside its model: how the photos were divided, how each was answered, and the figures.

use std::path::Path;

use graft_data::{BadImage, Dataset, Part};
use graft_nn::fit::Evaluation;
use graft_nn::metrics::{ConfusionMatrix, argmax};
use serde::Serialize;

use crate::comparison::Contender;
use crate::output::write_csv;
use crate::pictures::{Pictures, shown};
use crate::progress::note;
use crate::run_folder::{BAD_IMAGES, SPLIT};
use crate::{Result, RunFolder};

/// The figures of a run, `metrics.json`. `val_…` are those of the last epoch, `best_…` of the epoch whose model was
/// saved as the best; what was not measured is null.
#[derive(Debug, Clone, Serialize)]
pub struct Metrics {
    /// The method.
    pub method: String,
    /// Training accuracy of the last epoch, with dropout on and while the weights moved, as Keras logs it.
    pub accuracy: Option<f64>,
    /// Training loss, likewise.
    pub loss: Option<f64>,
    /// Share of the validation photos that were named right.
    pub val_accuracy: Option<f64>,
    /// Mean cross-entropy of the validation photos.
    pub val_loss: Option<f64>,
    /// The k of the next, and of `test_top_k_accuracy`: `--top-k`.
    pub top_k: Option<usize>,
    /// Share of the validation photos whose class was among the best k.
    pub val_top_k_accuracy: Option<f64>,
    /// The epoch with the smallest `val_loss` (without validation photos: `loss`), from 1.
    pub best_epoch: Option<u64>,
    /// Its `val_accuracy`.
    pub best_val_accuracy: Option<f64>,
    /// Its `val_loss`.
    pub best_val_loss: Option<f64>,
    /// Share of the test photos that were named right.
    pub test_accuracy: Option<f64>,
    /// Mean cross-entropy of the test photos.
    pub test_loss: Option<f64>,
    /// Share of the test photos whose class was among the best k.
    pub test_top_k_accuracy: Option<f64>,
    /// Photos trained on.
    pub train_images: usize,
    /// Photos held out.
    pub val_images: usize,
    /// Photos in test/.
    pub test_images: usize,
    /// How many classes there are.
    pub classes: usize,
    /// Epochs that were finished, warm-up included.
    pub epochs: usize,
    /// From the start of the program to its last figure.
    pub seconds: f64,
    /// Training photos times epochs, by the seconds that training took with all that it waited for.
    pub images_per_second: f64,
    /// Peak resident memory, where the system tells it.
    pub peak_rss_bytes: Option<u64>,
    /// The kernels that computed.
    pub isa: &'static str,
    /// The threads that computed.
    pub threads: usize,
    /// The seed.
    pub seed: u64,
    /// What the same photos came to without a pre-trained base, if that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Vec<Contender>>,
    /// The validation photos class by class.
    #[serde(flatten)]
    pub by_class: ByClass,
    /// The test photos class by class.
    pub test: Option<ByClass>,
}

impl Metrics {
    /// How the photos that were held out were named.
    pub fn tell_figures(&self) {
        let figure = |name: String, accuracy: Option<f64>, loss: Option<f64>, n: usize| {
            if let (Some(a), Some(l)) = (accuracy, loss) {
                note(format_args!("{name}: accuracy {a:.4}, loss {l:.4} on {n} photos"));
            }
        };
        note("");
        let (last, photos) = (format!("validation, last epoch ({})", self.epochs), self.val_images);
        figure(last, self.val_accuracy, self.val_loss, photos);
        if let Some(epoch) = self.best_epoch {
            let best = format!("validation, best epoch ({epoch})");
            figure(best, self.best_val_accuracy, self.best_val_loss, photos);
        }
        figure("test, last epoch".to_owned(), self.test_accuracy, self.test_loss, self.test_images);
    }

    /// What it took, and where the results lie.
    pub fn tell_end(&self, folder: &RunFolder) {
        let memory = self
            .peak_rss_bytes
            .map_or_else(String::new, |b| format!(", {:.0} MB of memory at most", b as f64 / 1e6));
        note(format_args!("{:.1} s{memory}", self.seconds));
        note(format_args!("results: {}/ ({})", folder.path().display(), folder.files().join(", ")));
        let folder = folder.path().display();
        note(format_args!(
            "to use the best model: predict {folder} PHOTO…   (--last: that of the last epoch)"
        ));
    }
}

/// How the model does on some photos, class by class.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ByClass {
    /// Precision, recall and F1 of each class.
    pub per_class: Vec<ClassFigures>,
    /// How many photos of each class (row) were given each name (column).
    pub confusion_matrix: Vec<Vec<u64>>,
}

/// How one class did.
#[derive(Debug, Clone, Serialize)]
pub struct ClassFigures {
    /// Its name.
    pub class: String,
    /// Of the photos given this name, the share that deserved it.
    pub precision: f64,
    /// Of the photos of this class, the share that was given its name.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Photos of this class.
    pub support: u64,
}

/// The figures of each class and the table of confusions, from the validation photos' answers.
///
/// # Errors
/// If there is not one label, and of a known class, for each answer.
pub fn by_class(evaluation: &Evaluation, class_names: &[String]) -> Result<ByClass> {
    let matrix = ConfusionMatrix::of(&evaluation.probabilities, &evaluation.labels)?;
    let figures = class_names.iter().zip(matrix.report()).map(|(class, r)| ClassFigures {
        class: class.clone(),
        precision: r.precision,
        recall: r.recall,
        f1: r.f1,
        support: r.support,
    });
    let n = class_names.len();
    let rows = (0..n).map(|truth| (0..n).map(|named| matrix.count(truth, named)).collect()).collect();
    Ok(ByClass { per_class: figures.collect(), confusion_matrix: rows })
}

/// `split.csv`: path, class and part of every photo.
///
/// # Errors
/// If it cannot be written.
pub fn write_split(folder: &RunFolder, dataset: &Dataset) -> Result<()> {
    let row = |i: usize| {
        let s = &dataset.samples[i];
        [shown(dataset.relative_path(i)), dataset.class_names[s.label].clone(), s.part.to_string()]
    };
    let rows = (0..dataset.samples.len()).map(row);
    write_csv(&folder.file(SPLIT), ["path", "class", "split"].map(String::from), rows)
}

/// `bad_images.csv`: path and reason of every file that was left out, if there are any.
///
/// # Errors
/// If it cannot be written.
pub fn write_bad_images(folder: &Path, pictures: &Pictures) -> Result<()> {
    if pictures.bad.is_empty() {
        return Ok(());
    }
    let root = &pictures.dataset.root;
    let row = |bad: &BadImage| [shown(bad.path.strip_prefix(root).unwrap_or(&bad.path)), bad.reason.clone()];
    let rows = pictures.bad.iter().map(row);
    write_csv(&folder.join(BAD_IMAGES), ["path", "reason"].map(String::from), rows)
}

/// A probability with all its digits, and not with forty zeros before them.
pub fn probability(p: f32) -> String {
    if p == 0.0 || p >= 1e-4 || p.is_nan() { p.to_string() } else { format!("{p:e}") }
}

/// `predictions.csv` and the like: path, true class, the class it was given (nothing if a probability is NaN), and the
/// probability of each class.
///
/// # Errors
/// If it cannot be written.
pub fn write_predictions(
    folder: &RunFolder,
    part: Part,
    dataset: &Dataset,
    evaluation: &Evaluation,
) -> Result<()> {
    let name = if part == Part::Test { "test_predictions.csv" } else { "predictions.csv" };
    let names = &dataset.class_names;
    let header = ["path", "true", "predicted"].map(String::from).into_iter().chain(names.iter().cloned());
    let rows =
        evaluation.samples.iter().zip(&evaluation.labels).enumerate().map(|(row, (&sample, &label))| {
            let p = evaluation.probabilities.row(row);
            let answer = [
                shown(dataset.relative_path(sample as usize)),
                names[label].clone(),
                argmax(p).map_or_else(String::new, |named| names[named].clone()),
            ];
            answer.into_iter().chain(p.iter().copied().map(probability)).collect::<Vec<_>>()
        });
    write_csv(&folder.file(name), header, rows)
}
