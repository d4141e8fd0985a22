//! Connection strings of a bench's hub, as its clients take them. They hold keys: shown to who asks,
//! never logged or recorded.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    file::{BenchFile, Ports},
    session::{device_key, policies},
};

/// The built-in endpoint's name.
const EVENT_HUB: &str = "hub";

/// Every connection string of a bench's hub.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connections {
    /// For service clients that may do everything.
    owner: String,
    /// Of each policy.
    policies: Vec<Connection>,
    /// Of the built-in endpoint, over TLS.
    events: String,
    /// Of the built-in endpoint, for clients that know the Event Hubs emulator.
    events_emulator: String,
    /// Of each device.
    devices: Vec<Connection>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    name: String,
    connection_string: String,
}

impl Connections {
    /// Those of a bench whose hub listens on these ports.
    pub(crate) fn new(file: &BenchFile, ports: &Ports) -> Self {
        let near = file.hub.near();
        let with = |usual: u16, port: u16| match port {
            port if port == usual || port == 0 => near.clone(),
            port => format!("{near}:{port}"),
        };
        let https = if ports.https.contains(&443) {
            443
        } else {
            ports.https.first().copied().unwrap_or(443)
        };
        let https = with(443, https);
        let policies = policies(file);
        let key = |name: &str| {
            let policy = policies.iter().find(|policy| policy.name == name);
            policy.map_or_else(String::new, |policy| policy.primary.to_base64())
        };
        let of_policy = |name: &str| {
            let key = key(name);
            format!("HostName={https};SharedAccessKeyName={name};SharedAccessKey={key}")
        };
        let events = |host: &str, more: &str| {
            format!(
                "Endpoint=sb://{host};SharedAccessKeyName=service;SharedAccessKey={};EntityPath={EVENT_HUB}{more}",
                key("service")
            )
        };
        let host = &file.hub.host;
        let device = |(id, device): (twinbench_model::DeviceId, &crate::file::Device)| {
            let key = device_key(file.seed, &id, device).to_base64();
            Connection {
                connection_string: format!(
                    "HostName={host};DeviceId={id};SharedAccessKey={key};GatewayHostName={near}"
                ),
                name: id.to_string(),
            }
        };
        Self {
            owner: of_policy("iothubowner"),
            policies: policies
                .iter()
                .map(|policy| Connection {
                    name: policy.name.clone(),
                    connection_string: of_policy(&policy.name),
                })
                .collect(),
            events: events(&format!("{}/", with(5671, ports.amqps)), ""),
            events_emulator: events(&with(5672, ports.amqp), ";UseDevelopmentEmulator=true"),
            devices: file.devices().into_iter().map(device).collect(),
        }
    }

    /// For a person, with so many devices at most.
    pub(crate) fn text(&self, most: usize) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "service: {}", self.owner);
        let _ = writeln!(text, "events:  {}", self.events);
        let _ = writeln!(text, "         {}", self.events_emulator);
        for device in self.devices.iter().take(most) {
            let _ = writeln!(text, "device:  {}", device.connection_string);
        }
        let more = self.devices.len().saturating_sub(most);
        if more > 0 {
            let _ = writeln!(
                text,
                "         and {more} more: `twinbench hub connection-strings BENCH`"
            );
        }
        text
    }
}
