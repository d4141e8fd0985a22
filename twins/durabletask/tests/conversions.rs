//! Whatever comes from a socket is converted or refused, and never panics; what is converted comes
//! back as it was.

#![expect(clippy::unwrap_used, reason = "tests")]

use jiff::Timestamp;
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};
use prost::Message;
use twinbench_durabletask::{convert, decode_any, proto as pb};
use twinbench_engine::{EventKind, Failure, HistoryEvent, Json, Status, history::ExecutionStarted};
use twinbench_model::{EntityId, Epoch, VirtualTime};

fn epoch() -> Epoch {
    Epoch::new(Timestamp::UNIX_EPOCH)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\PC{0,12}", "[@a-c]{0,8}"]
}

fn json() -> impl Strategy<Value = Option<Json>> {
    option::of(prop_oneof![
        text().prop_map(Json::from_text),
        any::<i32>().prop_map(|number| Json::from_text(number.to_string())),
    ])
}

fn time() -> impl Strategy<Value = VirtualTime> {
    // To the year 2200.
    (0..7_258_118_400_000_000_000_u64).prop_map(VirtualTime::from_nanos)
}

fn failure() -> impl Strategy<Value = Failure> {
    let leaf = (text(), text(), option::of(text()), any::<bool>()).prop_map(
        |(kind, message, stack_trace, non_retriable)| Failure {
            stack_trace,
            non_retriable,
            ..Failure::new(kind, message)
        },
    );
    leaf.prop_recursive(4, 8, 1, |inner| {
        (inner.clone(), inner).prop_map(|(outer, inner)| Failure {
            inner: Some(Box::new(inner)),
            ..outer
        })
    })
}

fn entity() -> impl Strategy<Value = EntityId> {
    ("[a-z]{1,5}", text()).prop_map(|(name, key)| EntityId::new(&name, &key).unwrap())
}

fn kind() -> impl Strategy<Value = EventKind> {
    let tags = btree_map(text(), text(), 0..3);
    let started = (text(), option::of(text()), json(), option::of(time()), tags).prop_map(
        |(name, version, input, scheduled_start, tags)| {
            EventKind::ExecutionStarted(Box::new(ExecutionStarted {
                name,
                version,
                input,
                instance: "i".into(),
                execution: "e".into(),
                parent: None,
                scheduled_start,
                trace: None,
                tags,
            }))
        },
    );
    prop_oneof![
        Just(EventKind::OrchestratorStarted),
        Just(EventKind::OrchestratorCompleted),
        started,
        (0..8_usize, json(), option::of(failure())).prop_map(|(status, result, failure)| {
            EventKind::ExecutionCompleted {
                status: Status::ALL[status],
                result,
                failure,
            }
        }),
        (json(), any::<bool>())
            .prop_map(|(input, recurse)| EventKind::ExecutionTerminated { input, recurse }),
        (any::<i32>(), json()).prop_map(|(task, result)| EventKind::TaskCompleted { task, result }),
        (any::<i32>(), failure())
            .prop_map(|(task, failure)| EventKind::TaskFailed { task, failure }),
        (any::<i32>(), time())
            .prop_map(|(timer, fire_at)| EventKind::TimerFired { timer, fire_at }),
        (text(), json()).prop_map(|(name, input)| EventKind::EventRaised { name, input }),
        json().prop_map(|reason| EventKind::ExecutionSuspended { reason }),
        (text(), text(), option::of(time()), json(), entity()).prop_map(
            |(request, operation, scheduled, input, target)| EventKind::EntityOperationSignaled {
                request: request.into(),
                operation,
                scheduled,
                input,
                target,
            }
        ),
        (vec(entity(), 0..4), 0..i32::MAX as u32).prop_map(|(lock_set, position)| {
            EventKind::EntityLockRequested {
                section: "s".into(),
                lock_set,
                position,
                parent: "p".into(),
            }
        }),
    ]
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(id in any::<i32>(), at in time(), kind in kind()) {
        let event = HistoryEvent { id, at, kind };
        let sent = convert::to_history_event(epoch(), &event).encode_to_vec();
        let received = pb::HistoryEvent::decode(sent.as_slice()).unwrap();
        prop_assert_eq!(convert::history_event(epoch(), received).unwrap(), event);
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        decode_any(&bytes);
    }

    /// Bytes that are nearly messages go deeper than random ones.
    #[test]
    fn damaged_messages_never_panic(
        kinds in vec(kind(), 1..5),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let row = |kind: &EventKind| {
            convert::to_history_event(epoch(), &HistoryEvent::outside(VirtualTime::ZERO, kind.clone()))
        };
        let request = pb::OrchestratorRequest {
            instance_id: "i".to_owned(),
            past_events: kinds.iter().map(row).collect(),
            new_events: kinds.iter().map(row).collect(),
            ..pb::OrchestratorRequest::default()
        };
        let mut bytes = request.encode_to_vec();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        decode_any(&bytes);
        if let Ok(request) = pb::OrchestratorRequest::decode(bytes.as_slice()) {
            // Whether it means something or not: an answer, no panic.
            let _ = convert::orchestrator_work(epoch(), request, None);
        }
    }
}

#[test]
fn failures_as_deep_as_the_codec_takes_them() {
    let mut deep = pb::TaskFailureDetails::default();
    for _ in 0..95 {
        deep = pb::TaskFailureDetails {
            inner_failure: Some(Box::new(deep)),
            ..pb::TaskFailureDetails::default()
        };
    }
    let bytes = deep.encode_to_vec();
    let decoded = pb::TaskFailureDetails::decode(bytes.as_slice()).unwrap();
    let failure = convert::failure(decoded);
    assert_eq!(convert::failure_details(&failure), deep);
}
