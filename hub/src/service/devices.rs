//! Identities of devices: `/devices`, `/statistics`.

use serde_json::{Value, json};
use twinbench_model::VirtualTime;

use super::{
    Error, Response,
    form::Form,
    model,
    request::{Call, Condition, number},
};
use crate::{
    Hub,
    registry::{Identity, Status},
};

/// Devices that a list gives at most.
const MAX_LIST: u64 = 1_000;

/// `GET /devices?top=…`
pub(super) fn list(hub: &Hub, call: &Call<'_>) -> Result<Response, Error> {
    let top = number("top", call.parameter("top"), 1..=MAX_LIST)?.unwrap_or(MAX_LIST);
    let devices = hub.registry.list().take(top as usize);
    Ok(Response::ok(&documents(hub, devices)))
}

/// `GET /devices/{id}`
pub(super) fn get(hub: &Hub, id: &str) -> Result<Response, Error> {
    Ok(one(hub, model::find(hub, (id, None))?))
}

pub(super) fn one(hub: &Hub, identity: &Identity) -> Response {
    let document = hub.identity_document(&identity.id).unwrap_or_default();
    Response::ok(&document).tagged(&identity.etag())
}

/// Identities as an array.
pub(super) fn documents<'h>(hub: &Hub, all: impl Iterator<Item = &'h Identity>) -> Value {
    all.filter_map(|identity| hub.identity_document(&identity.id))
        .collect()
}

/// `PUT /devices/{id}`
pub(super) fn put(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    now: VirtualTime,
) -> Result<Response, Error> {
    let body = call.object()?;
    match body.get("deviceId").and_then(Value::as_str) {
        Some(own) if own == id => {}
        _ => {
            return Err(Error::argument(
                "the body's deviceId is not that of the address",
            ));
        }
    }
    let form = Form::read(&body)?;
    save(hub, (id, None), &form, call.condition(), now)?;
    get(hub, id)
}

/// Makes an identity, or changes it when the condition says that there is one.
pub(super) fn save(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    form: &Form,
    condition: Condition<'_>,
    now: VirtualTime,
) -> Result<(), Error> {
    let id = model::parse(target)?;
    let old = hub.registry.identity(&id);
    match (old, condition) {
        (Some(_), Condition::None) => return Err(model::already(&id)),
        (Some(old), condition) => condition.check(&old.etag(), target.0)?,
        (None, Condition::None) => {}
        (None, _) => return Err(model::missing(hub, &id)),
    }
    let make = |name| model::new_key(hub, &id, name, now);
    let there = old.is_some();
    let settings = form.settings(old.map(|old| &old.settings), make);
    let result = if there {
        hub.update_identity(&id, settings, now).map(drop)
    } else {
        hub.create_identity(id, settings, now).map(drop)
    };
    result.map_err(|error| model::identity_error(hub, &error))
}

/// `DELETE /devices/{id}`
pub(super) fn delete(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    now: VirtualTime,
) -> Result<Response, Error> {
    remove(hub, (id, None), call.condition(), now)?;
    Ok(Response::empty())
}

pub(super) fn remove(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    condition: Condition<'_>,
    now: VirtualTime,
) -> Result<(), Error> {
    let identity = model::find(hub, target)?;
    condition.check(&identity.etag(), target.0)?;
    let id = identity.id.clone();
    let result = hub.delete_identity(&id, now);
    result.map_err(|error| model::identity_error(hub, &error))
}

/// `GET /statistics/devices`
pub(super) fn statistics(hub: &Hub) -> Response {
    let (total, enabled) = (hub.registry.len(), hub.count_devices(Status::Enabled));
    Response::ok(&json!({
        "totalDeviceCount": total,
        "enabledDeviceCount": enabled,
        "disabledDeviceCount": total - enabled,
    }))
}

/// `GET /statistics/service`
pub(super) fn connected(hub: &Hub) -> Response {
    Response::ok(&json!({"connectedDeviceCount": hub.stats().devices_connected}))
}
