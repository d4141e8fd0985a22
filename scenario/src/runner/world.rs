//! The bench as a scenario meets it.

use serde_json::Value;
use twinbench_model::{EntityId, VirtualTime};

use crate::{
    file::Fault,
    plan::{Act, MethodCall},
};

/// Why the bench did not do or tell something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// This bench has nothing of the kind yet.
    #[error("{0}: not supported by this bench yet")]
    NotSupported(String),
    /// The bench refused it.
    #[error("{0}")]
    Refused(String),
    /// The bench itself failed; the run is over.
    #[error("the bench failed: {0}")]
    Broken(String),
}

impl WorldError {
    /// Something that this bench does not have.
    pub fn not_supported(what: impl Into<String>) -> Self {
        Self::NotSupported(what.into())
    }

    /// Something that the bench refused.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is given to `map_err`, which hands errors over"
    )]
    pub fn refused(reason: impl ToString) -> Self {
        Self::Refused(reason.to_string())
    }
}

/// A workflow instance as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowView {
    /// When it was started.
    pub created: VirtualTime,
    /// When it had its last turn.
    pub updated: VirtualTime,
    /// `{instance, name, status, input, output, error, history}`.
    pub value: Value,
}

/// An answer of the front-end layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; a text when it is not JSON.
    pub body: Value,
}

/// A direct method call that is under way, numbered by the bench.
pub type Ticket = u64;

/// The bench: what can be done to it, and what can be read of it, at the current virtual time.
///
/// A bench that lacks something says so ([`WorldError::NotSupported`]); it never pretends.
pub trait World {
    /// The current virtual time, counted from the scenario's begin.
    fn now(&self) -> VirtualTime;

    /// Does something.
    ///
    /// # Errors
    /// When the bench cannot or will not do it.
    fn act(&mut self, act: &Act) -> Result<(), WorldError>;

    /// Answers a request of the front-end layer.
    ///
    /// # Errors
    /// When there is no front-end layer.
    fn request(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, WorldError>;

    /// Calls a direct method.
    ///
    /// # Errors
    /// When the bench has none, or the hub refuses the call at once.
    fn call(&mut self, call: &MethodCall) -> Result<Ticket, WorldError>;

    /// The answer to a call; `None` while it is under way. A call that ran into its timeout or
    /// whose device is away is answered with the hub's own status (504, 404).
    ///
    /// # Errors
    /// When there is no such call.
    fn answer(&mut self, ticket: Ticket) -> Result<Option<Answer>, WorldError>;

    /// Begins or ends a fault. `number` tells faults apart that overlap.
    ///
    /// # Errors
    /// When the bench has no such fault.
    fn fault(&mut self, number: usize, fault: &Fault, begins: bool) -> Result<(), WorldError>;

    /// The entity that the application keeps for a device.
    ///
    /// # Errors
    /// When there is no application that does.
    fn entity_of(&self, device: &str) -> Result<EntityId, WorldError>;

    /// An entity's state; `None` when it has none.
    ///
    /// # Errors
    /// When the bench has no entities.
    fn entity(&self, id: &EntityId) -> Result<Option<Value>, WorldError>;

    /// A device twin as `{desired, reported, tags}`.
    ///
    /// # Errors
    /// When the hub has no twins, or no such device.
    fn twin(&self, device: &str) -> Result<Value, WorldError>;

    /// Every workflow instance, ordered by id.
    ///
    /// # Errors
    /// When the bench has no workflows.
    fn workflows(&self) -> Result<Vec<WorkflowView>, WorldError>;

    /// A figure of the bench.
    ///
    /// # Errors
    /// When the bench has no such figure.
    fn metric(&self, name: &str) -> Result<f64, WorldError>;
}
