//! The order of imports between the rooms holds, and the check of it can fail.

use std::{collections::BTreeSet, path::Path};

use cargo_metadata::MetadataCommand;
use xtask::imports::{BESIDE, Edge, KEPT_OUT, LAYERS, edges, violations};

fn rooms() -> BTreeSet<String> {
    let names = LAYERS.iter().flat_map(|layer| layer.iter().copied());
    names
        .chain(BESIDE.iter().map(|(name, _)| *name))
        .map(str::to_owned)
        .collect()
}

/// The complaints about one made-up edge between rooms that all have their place.
fn complaints(from: &str, to: &str) -> Vec<String> {
    violations(&rooms(), &BTreeSet::from([Edge::new(from, to)]))
}

#[test]
fn the_workspace_keeps_the_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let rooms = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let edges = edges(&metadata);
    let known = |from: &str, to: &str| edges.contains(&Edge::new(from, to));
    assert!(
        known("twinbench", "twinbench-model"),
        "the edges of the workspace were read"
    );
    assert_eq!(violations(&rooms, &edges), Vec::<String>::new());
}

#[test]
fn edges_that_point_down_pass() {
    for (from, to) in [
        ("twinbench-desktop", "twinbench"),
        ("twinbench", "twinbench-model"),
        ("twinbench-machine", "twinbench-emulator"),
        ("twinbench-serverless", "twinbench-engine"),
        ("twinbench-ui", "twinbench-plot"),
        ("twinbench-hub", "tokio"),
        ("twinbench-hub", "twinbench-hub"),
    ] {
        assert_eq!(complaints(from, to), Vec::<String>::new(), "{from} -> {to}");
    }
}

#[test]
fn edges_that_point_up_or_sideways_are_named() {
    for (from, to) in [
        ("twinbench-model", "twinbench-plot"),
        ("twinbench-emulator", "twinbench-machine"),
        ("twinbench-hub", "twinbench-engine"),
        ("twinbench-engine", "twinbench-machine"),
        ("twinbench", "twinbench-desktop"),
        ("twinbench-ui", "twinbench-hub"),
        ("twinbench-desktop", "twinbench-ui"),
        ("xtask", "twinbench"),
        ("twinbench", "xtask"),
    ] {
        let wrong = complaints(from, to);
        assert!(
            wrong.len() == 1 && wrong[0].contains(from) && wrong[0].contains(to),
            "{from} -> {to}: {wrong:?}"
        );
    }
}

#[test]
fn libraries_that_a_room_must_not_be_near_are_named() {
    for (room, library, why) in KEPT_OUT {
        let wrong = complaints(room, library);
        assert!(
            wrong.len() == 1 && wrong[0].contains(why),
            "{room} -> {library}: {wrong:?}"
        );
    }
}

#[test]
fn a_room_without_a_place_is_named() {
    let mut rooms = rooms();
    rooms.insert("twinbench-attic".to_owned());
    let wrong = violations(&rooms, &BTreeSet::new());
    assert!(
        wrong.len() == 1 && wrong[0].starts_with("twinbench-attic"),
        "{wrong:?}"
    );
}

#[test]
fn the_firmware_is_a_workspace_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("firmware/Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let rooms = rooms();
    for package in metadata.workspace_packages() {
        assert!(!rooms.contains(package.name.as_str()));
        for dependency in &package.dependencies {
            assert!(
                !rooms.contains(&dependency.name),
                "{} imports {}",
                package.name,
                dependency.name
            );
        }
    }
}
