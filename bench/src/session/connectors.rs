//! Between the application's connectors and the bench: messages for devices go to the hub's
//! queues, and faults of connectors last over a crash of the cloud.

use bytes::Bytes;
use serde_json::json;
use twinbench_hub::{c2d::SendC2d, registry::IdentityId};
use twinbench_model::{DeviceId, Event, Message, Room, VirtualDuration};
use twinbench_serverless::connectors::faults::ConnectorFault;

use super::Session;

/// How long the application's messages wait for their device (reference notes of the application,
/// section 3).
const EXPIRY: VirtualDuration = VirtualDuration::from_secs(600);

impl Session {
    /// The name of the entity that the application keeps for a device.
    pub(crate) fn entity_name(&self, device: &DeviceId) -> &str {
        self.application.options().entity_name(device.as_str())
    }

    /// Begins a fault of connectors; `number` tells faults apart that overlap.
    pub(crate) fn begin_connector_fault(&mut self, number: usize, fault: ConnectorFault) {
        self.note(
            "fault",
            &number.to_string(),
            &json!({"begins": format!("{fault:?}")}),
        );
        self.application.begin_fault(number, fault.clone());
        self.faults.connectors.insert(number, fault);
    }

    /// Ends a fault of connectors.
    pub(crate) fn end_connector_fault(&mut self, number: usize) {
        self.application.end_fault(number);
        if self.faults.connectors.remove(&number).is_some() {
            self.note("fault", &number.to_string(), &json!({"ends": true}));
        }
    }

    /// Gives the hub what the application has for devices, and tells the application of queues
    /// that take no more.
    pub(super) fn messages_to_devices(&mut self) {
        let mut calls = Vec::new();
        self.application.drain_for_devices(&mut calls);
        for call in calls {
            let Ok(device) = DeviceId::new(&call.device) else {
                continue;
            };
            let identity = IdentityId::from(device.clone());
            let send = SendC2d {
                message: Message {
                    body: Bytes::from(call.text.into_bytes()),
                    properties: call.properties,
                    ..Message::default()
                },
                expires: Some(call.time.saturating_add(EXPIRY)),
                ..SendC2d::default()
            };
            if let Err(refusal) = self.hub.send_c2d(&identity, send, self.now) {
                self.work.events.push(Event::json(
                    self.now,
                    Room::Hub,
                    "c2d-refused",
                    device.shared(),
                    &json!({"reason": refusal.to_string()}),
                ));
            }
            if let Some(reason) = self.hub.c2d_refusal(&identity) {
                self.application
                    .refuse_device(device.as_str(), Some(reason));
                self.full_queues.insert(device);
            }
        }
        let hub = &self.hub;
        let application = &mut self.application;
        self.full_queues.retain(|device| {
            let full = hub.c2d_refusal(&device.clone().into()).is_some();
            if !full {
                application.refuse_device(device.as_str(), None);
            }
            full
        });
    }
}
