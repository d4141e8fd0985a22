//! The event log over restarts, retention and slow consumers.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "every test file uses its own part")]
mod common;

use common::{Rig, at, epoch, id, records};
use twinbench_hub::{
    Hub, Options, RestoreError,
    log::{CheckpointError, ConsumerError, DEFAULT_GROUP, ReadError, decode_event, partition_of},
};
use twinbench_model::{Message, Table, VirtualDuration};

fn publish(rig: &mut Rig, device: &str, body: &str) -> (u16, u64) {
    let message = Message {
        body: body.to_owned().into(),
        properties: [("n".to_owned(), body.to_owned())].into(),
        ..Message::default()
    };
    let position = rig.hub.publish(&id(device), message, rig.now).unwrap();
    rig.commit();
    position
}

fn options() -> Options {
    Options::new(epoch())
}

#[test]
fn a_restart_goes_on_where_the_log_ended() {
    let mut rig = Rig::new();
    for device in ["a", "b", "c"] {
        rig.add(device);
    }
    for n in 0..20 {
        rig.now = at(n);
        publish(&mut rig, ["a", "b", "c"][n as usize % 3], &n.to_string());
    }
    rig.hub.add_consumer("functions").unwrap();
    let partition = partition_of(&id("a"), 4);
    rig.hub.set_checkpoint("functions", partition, 2).unwrap();
    rig.commit();
    let before = rig.messages();
    let ends: Vec<_> = rig.hub.log().partitions().collect();
    let mut rig = rig.restart(options());
    assert_eq!(rig.messages(), before);
    assert_eq!(rig.hub.log().partitions().collect::<Vec<_>>(), ends);
    assert_eq!(rig.hub.log().checkpoint("functions", partition), Some(2));
    assert_eq!(rig.hub.registry().len(), 3);
    let (partition, sequence) = publish(&mut rig, "a", "next");
    assert_eq!(sequence, ends[usize::from(partition)].next);
}

#[test]
fn retention_forgets_and_numbering_goes_on() {
    let mut rig = Rig::new();
    rig.add("a");
    for hour in 0..30 {
        rig.tick(hour * 3600);
        publish(&mut rig, "a", "x");
    }
    rig.tick(30 * 3600);
    let partition = partition_of(&id("a"), 4);
    let info = rig
        .hub
        .log()
        .partitions()
        .nth(usize::from(partition))
        .unwrap();
    assert_eq!((info.begin, info.next), (7, 30));
    let stored = |rig: &Rig| {
        let events =
            |(table, key): &&(Table, Vec<u8>)| *table == Table::HubEvents && key.len() == 10;
        rig.store.keys().filter(events).count()
    };
    assert_eq!(stored(&rig), 23);
    assert_eq!(
        rig.hub
            .read(partition, 0, 1)
            .unwrap()
            .next()
            .unwrap()
            .sequence_number,
        7
    );
    // Everything goes in the end, and a restart still knows the next position.
    let due = rig.hub.next_timer().unwrap();
    assert_eq!(due, at((7 + 24) * 3600));
    rig.tick(100 * 3600);
    assert_eq!((stored(&rig), rig.messages().len()), (0, 0));
    assert_eq!(rig.hub.next_timer(), None);
    let mut rig = rig.restart(options());
    assert_eq!(publish(&mut rig, "a", "x"), (partition, 30));
    let rig = rig.restart(options());
    assert_eq!(rig.messages().len(), 1);
}

#[test]
fn memory_is_bounded_and_the_store_has_the_rest() {
    let mut small = options();
    (small.memory_window, small.memory_limit) = (4, 10);
    let mut rig = Rig::with(small.clone());
    rig.add("a");
    let partition = partition_of(&id("a"), 4);
    for n in 0..8 {
        publish(&mut rig, "a", &n.to_string());
    }
    // The default group has read nothing: all stay.
    assert_eq!(rig.hub.stats().log_in_memory, 8);
    rig.hub.set_checkpoint(DEFAULT_GROUP, partition, 6).unwrap();
    assert_eq!(rig.hub.stats().log_in_memory, 4);
    // A consumer that never reads holds up to the limit.
    for n in 8..50 {
        publish(&mut rig, "a", &n.to_string());
    }
    assert_eq!(rig.hub.stats().log_in_memory, 10);
    assert_eq!(
        rig.hub.read(partition, 39, 1).err(),
        Some(ReadError::NotInMemory { first: 40 })
    );
    let read: Vec<u64> = rig
        .hub
        .read(partition, 40, 3)
        .unwrap()
        .map(|e| e.sequence_number)
        .collect();
    assert_eq!(read, [40, 41, 42]);
    assert_eq!(rig.hub.read(partition, 50, 3).unwrap().count(), 0);
    let key = twinbench_hub::log::event_key(partition, 39);
    let value = &rig.store[&(Table::HubEvents, key.clone())];
    let event = decode_event(&key, value, epoch()).unwrap().unwrap();
    assert_eq!(&event.message.body[..], b"39");
    let rig = rig.restart(small);
    assert_eq!(rig.hub.stats().log_in_memory, 10);
}

#[test]
fn consumers_and_checkpoints_are_checked() {
    let mut rig = Rig::new();
    let hub = &mut rig.hub;
    assert_eq!(hub.log().consumers().collect::<Vec<_>>(), [DEFAULT_GROUP]);
    assert_eq!(
        hub.set_checkpoint("nobody", 0, 0),
        Err(CheckpointError::NoSuchGroup("nobody".into()))
    );
    assert_eq!(
        hub.set_checkpoint(DEFAULT_GROUP, 4, 0),
        Err(CheckpointError::NoSuchPartition(4))
    );
    assert_eq!(
        hub.set_checkpoint(DEFAULT_GROUP, 0, 1),
        Err(CheckpointError::Beyond {
            position: 1,
            end: 0
        })
    );
    assert!(matches!(
        hub.add_consumer("a b"),
        Err(ConsumerError::Name(_))
    ));
    for n in 0..20 {
        hub.add_consumer(&format!("g{n}")).unwrap();
    }
    assert_eq!(hub.add_consumer("g0"), Ok(()));
    assert_eq!(hub.add_consumer("one-more"), Err(ConsumerError::TooMany));
    assert_eq!(hub.read(4, 0, 1).err(), Some(ReadError::NoSuchPartition(4)));
}

#[test]
fn a_store_that_does_not_fit_is_refused() {
    let mut rig = Rig::new();
    rig.add("a");
    for n in 0..5 {
        publish(&mut rig, "a", &n.to_string());
    }
    let check = |records: Vec<_>, options, text: &str| {
        let refused = Hub::restore(options, records).unwrap_err().to_string();
        assert!(refused.contains(text), "{refused}");
    };
    for partitions in [2, 8] {
        let mut other = options();
        other.partitions = partitions;
        check(records(&rig.store), other, "has 4 partitions");
    }
    let event = |key: &[u8], n: u8| key.len() == 10 && key[9] == n;
    let mut gap = records(&rig.store);
    gap.retain(|record| !event(&record.key, 2));
    check(gap, options(), "position 3");
    let mut damaged = records(&rig.store);
    for record in &mut damaged {
        if event(&record.key, 2) {
            record.value = Some(vec![1, 200]);
        }
    }
    check(damaged, options(), "damaged");
    let mut newer = records(&rig.store);
    for record in &mut newer {
        if record.table == Table::HubDevices {
            record.value = Some(vec![99]);
        }
    }
    check(newer, options(), "format version 99");
}

#[test]
fn a_lost_tail_is_noticed() {
    let mut rig = Rig::new();
    rig.add("a");
    for hour in [0, 20] {
        rig.tick(hour * 3600);
        publish(&mut rig, "a", "x");
    }
    rig.tick(25 * 3600);
    let mut cut = records(&rig.store);
    cut.retain(|record| !(record.table == Table::HubEvents && record.key.len() == 10));
    let refused = Hub::restore(options(), cut).unwrap_err();
    assert!(
        matches!(&refused, RestoreError::Log(text) if text.contains("had reached 2")),
        "{refused}"
    );
}

#[test]
fn a_step_of_many_messages_is_read_whole() {
    let mut rig = Rig::with(Options {
        retention: VirtualDuration::from_secs(60),
        ..options()
    });
    rig.add("a");
    let partition = partition_of(&id("a"), 4);
    for n in 0..5_000 {
        assert_eq!(publish(&mut rig, "a", "x"), (partition, n));
    }
    let positions = rig
        .hub
        .read(partition, 0, usize::MAX)
        .unwrap()
        .map(|e| e.sequence_number);
    assert!(positions.eq(0..5_000));
}

#[test]
fn retention_by_size_forgets_the_oldest() {
    let mut small = options();
    small.retention_bytes = 3_000_000;
    let mut rig = Rig::with(small.clone());
    rig.add("a");
    let partition = partition_of(&id("a"), 4);
    let body = "x".repeat(100_000);
    let info = |rig: &Rig| {
        let mut all = rig.hub.log().partitions();
        all.nth(usize::from(partition)).unwrap()
    };
    for n in 0..100 {
        assert_eq!(publish(&mut rig, "a", &body), (partition, n));
        assert!(
            info(&rig).bytes <= small.retention_bytes,
            "{:?}",
            info(&rig)
        );
    }
    let kept = info(&rig);
    // Whole blocks go, so somewhat less than the limit is kept.
    assert!((5..=15).contains(&(100 - kept.begin)), "{kept:?}");
    let stored: usize = rig
        .store
        .iter()
        .filter(|((table, key), _)| *table == Table::HubEvents && key.len() == 10)
        .map(|((_, key), value)| key.len() + value.len())
        .sum();
    assert_eq!(stored as u64, kept.bytes);
    // A restart counts the same, and one with less room makes it.
    let mut rig = rig.restart(small.clone());
    assert_eq!(info(&rig), kept);
    small.retention_bytes = 1;
    rig = rig.restart(small.clone());
    let newest = info(&rig);
    assert!(newest.begin > kept.begin && newest.begin < newest.next);
    let rig = rig.restart(small);
    assert_eq!(info(&rig), newest);
}

#[test]
fn memory_is_bounded_in_bytes() {
    let mut small = options();
    small.memory_bytes = 1_000_000;
    let mut rig = Rig::with(small.clone());
    rig.add("a");
    let body = "x".repeat(60_000);
    for _ in 0..50 {
        publish(&mut rig, "a", &body);
    }
    // The body is there twice: as a property as well.
    assert_eq!(rig.hub.stats().log_in_memory, 8);
    small.memory_bytes = 0;
    let rig = rig.restart(small);
    assert_eq!(rig.hub.stats().log_in_memory, 1);
}
