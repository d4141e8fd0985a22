//! Direct methods: asked by a request, a command of a digital twin, or a job.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{Error, ErrorCode, Response, Ticket, model, request::Call};
use crate::{
    Hub,
    methods::{InvocationId, MAX_METHOD, MethodAnswer, MethodCall, MethodError, MethodResult},
};

/// A direct method to be called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Invocation {
    pub(super) name: String,
    pub(super) payload: Value,
    /// How long the device may take to answer: 5 to 300, 30 unless said.
    pub(super) response_seconds: u64,
    /// How long to wait for a device that has no connection: 0 to 300, 0 unless said.
    pub(super) connect_seconds: u64,
}

/// Who called a method.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// A request to `/methods`.
    Request(Ticket),
    /// A request to `/commands`: the payload alone is the answer.
    Command(Ticket),
    /// A job, for one of its devices.
    Job {
        /// The job's id.
        job: String,
        /// The key of the device in it.
        part: String,
    },
}

impl Invocation {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Error> {
        let name = body
            .get("methodName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if name.is_empty() || name.chars().count() > 100 {
            return Err(Error::argument("methodName must have 1 to 100 characters"));
        }
        let seconds = |name: &str, least: u64, default: u64| match body.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                let seconds = value.as_u64().filter(|n| (least..=300).contains(n));
                let wrong = || Error::argument(format!("{name} must be {least} to 300"));
                seconds.ok_or_else(wrong)
            }
        };
        let payload = body.get("payload").cloned().unwrap_or(Value::Null);
        if payload.to_string().len() > MAX_METHOD {
            let message = "the payload has more than 128 KB: send less";
            return Err(Error::new(ErrorCode::RequestEntityTooLarge, message));
        }
        Ok(Self {
            name: name.to_owned(),
            payload,
            response_seconds: seconds("responseTimeoutInSeconds", 5, 30)?,
            connect_seconds: seconds("connectTimeoutInSeconds", 0, 0)?,
        })
    }
}

/// `POST /twins/{id}/methods` and of a module.
pub(super) fn invoke(
    hub: &mut Hub,
    call: &Call<'_>,
    target: (&str, Option<&str>),
    ticket: Ticket,
    now: VirtualTime,
) -> Result<Option<Response>, Error> {
    let method = Invocation::read(&call.object()?)?;
    start(hub, target, &method, Caller::Request(ticket), now)?;
    Ok(None)
}

/// Calls a method; its end is told to the caller.
///
/// # Errors
/// When it cannot begin; the caller is then not told again.
pub(super) fn start(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    method: &Invocation,
    caller: Caller,
    now: VirtualTime,
) -> Result<(), Error> {
    let id = model::find(hub, target)?.id.clone();
    let call = MethodCall {
        name: method.name.clone(),
        payload: method.payload.clone(),
        response_timeout: VirtualDuration::from_secs(method.response_seconds),
        connect_timeout: VirtualDuration::from_secs(method.connect_seconds),
    };
    let started = hub.invoke_method(&id, call, now);
    let number = started.map_err(|error| refusal(hub, &error, method))?;
    // Without time to wait for a device that is not there, the end is known at once.
    let ended = hub
        .method_results
        .iter()
        .position(|(ended, _)| *ended == number);
    if let Some(place) = ended
        && let (_, Err(error)) = hub.method_results.remove(place)
    {
        return Err(refusal(hub, &error, method));
    }
    hub.service.methods.insert(number, (caller, method.clone()));
    Ok(())
}

/// What the cloud says of a method that failed.
fn refusal(hub: &Hub, error: &MethodError, method: &Invocation) -> Error {
    let say = |code, message: &str| Error::new(code, message);
    match error {
        MethodError::NotFound(id) => model::missing(hub, id),
        MethodError::NotOnline(_) => {
            let message = "Timed out waiting for device to connect.";
            say(ErrorCode::DeviceNotOnline, message).after(method.connect_seconds)
        }
        MethodError::ConnectionClosed(_) => {
            let message = "Device connection was closed by remote host.";
            say(ErrorCode::DeviceConnectionClosedRemotely, message).after(method.response_seconds)
        }
        MethodError::Timeout(_) => {
            let message = "Timed out waiting for the response from device.";
            say(ErrorCode::GatewayTimeout, message).after(method.response_seconds)
        }
        MethodError::Argument(_) => Error::argument(error.to_string()),
        MethodError::BadAnswer(_) => say(ErrorCode::BadDeviceResponse, &error.to_string()),
        MethodError::Throttled => say(ErrorCode::ThrottlingException, &error.to_string()),
    }
}

impl Hub {
    /// Tells the service's clients that a method has ended. Gives the result back when none of
    /// them called it.
    pub(crate) fn service_method_ended(
        &mut self,
        number: InvocationId,
        result: MethodResult,
        now: VirtualTime,
    ) -> Option<MethodResult> {
        let Some((caller, method)) = self.service.methods.remove(&number) else {
            return Some(result);
        };
        let result = result.map_err(|error| refusal(self, &error, &method));
        let whole =
            |answer: MethodAnswer| json!({"status": answer.status, "payload": answer.payload});
        let (ticket, response) = match (caller, result) {
            (Caller::Job { job, part }, result) => {
                self.job_answered(&job, &part, result.map(whole), now);
                return None;
            }
            (Caller::Request(ticket), Ok(answer)) => (ticket, Response::ok(&whole(answer))),
            (Caller::Command(ticket), Ok(answer)) => {
                let response = Response::ok(&answer.payload)
                    .with("x-ms-command-statuscode", answer.status.to_string())
                    .with("x-ms-request-id", ticket.0.to_string());
                (ticket, response)
            }
            (Caller::Request(ticket) | Caller::Command(ticket), Err(error)) => {
                (ticket, error.response(ticket.0, now, self.options.epoch))
            }
        };
        self.service.answer(ticket, response);
        None
    }
}
