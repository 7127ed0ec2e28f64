//! Whatever is wrong, one sentence names it, the exit code tells its kind, nothing panics and nothing half-written stays.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use support::{SIZE, draw_classes, run, stderr, weights, with_photos};

/// Everything below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        }
        all.push(entry.path());
    }
    all.sort();
    all
}

/// Runs `feature-extractor` on what the test has put into `folder`.
fn extract(folder: &Path, arguments: &[&str]) -> Output {
    run("feature-extractor", folder, arguments)
}

/// Checks the exit code, that the message names all of `names`, and that no file was written.
fn refused(folder: &Path, arguments: &[&str], code: i32, names: &[&str]) {
    let before = files(folder);
    let output = extract(folder, arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    let error = said.split_once("error: ").unwrap_or_else(|| panic!("{arguments:?}: no error in {said}")).1;
    for name in names {
        assert!(error.contains(name), "{arguments:?}: no '{name}' in {error}");
    }
    assert_eq!(files(folder), before, "{arguments:?} left something");
}

#[test]
fn folders_that_are_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let w = weights();
    let w = w.to_str().unwrap();
    fs::create_dir_all(dir.path().join("empty")).unwrap();
    fs::create_dir_all(dir.path().join("hollow/a")).unwrap();
    fs::create_dir_all(dir.path().join("hollow/b")).unwrap();
    fs::write(dir.path().join("file"), "text").unwrap();
    draw_classes(&dir.path().join("one/only"), 1);
    fs::rename(dir.path().join("one/only/red"), dir.path().join("one/red")).unwrap();
    fs::remove_dir_all(dir.path().join("one/only")).unwrap();
    for (data, names) in [
        ("nowhere", &["nowhere"][..]),
        ("empty", &["empty"]),
        ("hollow", &["hollow"]),
        ("file", &["file", "a file"]),
        ("one", &["one", "class"]),
    ] {
        refused(dir.path(), &["--data", data, "--weights", w, "--image-size", SIZE], 3, names);
    }
}

#[test]
fn weights_that_are_none() {
    let dir = with_photos();
    fs::write(dir.path().join("photo.h5"), "no weights").unwrap();
    fs::write(dir.path().join("cut.h5"), [&b"\x89HDF\r\n\x1a\n"[..], &[0; 100]].concat()).unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    for w in ["nowhere.h5", "photo.h5", "cut.h5", "folder"] {
        refused(dir.path(), &["--data", "photos", "--weights", w, "--image-size", SIZE], 4, &[w]);
    }
}

#[test]
fn real_weights_cut_off() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/weights/vgg16_notop.h5");
    if !real.is_file() {
        println!("skipped: {} is not there", real.display());
        return;
    }
    let dir = with_photos();
    let bytes = fs::read(real).unwrap();
    fs::write(dir.path().join("cut.h5"), &bytes[..bytes.len() / 2]).unwrap();
    refused(
        dir.path(),
        &["--data", "photos", "--weights", "cut.h5", "--image-size", SIZE],
        4,
        &["cut.h5", "bytes"],
    );
}

#[test]
fn weights_with_a_number_that_is_none() {
    let dir = with_photos();
    let broken = dir.path().join("broken");
    fs::create_dir(&broken).unwrap();
    for file in files(&weights()).iter().filter(|f| f.is_file()) {
        let mut bytes = fs::read(file).unwrap();
        if file.ends_with("block3_conv1.kernel.npy") {
            let last = bytes.len() - 4;
            bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        fs::write(broken.join(file.strip_prefix(weights()).unwrap()), bytes).unwrap();
    }
    let names = ["broken", "block3_conv1/kernel has 1 numbers that are NaN"];
    refused(dir.path(), &["--data", "photos", "--weights", "broken", "--image-size", SIZE], 4, &names);
}

/// All photos are one batch: the loss of training is that of the first weights, and only the photos of validation see what
/// the step has made of them.
#[test]
fn training_that_diverges_with_its_last_step() {
    let dir = with_photos();
    let w = weights();
    let steep = ["--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "1", "--batch-size", "64"];
    let data = ["--data", "photos", "--weights", w.to_str().unwrap(), "--image-size", SIZE, "--out", "run"];
    let output = extract(dir.path(), &[&data[..], &steep].concat());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("the loss on the validation photos is NaN after the last epoch"), "{said}");
    assert!(said.contains("last.safetensors"), "{said}");
}

#[test]
fn options_that_make_no_sense() {
    let dir = with_photos();
    let w = weights();
    let w = w.to_str().unwrap();
    fs::write(dir.path().join("taken"), "a file").unwrap();
    for (more, names) in [
        (&["--image-size", "16"][..], &["image-size", "32", "16"][..]),
        (&["--image-size", "20000"], &["image-size", "4096", "20000"]),
        (&["--epochs", "0"], &["epochs", "at least 1"]),
        (&["--epochs", "-1"], &["--epochs", "'-1'", "whole number"]),
        (&["--seed", "-1"], &["--seed", "'-1'", "whole number"]),
        (&["--validation-split", "-0.1"], &["validation-split", "from 0", "-0.1"]),
        (&["--batch-size", "0"], &["batch-size"]),
        (&["--learning-rate", "-1"], &["learning-rate"]),
        (&["--learning-rate", "nan"], &["learning-rate"]),
        (&["--validation-split", "1"], &["validation-split"]),
        (&["--label-smoothing", "2"], &["label-smoothing"]),
        (&["--batch-size", "18446744073709551615"], &["batch-size"]),
        (&["--feature-cache-limit", "nan"], &["feature-cache-limit"]),
        (&["--feature-cache", ""], &["--feature-cache"]),
        (&["--optimizer", "magic"], &["optimizer", "magic", "rmsprop"]),
        (&["--clipnorm", "0"], &["--clipnorm", "above 0"]),
        (&["--global-clipnorm", "-1"], &["--global-clipnorm", "above 0"]),
        (&["--clipnorm", "1", "--clipvalue", "1"], &["--clipnorm", "--clipvalue"]),
        (&["--reduce-lr-on-plateau", "1", "--reduce-lr-factor", "1"], &["reduce-lr-factor", "1"]),
        (&["--reduce-lr-on-plateau", "1", "--min-lr", "nan"], &["min-lr", "NaN"]),
        (&["--min-lr", "0.1"], &["reduce-lr-on-plateau"]),
        (&["--top-k", "0"], &["top-k", "at least 1"]),
        (&["--conv-algorithm", "magic"], &["conv-algorithm", "magic", "im2col-gemm"]),
        (&["--head", "flaten, dense(classes, softmax)"], &["head", "flaten"]),
        (&["--head", "flatten, dense(7, softmax)"], &["head", "7"]),
        (&["--head", "dense(classes, softmax)"], &["head", "flatten"]),
        (&["--threads", "0"], &["threads"]),
        (&["--threads", "1000000"], &["threads", "1024"]),
        (&["--out", "taken"], &["taken"]),
        (&["--out", "taken/below"], &["taken"]),
        (&["--feature-cache", "taken"], &["taken", "a file stands there", "--feature-cache"]),
        (&["--feature-cache", "taken/below"], &["taken/below", "may write to"]),
        (&["--save-features", "taken"], &["taken"]),
        (&["--save-features", "taken/below"], &["taken/below", "may write to"]),
    ] {
        let mut arguments = vec!["--data", "photos", "--weights", w];
        if !more.contains(&"--image-size") {
            arguments.extend(["--image-size", SIZE]);
        }
        arguments.extend(more);
        refused(dir.path(), &arguments, 2, names);
    }
}

/// A limit on the size of files is a full disk, not the end of the process.
#[test]
#[cfg(unix)]
fn a_file_larger_than_it_may_be_is_told_and_leaves_nothing() {
    let dir = with_photos();
    let w = weights();
    let arguments =
        ["--data", "photos", "--weights", w.to_str().unwrap(), "--image-size", SIZE, "--epochs", "1"];
    let train = support::command("feature-extractor", dir.path(), &arguments);
    // The model has 15 MB of head and weighs 70 MB.
    let limited = |limit: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -f {limit} && exec \"$0\" \"$@\"")]).arg(train.get_program());
        shell.args(train.get_args()).current_dir(dir.path());
        shell.envs(train.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.output().unwrap()
    };
    let output = limited("1000");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("last.safetensors: cannot be written (")
            || said.contains("best.safetensors: cannot be written ("),
        "{said}"
    );
    assert!(said.contains("ulimit -f"), "{said}");
    assert!(!dir.path().join("runs").exists(), "{:?}", files(dir.path()));
}

/// Started among the photos, a run would be a class of its own data set.
#[test]
fn results_within_the_photos_are_refused() {
    let dir = with_photos();
    let photos = dir.path().join("photos");
    let w = weights();
    let train = |folder: &Path, data: &str, more: &[&str]| {
        let arguments =
            ["--data", data, "--weights", w.to_str().unwrap(), "--image-size", SIZE, "--epochs", "1"];
        extract(folder, &[&arguments[..], more].concat())
    };
    for (folder, data, more, place) in [
        (photos.as_path(), ".", &[][..], "runs"),
        (dir.path(), "photos", &["--out", "photos/red/../run"], "photos/red/../run"),
        (dir.path(), "photos", &["--feature-cache", "photos/cache"], "photos/cache"),
        (dir.path(), "photos", &["--save-features", "photos/features"], "photos/features"),
    ] {
        let output = train(folder, data, more);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {said}");
        assert!(said.contains(&format!("error: {place}: lies within")), "{more:?}: {said}");
        assert_eq!(fs::read_dir(&photos).unwrap().count(), 3, "{more:?} left something");
    }
    draw_classes(&dir.path().join("parts/train"), 2);
    draw_classes(&dir.path().join("parts/val"), 1);
    let output = train(&dir.path().join("parts"), ".", &[]);
    assert!(output.status.success(), "beside train/ it does no harm: {}", stderr(&output));
}

#[test]
fn ranges_that_no_photo_can_be_varied_by() {
    let dir = with_photos();
    for (option, value) in [("--rotation-range", "nan"), ("--zoom-range", "2,1"), ("--cval", "inf")] {
        let output = run("augment", dir.path(), &["--data", "photos", "--preview", "1", option, value]);
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(stderr(&output).contains(&format!("{option}: found ")), "{}", stderr(&output));
    }
}

#[test]
fn kernels_that_this_machine_lacks() {
    let dir = with_photos();
    for isa in ["sse9", if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" }] {
        let mut command = support::command("predict", dir.path(), &["model", "photos"]);
        let output = command.env("GRAFT_ISA", isa).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{isa}");
        assert!(stderr(&output).contains(isa), "{}", stderr(&output));
    }
}

#[test]
fn bad_pictures_are_named_and_left_out_or_end_the_run() {
    let dir = with_photos();
    fs::write(dir.path().join("photos/red/text.jpg"), "this is no picture").unwrap();
    let whole = fs::read(dir.path().join("photos/red/000.png")).unwrap();
    fs::write(dir.path().join("photos/red/torn.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(dir.path().join("photos/red/notes.txt"), "stray").unwrap();
    let output = support::train("feature-extractor", dir.path(), &["--out", "run"]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("text.jpg") && said.contains("torn.png") && !said.contains("notes.txt"), "{said}");
    assert!(dir.path().join("photos/red/text.jpg").exists(), "a user's file is never deleted");
    assert_eq!(fs::read_to_string(dir.path().join("run/split.csv")).unwrap().lines().count(), 31);
    let bad = fs::read_to_string(dir.path().join("run/bad_images.csv")).unwrap();
    let bad: Vec<_> = bad.lines().collect();
    assert_eq!((bad.len(), bad[0]), (3, "path,reason"), "{bad:?}");
    for (line, path) in bad[1..].iter().zip(["red/text.jpg,", "red/torn.png,"]) {
        assert!(line.starts_with(path) && line.len() > path.len() + 10, "{line}");
    }

    let w = weights();
    let w = w.to_str().unwrap();
    let strict = [
        "--data",
        "photos",
        "--weights",
        w,
        "--image-size",
        SIZE,
        "--on-bad-image",
        "fail",
        "--out",
        "strict",
    ];
    refused(dir.path(), &strict, 3, &["text.jpg", "torn.png"]);
}

#[test]
fn predict_says_what_is_wrong() {
    let dir = with_photos();
    assert!(support::train("feature-extractor", dir.path(), &["--out", "run"]).status.success());
    fs::create_dir(dir.path().join("none")).unwrap();
    fs::write(dir.path().join("names"), "one\ntwo\n").unwrap();
    let model = fs::read(dir.path().join("run/best.safetensors")).unwrap();
    fs::write(dir.path().join("cut.safetensors"), &model[..model.len() - 5]).unwrap();
    fs::write(dir.path().join("keras.h5"), b"\x89HDF\r\n\x1a\n").unwrap();
    let mut huge = model[..4096].to_vec();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(dir.path().join("huge.safetensors"), huge).unwrap();
    for (arguments, code, names) in [
        (&["nowhere", "photos"][..], 4, &["nowhere"][..]),
        (&["none", "photos"], 4, &["best.safetensors"]),
        (&["cut.safetensors", "photos"], 4, &["cut.safetensors"]),
        (&["huge.safetensors", "photos"], 4, &["huge.safetensors"]),
        (&["photos/red/000.png", "photos"], 2, &["000.png", "is a picture"]),
        (&["keras.h5", "photos"], 4, &["keras.h5", "--weights"]),
        (&["run"], 2, &["picture"]),
        (&["run", "none"], 3, &["none"]),
        (&["run", "nowhere.jpg"], 7, &["1 of 1"]),
        (&["run", "photos", "--top", "0"], 2, &["top"]),
        (&["run", "photos", "--csv", "nowhere/x.csv"], 2, &["nowhere"]),
        (&["run", "photos", "--csv", "none"], 2, &["none", "is a folder"]),
    ] {
        let output = run("predict", dir.path(), arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        for name in names {
            assert!(
                said.contains(name) && !said.contains("panicked"),
                "{arguments:?}: no '{name}' in {said}"
            );
        }
        let mut lines: Vec<_> =
            said.lines().map(|line| line.split_once(": ").map_or(line, |(_, what)| what)).collect();
        let told = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), told, "{arguments:?} is told twice: {said}");
    }
}
