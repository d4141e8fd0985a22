//! Order, duplicates and times of signals.

use serde_json::json;
use twinbench_engine::{Builder, ClientFaults, OrchestrationContext};

use crate::common::{Bed, NOW, WAYS, each, each_with, functions, ledger, millis, secs};

fn unruly(builder: Builder) -> Builder {
    builder.faults(ClientFaults {
        seed: 7,
        reorder: Some(millis(500)),
        duplicate: 0.2,
    })
}

/// Clients: no order, at least once, no de-duplication, when the bench asks for it.
#[test]
fn check_07_signals_of_clients_overtake_and_double() {
    let mut outcomes = Vec::new();
    for way in WAYS {
        let mut bed = Bed::new(&functions(), unruly, way);
        for line in 0..200 {
            bed.signal(&ledger("a"), "write", json!(line));
        }
        bed.finish();
        assert!(bed.now > NOW && bed.now <= NOW + millis(500));
        let lines = bed.lines("a").unwrap();
        assert!(!lines.is_sorted(), "they overtake each other");
        let mut kinds = lines.clone();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, (0..200).collect::<Vec<_>>(), "none is lost");
        let doubled = lines.len() - kinds.len();
        assert!((20..70).contains(&doubled), "{doubled} of 200 came twice");
        outcomes.push(lines);
    }
    assert!(
        outcomes.iter().all(|it| *it == outcomes[0]),
        "the same ones each time"
    );
}

/// Without the switch clients are ordered, and nothing comes twice.
#[test]
fn check_07_clients_are_ordered_unless_asked_otherwise() {
    each(&functions(), |bed| {
        for line in 0..200 {
            bed.signal(&ledger("a"), "write", json!(line));
        }
        bed.finish();
        assert_eq!(bed.lines("a").unwrap(), (0..200).collect::<Vec<_>>());
    });
}

/// Orchestration to entity: FIFO for each sender, de-duplicated, also while clients are unruly.
#[test]
fn check_07_orchestrations_stay_in_order_and_single() {
    let functions =
        functions().orchestration("Tell", |cx: OrchestrationContext, from: i64| async move {
            for line in from..from + 40 {
                if line % 3 == 0 {
                    cx.call_entity::<()>(&ledger("a"), "write", json!(line))
                        .await?;
                } else {
                    cx.signal(&ledger("a"), "write", json!(line))?;
                }
                if line % 10 == 0 {
                    cx.timer(millis(1)).await?;
                }
            }
            Ok(())
        });
    each_with(&functions, unruly, |bed| {
        for sender in 1..=5 {
            bed.start("Tell", &format!("i{sender}"), json!(sender * 1000));
        }
        bed.run();
        bed.restart();
        bed.finish();
        let lines = bed.lines("a").unwrap();
        assert_eq!(lines.len(), 200, "none is lost, none comes twice");
        for sender in 1..=5 {
            let own: Vec<_> = lines.iter().filter(|it| *it / 1000 == sender).collect();
            assert!(own.is_sorted(), "sender {sender}: {own:?}");
        }
    });
}

/// Entity to entity: FIFO for each sender entity, over its batches.
#[test]
fn check_07_entities_stay_in_order_and_single() {
    each_with(&functions(), unruly, |bed| {
        for batch in 0..10 {
            for sender in 1..=4 {
                // One client signal a turn: unruly clients cannot mix the batches.
                let from = sender * 1000 + batch * 10;
                bed.start("Echo", &format!("{sender}-{batch}"), json!(null));
                let key = format!("sender{sender}");
                bed.signal(&ledger(&key), "tell", json!(["a", from, from + 10]));
                bed.finish();
                if batch == 5 {
                    bed.restart();
                }
            }
        }
        let lines = bed.lines("a").unwrap();
        for sender in 1..=4 {
            let own: Vec<_> = lines
                .iter()
                .copied()
                .filter(|it| it / 1000 == sender)
                .collect();
            // A doubled client signal makes its sender tell twice; within one telling all is
            // in order and single.
            let tellings: Vec<_> = own.chunks(10).collect();
            assert!(tellings.len() >= 10);
            for telling in tellings {
                let from = telling[0];
                assert_eq!(telling, (from..from + 10).collect::<Vec<_>>());
            }
        }
    });
}

/// A scheduled signal comes at its time, not before and not after; one for the past at once.
#[test]
fn check_08_scheduled_signals_early_and_late() {
    each(&functions(), |bed| {
        let (due, now) = (NOW + secs(5), bed.now);
        bed.engine
            .signal_at(&ledger("a"), "write", json!(2), due, now)
            .unwrap();
        let past = NOW - secs(50);
        bed.engine
            .signal_at(&ledger("a"), "write", json!(1), past, now)
            .unwrap();
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![1]), "the late one at once");
        bed.restart();
        bed.run_until(due - twinbench_model::VirtualDuration::from_nanos(1));
        assert_eq!(bed.lines("a"), Some(vec![1]), "not early");
        assert_eq!(bed.engine.next_timer(), Some(due));
        bed.run_until(due);
        assert_eq!(bed.lines("a"), Some(vec![1, 2]));
        assert_eq!(bed.engine.next_timer(), None);
        // The engine was asleep long after their times: all come, by their times.
        for (line, after) in [(5, 30), (4, 20), (3, 10)] {
            let (due, now) = (bed.now + secs(after), bed.now);
            bed.engine
                .signal_at(&ledger("a"), "write", json!(line), due, now)
                .unwrap();
        }
        bed.restart();
        bed.now += secs(3600);
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![1, 2, 3, 4, 5]));
    });
}

/// Scheduled signals survive the deletion of their entity and create it again; they cannot be
/// cancelled.
#[test]
fn check_08_scheduled_signals_survive_deletion() {
    each(&functions(), |bed| {
        bed.signal(&ledger("a"), "write", json!(1));
        bed.signal(&ledger("a"), "later", json!([2, 5000]));
        bed.signal(&ledger("a"), "remove", json!(null));
        bed.run();
        assert_eq!(bed.lines("a"), None);
        bed.restart();
        bed.run_until(NOW + millis(4999));
        assert_eq!(bed.lines("a"), None);
        bed.run_until(NOW + millis(5000));
        assert_eq!(bed.lines("a"), Some(vec![2]), "created anew");
    });
}

/// Scheduled signals of orchestrations and entities are not in order with their other ones.
#[test]
fn check_08_scheduled_signals_are_outside_of_the_order() {
    let functions =
        functions().orchestration("Tell", |cx: OrchestrationContext, (): ()| async move {
            let now = cx.virtual_now();
            cx.signal_at(&ledger("a"), "write", json!(3), now + secs(2))?;
            cx.signal_at(&ledger("a"), "write", json!(2), now + secs(1))?;
            cx.signal(&ledger("a"), "write", json!(1))?;
            Ok(())
        });
    each(&functions, |bed| {
        bed.start("Tell", "i", json!(null));
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![1]));
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![1, 2, 3]));
        assert_eq!(bed.now, NOW + secs(2));
    });
}
