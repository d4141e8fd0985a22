//! Automatic configurations: kept and given back, but not applied to devices.

use serde_json::{Map, Value, json};

use super::{
    Error, ErrorCode, Response,
    request::{Call, Condition, number},
    state::etag,
};
use crate::{Hub, query::Query};

/// `PUT /configurations/{id}`
pub(super) fn put(hub: &mut Hub, call: &Call<'_>, id: &str, now: &str) -> Result<Response, Error> {
    check_id(id)?;
    let mut body = call.object()?;
    if body.get("id").is_some_and(|own| own != id) {
        return Err(Error::argument("the body's id is not that of the address"));
    }
    let old = hub.service.configurations.get(id);
    match (old, call.condition()) {
        (Some(_), Condition::None) => {
            let message = format!("Configuration {id} already exists");
            return Err(Error::new(ErrorCode::ConfigurationAlreadyExists, message));
        }
        (None, Condition::Exists | Condition::Etag(_)) => return Err(missing(id)),
        (Some(old), condition) => condition.check(&tag_of(old), id)?,
        (None, Condition::None) => {}
    }
    let count = old.and_then(|old| old["version"].as_u64()).unwrap_or(0) + 1;
    let created = old.map_or_else(|| json!(now), |old| old["createdTimeUtc"].clone());
    let is_new = old.is_none();
    body.insert("id".into(), json!(id));
    for (name, default) in [
        ("schemaVersion", json!("1.0")),
        ("labels", json!({})),
        ("content", json!({})),
        ("targetCondition", json!("")),
        ("priority", json!(0)),
    ] {
        if body.get(name).is_none_or(Value::is_null) {
            body.insert(name.into(), default);
        }
    }
    for name in ["metrics", "systemMetrics"] {
        let mut metrics = match body.remove(name) {
            Some(Value::Object(given)) => given,
            _ => Map::new(),
        };
        for part in ["results", "queries"] {
            metrics.entry(part).or_insert_with(|| json!({}));
        }
        body.insert(name.into(), Value::Object(metrics));
    }
    body.insert("createdTimeUtc".into(), created);
    body.insert("lastUpdatedTimeUtc".into(), json!(now));
    body.insert("version".into(), json!(count));
    body.insert("etag".into(), json!(etag(count)));
    let made = Value::Object(body);
    hub.put_configuration(id, &made);
    let status = if is_new { 201 } else { 200 };
    Ok(Response::json(status, &shown(&made)).tagged(&etag(count)))
}

/// `GET /configurations/{id}`
pub(super) fn get(hub: &Hub, id: &str) -> Result<Response, Error> {
    let found = hub
        .service
        .configurations
        .get(id)
        .ok_or_else(|| missing(id))?;
    Ok(Response::ok(&shown(found)).tagged(&tag_of(found)))
}

/// `GET /configurations?top=…`
pub(super) fn list(hub: &Hub, call: &Call<'_>) -> Result<Response, Error> {
    let top = number("top", call.parameter("top"), 1..=100)?.unwrap_or(100);
    let all = hub.service.configurations.values().take(top as usize);
    Ok(Response::ok(&all.map(shown).collect()))
}

/// `DELETE /configurations/{id}`
pub(super) fn delete(hub: &mut Hub, call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let found = hub
        .service
        .configurations
        .get(id)
        .ok_or_else(|| missing(id))?;
    call.condition().check(&tag_of(found), id)?;
    hub.remove_configuration(id);
    Ok(Response::empty())
}

/// `POST /configurations/testQueries`
pub(super) fn test_queries(call: &Call<'_>) -> Result<Response, Error> {
    let body = call.object()?;
    let target = body
        .get("targetCondition")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let wrong = |text: &str| match text.parse::<Query>() {
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    let target = match target.trim() {
        "" | "*" => None,
        condition => wrong(&format!("SELECT * FROM devices WHERE {condition}")),
    };
    let mut errors = Map::new();
    if let Some(Value::Object(queries)) = body.get("customMetricQueries") {
        for (name, query) in queries {
            if let Some(error) = query.as_str().and_then(wrong) {
                errors.insert(name.clone(), json!(error));
            }
        }
    }
    let answer = json!({
        "targetConditionError": target.unwrap_or_default(),
        "customMetricQueryErrors": errors,
    });
    Ok(Response::ok(&answer))
}

fn shown(stored: &Value) -> Value {
    let mut shown = stored.clone();
    if let Value::Object(members) = &mut shown {
        members.remove("version");
    }
    shown
}

fn tag_of(stored: &Value) -> String {
    stored["etag"].as_str().unwrap_or_default().to_owned()
}

fn missing(id: &str) -> Error {
    let message = format!("Configuration {id} does not exist");
    Error::new(ErrorCode::ConfigurationNotFound, message)
}

/// Small letters, digits and `-+%_*!'` up to 128 of them ("ADM configuration id").
fn check_id(id: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-+%_*!'".contains(c);
    if !id.is_empty() && id.len() <= 128 && id.chars().all(fits) {
        return Ok(());
    }
    Err(Error::argument(
        "a configuration's id is 1 to 128 small letters, digits and - + % _ * ! '",
    ))
}
