//! What an operation commits: everything or nothing.

use serde_json::json;
use twinbench_engine::{EntityQuery, OrchestrationContext};

use crate::common::{Way, each, each_with, functions, ledger, secs};

const FAILING: [&str; 3] = ["throw", "panic", "unheard"];

/// State returns to the previous operation's result, and outgoing signals and started
/// orchestrations of that operation are discarded.
#[test]
fn check_03_rollback_of_state_signals_and_starts() {
    each(&functions(), |bed| {
        bed.signal(&ledger("a"), "write", json!(1));
        for operation in FAILING {
            bed.signal(&ledger("a"), operation, json!(null));
        }
        bed.finish();
        bed.now += secs(10);
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![1]), "the state");
        assert_eq!(bed.lines("other"), None, "signals, at once and scheduled");
        assert_eq!(bed.engine.instances().count(), 0, "starts");
        // What an operation that succeeds sends is not touched by one that fails beside it.
        bed.signal(&ledger("a"), "tell", json!(["b", 0, 2]));
        bed.signal(&ledger("a"), "throw", json!(null));
        bed.signal(&ledger("a"), "tell", json!(["b", 2, 3]));
        bed.signal(&ledger("a"), "start", json!("here"));
        bed.finish();
        assert_eq!(bed.lines("b"), Some(vec![0, 1, 2]));
        assert_eq!(bed.engine.instances().count(), 1);
    });
}

/// State serialisation failure counts as operation failure and rolls back; so does a state beyond
/// the limit.
#[test]
fn check_03_a_state_that_cannot_be_kept_is_rolled_back() {
    let make = |builder: twinbench_engine::Builder| {
        builder.limits(twinbench_engine::Limits {
            state: 1000,
            ..Default::default()
        })
    };
    each_with(&functions(), make, |bed| {
        bed.signal(&ledger("a"), "write", json!(1));
        bed.run();
        bed.signal(&ledger("a"), "break", json!(null));
        bed.run();
        bed.signal(&ledger("a"), "swell", json!(2000));
        bed.finish();
        bed.signal(&ledger("a"), "write", json!(2));
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![1, 2]));
        assert_eq!(bed.lines("other"), None);
        assert_eq!(bed.engine.instances().count(), 0);
    });
}

/// The error response is still sent to a caller.
#[test]
fn check_03_the_caller_of_a_failed_operation_is_told() {
    let functions = functions().orchestration(
        "Call",
        |cx: OrchestrationContext, operation: String| async move {
            match cx
                .call_entity::<()>(&ledger("a"), &operation, json!(null))
                .await
            {
                Ok(()) => Ok("done".to_owned()),
                Err(failure) => Ok(failure.error_type),
            }
        },
    );
    each(&functions, |bed| {
        for (operation, said) in [
            ("nothing", "done"),
            ("throw", "Planned"),
            ("panic", "Panic"),
            ("break", "SerializationError"),
            ("unheard", "NotSupported"),
        ] {
            bed.start("Call", operation, json!(operation));
            bed.run();
            assert_eq!(bed.output(operation), json!(said));
        }
    });
}

/// The message is consumed and not tried again; other operations of the batch continue.
#[test]
fn check_04_a_throw_in_the_middle_of_a_batch() {
    each(&functions(), |bed| {
        for (operation, input) in [
            ("write", json!(1)),
            ("throw", json!(null)),
            ("write", json!("no number")),
            ("write", json!(2)),
            ("panic", json!(null)),
            ("break", json!(null)),
            ("write", json!(3)),
        ] {
            bed.signal(&ledger("a"), operation, input);
        }
        bed.finish();
        bed.restart();
        bed.finish();
        assert_eq!(bed.lines("a"), Some(vec![1, 2, 3]));
        let view = bed.engine.entity(&ledger("a")).unwrap();
        assert_eq!(view.backlog, 0, "what threw is consumed");
    });
}

/// A failing first operation leaves it non-existent; any successful one, even a no-op, creates it.
#[test]
fn check_05_a_first_operation_that_fails_leaves_no_entity() {
    each(&functions(), |bed| {
        for operation in ["throw", "panic", "break", "unheard"] {
            bed.signal(&ledger("a"), operation, json!(null));
            bed.run();
            assert_eq!(bed.engine.read(&ledger("a")), None, "{operation}");
        }
        let (found, _) = bed.engine.query_entities(&EntityQuery::default());
        assert!(found.is_empty(), "{found:?}");
        bed.restart();
        assert_eq!(bed.engine.read(&ledger("a")), None);
        bed.signal(&ledger("a"), "nothing", json!(null));
        bed.run();
        assert_eq!(bed.lines("a"), Some(vec![]));
    });
}

/// The next operation after a delete within the same batch starts from fresh state.
#[test]
fn check_06_delete_then_operation_in_one_batch() {
    each(&functions(), |bed| {
        let deletes = if bed.way == Way::Here {
            ["remove", "DELETE"]
        } else {
            ["remove", "delete"]
        };
        for delete in deletes {
            bed.signal(&ledger("a"), "write", json!(1));
            bed.signal(&ledger("a"), delete, json!(null));
            bed.signal(&ledger("a"), "write", json!(2));
            bed.run();
            assert_eq!(bed.lines("a"), Some(vec![2]), "{delete}");
            bed.signal(&ledger("a"), delete, json!(null));
            bed.run();
            bed.restart();
            assert_eq!(bed.engine.read(&ledger("a")), None, "{delete}");
        }
        // A deletion is undone with the operation that asked for it, and counts if it succeeds.
        bed.signal(&ledger("b"), "write", json!(1));
        bed.signal(&ledger("b"), "remove", json!(null));
        bed.signal(&ledger("b"), "throw", json!(null));
        bed.finish();
        assert_eq!(bed.engine.read(&ledger("b")), None);
        assert_eq!(bed.lines("other"), None);
    });
}
