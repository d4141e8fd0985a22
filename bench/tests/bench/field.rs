//! `fixtures/benches/field.toml`: what devices do in the field, seen from the hub and the application.

use std::collections::BTreeMap;

use serde_json::Value;
use twinbench_model::VirtualTime;
use twinbench_recording::{Content, Reader};

use crate::common::{fixture, open};

/// Kinds of events with their contents, by source.
fn recorded(threads: usize) -> (String, Vec<(String, String, Value)>) {
    let folder = tempfile::tempdir().unwrap();
    let mut session = open(&fixture("field.toml"), folder.path(), threads, false);
    session
        .run_until(VirtualTime::from_secs(2 * 3_600))
        .unwrap();
    let (_, kept) = session.finish().unwrap();
    let entries = Reader::open(&kept.recording).unwrap().entries();
    let all = entries.map(Result::unwrap).filter_map(|entry| {
        let Content::Json(text) = &entry.content else {
            return None;
        };
        let content = serde_json::from_str(text).unwrap();
        Some((entry.kind.to_string(), entry.source.to_string(), content))
    });
    (kept.digest, all.collect())
}

#[test]
fn a_fleet_in_the_field() {
    let (digest, all) = recorded(1);
    let of = |kind: &str, begin: &str| -> Vec<&Value> {
        let its = all
            .iter()
            .filter(|it| it.0 == kind && it.1.starts_with(begin));
        its.map(|it| &it.2).collect()
    };
    // Updates: each meter says its version with every message.
    let mut versions: BTreeMap<&str, u32> = BTreeMap::new();
    for message in of("d2c", "meter-") {
        let version = message["properties"]["firmware-version"].as_str().unwrap();
        *versions.entry(version).or_default() += 1;
    }
    assert!(
        versions["1.0"] > 100 && versions["1.1"] > 100,
        "{versions:?}"
    );
    // The pumps report it in their twins, and their connections come and go.
    let updated = of("twin", "pump-").into_iter().filter(|facts| {
        facts["reported"]["firmware"]
            == serde_json::json!({"version": "2.4", "update": "succeeded"})
    });
    assert_eq!(updated.count(), 3);
    let opened = of("network", "pump-").len();
    assert!((18..60).contains(&opened), "{opened}");
    // What is not as it must be is refused by the hub, or put aside by the application.
    assert!(!of("refused", "").is_empty());
    assert!(of("dead-letter", "").len() > 10);
    // The station says what the greenhouse said.
    let station = of("d2c", "station");
    assert_eq!(station.len(), 720);

    let (again, _) = recorded(4);
    assert_eq!(digest, again, "the number of threads leaves a trace");
}
