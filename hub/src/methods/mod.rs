//! Direct methods: a question to a connected device, which is answered or times out
//! ("Understand and invoke direct methods from IoT Hub").
//!
//! [`Hub::invoke_method`](crate::Hub::invoke_method) begins one; its end comes out later, by
//! [`Hub::drain_method_results`](crate::Hub::drain_method_results). Methods are not stored: who
//! waits for one does not outlive the hub either.

mod calls;
mod pending;

pub(crate) use pending::Pending;
pub use pending::{InvocationId, MAX_METHOD, MethodAnswer, MethodCall, MethodError, MethodResult};
