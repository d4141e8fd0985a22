//! Methods from their call to their end.

use std::fmt::Write as _;

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use twinbench_model::VirtualTime;

use super::{
    InvocationId, MAX_METHOD, MethodAnswer, MethodCall, MethodError, MethodResult,
    pending::Invocation,
};
use crate::{
    ConnectionId, Hub,
    journal::{self, MethodFacts},
    limits::Operation,
    mqtt::{PLAIN, Subscription},
    registry::IdentityId,
};

/// Methods that wait at most, whosever they are: bounds the hub's memory.
const MAX_WAITING: usize = 10_000;

impl Hub {
    /// Begins a direct method. Its end comes out of [`Hub::drain_method_results`].
    ///
    /// # Errors
    /// When there is no such device or module, the method cannot be sent, or too many wait.
    pub fn invoke_method(
        &mut self,
        id: &IdentityId,
        call: MethodCall,
        now: VirtualTime,
    ) -> Result<InvocationId, MethodError> {
        if self.registry.identity(id).is_none() {
            return Err(MethodError::NotFound(id.clone()));
        }
        if call.name.is_empty() || call.name.len() > 128 {
            return Err(MethodError::Argument("the name must have 1 to 128 bytes"));
        }
        if call.payload.to_string().len() > MAX_METHOD {
            return Err(MethodError::Argument("the payload has more than 128 KB"));
        }
        let size = call.payload.to_string().len();
        let admitted = self.admit_at_once(Operation::Method, size, Some(id), now);
        if admitted.is_err() || self.methods.len() >= MAX_WAITING {
            return Err(MethodError::Throttled);
        }
        self.stats.methods += 1;
        let facts = MethodFacts::Called {
            name: &call.name,
            payload: &call.payload,
        };
        self.events.push(journal::method(now, id.shared(), &facts));
        let deadline = now.saturating_add(call.connect_timeout);
        let number = self.methods.add(Invocation {
            id: id.clone(),
            call,
            sent: None,
            deadline,
        });
        if !self.send_method(number, now) && deadline <= now {
            self.end_method(number, Err(MethodError::NotOnline(id.clone())), now);
        }
        Ok(number)
    }

    /// Moves the methods that have ended to `out`, in order of their ends.
    pub fn drain_method_results(&mut self, out: &mut Vec<(InvocationId, MethodResult)>) {
        out.append(&mut self.method_results);
    }

    fn send_method(&mut self, number: InvocationId, now: VirtualTime) -> bool {
        let Some(waiting) = self.methods.get(number) else {
            return false;
        };
        let Some((connection, _)) = self.listening(&waiting.id, Subscription::Methods) else {
            return false;
        };
        let call = &waiting.call;
        let deadline = now.saturating_add(call.response_timeout);
        let mut topic = String::from("$iothub/methods/POST/");
        topic.extend(utf8_percent_encode(&call.name, PLAIN));
        // Writing to a text cannot fail.
        let _ = write!(topic, "/?$rid={:x}", number.0);
        let body = Bytes::from(call.payload.to_string());
        self.methods.sent(number, connection, deadline);
        self.publish_to(connection, &topic, body, None, now);
        true
    }

    /// A device listens to methods now: sends it those that wait for it.
    pub(crate) fn send_methods(&mut self, id: &IdentityId, now: VirtualTime) {
        for number in self.methods.of(id) {
            if self
                .methods
                .get(number)
                .is_some_and(|method| method.sent.is_none())
            {
                self.send_method(number, now);
            }
        }
    }

    /// A device answers. Answers that nobody waits for, or of another connection, are passed over.
    pub(crate) fn method_answered(
        &mut self,
        connection: ConnectionId,
        request: &str,
        status: i32,
        payload: &[u8],
        now: VirtualTime,
    ) {
        let Ok(number) = u64::from_str_radix(request, 16).map(InvocationId) else {
            return;
        };
        let waiting = self.methods.get(number);
        let Some(waiting) = waiting.filter(|method| method.sent == Some(connection)) else {
            return;
        };
        let id = waiting.id.clone();
        let payload = match payload {
            [] => Some(Value::Null),
            _ if payload.len() > MAX_METHOD => None,
            _ => serde_json::from_slice(payload).ok(),
        };
        let result = match payload {
            Some(payload) => Ok(MethodAnswer { status, payload }),
            None => Err(MethodError::BadAnswer(id)),
        };
        self.end_method(number, result, now);
    }

    /// An identity's connection has ended: so have the methods that it was to answer.
    pub(crate) fn close_methods(
        &mut self,
        connection: ConnectionId,
        id: &IdentityId,
        now: VirtualTime,
    ) {
        for number in self.methods.of(id) {
            if self
                .methods
                .get(number)
                .is_some_and(|method| method.sent == Some(connection))
            {
                let closed = MethodError::ConnectionClosed(id.clone());
                self.end_method(number, Err(closed), now);
            }
        }
    }

    pub(crate) fn tick_methods(&mut self, now: VirtualTime) {
        while let Some(number) = self.methods.first_due(now) {
            let Some(method) = self.methods.get(number) else {
                return;
            };
            let id = method.id.clone();
            let error = match method.sent {
                Some(_) => MethodError::Timeout(id),
                None => MethodError::NotOnline(id),
            };
            self.end_method(number, Err(error), now);
        }
    }

    fn end_method(&mut self, number: InvocationId, result: MethodResult, now: VirtualTime) {
        let Some(method) = self.methods.remove(number) else {
            return;
        };
        let error = result.as_ref().err().map(ToString::to_string);
        let facts = match &result {
            Ok(answer) => MethodFacts::Answered {
                name: &method.call.name,
                status: answer.status,
                payload: &answer.payload,
            },
            Err(_) => MethodFacts::Failed {
                name: &method.call.name,
                error: error.unwrap_or_default(),
            },
        };
        self.events
            .push(journal::method(now, method.id.shared(), &facts));
        if let Some(result) = self.service_method_ended(number, result, now) {
            self.method_results.push((number, result));
        }
    }
}
