//! The alert workflow: a message to the device, then an SMS if a number is configured.

use std::{future::poll_fn, pin::Pin, task::Poll};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use twinbench_engine::{ActivityContext, Failure, Json, OrchestrationContext};
use twinbench_model::Epoch;

use crate::{
    connectors::{Call, Receipt, TO_DEVICE, TO_MAIL, TO_TWILIO, TO_WEBHOOK, attempts, wait_for},
    device::{AlertType, NotificationData},
    profile::Profile,
};

/// The orchestration's name.
pub const SEND_NOTIFICATION: &str = "SendNotification";

/// How long a message waits for its device.
const EXPIRY: SignedDuration = SignedDuration::from_mins(10);

/// What alerts are told beside device and telephone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ways {
    pub(crate) profile: Profile,
    pub(crate) mail: bool,
    pub(crate) webhook: bool,
}

/// `SendNotification`: every way is tried, and tried again, whatever becomes of the others; the
/// first failure fails the workflow in the end.
///
/// In the original one follows the other without a second try, and the first failure is the end.
pub(crate) async fn send_notification(
    ways: Ways,
    cx: OrchestrationContext,
    notification: NotificationData,
) -> Result<(), Failure> {
    let number = notification.notification_number.as_deref();
    let sms = number.is_some_and(|number| !number.is_empty());
    if ways.profile.is_original() {
        let receipt = cx.activity::<Receipt>(TO_DEVICE, &notification).await?;
        wait_for(&cx, receipt).await?;
        if sms {
            let receipt = cx.activity::<Receipt>(TO_TWILIO, &notification).await?;
            wait_for(&cx, receipt).await?;
        }
        return Ok(());
    }
    let ways = [
        (true, TO_DEVICE),
        (sms, TO_TWILIO),
        (ways.mail, TO_MAIL),
        (ways.webhook, TO_WEBHOOK),
    ];
    let told = ways
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, activity)| -> Telling<'_> { Box::pin(tell(&cx, activity, &notification)) });
    at_once(told.collect()).await
}

type Telling<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Waits for all of them; the first failure in their order is the outcome.
async fn at_once(tellings: Vec<Telling<'_>>) -> Result<(), Failure> {
    let mut all: Vec<_> = tellings.into_iter().map(|it| (it, None)).collect();
    poll_fn(|cx| {
        for (telling, outcome) in &mut all {
            if outcome.is_none()
                && let Poll::Ready(ended) = telling.as_mut().poll(cx)
            {
                *outcome = Some(ended);
            }
        }
        if all.iter().any(|(_, outcome)| outcome.is_none()) {
            return Poll::Pending;
        }
        let failed = all.iter().find_map(|(_, outcome)| match outcome {
            Some(Err(failure)) => Some(failure.clone()),
            _ => None,
        });
        Poll::Ready(failed.map_or(Ok(()), Err))
    })
    .await
}

async fn tell(
    cx: &OrchestrationContext,
    activity: &str,
    notification: &NotificationData,
) -> Result<(), Failure> {
    let receipt: Receipt = cx
        .activity_with_retry(activity, notification, attempts())
        .await?;
    wait_for(cx, receipt).await
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

/// An e-mail: a subject in the properties, the sentence as the text.
pub(crate) fn mail(cx: &ActivityContext, to: &str, notification: &NotificationData) -> Call {
    let subject = format!(
        "{} at {}",
        type_name(notification.kind),
        notification.device_name
    );
    Call {
        to: to.to_owned(),
        text: text(notification),
        properties: [("Subject".to_owned(), subject)].into(),
        ..call(cx, notification)
    }
}

/// A webhook's call: the notification as JSON.
pub(crate) fn webhook(
    cx: &ActivityContext,
    url: &str,
    notification: &NotificationData,
) -> Result<Call, Failure> {
    Ok(Call {
        to: url.to_owned(),
        text: Json::of(notification)?.as_str().to_owned(),
        ..call(cx, notification)
    })
}

fn call(cx: &ActivityContext, notification: &NotificationData) -> Call {
    Call::of(cx, &notification.device_id)
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
