//! The settings page of the devkit firmware: one image serves every device, and what differs
//! between two boards (identity, key, hub, Wi-Fi) is this page, written into flash sector 11.
//!
//! # Layout
//! All integers are little endian; a *text* is a `u16` count of bytes and then that many bytes of
//! UTF-8, without a terminator.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic, the ASCII letters `TWBC` |
//! | 4 | 2 | version, [`VERSION`] |
//! | 6 | 2 | length of the whole page in bytes, from the magic to the CRC, both included |
//! | 8 | text | device id, 1 to [`MAX_DEVICE_ID`] bytes |
//! | … | text | device key in base64, as the registry shows it, up to [`MAX_DEVICE_KEY`] bytes |
//! | … | text | hub's host name, 1 to [`MAX_HUB_HOST`] bytes |
//! | … | 2 | TCP port, not 0 |
//! | … | 1 | 1: the modem speaks TLS with the hub, 0: plain TCP |
//! | … | text | Wi-Fi network name (SSID), up to [`MAX_WIFI_SSID`] bytes |
//! | … | text | Wi-Fi password, up to [`MAX_WIFI_PASSWORD`] bytes |
//! | … | 4 | telemetry interval in seconds, 1 to [`MAX_INTERVAL_SECS`] |
//! | length − 4 | 4 | CRC-32 (ISO-HDLC, as in zlib) of all bytes before it |
//!
//! Erased flash reads as 0xFF and so has no magic: [`DecodeError::Erased`].
#![no_std]

#[cfg(any(feature = "encode", test))]
extern crate alloc;

mod decode;
#[cfg(any(feature = "encode", test))]
mod encode;

pub use decode::DecodeError;
#[cfg(any(feature = "encode", test))]
pub use encode::EncodeError;

/// Address of the page: start of flash sector 11 of the STM32F412xG (RM0402, table 5).
pub const FLASH_ADDRESS: u32 = 0x080E_0000;
/// The page's first bytes.
pub const MAGIC: [u8; 4] = *b"TWBC";
/// Version of the layout.
pub const VERSION: u16 = 1;
/// No page is longer than this, in bytes.
pub const MAX_PAGE: usize = 1024;
/// Longest device id in bytes (the hub's own limit).
pub const MAX_DEVICE_ID: usize = 128;
/// Longest device key in bytes: 64 bytes of key in base64.
pub const MAX_DEVICE_KEY: usize = 88;
/// Longest host name of a hub in bytes.
pub const MAX_HUB_HOST: usize = 128;
/// Longest Wi-Fi network name in bytes (IEEE 802.11, 9.4.2.2).
pub const MAX_WIFI_SSID: usize = 32;
/// Longest Wi-Fi password in bytes: 64 hexadecimal digits of a pre-shared key.
pub const MAX_WIFI_PASSWORD: usize = 64;
/// Longest telemetry interval in seconds: a day.
pub const MAX_INTERVAL_SECS: u32 = 86_400;

pub(crate) const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// What a board knows of its device, hub and Wi-Fi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Device id in the hub's registry.
    pub device_id: &'a str,
    /// Symmetric key of the device, in base64. Empty: the board cannot sign in.
    pub device_key: &'a str,
    /// Host name of the hub, also the first part of the token's resource.
    pub hub_host: &'a str,
    /// TCP port of the hub's MQTT.
    pub hub_port: u16,
    /// Whether the modem speaks TLS with the hub.
    pub tls: bool,
    /// Wi-Fi network name.
    pub wifi_ssid: &'a str,
    /// Wi-Fi password.
    pub wifi_password: &'a str,
    /// Seconds between two telemetry messages.
    pub telemetry_interval_secs: u32,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Settings<'_> {
    /// What a board without a page uses. It has no key, so it runs but cannot sign in.
    pub const DEFAULT: Settings<'static> = Settings {
        device_id: "devkit-01",
        device_key: "",
        hub_host: "localhost",
        hub_port: 8883,
        tls: true,
        wifi_ssid: "twinbench",
        wifi_password: "twinbench",
        telemetry_interval_secs: 10,
    };
}
