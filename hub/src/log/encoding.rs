//! How an event is written to the store.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use twinbench_model::{DeviceId, Epoch, EventData, Message, VirtualTime, system};

use crate::versioned::{self, DecodeError};

const VERSION: u8 = 1;
/// What the hub writes into [`system::MESSAGE_SOURCE`] for messages of devices.
pub(crate) const TELEMETRY: &str = "Telemetry";

/// What let a device or module in. New ones go to the end: stored events number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthScope {
    /// The device's own key.
    Device,
    /// A policy's key of the hub.
    Hub,
    /// The module's own key.
    Module,
    /// A certificate of a known thumbprint.
    SelfSigned,
    /// A certificate that a known authority signed.
    CertificateAuthority,
}

impl AuthScope {
    const ALL: [Self; 5] = [
        Self::Device,
        Self::Hub,
        Self::Module,
        Self::SelfSigned,
        Self::CertificateAuthority,
    ];

    /// The text of [`system::AUTH_METHOD`], as the cloud's built-in endpoint writes it.
    pub const fn auth_method(self) -> &'static str {
        match self {
            Self::Device => {
                r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
            }
            Self::Hub => {
                r#"{"scope":"hub","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
            }
            Self::Module => {
                r#"{"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
            }
            Self::SelfSigned => {
                r#"{"scope":"device","type":"x509Thumbprint","issuer":"external","acceptingIpFilterRule":null}"#
            }
            Self::CertificateAuthority => {
                r#"{"scope":"device","type":"x509CertificateAuthority","issuer":"external","acceptingIpFilterRule":null}"#
            }
        }
    }
}

/// Where an event is stored.
pub fn event_key(partition: u16, sequence_number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(10);
    key.extend_from_slice(&partition.to_be_bytes());
    key.extend_from_slice(&sequence_number.to_be_bytes());
    key
}

/// The event as stored: system properties that follow from other fields are not written out.
#[derive(Serialize, Deserialize)]
struct Stored<Text, Properties> {
    device: Text,
    enqueued: VirtualTime,
    /// Bit 0: the device id stands in the system properties; bit 1: the enqueued time does;
    /// bit 2: the message source does and is telemetry.
    derived: u8,
    auth: Option<AuthScope>,
    body: Bytes,
    system: Vec<(Text, Text)>,
    properties: Properties,
}

const DEVICE: u8 = 1;
const TIME: u8 = 2;
const SOURCE: u8 = 4;

/// Writes an event: version byte 1, then postcard. Its position is in the key, not in the value.
pub fn encode_event(event: &EventData, epoch: Epoch) -> Vec<u8> {
    let system = event.message.system.iter();
    let system = system.map(|(name, value)| (name.as_str(), value.as_str()));
    let system: Vec<(&str, &str)> = system.collect();
    let parts = Parts {
        device: &event.device,
        enqueued: event.enqueued,
        system: &system,
        properties: &event.message.properties,
        body: &event.message.body,
    };
    encode_parts(&parts, &epoch.rfc3339(event.enqueued))
}

/// What an event says, put together from where its parts are: no map is made for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) device: &'a DeviceId,
    pub(crate) enqueued: VirtualTime,
    /// Sorted by name, each name once.
    pub(crate) system: &'a [(&'a str, &'a str)],
    pub(crate) properties: &'a BTreeMap<String, String>,
    pub(crate) body: &'a Bytes,
}

impl Parts<'_> {
    /// The whole message.
    pub(crate) fn message(&self) -> Message {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Message {
            body: self.body.clone(),
            system: self.system.iter().map(owned).collect(),
            properties: self.properties.clone(),
        }
    }

    /// What counts towards the longest message: the body, the values of the system properties,
    /// names and values of the application's.
    pub(super) fn size(&self) -> usize {
        let system: usize = self.system.iter().map(|(_, value)| value.len()).sum();
        let own = |(name, value): (&String, &String)| name.len() + value.len();
        self.body.len() + system + self.properties.iter().map(own).sum::<usize>()
    }
}

/// [`encode_event`] for who has the text of the enqueued time at hand.
pub(super) fn encode_parts(event: &Parts<'_>, enqueued: &str) -> Vec<u8> {
    let mut derived = 0;
    let mut auth = None;
    let mut rest = Vec::new();
    for &(name, value) in event.system {
        let bit = match name {
            system::DEVICE_ID if value == event.device.as_str() => DEVICE,
            system::ENQUEUED_TIME if value == enqueued => TIME,
            system::MESSAGE_SOURCE if value == TELEMETRY => SOURCE,
            system::AUTH_METHOD => {
                auth = AuthScope::ALL
                    .into_iter()
                    .find(|scope| scope.auth_method() == value);
                if auth.is_none() {
                    rest.push((name, value));
                }
                continue;
            }
            _ => {
                rest.push((name, value));
                continue;
            }
        };
        derived |= bit;
    }
    let stored = Stored {
        device: event.device.as_str(),
        enqueued: event.enqueued,
        derived,
        auth,
        body: event.body.clone(),
        system: rest,
        properties: event.properties,
    };
    // Lengths and numbers beside the texts take less than this.
    versioned::encode_sized(VERSION, &stored, event.size() + 128)
}

/// Reads an event from its key and value in [`Table::HubEvents`](twinbench_model::Table); for
/// those that have left the log's memory.
///
/// `Ok(None)` when the key is that of a partition's head, which is no event.
///
/// # Errors
/// When the record is damaged or of another version.
pub fn decode_event(
    key: &[u8],
    value: &[u8],
    epoch: Epoch,
) -> Result<Option<EventData>, DecodeError> {
    let (partition, sequence_number) = match key {
        [_, _] => return Ok(None),
        &[a, b, ref sequence @ ..] => match <[u8; 8]>::try_from(sequence) {
            Ok(sequence) => (u16::from_be_bytes([a, b]), u64::from_be_bytes(sequence)),
            Err(_) => return Err(bad_key(key)),
        },
        _ => return Err(bad_key(key)),
    };
    let stored: Stored<String, BTreeMap<String, String>> = versioned::decode(VERSION, value)?;
    let device =
        DeviceId::new(&stored.device).map_err(|error| DecodeError::Damaged(error.to_string()))?;
    let mut names: BTreeMap<String, String> = stored.system.into_iter().collect();
    let mut set = |name: &str, value: &str| {
        names.insert(name.to_owned(), value.to_owned());
    };
    if stored.derived & DEVICE != 0 {
        set(system::DEVICE_ID, device.as_str());
    }
    if stored.derived & TIME != 0 {
        set(system::ENQUEUED_TIME, &epoch.rfc3339(stored.enqueued));
    }
    if stored.derived & SOURCE != 0 {
        set(system::MESSAGE_SOURCE, TELEMETRY);
    }
    if let Some(scope) = stored.auth {
        set(system::AUTH_METHOD, scope.auth_method());
    }
    Ok(Some(EventData {
        device,
        partition,
        sequence_number,
        enqueued: stored.enqueued,
        message: Message {
            body: stored.body,
            system: names,
            properties: stored.properties,
        },
    }))
}

fn bad_key(key: &[u8]) -> DecodeError {
    DecodeError::Damaged(format!("its key has {} bytes instead of 10", key.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn epoch() -> Epoch {
        Epoch::new(Timestamp::from_second(1_767_225_600).unwrap())
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(system::DEVICE_ID.to_owned()),
            Just(system::ENQUEUED_TIME.to_owned()),
            Just(system::MESSAGE_SOURCE.to_owned()),
            Just(system::AUTH_METHOD.to_owned()),
            ".{0,12}",
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("dev".to_owned()),
            Just("2026-01-01T00:00:01.000Z".to_owned()),
            Just(TELEMETRY.to_owned()),
            Just(AuthScope::Hub.auth_method().to_owned()),
            ".{0,12}",
        ]
    }

    fn event() -> impl Strategy<Value = EventData> {
        let bag = || prop::collection::btree_map(name(), value(), 0..8);
        let body = prop::collection::vec(any::<u8>(), 0..64);
        let time = prop_oneof![Just(1_000_000_000), any::<u64>()];
        (any::<u16>(), any::<u64>(), time, body, bag(), bag()).prop_map(
            |(partition, sequence_number, nanos, body, system, properties)| EventData {
                device: DeviceId::new("dev").unwrap(),
                partition,
                sequence_number,
                enqueued: VirtualTime::from_nanos(nanos),
                message: Message {
                    body: body.into(),
                    system,
                    properties,
                },
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(event in event()) {
            let key = event_key(event.partition, event.sequence_number);
            let value = encode_event(&event, epoch());
            prop_assert_eq!(decode_event(&key, &value, epoch()).unwrap(), Some(event));
        }

        #[test]
        fn damage_is_told_not_followed(event in event(), cut in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..40)) {
            let value = encode_event(&event, epoch());
            let cut = cut.index(value.len());
            prop_assert!(decode_event(&event_key(0, 0), &value[..cut], epoch()).is_err());
            let _ = decode_event(&event_key(0, 0), &noise, epoch());
            let _ = decode_event(&noise, &value, epoch());
        }
    }

    #[test]
    fn keys_sort_by_partition_then_position() {
        assert!(event_key(1, u64::MAX) < event_key(2, 0));
        assert!(event_key(1, 255) < event_key(1, 256));
        assert_eq!(decode_event(&[0, 1], b"", epoch()), Ok(None));
    }
}
