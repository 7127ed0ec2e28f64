//! `summary()` against the table that Keras printed (`summary.txt` of `make_golden.py`, its method 2): rows, shapes,
//! counts and flags. The width is not compared, nor the numbers that Keras puts behind names which it has used before,
//! and its total is taken without the optimizer's parameters.

use graft_nn::head::Head;
use graft_nn::{Sequential, summary};
use graft_tests::golden;
use graft_vgg::Vgg16;

/// A row's cells: layer and class, output shape, parameters, trainable.
type Row = [String; 4];

/// The rows of a table's body.
fn rows(table: &str) -> Vec<Row> {
    let body = table.lines().filter(|l| l.starts_with('│'));
    let cells =
        |l: &str| l.split('│').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect::<Vec<_>>();
    body.map(|l| cells(l).try_into().unwrap_or_else(|_| panic!("not a row of four cells: {l}"))).collect()
}

/// The number of a line such as ` Trainable params: 7,210,690 (27.51 MB)`.
fn count(table: &str, what: &str) -> usize {
    let start = format!(" {what} params: ");
    let line = table.lines().find_map(|l| l.strip_prefix(&start)).unwrap_or_else(|| panic!("no line{start}"));
    number(line.split(' ').next().unwrap())
}

fn number(text: &str) -> usize {
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

/// The extents of `(None, 64, 64, 3)` after the first.
fn extents(shape: &str) -> Vec<usize> {
    shape.trim_matches(['(', ')']).split(',').skip(1).map(|d| number(d.trim())).collect()
}

/// `dense_2 (Dense)` as `dense (Dense)`: Keras numbers names on through all models of a process.
fn without_number(layer: &str) -> String {
    let (name, class) = layer.split_once(' ').unwrap();
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let plain = if plain.len() < name.len() { plain.strip_suffix('_').unwrap_or(name) } else { name };
    format!("{plain} {class}")
}

/// The model whose table this is: VGG16's base for the input of the first row, and the head that the last rows name,
/// trainable where the rows say so.
fn model(rows: &[Row]) -> Sequential {
    let input = extents(&rows[0][1]);
    let mut model = Vgg16::without_top(input[0], input[1]).build().unwrap();
    let base = model.layers().len() + 1;
    let layer = |row: &Row| {
        let units = extents(&row[1])[0];
        match without_number(&row[0]).as_str() {
            "flatten (Flatten)" => "flatten".to_owned(),
            "dense (Dense)" => format!("dense({units})"),
            "dropout (Dropout)" => "dropout(0)".to_owned(),
            other => panic!("a layer that make_golden.py does not put into a head: {other}"),
        }
    };
    let head: Vec<_> = rows[base..].iter().map(layer).collect();
    let classes = extents(&rows.last().unwrap()[1])[0];
    let head: Head = format!("{}, activation(softmax)", head.join(", ")).parse().unwrap();
    let head = head.layers(classes).unwrap();
    model.push_all(&head[..head.len() - 1]).unwrap();
    for (l, row) in model.layers_mut().iter_mut().zip(&rows[1..]) {
        l.trainable = row[3] == "Y";
    }
    model
}

#[test]
fn golden_summary_has_keras_rows_shapes_counts_and_flags() {
    let Some(path) = golden("summary.txt") else { return };
    let keras = std::fs::read_to_string(path).unwrap();
    let expected = rows(&keras);
    let ours = summary(&model(&expected), "golden", None, true);
    let normal = |rows: Vec<Row>| -> Vec<Row> {
        rows.into_iter()
            .map(|[layer, shape, count, flag]| [without_number(&layer), shape, count, flag])
            .collect()
    };
    assert_eq!(normal(rows(&ours)), normal(expected), "\n{ours}");
    for what in ["Trainable", "Non-trainable"] {
        assert_eq!(count(&ours, what), count(&keras, what), "{what}");
    }
    let optimizer = count(&keras, "Optimizer");
    assert_eq!(count(&ours, "Total"), count(&keras, "Total") - optimizer);
}
