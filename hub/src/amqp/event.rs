//! How an event of the log looks to a consumer of the built-in endpoint.

use fe2o3_amqp::types::{
    messaging::{
        ApplicationProperties, Data, Message, MessageAnnotations, MessageId, Properties,
        annotations::OwnedKey,
    },
    primitives::{Binary, OrderedMap, SimpleValue, Symbol, Timestamp, Value},
};
use twinbench_model::{Epoch, EventData, VirtualTime, system};

/// Unix milliseconds of a virtual time, as AMQP timestamps count.
pub fn unix_milliseconds(epoch: Epoch, time: VirtualTime) -> i64 {
    epoch.utc(time).as_millisecond()
}

/// Makes the message that a consumer gets: annotations as the cloud's endpoint writes them,
/// properties of the sender where AMQP has a field for them, the body as data.
pub fn message_of(event: &EventData, epoch: Epoch) -> Message<Data> {
    let mut annotations = OrderedMap::new();
    let mut annotate = |name: &str, value: Value| {
        annotations.insert(OwnedKey::Symbol(Symbol::from(name)), value);
    };
    let enqueued = || Value::Timestamp(unix_milliseconds(epoch, event.enqueued).into());
    annotate(
        "x-opt-sequence-number",
        Value::Long(event.sequence_number as i64),
    );
    annotate(
        "x-opt-offset",
        Value::String(event.sequence_number.to_string()),
    );
    annotate("x-opt-enqueued-time", enqueued());
    annotate(
        "x-opt-partition-key",
        Value::String(event.device.as_str().to_owned()),
    );
    let mut properties = Properties::new();
    properties.to = Some(format!("/devices/{}/messages/events", event.device));
    for (name, value) in &event.message.system {
        match name.as_str() {
            system::MESSAGE_ID => properties.message_id = Some(MessageId::String(value.clone())),
            system::CORRELATION_ID => {
                properties.correlation_id = Some(MessageId::String(value.clone()));
            }
            system::USER_ID => properties.user_id = Some(Binary::from(value.as_bytes())),
            system::CONTENT_TYPE => properties.content_type = symbol(value),
            system::CONTENT_ENCODING => properties.content_encoding = symbol(value),
            system::EXPIRY_TIME => properties.absolute_expiry_time = timestamp(value),
            system::ENQUEUED_TIME => annotate(name, enqueued()),
            system::CREATION_TIME => match timestamp(value) {
                Some(instant) => annotate(name, Value::Timestamp(instant)),
                None => annotate(name, Value::String(value.clone())),
            },
            _ => annotate(name, Value::String(value.clone())),
        }
    }
    let own = event.message.properties.iter();
    let own: OrderedMap<String, SimpleValue> = own
        .map(|(name, value)| (name.clone(), SimpleValue::String(value.clone())))
        .collect();
    Message {
        header: None,
        delivery_annotations: None,
        message_annotations: Some(MessageAnnotations(annotations)),
        properties: Some(properties),
        application_properties: (!own.is_empty()).then_some(ApplicationProperties(own)),
        body: Data(Binary::from(event.message.body.to_vec())),
        footer: None,
    }
}

/// Symbols are ASCII (AMQP 1.0, 1.6.21); what is not is left out rather than sent broken.
fn symbol(text: &str) -> Option<Symbol> {
    text.is_ascii().then(|| Symbol::from(text))
}

/// The instant that a text names, when it names one.
fn timestamp(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_milliseconds(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp::types::messaging::message::__private::{Deserializable, Serializable};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use twinbench_model::DeviceId;

    fn event(system: &[(&str, &str)], properties: &[(&str, &str)]) -> EventData {
        let bag = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
            pairs.iter().map(own).collect()
        };
        EventData {
            device: DeviceId::new("dev1").unwrap(),
            partition: 2,
            sequence_number: 41,
            enqueued: VirtualTime::from_millis(1_500),
            message: twinbench_model::Message {
                body: b"{}".as_slice().into(),
                system: bag(system),
                properties: bag(properties),
            },
        }
    }

    /// Names that map to something of their own, and others.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(system::MESSAGE_ID.to_owned()),
            Just(system::USER_ID.to_owned()),
            Just(system::CONTENT_TYPE.to_owned()),
            Just(system::EXPIRY_TIME.to_owned()),
            Just(system::ENQUEUED_TIME.to_owned()),
            "[ -~]{0,12}",
        ]
    }

    fn epoch() -> Epoch {
        Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn annotation(message: &Message<Data>, name: &str) -> Value {
        let annotations = message.message_annotations.as_ref().unwrap();
        let key = OwnedKey::Symbol(Symbol::from(name));
        annotations
            .0
            .get(&key)
            .cloned()
            .unwrap_or_else(|| panic!("{name} is missing"))
    }

    #[test]
    fn system_properties_are_where_clients_look() {
        let message = message_of(
            &event(
                &[
                    (system::DEVICE_ID, "dev1"),
                    (system::ENQUEUED_TIME, "2026-01-01T00:00:01.500Z"),
                    (system::CREATION_TIME, "2025-12-31T23:59:59Z"),
                    (system::EXPIRY_TIME, "never"),
                    (system::MESSAGE_ID, "m"),
                    (system::USER_ID, "u"),
                    (system::CONTENT_TYPE, "application/json"),
                    (system::CONTENT_ENCODING, "ünïcode"),
                ],
                &[("level", "high")],
            ),
            epoch(),
        );
        let time = Value::Timestamp(1_767_225_601_500.into());
        for (name, value) in [
            ("x-opt-sequence-number", Value::Long(41)),
            ("x-opt-offset", Value::String("41".into())),
            ("x-opt-enqueued-time", time.clone()),
            ("x-opt-partition-key", Value::String("dev1".into())),
            (system::DEVICE_ID, Value::String("dev1".into())),
            (system::ENQUEUED_TIME, time),
            (
                system::CREATION_TIME,
                Value::Timestamp(1_767_225_599_000.into()),
            ),
        ] {
            assert_eq!(annotation(&message, name), value, "{name}");
        }
        let properties = message.properties.unwrap();
        assert_eq!(properties.message_id, Some(MessageId::String("m".into())));
        assert_eq!(properties.user_id, Some(Binary::from(b"u".as_slice())));
        assert_eq!(properties.content_type, Some("application/json".into()));
        assert_eq!(properties.content_encoding, None);
        assert_eq!(properties.absolute_expiry_time, None);
        assert_eq!(
            properties.to.as_deref(),
            Some("/devices/dev1/messages/events")
        );
        let own = message.application_properties.unwrap();
        assert_eq!(
            own.0.get("level"),
            Some(&SimpleValue::String("high".into()))
        );
    }

    proptest! {
        #[test]
        fn every_message_survives_the_wire(
            system in prop::collection::btree_map(name(), ".{0,12}", 0..8),
            properties in prop::collection::btree_map(".{0,12}", ".{0,12}", 0..8),
            body in prop::collection::vec(any::<u8>(), 0..64),
            sequence_number: u64,
            nanos: u64,
        ) {
            let mut event = event(&[], &[]);
            event.message = twinbench_model::Message { body: body.into(), system, properties };
            event.sequence_number = sequence_number;
            event.enqueued = VirtualTime::from_nanos(nanos);
            let message = message_of(&event, epoch());
            let bytes = serde_amqp::to_vec(&Serializable(&message)).unwrap();
            let read: Deserializable<Message<Data>> = serde_amqp::from_slice(&bytes).unwrap();
            prop_assert_eq!(read.0, message);
        }
    }
}
