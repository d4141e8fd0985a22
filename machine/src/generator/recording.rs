//! Values that a device has sent before, from a recording.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use twinbench_model::VirtualTime;

use super::GeneratorError;

/// What a device sent in a recording: each value holds from the time at which it was sent, counted from the
/// recording's beginning, until the next one.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedValues {
    /// The recording, relative to the bench file.
    file: String,
    /// Whose telemetry; default: that of the device of the same id.
    device: Option<String>,
    /// The path in the message's body, such as `data.temperature`; default: the quantity's name, flat or
    /// within `data`.
    field: Option<String>,
    #[serde(skip)]
    values: Option<Arc<[(VirtualTime, f64)]>>,
}

impl RecordedValues {
    /// The recording's path as the bench file gives it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whose telemetry; none: that of the device itself.
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Where its messages have the value; none: at the quantity's name.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Gives it the values, in order of their times.
    pub fn set_values(&mut self, values: Vec<(VirtualTime, f64)>) {
        self.values = Some(values.into());
    }

    /// The values.
    ///
    /// # Errors
    /// When they were not given, or there are none.
    pub(super) fn rows(&self) -> Result<Vec<(VirtualTime, f64)>, GeneratorError> {
        match &self.values {
            Some(values) if !values.is_empty() => Ok(values.to_vec()),
            _ => Err(GeneratorError::Steps(format!(
                "of the recording {} are missing: it was not read",
                self.file
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use twinbench_model::DeviceId;

    use super::*;
    use crate::generator::{Generator, Key, Sampler};

    #[test]
    fn values_hold_from_their_times_on() {
        let text = r#"{"recording": {"file": "field.mcap", "device": "pump-3"}}"#;
        let mut generator: Generator = serde_json::from_str(text).unwrap();
        let key = Key {
            seed: 7,
            device: DeviceId::new("d").unwrap(),
        };
        let error = Sampler::new(&generator, &key, "temperature").unwrap_err();
        assert!(error.to_string().contains("field.mcap"), "{error}");
        let Generator::Recording(recorded) = &mut generator else {
            panic!("{generator:?}");
        };
        assert_eq!(
            (recorded.device(), recorded.field()),
            (Some("pump-3"), None)
        );
        recorded.set_values(vec![
            (VirtualTime::from_secs(2), 20.5),
            (VirtualTime::from_secs(4), 21.5),
        ]);
        let mut sampler = Sampler::new(&generator, &key, "temperature").unwrap();
        let values = [0, 2, 3, 4, 99].map(|secs| sampler.at(VirtualTime::from_secs(secs)));
        assert_eq!(
            values.map(|it| (it * 10.0) as i32),
            [205, 205, 205, 215, 215]
        );
    }
}
