//! The alert workflow: a message to the device, then an SMS if a number is configured.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use twinbench_engine::{ActivityContext, Failure, OrchestrationContext};
use twinbench_model::Epoch;

use crate::{
    connectors::{Call, TO_DEVICE, TO_TWILIO},
    device::{AlertType, NotificationData},
};

/// The orchestration's name.
pub const SEND_NOTIFICATION: &str = "SendNotification";

/// How long a message waits for its device.
const EXPIRY: SignedDuration = SignedDuration::from_mins(10);

/// `SendNotification`: both ways are tried, whatever becomes of the first.
pub(crate) async fn send_notification(
    cx: OrchestrationContext,
    notification: NotificationData,
) -> Result<(), Failure> {
    let device = cx.activity::<()>(TO_DEVICE, &notification).await;
    let number = notification.notification_number.as_deref();
    if number.is_some_and(|number| !number.is_empty()) {
        cx.activity::<()>(TO_TWILIO, &notification).await?;
    }
    device
}

/// `SendMessageToDevice`: the message that the hub would take for the device.
pub(crate) fn message_to_device(
    cx: &ActivityContext,
    epoch: Epoch,
    notification: &NotificationData,
) -> Call {
    let expiry = epoch.utc(cx.now()).saturating_add(EXPIRY);
    let properties = [
        ("CurrentValue", number(notification.current_value)),
        ("ThresholdValue", number(notification.threshold_value)),
        ("Type", type_name(notification.kind).to_owned()),
    ];
    Call {
        to: notification.device_id.clone(),
        properties: properties
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        expiry: expiry.ok().map(|expiry| expiry.to_string()),
        // The original encodes it as ASCII.
        text: ascii(&text(notification)),
        ..call(cx, notification)
    }
}

/// `SendMessageToTwilio`: the SMS.
pub(crate) fn message_to_twilio(cx: &ActivityContext, notification: &NotificationData) -> Call {
    Call {
        to: notification.notification_number.clone().unwrap_or_default(),
        text: text(notification),
        ..call(cx, notification)
    }
}

fn call(cx: &ActivityContext, notification: &NotificationData) -> Call {
    Call {
        key: cx.idempotency_key(),
        time: cx.now(),
        connector: cx.name().to_owned(),
        device: notification.device_id.clone(),
        to: String::new(),
        text: String::new(),
        properties: BTreeMap::new(),
        expiry: None,
    }
}

/// The sentence as the original writes it, its spelling included.
pub fn text(notification: &NotificationData) -> String {
    let than = match notification.kind {
        AlertType::HighTemperature => "greater then",
        AlertType::LowTemperature => "less then",
    };
    format!(
        "Temperature {} {than} {} from {} at {}.",
        two_digits(notification.current_value),
        two_digits(notification.threshold_value),
        notification.device_name,
        date(notification.timestamp)
    )
}

/// .NET's `0.00`: half away from zero, where Rust's own rounds half to even.
fn two_digits(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{:.2}", if rounded.is_finite() { rounded } else { value })
}

/// A number without needless digits, as .NET writes it.
fn number(value: f64) -> String {
    value.to_string()
}

/// A `DateTimeOffset` in the invariant culture.
fn date(instant: Timestamp) -> String {
    let utc = instant.to_zoned(TimeZone::UTC);
    utc.strftime("%m/%d/%Y %H:%M:%S +00:00").to_string()
}

fn type_name(kind: AlertType) -> &'static str {
    match kind {
        AlertType::HighTemperature => "HighTemperature",
        AlertType::LowTemperature => "LowTemperature",
    }
}

/// ASCII with a question mark for each UTF-16 unit that is none.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.extend(std::iter::repeat_n('?', c.len_utf16()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(kind: AlertType, current_value: f64) -> NotificationData {
        NotificationData {
            timestamp: "2026-01-01T13:05:09.250Z".parse().unwrap(),
            current_value,
            threshold_value: 30.0,
            kind,
            notification_number: None,
            device_name: "Küche 🌡".into(),
            device_id: "kitchen".into(),
        }
    }

    #[test]
    fn the_sentence_is_the_originals() {
        assert_eq!(
            text(&notification(AlertType::HighTemperature, 31.125)),
            "Temperature 31.13 greater then 30.00 from Küche 🌡 at 01/01/2026 13:05:09 +00:00."
        );
        assert_eq!(
            ascii(&text(&notification(AlertType::LowTemperature, -0.5))),
            "Temperature -0.50 less then 30.00 from K?che ?? at 01/01/2026 13:05:09 +00:00."
        );
    }
}
