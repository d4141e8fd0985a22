//! What makes a device's own connection to the hub.

use std::collections::BTreeMap;

use serde_json::Value;
use twinbench_model::VirtualDuration;

/// How a device without firmware reaches the hub by a connection of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedLink {
    /// The hub's name.
    pub host: String,
    /// What it signs in with: user name and password of MQTT.
    pub sign_in: SignIn,
    /// The direct methods that it knows; others are answered with 501.
    pub methods: BTreeMap<String, SimulatedMethod>,
}

/// User name and password. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The user name.
    pub username: String,
    /// The password: a shared access signature.
    pub password: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What a device without firmware does with a direct method.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedMethod {
    /// The status of its answer.
    pub status: i32,
    /// The payload of its answer; `None` gives back what it was given.
    pub payload: Option<Value>,
    /// How long it takes.
    pub after: VirtualDuration,
    /// Whether it answers at all.
    pub answers: bool,
}
