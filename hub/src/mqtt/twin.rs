//! Twins over MQTT: answers to a device's requests, and news of desired properties.

use bytes::Bytes;
use serde_json::{Value, json};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::Subscription;
use crate::{ConnectionId, Hub, limits::Operation, registry::IdentityId, twin::TwinError};

impl Hub {
    /// A device asks for its twin.
    pub(super) fn twin_asked(&mut self, id: &IdentityId, request: &str, now: VirtualTime) {
        if self.is_throttled(id, Operation::TwinRead, 0, now) {
            return self.answer_twin(id, "429", request, None, Bytes::new(), now);
        }
        let Some(twin) = self.twin(id) else {
            return;
        };
        let body = twin.device_view().to_string();
        self.answer_twin(id, "200", request, None, body.into(), now);
    }

    /// A device changes its reported properties.
    pub(super) fn reported(
        &mut self,
        id: &IdentityId,
        (request, version): (&str, Option<&str>),
        body: &[u8],
        now: VirtualTime,
    ) {
        if self.is_throttled(id, Operation::TwinWrite, body.len(), now) {
            return self.answer_twin(id, "429", request, None, Bytes::new(), now);
        }
        let refused = |message: String| Bytes::from(json!({"message": message}).to_string());
        let patch = match serde_json::from_slice(body) {
            Ok(Value::Object(patch)) => patch,
            Ok(_) => {
                let body = refused("the patch must be a JSON object".into());
                return self.answer_twin(id, "400", request, None, body, now);
            }
            Err(error) => {
                let body = refused(format!("the patch is not JSON: {error}"));
                return self.answer_twin(id, "400", request, None, body, now);
            }
        };
        let expected = match version.map(str::parse) {
            None => None,
            Some(Ok(version)) => Some(version),
            Some(Err(_)) => {
                let body = refused("$version must be a number".into());
                return self.answer_twin(id, "400", request, None, body, now);
            }
        };
        match self.patch_reported(id, &patch, expected, now) {
            Ok(version) => {
                self.answer_twin(id, "204", request, Some(version), Bytes::new(), now);
            }
            Err(error) => {
                let status = match error {
                    TwinError::NotFound(_) => "404",
                    TwinError::Limit(_) => "400",
                    TwinError::Version { .. } => "412",
                };
                self.answer_twin(id, status, request, None, refused(error.to_string()), now);
            }
        }
    }

    /// Answers if the device listens to answers.
    pub(super) fn answer_twin(
        &mut self,
        id: &IdentityId,
        status: &str,
        request: &str,
        version: Option<u64>,
        body: Bytes,
        now: VirtualTime,
    ) {
        let Some((connection, _)) = self.listening(id, Subscription::TwinResponses) else {
            return;
        };
        let version = version.map_or_else(String::new, |version| format!("&$version={version}"));
        let topic = format!("$iothub/twin/res/{status}/?$rid={request}{version}");
        self.publish_to(connection, &topic, body, None, now);
    }

    /// Tells a device that listens what the service has written.
    pub(crate) fn notify_desired(
        &mut self,
        id: &IdentityId,
        version: u64,
        body: &Value,
        now: VirtualTime,
    ) {
        let listening = self.listening(id, Subscription::DesiredProperties);
        let Some((connection, _)): Option<(ConnectionId, _)> = listening else {
            return;
        };
        let topic = format!("$iothub/twin/PATCH/properties/desired/?$version={version}");
        self.publish_to(connection, &topic, body.to_string().into(), None, now);
    }

    /// Whether a limit or a fault has a device's request on its twin refused.
    fn is_throttled(
        &mut self,
        id: &IdentityId,
        operation: Operation,
        bytes: usize,
        now: VirtualTime,
    ) -> bool {
        let admitted = self.admit_operation(operation, bytes, Some(id), now);
        let at_once = matches!(admitted, Ok(VirtualDuration::ZERO));
        !at_once || self.throttled_by(id).is_some()
    }
}
