//! The engine's state as records, and back.
//!
//! | key | value |
//! |---|---|
//! | `g` | how often the engine was restored: 8 bytes, big-endian |
//! | `s` partition (1 byte) | the serial: 8 bytes, big-endian |
//! | `e` entity id | an entity: its state, the time of its last operation, who has locked it |
//! | `o` instance id | an orchestration without its history |
//! | `h` instance id, 0, row (4 bytes, big-endian) | rows of its history from that one on |
//! | `m` number (8 bytes, big-endian) | a message under way, a timer among them |
//!
//! Each value but the first two is [`VERSION`] and postcard. Activities under way are in the history
//! that scheduled them.

use std::{collections::BTreeMap, sync::Arc};

use rayon::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use twinbench_model::{EntityId, Record, Table, VirtualTime};

use crate::{
    Engine, Instance, Json,
    engine::WORTH_A_THREAD,
    history::HistoryEvent,
    instance::Head,
    message::{Address, Body, Message},
    partition::{Partition, home},
    slot::{Held, LockHolder, Slot},
    store::Row,
};

/// First byte of a value.
const VERSION: u8 = 2;

const GENERATION: u8 = b'g';
const SERIAL: u8 = b's';
const ENTITY: u8 = b'e';
const ORCHESTRATION: u8 = b'o';
const HISTORY: u8 = b'h';
const MESSAGE: u8 = b'm';

/// Why stored rows are not the state of an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {key} cannot be read: {reason}")]
pub struct RestoreError {
    key: String,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LockRow {
    pub(crate) owner: Arc<str>,
    pub(crate) section: Arc<str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntityRow {
    pub(crate) at: VirtualTime,
    pub(crate) state: Option<Json>,
    pub(crate) lock: Option<LockRow>,
}

#[derive(Debug, Serialize)]
struct MessageRow<'a> {
    due: VirtualTime,
    to: &'a Address,
    body: &'a Body,
}

#[derive(Debug, Deserialize)]
struct StoredMessage {
    due: VirtualTime,
    to: Address,
    body: Body,
}

pub(crate) fn message(message: &Message) -> Record {
    let row = MessageRow {
        due: message.due,
        to: &message.to,
        body: &message.body,
    };
    Record::put(Table::Engine, message_key(message.number), value(&row))
}

pub(crate) fn serial(partition: u64, serial: u64) -> Record {
    Record::put(
        Table::Engine,
        [SERIAL, partition as u8],
        serial.to_be_bytes(),
    )
}

pub(crate) fn message_key(number: u64) -> Vec<u8> {
    let mut key = vec![MESSAGE];
    key.extend(number.to_be_bytes());
    key
}

pub(crate) fn entity_key(id: &str) -> Vec<u8> {
    text_key(ENTITY, id)
}

pub(crate) fn instance_key(id: &str) -> Vec<u8> {
    text_key(ORCHESTRATION, id)
}

pub(crate) fn row_key(address: &Address) -> Vec<u8> {
    match address {
        Address::Entity(id) => entity_key(&id.to_string()),
        Address::Instance(id) => instance_key(id),
    }
}

pub(crate) fn history_key(instance: &str, row: u32) -> Vec<u8> {
    let mut key = text_key(HISTORY, instance);
    key.push(0);
    key.extend(row.to_be_bytes());
    key
}

fn text_key(kind: u8, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.len() + 6);
    key.push(kind);
    key.extend(id.as_bytes());
    key
}

pub(crate) fn value(row: &(impl Serialize + ?Sized)) -> Vec<u8> {
    // Rows are structs of texts and numbers: writing them to memory cannot fail.
    postcard::to_extend(row, vec![VERSION]).unwrap_or_else(|cause| {
        tracing::error!(%cause, "a row of the engine has no form");
        vec![VERSION]
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match bytes.split_first() {
        Some((&VERSION, row)) => postcard::from_bytes(row).map_err(|cause| cause.to_string()),
        Some((version, _)) => Err(format!(
            "it is of version {version}, this program reads {VERSION}"
        )),
        None => Err("it is empty".to_owned()),
    }
}

impl Engine {
    /// Adds the changes since the last call to `out`, one record a changed row. Everything that
    /// happened is in them, messages under way too; commit all of them together, and after that
    /// [`take_work`](Self::take_work) may give out what they caused.
    pub fn drain_records(&mut self, out: &mut Vec<Record>) {
        let changes: usize = self.partitions.iter().map(Partition::changes).sum();
        match &self.pool {
            Some(pool) if changes >= WORTH_A_THREAD => {
                let partitions = &mut self.partitions;
                let drained: Vec<Vec<Record>> = pool.install(|| {
                    partitions
                        .par_iter_mut()
                        .map(|partition| {
                            let mut records = Vec::new();
                            partition.drain_records(&mut records);
                            records
                        })
                        .collect()
                });
                out.extend(drained.into_iter().flatten());
            }
            _ => {
                for partition in &mut self.partitions {
                    partition.drain_records(out);
                }
            }
        }
        if self.generation != self.drained_generation {
            self.drained_generation = self.generation;
            out.push(Record::put(
                Table::Engine,
                [GENERATION],
                self.generation.to_be_bytes(),
            ));
        }
        self.offer();
    }

    /// Most rows of most stores: read by all threads.
    fn restore_entities(&mut self, rows: Vec<Row>) -> Result<(), RestoreError> {
        let slots: Vec<_> = match &self.pool {
            Some(pool) => pool.install(|| {
                rows.into_par_iter()
                    .map(entity)
                    .collect::<Result<_, RestoreError>>()
            })?,
            None => rows.into_iter().map(entity).collect::<Result<_, _>>()?,
        };
        let mut sorted: Vec<Vec<_>> = self.partitions.iter().map(|_| Vec::new()).collect();
        for (address, id, slot) in slots {
            sorted[address].push((id, slot));
        }
        for (partition, slots) in self.partitions.iter_mut().zip(sorted) {
            partition.entities = slots.into_iter().collect();
        }
        Ok(())
    }

    /// Fills an engine that was just built with what was stored. What was under way goes on in the
    /// next [`run`](Self::run).
    ///
    /// # Errors
    /// When a row is none of this version; the engine is of no use then.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), RestoreError> {
        let mut histories: BTreeMap<Arc<str>, BTreeMap<u32, Vec<HistoryEvent>>> = BTreeMap::new();
        let mut messages = BTreeMap::new();
        let mut entities = Vec::new();
        for (key, bytes) in rows {
            let fail = |reason: &str| RestoreError {
                key: key.escape_ascii().to_string(),
                reason: reason.to_owned(),
            };
            let (&kind, name) = key.split_first().ok_or_else(|| fail("it has no key"))?;
            let text = || std::str::from_utf8(name).map_err(|_| fail("its key is no text"));
            match kind {
                GENERATION => {
                    let generation = bytes
                        .as_slice()
                        .try_into()
                        .map_err(|_| fail("it has not 8 bytes"))?;
                    self.generation = counter(generation).map_err(fail)?;
                    self.drained_generation = self.generation;
                }
                SERIAL => {
                    let serial = bytes
                        .as_slice()
                        .try_into()
                        .map_err(|_| fail("it has not 8 bytes"))?;
                    let partition = name
                        .first()
                        .and_then(|index| self.partitions.get_mut(usize::from(*index)))
                        .ok_or_else(|| fail("there is no such partition"))?;
                    partition.serial = counter(serial).map_err(fail)?;
                }
                ENTITY => entities.push((key, bytes)),
                ORCHESTRATION => {
                    let id: Arc<str> = text()?.into();
                    let head: Head = read(&bytes).map_err(|reason| fail(&reason))?;
                    let address = Address::Instance(Arc::clone(&id));
                    let instance = Instance::new(Arc::clone(&id), head);
                    self.partitions[home(&address)]
                        .instances
                        .insert(id, instance);
                }
                HISTORY => {
                    let (id, row) = name
                        .split_last_chunk::<4>()
                        .ok_or_else(|| fail("its key is too short"))?;
                    let id = id
                        .strip_suffix(&[0])
                        .and_then(|id| std::str::from_utf8(id).ok());
                    let id: Arc<str> = id
                        .ok_or_else(|| fail("its key is no history row's"))?
                        .into();
                    let events = read(&bytes).map_err(|reason| fail(&reason))?;
                    histories
                        .entry(id)
                        .or_default()
                        .insert(u32::from_be_bytes(*row), events);
                }
                MESSAGE => {
                    let number = name
                        .try_into()
                        .map_err(|_| fail("its key has not 9 bytes"))?;
                    let stored: StoredMessage = read(&bytes).map_err(|reason| fail(&reason))?;
                    messages.insert(u64::from_be_bytes(number), stored);
                }
                _ => return Err(fail("its key is none of the engine's")),
            }
        }
        self.restore_entities(entities)?;
        for (id, chunks) in histories {
            let address = Address::Instance(Arc::clone(&id));
            if let Some(instance) = self.partitions[home(&address)].instances.get_mut(&id) {
                instance.head.chunks = chunks.keys().copied().collect();
                let history: Vec<_> = chunks.into_values().flatten().collect();
                instance.stored_rows = history.len();
                instance.history = Arc::new(history);
            }
        }
        let messages = messages.into_iter().map(|(number, stored)| Message {
            number,
            due: stored.due,
            stored: true,
            to: stored.to,
            body: stored.body,
        });
        self.resume(messages.collect());
        Ok(())
    }
}

/// A counter that has far to go still, as every counter that was counted up to.
fn counter(bytes: [u8; 8]) -> Result<u64, &'static str> {
    let counter = u64::from_be_bytes(bytes);
    if counter >= 1 << 60 {
        return Err("it is too large for a counter");
    }
    Ok(counter)
}

/// An entity from its row, and its partition.
fn entity((key, bytes): Row) -> Result<(usize, EntityId, Slot), RestoreError> {
    let fail = |reason: &str| RestoreError {
        key: key.escape_ascii().to_string(),
        reason: reason.to_owned(),
    };
    let text = key
        .get(1..)
        .and_then(|name| std::str::from_utf8(name).ok())
        .ok_or_else(|| fail("its key is no text"))?;
    let id: EntityId = text.parse().map_err(|_| fail("its key is no entity id"))?;
    let row: EntityRow = read(&bytes).map_err(|reason| fail(&reason))?;
    let mut slot = Slot::new(&id);
    slot.stored.clone_from(&row.state);
    slot.held = Held::of_text(row.state);
    slot.has_row = true;
    slot.last_operation = row.at;
    slot.lock = row.lock.map(|lock| LockHolder {
        owner: lock.owner,
        section: lock.section,
    });
    let address = Address::Entity(id.clone());
    Ok((home(&address), id, slot))
}
