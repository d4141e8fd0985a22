//! A session as a scenario meets it.

use bytes::Bytes;
use serde_json::Value;
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, EntityId, Message, VirtualDuration, VirtualTime, system};
use twinbench_scenario::{
    file::{Fault, FaultKind},
    plan::{Act, MethodCall},
    runner::{Answer, Ticket, WorkflowView, World, WorldError},
};
use twinbench_serverless::rest;

use crate::session::{self, CrashPoint, MessageFault, MessageFaultKind, Session};

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
}

impl Bench {
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
            Act::Desired { .. } => Err(WorldError::not_supported("desired properties")),
            Act::CloudToDevice { .. } => Err(WorldError::not_supported("cloud-to-device messages")),
            Act::Publish {
                device,
                body,
                json,
                properties,
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
        let response = self.session.front_end(&request).map_err(broken)?;
        let body =
            serde_json::from_str(&response.body).unwrap_or_else(|_| response.body.as_str().into());
        Ok(Answer {
            status: response.status,
            body,
        })
    }

    fn call(&mut self, call: &MethodCall) -> Result<Ticket, WorldError> {
        Err(WorldError::not_supported(format!(
            "direct methods ({})",
            call.name
        )))
    }

    fn answer(&mut self, _: Ticket) -> Result<Option<Answer>, WorldError> {
        Err(WorldError::not_supported("direct methods"))
    }

    fn fault(&mut self, number: usize, fault: &Fault, begins: bool) -> Result<(), WorldError> {
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
                for device in self.devices_of(fault) {
                    let up = Stimulus::Wifi { up: !begins };
                    match self.stimulate(&device, up) {
                        // A device without a modem has no Wi-Fi to lose, unless it was named.
                        Err(WorldError::Refused(_)) if fault.device.is_none() => {}
                        other => other?,
                    }
                }
                return Ok(());
            }
            // Given to the engine when the session was opened.
            FaultKind::SignalReorder | FaultKind::SignalDuplicate => return Ok(()),
            kind @ (FaultKind::Brownout | FaultKind::ClockSkew | FaultKind::ConnectorDown) => {
                return Err(WorldError::not_supported(format!(
                    "the fault {}",
                    kind.name()
                )));
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
        EntityId::new(twinbench_serverless::entity_name(&device), device.as_str())
            .map_err(WorldError::refused)
    }

    fn entity(&self, id: &EntityId) -> Result<Option<Value>, WorldError> {
        Ok(self.session.entity(id))
    }

    fn twin(&self, _: &str) -> Result<Value, WorldError> {
        Err(WorldError::not_supported("device twins"))
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
