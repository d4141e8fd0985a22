//! The order of imports between the rooms, which is the architecture (ARCHITECTURE.md).

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata};

/// The rooms of the journey in layers, the lowest first. A room imports from lower layers only,
/// so rooms of one layer do not know each other.
pub const LAYERS: [&[&str]; 7] = [
    &["twinbench-model"],
    &["twinbench-plot"],
    &[
        "twinbench-recording",
        "twinbench-emulator",
        "renode-rs-bindings",
    ],
    &["twinbench-machine", "twinbench-hub", "twinbench-engine"],
    &[
        "twinbench-scenario",
        "twinbench-serverless",
        "twinbench-durabletask",
    ],
    &["twinbench"],
    &["twinbench-desktop"],
];

/// Rooms beside the journey, and all that they may import.
pub const BESIDE: [(&str, &[&str]); 2] = [
    ("twinbench-ui", &["twinbench-plot", "twinbench-model"]),
    // It builds and starts programs and shares no code with them.
    ("xtask", &[]),
];

/// Libraries that a room must not even be near, and why.
pub const KEPT_OUT: [(&str, &str, &str); 5] = [
    ("twinbench-model", "tokio", "the vocabulary does no IO"),
    ("twinbench-plot", "tokio", "a chart does no IO"),
    (
        "twinbench-emulator",
        "tokio",
        "the board is stepped, it runs no tasks",
    ),
    (
        "twinbench-emulator",
        "rand",
        "the board has no randomness of its own",
    ),
    ("twinbench-ui", "tokio", "the page runs in a browser"),
];

/// One room (or library) that is imported by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who imports.
    pub from: String,
    /// What is imported.
    pub to: String,
}

impl Edge {
    /// An edge between two packages.
    pub fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }
}

/// Every import of a package of the workspace. Of what only its tests import, rooms count, so that
/// the order holds for tests too, and libraries do not: what a test drives is not in the room.
pub fn edges(metadata: &Metadata) -> BTreeSet<Edge> {
    let packages = metadata.workspace_packages();
    let rooms: BTreeSet<&str> = packages.iter().map(|it| it.name.as_str()).collect();
    packages
        .iter()
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .filter(|it| {
                    it.kind != DependencyKind::Development || rooms.contains(it.name.as_str())
                })
                .map(|dependency| Edge::new(&package.name, &dependency.name))
        })
        .collect()
}

/// What is wrong with the imports between these rooms; empty when the order holds.
///
/// `rooms` are all packages of the workspace: one that has no place in the order is a mistake too.
pub fn violations(rooms: &BTreeSet<String>, edges: &BTreeSet<Edge>) -> Vec<String> {
    let layer_of: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, names)| names.iter().map(move |name| (*name, layer)))
        .collect();
    let beside: BTreeMap<&str, &[&str]> = BESIDE.into_iter().collect();

    let mut wrong = Vec::new();
    for room in rooms {
        if !layer_of.contains_key(room.as_str()) && !beside.contains_key(room.as_str()) {
            wrong.push(format!(
                "{room} has no place in the order of imports (xtask/src/imports.rs)"
            ));
        }
    }
    for Edge { from, to } in edges {
        if let Some((.., why)) = KEPT_OUT
            .iter()
            .find(|(room, library, _)| room == from && library == to)
        {
            wrong.push(format!("{from} must not import {to}: {why}"));
        }
        // A room imports itself to run its own documentation examples.
        if !rooms.contains(to) || from == to {
            continue;
        }
        let allowed = match (
            beside.get(from.as_str()),
            layer_of.get(from.as_str()),
            layer_of.get(to.as_str()),
        ) {
            (Some(allowed), ..) => allowed.contains(&to.as_str()),
            (None, Some(from), Some(to)) => to < from,
            _ => false,
        };
        if !allowed {
            wrong.push(format!(
                "{from} must not import {to}: imports point downwards only"
            ));
        }
    }
    wrong
}
