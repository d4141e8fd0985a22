//! The hub's own events on their way to the built-in endpoint.

use serde_json::{Map, Value, json};
use twinbench_model::{Message, VirtualTime, system};

use super::{
    About, ConnectionChange, LifecycleChange, Source, TwinChange, connection_event,
    lifecycle_event, twin_event,
};
use crate::{Hub, log::Parts, registry::IdentityId, twin::TwinWrite};

impl Hub {
    /// A device or module was made, or is about to be deleted.
    pub(crate) fn identity_changed(
        &mut self,
        id: &IdentityId,
        change: LifecycleChange,
        now: VirtualTime,
    ) {
        if !self.options.routes.takes(Source::Lifecycle) {
            return;
        }
        let Some(twin) = self.twin_document(id) else {
            return;
        };
        let kept = [
            "deviceId",
            "moduleId",
            "etag",
            "version",
            "connectionState",
            "tags",
            "properties",
        ];
        let own = |(name, value): (&str, Value)| (name.to_owned(), value);
        let kept = kept
            .iter()
            .filter_map(|name| Some((*name, twin.get(*name)?.clone())));
        let body: Map<String, Value> = kept.map(own).collect();
        let at = self.options.epoch.rfc3339(now);
        let message = lifecycle_event(self.about(id, &at), change, &Value::Object(body));
        self.route_event(id, Source::Lifecycle, message, now);
    }

    /// A twin was written: by the service, or its reported properties by the device.
    pub(crate) fn twin_was_written(
        &mut self,
        id: &IdentityId,
        write: &TwinWrite,
        reported: Option<&Map<String, Value>>,
        replace: bool,
        now: VirtualTime,
    ) {
        if !self.options.routes.takes(Source::TwinChange) {
            return;
        }
        let Some(twin) = self.twin_document(id) else {
            return;
        };
        let (mut body, mut properties) = (Map::new(), Map::new());
        let sections = [("desired", write.desired.as_ref()), ("reported", reported)];
        for (name, written) in sections {
            let Some(written) = written else { continue };
            let whole = &twin["properties"][name];
            let mut part = if replace {
                whole.clone()
            } else {
                Value::Object(written.clone())
            };
            part["$metadata"] = pruned(&whole["$metadata"], written, replace);
            part["$version"] = whole["$version"].clone();
            properties.insert(name.into(), part);
        }
        body.insert("version".into(), twin["version"].clone());
        if let Some(tags) = &write.tags {
            body.insert(
                "tags".into(),
                if replace {
                    twin["tags"].clone()
                } else {
                    json!(tags)
                },
            );
        }
        if !properties.is_empty() {
            body.insert("properties".into(), Value::Object(properties));
        }
        let change = if replace {
            TwinChange::Replace
        } else {
            TwinChange::Update
        };
        let at = self.options.epoch.rfc3339(now);
        let message = twin_event(self.about(id, &at), change, &Value::Object(body));
        self.route_event(id, Source::TwinChange, message, now);
    }

    /// A device or module connected or disconnected.
    pub(crate) fn connection_state_changed(
        &mut self,
        id: &IdentityId,
        change: ConnectionChange,
        now: VirtualTime,
    ) {
        if !self.options.routes.takes(Source::ConnectionState) {
            return;
        }
        let count = self
            .registry
            .activity(id)
            .unwrap_or_default()
            .connection_changes;
        let at = self.options.epoch.rfc3339(now);
        let message = connection_event(self.about(id, &at), change, count);
        self.route_event(id, Source::ConnectionState, message, now);
    }

    fn about<'a>(&'a self, id: &'a IdentityId, at: &'a str) -> About<'a> {
        let hub = self
            .options
            .host_names
            .first()
            .map_or("localhost", String::as_str);
        About {
            hub,
            device: &id.device,
            module: id.module_str(),
            at,
        }
    }

    /// Whether a message reaches the built-in endpoint.
    pub(crate) fn reaches_events(
        &self,
        id: &IdentityId,
        source: Source,
        message: impl FnOnce() -> Message,
    ) -> bool {
        let routes = &self.options.routes;
        if routes.takes_all(source) {
            return true;
        }
        let twin = || self.twin_document(id);
        routes.takes(source) && routes.reaches_events(source, &message(), twin)
    }

    /// Puts an event of the hub's own into the log, when a route takes it.
    fn route_event(
        &mut self,
        id: &IdentityId,
        source: Source,
        mut message: Message,
        now: VirtualTime,
    ) {
        let Some(entry) = self.registry.entry_of(id) else {
            return;
        };
        let (device, partition) = (id.device.clone(), entry.partition);
        let enqueued = self.log.stamp(now);
        let mut set = |name: &str, value: &str| {
            message.system.insert(name.to_owned(), value.to_owned());
        };
        set(system::ENQUEUED_TIME, &enqueued);
        set(system::DEVICE_ID, device.as_str());
        if let Some(module) = id.module_str() {
            set("iothub-connection-module-id", module);
        }
        if self.reaches_events(id, source, || message.clone()) {
            let system = message.system.iter();
            let system = system.map(|(name, value)| (name.as_str(), value.as_str()));
            let system: Vec<(&str, &str)> = system.collect();
            let parts = Parts {
                device: &device,
                enqueued: now,
                system: &system,
                properties: &message.properties,
                body: &message.body,
            };
            if let Some(sequence) = self.log.append(partition, &parts, &mut self.records) {
                let place = (partition, sequence);
                let event = crate::journal::telemetry(&parts, place, &mut self.buffer);
                self.events.push(event);
            }
        }
    }
}

/// The metadata of what was written only.
fn pruned(metadata: &Value, written: &Map<String, Value>, whole: bool) -> Value {
    if whole {
        return metadata.clone();
    }
    let Value::Object(members) = metadata else {
        return Value::Null;
    };
    let mut kept = Map::new();
    for (name, below) in members {
        match written.get(name) {
            Some(Value::Object(inner)) => {
                kept.insert(name.clone(), pruned(below, inner, false));
            }
            Some(_) => {
                kept.insert(name.clone(), below.clone());
            }
            None if name.starts_with('$') => {
                kept.insert(name.clone(), below.clone());
            }
            None => {}
        }
    }
    Value::Object(kept)
}
