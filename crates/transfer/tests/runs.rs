//! The four training binaries and `predict`, from photos to answers, on photos and weights that are drawn.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{draw_classes, run, stderr, train, with_photos};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_method_learns_colours_and_leaves_a_whole_run_folder() {
    let dir = with_photos();
    for method in ["feature-extractor", "fine-tune", "custom-layers", "augment"] {
        let output = train(method, dir.path(), &["--learning-rate", "0.001"]);
        assert!(output.status.success(), "{method}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "figures go to standard output only with --json");
        let run = dir.path().join(format!("runs/{method}-1"));
        let all = "best.safetensors, history.csv, last.safetensors, metrics.json, options.json, predictions.csv, split.csv";
        assert!(stderr(&output).contains(&format!("runs/{method}-1/ ({all})")), "{}", stderr(&output));
        let metrics = json(&run.join("metrics.json"));
        for key in ["val_loss", "seconds", "images_per_second", "peak_rss_bytes"] {
            assert!(metrics[key].is_number(), "{method}: {key} in {metrics}");
        }
        assert_eq!(
            (&metrics["train_images"], &metrics["val_images"], &metrics["classes"]),
            (&24.into(), &6.into(), &3.into())
        );
        let history = fs::read_to_string(run.join("history.csv")).unwrap();
        assert!(
            history.starts_with("epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n"),
            "{history}"
        );
        let epochs = if method == "fine-tune" { 4 } else { 2 };
        assert_eq!(history.lines().count(), 1 + epochs, "{history}");
        assert_eq!(fs::read_to_string(run.join("split.csv")).unwrap().lines().count(), 31);
        let predictions = fs::read_to_string(run.join("predictions.csv")).unwrap();
        assert!(predictions.starts_with("path,true,predicted,blue,green,red\n"), "{predictions}");
        assert_eq!(predictions.lines().count(), 7);
        for model in ["best.safetensors", "last.safetensors"] {
            assert!(run.join(model).is_file(), "{method}: {model}");
        }
    }
}

#[test]
fn a_trained_model_names_photos_it_has_not_seen() {
    let dir = with_photos();
    let longer =
        ["--json", "--epochs", "40", "--head", "flatten, dense(classes, softmax)", "--learning-rate", "0.01"];
    let output = train("feature-extractor", dir.path(), &longer);
    assert!(output.status.success(), "{}", stderr(&output));
    let metrics: Value = serde_json::from_slice(&output.stdout).expect("the figures, and nothing else");
    assert_eq!(metrics, json(&dir.path().join("runs/feature-extractor-1/metrics.json")));

    draw_classes(&dir.path().join("new"), 2);
    fs::write(dir.path().join("new/torn.jpg"), b"\xff\xd8\xff\xe0 no more").unwrap();
    let output = run(
        "predict",
        dir.path(),
        &["runs/feature-extractor-1", "new", "--json", "--csv", "answers.csv", "--top", "2"],
    );
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 7);
    for answer in answers.as_array().unwrap() {
        let path = answer["path"].as_str().unwrap();
        if path.ends_with("torn.jpg") {
            assert!(answer["error"].as_str().unwrap().contains("torn.jpg"), "{answer}");
        } else {
            let class = answer["predictions"][0]["class"].as_str().unwrap();
            assert!(path.contains(class), "{answer}");
        }
    }
    assert_eq!(fs::read_to_string(dir.path().join("answers.csv")).unwrap().lines().count(), 1 + 6 * 2 + 1);
}

#[test]
fn runs_are_numbered_and_never_overwritten() {
    let dir = with_photos();
    for n in 1..=2 {
        assert!(train("custom-layers", dir.path(), &[]).status.success());
        assert!(dir.path().join(format!("runs/custom-layers-{n}/metrics.json")).is_file());
    }
    let output = train("custom-layers", dir.path(), &["--out", "runs/custom-layers-1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("not empty"), "{}", stderr(&output));
}

/// More pictures than are made ready ahead, good ones and bad ones: every answer is its own picture's.
#[test]
fn many_pictures_are_answered_in_their_order() {
    let dir = with_photos();
    assert!(train("feature-extractor", dir.path(), &["--out", "run"]).status.success());
    for n in [3, 11] {
        fs::write(dir.path().join(format!("photos/green/{n:03}x.png")), "no picture").unwrap();
    }
    let answers = |paths: &[&str], code| -> Vec<Value> {
        let output = run("predict", dir.path(), &[&["run", "--json"], paths].concat());
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let all = answers(&["photos"], 7);
    let paths: Vec<_> = all.iter().map(|a| a["path"].as_str().unwrap()).collect();
    assert!(paths.len() == 32 && paths.is_sorted(), "{paths:?}");
    for (i, code) in [(0, 0), (7, 0), (8, 0), (14, 7), (31, 0)] {
        assert_eq!(answers(&[paths[i]], code), [all[i].clone()], "picture {i}");
    }
}

#[test]
fn weights_of_the_cache_are_used_with_a_note_when_they_are_not_keras_own() {
    let dir = with_photos();
    let models = dir.path().join(".keras/models");
    let official = models.join("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5");
    fs::create_dir_all(&official).unwrap();
    for file in fs::read_dir(support::weights()).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), official.join(file.file_name())).unwrap();
    }
    let arguments = ["--data", "photos", "--weights", "imagenet", "--image-size", "32", "--epochs", "1"];
    let output = run("feature-extractor", dir.path(), &arguments);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("not byte for byte one that Keras publishes") && said.contains("CC BY 4.0"),
        "{said}"
    );
}

#[test]
fn rounded_features_stay_within_their_run() {
    let dir = with_photos();
    let cache = ["--feature-cache", "features"];
    let alone = bits(dir.path(), "feature-extractor", "alone", &["--feature-cache", "off"]);
    let rounded =
        bits(dir.path(), "fine-tune", "rounded", &[cache[0], cache[1], "--feature-precision", "bf16"]);
    let exact = bits(dir.path(), "fine-tune", "exact", &cache);
    assert!(rounded != exact, "16 bits are not 32");
    assert!(
        bits(dir.path(), "feature-extractor", "after", &cache) == alone,
        "the cache holds rounded features"
    );
}

#[test]
fn fine_tuning_all_layers_still_warms_up_on_kept_features() {
    let dir = with_photos();
    let output = train("fine-tune", dir.path(), &["--unfreeze-last", "18", "--feature-cache", "features"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_dir(dir.path().join("features")).unwrap().count(), 1, "the warm-up's features");
    let options = json(&dir.path().join("runs/fine-tune-1/options.json"));
    assert_eq!(options["recipe"]["unfreeze_last"], 18);
}

/// The bits of a run: what it learnt, and what it answered.
fn bits(folder: &Path, method: &str, name: &str, more: &[&str]) -> [Vec<u8>; 2] {
    let mut arguments = vec!["--out", name];
    arguments.extend(more);
    let output = train(method, folder, &arguments);
    assert!(output.status.success(), "{method} {more:?}: {}", stderr(&output));
    ["last.safetensors", "predictions.csv"].map(|file| fs::read(folder.join(name).join(file)).unwrap())
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let dir = with_photos();
    for method in ["fine-tune", "augment"] {
        let one = bits(dir.path(), method, &format!("{method}-1-thread"), &["--threads", "1"]);
        for (name, more) in [
            ("2-threads", &["--threads", "2"][..]),
            ("7-threads", &["--threads", "7"]),
            ("again-from-the-cache", &["--threads", "1"]),
            ("no-cache", &["--feature-cache", "off"]),
            ("own-cache", &["--feature-cache", "features"]),
        ] {
            let other = bits(dir.path(), method, &format!("{method}-{name}"), more);
            assert!(one == other, "{method}: {name} gives other bits");
        }
        let other_seed = bits(dir.path(), method, &format!("{method}-seed"), &["--seed", "1"]);
        assert!(one != other_seed, "{method}: the seed has no effect");
    }
}

#[test]
fn features_are_written_for_classes_and_for_a_flat_folder() {
    let dir = with_photos();
    let output = train("feature-extractor", dir.path(), &["--save-features", "features", "--pooling", "avg"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let features = graft_tensor::npy::read(dir.path().join("features/features.npy")).unwrap();
    assert_eq!(*features.shape(), [30, 512]);
    let paths = fs::read_to_string(dir.path().join("features/paths.csv")).unwrap();
    assert_eq!(paths.lines().count(), 31);
    assert!(paths.starts_with("path,class,split\nblue/000.png,blue,"), "{paths}");

    let weights = support::weights();
    let weights = weights.to_str().unwrap();
    fs::write(dir.path().join("photos/red/torn.png"), "no picture").unwrap();
    let flat =
        ["--data", "photos/red", "--weights", weights, "--image-size", "64", "--save-features", "flat"];
    let no_cache = [&flat[..], &["--feature-cache", "photos/red/torn.png"]].concat();
    let output = run("feature-extractor", dir.path(), &no_cache);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        !stderr(&output).contains("left out") && !dir.path().join("flat").exists(),
        "told before the work"
    );
    let output = run("feature-extractor", dir.path(), &flat);
    assert_eq!(output.status.code(), Some(7), "one of eleven failed: {}", stderr(&output));
    let features = graft_tensor::npy::read(dir.path().join("flat/features.npy")).unwrap();
    assert_eq!(*features.shape(), [10, 2, 2, 512]);
    let bad = fs::read_to_string(dir.path().join("flat/bad_images.csv")).unwrap();
    assert!(bad.starts_with("path,reason\ntorn.png,") && bad.lines().count() == 2, "{bad}");
    assert!(!dir.path().join("runs/feature-extractor-2").exists(), "nothing was trained");
}

#[test]
fn a_preview_shows_variants_and_trains_nothing() {
    let dir = with_photos();
    let output = run("augment", dir.path(), &["--data", "photos", "--preview", "3", "--image-size", "48"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let sheet = image::open(dir.path().join("augment-preview.png")).unwrap();
    assert!(sheet.width() > 4 * 48 && sheet.height() >= 3 * 48, "{} × {}", sheet.width(), sheet.height());
    assert!(!dir.path().join("runs").exists());
}

#[test]
fn a_folder_with_its_own_parts_is_measured_on_each() {
    let dir = tempfile::tempdir().unwrap();
    for (part, n) in [("train", 6), ("val", 2), ("test", 3)] {
        draw_classes(&dir.path().join("photos").join(part), n);
    }
    let output = train("feature-extractor", dir.path(), &["--class-names", "red,blue"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let run = dir.path().join("runs/feature-extractor-1");
    let metrics = json(&run.join("metrics.json"));
    assert_eq!(
        (&metrics["train_images"], &metrics["val_images"], &metrics["test_images"]),
        (&12.into(), &4.into(), &6.into())
    );
    assert!(metrics["test_accuracy"].is_number());
    let test = fs::read_to_string(run.join("test_predictions.csv")).unwrap();
    assert!(test.starts_with("path,true,predicted,red,blue\n"), "{test}");
    assert_eq!(test.lines().count(), 7);
}

#[test]
fn steps_are_bounded_and_made_smaller_and_the_best_k_are_counted_where_that_is_asked_for() {
    let dir = with_photos();
    let plain = bits(dir.path(), "feature-extractor", "plain", &[]);
    for clipping in ["--clipnorm", "--clipvalue", "--global-clipnorm"] {
        let clipped = bits(dir.path(), "feature-extractor", &clipping[2..], &[clipping, "1e-4"]);
        assert!(clipped != plain, "{clipping} has no effect");
    }
    // With a rate of next to nothing no epoch is better by Keras's least change.
    let more = ["--out", "plateau", "--epochs", "4", "--learning-rate", "1e-9", "--top-k", "2"];
    let more = [&more[..], &["--reduce-lr-on-plateau", "1", "--reduce-lr-factor", "0.5"]].concat();
    let output = train("feature-extractor", dir.path(), &more);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("learning rate reduced"), "{}", stderr(&output));
    let history = fs::read_to_string(dir.path().join("plateau/history.csv")).unwrap();
    let rows: Vec<Vec<_>> = history.lines().map(|l| l.split(',').collect()).collect();
    let column = |name: &str| {
        let at = rows[0].iter().position(|c| *c == name).unwrap_or_else(|| panic!("{name} in {history}"));
        rows[1..].iter().map(|r| r[at].parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let rates = column("learning_rate");
    assert!(rates[0] > 1.9 * rates[2] && rates[2] > 1.9 * rates[3], "{rates:?}");
    let metrics = json(&dir.path().join("plateau/metrics.json"));
    assert_eq!(metrics["top_k"], 2);
    let last = *column("val_top_k_categorical_accuracy").last().unwrap();
    assert!((metrics["val_top_k_accuracy"].as_f64().unwrap() - last).abs() < 1e-6);
    assert!(last >= metrics["val_accuracy"].as_f64().unwrap());
}

#[test]
fn the_algorithm_of_convolutions_can_be_chosen_for_training_and_predicting() {
    let dir = with_photos();
    let output = train("feature-extractor", dir.path(), &["--out", "run", "--conv-algorithm", "im2col-gemm"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let options = json(&dir.path().join("run/options.json"));
    assert_eq!(options["options"]["conv_algorithm"], "im2col-gemm");
    let predict = |algorithm: &str| {
        let arguments = ["run", "photos/red/000.png", "--json", "--conv-algorithm", algorithm];
        let output = run("predict", dir.path(), &arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        output.stdout
    };
    assert_ne!(predict("auto"), predict("reference"), "sums in f64 have other last bits");
}

/// Ctrl-C in the first epoch, when there is no best model yet: the message says what there is, and it can be used.
#[test]
#[cfg(unix)]
fn a_run_interrupted_in_its_first_epoch_says_what_it_leaves() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    draw_classes(&dir.path().join("photos"), 200);
    let weights = support::weights();
    let weights = weights.to_str().unwrap();
    let arguments = ["--data", "photos", "--weights", weights, "--image-size", "32", "--batch-size", "1"];
    let mut command = support::command("augment", dir.path(), &arguments);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|l| l.starts_with("Epoch 1/")).expect("a first epoch");
    // Long enough for a step, and far shorter than the 480 of the epoch.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let said = rest.last().unwrap();
    let folder = dir.path().join("runs/augment-1");
    if said.contains("after 0 of its 480 steps") {
        assert!(said.contains("no result was saved") && !folder.exists(), "{said}");
        return;
    }
    assert!(said.contains("in epoch 1 of 5, after ") && said.contains(" of its 480 steps"), "{said}");
    assert!(said.contains("last.safetensors") && said.contains("no best one"), "{said}");
    assert!(folder.join("last.safetensors").is_file() && !folder.join("best.safetensors").exists());
    let output = run("predict", dir.path(), &["runs/augment-1", "photos/red/000.png"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("last.safetensors is used"), "{}", stderr(&output));
}

/// Ctrl-C while it trains: the state is saved, and the exit code says what happened.
#[test]
#[cfg(unix)]
fn an_interrupted_run_saves_its_state() {
    use std::io::{BufRead, BufReader};
    let dir = with_photos();
    let weights = support::weights();
    let weights = weights.to_str().unwrap();
    let arguments = ["--data", "photos", "--weights", weights, "--image-size", "32", "--epochs", "1000000"];
    let mut command = support::command("feature-extractor", dir.path(), &arguments);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|l| l.starts_with("Epoch 2/")).expect("a second epoch");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let run = dir.path().join("runs/feature-extractor-1");
    assert!(run.join("last.safetensors").is_file(), "{rest:?}");
    let said = rest.last().unwrap();
    assert!(said.contains("of 1000000, after ") && said.contains("best.safetensors"), "{said}");
    assert!(fs::read_to_string(run.join("history.csv")).unwrap().lines().count() >= 2);
}
