//! A session as a scenario meets it.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};
use twinbench_hub::{
    faults,
    methods::{self, InvocationId, MethodResult},
};
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, EntityId, Message, VirtualDuration, VirtualTime, system};
use twinbench_scenario::{
    file::{Fault, FaultKind},
    plan::{Act, MethodCall},
    runner::{Answer, Ticket, WorkflowView, World, WorldError},
};
use twinbench_serverless::{
    connectors::faults::{ConnectorFault, NAMES, Trouble, activity_of},
    rest,
};

use crate::session::{self, CrashPoint, FrontEnd, MessageFault, MessageFaultKind, Session};

/// Figures that a scenario can ask for.
pub(crate) const METRICS: [&str; 7] = [
    "messages",
    "alerts",
    "dead-letters",
    "devices",
    "events",
    "commits",
    "steps",
];

/// How late a message comes when a fault does not say.
pub(super) const LATE: VirtualDuration = VirtualDuration::from_secs(1);

/// A session that a scenario runs on.
pub(crate) struct Bench {
    pub(crate) session: Session,
    /// Methods that were called, each with how often the cloud had ended before.
    called: BTreeMap<Ticket, (u64, InvocationId)>,
    /// How methods ended.
    ended: Vec<(InvocationId, MethodResult)>,
    tickets: Ticket,
}

impl Bench {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            called: BTreeMap::new(),
            ended: Vec::new(),
            tickets: 0,
        }
    }

    fn stimulate(&mut self, device: &str, stimulus: Stimulus) -> Result<(), WorldError> {
        let device = id(device)?;
        let given = self.session.stimulate(&device, stimulus);
        given.map_err(|error| match error {
            session::Error::Machine { cause, .. } => {
                WorldError::refused(format!("device {device}: {cause}"))
            }
            other => WorldError::refused(other),
        })
    }

    /// What an act caused is done and durable before the next one.
    fn settle(&mut self) -> Result<(), WorldError> {
        self.session.answer_now().map_err(broken)
    }

    /// Lets time go on until a method that the front-end layer called has ended.
    fn wait_for(&mut self, number: InvocationId) -> Result<rest::Response, WorldError> {
        let crashes = self.session.crashes();
        loop {
            self.session.method_results(&mut self.ended);
            if let Some(place) = self.ended.iter().position(|(ended, _)| *ended == number) {
                let (_, result) = self.ended.swap_remove(place);
                return Ok(self.session.method_told(&result));
            }
            if crashes != self.session.crashes() {
                return Err(WorldError::refused(
                    "the cloud ended before the device answered",
                ));
            }
            let next = self.session.next_step(VirtualTime::MAX);
            self.session.step(next).map_err(broken)?;
        }
    }

    /// Gives every device of a fault the same.
    fn give_all(&mut self, fault: &Fault, stimulus: &Stimulus) -> Result<(), WorldError> {
        for device in self.devices_of(fault) {
            match self.stimulate(&device, stimulus.clone()) {
                // A device without a modem has no Wi-Fi to lose, unless it was named.
                Err(WorldError::Refused(_)) if fault.device.is_none() => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn devices_of(&self, fault: &Fault) -> Vec<String> {
        let pattern = fault.device.as_deref().unwrap_or("*");
        self.session
            .devices()
            .map(DeviceId::as_str)
            .filter(|id| twinbench_scenario::plan::fits(pattern, id))
            .map(str::to_owned)
            .collect()
    }
}

fn id(device: &str) -> Result<DeviceId, WorldError> {
    DeviceId::new(device).map_err(WorldError::refused)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is given to `map_err`, which hands errors over"
)]
fn broken(error: session::Error) -> WorldError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    WorldError::Broken(text)
}

/// The part of a fault that acts on connections to the hub.
fn hub_fault(fault: &Fault) -> Option<faults::FaultKind> {
    use faults::FaultKind as Hub;
    let by = fault.by.unwrap_or(LATE);
    Some(match fault.kind {
        FaultKind::NetworkDrop => Hub::NetworkDrop,
        FaultKind::HalfOpen => Hub::HalfOpen,
        FaultKind::Latency => Hub::Latency(by),
        FaultKind::Throttle => Hub::Throttle(by),
        FaultKind::RejectAuthentication => Hub::RejectAuthentication,
        FaultKind::ForceDisconnect => Hub::ForceDisconnect,
        FaultKind::ServerRestart => Hub::ServerRestart,
        // Messages without a connection are concerned as well, before the hub.
        FaultKind::Duplicate => Hub::Duplicate(fault.probability.unwrap_or(1.0)),
        FaultKind::Reorder => Hub::Reorder(by),
        _ => return None,
    })
}

/// A fault of connectors, for the application.
fn connector_fault(fault: &Fault) -> Result<ConnectorFault, WorldError> {
    if let Some(name) = &fault.connector
        && activity_of(name).is_none()
    {
        let known: Vec<&str> = NAMES.iter().map(|(short, _)| *short).collect();
        return Err(WorldError::refused(format!(
            "connector {name:?} is not known; there are {}",
            known.join(", ")
        )));
    }
    Ok(ConnectorFault {
        connector: fault.connector.clone(),
        device: fault.device.clone(),
        trouble: match fault.kind {
            FaultKind::ConnectorSlow => Trouble::Slow(fault.by.unwrap_or(LATE)),
            FaultKind::ConnectorRefuses => Trouble::Refuses("the connector refuses it".into()),
            _ => Trouble::Down,
        },
    })
}

impl World for Bench {
    fn now(&self) -> VirtualTime {
        VirtualTime::ZERO + self.session.now().since(self.session.started_at())
    }

    fn act(&mut self, act: &Act) -> Result<(), WorldError> {
        match act {
            Act::Sensor {
                device,
                quantity,
                value,
            } => self.stimulate(
                device,
                Stimulus::Sensor {
                    quantity: quantity.clone(),
                    value: *value,
                },
            ),
            Act::Button {
                device,
                button,
                pressed,
            } => self.stimulate(
                device,
                Stimulus::Button {
                    name: button.clone(),
                    pressed: *pressed,
                },
            ),
            Act::Uart { device, port, text } => self.stimulate(
                device,
                Stimulus::Uart {
                    port: port.clone(),
                    bytes: Bytes::from(text.clone().into_bytes()),
                },
            ),
            Act::Reset { device } => self.stimulate(device, Stimulus::Reset),
            Act::Wifi { device, up } => self.stimulate(device, Stimulus::Wifi { up: *up }),
            Act::Desired { device, patch } => {
                let Some(patch) = patch.as_object().cloned() else {
                    return Err(WorldError::refused(format!(
                        "desired properties are an object, not {patch}"
                    )));
                };
                let patched = self.session.patch_desired(&id(device)?, patch);
                patched.map_err(WorldError::refused)?;
                self.settle()
            }
            Act::CloudToDevice {
                device,
                body,
                properties,
            } => {
                let message = Message {
                    body: Bytes::from(body.clone()),
                    properties: properties.clone(),
                    ..Message::default()
                };
                let sent = self.session.send_to_device(&id(device)?, message);
                sent.map_err(WorldError::refused)?;
                self.settle()
            }
            Act::Publish {
                device,
                body,
                json,
                properties,
                with_next,
            } => {
                let mut message = Message {
                    body: Bytes::from(body.clone()),
                    properties: properties.clone(),
                    ..Message::default()
                };
                if *json {
                    let kind = (system::CONTENT_TYPE, "application/json");
                    for (name, value) in [kind, (system::CONTENT_ENCODING, "utf-8")] {
                        message.system.insert(name.into(), value.into());
                    }
                }
                let published = self.session.publish(&id(device)?, message);
                published.map_err(WorldError::refused)?;
                if *with_next {
                    // The function gets it in one batch with what comes next.
                    return Ok(());
                }
                self.settle()
            }
            Act::Signal {
                entity,
                operation,
                input,
            } => {
                let sent = self.session.signal(entity, operation, input.clone());
                sent.map_err(WorldError::refused)?;
                self.settle()
            }
            Act::Raise {
                instance,
                event,
                input,
            } => {
                let raised = self.session.raise(instance, event, input.clone());
                raised.map_err(WorldError::refused)?;
                self.settle()
            }
        }
    }

    fn request(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, WorldError> {
        if self.session.file().app.is_empty() {
            return Err(WorldError::not_supported(
                "a front-end layer (this bench has no [[app]])",
            ));
        }
        let Some(below) = path.strip_prefix("/api/") else {
            return Err(WorldError::refused(format!(
                "{path} is not below /api/, where the front-end layer is"
            )));
        };
        let (path, query) = below.split_once('?').unwrap_or((below, ""));
        let request = rest::Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body: body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())),
        };
        let response = match self.session.front_end(&request).map_err(broken)? {
            FrontEnd::Answered(response) => response,
            FrontEnd::Waits(number) => self.wait_for(number)?,
        };
        let body =
            serde_json::from_str(&response.body).unwrap_or_else(|_| response.body.as_str().into());
        Ok(Answer {
            status: response.status,
            body,
        })
    }

    fn call(&mut self, call: &MethodCall) -> Result<Ticket, WorldError> {
        let wanted = methods::MethodCall {
            name: call.name.clone(),
            payload: call.payload.clone(),
            response_timeout: call.timeout,
            connect_timeout: VirtualDuration::ZERO,
        };
        let called = self.session.call_method(&id(&call.device)?, wanted);
        let number = called.map_err(WorldError::refused)?;
        self.tickets += 1;
        let crashes = self.session.crashes();
        self.called.insert(self.tickets, (crashes, number));
        self.settle()?;
        Ok(self.tickets)
    }

    fn answer(&mut self, ticket: Ticket) -> Result<Option<Answer>, WorldError> {
        let Some(&(crashes, number)) = self.called.get(&ticket) else {
            return Err(WorldError::refused(format!(
                "no method {ticket} was called"
            )));
        };
        if crashes != self.session.crashes() {
            self.called.remove(&ticket);
            self.ended.clear();
            return Ok(Some(Answer {
                status: 504,
                body: json!({"error": "the cloud ended before the device answered"}),
            }));
        }
        self.session.method_results(&mut self.ended);
        let Some(place) = self.ended.iter().position(|(ended, _)| *ended == number) else {
            return Ok(None);
        };
        self.called.remove(&ticket);
        let (_, result) = self.ended.swap_remove(place);
        let (status, body) = session::method_answer(&result);
        Ok(Some(Answer { status, body }))
    }

    fn fault(&mut self, number: usize, fault: &Fault, begins: bool) -> Result<(), WorldError> {
        if let Some(kind) = hub_fault(fault) {
            let done = if begins {
                let device = fault.device.clone();
                self.session.begin_hub_fault(number, kind, device)
            } else {
                self.session.end_hub_fault(number)
            };
            done.map_err(broken)?;
        }
        let kind = match fault.kind {
            FaultKind::Drop => MessageFaultKind::Drop,
            FaultKind::Duplicate => MessageFaultKind::Duplicate,
            FaultKind::Delay => MessageFaultKind::Delay,
            FaultKind::Reorder => MessageFaultKind::Reorder,
            FaultKind::Redeliver => MessageFaultKind::Redeliver,
            FaultKind::Crash => {
                // Which of the two is chosen by the instant: a search that moves a crash meets both.
                let even = (fault.from.as_nanos() / 1_000_000).is_multiple_of(2);
                let point = if even {
                    CrashPoint::BeforeCommit
                } else {
                    CrashPoint::AfterCommit
                };
                self.session.crash_at_commit(point);
                return Ok(());
            }
            FaultKind::WifiDown => {
                return self.give_all(fault, &Stimulus::Wifi { up: !begins });
            }
            FaultKind::Brownout => {
                return self.give_all(fault, &Stimulus::Supply { on: !begins });
            }
            FaultKind::ClockSkew => {
                let behind = fault.by.unwrap_or(LATE).as_nanos();
                let behind = if begins { i128::from(behind) } else { 0 };
                let ahead = SignedDuration::from_nanos_i128(-behind);
                return self.give_all(fault, &Stimulus::Clock { ahead });
            }
            // Given to the engine when the session was opened, or to the hub above.
            FaultKind::SignalReorder
            | FaultKind::SignalDuplicate
            | FaultKind::NetworkDrop
            | FaultKind::HalfOpen
            | FaultKind::Latency
            | FaultKind::Throttle
            | FaultKind::RejectAuthentication
            | FaultKind::ForceDisconnect
            | FaultKind::ServerRestart => return Ok(()),
            FaultKind::ConnectorDown | FaultKind::ConnectorRefuses | FaultKind::ConnectorSlow => {
                if begins {
                    let fault = connector_fault(fault)?;
                    self.session.begin_connector_fault(number, fault);
                } else {
                    self.session.end_connector_fault(number);
                }
                return Ok(());
            }
        };
        if begins {
            let fault = MessageFault {
                kind,
                device: fault.device.clone(),
                probability: fault.probability.unwrap_or(1.0),
                by: fault.by.unwrap_or(LATE),
            };
            self.session.begin_fault(number, fault);
        } else {
            self.session.end_fault(number);
        }
        Ok(())
    }

    fn entity_of(&self, device: &str) -> Result<EntityId, WorldError> {
        if self.session.file().app.is_empty() {
            return Err(WorldError::not_supported(
                "entities of devices (this bench has no [[app]])",
            ));
        }
        let device = id(device)?;
        let name = self.session.entity_name(&device);
        EntityId::new(name, device.as_str()).map_err(WorldError::refused)
    }

    fn entity(&self, id: &EntityId) -> Result<Option<Value>, WorldError> {
        Ok(self.session.entity(id))
    }

    fn twin(&self, device: &str) -> Result<Value, WorldError> {
        let twin = self.session.twin(&id(device)?);
        twin.ok_or_else(|| WorldError::refused(format!("device {device} is not registered")))
    }

    fn workflows(&self) -> Result<Vec<WorkflowView>, WorldError> {
        let all = self.session.instances().into_iter();
        Ok(all
            .map(|it| WorkflowView {
                created: it.created,
                updated: it.updated,
                value: it.facts,
            })
            .collect())
    }

    fn metric(&self, name: &str) -> Result<f64, WorldError> {
        let stats = self.session.stats();
        let value = match name {
            "messages" => stats.messages,
            "alerts" => stats.alerts,
            "dead-letters" => stats.dead_letters,
            "devices" => stats.devices,
            "events" => stats.events,
            "commits" => stats.commits,
            "steps" => stats.steps,
            other => {
                return Err(WorldError::refused(format!(
                    "metric {other:?} is not known; there are {}",
                    METRICS.join(", ")
                )));
            }
        };
        Ok(value as f64)
    }
}
