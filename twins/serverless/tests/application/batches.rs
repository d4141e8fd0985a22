//! The event-batch function: partitions side by side, redelivery, poison messages.

use bytes::Bytes;
use proptest::prelude::*;
use twinbench_model::{DeviceId, EventData, Message, VirtualTime};
use twinbench_serverless::trigger::{Trigger, TriggerOptions};

use crate::common::Hub;

fn event(partition: u16, sequence_number: u64, device: u8, kind: u8, value: f64) -> EventData {
    let body = match kind {
        0 => "nonsense".to_owned(),
        1 => r#"{"magnetometerX":1.0}"#.to_owned(),
        2 => r#"{"deviceId":"somebody","data":{"temperature":1,"humidity":2}}"#.to_owned(),
        3 => format!(r#"{{"temperature":{value},"humidity":50.0}}"#),
        _ => format!(r#"{{"data":{{"temperature":{value},"humidity":50.0}}}}"#),
    };
    EventData {
        device: DeviceId::new(&format!("device-{partition}-{device}")).unwrap(),
        partition,
        sequence_number,
        enqueued: VirtualTime::from_secs(10 + sequence_number),
        message: Message {
            body: Bytes::from(body),
            ..Message::default()
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn partitions_side_by_side_are_partitions_one_after_the_other(
        messages in prop::collection::vec((0u16..4, 0u8..3, 0u8..8, 0.0..40.0f64), 1..200),
        original in any::<bool>(),
    ) {
        let mut log: Vec<Vec<EventData>> = vec![Vec::new(); 4];
        for (partition, device, kind, value) in messages {
            let events = &mut log[usize::from(partition)];
            let number = events.len() as u64;
            events.push(event(partition, number, device, kind, value));
        }
        let batches: Vec<(u16, Vec<&EventData>)> = log
            .iter()
            .enumerate()
            .map(|(partition, events)| (partition as u16, events.iter().collect()))
            .collect();
        let make = || if original { Hub::original() } else { Hub::new() };
        let (mut one, mut side) = (make(), make());
        let now = VirtualTime::from_secs(300);
        for (partition, batch) in &batches {
            one.application.on_events(&mut one.engine, *partition, batch, now);
        }
        side.application.on_batches(&mut side.engine, &batches, now);
        one.engine.run(now);
        side.engine.run(now);
        prop_assert_eq!(one.application.counts(), side.application.counts());
        for kind in ["function", "dead-letter", "entity"] {
            let (a, b) = (one.events(kind), side.events(kind));
            prop_assert_eq!(format!("{a:?}"), format!("{b:?}"));
        }
        let states = |hub: &Hub| {
            let all = hub.engine.entities("");
            all.map(|(id, state)| format!("{id} {}", state.as_str())).collect::<Vec<_>>()
        };
        prop_assert_eq!(states(&one), states(&side));
    }
}

/// Takes everything of a log, batch by batch; the checkpoints that were set.
fn take(hub: &mut Hub, trigger: &mut Trigger, log: &[EventData]) -> Vec<u64> {
    let mut checkpoints = Vec::new();
    loop {
        let from = trigger.next(0).unwrap();
        let batch: Vec<&EventData> = log
            .iter()
            .skip(from as usize)
            .take(trigger.max_batch())
            .collect();
        let Some(last) = batch.last() else {
            return checkpoints;
        };
        hub.application
            .on_batches(&mut hub.engine, &[(0, batch.clone())], hub.now);
        hub.engine.run(hub.now);
        checkpoints.extend(trigger.done(0, last.sequence_number + 1));
    }
}

#[test]
fn what_was_not_checkpointed_comes_again_and_changes_nothing() {
    let log: Vec<EventData> = (0..45)
        .map(|n| event(0, n, 1, if n % 9 == 4 { 0 } else { 7 }, n as f64))
        .collect();
    let mut hub = Hub::new();
    hub.at(300);
    let options = TriggerOptions {
        checkpoint_every: 2,
        ..TriggerOptions::default()
    };
    let mut trigger = Trigger::new(options, [0]);
    assert_eq!(take(&mut hub, &mut trigger, &log), [20, 40]);
    let state = hub.state("device-0-1");
    assert_eq!(hub.application.dead_letters().len(), 5);
    assert_eq!(state["historyData"].as_object().unwrap().len(), 40);
    assert_eq!(trigger.lost(0), 5);
    assert_eq!(take(&mut hub, &mut trigger, &log), [] as [u64; 0]);
    assert_eq!(hub.state("device-0-1"), state);
    assert_eq!(hub.application.dead_letters().len(), 5, "each letter once");
}

#[test]
fn the_original_loses_what_follows_a_poison_message_in_its_batch() {
    let log: Vec<EventData> = (0..20)
        .map(|n| event(0, n, 1, if n == 3 { 0 } else { 7 }, n as f64))
        .collect();
    let mut hub = Hub::original();
    hub.at(300);
    let mut trigger = Trigger::new(TriggerOptions::default(), [0]);
    assert_eq!(
        take(&mut hub, &mut trigger, &log),
        [10, 20],
        "the checkpoint is taken all the same"
    );
    let counts = hub.application.counts();
    assert_eq!(
        (counts.signalled, counts.lost, counts.dead_letters),
        (13, 7, 0)
    );
    let (_, facts) = hub.events("function").remove(0);
    assert!(facts["error"].as_str().unwrap().contains("no telemetry"));
}
