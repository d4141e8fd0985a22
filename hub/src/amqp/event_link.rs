//! A link on which a consumer reads a partition.

use std::{sync::Arc, time::Duration};

use fe2o3_amqp::{
    Sendable, Sender,
    types::{
        definitions::{Error, LinkError},
        messaging::{DeliveryAnnotations, annotations::OwnedKey},
        performatives::Attach,
        primitives::{OrderedMap, Symbol, Timestamp, Value},
    },
};
use tokio::sync::Notify;
use twinbench_model::{EventData, VirtualTime};

use super::{
    ReaderId, Start,
    connection::Connection,
    event::{message_of, unix_milliseconds},
    link::{error, internal, join_error, not_found, unauthorized},
    parse_selector,
    server::{Shared, lock},
};
use crate::{
    Hub,
    log::{PartitionInfo, ReadError},
};

/// Messages fetched at once at most …
const BATCH: usize = 256;
/// … and their bytes, more than one message.
const BATCH_BYTES: usize = 1024 * 1024;
/// How often a link that waits looks whether its token still holds.
const LOOK: Duration = Duration::from_secs(1);
/// The capability by which a consumer asks to be told the partition's end with every message.
const RUNTIME_METRIC: &str = "com.microsoft:enable-receiver-runtime-metric";

/// A reader that was let in, and where it starts.
pub(super) struct Plan {
    address: String,
    partition: u16,
    position: u64,
    /// Messages before this instant are passed over.
    since: VirtualTime,
    seat: Seat,
    tell_end: bool,
}

/// A place among the readers, given back when dropped.
struct Seat {
    shared: Arc<Shared>,
    id: ReaderId,
    stolen: Arc<Notify>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = lock(&self.shared.readers);
        table.readers.leave(self.id);
        table.stolen.remove(&self.id);
    }
}

/// Checks an attach to a partition and takes a place among its readers.
pub(super) async fn plan(
    connection: &Connection,
    attach: &Attach,
    address: String,
    group: String,
    partition: u16,
) -> Result<Plan, Error> {
    let shared = &connection.shared;
    let start = start_of(attach)?;
    let epoch = shared.options.epoch;
    let since = match start {
        Start::After(instant) => since(epoch.instant().as_nanosecond(), instant),
        _ => VirtualTime::ZERO,
    };
    let asked = group.clone();
    let facts = shared.hub.run(move |hub: &mut Hub, now| {
        let log = hub.log();
        let known = log
            .consumers()
            .any(|known| known.eq_ignore_ascii_case(&asked));
        let info = log.partitions().nth(usize::from(partition));
        (now, known, info, log.first_since(partition, since))
    });
    let (now, known, info, first_since) = facts.await.map_err(internal)?;
    if !connection.opens(&address, now) {
        return Err(unauthorized(&address));
    }
    if !known {
        let shown: String = group.chars().take(60).collect();
        return Err(not_found(format!(
            "there is no consumer group {shown:?}: add it to the hub first"
        )));
    }
    let info = info.ok_or_else(|| not_found(format!("there is no partition {partition}")))?;
    let position = match start {
        Start::Oldest => info.begin,
        Start::Latest => info.next,
        // Beyond the end, a client waits for what will be there.
        Start::At(number) => number.max(info.begin),
        Start::After(_) => first_since,
    };
    let owner = attach.properties.as_ref();
    let owner = owner.and_then(|all| all.get(&Symbol::from("com.microsoft:epoch")));
    let seat = take_seat(shared, &group, partition, owner.and_then(number))?;
    let wanted = attach.desired_capabilities.as_ref();
    let tell_end =
        wanted.is_some_and(|all| all.0.iter().any(|name| name.as_str() == RUNTIME_METRIC));
    Ok(Plan {
        address,
        partition,
        position,
        since,
        seat,
        tell_end,
    })
}

fn take_seat(
    shared: &Arc<Shared>,
    group: &str,
    partition: u16,
    owner: Option<i64>,
) -> Result<Seat, Error> {
    let mut table = lock(&shared.readers);
    let joined = table.readers.join(group, partition, owner);
    let joined = joined.map_err(|cause| join_error(&cause))?;
    for id in joined.displaced {
        if let Some(stolen) = table.stolen.remove(&id) {
            stolen.notify_one();
        }
    }
    let stolen = Arc::new(Notify::new());
    table.stolen.insert(joined.id, Arc::clone(&stolen));
    Ok(Seat {
        shared: Arc::clone(shared),
        id: joined.id,
        stolen,
    })
}

/// Where the filters of a link start; without any, at the oldest message.
fn start_of(attach: &Attach) -> Result<Start, Error> {
    let filters = attach
        .source
        .as_ref()
        .and_then(|source| source.filter.as_ref());
    let mut start = Start::Oldest;
    for (_, value) in filters.into_iter().flatten() {
        let text = match value {
            Value::Described(described) => match &described.value {
                Value::String(text) => text,
                _ => continue,
            },
            Value::String(text) => text,
            _ => continue,
        };
        start = parse_selector(text).map_err(|cause| {
            error(
                fe2o3_amqp::types::definitions::AmqpError::InvalidField,
                cause.to_string(),
            )
        })?;
    }
    Ok(start)
}

/// The first virtual time whose unix millisecond is after this one.
fn since(epoch_nanos: i128, after: i64) -> VirtualTime {
    let nanos = (i128::from(after) + 1) * 1_000_000 - epoch_nanos;
    VirtualTime::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

fn number(value: &Value) -> Option<i64> {
    match *value {
        Value::Long(number) => Some(number),
        Value::Int(number) => Some(number.into()),
        Value::Ulong(number) => i64::try_from(number).ok(),
        Value::Uint(number) => Some(number.into()),
        _ => None,
    }
}

/// Why a link ends from this side.
enum End {
    /// The client ended it, or its session.
    Detached,
    /// With an error for the client.
    Error(Error),
}

/// Sends events until the link ends.
pub(super) async fn serve(connection: Arc<Connection>, mut plan: Plan, mut sender: Sender) {
    let stolen = Arc::clone(&plan.seat.stolen);
    let end = tokio::select! {
        biased;
        () = stolen.notified() => End::Error(error(
            LinkError::Stolen,
            "a receiver with the same or a higher epoch reads this partition now",
        )),
        end = feed(&connection, &mut plan, &mut sender) => end,
    };
    let peer = &connection.peer;
    match end {
        End::Detached => tracing::debug!(%peer, partition = plan.partition, "a consumer left"),
        End::Error(reason) => {
            tracing::info!(%peer, partition = plan.partition, %reason, "a consumer is detached");
            if let Err(error) = sender.close_with_error(reason).await {
                tracing::debug!(%peer, %error, "a consumer's link did not close cleanly");
            }
        }
    }
}

async fn feed(connection: &Connection, plan: &mut Plan, sender: &mut Sender) -> End {
    let shared = &connection.shared;
    let epoch = shared.options.epoch;
    let mut ends = shared.hub.ends();
    loop {
        let fetched = fetch(shared, plan.partition, plan.position).await;
        let (now, info, events) = match fetched {
            Ok(fetched) => fetched,
            Err(reason) => return End::Error(reason),
        };
        if !connection.opens(&plan.address, now) {
            return End::Error(unauthorized(&plan.address));
        }
        if events.is_empty() {
            let partition = usize::from(plan.partition);
            let position = plan.position;
            let more = ends.wait_for(|ends| ends.get(partition).is_some_and(|&end| end > position));
            tokio::select! {
                _ = sender.on_detach() => return End::Detached,
                more = tokio::time::timeout(LOOK, more) => {
                    if matches!(more, Ok(Err(_))) {
                        return End::Error(internal("the hub has ended"));
                    }
                }
            }
            continue;
        }
        for event in events {
            plan.position = event.sequence_number + 1;
            if event.enqueued < plan.since {
                continue;
            }
            let mut message = message_of(&event, epoch);
            if plan.tell_end {
                let end = partition_end(info, unix_milliseconds(epoch, now), |time| {
                    unix_milliseconds(epoch, time)
                });
                message.delivery_annotations = Some(end);
            }
            let sendable = Sendable::builder().message(message).settled(true).build();
            if let Err(error) = sender.send_batchable(sendable).await {
                tracing::debug!(peer = connection.peer, %error, "a consumer's link ended");
                return End::Detached;
            }
        }
    }
}

/// What a consumer that asked for it is told of the partition's end.
fn partition_end(
    info: PartitionInfo,
    now: i64,
    milliseconds: impl Fn(VirtualTime) -> i64,
) -> DeliveryAnnotations {
    let newest = info.next.checked_sub(1).map_or(-1, |number| number as i64);
    let time = |instant| Value::Timestamp(Timestamp::from_milliseconds(instant));
    let mut all = OrderedMap::new();
    let mut tell = |name: &str, value| {
        all.insert(OwnedKey::Symbol(Symbol::from(name)), value);
    };
    tell("last_enqueued_sequence_number", Value::Long(newest));
    tell("last_enqueued_offset", Value::String(newest.to_string()));
    tell(
        "last_enqueued_time_utc",
        time(info.last_enqueued.map_or(0, milliseconds)),
    );
    tell("runtime_info_retrieval_time_utc", time(now));
    DeliveryAnnotations(all)
}

/// The next messages from a position on, from memory or else from the store.
async fn fetch(
    shared: &Shared,
    partition: u16,
    position: u64,
) -> Result<(VirtualTime, PartitionInfo, Vec<EventData>), Error> {
    let read = shared.hub.run(move |hub: &mut Hub, now| {
        let info = hub.log().partitions().nth(usize::from(partition));
        let events = hub.read(partition, position, BATCH);
        (now, info, events.map(|events| bounded(events.cloned())))
    });
    let (now, info, events) = read.await.map_err(internal)?;
    let info = info.ok_or_else(|| not_found(format!("there is no partition {partition}")))?;
    let first = match events {
        Ok(events) => return Ok((now, info, events)),
        Err(ReadError::NotInMemory { first }) => first,
        Err(cause) => return Err(internal(cause)),
    };
    let from = position.max(info.begin);
    let max = usize::try_from(first - from).map_or(BATCH, |count| count.min(BATCH));
    let archive = Arc::clone(&shared.archive);
    let stored = tokio::task::spawn_blocking(move || archive.read(partition, from, max));
    let stored = stored.await.map_err(internal)?.map_err(internal)?;
    if stored.is_empty() {
        return Err(internal(format!(
            "position {from} of partition {partition} is not in the store"
        )));
    }
    Ok((now, info, bounded(stored.into_iter())))
}

fn bounded(events: impl Iterator<Item = EventData>) -> Vec<EventData> {
    let mut bytes = 0;
    events
        .take_while(|event| {
            let fits = bytes < BATCH_BYTES;
            bytes += event.message.body.len();
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_millisecond_ends_when_the_next_begins() {
        let epoch = 1_000_000_500_000i128;
        // Unix millisecond 1,000,000 ends at 1,000,001,000,000 ns.
        assert_eq!(since(epoch, 1_000_000), VirtualTime::from_nanos(500_000));
        assert_eq!(since(epoch, 5), VirtualTime::ZERO);
        assert_eq!(since(epoch, i64::MAX), VirtualTime::MAX);
    }

    #[test]
    fn batches_are_bounded_in_bytes() {
        let event = |size: usize| EventData {
            device: twinbench_model::DeviceId::new("d").unwrap(),
            partition: 0,
            sequence_number: 0,
            enqueued: VirtualTime::ZERO,
            message: twinbench_model::Message {
                body: vec![0; size].into(),
                ..Default::default()
            },
        };
        let of = |sizes: &[usize]| bounded(sizes.iter().map(|&size| event(size))).len();
        assert_eq!(of(&[BATCH_BYTES * 2, 1]), 1);
        assert_eq!(of(&[BATCH_BYTES / 2, BATCH_BYTES / 2, 1]), 2);
        assert_eq!(of(&[1, 1, 1]), 3);
    }
}
