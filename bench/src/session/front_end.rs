//! The application's front-end layer, and the methods that it calls by the hub.

use twinbench_hub::methods::{InvocationId, MethodCall, MethodError, MethodResult};
use twinbench_model::{DeviceId, VirtualDuration};
use twinbench_serverless::rest::{self, Request, Response, Routed};

use super::{Error, Session, method_answer};

/// How long a device has to answer a method of the front-end layer (IoT Hub's default).
const TIMEOUT: VirtualDuration = VirtualDuration::from_secs(30);

/// What becomes of a request of the front-end layer.
#[derive(Debug)]
pub enum FrontEnd {
    /// It is answered.
    Answered(Response),
    /// It waits for a device: see [`Session::method_results`] and [`Session::method_told`].
    Waits(InvocationId),
}

impl Session {
    /// Answers a request of the application's front-end layer at the current virtual time, or
    /// begins the direct method that it asks for.
    ///
    /// What the request caused is committed before the answer is given.
    ///
    /// # Errors
    /// When the commit fails.
    pub fn front_end(&mut self, request: &Request) -> Result<FrontEnd, Error> {
        let routed = rest::route(&mut self.engine, &mut self.application, request, self.now);
        let answer = match routed {
            Routed::Answered(response) => FrontEnd::Answered(response),
            Routed::Method(method) => {
                let call = MethodCall {
                    name: method.name,
                    payload: method.payload,
                    response_timeout: TIMEOUT,
                    connect_timeout: VirtualDuration::ZERO,
                };
                let called = match DeviceId::new(&method.device) {
                    Ok(device) => self.call_method(&device, call),
                    Err(_) => Err(MethodError::Argument("no device has such an id")),
                };
                match called {
                    Ok(number) => FrontEnd::Waits(number),
                    Err(error) => FrontEnd::Answered(self.method_told(&Err(error))),
                }
            }
        };
        self.answer_now()?;
        Ok(answer)
    }

    /// What the front-end layer says of a method that has ended.
    pub fn method_told(&self, result: &MethodResult) -> Response {
        let (status, body) = method_answer(result);
        rest::method_response(&self.application, status, &body)
    }
}
