//! The `[[bridge]]` section of a bench file.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bridge to an MQTT 3.1.1 broker.
///
/// ```toml
/// [[bridge]]
/// name   = "plant"
/// broker = "mqtts://broker.example:8883"
/// user   = "bench"
/// password = "…"
/// ca     = "broker-ca.pem"
///
/// [[bridge.rule]]
/// topic  = "plant/{line}/+/{machine}/#"
/// device = "{line}-{machine}"
/// body   = "/payload"
/// properties = { unit = "{/meta/unit}" }
/// defaults   = { "/meta/unit" = "C" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeConfig {
    /// Its name, in logs and, unless `client_id` is given, at the broker.
    pub name: String,
    /// `mqtt://host[:1883]` or `mqtts://host[:8883]`.
    pub broker: String,
    /// Client id at the broker; it keeps messages for this id while the bridge is away. Default
    /// `twinbench-` and the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// User name at the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// PEM file with the certificates that the broker's is checked against. Default: those of
    /// the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// PEM file with the bridge's own certificate, leaf first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the key of `certificate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Seconds between signs of life. Default 30.
    #[serde(default = "keep_alive")]
    pub keep_alive_seconds: u16,
    /// Messages that may wait for the hub; beyond, the broker waits. Default 1,024.
    #[serde(default = "queue")]
    pub queue: u16,
    /// Whether devices that the hub does not know are added. Default true.
    #[serde(default = "yes")]
    pub create_devices: bool,
    /// What topics mean; the first rule that fits counts.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleConfig>,
}

/// How messages on a topic become messages of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// A topic filter: `+` and `#` as MQTT has them, and `{name}` for one level to be used below.
    pub topic: String,
    /// The device id: text with `{name}` of a captured level, `{topic}`, or `{/path}`, a JSON
    /// pointer (RFC 6901) into the body.
    pub device: String,
    /// JSON pointer to the part of the body that becomes the message. Default: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Application properties, as texts like `device`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// What stands in where a `{name}` or `{/path}` has no value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
    /// Content type of the message. Default `application/json` for bodies that are JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// A text that does not show itself in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the broker, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A bridge cannot be as its section says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The broker's address cannot be read.
    #[error("{0:?} is no broker: write mqtt://host, mqtt://host:port or mqtts://host")]
    Broker(String),
    /// There is no rule.
    #[error("the bridge {0:?} has no rule: add a [[bridge.rule]] with topic and device")]
    NoRule(String),
    /// A certificate without its key, or the other way round.
    #[error("the bridge {0:?} has only one of certificate and key: give both")]
    HalfCertificate(String),
    /// Certificates without TLS.
    #[error("the bridge {0:?} has certificates, but its broker is mqtt://: write mqtts://")]
    PlainWithCertificates(String),
    /// No room for messages.
    #[error("the bridge {0:?} has a queue of 0: give it room for at least 1 message")]
    Queue(String),
}

/// Where a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
}

impl BridgeConfig {
    /// Reads the broker's address and checks what depends on each other.
    ///
    /// # Errors
    /// When the section contradicts itself.
    pub fn check(&self) -> Result<BrokerUrl, ConfigError> {
        let broker = BrokerUrl::parse(&self.broker)?;
        let name = || self.name.clone();
        if self.rules.is_empty() {
            return Err(ConfigError::NoRule(name()));
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err(ConfigError::HalfCertificate(name()));
        }
        if !broker.tls && (self.ca.is_some() || self.key.is_some()) {
            return Err(ConfigError::PlainWithCertificates(name()));
        }
        if self.queue == 0 {
            return Err(ConfigError::Queue(name()));
        }
        Ok(broker)
    }
}

impl BrokerUrl {
    /// Reads `mqtt://host[:port]` or `mqtts://host[:port]`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::Broker(text.chars().take(120).collect());
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let (tls, default) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(bad()),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (rest, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(bad());
        }
        let host = host.to_owned();
        Ok(Self { host, port, tls })
    }
}

fn keep_alive() -> u16 {
    30
}

fn queue() -> u16 {
    1_024
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_brokers() {
        let url = |host: &str, port, tls| {
            let host = host.to_owned();
            Ok(BrokerUrl { host, port, tls })
        };
        assert_eq!(BrokerUrl::parse("mqtt://b"), url("b", 1883, false));
        assert_eq!(
            BrokerUrl::parse("mqtts://b.example/"),
            url("b.example", 8883, true)
        );
        assert_eq!(BrokerUrl::parse("mqtt://[::1]:99"), url("::1", 99, false));
        for text in ["", "b", "http://b", "mqtt://", "mqtt://b:x", "mqtt://u@b"] {
            assert_eq!(
                BrokerUrl::parse(text),
                Err(ConfigError::Broker(text.into()))
            );
        }
    }

    #[test]
    fn a_section_is_checked() {
        let rule = r#""rule": [{"topic": "t/{d}", "device": "{d}"}]"#;
        let read = |more: &str| -> Result<BridgeConfig, String> {
            let text = format!(r#"{{"name": "n", {rule}{more}}}"#);
            serde_json::from_str(&text).map_err(|error| error.to_string())
        };
        let plain = read(r#", "broker": "mqtt://b", "password": "hidden""#).unwrap();
        assert_eq!((plain.queue, plain.keep_alive_seconds), (1_024, 30));
        assert!(plain.check().is_ok());
        assert!(!format!("{plain:?}").contains("hidden"));
        assert!(
            read(r#", "broker": "mqtt://b", "topic": "x""#)
                .unwrap_err()
                .contains("unknown field")
        );
        for (more, error) in [
            (
                r#", "broker": "mqtts://b", "key": "k""#,
                ConfigError::HalfCertificate("n".into()),
            ),
            (
                r#", "broker": "mqtt://b", "ca": "c""#,
                ConfigError::PlainWithCertificates("n".into()),
            ),
            (
                r#", "broker": "mqtt://b", "queue": 0"#,
                ConfigError::Queue("n".into()),
            ),
        ] {
            assert_eq!(read(more).unwrap().check(), Err(error));
        }
    }
}
