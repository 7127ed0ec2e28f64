//! The first run: no argument, no network, no file but the program. And what `coats` and `vgg16-mini` mean on a command
//! line.

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use graft_data::Coat;
use serde_json::Value;
use support::{command, draw_classes, run, stderr, with_photos};

fn metrics(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("metrics.json")).unwrap()).unwrap()
}

fn succeeded(output: &Output) -> String {
    let said = stderr(output);
    assert!(output.status.success(), "{said}");
    said
}

/// Where the drawn pictures are kept, seen from a folder that [`run`] runs in.
const KEPT: &str = "cache/graft/coats/64px-20+50-seed0";

#[test]
fn without_any_argument_a_head_is_trained_and_held_against_others() {
    let dir = tempfile::tempdir().unwrap();
    let output = run("feature-extractor", dir.path(), &[]);
    let said = succeeded(&output);
    let first: Vec<_> = said.lines().take(2).collect();
    assert!(first[0].starts_with("data: coats") && first[1].starts_with("weights: vgg16-mini"), "{said}");
    assert!(said.contains("block4_pool, weights from vgg16-mini") && said.contains("64 × 64"), "{said}");

    let m = metrics(&dir.path().join("runs/feature-extractor-1"));
    let contenders = m["comparison"].as_array().unwrap();
    let accuracy = |i: usize| contenders[i]["val_accuracy"].as_f64().unwrap();
    assert_eq!(contenders.len(), 3);
    assert_eq!(m["val_accuracy"].as_f64().unwrap(), accuracy(0));
    let [transferred, nothing, pixels] = [0, 1, 2].map(accuracy);
    assert!(transferred >= 0.75, "the trained base: {transferred}");
    assert!(transferred >= nothing + 0.15, "{transferred} against {nothing} from nothing");
    assert!(transferred >= pixels + 0.15, "{transferred} against {pixels} by the pixels");
    assert!(nothing > 0.45, "a network that has had its chance: {nothing}");
    for c in contenders {
        assert!(said.contains(c["what"].as_str().unwrap()), "{c} in {said}");
        assert!(
            c["trained_weights"].as_u64().unwrap() > 10_000 && c["seconds"].as_f64().unwrap() > 0.0,
            "{c}"
        );
    }
    assert!(m["seconds"].as_f64().unwrap() > contenders[1]["seconds"].as_f64().unwrap());

    // The run knows what it was trained on, and is asked about pictures that it has not learnt from.
    let output = run("predict", dir.path(), &["runs/feature-extractor-1", "--json"]);
    succeeded(&output);
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let right = answers.as_array().unwrap().iter().filter(|answer| {
        let class = answer["predictions"][0]["class"].as_str().unwrap();
        answer["path"].as_str().unwrap().ends_with(&format!("val/{class}/000.png"))
    });
    let right = right.count();
    assert!(right >= 8, "{right} of 12 coats are named right: {answers}");
}

#[test]
fn the_other_methods_run_without_arguments_too_and_on_pictures_that_were_drawn_once() {
    let dir = tempfile::tempdir().unwrap();
    for (i, method) in ["fine-tune", "custom-layers", "augment"].into_iter().enumerate() {
        let said = succeeded(&run(method, dir.path(), &[]));
        assert_eq!(said.contains("drawn to"), i == 0, "{said}");
        let m = metrics(&dir.path().join(format!("runs/{method}-1")));
        assert!(m["val_accuracy"].as_f64().unwrap() > 0.5, "{method}: {m}");
        assert!(m.get("comparison").is_none());
    }
}

#[test]
fn predict_alone_asks_vgg16_mini_and_says_why_it_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let output = run("predict", dir.path(), &["--top", "1"]);
    let said = succeeded(&output);
    assert!(said.contains("model: vgg16-mini") && said.contains("A coat is none of the classes"), "{said}");
    assert!(said.contains("airplane") && said.contains("predict runs/feature-extractor-1"), "{said}");
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), 2 * Coat::ALL.len(), "{answers}");
    assert!(Coat::ALL.iter().all(|coat| answers.contains(&format!("val/{coat}/000.png"))), "{answers}");

    draw_classes(&dir.path().join("photos"), 1);
    let said = stderr(&run("predict", dir.path(), &["--weights", "vgg16-mini", "photos"]));
    assert!(!said.contains("A coat is none"), "{said}");
    let output = run("predict", dir.path(), &["--weights", "vgg16-mini", "--class-index", "names", "photos"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn some_of_the_coats_are_a_data_set_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--data", "coats", "--class-names", "zebra,cow", "--compare", "off", "--epochs", "2"];
    let said = succeeded(&run("feature-extractor", dir.path(), &arguments));
    assert!(!said.contains("from nothing"), "{said}");
    let m = metrics(&dir.path().join("runs/feature-extractor-1"));
    assert_eq!((&m["classes"], &m["train_images"]), (&2.into(), &40.into()));
    let output = run("predict", dir.path(), &["runs/feature-extractor-1"]);
    succeeded(&output);
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.matches("000.png").count(), 2, "{answers}");
}

#[test]
fn photos_of_ones_own_get_imagenet_and_without_it_a_sentence_how_to_get_it() {
    let dir = with_photos();
    // Where the folder for Keras's files cannot be made, nothing can be fetched either.
    fs::write(dir.path().join("file"), "in the way").unwrap();
    let mut command = command("feature-extractor", dir.path(), &["--data", "photos"]);
    let output = command.env("KERAS_HOME", dir.path().join("file")).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("weights: imagenet"), "{said}");
    let error = said.lines().find(|l| l.starts_with("error: ")).unwrap();
    assert!(error.contains("--weights vgg16-mini"), "{error}");
    assert!(!dir.path().join("runs").exists());

    let small = ["--data", "photos", "--weights", "vgg16-mini", "--epochs", "2"];
    let said = succeeded(&run("custom-layers", dir.path(), &small));
    assert!(said.contains("64 × 64") && !dir.path().join("cache/graft/coats").exists(), "{said}");
    let output = run("feature-extractor", dir.path(), &["--base-until", "block3_pol"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("block3_pool"), "{}", stderr(&output));
}

#[test]
fn a_folder_called_coats_is_named_with_a_dot() {
    let dir = tempfile::tempdir().unwrap();
    draw_classes(&dir.path().join("coats"), 4);
    let of = |data: &str, out: &str| {
        let arguments = ["--data", data, "--out", out, "--weights", "vgg16-mini", "--epochs", "1"];
        let said = succeeded(&run("custom-layers", dir.path(), &arguments));
        (metrics(&dir.path().join(out))["classes"].as_u64().unwrap(), said)
    };
    let (classes, said) = of("./coats", "own");
    assert!(classes == 3 && !said.contains("note: this is not"), "{said}");
    let (classes, said) = of("coats", "drawn");
    assert!(classes == 12 && said.contains("not the folder ./coats"), "{said}");
}

#[test]
fn what_is_kept_of_the_coats_is_whole_or_drawn_anew() {
    let dir = tempfile::tempdir().unwrap();
    let short = ["--epochs", "1", "--class-names", "cow,fawn"];
    let said = succeeded(&run("custom-layers", dir.path(), &short));
    assert!(said.contains("drawn to"), "{said}");
    let lost = dir.path().join(KEPT).join("val/tiger/007.png");
    fs::remove_file(&lost).unwrap();
    let said = succeeded(&run("custom-layers", dir.path(), &short));
    assert!(said.contains("drawn to") && lost.exists(), "{said}");
    assert_eq!(
        fs::read_dir(dir.path().join("cache/graft/coats")).unwrap().count(),
        1,
        "nothing else is left"
    );

    // A cache that cannot be: the pictures are there for one run.
    fs::write(dir.path().join("file"), "in the way").unwrap();
    let mut command = command("custom-layers", dir.path(), &short);
    let output = command.env("XDG_CACHE_HOME", dir.path().join("file")).output().unwrap();
    let said = succeeded(&output);
    assert!(said.contains("for this run alone"), "{said}");
}

/// Ctrl-C while the pictures are drawn, which `binary` does in a folder below `begun`.
#[cfg(unix)]
fn interrupted_while_drawing(dir: &Path, binary: &str, arguments: &[&str], begun: &Path) {
    let mut child = command(binary, dir, arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !begun.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ends before it draws");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("while the coats were drawn"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(begun).unwrap().count(), 0);
}

#[test]
#[cfg(unix)]
fn drawing_that_is_interrupted_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let many = ["--out", "new/coats", "--size", "256", "--train-per-class", "1000"];
    interrupted_while_drawing(dir.path(), "coats", &many, &dir.path().join("new"));
    let kept = dir.path().join("cache/graft/coats");
    interrupted_while_drawing(dir.path(), "feature-extractor", &["--threads", "1"], &kept);
    assert!(!dir.path().join("runs").exists());
}
