//! What a modem is given: its radio surroundings and how long things take.

use std::{collections::BTreeMap, net::Ipv4Addr};

use twinbench_model::VirtualDuration;

/// The Wi-Fi networks within reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum AccessPoints {
    /// Whatever is asked for is there and takes any password.
    #[default]
    Any,
    /// These names, each with its password; an empty password lets everybody in.
    Known(BTreeMap<String, String>),
}

/// How long a modem takes for what takes time. Chosen as plausible for an ESP32 in a quiet
/// network; nothing depends on the exact figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Delays {
    /// From a restart to `ready`.
    pub restart: VirtualDuration,
    /// From `AT+CWJAP` to `WIFI CONNECTED`: scan, authentication, association.
    pub associate: VirtualDuration,
    /// From there to `WIFI GOT IP`.
    pub address: VirtualDuration,
    /// Until a scan has not found a network.
    pub scan: VirtualDuration,
    /// Until a time server has answered.
    pub time: VirtualDuration,
    /// Name resolution and handshake of TCP.
    pub connect: VirtualDuration,
    /// Handshake of TLS, on top of that.
    pub tls: VirtualDuration,
    /// After how long a connection that nobody answers is given up.
    pub connect_limit: VirtualDuration,
}

impl Default for Delays {
    fn default() -> Self {
        let millis = VirtualDuration::from_millis;
        Self {
            restart: millis(350),
            associate: millis(1200),
            address: millis(700),
            scan: millis(2500),
            time: millis(180),
            connect: millis(40),
            tls: millis(450),
            connect_limit: millis(10_000),
        }
    }
}

/// What makes one modem.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModemOptions {
    /// The Wi-Fi networks within reach.
    pub access_points: AccessPoints,
    /// The address that DHCP gives it.
    pub address: Ipv4Addr,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// What `AT+SYSMSG` has stored: bit 0 says `+QUITT` at the end of passthrough, bit 2 has
    /// `CLOSED`, `CONNECT` and the `WIFI …` reports come also during passthrough. A module fresh
    /// from the factory has 0; here bit 2 is set, so that firmware learns at once that its
    /// connection is gone.
    pub system_messages: u8,
    /// How long things take.
    pub delays: Delays,
}

impl Default for ModemOptions {
    fn default() -> Self {
        Self {
            access_points: AccessPoints::default(),
            address: Ipv4Addr::new(192, 168, 4, 2),
            // Locally administered.
            mac: [0x02, 0x54, 0x57, 0x42, 0x00, 0x01],
            system_messages: 0b100,
            delays: Delays::default(),
        }
    }
}

impl ModemOptions {
    /// Whether a network is there, and whether it takes the password.
    pub(super) fn admission(&self, ssid: &str, password: &str) -> Admission {
        match &self.access_points {
            AccessPoints::Any => Admission::Welcome,
            AccessPoints::Known(known) => match known.get(ssid) {
                None => Admission::NotFound,
                Some(it) if it.is_empty() || it == password => Admission::Welcome,
                Some(_) => Admission::WrongPassword,
            },
        }
    }
}

/// What a network says to somebody who wants to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Welcome,
    WrongPassword,
    NotFound,
}
