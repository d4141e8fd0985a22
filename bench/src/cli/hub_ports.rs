//! The hub's ports on the command line, and what a person is told of them.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    file::{BenchFile, HubSection, Ports},
    serve::{HubAddresses, certificates_folder},
};

use super::connections::Connections;

/// Devices whose connection strings are shown when a bench is served.
const SHOWN: usize = 10;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct HubPorts {
    /// The port for MQTT over TLS on loopback; 0 takes any free one. Default: the bench file's, or
    /// 8883.
    #[arg(long, value_name = "PORT")]
    mqtt_port: Option<u16>,
    /// Open this port on loopback to plain MQTT, too; 0 takes any free one. Default: the bench
    /// file's (1883), if its `[hub]` says `plain = true`.
    #[arg(long, value_name = "PORT")]
    mqtt_plain_port: Option<u16>,
    /// A port for HTTPS on loopback (REST, MQTT over WebSocket, file upload); may be given several
    /// times. Default: the bench file's, or 443 and 8443, of which one is enough.
    #[arg(long, value_name = "PORT")]
    https_port: Vec<u16>,
    /// The port for plain AMQP on loopback, as clients of the Event Hubs emulator speak it. Default:
    /// the bench file's, or 5672.
    #[arg(long, value_name = "PORT")]
    amqp_port: Option<u16>,
    /// The port for AMQP over TLS on loopback. Default: the bench file's, or 5671.
    #[arg(long, value_name = "PORT")]
    amqps_port: Option<u16>,
    /// Take any free port for everything of the hub that no other option names.
    #[arg(long)]
    any_ports: bool,
    /// The folder of the hub's certificates; default: in the user's data folder, so that clients
    /// are told once to trust it.
    #[arg(long, value_name = "FOLDER")]
    certificates: Option<PathBuf>,
}

impl HubPorts {
    /// Whether a port was asked for.
    pub(crate) fn wanted(&self) -> bool {
        let named = [
            self.mqtt_port,
            self.mqtt_plain_port,
            self.amqp_port,
            self.amqps_port,
        ];
        self.any_ports || !self.https_port.is_empty() || named.iter().any(Option::is_some)
    }

    /// The ports of a bench file with what is said here, and whether plain MQTT is wanted.
    pub(crate) fn over(&self, section: &HubSection) -> (Ports, bool) {
        let base = if self.any_ports {
            Ports::any()
        } else {
            section.ports.clone()
        };
        let ports = Ports {
            mqtt: self.mqtt_port.unwrap_or(base.mqtt),
            mqtt_plain: self.mqtt_plain_port.unwrap_or(base.mqtt_plain),
            https: if self.https_port.is_empty() {
                base.https
            } else {
                self.https_port.clone()
            },
            amqp: self.amqp_port.unwrap_or(base.amqp),
            amqps: self.amqps_port.unwrap_or(base.amqps),
        };
        (ports, section.plain || self.mqtt_plain_port.is_some())
    }

    /// Where the certificates are: in the data folder when this user has none of their own.
    pub(crate) fn certificates(&self, data: &Path) -> PathBuf {
        let own = self.certificates.clone().or_else(certificates_folder);
        own.unwrap_or_else(|| data.join("certificates"))
    }
}

/// What a person is told of an open hub.
pub(crate) fn shown(addresses: &HubAddresses, file: &BenchFile) -> String {
    let mut text = String::new();
    let https: Vec<String> = addresses.https.iter().map(ToString::to_string).collect();
    // Writing to a text cannot fail.
    let _ = writeln!(text, "the hub, on loopback only:");
    let _ = writeln!(text, "  MQTT    {} (TLS)", addresses.mqtt);
    if let Some(plain) = addresses.mqtt_plain {
        let _ = writeln!(text, "  MQTT    {plain} (plain)");
    }
    let _ = writeln!(
        text,
        "  HTTPS   {} (REST, MQTT over WebSocket, file upload)",
        https.join(", ")
    );
    for lack in &addresses.not_had {
        let _ = writeln!(text, "          {lack}; clients that name no port need 443");
    }
    let _ = writeln!(
        text,
        "  AMQP    {} (TLS), {} (plain)",
        addresses.amqps, addresses.amqp
    );
    let _ = writeln!(
        text,
        "  trust   {}; `twinbench hub ca` says how",
        addresses.ca.display()
    );
    let ports = Ports {
        mqtt: addresses.mqtt.port(),
        mqtt_plain: addresses.mqtt_plain.map_or(0, |address| address.port()),
        https: addresses.https.iter().map(SocketAddr::port).collect(),
        amqp: addresses.amqp.port(),
        amqps: addresses.amqps.port(),
    };
    text + &Connections::new(file, &ports).text(SHOWN)
}
