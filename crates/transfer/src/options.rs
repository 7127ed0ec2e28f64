//! The options that the four training methods share, with Keras's spelling where Keras has one.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};
use graft_data::OnBadImage;
use graft_data::resize::Interpolation;
use graft_kernels::Isa;
use graft_kernels::conv2d::Algorithm;
use graft_nn::optimizers::{Algorithm as Optimization, Clipping};
use graft_tensor::DType;
use graft_vgg::Preprocessing;
use serde::{Serialize, Serializer};

use crate::inputs::{Data, Weights};
use crate::{Error, Result};

/// What a person may say about a run. Defaults that differ from method to method come from the method's recipe.
#[derive(Debug, Clone, Args, Serialize)]
pub struct Options {
    /// Folder of photos: a sub-folder per class, or train/ and val/ (and test/) with a sub-folder per class each. Exactly
    /// `coats` is no folder (that is ./coats), but twelve animals' coats that the program draws [default: coats]
    #[arg(long, value_name = "DIR|coats", value_parser = PathBufValueParser::new().map(Data::from), help_heading = "Data")]
    #[serde(skip)] // stands in the inputs, with what stood in for it; so do the weights and the size
    pub data: Option<Data>,

    /// Order or subset of the classes [default: the sub-folders' names, sorted]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', help_heading = "Data")]
    #[serde(skip)] // options.json has what came of it; so with the threads and the run's folder
    pub class_names: Option<Vec<String>>,

    /// Share of each class held out to measure, where the folder has no val/ of its own. The bytes of a file and --seed
    /// decide which: other names change nothing, and photos that come or go move few others
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, help_heading = "Data")]
    pub validation_split: f64,

    /// Side of the square that every photo is resized to, in pixels, at least 32 [default: what suits the weights: 224 for
    /// VGG16, 64 for vgg16-mini and all that is narrower]
    #[arg(long, value_name = "PIXELS", help_heading = "Data")]
    #[serde(skip)]
    pub image_size: Option<usize>,

    /// How photos are resized: bilinear, nearest, bicubic, lanczos (as Pillow), tf-bilinear (as tf.image.resize)
    #[arg(long, value_name = "FILTER", default_value_t = Interpolation::Bilinear, help_heading = "Data")]
    pub resize: Interpolation,

    /// Take photos as they are stored, without turning them the way the camera was held (as Keras does)
    #[arg(long = "no-exif", action = ArgAction::SetFalse, help_heading = "Data")]
    pub exif: bool,

    /// What to do about a file that is no whole picture: leave it out, or end the run. It is never deleted
    #[arg(long, value_name = "skip|fail", default_value_t = OnBadImage::Skip, help_heading = "Data")]
    pub on_bad_image: OnBadImage,

    /// The pre-trained network: a Keras file (.h5, .weights.h5, .keras), a folder made by `weights convert`, a
    /// backbone made by `pretrain`, `imagenet` (Keras's own file: from ~/.keras/models, else fetched), or `vgg16-mini`
    /// (small, built in) [default: imagenet for photos of your own, vgg16-mini for coats]
    #[arg(
        long,
        value_name = "PATH|imagenet|vgg16-mini",
        value_parser = PathBufValueParser::new().map(Weights::from),
        help_heading = "Network"
    )]
    #[serde(skip)]
    pub weights: Option<Weights>,

    /// The base's last layer, by Keras's name: what comes after it is left out. The lower layers see textures, the upper ones
    /// objects [default: block5_pool, which is all of it; block4_pool on vgg16-mini and all that is narrower than VGG16]
    #[arg(long, value_name = "LAYER", help_heading = "Network")]
    #[serde(skip)]
    pub base_until: Option<String>,

    /// What happens to the maps that leave the base: all kept, or averaged or maximised to one number each
    /// [default: none; avg on narrower networks]
    #[arg(long, value_enum, help_heading = "Network")]
    #[serde(skip)]
    pub pooling: Option<Pooling>,

    /// What pixels go through before the network: caffe (RGB to BGR, minus ImageNet's means: what VGG16 was trained on, and
    /// vgg16-mini), rescale (divided by 255: wrong for both, but often shown), none. It is kept with the model
    #[arg(long, value_name = "HOW", default_value = "caffe", help_heading = "Network")]
    pub preprocessing: Preprocessing,

    /// The layers grafted on, in one line; `classes` stands for the number of classes. Narrower networks than VGG16 get a
    /// batch_normalization(0.9) before the default one
    #[arg(long, value_name = "LAYERS", help_heading = "Network")]
    #[serde(skip)] // stands in the recipe, as do the next two
    pub head: Option<String>,

    /// Passes over the training photos; on narrower networks than VGG16 20, which take a second
    #[arg(long, value_name = "N", help_heading = "Training")]
    #[serde(skip)]
    pub epochs: Option<u64>,

    /// Photos to a step
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "Training")]
    pub batch_size: usize,

    /// Step size of the optimiser
    #[arg(long, value_name = "X", help_heading = "Training")]
    #[serde(skip)]
    pub learning_rate: Option<f64>,

    /// What makes a step of a gradient, with Keras's defaults and arithmetic
    #[arg(
        long,
        value_name = "NAME",
        default_value = "adam",
        value_parser = PossibleValuesParser::new(Optimization::NAMES),
        help_heading = "Training"
    )]
    pub optimizer: String,

    /// Shorten the gradient of each weight tensor to this length, if it is longer
    #[arg(long, value_name = "X", group = "clipping", help_heading = "Training")]
    pub clipnorm: Option<f32>,

    /// Cut each number of a gradient to -X…X
    #[arg(long, value_name = "X", group = "clipping", help_heading = "Training")]
    pub clipvalue: Option<f32>,

    /// Shorten all gradients together to this length, if they are longer; their direction stays
    #[arg(long, value_name = "X", group = "clipping", help_heading = "Training")]
    pub global_clipnorm: Option<f32>,

    /// Weigh each class alike, however many photos it has
    #[arg(long, value_enum, default_value_t = ClassWeight::None, help_heading = "Training")]
    pub class_weight: ClassWeight,

    /// Share of each target that is spread over all classes
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Training")]
    pub label_smoothing: f64,

    /// Stop after N epochs without a better val_loss [default: never]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub patience: Option<u64>,

    /// Take smaller steps after N epochs without a better val_loss (Keras's ReduceLROnPlateau) [default: never]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub reduce_lr_on_plateau: Option<u64>,

    /// What the learning rate is then multiplied by
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.1,
        requires = "reduce_lr_on_plateau",
        help_heading = "Training"
    )]
    pub reduce_lr_factor: f64,

    /// Epochs after such a change in which nothing is counted
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "reduce_lr_on_plateau",
        help_heading = "Training"
    )]
    pub reduce_lr_cooldown: u64,

    /// The learning rate that it does not go below
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        requires = "reduce_lr_on_plateau",
        help_heading = "Training"
    )]
    pub min_lr: f64,

    /// Tell as well how often the right class is among the K best (Keras's TopKCategoricalAccuracy) [default: not]
    #[arg(long, value_name = "K", help_heading = "Training")]
    pub top_k: Option<usize>,

    /// Names every random choice: the split, the order, the first weights, what is dropped and how photos are moved
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    pub seed: u64,

    /// Threads to compute with; the result does not depend on it [default: one a core]
    #[arg(long, value_name = "N", help_heading = "Running")]
    #[serde(skip)]
    pub threads: Option<usize>,

    /// How convolutions are computed: the fastest way, or one rung of the ladder from the textbook's loops up
    #[arg(
        long,
        value_name = "NAME",
        default_value_t = Algorithm::Auto,
        value_parser = conv_algorithm(),
        help_heading = "Running"
    )]
    #[serde(serialize_with = "as_displayed")]
    pub conv_algorithm: Algorithm,

    /// Where the frozen layers' output is kept, so that it is computed once: auto (memory, and the user's cache
    /// folder for the next run), off (computed anew each epoch), or a folder
    #[arg(
        long,
        value_name = "auto|off|DIR",
        default_value = "auto",
        value_parser = NonEmptyStringValueParser::new(),
        help_heading = "Running"
    )]
    pub feature_cache: String,

    /// Size that the cache folder may grow to, in GB; what was not used for longest goes first
    #[arg(long, value_name = "GB", default_value_t = 4.0, help_heading = "Running")]
    pub feature_cache_limit: f64,

    /// Floats that the kept output is held in while the run lasts: 16 bits halve the memory, and round
    #[arg(long, value_enum, default_value_t = Precision::F32, help_heading = "Running")]
    pub feature_precision: Precision,

    /// The run's folder, which must be new or empty [default: the next runs/METHOD-N]
    #[arg(long, value_name = "RUN_DIR", help_heading = "Running")]
    #[serde(skip)]
    pub out: Option<PathBuf>,

    /// Print the run's figures (metrics.json) to standard output as well
    #[arg(long, help_heading = "Running")]
    pub json: bool,
}

impl Options {
    /// What decides the numbers that a layer makes of a photo, beside the layers and their weights: how it is prepared,
    /// and the kernels, whose sums differ in the last bit from one instruction set to the other.
    pub fn conditions(&self) -> String {
        /// Goes up whenever decoding, resizing or a kernel gives other bits than before.
        const REVISION: u32 = 3;
        let Self { resize, exif, conv_algorithm, preprocessing, .. } = self;
        let kernels = match conv_algorithm {
            Algorithm::Auto => Isa::current().name().to_owned(),
            other => format!("{} {other}", Isa::current().name()),
        };
        format!("{REVISION}: {preprocessing:?}, {resize}, exif {exif}, {kernels}")
    }

    /// The bound for gradients, of which there is one at most.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is not above 0.
    pub fn clipping(&self) -> Result<Option<Clipping>> {
        Clipping::from_options(self.clipnorm, self.clipvalue, self.global_clipnorm)
            .map_err(|e| Error::Usage(format!("--{}", e.to_string().replace('_', "-"))))
    }

    /// [`Options::feature_cache_limit`] in bytes.
    pub fn feature_cache_limit(&self) -> u64 {
        // A float that is too large or negative becomes the nearest whole number there is.
        (self.feature_cache_limit * 1e9) as u64
    }
}

/// The ladder of convolutions by its names, for a command line.
pub(crate) fn conv_algorithm() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::LADDER.into_iter().chain([Algorithm::Auto]).map(Algorithm::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

fn as_displayed<S: Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// What stands between the convolutions and the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Nothing: the map goes on as it is.
    None,
    /// The mean of each map.
    Avg,
    /// The maximum of each map.
    Max,
}

/// What a class with few photos counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// Each photo counts alike.
    None,
    /// Each class counts alike.
    Balanced,
}

/// Floats to hold features or weights in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As they were computed.
    F32,
    /// 11 bits of precision, up to 65,504; `half` is the same.
    #[value(alias = "half")]
    F16,
    /// 8 bits of precision, the range of f32.
    Bf16,
}

impl From<Precision> for DType {
    fn from(p: Precision) -> Self {
        match p {
            Precision::F32 => Self::F32,
            Precision::F16 => Self::F16,
            Precision::Bf16 => Self::Bf16,
        }
    }
}
