//! `pretrain` and what comes of it: the same file whatever the number of threads and however often the run was cut off,
//! and a base for the other methods.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use support::{command, draw_classes, run, stderr};

/// A network that is as narrow as can be, and a schedule that is over in seconds.
const SMALL: [&str; 14] = [
    "pretrain-data",
    "--width-divisor",
    "32",
    "--epochs",
    "4",
    "--warmup-epochs",
    "1.5",
    "--batch-size",
    "8",
    "--learning-rate",
    "0.05",
    "--shift",
    "2",
    "--out",
];

/// The command line of a small run that ends in `out`.
fn arguments<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--data"], &SMALL[..], &[out], more].concat()
}

fn with_data() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    draw_classes(&dir.path().join("pretrain-data/train"), 12);
    draw_classes(&dir.path().join("pretrain-data/val"), 3);
    dir
}

fn file(dir: &Path, name: &str) -> Vec<u8> {
    fs::read(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn a_run_that_is_cut_off_and_goes_on_ends_as_if_nothing_had_happened() {
    let dir = with_data();
    let whole = run("pretrain", dir.path(), &arguments("whole", &["--threads", "1"]));
    assert!(whole.status.success(), "{}", stderr(&whole));

    let mut child = command("pretrain", dir.path(), &arguments("cut", &["--threads", "3"])).spawn().unwrap();
    let checkpoint = dir.path().join("cut/checkpoint.safetensors");
    while !checkpoint.exists() {
        assert!(child.try_wait().unwrap().is_none_or(|status| status.success()), "the run failed");
        std::thread::sleep(Duration::from_millis(1));
    }
    // As by a power cut: nothing is asked, nothing is tidied up. It may have come to its end already, which serves too.
    child.kill().unwrap();
    child.wait().unwrap();

    let resumed = run("pretrain", dir.path(), &arguments("cut", &["--threads", "2", "--resume"]));
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("going on after epoch"), "{}", stderr(&resumed));
    assert!(file(dir.path(), "whole/backbone.safetensors") == file(dir.path(), "cut/backbone.safetensors"));

    let history = fs::read_to_string(dir.path().join("cut/history.csv")).unwrap();
    assert!(
        history.starts_with("epoch,accuracy,learning_rate,loss,val_accuracy,val_loss,seconds\n"),
        "{history}"
    );
    assert_eq!(history.lines().count(), 1 + 4);
    let card = fs::read_to_string(dir.path().join("whole/backbone.md")).unwrap();
    for says in [
        "36 pictures of 3 classes (blue, green, red)",
        "--width-divisor 32",
        "--learning-rate 0.05",
        "of 32 x 32 pixels",
    ] {
        assert!(card.contains(says), "{says} in {card}");
    }
}

#[test]
fn a_run_may_begin_where_another_ended_and_learn_coats_that_there_are_not() {
    let dir = with_data();
    let coats = ["--invented-coats", "2"];
    let first = run("pretrain", dir.path(), &arguments("first", &coats));
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(stderr(&first).contains("200 pictures of 2 kinds of invented animals"), "{}", stderr(&first));
    let second =
        run("pretrain", dir.path(), &arguments("second", &[&coats[..], &["--from", "first"]].concat()));
    assert!(second.status.success(), "{}", stderr(&second));
    let loss = |name: &str| -> f64 {
        let history = fs::read_to_string(dir.path().join(name).join("history.csv")).unwrap();
        history.lines().nth(1).unwrap().split(',').nth(3).unwrap().parse().unwrap()
    };
    assert!(loss("second") < loss("first"), "{} is no better start than {}", loss("second"), loss("first"));

    // The weights that are written name the folder's classes, not the invented ones.
    let card = fs::read_to_string(dir.path().join("second/backbone.md")).unwrap();
    assert!(card.contains("36 pictures of 3 classes (blue, green, red); and 2 kinds"), "{card}");
    let answers =
        run("predict", dir.path(), &["second/backbone.safetensors", "pretrain-data/val/red", "--json"]);
    assert!(answers.status.success(), "{}", stderr(&answers));
    assert_eq!(String::from_utf8_lossy(&answers.stdout).matches("\"class\"").count(), 3 * 3);

    for (from, code, says) in
        [("nowhere", 4, "nowhere"), ("first", 4, "--from"), ("pretrain-data", 4, "checkpoint")]
    {
        let other = run("pretrain", dir.path(), &arguments("third", &["--from", from]));
        assert_eq!(other.status.code(), Some(code), "{from}: {}", stderr(&other));
        assert!(stderr(&other).contains(says), "{from}: {}", stderr(&other));
        assert!(!dir.path().join("third").exists());
    }
    let large = ["--invented-coats", "1", "--image-size", "2048"];
    let output = run("pretrain", dir.path(), &arguments("third", &large));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("--invented-coats must be at most 0 with pictures"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn another_run_is_not_gone_on_with() {
    let dir = with_data();
    // Where there is nothing to go on from, a run begins.
    let first = run("pretrain", dir.path(), &arguments("run", &["--resume"]));
    assert!(first.status.success(), "{}", stderr(&first));
    for (more, code, says) in [
        (&["--seed", "7", "--resume"][..], 4, &["--seed 0", "has 7", "another --out"][..]),
        (&[], 2, &["not empty"]),
    ] {
        let output = run("pretrain", dir.path(), &arguments("run", more));
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(says.iter().all(|s| stderr(&output).contains(s)), "{}", stderr(&output));
    }
    fs::remove_file(dir.path().join("pretrain-data/train/red/003.png")).unwrap();
    let output = run("pretrain", dir.path(), &arguments("run", &["--resume"]));
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("pictures of digest"), "{}", stderr(&output));
}

#[test]
fn what_was_trained_is_a_base_and_names_pictures() {
    let dir = with_data();
    let first = run("pretrain", dir.path(), &arguments("run", &[]));
    assert!(first.status.success(), "{}", stderr(&first));
    let size = file(dir.path(), "run/backbone.safetensors").len();
    assert!((28_000..60_000).contains(&size), "{size} bytes are no network of 14,000 weights in 16 bits");

    let base = run(
        "feature-extractor",
        dir.path(),
        &[
            "--data",
            "pretrain-data",
            "--weights",
            "run/backbone.safetensors",
            "--image-size",
            "64",
            "--epochs",
            "1",
        ],
    );
    assert!(base.status.success(), "{}", stderr(&base));
    assert!(stderr(&base).contains("1/32 of the width"), "{}", stderr(&base));
    let named =
        run("predict", dir.path(), &["run/backbone.safetensors", "pretrain-data/val/blue/000.png", "--json"]);
    assert!(named.status.success(), "{}", stderr(&named));
    assert!(String::from_utf8_lossy(&named.stdout).contains("\"class\""));
}

#[test]
fn what_cannot_be_is_said_before_anything_is_read() {
    let dir = with_data();
    for (option, value, says) in [
        ("--image-size", "16", "from 32"),
        ("--optimizer", "newton", "sgd-nesterov"),
        ("--label-smoothing", "2", "from 0 to 1"),
        ("--shift", "32", "less than 32"),
        ("--cutout", "33", "at most 32"),
    ] {
        let output = run("pretrain", dir.path(), &["--data", "pretrain-data", "--out", "out", option, value]);
        assert_eq!(output.status.code(), Some(2), "{option}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{option}: {}", stderr(&output));
        assert!(!dir.path().join("out").exists());
    }
    fs::remove_dir_all(dir.path().join("pretrain-data/val")).unwrap();
    let output = run("pretrain", dir.path(), &arguments("out", &[]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("neither val/ nor test/"), "{}", stderr(&output));
    assert!(!dir.path().join("out").exists());
}
