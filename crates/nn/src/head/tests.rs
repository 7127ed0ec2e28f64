use super::*;
use crate::layers::{Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D, MaxPooling2D, Padding};
use crate::{Initializer, NnError, Sequential};

fn read(text: &str) -> Result<Vec<LayerConfig>, HeadError> {
    text.parse::<Head>()?.layers(22)
}

fn dense(units: usize, activation: Activation) -> LayerConfig {
    LayerConfig::Dense(Dense::new(units).activation(activation))
}

#[test]
fn heads_become_layers() {
    let end = || dense(22, Activation::Softmax);
    let relu = |units| dense(units, Activation::Relu);
    let flatten = || LayerConfig::Flatten(Flatten);
    let dropout = |rate| LayerConfig::Dropout(Dropout::new(rate).unwrap());
    for (text, expected) in [
        (
            "flatten, dense(256, relu), dropout(0.5), dense(classes, softmax)",
            vec![flatten(), relu(256), dropout(0.5), end()],
        ),
        (
            "  Flatten( ),Dense(units=1024,activation='relu') , dense(22, \"softmax\")",
            vec![flatten(), relu(1024), end()],
        ),
        (
            "flatten, dense(8, relu, kernel_initializer=he_normal), dense(classes, softmax)",
            vec![
                flatten(),
                LayerConfig::Dense(
                    Dense::new(8).activation(Activation::Relu).kernel_initializer(Initializer::HeNormal),
                ),
                end(),
            ],
        ),
        (
            "GlobalAveragePooling2D, dense(classes), activation(softmax)",
            vec![
                LayerConfig::GlobalAveragePooling2D(GlobalAveragePooling2D),
                dense(22, Activation::Linear),
                LayerConfig::Activation(crate::layers::ActivationLayer::new(Activation::Softmax)),
            ],
        ),
        (
            "conv2d(8, 3, relu, strides=2, padding=same), maxpooling2d, flatten, dense(classes, softmax, use_bias=false)",
            vec![
                LayerConfig::Conv2D(
                    Conv2D::new(8, [3, 3])
                        .activation(Activation::Relu)
                        .strides([2, 2])
                        .padding(Padding::Same),
                ),
                LayerConfig::MaxPooling2D(MaxPooling2D::new([2, 2])),
                flatten(),
                LayerConfig::Dense(Dense::new(22).activation(Activation::Softmax).without_bias()),
            ],
        ),
        (
            "max_pooling2d(3, 1, same), batch_normalization(epsilon=1e-5), dropout(.25), conv2d(classes, 1, softmax)",
            vec![
                LayerConfig::MaxPooling2D(MaxPooling2D {
                    pool_size: [3, 3],
                    strides: [1, 1],
                    padding: Padding::Same,
                }),
                LayerConfig::BatchNormalization(crate::layers::BatchNormalization {
                    epsilon: 1e-5,
                    ..Default::default()
                }),
                dropout(0.25),
                LayerConfig::Conv2D(Conv2D::new(22, [1, 1]).activation(Activation::Softmax)),
            ],
        ),
    ] {
        assert_eq!(read(text).unwrap_or_else(|e| panic!("{e}")), expected, "{text}");
    }
}

#[test]
fn what_is_printed_reads_back_the_same() {
    for (text, printed) in [
        (
            "Flatten,dense(units=256,activation=relu),dense(classes,softmax)",
            "flatten, dense(256, relu), dense(classes, softmax)",
        ),
        (
            "dense(4,use_bias=False),dense(classes,softmax)",
            "dense(4, use_bias=false), dense(classes, softmax)",
        ),
        (
            "dropout(0.50), batch_normalization(epsilon=.01), dense(classes, softmax)",
            "dropout(0.5), batch_normalization(epsilon=0.01), dense(classes, softmax)",
        ),
        (
            "dense(4,relu,kernel_initializer=he_uniform),dense(classes,softmax,true,zeros)",
            "dense(4, relu, kernel_initializer=he_uniform), dense(classes, softmax, true, zeros)",
        ),
        (
            "conv2d(4, 3, kernel_initializer=he_normal), flatten, dense(classes, softmax)",
            "conv2d(4, 3, kernel_initializer=he_normal), flatten, dense(classes, softmax)",
        ),
    ] {
        let head: Head = text.parse().unwrap();
        assert_eq!(head.to_string(), printed);
        let again: Head = printed.parse().unwrap();
        assert_eq!(again, head);
        assert_eq!(again.layers(22), head.layers(22));
    }
}

#[test]
fn errors_say_where_and_what() {
    for (text, at, says) in [
        ("", 1, "end the head with dense(classes, softmax)"),
        ("   ", 1, "there is no layer"),
        (
            "flatten, dens(256)",
            10,
            "no layer 'dens'; did you mean dense? (the layers: flatten, dense(units, activation",
        ),
        ("flatten, lstm(256)", 10, "no layer 'lstm'; there are flatten, dense,"),
        ("flatten dense(256)", 9, "expected ',' before the next layer, got 'dense'"),
        ("flatten,, dense(classes, softmax)", 9, "expected a layer, got ','"),
        ("flatten, dense(classes, softmax),", 34, "expected a layer, got the end"),
        (
            "flatten, dense(classes, softmax",
            32,
            "expected ',' or ')' after an argument of dense, got the end",
        ),
        (
            "flatten, dense(classes softmax)",
            24,
            "expected ',' or ')' after an argument of dense, got 'softmax'",
        ),
        ("dense", 1, "dense needs units: write dense(units, activation, use_bias, kernel_initializer)"),
        ("dense(relu)", 7, "units of dense must be a whole number from 1 (or 'classes'), got 'relu'"),
        ("dense(0, softmax)", 7, "whole number from 1"),
        ("dense(2.5, softmax)", 7, "got '2.5'"),
        ("dense(1e99, softmax)", 7, "whole number"),
        ("dense(4, tanh)", 10, "activation of dense must be linear or relu or softmax, got 'tanh'"),
        ("dense(4, relu, true, zeros, 5)", 29, "one argument too many, '5'"),
        ("dense(4, relu, true, 5)", 22, "kernel_initializer of dense must be glorot_uniform or"),
        ("flatten(2)", 9, "one argument too many, '2': write flatten"),
        ("dense(4, unit=5)", 10, "dense has no argument 'unit'; did you mean units?"),
        ("dense(4, units=5)", 10, "units is given twice"),
        ("dense(4, 7=5)", 10, "expected the name of an argument"),
        ("dropout(0.5x)", 9, "'0.5x' is not a number"),
        ("dropout(1.5), dense(classes, softmax)", 1, "rate must be from 0 to 1"),
        ("conv2d(4, 3, padding=full)", 22, "same or valid"),
        ("dense(4; relu)", 8, "';' has no meaning here"),
        ("flatten, dense(256, relu)", 25, "the last layer, dense, gives no probabilities"),
        ("flatten, activation(softmax)", 28, "no layer decides how many"),
        (
            "flatten, dense(5, softmax)",
            10,
            "gives 5 probabilities, but there are 22 classes: write dense(classes, …)",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.at, at, "{error}");
        assert!(error.message.contains(says), "{error}");
        assert!(error.to_string().starts_with(&format!("the head \"{text}\", at character {at}: ")));
    }
}

#[test]
fn layers_are_named_as_in_keras() {
    let head: Head =
        "flatten, dense(8, relu), dropout(0.5), dense(8, relu), dropout(0.5), dense(classes, softmax)"
            .parse()
            .unwrap();
    let mut model = Sequential::new([2, 2, 3]);
    model.push_all(&head.layers(4).unwrap()).unwrap();
    let names: Vec<_> = model.layers().iter().map(|l| l.name()).collect();
    assert_eq!(names, ["flatten", "dense", "dropout", "dense_1", "dropout_1", "dense_2"]);
    assert_eq!(*model.output_shape(), [4]);
}

#[test]
fn a_head_that_does_not_fit_its_base_names_the_layer_and_the_remedy() {
    let head: Head = "dense(classes, softmax)".parse().unwrap();
    let mut model = Sequential::new([7, 7, 512]);
    let error: NnError = model.push_all(&head.layers(4).unwrap()).unwrap_err();
    let text = error.to_string();
    for part in ["layer 'dense'", "(7, 7, 512)", "flatten", "--pooling avg"] {
        assert!(text.contains(part), "{text}");
    }
}
