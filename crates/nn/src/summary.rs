//! The table that `model.summary()` prints in Keras 3: each layer with its output shape and its number of parameters,
//! and below it what all of them add up to.

use graft_tensor::Shape;

use crate::{Placed, Sequential};

/// The width in Keras where the terminal does not say otherwise, in characters.
pub const DEFAULT_WIDTH: usize = 100;
/// The narrowest column worth having: a few letters between two spaces.
const MIN_COLUMN: usize = 10;
/// A space on either side of a cell.
const PADDING: usize = 2;

/// The summary of a model, as Keras 3 prints it; lines end in `\n`.
///
/// `width` is the terminal's, in characters (100 where it has none). With `show_trainable` a column tells whether
/// training moves a layer's weights: `Y`, `N`, or `-` for a layer without weights. A cell too long for its column goes
/// on in the next line. Unlike Keras's, the total does not include the optimizer's own numbers.
///
/// ```
/// # use graft_nn::{Sequential, summary, layers::{Dense, Flatten}};
/// let mut model = Sequential::new([2, 2, 3]);
/// model.push("flatten", Flatten)?;
/// model.push("dense", Dense::new(4))?;
/// let table = summary(&model, "head", None, true);
/// assert!(table.contains("│ dense (Dense) "));
/// assert!(table.contains(" Total params: 52 (208.00 B)"));
/// # Ok::<(), graft_nn::NnError>(())
/// ```
pub fn summary(model: &Sequential, name: &str, width: Option<usize>, show_trainable: bool) -> String {
    let mut header = vec!["Layer (type)", "Output Shape", "Param #"];
    let mut columns = columns(width.unwrap_or(DEFAULT_WIDTH), show_trainable);
    if show_trainable {
        header.push("Trainable");
    }
    columns.truncate(header.len());

    let rule = |left: char, fill: char, cross: char, right: char| {
        let lines: Vec<_> = columns.iter().map(|c| fill.to_string().repeat(c.width)).collect();
        format!("{left}{}{right}\n", lines.join(&cross.to_string()))
    };
    let header: Vec<_> = header.into_iter().map(str::to_owned).collect();
    let mut out = format!("Model: \"{name}\"\n");
    out += &rule('┏', '━', '┳', '┓');
    out += &row(&header, &columns, '┃');
    out += &rule('┡', '━', '╇', '┩');
    let rows: Vec<_> = cells(model).iter().map(|cells| row(cells, &columns, '│')).collect();
    out += &rows.join(&rule('├', '─', '┼', '┤'));
    out += &rule('└', '─', '┴', '┘');
    out + &totals(model)
}

/// Where the text of a column goes.
#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
    Center,
}

struct Column {
    /// In characters, with the padding.
    width: usize,
    align: Align,
}

/// Three columns that share `width` as in Keras, 45 : 35 : 20, and one just wide enough for "Trainable".
fn columns(width: usize, show_trainable: bool) -> Vec<Column> {
    let trainable = "Trainable".len() + PADDING;
    let borders = if show_trainable { 5 + trainable } else { 4 };
    let room = width.saturating_sub(borders);
    let share = |percent: usize| (room * percent / 100).max(MIN_COLUMN);
    let (shape, params) = (share(35), share(20));
    let layer = room.saturating_sub(shape + params).max(MIN_COLUMN);
    [(layer, Align::Left), (shape, Align::Left), (params, Align::Right), (trainable, Align::Center)]
        .map(|(width, align)| Column { width, align })
        .into()
}

/// What each row says; the input comes first.
fn cells(model: &Sequential) -> Vec<[String; 4]> {
    let input = [
        "input_layer (InputLayer)".to_owned(),
        with_batch(model.input_shape()),
        "0".to_owned(),
        "-".to_owned(),
    ];
    let layer = |l: &Placed| {
        let trainable = match (l.weights().is_empty(), l.trainable) {
            (true, _) => "-",
            (_, true) => "Y",
            (_, false) => "N",
        };
        [
            format!("{} ({})", l.name(), l.layer().config().class_name()),
            with_batch(l.output_shape()),
            thousands(l.count_params()),
            trainable.to_owned(),
        ]
    };
    std::iter::once(input).chain(model.layers().iter().map(layer)).collect()
}

/// The lines below the table.
fn totals(model: &Sequential) -> String {
    let total = model.count_params();
    let trained = model.trained_weights().iter().map(|&id| model.weight(id).value.data().len()).sum();
    [("Total", total), ("Trainable", trained), ("Non-trainable", total - trained)]
        .map(|(what, n)| format!(" {what} params: {} ({})\n", thousands(n), memory(n)))
        .concat()
}

/// One row, of as many lines as its longest cell needs.
fn row(cells: &[String], columns: &[Column], border: char) -> String {
    let wrapped: Vec<_> = cells.iter().zip(columns).map(|(cell, c)| wrap(cell, c.width - PADDING)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = String::new();
    for line in 0..height {
        out.push(border);
        for (cell, column) in wrapped.iter().zip(columns) {
            let text = cell.get(line).map_or("", String::as_str);
            let width = column.width - PADDING;
            out += &match column.align {
                Align::Left => format!(" {text:<width$} "),
                Align::Right => format!(" {text:>width$} "),
                Align::Center => format!(" {text:^width$} "),
            };
            out.push(border);
        }
        out.push('\n');
    }
    out
}

/// The text in lines of at most `width` characters, broken at spaces, or within a word that is longer than a line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let last = lines.last_mut().expect("there is always a line");
        let used = last.chars().count();
        if used == 0 {
            last.extend(word.drain(..word.len().min(width)));
        } else if used + 1 + word.len() <= width {
            last.push(' ');
            last.extend(word.drain(..));
        }
        lines.extend(word.chunks(width).map(|part| part.iter().collect::<String>()));
    }
    lines
}

/// `(None, 224, 224, 64)`
fn with_batch(shape: &Shape) -> String {
    let extents = shape.iter().map(|d| format!(", {d}")).collect::<String>();
    format!("(None{extents})")
}

/// `14,714,688`
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// The memory of so many numbers: `56.13 MB`.
fn memory(numbers: usize) -> String {
    let mut size = numbers as f64 * size_of::<f32>() as f64;
    let mut unit = "B";
    for larger in ["KB", "MB", "GB", "TB"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    format!("{size:.2} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{BatchNormalization, Conv2D, Dense, Dropout, GlobalAveragePooling2D};

    fn model() -> Sequential {
        let mut model = Sequential::new([32, 32, 3]);
        model.push("conv", Conv2D::new(16, [3, 3])).unwrap();
        model.push("bn", BatchNormalization::default()).unwrap();
        model.push("global_average_pooling2d", GlobalAveragePooling2D).unwrap();
        model.push("dropout", Dropout::new(0.5).unwrap()).unwrap();
        model.push("dense", Dense::new(1000)).unwrap();
        model.freeze("conv").unwrap();
        model
    }

    #[test]
    fn the_table_is_that_of_keras() {
        let expected = "\
Model: \"small\"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
┃ Layer (type)                          ┃ Output Shape                ┃        Param # ┃ Trainable ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
│ input_layer (InputLayer)              │ (None, 32, 32, 3)           │              0 │     -     │
├───────────────────────────────────────┼─────────────────────────────┼────────────────┼───────────┤
│ conv (Conv2D)                         │ (None, 30, 30, 16)          │            448 │     N     │
├───────────────────────────────────────┼─────────────────────────────┼────────────────┼───────────┤
│ bn (BatchNormalization)               │ (None, 30, 30, 16)          │             64 │     Y     │
├───────────────────────────────────────┼─────────────────────────────┼────────────────┼───────────┤
│ global_average_pooling2d              │ (None, 16)                  │              0 │     -     │
│ (GlobalAveragePooling2D)              │                             │                │           │
├───────────────────────────────────────┼─────────────────────────────┼────────────────┼───────────┤
│ dropout (Dropout)                     │ (None, 16)                  │              0 │     -     │
├───────────────────────────────────────┼─────────────────────────────┼────────────────┼───────────┤
│ dense (Dense)                         │ (None, 1000)                │         17,000 │     Y     │
└───────────────────────────────────────┴─────────────────────────────┴────────────────┴───────────┘
 Total params: 17,512 (68.41 KB)
 Trainable params: 17,032 (66.53 KB)
 Non-trainable params: 480 (1.88 KB)
";
        let table = summary(&model(), "small", None, true);
        assert_eq!(table, expected, "\n{table}");
    }

    #[test]
    fn lines_are_as_wide_as_asked_and_of_one_width() {
        for (width, show) in [(60, false), (80, true), (133, false), (20, true), (0, false)] {
            let table = summary(&model(), "m", Some(width), show);
            let widths: Vec<_> =
                table.lines().filter(|l| "┏┃┡│├└".contains(&l[..3])).map(|l| l.chars().count()).collect();
            assert!(widths.windows(2).all(|w| w[0] == w[1]), "{table}");
            assert!(width < 60 || widths[0] == width, "{table}");
            assert_eq!(table.contains("Trainable │") || table.contains("Trainable ┃"), show);
        }
    }

    #[test]
    fn long_words_are_broken() {
        assert_eq!(wrap("global_pool (GlobalPool)", 12), ["global_pool", "(GlobalPool)"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a b c", 3), ["a b", "c"]);
    }

    #[test]
    fn numbers_are_written_as_in_keras() {
        assert_eq!([0, 999, 1000, 14_714_688].map(thousands), ["0", "999", "1,000", "14,714,688"]);
        assert_eq!([0, 255, 256, 14_714_688].map(memory), ["0.00 B", "1020.00 B", "1.00 KB", "56.13 MB"]);
        assert_eq!(memory(138_357_544), "527.79 MB");
        assert_eq!(memory(1 << 50), "4096.00 TB");
    }
}
