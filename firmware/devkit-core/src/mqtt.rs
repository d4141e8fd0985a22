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
use mqttrs::{Connect, Packet, Pid, Protocol, Publish, QosPid};

/// Largest packet taken, in bytes. The hub sends at most 64 KiB (C2D), but what this device is
/// sent fits its display.
pub const MAX_PACKET: usize = 2048;
/// Largest packet sent, in bytes: a CONNECT with the longest token.
pub const MAX_SENT: usize = 1280;
/// Seconds without a packet after which the hub may drop us (CONNECT's keep-alive).
pub const KEEP_ALIVE_SECS: u16 = 240;
/// Version of the hub's MQTT interface, part of the user name.
const API_VERSION: &str = "2021-04-12";

/// A packet to send, in its wire form.
pub type Bytes = Vec<u8, MAX_SENT>;

/// Why a packet cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no MQTT 3.1.1: the stream is lost, connect again.
    #[error("not MQTT 3.1.1: connect again")]
    Malformed,
    /// The packet is larger than [`MAX_PACKET`] or [`MAX_SENT`].
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
    let mut username = String::<320>::new();
    write!(username, "{host}/{device_id}/?api-version={API_VERSION}")
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
    /// Something a device has no use for.
    Other,
}

/// Collects the bytes of a connection into packets.
#[derive(Debug, Default)]
pub struct Receiver {
    buffer: Vec<u8, MAX_PACKET>,
    /// Bytes at the front that were already handed out.
    used: usize,
}

impl Receiver {
    /// Nothing received yet.
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// Starts over, for a new connection.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.used = 0;
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
        self.buffer
            .extend_from_slice(bytes)
            .map_err(|_| Error::TooLarge)
    }

    /// The next whole packet, if there is one.
    ///
    /// # Errors
    /// When the stream is no MQTT, or a packet is too large, or the modem says that the connection
    /// is closed.
    pub fn event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let rest = &self.buffer[self.used..];
        let Some(frame) = frame(rest)? else {
            return Ok(None);
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
        _ => Event::Other,
    }
}

/// The first whole packet of `bytes`.
fn frame(bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    let (Some(first), Some(lengths)) = (bytes.first(), bytes.get(1..)) else {
        return Ok(None);
    };
    // 'C' is a PUBACK with flags, which MQTT forbids; CR never starts a packet either. It is the
    // modem telling us that the connection closed.
    if matches!(first, b'C' | b'\r') {
        let text = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        let known = text.len().min(b"CLOSED".len());
        return match text[..known] == b"CLOSED"[..known] {
            true if known < b"CLOSED".len() => Ok(None),
            true => Err(Error::Closed),
            false => Err(Error::Malformed),
        };
    }
    let mut length = 0;
    for (index, byte) in lengths.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let whole = 2 + index + length;
            return if whole > MAX_PACKET {
                Err(Error::TooLarge)
            } else {
                Ok(bytes.get(..whole))
            };
        }
    }
    if lengths.len() < 4 {
        Ok(None)
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
        expected.extend(b"\0\x2Blocalhost/devkit-01/?api-version=2021-04-12");
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
    fn a_large_packet_and_a_broken_length_are_errors() {
        let mut receiver = Receiver::new();
        receiver.push(&[0x30, 0xFF, 0x7F]).unwrap();
        assert_eq!(receiver.event(), Err(Error::TooLarge));
        receiver.clear();
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
