//! What is there on this machine: ports, certificates, connection strings, programs.

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};
use twinbench_hub::net::how_to_trust;

use super::{Answer, ask};
use crate::{cli::Connections, file::Ports, serve::routes::Shared};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/bench/machines", get(machines))
}

/// A fact that a person may have to do something about.
fn fact(what: &str, ok: bool, detail: impl Into<String>, hint: &str) -> Value {
    json!({"what": what, "ok": ok, "detail": detail.into(), "hint": hint})
}

async fn machines(State(shared): State<Shared>) -> Answer<Value> {
    let (hub, strings, data, devices) = ask(&shared, |session| {
        let ports = session.ports().cloned();
        let open = open_ports(session.file().hub.ports.clone(), ports.as_ref());
        let strings = Connections::new(session.file(), &open);
        let strings = serde_json::to_value(strings).unwrap_or_default();
        let data = session.out().display().to_string();
        let devices = session.halted();
        Ok((ports, strings, data, devices))
    })
    .await?;
    let mut doctor = Vec::new();
    doctor.push(match &hub {
        Some(_) => fact("hub ports", true, "open", ""),
        None => fact(
            "hub ports",
            false,
            "closed",
            "set [hub] listen = true, or start with `twinbench serve`",
        ),
    });
    for (device, reason) in &devices {
        doctor.push(fact(
            &format!("device {device}"),
            false,
            reason.clone(),
            "look at its console, then reset it",
        ));
    }
    if devices.is_empty() {
        doctor.push(fact("devices", true, "none has stopped by itself", ""));
    }
    let mut ports = vec![json!({"what": "page and API", "address": shared.address.to_string()})];
    if let Some(Value::Object(all)) = &hub {
        for (name, value) in all
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "ca" | "notHad"))
        {
            let list = match value {
                Value::Array(list) => list.clone(),
                Value::Null => continue,
                one => vec![one.clone()],
            };
            for address in list {
                ports.push(json!({"what": name, "address": address}));
            }
        }
    }
    let ca = hub
        .as_ref()
        .and_then(|it| it["ca"].as_str())
        .map(str::to_owned);
    let certificates = ca
        .as_ref()
        .map(|ca| json!({"authority": ca, "trust": how_to_trust(std::path::Path::new(ca))}));
    let device = |it: &Value| json!({"device": it["name"], "text": it["connectionString"]});
    let mut all = vec![
        json!({"device": "service (iothubowner)", "text": strings["owner"]}),
        json!({"device": "built-in endpoint", "text": strings["events"]}),
    ];
    all.extend(
        strings["devices"]
            .as_array()
            .into_iter()
            .flatten()
            .map(device),
    );
    Ok(Json(json!({
        "doctor": doctor,
        "ports": ports,
        "certificates": certificates,
        "connection_strings": all,
        "data_folder": data,
    })))
}

/// The ports that were really opened: a bench may have asked for any free ones.
fn open_ports(mut ports: Ports, hub: Option<&Value>) -> Ports {
    let port = |name: &str| -> Option<u16> {
        let found = &hub?[name];
        let address = found.as_str().or_else(|| found.get(0)?.as_str())?;
        address.rsplit(':').next()?.parse().ok()
    };
    let set = |to: &mut u16, name: &str| *to = port(name).unwrap_or(*to);
    set(&mut ports.mqtt, "mqtt");
    set(&mut ports.mqtt_plain, "mqttPlain");
    set(&mut ports.amqp, "amqp");
    set(&mut ports.amqps, "amqps");
    if let Some(https) = port("https") {
        ports.https = vec![https];
    }
    ports
}
