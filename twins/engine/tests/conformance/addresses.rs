//! Names and keys.

use serde_json::json;
use twinbench_engine::{
    EntityQuery, OrchestrationContext, SignalError, StartError,
    work::{Work, WorkKind},
};
use twinbench_model::EntityId;

use crate::common::{Way, each, functions, ledger};

/// Name lower-cased at construction; key kept verbatim, case-sensitive.
#[test]
fn check_01_name_and_key_case() {
    let functions = functions().orchestration(
        "Call",
        |cx: OrchestrationContext, name: String| async move {
            let target = EntityId::new(&name, "Key").unwrap();
            cx.call_entity::<Vec<i64>>(&target, "get", json!(null))
                .await
        },
    );
    each(&functions, |bed| {
        for (name, key, line) in [
            ("Ledger", "Key", 1),
            ("LEDGER", "Key", 2),
            ("ledger", "key", 3),
            ("lEdGeR", "KEY", 4),
        ] {
            bed.signal(&EntityId::new(name, key).unwrap(), "write", json!(line));
            bed.run();
        }
        bed.start("Call", "i", json!("LeDGeR"));
        bed.run();
        assert_eq!(bed.lines("Key").unwrap(), [1, 2]);
        assert_eq!(bed.lines("key").unwrap(), [3]);
        assert_eq!(bed.lines("KEY").unwrap(), [4]);
        assert_eq!(bed.output("i"), json!([1, 2]));
        let ids: Vec<_> = bed
            .engine
            .entities("LEDG")
            .map(|(id, _)| id.to_string())
            .collect();
        assert_eq!(ids, ["@ledger@KEY", "@ledger@Key", "@ledger@key"]);
    });
}

/// Workers are asked with the folded name too.
#[test]
fn check_01_workers_see_the_folded_name() {
    let mut bed = crate::common::Bed::new(&functions(), |it| it, Way::Worker);
    bed.signal(&EntityId::new("LEDGER", "Key").unwrap(), "write", json!(1));
    bed.engine.run(bed.now);
    bed.commit();
    let mut asked = Vec::new();
    let work = bed.engine.take_work(
        &mut |kind, name, _| {
            asked.push((kind, name.to_owned()));
            true
        },
        bed.now,
    );
    assert_eq!(asked, [(WorkKind::Entity, "ledger".to_owned())]);
    let Some(Work::Entity(work)) = work else {
        panic!("{work:?}")
    };
    assert_eq!(work.id.to_string(), "@ledger@Key");
}

/// Keys with `@`, empty ones, and forbidden characters, which clients are refused.
#[test]
fn check_02_keys() {
    each(&functions(), |bed| {
        let keys = ["", "@", "a@b", "@@", "a b", "ä€", "%2F", "."];
        for key in keys {
            bed.signal(&ledger(key), "write", json!(1));
        }
        bed.run();
        bed.restart();
        for key in keys {
            assert_eq!(bed.lines(key), Some(vec![1]), "{key:?}");
            let id: EntityId = ledger(key).to_string().parse().unwrap();
            assert_eq!(id.key(), key, "the text form leads back");
        }
        for key in ["a/b", "\\", "#", "?", "\n", "a\u{7f}", "\0"] {
            let now = bed.now;
            let refused = bed.engine.signal(&ledger(key), "write", json!(1), now);
            assert_eq!(refused, Err(SignalError::Key(key.into())));
            assert!(bed.engine.entity(&ledger(key)).is_none(), "{key:?}");
        }
        bed.run();
        let (all, _) = bed.engine.query_entities(&EntityQuery::default());
        assert_eq!(all.len(), keys.len());
    });
}

/// Orchestration ids must not start with `@`, same rule for characters, at most 256 characters;
/// the default id is a GUID without dashes.
#[test]
fn check_02_instance_ids() {
    each(&functions(), |bed| {
        let (long, now) = ("ü".repeat(256), bed.now);
        for id in ["a", "a@b", long.as_str()] {
            bed.start("Echo", id, json!(1));
        }
        for id in ["", "@a", "a/b", "a\\b", "#", "a?", "\t", &"i".repeat(257)] {
            let refused = bed.engine.start("Echo", Some(id), json!(1), now);
            assert_eq!(refused, Err(StartError::Id(id.into())));
        }
        let made = bed.engine.start("Echo", None, json!(1), now).unwrap();
        assert_eq!(made.len(), 32);
        assert!(made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
        bed.run();
        assert_eq!(bed.engine.instances().count(), 4);
    });
}
