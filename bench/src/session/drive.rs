//! Driving a session from outside: what happens can be watched, machines be given something, and
//! state be read.

use serde_json::{Value, json};
use twinbench_engine::Json;
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, EntityId, Event, Room, VirtualTime};

use super::{Error, Session};

/// Events on their way to somebody who watches.
#[derive(Debug, Default)]
pub(super) struct Watched {
    on: bool,
    /// How many of the events that wait for the recorder were already seen.
    held: usize,
    events: Vec<Event>,
}

impl Watched {
    /// Copies the events that are new among those that wait.
    pub(super) fn see(&mut self, waiting: &[Event]) {
        if self.on {
            let new = waiting.get(self.held..).unwrap_or_default();
            self.events.extend_from_slice(new);
        }
    }

    /// So many events wait further on.
    pub(super) fn kept(&mut self, waiting: usize) {
        self.held = waiting;
    }
}

/// A workflow instance as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceView {
    /// When it was started.
    pub created: VirtualTime,
    /// When it had its last turn.
    pub updated: VirtualTime,
    /// `{instance, name, status, input, output, error, history}`.
    pub facts: Value,
}

impl Session {
    /// From now on, events can be taken with [`Session::take_watched`].
    pub fn watch(&mut self) {
        self.watched.on = true;
    }

    /// Moves the events since the last call to `out`, in the order in which they were made: those
    /// of one instant may still be sorted by the recorder.
    pub fn take_watched(&mut self, out: &mut Vec<Event>) {
        self.watched.see(&self.work.events);
        self.watched.kept(self.work.events.len());
        out.append(&mut self.watched.events);
    }

    /// Waits until everything before the current time can be read in the recording's file.
    pub(crate) fn show_recording(&mut self) -> Result<(), Error> {
        self.scribe_events(self.now)?;
        self.scribe.show()
    }

    /// Gives a machine something at the current time. It is recorded, as every input is.
    ///
    /// # Errors
    /// When there is no such device, or its machine has nothing that takes such a thing.
    pub fn stimulate(&mut self, device: &DeviceId, stimulus: Stimulus) -> Result<(), Error> {
        let Some(slot) = self.fleet.slot(device) else {
            return Err(Error::Setting(format!(
                "device {device} is not on this bench"
            )));
        };
        let facts = facts(&stimulus);
        let given = self.fleet.apply(slot, stimulus, self.now);
        given.map_err(|cause| Error::Machine {
            device: device.clone(),
            cause,
        })?;
        self.work.events.push(Event::json(
            self.now,
            Room::Bench,
            "stimulus",
            device.shared(),
            &facts,
        ));
        Ok(())
    }

    /// Notes a decision of the bench in the recording.
    pub(super) fn note(&mut self, kind: &'static str, source: &str, facts: &Value) {
        let event = Event::json(self.now, Room::Bench, kind, source.into(), facts);
        self.work.events.push(event);
    }

    /// The last state of a durable entity; `None` when it has none.
    pub fn entity(&self, id: &EntityId) -> Option<Value> {
        self.engine.read(id).map(|state| value(&state))
    }

    /// Every workflow instance, ordered by id.
    pub fn instances(&self) -> Vec<InstanceView> {
        let mut all: Vec<_> = self
            .engine
            .instances()
            .map(|instance| InstanceView {
                created: instance.created(),
                updated: instance.updated(),
                facts: json!({
                    "instance": instance.id(),
                    "name": instance.name(),
                    "status": format!("{:?}", instance.status()),
                    "input": instance.input().map(value),
                    "output": instance.output().map(value),
                    "error": instance.failure(),
                    "history": instance.history(),
                }),
            })
            .collect();
        all.sort_by(|a, b| {
            a.facts["instance"]
                .as_str()
                .cmp(&b.facts["instance"].as_str())
        });
        all
    }

    /// Sends an operation to a durable entity at the current time.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub fn signal(
        &mut self,
        entity: &EntityId,
        operation: &str,
        input: Value,
    ) -> Result<(), Error> {
        self.engine
            .signal(entity, operation, input, self.now)
            .map_err(|cause| Error::Setting(format!("entity {entity}: {cause}")))
    }

    /// Raises an event for a workflow at the current time.
    ///
    /// # Errors
    /// When there is no such instance, or it has ended.
    pub fn raise(&mut self, instance: &str, event: &str, input: Value) -> Result<(), Error> {
        self.engine
            .raise_event(instance, event, Some(input.into()), self.now)
            .map_err(|cause| Error::Setting(format!("workflow {instance}: {cause}")))
    }

    /// Does at once what is to be done at the current time, after somebody outside gave it work.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub fn answer_now(&mut self) -> Result<(), Error> {
        self.settle()?;
        self.commit_and_hand_out()
    }
}

/// JSON as a value; a text when it is none.
fn value(json: &Json) -> Value {
    serde_json::from_str(json.as_str()).unwrap_or_else(|_| json.as_str().into())
}

/// What the recording says of a stimulus.
fn facts(stimulus: &Stimulus) -> Value {
    match stimulus {
        Stimulus::Uart { port, bytes } => json!({
            "uart": {"port": port, "text": String::from_utf8_lossy(bytes)}
        }),
        Stimulus::Sensor { quantity, value } => {
            json!({"sensor": {"quantity": quantity, "value": value}})
        }
        Stimulus::Button { name, pressed } => {
            json!({"button": {"name": name, "pressed": pressed}})
        }
        Stimulus::Reset => json!({"reset": {}}),
        Stimulus::Wifi { up } => json!({"wifi": {"up": up}}),
        Stimulus::Supply { on } => json!({"supply": {"on": on}}),
        Stimulus::Clock { ahead } => {
            json!({"clock": {"ahead_seconds": ahead.as_secs_f64()}})
        }
        Stimulus::Network(event) => json!({"network": format!("{event:?}")}),
    }
}
