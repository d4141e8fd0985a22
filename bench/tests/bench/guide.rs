//! The guide cannot rot: every `sh` block of it is run, page by page, in a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The `sh` blocks of a page, in order.
fn blocks(page: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut block: Option<Vec<&str>> = None;
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(Vec::new()),
            (Some(lines), "```") => {
                all.push(lines.join("\n"));
                block = None;
            }
            (Some(lines), line) => lines.push(line),
            (None, _) => {}
        }
    }
    all
}

/// Runs the blocks of a page where a reader would: beside the fixtures.
fn read(name: &str) {
    let page = fs::read_to_string(root().join("docs/guide/src").join(name)).unwrap();
    let blocks = blocks(&page);
    assert!(!blocks.is_empty(), "{name} has nothing to run");
    let folder = tempfile::tempdir().unwrap();
    let fixtures = fs::canonicalize(root().join("fixtures")).unwrap();
    copy(&fixtures, &folder.path().join("fixtures"));
    let program = Path::new(env!("CARGO_BIN_EXE_twinbench")).parent().unwrap();
    let mut path = program.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    for block in blocks {
        let done = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &block])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{name}:\n{block}\nended with {}\n{}{}",
            done.status,
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_command_of_it_runs() {
    let source = root().join("docs/guide/src");
    let summary = fs::read_to_string(source.join("SUMMARY.md")).unwrap();
    let mut pages: Vec<String> = fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "SUMMARY.md")
        .collect();
    pages.sort();
    for page in &pages {
        assert!(
            summary.contains(&format!("({page})")),
            "{page} is in no summary"
        );
    }
    assert_eq!(summary.matches(".md)").count(), pages.len());
    for page in &pages {
        // The form of the files has nothing to run.
        if !page.ends_with("-file.md") {
            read(page);
        }
    }
}

#[test]
fn the_form_of_the_files_is_that_of_the_types() {
    for kind in ["bench", "scenario", "twin"] {
        let page = format!("docs/guide/src/{kind}-file.md");
        let said = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .args(["schema", kind, "--markdown"])
            .output()
            .unwrap();
        assert!(
            fs::read(root().join(&page)).unwrap() == said.stdout,
            "the types have changed: cargo run -p twinbench -- schema {kind} --markdown > {page}"
        );
    }
}
