//! `IoTHubDispatcher`: the event-batch function, from the hub's messages to telemetry.

use jiff::Timestamp;
use twinbench_model::{Epoch, EventData};

use crate::{
    device::CLOCK_AHEAD,
    profile::{Profile, Source},
    telemetry::{Body, DeviceTelemetry},
};

/// A clock that shows an earlier time was never set (2001-01-01): firmware counts from 1970 or
/// 2000 until it knows better.
pub const CLOCK_SET: Timestamp = Timestamp::constant(978_307_200, 0);

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Ingest {
    /// It is telemetry for the device's entity.
    Telemetry {
        /// The telemetry.
        telemetry: DeviceTelemetry,
        /// Whether the device's clock was not believed.
        clock_corrected: bool,
    },
    /// It is one of the firmware's other messages (magnetometer, accelerometer, gyroscope): not
    /// for the aggregator.
    Skipped,
    /// It cannot be used.
    Refused(String),
}

/// By what rules messages are read.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether flat telemetry of the AZ3166 firmware gets the application's form.
    pub adapter: bool,
    /// Repaired, or as the original.
    pub profile: Profile,
    /// Where the messages come from.
    pub source: Source,
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
}

/// Reads a message by the application's rules.
///
/// A blank device name becomes the id, an absent time the hub's. With the `adapter`, flat
/// telemetry of the AZ3166 firmware gets the application's form, and what has no reading at all is
/// refused; without it such messages go on without data, as in the original.
pub fn ingest(event: &EventData, rules: &Rules) -> Ingest {
    let body = match Body::parse(&event.message.body) {
        Ok(body) => body,
        Err(cause) => return Ingest::Refused(cause.to_string()),
    };
    let device = match sender(body.device_id, event, rules) {
        Ok(device) => device,
        Err(reason) => return Ingest::Refused(reason),
    };
    let data = match body.data {
        Some(data) => Some(data),
        None if !rules.adapter => None,
        None => match body.flat {
            Some(flat) => Some(flat),
            None if body.motion => return Ingest::Skipped,
            None => {
                return Ingest::Refused(
                    "it has no reading: neither data, nor temperature with humidity".into(),
                );
            }
        },
    };
    let enqueued = rules.epoch.utc(event.enqueued);
    let given = body.timestamp.unwrap_or(enqueued);
    let timestamp = if rules.profile.is_original() {
        given
    } else {
        believed(given, enqueued)
    };
    let name = body
        .device_name
        .or_else(|| match (rules.profile, rules.source) {
            // The original asks for the property then, and fails without it.
            (Profile::Original, Source::EventHubs) => None,
            _ => Some(device.clone()),
        });
    let Some(device_name) = name else {
        return Ingest::Refused("it has no system property iothub-connection-device-id".into());
    };
    Ingest::Telemetry {
        telemetry: DeviceTelemetry {
            timestamp,
            device_id: device,
            device_name,
            data,
        },
        clock_corrected: timestamp != given,
    }
}

/// Who sent a message: the device that was authenticated, and that it claims to be.
///
/// # Errors
/// When nobody says so, or the two differ, which the original does not mind.
pub(crate) fn sender(
    claimed: Option<String>,
    event: &EventData,
    rules: &Rules,
) -> Result<String, String> {
    let authenticated = match rules.source {
        Source::IotHub => Some(event.device.as_str()),
        Source::EventHubs => None,
    };
    match (claimed, authenticated) {
        (Some(claimed), Some(device)) if claimed != device && !rules.profile.is_original() => Err(
            format!("it claims to come from device {claimed:?}, but was sent by {device:?}"),
        ),
        (Some(claimed), _) => Ok(claimed),
        (None, Some(device)) => Ok(device.to_owned()),
        (None, None) => {
            Err("it names no device, and has no system property iothub-connection-device-id".into())
        }
    }
}

/// A device's time, or the hub's when it cannot be.
pub(crate) fn believed(given: Timestamp, enqueued: Timestamp) -> Timestamp {
    let latest = enqueued
        .saturating_add(CLOCK_AHEAD)
        .unwrap_or(Timestamp::MAX);
    let never_set = given < CLOCK_SET && enqueued >= CLOCK_SET;
    if given > latest || never_set {
        enqueued
    } else {
        given
    }
}
