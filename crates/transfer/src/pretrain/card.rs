//! What a person should know of a backbone before using it, as a page of text beside the weights.

use std::fmt::Write as _;
use std::path::Path;

use graft_data::Part;

use super::checkpoint::State;
use crate::output::write_csv;
use crate::pictures::Pictures;
use crate::{Error, Result, RunFolder};

/// The page within the run's folder.
const PAGE: &str = "backbone.md";
/// The figures of each epoch.
const HISTORY: &str = "history.csv";

/// How the weights do, as they were written.
pub(super) struct Figures {
    pub(super) accuracy: f64,
    pub(super) loss: f64,
    pub(super) pictures: usize,
    pub(super) part: Part,
}

/// Writes the page and the history.
pub(super) fn write(
    folder: &RunFolder,
    weights: &Path,
    source: &str,
    pictures: &Pictures,
    state: &State,
    figures: &Figures,
) -> Result<()> {
    let columns: Vec<String> =
        state.history.first().into_iter().flat_map(|epoch| epoch.logs.keys().cloned()).collect();
    let header = ["epoch".to_owned()].into_iter().chain(columns.clone()).chain(["seconds".to_owned()]);
    write_csv(
        &folder.file(HISTORY),
        header,
        state.history.iter().enumerate().map(|(i, epoch)| {
            let cell = |name: &String| epoch.logs.get(name).map_or_else(String::new, f64::to_string);
            let cells = columns.iter().map(cell);
            let (first, last) = (i.to_string(), format!("{:.1}", epoch.seconds));
            [first].into_iter().chain(cells).chain([last]).collect::<Vec<_>>()
        }),
    )?;
    let bytes = std::fs::read(weights).map_err(|e| Error::read(weights, &e))?;
    let page = page(&bytes, source, pictures, state, figures);
    folder.write_text(PAGE, &page)
}

fn page(weights: &[u8], source: &str, pictures: &Pictures, state: &State, figures: &Figures) -> String {
    let Figures { accuracy, loss, pictures: measured, part } = figures;
    let recipe = &state.recipe;
    let (classes, train) = (&pictures.dataset.class_names, pictures.dataset.count(Part::Train));
    let seconds: f64 = state.history.iter().map(|epoch| epoch.seconds).sum();
    let options = serde_json::to_value(recipe).unwrap_or_default();
    let coats = recipe.invented();
    let rate = ((train + coats.kinds * coats.per_kind) * state.history.len()) as f64 / seconds;
    let invented = match coats.kinds {
        0 => String::new(),
        kinds => format!(
            "; and {kinds} kinds of animals that there are not, {} drawn pictures of each",
            coats.per_kind
        ),
    };
    let mut flags = String::new();
    for (name, value) in options.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Into a string, which takes everything.
        let _ = write!(flags, " --{} {value}", name.replace('_', "-"));
    }
    format!(
        "\
# A backbone: VGG16's convolutions at 1/{divisor} of the width

Trained by Graft from nothing; plain VGG in half precision, the batch normalisation of its training taken into the
convolutions. It takes pictures of {side} x {side} pixels or more, prepared as for VGG16 (RGB to BGR, minus ImageNet's
means, no scaling).

| | |
|---|---|
| data | {source}: {train} pictures of {n} classes ({classes}){invented}; BLAKE3 of all pictures {data} |
| command | `pretrain --data {source}{flags}` |
| first weights | BLAKE3 {begun}: random ones by the seed, unless there was a `--from` |
| accuracy | {accuracy:.4} on {measured} {part} pictures (loss {loss:.4}), measured on the file as it is |
| training | {epochs} epochs in {seconds:.0} s, {rate:.0} pictures a second, {isa} |
| file | {size} bytes, BLAKE3 {digest} |

The same command of the same version of Graft gives the same file, bit for bit, on the same instruction set and any number
of threads.

What it is good for: a base that sees edges, textures and simple shapes in small pictures, quickly. What it is not good
for: pictures of 224 pixels, fine distinctions, or any decision about people. It has seen {n} classes, and knows of
nothing else{but_patterns}; for photos, VGG16 with ImageNet's weights is the better base.
",
        divisor = recipe.width_divisor,
        but_patterns = if recipe.invented_coats > 0 { " but patterns" } else { "" },
        side = recipe.image_size,
        n = classes.len(),
        classes = classes.join(", "),
        data = state.data,
        begun = state.first_weights,
        epochs = state.history.len(),
        isa = state.isa,
        size = weights.len(),
        digest = blake3::hash(weights).to_hex(),
    )
}
