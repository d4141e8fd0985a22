//! MQTT 3.1.1 packets, as far as a device needs them.
//!
//! The hub refuses MQTT 5, which rules out `rust-mqtt` 0.6 (its `v3` feature is empty),
//! `mountain-mqtt` and `minimq`. `mqttrust` 1.0 speaks 3.1.1 without an allocator, but starts with
//! CleanSession 1, keeps one password for life (a token lasts an hour) and repeats an unanswered
//! message under a new packet id without DUP. So the session is ours (`uplink` in the firmware) and
//! the codec is `mqttrs`. `mqtt-tiny`, the younger codec, cannot read a SUBACK (it takes it for two
//! bytes). `mqttrs` trusts the lengths inside a packet, hence `well_formed` before each decode.

use core::fmt::Write;

use heapless::{String, Vec};
use mqttrs::{Connect, Packet, Pid, Protocol, Publish, QoS, QosPid, Subscribe, SubscribeTopic};

/// Largest packet taken, in bytes; larger ones are skipped. The hub sends at most 64 KiB (a C2D
/// message; a twin 40 KiB), but what this device is sent fits its display.
pub const MAX_PACKET: usize = 4096;
/// Largest packet sent, in bytes: a CONNECT with the longest token.
pub const MAX_SENT: usize = 1280;
/// Seconds without a packet after which the hub may drop us (CONNECT's keep-alive).
pub const KEEP_ALIVE_SECS: u16 = 240;
/// Version of the hub's MQTT interface, part of the user name.
const API_VERSION: &str = "2021-04-12";
/// The model that the device implements, `dtmi:azurertos:devkit:gsgmxchip;2`, percent-encoded.
const MODEL: &str = "dtmi%3Aazurertos%3Adevkit%3Agsgmxchip%3B2";

/// A packet to send, in its wire form.
pub type Bytes = Vec<u8, MAX_SENT>;

/// Why a packet cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no MQTT 3.1.1: the stream is lost, connect again.
    #[error("not MQTT 3.1.1: connect again")]
    Malformed,
    /// The packet is larger than [`MAX_SENT`], or more came at once than was taken out.
    #[error("packet too large for this device: send less")]
    TooLarge,
    /// The other side of the modem hung up, and the modem said so instead.
    #[error("the connection is closed: connect again")]
    Closed,
}

/// CONNECT with a kept session (CleanSession 0), as the hub documents it for SAS tokens.
///
/// # Errors
/// When it is too large.
pub fn connect(host: &str, device_id: &str, token: &str) -> Result<Bytes, Error> {
    let mut username = String::<384>::new();
    write!(
        username,
        "{host}/{device_id}/?api-version={API_VERSION}&model-id={MODEL}"
    )
    .map_err(|_| Error::TooLarge)?;
    encode(&Packet::Connect(Connect {
        protocol: Protocol::MQTT311,
        keep_alive: KEEP_ALIVE_SECS,
        client_id: device_id,
        clean_session: false,
        last_will: None,
        username: Some(&username),
        password: Some(token.as_bytes()),
    }))
}

/// The topic of telemetry: JSON in UTF-8, said by its property bag.
pub type Topic = String<224>;

/// Topic of this device's telemetry. Nothing when the id is longer than the hub allows.
pub fn telemetry_topic(device_id: &str) -> Option<Topic> {
    let mut topic = Topic::new();
    write!(
        topic,
        "devices/{device_id}/messages/events/$.ct=application%2Fjson&$.ce=utf-8"
    )
    .ok()?;
    Some(topic)
}

/// PUBLISH with QoS 1; `again` sets DUP.
///
/// # Errors
/// When it is too large.
pub fn publish(topic: &str, payload: &[u8], id: PacketId, again: bool) -> Result<Bytes, Error> {
    encode(&Packet::Publish(Publish {
        dup: again,
        qospid: QosPid::AtLeastOnce(id.0),
        retain: false,
        topic_name: topic,
        payload,
    }))
}

/// PUBLISH with QoS 0: twin requests and answers to methods, which have answers of their own or
/// need none.
///
/// # Errors
/// When it is too large.
pub fn publish_once(topic: &str, payload: &[u8]) -> Result<Bytes, Error> {
    encode(&Packet::Publish(Publish {
        dup: false,
        qospid: QosPid::AtMostOnce,
        retain: false,
        topic_name: topic,
        payload,
    }))
}

/// SUBSCRIBE to everything that the hub sends a device: answers about the twin, desired
/// properties, methods, messages.
///
/// # Errors
/// When it is too large.
pub fn subscribe(device_id: &str, id: PacketId) -> Result<Bytes, Error> {
    let mut messages = String::<256>::new();
    write!(messages, "devices/{device_id}/messages/devicebound/#").map_err(|_| Error::TooLarge)?;
    let topics = [
        ("$iothub/twin/res/#", QoS::AtMostOnce),
        ("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce),
        ("$iothub/methods/POST/#", QoS::AtMostOnce),
        (&messages, QoS::AtLeastOnce),
    ];
    encode(&Packet::Subscribe(Subscribe {
        pid: id.0,
        topics: topics
            .into_iter()
            .map(|(topic, qos)| SubscribeTopic {
                topic_path: topic.into(),
                qos,
            })
            .collect(),
    }))
}

/// PUBACK.
///
/// # Errors
/// Never in practice: it is four bytes.
pub fn puback(id: PacketId) -> Result<Bytes, Error> {
    encode(&Packet::Puback(id.0))
}

/// PINGREQ.
///
/// # Errors
/// Never in practice: it is two bytes.
pub fn ping() -> Result<Bytes, Error> {
    encode(&Packet::Pingreq)
}

/// DISCONNECT.
///
/// # Errors
/// Never in practice: it is two bytes.
pub fn disconnect() -> Result<Bytes, Error> {
    encode(&Packet::Disconnect)
}

/// A packet identifier, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketId(Pid);

impl PacketId {
    /// The one for the next packet: 1 to 65535, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

/// What the hub said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// CONNACK: signed in.
    Accepted {
        /// Whether the hub kept our session.
        session_present: bool,
    },
    /// CONNACK: refused, with its return code (MQTT 3.1.1, table 3.1).
    Refused(u8),
    /// PUBACK.
    Acknowledged(PacketId),
    /// PINGRESP.
    Alive,
    /// PUBLISH.
    Message {
        /// Topic.
        topic: &'a str,
        /// Body.
        payload: &'a [u8],
        /// To be acknowledged with this, if at all.
        acknowledge: Option<PacketId>,
    },
    /// SUBACK: everything was granted, or not.
    Subscribed {
        /// Whether the hub refused none of the filters.
        all: bool,
    },
    /// A PUBLISH larger than [`MAX_PACKET`], which is skipped.
    TooLarge {
        /// To be acknowledged with this, if at all, or it would come again for ever.
        acknowledge: Option<PacketId>,
    },
    /// Something a device has no use for.
    Other,
}

/// Collects the bytes of a connection into packets.
#[derive(Debug, Default)]
pub struct Receiver {
    buffer: Vec<u8, MAX_PACKET>,
    /// Bytes at the front that were already handed out.
    used: usize,
    /// Bytes still to come of a packet that is skipped.
    skip: usize,
}

impl Receiver {
    /// Nothing received yet.
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            used: 0,
            skip: 0,
        }
    }

    /// Starts over, for a new connection.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.used = 0;
        self.skip = 0;
    }

    /// Takes bytes of the connection.
    ///
    /// # Errors
    /// When they are more than a packet may have; take the events out first.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.used > 0 {
            self.buffer.rotate_left(self.used);
            self.buffer.truncate(self.buffer.len() - self.used);
            self.used = 0;
        }
        let (skipped, bytes) = bytes.split_at(self.skip.min(bytes.len()));
        self.skip -= skipped.len();
        self.buffer
            .extend_from_slice(bytes)
            .map_err(|_| Error::TooLarge)
    }

    /// The next whole packet, if there is one.
    ///
    /// # Errors
    /// When the stream is no MQTT, or the modem says that the connection is closed.
    pub fn event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let rest = &self.buffer[self.used..];
        let frame = match frame(rest)? {
            Frame::Partial => return Ok(None),
            Frame::Whole(frame) => frame,
            Frame::TooLarge { head, whole } => {
                let Some(Large { acknowledge }) = head_of_large(rest, head)? else {
                    return Ok(None);
                };
                let here = rest.len().min(whole);
                self.used += here;
                self.skip = whole - here;
                return Ok(Some(Event::TooLarge { acknowledge }));
            }
        };
        self.used += frame.len();
        if !well_formed(frame) {
            return Err(Error::Malformed);
        }
        match mqttrs::decode_slice(frame) {
            Ok(Some(packet)) => Ok(Some(meaning(packet))),
            Ok(None) | Err(_) => Err(Error::Malformed),
        }
    }
}

fn meaning(packet: Packet<'_>) -> Event<'_> {
    match packet {
        Packet::Connack(connack) => match connack.code {
            mqttrs::ConnectReturnCode::Accepted => Event::Accepted {
                session_present: connack.session_present,
            },
            mqttrs::ConnectReturnCode::RefusedProtocolVersion => Event::Refused(1),
            mqttrs::ConnectReturnCode::RefusedIdentifierRejected => Event::Refused(2),
            mqttrs::ConnectReturnCode::ServerUnavailable => Event::Refused(3),
            mqttrs::ConnectReturnCode::BadUsernamePassword => Event::Refused(4),
            mqttrs::ConnectReturnCode::NotAuthorized => Event::Refused(5),
        },
        Packet::Puback(id) => Event::Acknowledged(PacketId(id)),
        Packet::Pingresp => Event::Alive,
        Packet::Publish(publish) => Event::Message {
            topic: publish.topic_name,
            payload: publish.payload,
            acknowledge: match publish.qospid {
                QosPid::AtLeastOnce(id) => Some(PacketId(id)),
                QosPid::AtMostOnce | QosPid::ExactlyOnce(_) => None,
            },
        },
        // MQTT 3.1.1, section 3.9.3: 0x80 is a refusal.
        Packet::Suback(suback) => Event::Subscribed {
            all: suback
                .return_codes
                .iter()
                .all(|code| !matches!(code, mqttrs::SubscribeReturnCodes::Failure)),
        },
        _ => Event::Other,
    }
}

/// What the bytes begin with.
enum Frame<'a> {
    /// Less than a packet.
    Partial,
    /// A packet.
    Whole(&'a [u8]),
    /// A packet of `whole` bytes with `head` bytes before its body: too large to keep.
    TooLarge { head: usize, whole: usize },
}

/// What is kept of a large PUBLISH.
struct Large {
    acknowledge: Option<PacketId>,
}

/// The identifier in a large PUBLISH, once enough of it is here.
fn head_of_large(bytes: &[u8], head: usize) -> Result<Option<Large>, Error> {
    let flags = bytes[0];
    if flags >> 4 != 3 {
        return Err(Error::Malformed);
    }
    let Some(length) = bytes.get(head..head + 2) else {
        return Ok(None);
    };
    let topic = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if flags & 0b0110 == 0 {
        return Ok(Some(Large { acknowledge: None }));
    }
    if topic > MAX_PACKET / 2 {
        // No topic of the hub; its identifier may lie beyond what is kept.
        return Err(Error::Malformed);
    }
    let at = head + 2 + topic;
    let Some(id) = bytes.get(at..at + 2) else {
        return Ok(None);
    };
    let id = Pid::try_from(u16::from_be_bytes([id[0], id[1]])).map_err(|_| Error::Malformed)?;
    Ok(Some(Large {
        acknowledge: Some(PacketId(id)),
    }))
}

/// The first packet of `bytes`.
fn frame(bytes: &[u8]) -> Result<Frame<'_>, Error> {
    let (Some(first), Some(lengths)) = (bytes.first(), bytes.get(1..)) else {
        return Ok(Frame::Partial);
    };
    // 'C' is a PUBACK with flags, which MQTT forbids; CR never starts a packet either. It is the
    // modem telling us that the connection closed.
    if matches!(first, b'C' | b'\r') {
        let text = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        let known = text.len().min(b"CLOSED".len());
        return match text[..known] == b"CLOSED"[..known] {
            true if known < b"CLOSED".len() => Ok(Frame::Partial),
            true => Err(Error::Closed),
            false => Err(Error::Malformed),
        };
    }
    let mut length = 0;
    for (index, byte) in lengths.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let whole = 2 + index + length;
            return Ok(if whole > MAX_PACKET {
                Frame::TooLarge {
                    head: 2 + index,
                    whole,
                }
            } else {
                bytes.get(..whole).map_or(Frame::Partial, Frame::Whole)
            });
        }
    }
    if lengths.len() < 4 {
        Ok(Frame::Partial)
    } else {
        Err(Error::Malformed)
    }
}

/// Whether a whole packet's inner lengths stay inside it (MQTT 3.1.1, chapter 3).
fn well_formed(frame: &[u8]) -> bool {
    let header = 1
        + frame[1..]
            .iter()
            .take_while(|byte| **byte & 0x80 != 0)
            .count()
        + 1;
    let Some(body) = frame.get(header..) else {
        return false;
    };
    match frame[0] >> 4 {
        // CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK.
        2 | 4..=7 | 11 => body.len() == 2,
        3 => {
            let Some(topic) = body.first_chunk::<2>() else {
                return false;
            };
            let id = if frame[0] & 0b0110 == 0 { 0 } else { 2 };
            2 + usize::from(u16::from_be_bytes(*topic)) + id <= body.len()
        }
        // SUBACK: an identifier and at most the five codes that the codec has room for.
        9 => (3..=7).contains(&body.len()),
        // PINGRESP.
        13 => body.is_empty(),
        // The rest is not for a client to receive.
        _ => false,
    }
}

fn encode(packet: &Packet<'_>) -> Result<Bytes, Error> {
    let mut bytes = Bytes::new();
    bytes.resize(MAX_SENT, 0).map_err(|_| Error::TooLarge)?;
    let length = mqttrs::encode_slice(packet, &mut bytes).map_err(|_| Error::TooLarge)?;
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::prelude::v1::*;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn connect_is_that_of_the_hub() {
        let bytes = connect("localhost", "devkit-01", "token").unwrap();
        let mut expected = vec![0x10, 0];
        expected.extend(b"\0\x04MQTT\x04\xC0\0\xF0\0\x09devkit-01");
        expected.extend(b"\0\x5Elocalhost/devkit-01/?api-version=2021-04-12");
        expected.extend(b"&model-id=dtmi%3Aazurertos%3Adevkit%3Agsgmxchip%3B2");
        expected.extend(b"\0\x05token");
        expected[1] = (expected.len() - 2) as u8;
        assert_eq!(bytes[..], expected[..]);
    }

    #[test]
    fn publish_and_its_repetition_differ_in_dup_only() {
        let id = PacketId::default();
        let first = publish("t", b"{}", id, false).unwrap();
        let again = publish("t", b"{}", id, true).unwrap();
        assert_eq!(first, [0x32, 7, 0, 1, b't', 0, 1, b'{', b'}']);
        assert_eq!(again[0], 0x3A);
        assert_eq!(first[1..], again[1..]);
    }

    #[test]
    fn identifiers_skip_zero() {
        let mut id = PacketId::default();
        assert_eq!(id.get(), 1);
        for _ in 0..65_535 {
            id = id.next();
            assert_ne!(id.get(), 0);
        }
        assert_eq!(id.get(), 1);
    }

    #[test]
    fn the_topic_carries_the_content_type() {
        assert_eq!(
            telemetry_topic("d").unwrap(),
            "devices/d/messages/events/$.ct=application%2Fjson&$.ce=utf-8"
        );
        assert!(telemetry_topic(&"d".repeat(128)).is_some());
    }

    #[test]
    fn packets_arrive_in_pieces() {
        let mut receiver = Receiver::new();
        let stream = [
            0x20, 2, 1, 0, 0x40, 2, 0, 7, 0xD0, 0, 0x32, 6, 0, 1, b't', 0, 9, b'x',
        ];
        let mut seen = vec![];
        for byte in stream {
            receiver.push(&[byte]).unwrap();
            while let Some(event) = receiver.event().unwrap() {
                seen.push(std::format!("{event:?}"));
            }
        }
        let mut seven = PacketId::default();
        while seven.get() < 7 {
            seven = seven.next();
        }
        assert_eq!(
            seen[0],
            std::format!(
                "{:?}",
                Event::Accepted {
                    session_present: true
                }
            )
        );
        assert_eq!(seen[1], std::format!("{:?}", Event::Acknowledged(seven)));
        assert_eq!(seen[2], std::format!("{:?}", Event::Alive));
        let message = Event::Message {
            topic: "t",
            payload: b"x",
            acknowledge: Some(seven.next().next()),
        };
        assert_eq!(seen[3], std::format!("{message:?}"));
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        let mut receiver = Receiver::new();
        receiver.push(&[0x20, 2, 0, 5]).unwrap();
        assert_eq!(receiver.event(), Ok(Some(Event::Refused(5))));
    }

    #[test]
    fn the_modems_word_in_the_stream_ends_the_connection() {
        for text in ["CLOSED\r\n", "\r\nCLOSED\r\n"] {
            let mut receiver = Receiver::new();
            receiver.push(&text.as_bytes()[..3]).unwrap();
            assert_eq!(receiver.event(), Ok(None));
            receiver.push(&text.as_bytes()[3..]).unwrap();
            assert_eq!(receiver.event(), Err(Error::Closed));
        }
    }

    #[test]
    fn a_subscription_names_everything_that_the_hub_sends() {
        let bytes = subscribe("d", PacketId::default()).unwrap();
        let mut expected = vec![0x82, 0, 0, 1];
        for (filter, qos) in [
            ("$iothub/twin/res/#", 0),
            ("$iothub/twin/PATCH/properties/desired/#", 0),
            ("$iothub/methods/POST/#", 0),
            ("devices/d/messages/devicebound/#", 1),
        ] {
            expected.extend([0, filter.len() as u8]);
            expected.extend(filter.as_bytes());
            expected.push(qos);
        }
        expected[1] = (expected.len() - 2) as u8;
        assert_eq!(bytes[..], expected[..]);
        assert!(subscribe(&"d".repeat(128), PacketId::default()).is_ok());
        let mut receiver = Receiver::new();
        receiver.push(&[0x90, 6, 0, 1, 0, 0, 0, 1]).unwrap();
        assert_eq!(receiver.event(), Ok(Some(Event::Subscribed { all: true })));
        receiver.push(&[0x90, 6, 0, 1, 0, 0x80, 0, 1]).unwrap();
        assert_eq!(receiver.event(), Ok(Some(Event::Subscribed { all: false })));
    }

    #[test]
    fn a_large_message_is_skipped_and_acknowledged() {
        let mut body = vec![0, 1, b't', 0, 1];
        body.resize(60_000, b'x');
        let mut packet = vec![0x32];
        let mut length = body.len();
        while length > 0 {
            packet.push((length & 0x7F) as u8 | if length > 0x7F { 0x80 } else { 0 });
            length >>= 7;
        }
        packet.extend(body);
        packet.extend([0xD0, 0]);
        for piece in [1, 7, 256, 1000] {
            let mut receiver = Receiver::new();
            let mut seen = vec![];
            for bytes in packet.chunks(piece) {
                receiver.push(bytes).unwrap();
                while let Some(event) = receiver.event().unwrap() {
                    seen.push(std::format!("{event:?}"));
                }
            }
            let large = Event::TooLarge {
                acknowledge: Some(PacketId::default()),
            };
            assert_eq!(
                seen,
                [
                    std::format!("{large:?}"),
                    std::format!("{:?}", Event::Alive)
                ]
            );
        }
    }

    #[test]
    fn a_broken_length_is_an_error() {
        let mut receiver = Receiver::new();
        receiver.push(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]).unwrap();
        assert_eq!(receiver.event(), Err(Error::Malformed));
        receiver.clear();
        // The topic claims more than the packet has.
        receiver.push(&[0x30, 3, 0, 9, b't']).unwrap();
        assert_eq!(receiver.event(), Err(Error::Malformed));
    }

    proptest! {
        #[test]
        fn any_stream_is_survived(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..40),
        ) {
            let mut receiver = Receiver::new();
            'connection: for piece in pieces {
                if receiver.push(&piece).is_err() {
                    break;
                }
                loop {
                    match receiver.event() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'connection,
                    }
                }
            }
        }

        #[test]
        fn any_well_framed_packet_is_survived(kind in 0u8..16, flags in 0u8..16, body in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut receiver = Receiver::new();
            let mut packet = vec![kind << 4 | flags, body.len() as u8];
            packet.extend(body);
            receiver.push(&packet).unwrap();
            let _ = receiver.event();
        }
    }
}
