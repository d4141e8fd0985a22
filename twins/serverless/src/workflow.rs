//! `SendNotification`: an alert goes to the device and, when a number is configured, by SMS.

use serde::{Deserialize, Serialize};
use twinbench_engine::{Failure, OrchestrationContext};

use crate::device::{AlertType, NotificationData};

/// Name of the orchestration.
pub const SEND_NOTIFICATION: &str = "SendNotification";
/// Name of the activity that sends a cloud-to-device message.
pub const SEND_TO_DEVICE: &str = "SendMessageToDevice";
/// Name of the activity that sends an SMS.
pub const SEND_SMS: &str = "SendMessageToTwilio";

/// What became of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Whether the device was told.
    pub device: bool,
    /// Whether an SMS was sent; null when no number is configured.
    pub sms: Option<bool>,
}

/// The orchestration. Repaired: a device that cannot be told does not keep the SMS from being
/// sent; the original fails before it gets there, and the alert is lost.
///
/// # Errors
/// When nobody could be told.
pub async fn send_notification(
    cx: OrchestrationContext,
    alert: NotificationData,
) -> Result<Sent, Failure> {
    let device = cx.activity::<()>(SEND_TO_DEVICE, &alert).await;
    let sms = match alert.notification_number.as_deref() {
        None | Some("") => None,
        Some(_) => Some(cx.activity::<()>(SEND_SMS, &alert).await),
    };
    match (device, sms) {
        (Err(failure), None | Some(Err(_))) => Err(failure),
        (device, sms) => Ok(Sent {
            device: device.is_ok(),
            sms: sms.map(|it| it.is_ok()),
        }),
    }
}

/// The text of a notification, as the original words it.
pub fn text(alert: &NotificationData) -> String {
    let relation = match alert.kind {
        AlertType::HighTemperature => "greater then",
        AlertType::LowTemperature => "less then",
    };
    format!(
        "Temperature {:.2} {relation} {:.2} from {} at {}.",
        alert.current_value, alert.threshold_value, alert.device_name, alert.timestamp
    )
}
