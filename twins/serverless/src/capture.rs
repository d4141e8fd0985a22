//! Regular export: `SaveCapture` and its activity.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use twinbench_engine::{ActivityContext, Failure, OrchestrationContext};
use twinbench_model::Epoch;

use crate::{
    connectors::{Call, Receipt, SAVE_CAPTURE_DATA, attempts, wait_for},
    profile::Profile,
    telemetry::Data,
};

/// The orchestration's name.
pub const SAVE_CAPTURE: &str = "SaveCapture";

/// Input of the `SaveCapture` orchestration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageCaptureData {
    /// The device's display name.
    pub device_name: Option<String>,
    /// The device.
    pub device_id: String,
    /// The readings, by their time.
    pub data: BTreeMap<Timestamp, Data>,
}

/// What became of `SaveCaptureData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Saved {
    /// The original's answer, which its workflow does not look at.
    pub(crate) saved: bool,
    #[serde(flatten)]
    pub(crate) receipt: Receipt,
}

/// `SaveCapture`: one activity. A failure is tried again, and then fails the workflow; the
/// original completes whatever came of it.
pub(crate) async fn save_capture(
    profile: Profile,
    cx: OrchestrationContext,
    data: StorageCaptureData,
) -> Result<(), Failure> {
    let saved = if profile.is_original() {
        cx.activity::<Saved>(SAVE_CAPTURE_DATA, &data).await?
    } else {
        cx.activity_with_retry(SAVE_CAPTURE_DATA, &data, attempts())
            .await?
    };
    wait_for(&cx, saved.receipt).await
}

/// What is written, and where: a blob `{deviceId}/{yyyyMMdd-HHmmss}.csv`.
pub(crate) fn file_of(cx: &ActivityContext, epoch: Epoch, data: &StorageCaptureData) -> Call {
    let now = epoch.utc(cx.now()).to_zoned(TimeZone::UTC);
    Call {
        to: format!("{}/{}.csv", data.device_id, now.strftime("%Y%m%d-%H%M%S")),
        text: csv(data),
        ..Call::of(cx, &data.device_id)
    }
}

/// The file's text, in the culture en-US as the original's writer has it.
fn csv(data: &StorageCaptureData) -> String {
    let mut text = String::from("Timestamp,Temperature,Humidity\r\n");
    for (time, data) in &data.data {
        let time = time.to_zoned(TimeZone::UTC);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{} +00:00,{},{}\r\n",
            time.strftime("%-m/%-d/%Y %-I:%M:%S %p"),
            data.temperature,
            data.humidity
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_originals() {
        let data = Data {
            temperature: 21.5,
            humidity: 50.0,
        };
        let data = StorageCaptureData {
            device_name: None,
            device_id: "kitchen".into(),
            data: [("2026-01-01T13:05:09.25Z".parse().unwrap(), data)].into(),
        };
        assert_eq!(
            csv(&data),
            "Timestamp,Temperature,Humidity\r\n1/1/2026 1:05:09 PM +00:00,21.5,50\r\n"
        );
        assert_eq!(
            serde_json::to_value(&data).unwrap(),
            serde_json::json!({"DeviceName": null, "DeviceId": "kitchen",
                "Data": {"2026-01-01T13:05:09.25Z": {"temperature": 21.5, "humidity": 50.0}}})
        );
    }
}
