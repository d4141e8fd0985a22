//! Twins in the words of Digital Twins: components, JSON patches, commands.
//!
//! A component is an object of the twin that carries `"__t": "c"`; a command is a direct method
//! with the name `command` or `component*command` ("IoT Plug and Play conventions").

use serde_json::{Map, Value, json};
use twinbench_model::VirtualTime;

use super::{
    Error, Response, Ticket,
    methods::{self, Caller, Invocation},
    request::Call,
    twins,
};
use crate::Hub;

/// `GET /digitaltwins/{id}`
pub(super) fn get(hub: &Hub, id: &str) -> Result<Response, Error> {
    let (twin, etag) = twins::document(hub, (id, None))?;
    Ok(Response::ok(&shown(&twin)).tagged(&etag))
}

fn shown(twin: &Value) -> Value {
    let (desired, reported) = (
        &twin["properties"]["desired"],
        &twin["properties"]["reported"],
    );
    let mut made = level(desired, reported, true);
    made.insert("$dtId".into(), twin["deviceId"].clone());
    if let Some(Value::Object(metadata)) = made.get_mut("$metadata") {
        metadata.insert("$model".into(), twin["modelId"].clone());
    }
    Value::Object(made)
}

/// The properties of the twin's root, or of a component.
fn level(desired: &Value, reported: &Value, root: bool) -> Map<String, Value> {
    let (mut made, mut metadata) = (Map::new(), Map::new());
    let empty = Map::new();
    let members = |value: &Value| value.as_object().unwrap_or(&empty).clone();
    let (wanted, told) = (members(desired), members(reported));
    let mut names: Vec<&String> = wanted.keys().chain(told.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        if name.starts_with('$') || name == "__t" {
            continue;
        }
        let (wish, fact) = (wanted.get(name), told.get(name));
        let marked = |value: Option<&Value>| value.is_some_and(|value| value["__t"] == "c");
        if root && (marked(wish) || marked(fact)) {
            let part = |side: Option<&Value>, all: &Value| {
                let mut part = side.cloned().unwrap_or_else(|| json!({}));
                part["$metadata"] = all["$metadata"][name.as_str()].clone();
                part["$version"] = all["$version"].clone();
                part
            };
            let inner = level(&part(wish, desired), &part(fact, reported), false);
            made.insert(name.clone(), Value::Object(inner));
            continue;
        }
        let mut about = Map::new();
        if let Some(fact) = fact {
            let acknowledged = fact.get("value").filter(|_| fact.get("ac").is_some());
            made.insert(name.clone(), acknowledged.unwrap_or(fact).clone());
            for (short, long) in [
                ("ac", "ackCode"),
                ("av", "ackVersion"),
                ("ad", "ackDescription"),
            ] {
                if let (Some(_), Some(value)) = (acknowledged, fact.get(short)) {
                    about.insert(long.into(), value.clone());
                }
            }
            let updated = &reported["$metadata"][name.as_str()]["$lastUpdated"];
            about.insert("lastUpdateTime".into(), updated.clone());
        }
        if let Some(wish) = wish {
            about.insert("desiredValue".into(), wish.clone());
            about.insert("desiredVersion".into(), desired["$version"].clone());
        }
        metadata.insert(name.clone(), Value::Object(about));
    }
    made.insert("$metadata".into(), Value::Object(metadata));
    made
}

/// `PATCH /digitaltwins/{id}`: a JSON patch (RFC 6902: add, replace, remove) of desired
/// properties.
pub(super) fn patch(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    now: VirtualTime,
) -> Result<Response, Error> {
    let (twin, _) = twins::document(hub, (id, None))?;
    let Value::Array(steps) = call.json()? else {
        return Err(Error::argument(
            "the body must be a JSON patch: an array of operations",
        ));
    };
    let mut desired = Map::new();
    for step in &steps {
        add_step(&mut desired, step, &twin)?;
    }
    let body = json!({"properties": {"desired": desired}});
    let etag = twins::patch(hub, (id, None), &body, call.condition(), now)?;
    let response = Response {
        status: 202,
        ..Response::empty()
    };
    Ok(response
        .tagged(&etag)
        .with("location", format!("/digitaltwins/{id}")))
}

/// Turns an operation of a JSON patch into a part of a merge patch.
fn add_step(desired: &mut Map<String, Value>, step: &Value, twin: &Value) -> Result<(), Error> {
    let path = step["path"]
        .as_str()
        .and_then(|path| path.strip_prefix('/'));
    let path = path.ok_or_else(|| Error::argument("an operation needs a path such as /name"))?;
    let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
    let names: Vec<String> = path.split('/').map(unescaped).collect();
    let value = match step["op"].as_str() {
        Some("add" | "replace") => match step.get("value") {
            Some(value) => value.clone(),
            None => return Err(Error::argument("add and replace need a value")),
        },
        Some("remove") => Value::Null,
        _ => return Err(Error::argument("op must be add, replace or remove")),
    };
    match names.as_slice() {
        [name] => {
            desired.insert(name.clone(), value);
        }
        [component, name] => {
            let known = &twin["properties"];
            let is_component = |side: &str| known[side][component.as_str()]["__t"] == "c";
            let part = desired.entry(component.clone()).or_insert_with(|| {
                // A path of two into something that is not known as anything else makes a
                // component of it.
                let plain = known["desired"].get(component.as_str()).is_some();
                if plain && !is_component("desired") && !is_component("reported") {
                    json!({})
                } else {
                    json!({"__t": "c"})
                }
            });
            match part {
                Value::Object(members) => members.insert(name.clone(), value),
                _ => return Err(Error::argument("two operations contradict each other")),
            };
        }
        _ => {
            return Err(Error::argument(
                "a path leads to /property or /component/property",
            ));
        }
    }
    Ok(())
}

/// `POST /digitaltwins/{id}/commands/{command}` and of a component.
pub(super) fn invoke(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    (component, command): (Option<&str>, &str),
    ticket: Ticket,
    now: VirtualTime,
) -> Result<Option<Response>, Error> {
    let name = match component {
        None => command.to_owned(),
        Some(component) => format!("{component}*{command}"),
    };
    let seconds = |name: &str| {
        call.parameter(&name.to_ascii_lowercase())
            .map(str::parse::<u64>)
    };
    let mut given = Map::new();
    for name in ["responseTimeoutInSeconds", "connectTimeoutInSeconds"] {
        match seconds(name) {
            None => {}
            Some(Ok(seconds)) => {
                given.insert(name.into(), json!(seconds));
            }
            Some(Err(_)) => return Err(Error::argument(format!("{name} must be a number"))),
        }
    }
    given.insert("methodName".into(), json!(name));
    let payload = if call.request.body.is_empty() {
        Value::Null
    } else {
        call.json()?
    };
    given.insert("payload".into(), payload);
    let method = Invocation::read(&given)?;
    methods::start(hub, (id, None), &method, Caller::Command(ticket), now)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twin() -> Value {
        json!({
            "deviceId": "d", "modelId": "dtmi:com:example:T;1",
            "properties": {
                "desired": {
                    "target": 20, "$version": 4,
                    "probe": {"__t": "c", "limit": 5},
                    "$metadata": {"target": {"$lastUpdated": "t1"}},
                },
                "reported": {
                    "target": {"value": 19, "ac": 200, "av": 4, "ad": "ok"}, "serial": "A1",
                    "probe": {"__t": "c", "max": 7}, "$version": 9,
                    "$metadata": {
                        "target": {"$lastUpdated": "t2"}, "serial": {"$lastUpdated": "t3"},
                        "probe": {"max": {"$lastUpdated": "t4"}},
                    },
                },
            },
        })
    }

    #[test]
    fn a_twin_becomes_properties_and_components() {
        let expected = json!({
            "$dtId": "d",
            "target": 19,
            "serial": "A1",
            "probe": {
                "max": 7,
                "$metadata": {
                    "max": {"lastUpdateTime": "t4"},
                    "limit": {"desiredValue": 5, "desiredVersion": 4},
                },
            },
            "$metadata": {
                "$model": "dtmi:com:example:T;1",
                "serial": {"lastUpdateTime": "t3"},
                "target": {
                    "ackCode": 200, "ackVersion": 4, "ackDescription": "ok",
                    "lastUpdateTime": "t2", "desiredValue": 20, "desiredVersion": 4,
                },
            },
        });
        assert_eq!(shown(&twin()), expected);
    }

    #[test]
    fn json_patches_become_merge_patches() {
        let steps = [
            json!({"op": "replace", "path": "/target", "value": 21}),
            json!({"op": "add", "path": "/probe/limit", "value": 6}),
            json!({"op": "remove", "path": "/probe/a~1b"}),
        ];
        let mut desired = Map::new();
        for step in &steps {
            add_step(&mut desired, step, &twin()).unwrap();
        }
        let expected = json!({"target": 21, "probe": {"__t": "c", "limit": 6, "a/b": null}});
        assert_eq!(Value::Object(desired), expected);
        for step in [
            json!({"op": "move", "path": "/a", "from": "/b"}),
            json!({"op": "add", "path": "/a"}),
            json!({"op": "add", "path": "a", "value": 1}),
            json!({"op": "add", "path": "/a/b/c", "value": 1}),
        ] {
            assert!(add_step(&mut Map::new(), &step, &twin()).is_err(), "{step}");
        }
    }
}
