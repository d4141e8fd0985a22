//! Everything in the lock file is under a licence that deny.toml allows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use cargo_metadata::MetadataCommand;
use xtask::licences::Rules;

fn rules() -> Rules {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml");
    Rules::parse(&fs::read_to_string(path).unwrap()).unwrap()
}

fn check(manifest: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(manifest);
    let metadata = MetadataCommand::new().manifest_path(path).exec().unwrap();
    assert!(metadata.packages.len() > 20, "the whole graph was read");
    assert_eq!(rules().violations(&metadata), Vec::<String>::new());
}

#[test]
fn the_workspace_links_in_nothing_that_is_not_allowed() {
    check("Cargo.toml");
}

#[test]
fn the_firmware_links_in_nothing_that_is_not_allowed() {
    check("firmware/Cargo.toml");
}

#[test]
fn expressions_are_understood() {
    let rules = rules();
    for fine in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "GPL-2.0-only OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert_eq!(rules.violation("some", Some(fine)), None, "{fine}");
    }
    for bad in [
        "GPL-3.0-or-later",
        "MIT AND GPL-2.0-only",
        "AGPL-3.0-only",
        "no such thing",
    ] {
        assert!(
            rules.violation("some", Some(bad)).unwrap().contains(bad),
            "{bad}"
        );
    }
    assert!(rules.violation("some", None).is_some());
}
