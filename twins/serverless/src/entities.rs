//! The device entities: state transitions of [`device`](crate::device) behind operations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use twinbench_engine::{Entity, EntityContext, Failure, Json};
use twinbench_model::DeviceId;

use crate::{
    capture::SAVE_CAPTURE,
    configuration::Configuration,
    device::DeviceState,
    notification::SEND_NOTIFICATION,
    profile::Treatment,
    telemetry::{Data, DeviceTelemetry},
};

/// The entity of most devices.
pub const STANDARD: &str = "StandardDeviceEntity";
/// The entity of devices whose id ends in `WeatherDevice`.
pub const WEATHER: &str = "WeatherDeviceEntity";

/// The name of a device's entity; the key is the device's id.
pub fn entity_name(device: &DeviceId) -> &'static str {
    entity_name_of(device.as_str())
}

pub(crate) fn entity_name_of(device: &str) -> &'static str {
    if device.ends_with("WeatherDevice") {
        WEATHER
    } else {
        STANDARD
    }
}

/// Keeps a device's readings and raises alerts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StandardDeviceEntity(pub DeviceState);

/// Keeps a device's readings, to the tenth once it was configured, and raises no alert.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct WeatherDeviceEntity(pub DeviceState);

impl Entity for StandardDeviceEntity {
    // Maps have timestamps as keys, which are texts; numbers are finite or null.
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        let profile = treatment(cx).profile;
        if let Some((telemetry, kept)) = telemetry_received(&mut self.0, cx, operation, input)? {
            if kept {
                for alert in self.0.alerts(&telemetry) {
                    cx.start(SEND_NOTIFICATION, Json::of(&alert)?);
                }
                let now = clock(cx)?;
                if let Some(data) = self.0.capture(&telemetry, now, profile) {
                    cx.start(SAVE_CAPTURE, Json::of(&data)?);
                }
            }
        } else if let Some(configuration) = set_configuration(operation, input)? {
            self.0.entity_config = configuration.normalised_by(profile, false);
        }
        Ok(None)
    }
}

impl Entity for WeatherDeviceEntity {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        let profile = treatment(cx).profile;
        if profile.is_original() && operation.eq_ignore_ascii_case("TelemetryReceived") {
            let telemetry: DeviceTelemetry = input.read()?;
            if telemetry.data.is_none() {
                return Err(Failure::new(
                    "System.NullReferenceException",
                    "Object reference not set to an instance of an object.",
                ));
            }
        }
        if telemetry_received(&mut self.0, cx, operation, input)?.is_none()
            && let Some(configuration) = set_configuration(operation, input)?
        {
            self.0.entity_config = configuration.normalised_by(profile, true);
        }
        Ok(None)
    }
}

/// `TelemetryReceived`, if it is that: the reading, and whether it was kept.
fn telemetry_received(
    state: &mut DeviceState,
    cx: &mut EntityContext<'_>,
    operation: &str,
    input: &Json,
) -> Result<Option<(DeviceTelemetry, bool)>, Failure> {
    if !operation.eq_ignore_ascii_case("TelemetryReceived") {
        return Ok(None);
    }
    let telemetry: DeviceTelemetry = input.read()?;
    let profile = treatment(cx).profile;
    let kept = state.keep(&telemetry, clock(cx)?, profile)?;
    if !kept && !cx.exists() && telemetry.data.is_some() && !profile.is_original() {
        // Too old to be kept: no reason to have an entity.
        cx.delete();
    }
    Ok(Some((telemetry, kept)))
}

fn treatment(cx: &EntityContext<'_>) -> Treatment {
    cx.settings::<Treatment>().copied().unwrap_or_default()
}

/// The clock that entities read.
fn clock(cx: &EntityContext<'_>) -> Result<Timestamp, Failure> {
    let now = cx.now().checked_add(treatment(cx).clock_ahead);
    now.map_err(|cause| Failure::new("System.ArgumentOutOfRangeException", cause.to_string()))
}

/// `SetConfiguration`: the configuration, unless it is null.
fn set_configuration(operation: &str, input: &Json) -> Result<Option<Configuration>, Failure> {
    if operation.eq_ignore_ascii_case("SetConfiguration") {
        input.read()
    } else {
        Err(Failure::unknown_operation(operation))
    }
}

/// The original's state has no alerts.
impl Serialize for WeatherDeviceEntity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct State<'a> {
            history_data: &'a Option<BTreeMap<Timestamp, Data>>,
            entity_config: &'a Configuration,
            device_name: &'a Option<String>,
            last_update: Option<Timestamp>,
            last_data: Option<Data>,
        }
        let DeviceState {
            history_data,
            entity_config,
            device_name,
            last_update,
            last_data,
            ..
        } = &self.0;
        let state = State {
            history_data,
            entity_config,
            device_name,
            last_update: *last_update,
            last_data: *last_data,
        };
        state.serialize(serializer)
    }
}
