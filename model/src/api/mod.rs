//! Shapes of the HTTP API that the page, the command line and curl share.

pub mod page;

use serde::{Deserialize, Serialize};

/// One reading as the front-end layer shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// RFC 3339.
    pub timestamp: String,
    /// Degrees Celsius.
    pub temperature: f64,
    /// Percent relative humidity.
    pub humidity: f64,
}

/// A row of `GET /api/devices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// The device's id.
    pub device_id: String,
    /// Its display name; null until the first telemetry.
    pub device_name: Option<String>,
    /// The newest reading, or null.
    pub last_telemetry: Option<Reading>,
}

/// `GET /api/devices/{deviceId}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceDetail {
    /// The row of the list.
    #[serde(flatten)]
    pub info: DeviceInfo,
    /// Readings within the retention, ascending in time; null before the first.
    pub telemetry_history: Option<Vec<Reading>>,
}

/// `GET /bench/status`: where the bench stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchStatus {
    /// The bench's name.
    pub bench: String,
    /// Virtual time in nanoseconds since the epoch.
    pub virtual_nanos: u64,
    /// The same instant as RFC 3339.
    pub utc: String,
    /// Devices of the bench.
    pub devices: u64,
    /// Device-to-cloud messages that the hub took.
    pub messages: u64,
    /// Alerts raised.
    pub alerts: u64,
}
