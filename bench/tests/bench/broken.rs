//! Every error that a bench file can give: a file that provokes it, and its message with file, line,
//! column, caret and help, kept in `snapshots/`.

use std::{env, fs, path::Path};

use twinbench::file::BenchFile;

#[test]
fn every_broken_file_has_its_message() {
    // Messages name paths as they were given: the files are read as somebody in their folder would.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/benches/_broken");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 80);
    for name in names {
        let Err(error) = BenchFile::load(&folder.join(&name)) else {
            panic!("{name} is taken");
        };
        let text = error.plain();
        assert!(error.position.is_some(), "{name} has no place:\n{text}");
        assert!(text.contains('^'), "{name} has no caret:\n{text}");
        let text = text.replace(&format!("{}/", folder.display()), "");
        insta::assert_snapshot!(name.trim_end_matches(".toml"), text);
    }
}
