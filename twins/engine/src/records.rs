//! The engine's state as records, and back.
//!
//! | key | value |
//! |---|---|
//! | `s` | the serial: 8 bytes, big-endian |
//! | `e` entity id | an entity: its state and the time of its last operation |
//! | `o` instance id | an orchestration without its history |
//! | `h` instance id, 0, row (4 bytes, big-endian) | a row of its history |
//! | `m` number (8 bytes, big-endian) | a message under way, a timer among them |
//!
//! Each value but the serial is [`VERSION`] and JSON. Activities under way are in the history that
//! scheduled them and in their orchestration's list of open work.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use twinbench_model::{EntityId, Record, Table, VirtualTime};

use crate::{
    Engine, Instance, Json, WorkItem,
    activity::Activity,
    engine::Target,
    instance::Head,
    message::{Body, Message},
    orchestration::{Fact, HistoryEvent},
    slot::Slot,
    store::Row,
};

/// First byte of a value.
const VERSION: u8 = 1;

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
struct EntityRow {
    at: VirtualTime,
    state: Json,
}

#[derive(Debug, Serialize)]
struct MessageRow<'a> {
    due: VirtualTime,
    body: &'a Body,
}

#[derive(Debug, Deserialize)]
struct StoredMessage {
    due: VirtualTime,
    body: Body,
}

impl Engine {
    /// Adds the changes since the last call to `out`, one record a changed row. Everything that
    /// happened is in them, messages under way too; commit all of them together, and after that
    /// [`take_work`](Self::take_work) may give out what they caused.
    pub fn drain_records(&mut self, out: &mut Vec<Record>) {
        for number in self.consumed.drain(..) {
            out.push(Record::delete(Table::Engine, message_key(number)));
        }
        self.drain_messages(out);
        if self.serial != self.drained {
            out.push(Record::put(
                Table::Engine,
                [SERIAL],
                self.serial.to_be_bytes(),
            ));
            self.drained = self.serial;
        }
        for id in mem::take(&mut self.changed_entities) {
            self.drain_entity(&id, out);
        }
        for id in mem::take(&mut self.changed_instances) {
            if let Some(instance) = self.instances.get_mut(&id) {
                drain_instance(instance, out);
            }
        }
        self.offered.extend(self.caused.drain(..));
    }

    fn drain_messages(&mut self, out: &mut Vec<Record>) {
        let queued = self.ready.iter().filter_map(|target| match target {
            Target::Entity(id) => self.entities.get(id).map(|slot| &slot.queue),
            Target::Instance(id) => self.instances.get(id).map(|instance| &instance.inbox),
        });
        for message in queued
            .flatten()
            .filter(|message| message.number > self.drained)
        {
            out.push(message_record(message.number, message.due, &message.body));
        }
        for (due, number, body) in self.timers.drain_unstored() {
            out.push(message_record(number, due, body));
        }
    }

    fn drain_entity(&mut self, id: &EntityId, out: &mut Vec<Record>) {
        let Some(slot) = self.entities.get_mut(id) else {
            return;
        };
        let key = text_key(ENTITY, &slot.source);
        match slot.state() {
            Ok(Some(state)) => {
                let row = EntityRow {
                    at: slot.last_operation,
                    state: state.clone(),
                };
                out.push(Record::put(Table::Engine, key, value(&row)));
                slot.stored = Some(state);
            }
            Ok(None) => {
                if slot.stored.take().is_some() {
                    out.push(Record::delete(Table::Engine, key));
                }
                if slot.queue.is_empty() {
                    self.entities.remove(id);
                }
            }
            Err(failure) => {
                // Its type promised that this cannot happen: what was stored last stays.
                tracing::error!(entity = %id, %failure, "state has no JSON form; its changes are lost");
                slot.live = None;
                slot.exists = slot.stored.is_some();
                slot.text = slot.stored.clone().map(Into::into).unwrap_or_default();
            }
        }
    }

    /// Fills an engine that was just built with what was stored. What was under way goes on in the
    /// next [`run`](Self::run).
    ///
    /// # Errors
    /// When a row is none of this version; the engine is of no use then.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), RestoreError> {
        let mut histories: BTreeMap<Arc<str>, BTreeMap<u32, HistoryEvent>> = BTreeMap::new();
        let mut messages = BTreeMap::new();
        for (key, bytes) in rows {
            let fail = |reason: &str| RestoreError {
                key: key.escape_ascii().to_string(),
                reason: reason.to_owned(),
            };
            let (&kind, name) = key.split_first().ok_or_else(|| fail("it has no key"))?;
            let text = || std::str::from_utf8(name).map_err(|_| fail("its key is no text"));
            match kind {
                SERIAL => {
                    let serial = bytes
                        .as_slice()
                        .try_into()
                        .map_err(|_| fail("it has not 8 bytes"))?;
                    self.serial = u64::from_be_bytes(serial);
                }
                ENTITY => {
                    let id: EntityId = text()?
                        .parse()
                        .map_err(|_| fail("its key is no entity id"))?;
                    let EntityRow { at, state } = read(&bytes).map_err(|reason| fail(&reason))?;
                    let mut slot = Slot::new(&id);
                    slot.exists = true;
                    slot.text = state.clone().into();
                    slot.stored = Some(state);
                    slot.last_operation = at;
                    self.entities.insert(id, slot);
                }
                ORCHESTRATION => {
                    let id: Arc<str> = text()?.into();
                    let head: Head = read(&bytes).map_err(|reason| fail(&reason))?;
                    self.instances
                        .insert(Arc::clone(&id), Instance::new(id, head));
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
                    let event = read(&bytes).map_err(|reason| fail(&reason))?;
                    histories
                        .entry(id)
                        .or_default()
                        .insert(u32::from_be_bytes(*row), event);
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
        for (id, rows) in histories {
            if let Some(instance) = self.instances.get_mut(&id) {
                instance.history = rows.into_values().collect();
                instance.stored_rows = instance.history.len();
                instance.same_rows = instance.stored_rows;
            }
        }
        self.drained = self.serial;
        // A result that is under way ends its task: it needs no second worker.
        let mut done = BTreeSet::new();
        for StoredMessage { body, .. } in messages.values() {
            if let Body::Result {
                instance,
                execution,
                task,
                ..
            } = body
            {
                done.insert((instance.as_str(), *execution, *task));
            }
        }
        self.restore_work(&done);
        for (number, StoredMessage { due, body }) in messages {
            let message = Message { number, due, body };
            // All of them wait for their time, which for most has come: `run` delivers them.
            self.timers.add(message, true);
        }
        Ok(())
    }

    /// Activities that were scheduled and have not ended are done again, in the order in which
    /// they were made.
    fn restore_work(&mut self, done: &BTreeSet<(&str, u64, u32)>) {
        let mut items = Vec::new();
        for instance in self.instances.values_mut() {
            if instance.head.status.is_final() {
                continue;
            }
            for event in &instance.history {
                match &event.fact {
                    Fact::TaskScheduled { id, name, input } => {
                        let execution = instance.head.execution;
                        let open = instance.head.work.get(id);
                        let open =
                            open.filter(|_| !done.contains(&(&*instance.id, execution, *id)));
                        items.extend(open.map(|number| WorkItem {
                            number: *number,
                            instance: instance.id.to_string(),
                            execution,
                            task: *id,
                            name: name.clone(),
                            input: input.clone(),
                        }));
                    }
                    Fact::TimerCreated { id, .. } => {
                        instance.timers.insert(*id);
                    }
                    Fact::TimerFired { id } => {
                        instance.timers.remove(id);
                    }
                    _ => {}
                }
            }
        }
        items.sort_by_key(|item| item.number);
        for item in items {
            match self.registry.activities.get(&item.name) {
                Some(Activity::Elsewhere) => self.offered.push_back(item),
                _ => self.work.push_back(item),
            }
        }
    }
}

fn drain_instance(instance: &mut Instance, out: &mut Vec<Record>) {
    out.push(Record::put(
        Table::Engine,
        text_key(ORCHESTRATION, &instance.id),
        value(&instance.head),
    ));
    let rows = instance.history.len();
    for (row, event) in instance.history.iter().enumerate().skip(instance.same_rows) {
        out.push(Record::put(
            Table::Engine,
            history_key(&instance.id, row),
            value(event),
        ));
    }
    for row in rows..instance.stored_rows {
        out.push(Record::delete(
            Table::Engine,
            history_key(&instance.id, row),
        ));
    }
    instance.stored_rows = rows;
    instance.same_rows = rows;
}

fn message_record(number: u64, due: VirtualTime, body: &Body) -> Record {
    Record::put(
        Table::Engine,
        message_key(number),
        value(&MessageRow { due, body }),
    )
}

fn message_key(number: u64) -> Vec<u8> {
    let mut key = vec![MESSAGE];
    key.extend(number.to_be_bytes());
    key
}

fn text_key(kind: u8, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.len() + 1);
    key.push(kind);
    key.extend(id.as_bytes());
    key
}

fn history_key(instance: &str, row: usize) -> Vec<u8> {
    let mut key = text_key(HISTORY, instance);
    key.push(0);
    key.extend((row as u32).to_be_bytes());
    key
}

fn value(row: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    // Rows are structs of texts, numbers and JSON: writing them to memory cannot fail.
    if let Err(cause) = serde_json::to_writer(&mut bytes, row) {
        tracing::error!(%cause, "a row of the engine has no JSON form");
    }
    bytes
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|cause| cause.to_string()),
        Some((version, _)) => Err(format!(
            "it is of version {version}, this program reads {VERSION}"
        )),
        None => Err("it is empty".to_owned()),
    }
}
