//! `POST /devices`: up to 100 identities at once, each with what is to be done with it.

use serde_json::{Map, Value, json};
use twinbench_model::VirtualTime;

use super::{
    Error, Response, devices,
    form::Form,
    model,
    request::{Call, Condition},
    twins,
};
use crate::Hub;

/// Identities in one request, at most.
const MOST: usize = 100;

pub(super) fn apply(hub: &mut Hub, call: &Call<'_>, now: VirtualTime) -> Result<Response, Error> {
    let Value::Array(items) = call.json()? else {
        return Err(Error::argument("the body must be an array of devices"));
    };
    if items.is_empty() || items.len() > MOST {
        return Err(Error::argument(format!(
            "the array must hold 1 to {MOST} devices"
        )));
    }
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for item in &items {
        let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
        let (device, module) = (text("id").unwrap_or_default(), text("moduleId"));
        let result = match item.as_object() {
            Some(members) => one(hub, (device, module), members, now),
            None => Err(Error::argument("an element is not an object")),
        };
        let about = |name: &str, value: Value, status: &str| {
            let mut about = json!({"deviceId": device, status: value});
            about[name] = json!(module);
            about
        };
        match result {
            Ok(None) => {}
            Ok(Some(warning)) => {
                let mut warned = about(
                    "moduleId",
                    json!("DeviceRegisteredWithoutTwin"),
                    "warningCode",
                );
                warned["warningStatus"] = json!(warning);
                warnings.push(warned);
            }
            Err(error) => {
                let mut failed = about("moduleId", json!(error.code.name()), "errorCode");
                failed["errorStatus"] = json!(error.message);
                errors.push(failed);
            }
        }
    }
    let status = if errors.is_empty() { 200 } else { 400 };
    let body = json!({
        "isSuccessful": errors.is_empty(),
        "errors": errors,
        "warnings": warnings,
    });
    Ok(Response::json(status, &body))
}

/// Does what one element asks for; `Some` is a warning.
pub(super) fn one(
    hub: &mut Hub,
    target: (&str, Option<&str>),
    item: &Map<String, Value>,
    now: VirtualTime,
) -> Result<Option<String>, Error> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let etag = |name: &str| match text(name).map(|etag| etag.trim_matches('"')) {
        None | Some("" | "*") => Condition::Exists,
        Some(etag) => Condition::Etag(etag),
    };
    let mode = text("importMode").unwrap_or("createOrUpdate");
    let form = || Form::read(item);
    let there = model::find(hub, target).is_ok();
    let mode = mode.to_ascii_lowercase();
    match mode.as_str() {
        "create" => devices::save(hub, target, &form()?, Condition::None, now)?,
        "update" => devices::save(hub, target, &form()?, Condition::Exists, now)?,
        "updateifmatchetag" => devices::save(hub, target, &form()?, etag("eTag"), now)?,
        "createorupdate" => {
            let condition = if there {
                Condition::Exists
            } else {
                Condition::None
            };
            devices::save(hub, target, &form()?, condition, now)?;
        }
        "createorupdateifmatchetag" => {
            let condition = if there { etag("eTag") } else { Condition::None };
            devices::save(hub, target, &form()?, condition, now)?;
        }
        "delete" => return devices::remove(hub, target, Condition::Exists, now).map(|()| None),
        "deleteifmatchetag" => {
            return devices::remove(hub, target, etag("eTag"), now).map(|()| None);
        }
        "updatetwin" | "updatetwinifmatchetag" => {
            let condition = if mode == "updatetwin" {
                Condition::Exists
            } else {
                etag("twinETag")
            };
            return twins::patch(hub, target, &twin_of(item), condition, now).map(|_| None);
        }
        _ => return Err(Error::argument(format!("importMode {mode:?} is not known"))),
    }
    // A twin that came along is laid over the identity's, which stays when the twin is refused.
    let twin = twin_of(item);
    if twin.as_object().is_some_and(Map::is_empty) {
        return Ok(None);
    }
    let result = twins::patch(hub, target, &twin, Condition::Exists, now);
    Ok(result.err().map(|error| error.message))
}

/// The parts of a twin that an element carries.
fn twin_of(item: &Map<String, Value>) -> Value {
    let mut twin = Map::new();
    if let Some(tags @ Value::Object(_)) = item.get("tags") {
        twin.insert("tags".into(), tags.clone());
    }
    if let Some(desired @ Value::Object(_)) =
        item.get("properties").and_then(|all| all.get("desired"))
    {
        twin.insert("properties".into(), json!({"desired": desired}));
    }
    Value::Object(twin)
}
