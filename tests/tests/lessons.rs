//! The lessons show lines of the code: these lines, and no older ones.

use std::fs;
use std::path::{Path, PathBuf};

use graft_tests::workspace_root;

/// A block of Rust in a lesson, and the file that the last link before it leads to.
struct Quotation {
    file: PathBuf,
    lines: String,
}

/// What a lesson quotes, in order.
fn quotations(lesson: &str, folder: &Path) -> Vec<Quotation> {
    let mut found = Vec::new();
    let mut rest = lesson;
    while let Some((before, after)) = rest.split_once("```rust\n") {
        let (lines, after) = after.split_once("```").expect("a block that ends");
        let (_, link) = before.rsplit_once("](").expect("a link before each block");
        let (target, _) = link.split_once(')').expect("a link that ends");
        found.push(Quotation { file: folder.join(target), lines: lines.to_owned() });
        rest = after;
    }
    found
}

#[test]
fn what_lessons_quote_is_what_the_files_say() {
    let docs = workspace_root().join("docs");
    let mut quoted = 0;
    for entry in fs::read_dir(&docs).unwrap() {
        let path = entry.unwrap().path();
        let lesson = fs::read_to_string(&path).unwrap();
        for Quotation { file, lines } in quotations(&lesson, &docs) {
            let source = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert!(source.contains(&lines), "{}: {} does not say\n{lines}", path.display(), file.display());
            quoted += 1;
        }
    }
    assert!(quoted >= 5, "{quoted} quotations in five lessons");
}

#[test]
fn every_link_of_a_lesson_leads_somewhere() {
    let docs = workspace_root().join("docs");
    for entry in fs::read_dir(&docs).unwrap() {
        let path = entry.unwrap().path();
        for link in fs::read_to_string(&path).unwrap().split("](").skip(1) {
            let (target, _) = link.split_once(')').expect("a link that ends");
            assert!(docs.join(target).exists(), "{}: there is no {target}", path.display());
        }
    }
}

#[test]
fn a_block_belongs_to_the_last_link_before_it() {
    let lesson = "see [a](x.rs) and [b](../y.rs):\n```rust\n    one();\n    two();\n```\nmore";
    let [Quotation { file, lines }] = &quotations(lesson, Path::new("docs"))[..] else { panic!("one block") };
    assert_eq!((file.as_path(), lines.as_str()), (Path::new("docs/../y.rs"), "    one();\n    two();\n"));
}
