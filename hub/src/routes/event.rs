//! The hub's own events as messages: their properties and bodies ("Receive and process device
//! twin change, lifecycle and connection state events").

use serde_json::{Value, json};
use twinbench_model::{DeviceId, Message, system};

use super::Source;

/// What was done to a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwinChange {
    /// Parts of it were changed.
    Update,
    /// It was replaced.
    Replace,
}

/// What was done to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleChange {
    /// It was made.
    Created,
    /// It was deleted.
    Deleted,
}

/// What a device did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionChange {
    /// It connected.
    Connected,
    /// Its connection ended.
    Disconnected,
}

/// Who an event is about, where and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) hub: &'a str,
    pub(crate) device: &'a DeviceId,
    pub(crate) module: Option<&'a str>,
    /// ISO 8601.
    pub(crate) at: &'a str,
}

/// A twin was changed; the body is what changed, as the twin has it now.
pub(crate) fn twin_event(about: About<'_>, change: TwinChange, body: &Value) -> Message {
    let operation = match change {
        TwinChange::Update => "updateTwin",
        TwinChange::Replace => "replaceTwin",
    };
    event(
        about,
        Source::TwinChange,
        "twinChangeNotification",
        operation,
        body,
    )
}

/// An identity was made or deleted; the body is its twin.
pub(crate) fn lifecycle_event(about: About<'_>, change: LifecycleChange, twin: &Value) -> Message {
    let operation = match (change, about.module) {
        (LifecycleChange::Created, None) => "createDeviceIdentity",
        (LifecycleChange::Created, Some(_)) => "createModuleIdentity",
        (LifecycleChange::Deleted, None) => "deleteDeviceIdentity",
        (LifecycleChange::Deleted, Some(_)) => "deleteModuleIdentity",
    };
    event(
        about,
        Source::Lifecycle,
        "deviceLifecycleNotification",
        operation,
        twin,
    )
}

/// A device connected or disconnected; `count` orders the events of a device.
pub(crate) fn connection_event(about: About<'_>, change: ConnectionChange, count: u64) -> Message {
    let operation = match (change, about.module) {
        (ConnectionChange::Connected, None) => "deviceConnected",
        (ConnectionChange::Connected, Some(_)) => "moduleConnected",
        (ConnectionChange::Disconnected, None) => "deviceDisconnected",
        (ConnectionChange::Disconnected, Some(_)) => "moduleDisconnected",
    };
    let body = json!({"sequenceNumber": format!("{count:064X}")});
    let schema = "deviceConnectionStateNotification";
    event(about, Source::ConnectionState, schema, operation, &body)
}

fn event(about: About<'_>, source: Source, schema: &str, operation: &str, body: &Value) -> Message {
    let mut message = Message {
        body: body.to_string().into(),
        ..Message::default()
    };
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    message.system.extend(
        [
            (system::CONTENT_TYPE, "application/json"),
            (system::CONTENT_ENCODING, "utf-8"),
            (system::MESSAGE_SOURCE, source.name()),
        ]
        .map(own),
    );
    let properties = [
        ("deviceId", about.device.as_str()),
        ("hubName", about.hub),
        ("operationTimestamp", about.at),
        ("iothub-message-schema", schema),
        ("opType", operation),
    ];
    message.properties.extend(properties.map(own));
    if let Some(module) = about.module {
        message.properties.extend([own(("moduleId", module))]);
    }
    message
}
