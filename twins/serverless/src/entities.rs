//! The two device entities: the application's operations on [`DeviceState`].

use serde::{Deserialize, Serialize};
use twinbench_engine::{Entity, EntityContext, Failure, Json};
use twinbench_model::DeviceId;

use crate::{configuration::Configuration, device::DeviceState, telemetry::DeviceTelemetry};

/// Entity name of devices whose id does not end in [`WEATHER_SUFFIX`].
pub const STANDARD: &str = "standarddeviceentity";
/// Entity name of weather stations.
pub const WEATHER: &str = "weatherdeviceentity";
/// What a weather station's device id ends in, in this case of letters.
pub const WEATHER_SUFFIX: &str = "WeatherDevice";

/// The entity name of a device.
pub fn entity_name(device: &DeviceId) -> &'static str {
    if device.as_str().ends_with(WEATHER_SUFFIX) {
        WEATHER
    } else {
        STANDARD
    }
}

/// A device with history, thresholds and alerts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StandardDeviceEntity(pub DeviceState);

/// A weather station: history only, values kept to one digit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeatherDeviceEntity(pub DeviceState);

impl Default for WeatherDeviceEntity {
    fn default() -> Self {
        let entity_config = Configuration::default().normalised_for_weather();
        Self(DeviceState {
            entity_config,
            ..DeviceState::default()
        })
    }
}

impl Entity for StandardDeviceEntity {
    // Keys are instants, values numbers that came from JSON: there is always a form.
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation.to_ascii_lowercase().as_str() {
            "telemetryreceived" => {
                let alerts = receive(&mut self.0, cx, input)?;
                for alert in alerts {
                    cx.start("SendNotification", Json::of(&alert)?);
                }
                Ok(None)
            }
            "setconfiguration" => {
                if let Some(configuration) = input.read::<Option<Configuration>>()? {
                    self.0.entity_config = configuration.normalised();
                }
                Ok(None)
            }
            "delete" => {
                cx.delete();
                Ok(None)
            }
            _ => Err(Failure::unknown_operation(operation)),
        }
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
        match operation.to_ascii_lowercase().as_str() {
            "telemetryreceived" => {
                // A weather station raises no alert: it has no thresholds to pass.
                receive(&mut self.0, cx, input)?;
                Ok(None)
            }
            "setconfiguration" => {
                if let Some(configuration) = input.read::<Option<Configuration>>()? {
                    let mut configuration = configuration.normalised_for_weather();
                    configuration.temperature_high_threshold = None;
                    configuration.temperature_low_threshold = None;
                    self.0.entity_config = configuration;
                }
                Ok(None)
            }
            "delete" => {
                cx.delete();
                Ok(None)
            }
            _ => Err(Failure::unknown_operation(operation)),
        }
    }
}

/// Keeps a reading. Telemetry that changes nothing must not bring an entity into being
/// (repaired: the original is left with ghosts that have no name).
fn receive(
    state: &mut DeviceState,
    cx: &mut EntityContext<'_>,
    input: &Json,
) -> Result<Vec<crate::device::NotificationData>, Failure> {
    let Some(telemetry) = input.read::<Option<DeviceTelemetry>>()? else {
        return Ok(Vec::new());
    };
    let alerts = state.telemetry_received(&telemetry, cx.now());
    if state.last_update.is_none() && state.entity_config == Configuration::default() {
        cx.delete();
    }
    Ok(alerts)
}
