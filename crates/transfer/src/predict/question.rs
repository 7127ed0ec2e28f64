//! What is asked: which network, and about which pictures.

use std::path::PathBuf;

use graft_data::image_files;

use super::Predict;
use super::oracle::{Oracle, Preparation};
use crate::inputs::{Data, Drawn, Weights};
use crate::progress::note;
use crate::{Error, Result};

/// A question, ready to be answered.
pub(super) struct Question {
    pub(super) oracle: Oracle,
    pub(super) pictures: Vec<PathBuf>,
    /// What a person should know of the answers.
    pub(super) remark: Option<String>,
    /// The drawn pictures, as long as they are needed.
    _drawn: Option<Drawn>,
}

impl Question {
    /// What the command line asks, and what stands in for what it leaves open; that is told.
    ///
    /// # Errors
    /// If the model cannot be used, or no picture is named where there are none to stand in.
    pub(super) fn of(options: &Predict) -> Result<Self> {
        let (weights, paths) = match (&options.weights, options.paths.as_slice()) {
            (Some(weights), paths) => (Some(weights), paths),
            (None, []) => (Some(&Weights::Mini), &[][..]),
            (None, [_, paths @ ..]) => (None, paths),
        };
        let mut oracle = match (weights, options.paths.first()) {
            (Some(weights), _) => {
                note(format_args!("model: {weights}"));
                Oracle::pretrained(weights, options.class_index.as_deref())?
            }
            (None, model) => {
                Oracle::trained(model.expect("a path, or there would be weights"), options.last)?
            }
        };
        oracle.network.set_algorithm(options.conv_algorithm);
        oracle.network.store_dense(options.precision.into())?;
        let Preparation { resize, decode, .. } = &mut oracle.preparation;
        *resize = options.resize.unwrap_or(*resize);
        decode.exif &= !options.no_exif;

        if !paths.is_empty() {
            return Ok(Self { oracle, pictures: named(paths)?, remark: None, _drawn: None });
        }
        if weights.is_none() && !oracle.knows_coats {
            return Err(Error::Usage(
                "name a picture or a folder of pictures after the model: predict MODEL IMAGE…".into(),
            ));
        }
        note(format_args!("pictures: one of each class of {}, drawn by code", Data::COATS));
        let drawn = Drawn::at_hand()?;
        // A run on some of the coats is asked about these.
        let asked =
            |name: &str| !oracle.knows_coats || oracle.classes.classes().iter().any(|c| c.name == name);
        let examples = drawn.examples().into_iter().filter(|(coat, _)| asked(coat.name()));
        let pictures = examples.map(|(_, path)| path).collect();
        let remark = (weights == Some(&Weights::Mini)).then(|| what_mini_says(&oracle));
        Ok(Self { oracle, pictures, remark, _drawn: Some(drawn) })
    }
}

/// Why vgg16-mini is wrong about every coat.
fn what_mini_says(oracle: &Oracle) -> String {
    let names: Vec<_> = oracle.classes.classes().iter().map(|c| c.name.as_str()).collect();
    format!(
        "A coat is none of the classes of {} ({}): this is what each reminds it of.\n\
         feature-extractor grafts a head onto it that knows coats; predict runs/feature-extractor-1 then names these pictures.",
        Weights::MINI,
        names.join(", ")
    )
}

/// The pictures that are named, and those in the folders that are named. A path that leads nowhere stays in the list: it
/// fails when its turn comes, as any picture that cannot be read.
fn named(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let (mut all, mut without) = (Vec::new(), Vec::new());
    for path in paths {
        match image_files(path) {
            Ok(files) if path.is_dir() => all.extend(files),
            Err(e) if path.is_dir() => without.push(e),
            _ => all.push(path.clone()),
        }
    }
    // The last of nothing but empty folders is what ends the program, and is told as it does.
    let end = if all.is_empty() { without.pop() } else { None };
    without.iter().for_each(|e| note(format_args!("warning: {e}")));
    end.map_or(Ok(all), |e| Err(e.into()))
}
