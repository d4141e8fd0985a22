//! Identities of modules: `/devices/{id}/modules`.

use serde_json::Value;
use twinbench_model::VirtualTime;

use super::{
    Error, Response, devices,
    form::Form,
    model,
    request::{Call, Condition},
};
use crate::Hub;

/// `GET /devices/{id}/modules`
pub(super) fn list(hub: &Hub, id: &str) -> Result<Response, Error> {
    let device = model::find(hub, (id, None))?;
    let modules = hub.registry.modules(&device.id.device);
    Ok(Response::ok(&devices::documents(hub, modules)))
}

/// `GET /devices/{id}/modules/{module}`
pub(super) fn get(hub: &Hub, id: &str, module: &str) -> Result<Response, Error> {
    Ok(devices::one(hub, model::find(hub, (id, Some(module)))?))
}

/// `PUT /devices/{id}/modules/{module}`
pub(super) fn put(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    module: &str,
    now: VirtualTime,
) -> Result<Response, Error> {
    model::find(hub, (id, None))?;
    let body = call.object()?;
    for (name, wanted) in [("deviceId", id), ("moduleId", module)] {
        if body.get(name).and_then(Value::as_str) != Some(wanted) {
            return Err(Error::argument(format!(
                "the body's {name} is not that of the address"
            )));
        }
    }
    let form = Form::read(&body)?;
    let condition = call.condition();
    devices::save(hub, (id, Some(module)), &form, condition, now)?;
    let response = get(hub, id, module)?;
    // The cloud tells new modules, but not new devices, from changed ones.
    let status = if condition == Condition::None {
        201
    } else {
        200
    };
    Ok(Response { status, ..response })
}

/// `DELETE /devices/{id}/modules/{module}`
pub(super) fn delete(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    module: &str,
    now: VirtualTime,
) -> Result<Response, Error> {
    model::find(hub, (id, None))?;
    devices::remove(hub, (id, Some(module)), call.condition(), now)?;
    Ok(Response::empty())
}
