//! The workspace's own rules: which crate may depend on which, where `unsafe` may be, and that no file is tied to the
//! machine where it was written or left half done.

use std::fs;
use std::path::{Path, PathBuf};

use graft_tests::workspace_root;

/// The crates, from the bottom to the top: folder, and the crates of ours that it may depend on.
const CRATES: [(&str, &[&str]); 8] = [
    ("kernels", &[]),
    ("crates/tensor", &["kernels"]),
    ("crates/autograd", &["kernels", "tensor"]),
    ("crates/nn", &["kernels", "tensor", "autograd"]),
    ("crates/vgg", &["kernels", "tensor", "autograd", "nn"]),
    ("crates/data", &["kernels", "tensor"]),
    ("weights-tools", &["kernels", "tensor"]),
    ("crates/transfer", &["kernels", "tensor", "autograd", "nn", "vgg", "data", "weights"]),
];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Our crates that a `Cargo.toml` names as dependencies, of any kind; without the prefix `graft-`.
fn dependencies(manifest: &str) -> Vec<&str> {
    let name = |line: &'_ str| line.find(['.', ' ', '=']).unwrap_or(line.len());
    manifest.lines().filter_map(|l| l.strip_prefix("graft-")).map(|l| &l[..name(l)]).collect()
}

#[test]
fn dependencies_point_one_way() {
    for (folder, allowed) in CRATES {
        let manifest = read(&workspace_root().join(folder).join("Cargo.toml"));
        for found in dependencies(&manifest) {
            assert!(allowed.contains(&found), "{folder} depends on {found}; allowed are {allowed:?}");
        }
    }
}

#[test]
fn the_rule_sees_dependencies_of_every_kind() {
    let manifest = "name = \"graft-vgg\"\n[dependencies]\ngraft-nn.workspace = true\n\
                    [dev-dependencies]\ngraft-data = { path = \"../data\" }\n";
    assert_eq!(dependencies(manifest), ["nn", "data"]);
}

#[test]
fn every_crate_but_the_kernels_forbids_unsafe_code() {
    let others = CRATES.iter().map(|(folder, _)| *folder).filter(|f| *f != "kernels");
    for folder in others.chain(["tests", "benches"]) {
        let source = workspace_root().join(folder).join("src");
        let mut roots = vec![source.join("lib.rs"), source.join("main.rs")];
        roots.extend(files(&source.join("bin")));
        for root in roots.iter().filter(|r| r.exists()) {
            let forbids = read(root).lines().any(|l| l == "#![forbid(unsafe_code)]");
            assert!(forbids, "{} lacks #![forbid(unsafe_code)]", root.display());
        }
    }
}

#[test]
fn no_file_names_a_place_of_one_machine_or_is_left_half_done() {
    // In pieces, or this file would name them.
    let places = ["work", "home", "root", "Users"].map(|place| format!("/{place}/"));
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|word| word.concat());
    let root = workspace_root();
    let mut folders: Vec<PathBuf> =
        ["crates", "kernels", "weights-tools", "tests", "benches", "docs", "models"]
            .map(|f| root.join(f))
            .into();
    let mut seen = 0;
    let mut check = |file: &Path| {
        // Pictures and weights are no text.
        let Ok(text) = fs::read_to_string(file) else { return };
        seen += 1;
        for (number, line) in text.lines().enumerate() {
            let here = || format!("{}:{}: {line}", file.display(), number + 1);
            let place = |p: &String| line.match_indices(p).any(|(at, _)| starts_a_path(&line[..at]));
            assert!(!places.iter().any(place), "a path of one machine: {}", here());
            let mut named = line.split(|c: char| !c.is_alphanumeric());
            assert!(!named.any(|w| words.iter().any(|word| w == word)), "left half done: {}", here());
        }
    };
    files(&root).iter().for_each(|file| check(file));
    while let Some(folder) = folders.pop() {
        files(&folder).iter().for_each(|file| check(file));
        let inner = entries(&folder).into_iter().filter(|p| p.is_dir());
        folders.extend(inner.filter(|p| !p.ends_with("target")));
    }
    assert!(seen > 100, "only {seen} files were looked at");
}

/// Whether a slash after this begins a path, and does not continue one such as `src/home/`.
fn starts_a_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || "._-*})".contains(c))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|p| p.is_file()).collect()
}

/// What lies in a folder, nothing if there is no such folder; without hidden entries, which belong to tools.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|e| e.expect("a readable folder").path()).collect();
    paths.retain(|p| !p.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')));
    paths.sort();
    paths
}
