//! The committed image says what it was built from, and that is the source beside it.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

#[path = "../../../fixtures/firmware/source_digest.rs"]
mod source_digest;

use source_digest::{hex, source_digest};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A text value of the manifest, which is flat.
fn manifest(key: &str) -> Option<String> {
    let text = fs::read_to_string(repository().join("fixtures/firmware/devkit.toml")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{key} = \"")))?;
    Some(line.strip_suffix('"')?.to_owned())
}

#[test]
fn the_image_is_not_older_than_its_source() {
    let source = repository().join(manifest("source").unwrap());
    assert_eq!(
        manifest("source_digest").unwrap(),
        source_digest(&source).unwrap(),
        "the firmware's sources changed since its image was built: run `cargo xtask firmware`"
    );
}

#[test]
fn the_image_is_the_one_of_the_manifest() {
    let image = fs::read(repository().join("fixtures/firmware/devkit.elf")).unwrap();
    let digest = hex(&Sha256::digest(&image));
    assert_eq!(
        manifest("elf_sha256").unwrap(),
        digest,
        "run `cargo xtask firmware`"
    );
}

#[test]
fn the_image_names_no_folder_of_its_builder() {
    let image = fs::read(repository().join("fixtures/firmware/devkit.elf")).unwrap();
    for folder in [
        "/root/",
        "/home/",
        "/Users/",
        "\\Users\\",
        ".cargo/registry",
    ] {
        let found = image
            .windows(folder.len())
            .any(|bytes| bytes == folder.as_bytes());
        assert!(
            !found,
            "the image contains {folder}: build it by `cargo xtask firmware`"
        );
    }
}

#[test]
fn the_digest_sees_content_names_and_nothing_else() {
    let root = std::env::temp_dir().join(format!("twinbench-digest-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let digest = || source_digest(&root).unwrap();
    write("a/src/main.rs", "fn main() {\n}\n");
    write("Cargo.lock", "1\n");
    let first = digest();

    write("a/src/main.rs", "fn main() {\r\n}\r\n");
    write("a/README.md", "text");
    write("a/tests/x.rs", "test");
    write("target/x.rs", "made");
    write(".cargo/config.toml", "alias");
    write("rustfmt.toml", "style");
    assert_eq!(
        digest(),
        first,
        "line ends and what is no source do not matter"
    );

    write("a/src/main.rs", "fn main() { }\n");
    let second = digest();
    assert_ne!(second, first, "content matters");
    fs::rename(root.join("a"), root.join("b")).unwrap();
    assert_ne!(digest(), second, "names matter");
    fs::remove_dir_all(&root).unwrap();
}
