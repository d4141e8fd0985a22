//! Reads and queries.

use std::collections::BTreeMap;

use serde_json::json;
use twinbench_engine::{EntityQuery, OrchestrationContext};
use twinbench_model::VirtualTime;

use crate::common::{Bed, NOW, Way, each, functions, ledger, secs};

/// A read returns the last committed state, after a whole batch; it may be stale, does not create
/// and never sees operations in flight.
#[test]
fn check_11_a_read_is_stale_until_the_batch_is_done() {
    each(&functions(), |bed| {
        assert_eq!(bed.engine.read(&ledger("a")), None);
        bed.run();
        assert_eq!(
            bed.engine.read(&ledger("a")),
            None,
            "a read creates nothing"
        );
        bed.signal(&ledger("a"), "write", json!(1));
        assert_eq!(bed.lines("a"), None, "not before its turn");
        bed.run();
        bed.signal(&ledger("a"), "write", json!(2));
        bed.signal(&ledger("a"), "write", json!(3));
        assert_eq!(bed.lines("a"), Some(vec![1]));
        assert_eq!(bed.engine.entity(&ledger("a")).unwrap().backlog, 2);
        if bed.way == Way::Worker {
            bed.engine.run(bed.now);
            bed.commit();
            let work = bed.take().unwrap();
            assert_eq!(bed.lines("a"), Some(vec![1]), "in flight");
            assert_eq!(bed.engine.entity(&ledger("a")).unwrap().backlog, 2);
            bed.answer(work);
        }
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![1, 2, 3]));
        let view = bed.engine.entity(&ledger("a")).unwrap();
        assert_eq!((view.backlog, view.last_operation), (0, NOW));
    });
}

/// A read bypasses locks.
#[test]
fn check_11_a_read_does_not_wait_for_a_lock() {
    let functions =
        functions().orchestration("Hold", |cx: OrchestrationContext, (): ()| async move {
            let section = cx.lock([ledger("a")]).await?;
            cx.call_entity::<()>(&ledger("a"), "write", json!(1))
                .await?;
            cx.timer(secs(10)).await?;
            drop(section);
            Ok(())
        });
    each(&functions, |bed| {
        bed.start("Hold", "i", json!(null));
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![1]));
        let (found, _) = bed.engine.query_entities(&EntityQuery::default());
        assert_eq!(found[0].locked_by.as_deref(), Some("i"));
    });
}

/// Pages through a query; between two pages `between` may do something.
fn pages(bed: &mut Bed, query: &EntityQuery, mut between: impl FnMut(&mut Bed)) -> Vec<String> {
    let (mut all, mut query) = (Vec::new(), query.clone());
    loop {
        let (found, next) = bed.engine.query_entities(&query);
        assert!(found.len() <= query.page);
        all.extend(found.into_iter().map(|view| view.id.key().to_owned()));
        let Some(next) = next else {
            return all;
        };
        query.after = Some(next);
        between(bed);
    }
}

fn filled(bed: &mut Bed) {
    for n in 0..50 {
        bed.signal(&ledger(&format!("{n:02}")), "write", json!(n));
    }
    bed.run();
}

/// While others write, create and delete, paging gives each entity that is there all the time
/// exactly once, and it ends.
#[test]
fn check_12_paging_while_writing() {
    each(&functions(), |bed| {
        filled(bed);
        let query = EntityQuery {
            prefix: Some("ledger".to_owned()),
            page: 7,
            ..EntityQuery::default()
        };
        let mut round = 0;
        let found = pages(bed, &query, |bed| {
            round += 1;
            bed.now += secs(1);
            for n in 0..50 {
                bed.signal(&ledger(&format!("{n:02}")), "write", json!(n));
            }
            bed.signal(&ledger(&format!("new{round}")), "write", json!(0));
            // The page's last one goes; the token that names it goes on from there.
            bed.signal(&ledger("06"), "remove", json!(null));
            bed.signal(&ledger("48"), "remove", json!(null));
            bed.run();
        });
        let mut times = BTreeMap::new();
        for key in &found {
            *times.entry(key.as_str()).or_insert(0) += 1;
        }
        assert!(times.values().all(|times| *times == 1), "{found:?}");
        for n in (0..50).filter(|n| *n != 48) {
            let key = format!("{n:02}");
            assert!(times.contains_key(key.as_str()), "{key} is missing");
        }
        assert!(!times.contains_key("48"), "it was removed before its page");
    });
}

/// With an upper bound of the last operation (`LastOperationTo`) entities written after that
/// moment drop out of later pages: what the original does by default, here only when asked for.
#[test]
fn check_12_last_operation_to_drops_what_is_written_meanwhile() {
    each(&functions(), |bed| {
        filled(bed);
        let query = EntityQuery {
            modified_to: Some(bed.now),
            page: 10,
            ..EntityQuery::default()
        };
        let mut hot = 20;
        let found = pages(bed, &query, |bed| {
            bed.now += secs(1);
            bed.signal(&ledger(&format!("{hot}")), "write", json!(0));
            bed.run();
            hot += 1;
        });
        assert_eq!(
            found.len(),
            48,
            "20 and 21 were hot before their page: {found:?}"
        );
        assert!(!found.contains(&"20".to_owned()) && !found.contains(&"21".to_owned()));
    });
}

/// Filters: prefix, last modified from and to, transient ones; the token of the last page is none.
#[test]
fn check_12_filters() {
    each(&functions(), |bed| {
        filled(bed);
        bed.now = NOW + secs(10);
        for key in ["00", "01", "a@1", "a@2"] {
            bed.signal(&ledger(key), "write", json!(0));
        }
        bed.run();
        bed.restart();
        let count = |bed: &Bed, query: EntityQuery| bed.engine.query_entities(&query).0.len();
        let prefix = |prefix: &str| EntityQuery {
            prefix: Some(prefix.to_owned()),
            ..EntityQuery::default()
        };
        for (text, expected) in [
            ("", 52),
            ("@", 52),
            ("@LEDGER@", 52),
            ("@led", 52),
            ("LEDG", 52),
            ("@ledger@0", 10),
            ("@ledger@a@", 2),
            ("@Ledger@A", 0),
            ("@nobody", 0),
        ] {
            assert_eq!(count(bed, prefix(text)), expected, "{text:?}");
        }
        let since = |from: Option<VirtualTime>, to: Option<VirtualTime>| EntityQuery {
            modified_from: from,
            modified_to: to,
            ..EntityQuery::default()
        };
        assert_eq!(count(bed, since(Some(NOW + secs(1)), None)), 4);
        assert_eq!(count(bed, since(Some(NOW), None)), 52);
        assert_eq!(count(bed, since(None, Some(NOW))), 48);
        assert_eq!(count(bed, since(Some(NOW + secs(11)), None)), 0);
        let exactly = EntityQuery {
            page: 52,
            ..EntityQuery::default()
        };
        assert_eq!(
            bed.engine.query_entities(&exactly).1,
            None,
            "no empty page follows"
        );
    });
}
