//! The `[[forward]]` section of a bench file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinbench_model::DeviceId;

use super::Secret;
use crate::{SymmetricKey, sas};

/// Forwards the telemetry of devices to another hub, such as one in the cloud.
///
/// ```toml
/// [[forward]]
/// name       = "cloud"
/// connection = "HostName=….azure-devices.net;SharedAccessKeyName=device;SharedAccessKey=…"
/// devices    = ["devkit-01"]
/// ```
///
/// With the connection string of a policy that allows DeviceConnect, each device sends as itself,
/// and must be registered there. With that of a device, this device's messages are forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {
    /// Its name, in logs and, behind `forward-`, as the consumer group that it reads with.
    pub name: String,
    /// The connection string of the other hub: of a policy or a device.
    #[schemars(with = "String")]
    pub connection: Secret,
    /// PEM file with the certificates that the other hub's is checked against. Default: those of
    /// the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// TCP port of MQTT over TLS. Default 8883.
    #[serde(default = "port")]
    pub port: u16,
    /// Devices whose messages are forwarded. Default: all that the connection string can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub devices: Vec<DeviceId>,
}

fn port() -> u16 {
    8883
}

/// A connection string cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringError {
    /// A part is missing.
    #[error("the connection string has no {0}: copy it whole")]
    Missing(&'static str),
    /// It proves itself by a certificate.
    #[error("the connection string is of a device with a certificate: give one with a key")]
    Certificate,
    /// It is of a module.
    #[error("the connection string is of a module: give one of a device or a policy")]
    Module,
    /// The key is none.
    #[error("the key of the connection string is no key in base64")]
    Key,
    /// The device id is none.
    #[error("the device id of the connection string cannot be")]
    Device,
}

/// Another hub, and how devices prove themselves to it.
#[derive(Clone)]
pub struct RemoteHub {
    /// The name by which it knows itself, which tokens are signed for.
    pub(super) host: String,
    /// The name to connect to.
    pub(super) address: String,
    key: SymmetricKey,
    who: Who,
}

/// Whose key it is.
#[derive(Clone)]
enum Who {
    Policy(String),
    Device(DeviceId),
}

impl RemoteHub {
    /// Reads a connection string of a policy or a device.
    ///
    /// # Errors
    /// When a part is missing or cannot be.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        use ConnectionStringError as Error;
        let fields = text.split(';').filter_map(|field| field.split_once('='));
        let fields: Vec<(&str, &str)> = fields.collect();
        let field = |name: &str| {
            let same = |(own, _): &&(&str, &str)| own.trim().eq_ignore_ascii_case(name);
            fields.iter().find(same).map(|(_, value)| value.trim())
        };
        let host = field("HostName").filter(|host| !host.is_empty());
        let host = host.ok_or(Error::Missing("HostName"))?;
        if field("x509").is_some() {
            return Err(Error::Certificate);
        }
        if field("ModuleId").is_some() {
            return Err(Error::Module);
        }
        let key = field("SharedAccessKey").ok_or(Error::Missing("SharedAccessKey"))?;
        let key = SymmetricKey::from_base64(key).map_err(|_| Error::Key)?;
        let who = match (field("DeviceId"), field("SharedAccessKeyName")) {
            (Some(device), _) => Who::Device(DeviceId::new(device).map_err(|_| Error::Device)?),
            (None, Some(policy)) => Who::Policy(policy.to_owned()),
            (None, None) => return Err(Error::Missing("DeviceId or SharedAccessKeyName")),
        };
        Ok(Self {
            host: host.to_owned(),
            address: field("GatewayHostName").unwrap_or(host).to_owned(),
            key,
            who,
        })
    }

    /// Whether a device's messages can be forwarded with it.
    pub fn takes(&self, device: &DeviceId) -> bool {
        match &self.who {
            Who::Policy(_) => true,
            Who::Device(own) => own == device,
        }
    }

    /// A token for a device that ends at this time (unix seconds).
    pub(super) fn token(&self, device: &DeviceId, expiry: u64) -> String {
        match &self.who {
            Who::Policy(policy) => sas::generate(&self.host, &self.key, expiry, Some(policy)),
            Who::Device(_) => sas::device_token(&self.host, device, &self.key, expiry),
        }
    }
}

impl std::fmt::Debug for RemoteHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteHub({})", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn connection_strings_of_policies_and_devices() {
        use ConnectionStringError as Error;
        let read = |text: &str| RemoteHub::parse(&text.replace("KEY", KEY));
        let (a, b) = (DeviceId::new("a").unwrap(), DeviceId::new("b").unwrap());
        let policy = read("HostName=h;SharedAccessKeyName=device;SharedAccessKey=KEY").unwrap();
        assert!(policy.takes(&a) && policy.takes(&b));
        assert!(policy.token(&a, 7).contains("sr=h&"));
        assert!(policy.token(&a, 7).contains("skn=device"));
        assert!(!format!("{policy:?}").contains("AQEB"));
        let device =
            read("HostName=h;DeviceId=a;SharedAccessKey=KEY;GatewayHostName=localhost").unwrap();
        assert!(device.takes(&a) && !device.takes(&b));
        assert_eq!((&*device.host, &*device.address), ("h", "localhost"));
        for (text, error) in [
            ("", Error::Missing("HostName")),
            ("HostName=h", Error::Missing("SharedAccessKey")),
            (
                "HostName=h;SharedAccessKey=KEY",
                Error::Missing("DeviceId or SharedAccessKeyName"),
            ),
            ("HostName=h;DeviceId=a;SharedAccessKey=%", Error::Key),
            ("HostName=h;DeviceId=a b;SharedAccessKey=KEY", Error::Device),
            ("HostName=h;DeviceId=a;x509=true", Error::Certificate),
            (
                "HostName=h;DeviceId=a;ModuleId=m;SharedAccessKey=KEY",
                Error::Module,
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(HostName=|DeviceId=|SharedAccessKey=|;|=|[a-z ]){0,12}") {
            let _ = RemoteHub::parse(&text);
        }
    }
}
