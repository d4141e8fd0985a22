//! Twins: `/twins/{id}` and `/twins/{id}/modules/{module}`.

use serde_json::Value;
use twinbench_model::VirtualTime;

use super::{
    Error, ErrorCode, Method, Response, model,
    request::{Call, Condition},
};
use crate::{
    Hub,
    twin::{Twin, TwinWrite},
};

pub(super) fn handle(
    hub: &mut Hub,
    call: &Call<'_>,
    method: Method,
    target: (&str, Option<&str>),
    now: VirtualTime,
) -> Result<Response, Error> {
    match method {
        Method::Get => {}
        Method::Patch => {
            let body = Value::Object(call.object()?);
            patch(hub, target, &body, call.condition(), now)?;
        }
        Method::Put => {
            let body = Value::Object(call.object()?);
            write(hub, target, &body, call.condition(), true, now)?;
        }
        _ => {
            let message = "twins know GET, PATCH and PUT";
            return Err(Error::new(ErrorCode::MethodNotAllowed, message));
        }
    }
    let (document, etag) = document(hub, target)?;
    Ok(Response::ok(&document).tagged(&etag))
}

/// A twin as the service shows it, with its ETag.
pub(super) fn document(hub: &Hub, target: (&str, Option<&str>)) -> Result<(Value, String), Error> {
    let id = &model::find(hub, target)?.id;
    let document = hub.twin_document(id).unwrap_or_default();
    Ok((document, hub.twin(id).map(Twin::etag).unwrap_or_default()))
}

/// Lays `{tags, properties: {desired}}` over a twin; gives its new ETag.
pub(super) fn patch(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    body: &Value,
    condition: Condition<'_>,
    now: VirtualTime,
) -> Result<String, Error> {
    write(hub, target, body, condition, false, now)
}

/// A job's update: its patch may carry an ETag of its own.
pub(super) fn update_by_job(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    body: &Value,
    now: VirtualTime,
) -> Result<(), Error> {
    let condition = match body["etag"].as_str() {
        None | Some("" | "*") => Condition::Exists,
        Some(etag) => Condition::Etag(etag),
    };
    write(hub, target, body, condition, false, now).map(drop)
}

fn write(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    body: &Value,
    condition: Condition<'_>,
    replace: bool,
    now: VirtualTime,
) -> Result<String, Error> {
    let id = model::find(hub, target)?.id.clone();
    let etag = hub.twin(&id).map(Twin::etag).unwrap_or_default();
    condition.check(&etag, "the twin")?;
    let section = |value: Option<&Value>, name: &str| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(members)) => {
            // What the hub itself adds comes back when a client sends a twin that it got.
            let own =
                |(name, _): &(&String, &Value)| !matches!(name.as_str(), "$metadata" | "$version");
            let members = members.iter().filter(own);
            Ok(Some(
                members
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            ))
        }
        Some(_) => Err(Error::argument(format!("{name} must be an object"))),
    };
    let write = TwinWrite {
        tags: section(body.get("tags"), "tags")?,
        desired: section(
            body.get("properties").and_then(|all| all.get("desired")),
            "properties.desired",
        )?,
    };
    let result = if replace {
        hub.replace_twin(&id, write, now)
    } else {
        hub.patch_twin(&id, write, now)
    };
    match result.map(Twin::etag) {
        Ok(etag) => Ok(etag),
        Err(error) => Err(model::twin_error(hub, &error)),
    }
}
