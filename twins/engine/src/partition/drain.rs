//! Changes as records. The keys and values are described in [`records`](crate::records).

use std::mem;

use twinbench_model::{Record, Table};

use super::Partition;
use crate::{
    message::{Address, Message},
    records::{self, EntityRow, LockRow},
};

impl Partition {
    /// How many entities and orchestrations have changed since the last drain.
    pub(crate) fn changes(&self) -> usize {
        self.changed_entities.len() + self.changed_instances.len()
    }

    /// Adds the changes since the last call to `out`.
    pub(crate) fn drain_records(&mut self, out: &mut Vec<Record>) {
        for number in self.consumed.drain(..) {
            out.push(Record::delete(Table::Engine, records::message_key(number)));
        }
        for (id, chunk) in self.dropped_chunks.drain(..) {
            out.push(Record::delete(
                Table::Engine,
                records::history_key(&id, chunk),
            ));
        }
        for address in self.dropped_rows.drain(..) {
            out.push(Record::delete(Table::Engine, records::row_key(&address)));
        }
        self.drain_messages(out);
        if self.serial != self.drained_serial {
            self.drained_serial = self.serial;
            out.push(records::serial(self.index, self.serial));
        }
        self.drain_entities(out);
        self.drain_instances(out);
    }

    fn drain_messages(&mut self, out: &mut Vec<Record>) {
        let mut store = |message: &mut Message| {
            if !message.stored {
                message.stored = true;
                out.push(records::message(message));
            }
        };
        for address in self.touched.drain(..) {
            match address {
                Address::Entity(id) => {
                    if let Some(slot) = self.entities.get_mut(&id) {
                        slot.touched = false;
                        slot.owned.iter_mut().for_each(&mut store);
                        slot.queue.iter_mut().for_each(&mut store);
                    }
                }
                Address::Instance(id) => {
                    if let Some(instance) = self.instances.get_mut(&id) {
                        instance.touched = false;
                        instance.inbox.iter_mut().for_each(&mut store);
                    }
                }
            }
        }
        self.timers
            .drain_unstored(|message| out.push(records::message(message)));
    }

    fn drain_entities(&mut self, out: &mut Vec<Record>) {
        for id in mem::take(&mut self.changed_entities) {
            let Some(slot) = self.entities.get_mut(&id) else {
                continue;
            };
            let state = match slot.held.state() {
                Ok(state) => state,
                Err(failure) => {
                    // Its type promised that this cannot happen: what was stored last stays.
                    tracing::error!(entity = %id, %failure, "state has no JSON form; its changes are lost");
                    slot.held = crate::slot::Held::of_text(slot.stored.clone());
                    slot.stored.clone()
                }
            };
            let key = records::entity_key(&slot.source);
            let wanted = state.is_some() || slot.lock.is_some();
            if wanted {
                let row = EntityRow {
                    at: slot.last_operation,
                    state: state.clone(),
                    lock: slot.lock.as_ref().map(|lock| LockRow {
                        owner: lock.owner.clone(),
                        section: lock.section.clone(),
                    }),
                };
                out.push(Record::put(Table::Engine, key, records::value(&row)));
            } else if slot.has_row {
                out.push(Record::delete(Table::Engine, key));
            }
            slot.has_row = wanted;
            slot.stored = state;
            if slot.is_nothing() {
                self.entities.remove(&id);
            }
        }
    }

    fn drain_instances(&mut self, out: &mut Vec<Record>) {
        for id in mem::take(&mut self.changed_instances) {
            let Some(instance) = self.instances.get_mut(&id) else {
                continue;
            };
            let rows = instance.history.len();
            if rows > instance.stored_rows {
                let first = instance.stored_rows as u32;
                out.push(Record::put(
                    Table::Engine,
                    records::history_key(&id, first),
                    records::value(&instance.history[instance.stored_rows..]),
                ));
                instance.head.chunks.push(first);
                instance.stored_rows = rows;
            }
            out.push(Record::put(
                Table::Engine,
                records::instance_key(&id),
                records::value(&instance.head),
            ));
        }
    }
}
