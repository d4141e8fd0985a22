//! From an AMQP message of the service to a message for a device, and from feedback to AMQP.

use fe2o3_amqp::types::{
    definitions::{AmqpError, Error, LinkError},
    messaging::{AmqpValue, Body, Data, Message, MessageId, Properties},
    primitives::{Binary, SimpleValue, Symbol, Value},
};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use twinbench_model::{Epoch, VirtualTime, system};

use super::{link::error, request::Request};
use crate::{
    c2d::{Ack, C2dError, FeedbackBatch, SendC2d},
    registry::IdentityId,
    uploads::FileNotification,
};

/// The application property by which the sender asks for feedback; no property of the device's.
const ACK: &str = "iothub-ack";
/// The content type of a batch of feedback.
const FEEDBACK: &str = "application/vnd.microsoft.iothub.feedback.json";

/// The content type of the news of an uploaded file.
const FILE_NOTIFICATION: &str = "application/vnd.microsoft.iothub.filenotification.json";

/// A message from the service cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It is for nobody.
    #[error("the property to is {0:?}: write /devices/ID/messages/devicebound")]
    To(String),
    /// The kind of feedback is none.
    #[error("iothub-ack is {0:?}: write none, positive, negative or full")]
    Ack(String),
    /// The body is a structure.
    #[error("the body is an AMQP structure: send bytes or a text")]
    Body,
}

/// Reads a message from the service: for whom it is, and what.
///
/// # Errors
/// When its address, its wish for feedback or its body cannot be read.
pub fn command(message: Request, epoch: Epoch) -> Result<(IdentityId, SendC2d), CommandError> {
    let asked = message.properties.unwrap_or_default();
    let to = asked.to.clone().unwrap_or_default();
    let id = recipient(&to).ok_or_else(|| CommandError::To(to.chars().take(120).collect()))?;
    let mut send = SendC2d::default();
    let own = message.application_properties;
    for (name, value) in own.into_iter().flat_map(|own| own.0) {
        let text = text_of(&value);
        if name == ACK {
            send.ack = Ack::parse(&text).ok_or(CommandError::Ack(text))?;
        } else {
            send.message.properties.insert(name, text);
        }
    }
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            send.message.system.insert(name.to_owned(), value);
        }
    };
    set(system::MESSAGE_ID, asked.message_id.as_ref().map(id_text));
    set(
        system::CORRELATION_ID,
        asked.correlation_id.as_ref().map(id_text),
    );
    let user = asked
        .user_id
        .map(|user| String::from_utf8_lossy(&user).into_owned());
    set(system::USER_ID, user);
    set(
        system::CONTENT_TYPE,
        asked.content_type.map(|Symbol(text)| text),
    );
    set(
        system::CONTENT_ENCODING,
        asked.content_encoding.map(|Symbol(text)| text),
    );
    send.expires = asked.absolute_expiry_time.map(|instant| {
        let nanos = i128::from(instant.milliseconds()) * 1_000_000;
        let nanos = nanos - epoch.instant().as_nanosecond();
        VirtualTime::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    });
    send.message.body = body(message.body).ok_or(CommandError::Body)?.into();
    Ok((id, send))
}

/// `/devices/{id}[/modules/{id}]/messages/devicebound`, quoted as clients like.
fn recipient(to: &str) -> Option<IdentityId> {
    let path = super::address::path_of(to);
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
    let (device, module, end) = match parts.as_slice() {
        [devices, device, messages, bound] if is(devices, "devices") => {
            (device, None, [messages, bound])
        }
        [devices, device, modules, module, messages, bound]
            if is(devices, "devices") && is(modules, "modules") =>
        {
            (device, Some(module), [messages, bound])
        }
        _ => return None,
    };
    if !is(end[0], "messages") || !is(end[1], "devicebound") {
        return None;
    }
    let plain = |part: &str| {
        percent_decode_str(part)
            .decode_utf8()
            .ok()
            .map(String::from)
    };
    let module = match module {
        Some(module) => Some(plain(module)?),
        None => None,
    };
    IdentityId::from_parts(&plain(device)?, module.as_deref()).ok()
}

fn body(body: Body<Value>) -> Option<Vec<u8>> {
    match body {
        Body::Data(batch) => Some(
            batch
                .into_iter()
                .flat_map(|Data(bytes)| bytes.into_vec())
                .collect(),
        ),
        Body::Value(AmqpValue(Value::String(text))) => Some(text.into_bytes()),
        Body::Value(AmqpValue(Value::Binary(bytes))) => Some(bytes.into_vec()),
        Body::Value(AmqpValue(Value::Null)) | Body::Empty => Some(Vec::new()),
        Body::Value(_) | Body::Sequence(_) => None,
    }
}

fn id_text(id: &MessageId) -> String {
    match id {
        MessageId::String(text) => text.clone(),
        MessageId::Ulong(number) => number.to_string(),
        MessageId::Uuid(uuid) => {
            let number = u128::from_be_bytes(*uuid.as_inner());
            let hex = format!("{number:032x}");
            format!(
                "{}-{}-{}-{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..]
            )
        }
        MessageId::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn text_of(value: &SimpleValue) -> String {
    match value {
        SimpleValue::String(text) | SimpleValue::Symbol(Symbol(text)) => text.clone(),
        SimpleValue::Bool(flag) => flag.to_string(),
        SimpleValue::Ubyte(number) => number.to_string(),
        SimpleValue::Ushort(number) => number.to_string(),
        SimpleValue::Uint(number) => number.to_string(),
        SimpleValue::Ulong(number) => number.to_string(),
        SimpleValue::Byte(number) => number.to_string(),
        SimpleValue::Short(number) => number.to_string(),
        SimpleValue::Int(number) => number.to_string(),
        SimpleValue::Long(number) => number.to_string(),
        SimpleValue::Float(number) => number.to_string(),
        SimpleValue::Double(number) => number.to_string(),
        SimpleValue::Char(letter) => letter.to_string(),
        SimpleValue::Timestamp(instant) => {
            let instant = Timestamp::from_millisecond(instant.milliseconds());
            instant
                .map(|instant| instant.to_string())
                .unwrap_or_default()
        }
        SimpleValue::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        SimpleValue::Uuid(uuid) => id_text(&MessageId::Uuid(uuid.clone())),
        _ => String::new(),
    }
}

/// The error with which a message that the hub does not take is rejected.
pub(super) fn refusal(cause: &C2dError) -> Error {
    let text = cause.to_string();
    match cause {
        C2dError::NotFound(_) => error(AmqpError::NotFound, text),
        C2dError::QueueFull(_) | C2dError::Limit(_) => {
            error(AmqpError::ResourceLimitExceeded, text)
        }
        C2dError::TooLarge { .. } => error(LinkError::MessageSizeExceeded, text),
        C2dError::Expired => error(AmqpError::NotAllowed, text),
    }
}

/// A batch of feedback as the service gets it.
pub(super) fn feedback(batch: &FeedbackBatch, epoch: Epoch) -> Message<Data> {
    let records: serde_json::Value = batch.records.iter().map(|one| one.to_json(epoch)).collect();
    news(batch.lock_token, FEEDBACK, &records)
}

/// The news of an uploaded file as the service gets it.
pub(super) fn file_notification(
    number: u64,
    notice: &FileNotification,
    epoch: Epoch,
) -> Message<Data> {
    news(number, FILE_NOTIFICATION, &notice.to_json(epoch))
}

fn news(number: u64, content_type: &str, body: &serde_json::Value) -> Message<Data> {
    let mut properties = Properties::new();
    properties.message_id = Some(MessageId::String(format!("{number:032x}")));
    properties.content_type = Some(Symbol::from(content_type));
    properties.content_encoding = Some(Symbol::from("utf-8"));
    Message {
        header: None,
        delivery_annotations: None,
        message_annotations: None,
        properties: Some(properties),
        application_properties: None,
        body: Data(Binary::from(body.to_string().into_bytes())),
        footer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp::types::messaging::{ApplicationProperties, Batch};
    use proptest::prelude::*;

    fn epoch() -> Epoch {
        Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn message(to: &str, own: &[(&str, SimpleValue)], body: Body<Value>) -> Request {
        let mut properties = Properties::new();
        properties.to = Some(to.to_owned());
        properties.message_id = Some(MessageId::String("m".into()));
        properties.absolute_expiry_time = Some(1_767_225_660_000.into());
        let own = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: Some(properties),
            application_properties: Some(ApplicationProperties(own.collect())),
            body,
            footer: None,
        }
    }

    #[test]
    fn what_services_send() {
        let own = [
            (ACK, SimpleValue::String("Full".into())),
            ("n", SimpleValue::Int(-3)),
            ("flag", SimpleValue::Bool(true)),
        ];
        let parts = [b"he".to_vec(), b"llo".to_vec()].map(|part| Data(Binary::from(part)));
        let body = Body::Data(Batch::new(parts.to_vec()));
        let to = "/devices/dev1/messages/devicebound";
        let (id, send) = command(message(to, &own, body), epoch()).unwrap();
        assert_eq!(id.to_string(), "dev1");
        assert_eq!(&send.message.body[..], b"hello");
        assert_eq!(send.ack, Ack::Full);
        assert_eq!(send.expires, Some(VirtualTime::from_secs(60)));
        assert_eq!(send.message.system[system::MESSAGE_ID], "m");
        let own: Vec<_> = send.message.properties.into_iter().collect();
        assert_eq!(
            own,
            [("flag".into(), "true".into()), ("n".into(), "-3".into())]
        );
    }

    #[test]
    fn recipients() {
        let to = |text: &str| recipient(text).map(|id| id.to_string());
        assert_eq!(
            to("/devices/a%2Db/messages/deviceBound"),
            Some("a-b".into())
        );
        assert_eq!(
            to("/devices/a/modules/m/messages/devicebound"),
            Some("a/m".into())
        );
        for other in [
            "",
            "/devices/a",
            "/devices/a b/messages/devicebound",
            "/x/a/messages/devicebound",
        ] {
            assert_eq!(to(other), None, "{other}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let to = "/devices/d/messages/devicebound";
        let ack = [(ACK, SimpleValue::String("maybe".into()))];
        let refused = command(message(to, &ack, Body::Empty), epoch()).unwrap_err();
        assert_eq!(refused, CommandError::Ack("maybe".into()));
        let list = Body::Value(AmqpValue(Value::List(Vec::new())));
        assert_eq!(
            command(message(to, &[], list), epoch()).unwrap_err(),
            CommandError::Body
        );
    }

    proptest! {
        #[test]
        fn any_recipient_is_answered(to in "(/?devices/)?.{0,40}") {
            let _ = recipient(&to);
        }
    }
}
