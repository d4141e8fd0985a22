//! A device's state: history, last reading, alerts. One transition an operation, no IO.

use std::{collections::BTreeMap, ops::Bound};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use twinbench_engine::Failure;

use crate::{
    capture::StorageCaptureData,
    configuration::Configuration,
    profile::Profile,
    telemetry::{Data, DeviceTelemetry},
};

/// How far ahead of the hub's clock a device's own may be before it is not believed.
pub const CLOCK_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The state of a device entity, in the application's own names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceState {
    /// Readings within the retention, by their time; null before the first operation.
    pub history_data: Option<BTreeMap<Timestamp, Data>>,
    /// How this device is treated.
    pub entity_config: Configuration,
    /// Display name, from the newest telemetry.
    pub device_name: Option<String>,
    /// Time of the newest reading.
    pub last_update: Option<Timestamp>,
    /// The newest reading.
    pub last_data: Option<Data>,
    /// Whether the high alert has been raised and not yet left.
    pub temperature_high_notification_fired: bool,
    /// Whether the low alert has been raised and not yet left.
    pub temperature_low_notification_fired: bool,
    /// When the readings were exported last.
    pub last_storage_capture: Option<Timestamp>,
    /// Readings that came too late for the export of their time, or would leave the history
    /// before the next one; not in the original.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub late_data: BTreeMap<Timestamp, Data>,
}

/// Why an alert was raised; the numbers are the original's enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum AlertType {
    /// Above the high threshold.
    HighTemperature,
    /// Below the low threshold.
    LowTemperature,
}

impl From<AlertType> for u8 {
    fn from(it: AlertType) -> Self {
        match it {
            AlertType::HighTemperature => 1,
            AlertType::LowTemperature => 2,
        }
    }
}

impl TryFrom<u8> for AlertType {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            1 => Ok(Self::HighTemperature),
            2 => Ok(Self::LowTemperature),
            other => Err(format!(
                "alert type {other} is never raised; 1 is high, 2 is low temperature"
            )),
        }
    }
}

/// Input of the `SendNotification` orchestration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NotificationData {
    /// When the reading was taken.
    pub timestamp: Timestamp,
    /// The reading, °C.
    pub current_value: f64,
    /// The threshold, °C.
    pub threshold_value: f64,
    /// Which threshold.
    #[serde(rename = "Type")]
    pub kind: AlertType,
    /// Telephone number, if one is configured.
    pub notification_number: Option<String>,
    /// The device's display name.
    pub device_name: String,
    /// The device.
    pub device_id: String,
}

impl DeviceState {
    /// `TelemetryReceived`, first part: keeps a reading, and says whether it did.
    ///
    /// A reading without data or older than the retention changes nothing. Both values are
    /// rounded half to even to the configured digits.
    ///
    /// # Errors
    /// In the original: a retention that leads out of the calendar, or more than 15 digits.
    pub fn keep(
        &mut self,
        telemetry: &DeviceTelemetry,
        now: Timestamp,
        profile: Profile,
    ) -> Result<bool, Failure> {
        let history = self.history_data.get_or_insert_default();
        let Some(data) = telemetry.data else {
            return Ok(false);
        };
        let horizon = now
            .saturating_sub(self.entity_config.history_retention.0)
            .unwrap_or(Timestamp::MIN);
        if profile.is_original() && !CALENDAR.contains(&horizon.as_second()) {
            return Err(out_of_range(
                "The added or subtracted value results in an un-representable DateTime.",
            ));
        }
        if telemetry.timestamp < horizon {
            return Ok(false);
        }
        let round = |value, digits| {
            if profile.is_original() && digits > 15 {
                Err(out_of_range(
                    "Rounding digits must be between 0 and 15, inclusive.",
                ))
            } else {
                Ok(round_half_even(value, digits))
            }
        };
        let data = Data {
            temperature: round(
                data.temperature,
                self.entity_config.temperature_decimal_precision,
            )?,
            humidity: round(data.humidity, self.entity_config.humidity_decimal_precision)?,
        };
        history.insert(telemetry.timestamp, data);
        let captured = self.last_storage_capture.filter(|_| !profile.is_original());
        let captured = captured.filter(|_| self.entity_config.captures());
        if captured.is_some_and(|last| telemetry.timestamp <= last) {
            self.late_data.insert(telemetry.timestamp, data);
        }
        if self
            .last_update
            .is_none_or(|last| last < telemetry.timestamp)
        {
            self.last_update = Some(telemetry.timestamp);
            self.last_data = Some(data);
            if self.device_name.as_deref() != Some(telemetry.device_name.as_str()) {
                self.device_name = Some(telemetry.device_name.clone());
            }
        }
        // The map is in order of time: what is too old is at its front.
        while let Some(oldest) = history.first_entry() {
            if *oldest.key() >= horizon {
                break;
            }
            let (time, data) = oldest.remove_entry();
            if captured.is_some_and(|last| time > last) {
                self.late_data.insert(time, data);
            }
        }
        Ok(true)
    }

    /// `TelemetryReceived`, third part: the readings to be exported now, if it is time.
    ///
    /// Each reading is exported once. In the original one that comes late is never exported, and
    /// one of the very instant of an export twice.
    pub fn capture(
        &mut self,
        telemetry: &DeviceTelemetry,
        now: Timestamp,
        profile: Profile,
    ) -> Option<StorageCaptureData> {
        let capture = self.entity_config.storage_capture.unwrap_or_default();
        if !capture.enabled {
            return None;
        }
        let window = SignedDuration::from_mins(i64::from(capture.time_window_in_minutes));
        if let Some(last) = self.last_storage_capture
            && now.duration_since(last) < window
        {
            return None;
        }
        let history = self.history_data.as_ref()?;
        let data: BTreeMap<Timestamp, Data> = if profile.is_original() {
            let first = self
                .last_storage_capture
                .or(history.keys().next().copied())?;
            history.range(first..).map(|(t, d)| (*t, *d)).collect()
        } else {
            let first = match self.last_storage_capture {
                Some(last) => Bound::Excluded(last),
                None => Bound::Unbounded,
            };
            let mut data = std::mem::take(&mut self.late_data);
            // A clock may be a little ahead: such a reading is exported when its time has come.
            if self.last_storage_capture.is_none_or(|last| last < now) {
                let due = history.range((first, Bound::Included(now)));
                data.extend(due.map(|(time, data)| (*time, *data)));
            }
            if data.is_empty() {
                return None;
            }
            data
        };
        self.last_storage_capture = Some(now);
        Some(StorageCaptureData {
            device_name: self.device_name.clone(),
            device_id: telemetry.device_id.clone(),
            data,
        })
    }

    /// `TelemetryReceived`, second part: which alerts the state raises.
    ///
    /// The newest reading, not the one received last, decides. An alert fires once and re-arms
    /// strictly on the other side of its threshold; equality changes nothing.
    pub fn alerts(&mut self, telemetry: &DeviceTelemetry) -> Vec<NotificationData> {
        let (Some(last), Some(at)) = (self.last_data, self.last_update) else {
            return Vec::new();
        };
        let value = last.temperature;
        let mut raised = Vec::new();
        let mut raise = |threshold_value, kind| {
            raised.push(NotificationData {
                timestamp: at,
                current_value: value,
                threshold_value,
                kind,
                notification_number: self.entity_config.notification_number.clone(),
                device_name: self.device_name.clone().unwrap_or_default(),
                device_id: telemetry.device_id.clone(),
            });
        };
        if let Some(threshold) = self.entity_config.temperature_high_threshold {
            if value > threshold && !self.temperature_high_notification_fired {
                self.temperature_high_notification_fired = true;
                raise(threshold, AlertType::HighTemperature);
            } else if value < threshold {
                self.temperature_high_notification_fired = false;
            }
        }
        if let Some(threshold) = self.entity_config.temperature_low_threshold {
            if value < threshold && !self.temperature_low_notification_fired {
                self.temperature_low_notification_fired = true;
                raise(threshold, AlertType::LowTemperature);
            } else if value > threshold {
                self.temperature_low_notification_fired = false;
            }
        }
        raised
    }
}

/// Seconds of the years 1 to 9999, which is all that the original knows.
const CALENDAR: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// .NET's `ArgumentOutOfRangeException`.
fn out_of_range(message: &str) -> Failure {
    Failure::new("System.ArgumentOutOfRangeException", message)
}

/// `Math.Round`: half to even, `digits` from 0 to 15.
pub(crate) fn round_half_even(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits.clamp(0, 15));
    let scaled = value * scale;
    // Beyond 2^52 there are no fractions left to round.
    if scaled.is_finite() && scaled.abs() < 4_503_599_627_370_496.0 {
        scaled.round_ties_even() / scale
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + secs).unwrap()
    }

    fn receive(state: &mut DeviceState, telemetry: &DeviceTelemetry, now: Timestamp) -> usize {
        if state.keep(telemetry, now, Profile::Repaired).unwrap() {
            state.alerts(telemetry).len()
        } else {
            0
        }
    }

    fn telemetry(secs: i64, temperature: f64) -> DeviceTelemetry {
        DeviceTelemetry {
            timestamp: at(secs),
            device_id: "d".into(),
            device_name: "D".into(),
            data: Some(Data {
                temperature,
                humidity: 50.0,
            }),
        }
    }

    #[test]
    fn keeps_what_the_retention_says() {
        let mut state = DeviceState::default();
        for secs in [0, 10, 300, 599, 600, 605] {
            receive(&mut state, &telemetry(secs, 20.0), at(secs));
        }
        let kept: Vec<_> = state.history_data.unwrap().into_keys().collect();
        assert_eq!(kept, [at(10), at(300), at(599), at(600), at(605)]);
    }

    #[test]
    fn what_is_too_old_changes_nothing_but_a_late_reading_is_kept() {
        let mut state = DeviceState::default();
        receive(&mut state, &telemetry(700, 20.0), at(700));
        receive(&mut state, &telemetry(50, 99.0), at(700));
        receive(&mut state, &telemetry(650, 25.0), at(701));
        assert_eq!(state.last_update, Some(at(700)));
        let last = state.last_data.map(|data| data.temperature);
        assert_eq!(last, Some(20.0));
        assert_eq!(
            state.history_data.unwrap().into_keys().collect::<Vec<_>>(),
            [at(650), at(700)]
        );
    }

    #[test]
    fn an_alert_fires_once_and_re_arms_strictly_below() {
        let mut state = DeviceState::default();
        state.entity_config.temperature_high_threshold = Some(30.0);
        let mut fired = Vec::new();
        for (secs, value) in [30.0, 30.01, 31.0, 30.0, 30.5, 29.99, 30.5]
            .into_iter()
            .enumerate()
        {
            fired.push(receive(
                &mut state,
                &telemetry(secs as i64, value),
                at(secs as i64),
            ));
        }
        assert_eq!(fired, [0, 1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn low_and_high_are_symmetrical() {
        let mut state = DeviceState::default();
        state.entity_config.temperature_low_threshold = Some(5.0);
        let mut fired = Vec::new();
        for (secs, value) in [5.0, 4.99, 4.0, 5.0, 4.0, 5.01, 4.0]
            .into_iter()
            .enumerate()
        {
            fired.push(receive(
                &mut state,
                &telemetry(secs as i64, value),
                at(secs as i64),
            ));
        }
        assert_eq!(fired, [0, 1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn rounds_half_to_even() {
        for (value, digits, expected) in [
            (2.5, 0, 2.0),
            (3.5, 0, 4.0),
            (0.125, 2, 0.12),
            (0.375, 2, 0.38),
            (-2.5, 0, -2.0_f64),
            (1e300, 2, 1e300),
        ] {
            let rounded = round_half_even(value, digits);
            assert_eq!(rounded.to_bits(), expected.to_bits(), "{value} to {digits}");
        }
        assert!(round_half_even(f64::NAN, 2).is_nan());
    }

    #[test]
    fn the_state_has_the_applications_names() {
        let mut state = DeviceState::default();
        receive(&mut state, &telemetry(0, 20.456), at(0));
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(
            json["historyData"]["2026-01-01T00:00:00Z"]["temperature"],
            20.46
        );
        assert_eq!(serde_json::from_value::<DeviceState>(json).unwrap(), state);
    }
}
