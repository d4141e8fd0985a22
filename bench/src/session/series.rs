//! Temperature and humidity of each device over the session, for the pictures.

use std::collections::BTreeMap;

use serde::Deserialize;
use twinbench_model::{DeviceId, EventData, VirtualTime};

/// How many devices are pictured: enough for a bench at a desk, little for a fleet.
pub const PICTURED: usize = 32;

/// What a picture shows of a device.
#[derive(Debug, Clone, Default)]
pub struct DeviceSeries {
    /// Degrees Celsius over time.
    pub temperature: Vec<(VirtualTime, f64)>,
    /// Percent relative humidity over time.
    pub humidity: Vec<(VirtualTime, f64)>,
    /// Alerts, with their text.
    pub alerts: Vec<(VirtualTime, String)>,
}

/// Listens to the messages that the hub took.
pub(super) struct SeriesTap {
    devices: Vec<(DeviceId, DeviceSeries)>,
    index: BTreeMap<DeviceId, usize>,
    messages: BTreeMap<DeviceId, u64>,
}

/// A reading in any of the shapes that devices here send: flat, or within `data`. The flat one is not
/// flattened by serde, which then takes no fractions when numbers are kept as they are written.
#[derive(Deserialize)]
struct Body {
    #[serde(alias = "Temperature")]
    temperature: Option<f64>,
    #[serde(alias = "Humidity")]
    humidity: Option<f64>,
    #[serde(alias = "Data")]
    data: Option<Reading>,
}

#[derive(Deserialize)]
struct Reading {
    #[serde(alias = "Temperature")]
    temperature: Option<f64>,
    #[serde(alias = "Humidity")]
    humidity: Option<f64>,
}

impl SeriesTap {
    /// Listens for the first [`PICTURED`] of these devices.
    pub(super) fn new<'a>(ids: impl Iterator<Item = &'a DeviceId>) -> Self {
        let devices: Vec<_> = ids
            .take(PICTURED)
            .map(|id| (id.clone(), DeviceSeries::default()))
            .collect();
        let index = devices
            .iter()
            .enumerate()
            .map(|(n, (id, _))| (id.clone(), n))
            .collect();
        Self {
            devices,
            index,
            messages: BTreeMap::new(),
        }
    }

    pub(super) fn all(&self) -> &[(DeviceId, DeviceSeries)] {
        &self.devices
    }

    pub(super) fn messages_of(&self, device: &DeviceId) -> u64 {
        self.messages.get(device).copied().unwrap_or(0)
    }

    pub(super) fn message(&mut self, event: &EventData) {
        if let Some(count) = self.messages.get_mut(&event.device) {
            *count += 1;
        } else {
            self.messages.insert(event.device.clone(), 1);
        }
        let Some(series) = self
            .index
            .get(&event.device)
            .map(|&n| &mut self.devices[n].1)
        else {
            return;
        };
        let Ok(body) = serde_json::from_slice::<Body>(&event.message.body) else {
            return;
        };
        let reading = body.data.unwrap_or(Reading {
            temperature: body.temperature,
            humidity: body.humidity,
        });
        if let Some(value) = reading.temperature {
            series.temperature.push((event.enqueued, value));
        }
        if let Some(value) = reading.humidity {
            series.humidity.push((event.enqueued, value));
        }
    }

    pub(super) fn alert(&mut self, device: &str, time: VirtualTime, text: String) {
        if let Some((_, series)) = self
            .devices
            .iter_mut()
            .find(|(id, _)| id.as_str() == device)
        {
            series.alerts.push((time, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_flat_or_within_data() {
        let check = |text: &str, expected: [Option<f64>; 2]| {
            let body: Body = serde_json::from_str(text).unwrap();
            let reading = body.data.unwrap_or(Reading {
                temperature: body.temperature,
                humidity: body.humidity,
            });
            assert_eq!([reading.temperature, reading.humidity], expected, "{text}");
        };
        check(
            r#"{"temperature": 21.5, "humidity": 60}"#,
            [Some(21.5), Some(60.0)],
        );
        check(r#"{"Data":{"Temperature":-1.25}}"#, [Some(-1.25), None]);
        check(r#"{"other":[1,{}]}"#, [None, None]);
    }
}
