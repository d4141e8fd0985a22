//! `[hub]`: names, ports, policies, routes, limits and who may register.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use twinbench_hub::{
    Permission, SymmetricKey,
    bridge::{RemoteHub, Secret},
    limits::Tier,
    registry::Thumbprint,
    routes::{EVENTS, Route, Routes, Source},
};
use twinbench_model::{DeviceId, VirtualDuration};

use super::{BenchFile, Error};

/// `[hub]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HubSection {
    /// The host name that devices use and sign tokens for. `localhost` always works beside it.
    pub host: String,
    /// Partitions of the event log, 2 to 32 (IoT Hub: fixed at creation).
    #[schemars(with = "Option<u16>")]
    pub partitions: Option<Spanned<u16>>,
    /// Open the hub's ports even in a headless run.
    pub listen: bool,
    /// Open the port for plain MQTT too, which the cloud does not offer.
    pub plain: bool,
    /// The loopback address on which it listens. Benches with addresses of their own (127.0.0.2, …)
    /// can have the same ports at the same time.
    #[schemars(with = "String")]
    pub address: Spanned<Ipv4Addr>,
    /// Its ports; 0 takes any free one.
    pub ports: Ports,
    /// Connections of MQTT and HTTPS at a time; more are closed at once.
    #[schemars(with = "usize")]
    pub connections: Spanned<usize>,
    /// The tier whose quotas and throttles hold; default: none.
    pub profile: Tier,
    /// How many units of it.
    #[schemars(with = "u32")]
    pub units: Spanned<u32>,
    /// How long the event log keeps a message; default 1 day.
    #[schemars(with = "Option<String>")]
    pub retention: Option<Spanned<VirtualDuration>>,
    /// Bytes of messages that a partition keeps; default 1 GiB.
    #[schemars(with = "Option<u64>")]
    pub retention_bytes: Option<Spanned<u64>>,
    /// Consumer groups of the built-in endpoint beside `$Default`.
    #[schemars(with = "Vec<String>")]
    pub consumer_groups: Vec<Spanned<String>>,
    /// Messages to devices.
    pub c2d: C2dSection,
    /// Shared access policies beside those that every hub has.
    pub policy: Vec<PolicySection>,
    /// Message routes to the built-in endpoint.
    pub route: Vec<RouteSection>,
    /// Whether telemetry that no route takes reaches the built-in endpoint.
    pub fallback: bool,
    /// The id scope under which devices register; default: any.
    pub id_scope: Option<String>,
    /// Who may register with the provisioning service.
    pub enrollment: Vec<EnrollmentSection>,
    /// Authorities that stand behind devices' certificates.
    pub authority: Vec<AuthoritySection>,
}

impl Default for HubSection {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            partitions: None,
            listen: false,
            plain: false,
            address: unplaced(Ipv4Addr::LOCALHOST),
            ports: Ports::default(),
            connections: unplaced(10_000),
            profile: Tier::Off,
            units: unplaced(1),
            retention: None,
            retention_bytes: None,
            consumer_groups: Vec::new(),
            c2d: C2dSection::default(),
            policy: Vec::new(),
            route: Vec::new(),
            fallback: true,
            id_scope: None,
            enrollment: Vec::new(),
            authority: Vec::new(),
        }
    }
}

/// `[hub.ports]`: TCP ports on loopback; 0 takes any free one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// MQTT over TLS.
    pub mqtt: u16,
    /// Plain MQTT, when the bench asks for it.
    #[serde(alias = "mqtt-plain")]
    pub mqtt_plain: u16,
    /// HTTPS: REST, MQTT over WebSocket, file upload. Of several, those that cannot be had are
    /// named, and one is enough.
    #[serde(deserialize_with = "one_or_more")]
    pub https: Vec<u16>,
    /// Plain AMQP, which clients of the Event Hubs emulator speak.
    pub amqp: u16,
    /// AMQP over TLS.
    pub amqps: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            mqtt: 8883,
            mqtt_plain: 1883,
            https: vec![443, 8443],
            amqp: 5672,
            amqps: 5671,
        }
    }
}

impl Ports {
    /// Any free port for each.
    pub fn any() -> Self {
        Self {
            mqtt: 0,
            mqtt_plain: 0,
            https: vec![0],
            amqp: 0,
            amqps: 0,
        }
    }
}

/// `[hub.c2d]`: messages to devices.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct C2dSection {
    /// How long one waits unless its sender says otherwise; default 1 hour, at most 2 days.
    #[schemars(with = "Option<String>")]
    pub ttl: Option<Spanned<VirtualDuration>>,
    /// How often one is delivered before it is given up, 1 to 100; default 10.
    #[schemars(with = "Option<u32>")]
    pub deliveries: Option<Spanned<u32>>,
}

/// `[[hub.policy]]`: a named key of the hub.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySection {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it allows.
    pub permissions: Vec<PermissionName>,
    /// Its key in base64; default: derived from the bench's seed.
    #[schemars(with = "Option<String>")]
    pub key: Option<Spanned<Secret>>,
}

/// A permission, as the cloud or as a bench file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionName {
    /// Read the registry.
    #[serde(alias = "RegistryRead")]
    RegistryRead,
    /// Read and write the registry.
    #[serde(alias = "RegistryWrite")]
    RegistryWrite,
    /// The cloud-side endpoints.
    #[serde(alias = "ServiceConnect")]
    ServiceConnect,
    /// The device-side endpoints.
    #[serde(alias = "DeviceConnect")]
    DeviceConnect,
}

impl From<PermissionName> for Permission {
    fn from(name: PermissionName) -> Self {
        match name {
            PermissionName::RegistryRead => Self::RegistryRead,
            PermissionName::RegistryWrite => Self::RegistryWrite,
            PermissionName::ServiceConnect => Self::ServiceConnect,
            PermissionName::DeviceConnect => Self::DeviceConnect,
        }
    }
}

/// `[[hub.route]]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteSection {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it takes; default: telemetry.
    #[serde(default = "telemetry")]
    pub source: Source,
    /// Which of them, in the query language of routes; default: all.
    #[schemars(with = "Option<String>")]
    pub condition: Option<Spanned<String>>,
    /// Where to: `events`, the built-in endpoint.
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Spanned<String>>,
}

/// `[[hub.enrollment]]`: who may register.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentSection {
    /// The registration id, or the group's name.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// Whether it is for many devices.
    #[serde(default)]
    pub group: bool,
    /// The id that the device gets; its registration id by default.
    #[schemars(with = "Option<String>")]
    pub device_id: Option<Spanned<String>>,
    /// The key in base64 by which devices prove themselves. Without it and the two below: one that
    /// is derived from the bench's seed.
    #[schemars(with = "Option<String>")]
    pub key: Option<Spanned<Secret>>,
    /// The thumbprint of the device's certificate, in hex.
    #[schemars(with = "Option<String>")]
    pub thumbprint: Option<Spanned<String>>,
    /// The name of a `[[hub.authority]]`, for a group.
    #[schemars(with = "Option<String>")]
    pub authority: Option<Spanned<String>>,
}

/// `[[hub.authority]]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthoritySection {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// Its certificate in PEM, relative to the bench file.
    #[schemars(with = "PathBuf")]
    pub certificate: Spanned<PathBuf>,
}

fn unplaced<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn telemetry() -> Source {
    Source::Telemetry
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    struct Ports;
    impl<'de> serde::de::Visitor<'de> for Ports {
        type Value = Vec<u16>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a port or a list of ports")
        }

        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
            let port = u16::try_from(value)
                .map_err(|_| E::custom(format!("{value} is no port: ports are 0 to 65535")))?;
            Ok(vec![port])
        }

        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
            self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(port) = list.next_element()? {
                all.push(port);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Ports)
}

impl HubSection {
    /// The name by which programs on this machine reach it.
    pub fn near(&self) -> String {
        match *self.address.get_ref() {
            Ipv4Addr::LOCALHOST => "localhost".to_owned(),
            address => address.to_string(),
        }
    }

    /// The routes.
    ///
    /// # Errors
    /// The number of the route that cannot be, and why.
    pub fn routes(&self) -> Result<Routes, (usize, twinbench_hub::routes::RouteError)> {
        let mut all = Vec::new();
        for (n, it) in self.route.iter().enumerate() {
            let text = |it: &Option<Spanned<String>>| it.as_ref().map(|it| it.get_ref().clone());
            let condition = text(&it.condition).unwrap_or_default();
            let endpoint = text(&it.endpoint).unwrap_or_else(|| EVENTS.to_owned());
            let route = Route::new(it.name.get_ref(), it.source, &condition, &endpoint);
            all.push(route.map_err(|error| (n, error))?);
        }
        Routes::new(all, self.fallback).map_err(|error| (self.route.len().saturating_sub(1), error))
    }
}

/// What the grammar cannot say of `[hub]`, `[[bridge]]` and `[[forward]]`.
pub(super) fn check(path: &Path, text: &str, file: &BenchFile) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    let hub = &file.hub;
    if let Some(partitions) = &hub.partitions
        && !(2..=32).contains(partitions.get_ref())
    {
        return Err(at(partitions.span(), "a hub has 2 to 32 partitions".into()));
    }
    if !hub.address.get_ref().is_loopback() {
        let message = format!("{} is not on loopback", hub.address.get_ref());
        return Err(at(hub.address.span(), message)
            .help("a bench is served to this machine only: use 127.0.0.1 to 127.255.255.254"));
    }
    if *hub.connections.get_ref() == 0 {
        let message = "`connections` must be 1 or more".into();
        return Err(at(hub.connections.span(), message));
    }
    let most = match hub.profile {
        Tier::Off | Tier::F1 => 1,
        Tier::S1 | Tier::S2 => 200,
        Tier::S3 => 10,
    };
    if !(1..=most).contains(hub.units.get_ref()) {
        let message = format!("{:?} has 1 to {most} units", hub.profile);
        return Err(at(hub.units.span(), message));
    }
    if let Some(retention) = &hub.retention
        && *retention.get_ref() < VirtualDuration::from_secs(1)
    {
        let message = "`retention` must be 1s or longer".into();
        return Err(at(retention.span(), message).help("the cloud offers 24h to 168h"));
    }
    if let Some(ttl) = &hub.c2d.ttl
        && !(VirtualDuration::from_secs(1)..=VirtualDuration::from_secs(2 * 24 * 3_600))
            .contains(ttl.get_ref())
    {
        return Err(at(ttl.span(), "`ttl` must be 1s to 48h".into()));
    }
    if let Some(deliveries) = &hub.c2d.deliveries
        && !(1..=100).contains(deliveries.get_ref())
    {
        return Err(at(
            deliveries.span(),
            "`deliveries` must be 1 to 100".into(),
        ));
    }
    if let Err((n, error)) = hub.routes() {
        let span = hub.route.get(n).map_or(0..0, |route| match &error {
            twinbench_hub::routes::RouteError::Condition { .. } => route
                .condition
                .as_ref()
                .map_or(route.name.span(), Spanned::span),
            twinbench_hub::routes::RouteError::Endpoint { .. } => route
                .endpoint
                .as_ref()
                .map_or(route.name.span(), Spanned::span),
            _ => route.name.span(),
        });
        return Err(at(span, error.to_string()));
    }
    check_policies(path, text, file)?;
    check_enrollments(path, text, file)?;
    for bridge in &file.bridge {
        let wrong = |message: String| at(bridge.span(), message);
        let config = bridge.get_ref();
        config.check().map_err(|error| wrong(error.to_string()))?;
        twinbench_hub::bridge::Mapping::new(&config.rules)
            .map_err(|error| wrong(error.to_string()))?;
        for named in [&config.ca, &config.certificate, &config.key]
            .into_iter()
            .flatten()
        {
            exists(path, named).map_err(|message| wrong(message).missing())?;
        }
    }
    for forward in &file.forward {
        let wrong = |message: String| at(forward.span(), message);
        let config = forward.get_ref();
        RemoteHub::parse(config.connection.reveal()).map_err(|error| wrong(error.to_string()))?;
        if let Some(ca) = &config.ca {
            exists(path, ca).map_err(|message| wrong(message).missing())?;
        }
    }
    Ok(())
}

fn check_policies(path: &Path, text: &str, file: &BenchFile) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    for (n, policy) in file.hub.policy.iter().enumerate() {
        let name = policy.name.get_ref();
        let again = file.hub.policy[..n]
            .iter()
            .any(|other| other.name.get_ref() == name);
        if again || name.is_empty() || name.contains(['&', '=', ';', ' ']) {
            let message = format!("policy name {name:?} cannot be, or is used twice");
            return Err(at(policy.name.span(), message).help("use letters and digits"));
        }
        check_key(policy.key.as_ref()).map_err(|(span, message)| at(span, message))?;
    }
    for device in &file.device {
        check_key(device.key.as_ref()).map_err(|(span, message)| at(span, message))?;
        if device.key.is_some() && device.count.is_some() {
            let message = "devices with `count` cannot share a `key`".into();
            return Err(at(device.id.span(), message)
                .help("leave `key` away: each gets its own, derived from the seed"));
        }
    }
    Ok(())
}

fn check_key(key: Option<&Spanned<Secret>>) -> Result<(), (std::ops::Range<usize>, String)> {
    let Some(key) = key else { return Ok(()) };
    match SymmetricKey::from_base64(key.get_ref().reveal()) {
        Ok(_) => Ok(()),
        Err(error) => Err((key.span(), error.to_string())),
    }
}

fn check_enrollments(path: &Path, text: &str, file: &BenchFile) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    let authorities: Vec<&str> = file
        .hub
        .authority
        .iter()
        .map(|it| it.name.get_ref().as_str())
        .collect();
    for authority in &file.hub.authority {
        exists(path, authority.certificate.get_ref())
            .map_err(|message| at(authority.certificate.span(), message).missing())?;
    }
    for it in &file.hub.enrollment {
        let name = &it.name;
        DeviceId::new(name.get_ref()).map_err(|cause| at(name.span(), cause.to_string()))?;
        if let Some(id) = &it.device_id {
            DeviceId::new(id.get_ref()).map_err(|cause| at(id.span(), cause.to_string()))?;
        }
        let given = [
            it.key.as_ref().map(Spanned::span),
            it.thumbprint.as_ref().map(Spanned::span),
            it.authority.as_ref().map(Spanned::span),
        ];
        if let Some(second) = given.into_iter().flatten().nth(1) {
            let message = "an enrollment has one of `key`, `thumbprint` and `authority`".into();
            return Err(at(second, message));
        }
        check_key(it.key.as_ref()).map_err(|(span, message)| at(span, message))?;
        if let Some(print) = &it.thumbprint {
            if it.group {
                let message = "a group of devices has no one `thumbprint`".into();
                return Err(at(print.span(), message).help("give a `key` or an `authority`"));
            }
            Thumbprint::parse(print.get_ref())
                .map_err(|error| at(print.span(), error.to_string()))?;
        }
        if let Some(authority) = &it.authority {
            if !it.group {
                let message = "an `authority` stands behind a group of devices".into();
                return Err(at(authority.span(), message).help("add `group = true`"));
            }
            let named = authority.get_ref().as_str();
            if !authorities.contains(&named) {
                let help = twinbench_scenario::diagnostic::nearest(named, &authorities)
                    .unwrap_or_else(|| "add it as [[hub.authority]]".into());
                return Err(at(
                    authority.span(),
                    format!("authority {named:?} is not known"),
                )
                .help(help));
            }
        }
    }
    Ok(())
}

fn exists(bench: &Path, named: &Path) -> Result<(), String> {
    let whole = bench.parent().unwrap_or(Path::new("")).join(named);
    if whole.is_file() {
        return Ok(());
    }
    Err(format!("{} does not exist", whole.display()))
}
