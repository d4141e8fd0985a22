//! From bytes to packets, with bounded memory.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_proto::{
    Error, Pid, Protocol, total_len,
    v3::{Connect, Header, Packet, PacketType, Publish, Subscribe, Unsubscribe},
};

use super::MAX_MESSAGE;

/// The longest packet that can carry an allowed message: the message, a topic of the longest
/// length, the lengths and the packet id.
const MAX_REMAINING: usize = MAX_MESSAGE + u16::MAX as usize + 4;
/// A buffer that grew beyond this is given back once it is empty.
const KEEP_CAPACITY: usize = 16 * 1024;

/// Collects bytes and gives packets. `Debug` does not show the bytes, which may hold a token.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
}

/// Why bytes are no packet for this hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodecError {
    /// Not MQTT 3.1.1.
    Malformed(String),
    /// A CONNECT of another protocol version: to be answered with return code 1.
    Protocol,
    /// Longer than any allowed message.
    TooLarge { size: usize, limit: usize },
}

impl Decoder {
    /// Most bytes to [`Decoder::feed`] at once between calls of [`Decoder::next`].
    pub(crate) const CHUNK: usize = 64 * 1024;

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete packet; `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, CodecError> {
        let header = match Header::decode(&self.buffer) {
            Ok(header) => header,
            Err(error) if error.is_eof() => {
                if self.buffer.is_empty() && self.buffer.capacity() > KEEP_CAPACITY {
                    self.buffer = BytesMut::new();
                }
                return Ok(None);
            }
            Err(error) => return Err(malformed(&error)),
        };
        let body = header.remaining_len as usize;
        if body > MAX_REMAINING {
            return Err(CodecError::TooLarge {
                size: body,
                limit: MAX_REMAINING,
            });
        }
        let total = total_len(body).map_err(|error| malformed(&error))?;
        let start = total - body;
        // The length of the length is taken from its value, so it must be written shortest.
        if self.buffer[start - 1] & 0x80 != 0 {
            return Err(CodecError::Malformed("the length is padded".into()));
        }
        if self.buffer.len() < total {
            return Ok(None);
        }
        let packet = decode_body(header, &self.buffer[start..total])?;
        self.buffer.advance(total);
        Ok(Some(packet))
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.buffer.capacity()
    }
}

/// The bytes of a packet from the hub.
pub(crate) fn encode(packet: &Packet) -> Bytes {
    let mut bytes = match packet.encode() {
        Ok(encoded) => BytesMut::from(encoded.as_ref()),
        Err(error) => unreachable!("what the hub says fits into a packet: {error}"),
    };
    if let Packet::Suback(suback) = packet {
        // mqtt-proto 0.4.0 writes a failure as 3 where MQTT 3.1.1 (section 3.9.3) has 0x80.
        let codes = bytes.len() - suback.topics.len();
        for code in &mut bytes[codes..] {
            if *code == 3 {
                *code = 0x80;
            }
        }
    }
    bytes.freeze()
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder({} bytes)", self.buffer.len())
    }
}

fn decode_body(header: Header, body: &[u8]) -> Result<Packet, CodecError> {
    let mut at = 0;
    let packet = match header.typ {
        PacketType::Connect => connect(body, &mut at).map(Packet::from),
        PacketType::Publish => Publish::decode(body, &mut at, header).map(Packet::from),
        PacketType::Puback => packet_id(body, &mut at).map(Packet::Puback),
        PacketType::Pubrec => packet_id(body, &mut at).map(Packet::Pubrec),
        PacketType::Pubrel => packet_id(body, &mut at).map(Packet::Pubrel),
        PacketType::Pubcomp => packet_id(body, &mut at).map(Packet::Pubcomp),
        PacketType::Subscribe => Subscribe::decode(body, &mut at, header).map(Packet::from),
        PacketType::Unsubscribe => Unsubscribe::decode(body, &mut at, header).map(Packet::from),
        PacketType::Pingreq => Ok(Packet::Pingreq),
        PacketType::Disconnect => Ok(Packet::Disconnect),
        PacketType::Connack | PacketType::Suback | PacketType::Unsuback | PacketType::Pingresp => {
            return Err(CodecError::Malformed(
                "a packet that only servers send".into(),
            ));
        }
    };
    let packet = packet.map_err(|error| match error {
        Error::InvalidProtocol(..) | Error::UnexpectedProtocol(_) => CodecError::Protocol,
        other => malformed(&other),
    })?;
    if at == body.len() {
        Ok(packet)
    } else {
        Err(CodecError::Malformed("bytes follow its last field".into()))
    }
}

fn connect(body: &[u8], at: &mut usize) -> Result<Connect, Error> {
    match Protocol::decode(body, at)? {
        Protocol::V311 => Connect::decode_buffer_with_protocol(body, at, Protocol::V311),
        other => Err(Error::UnexpectedProtocol(other)),
    }
}

fn packet_id(body: &[u8], at: &mut usize) -> Result<Pid, Error> {
    let &[high, low] = body else {
        return Err(Error::InvalidRemainingLength);
    };
    *at = 2;
    Pid::try_from(u16::from_be_bytes([high, low]))
}

fn malformed(error: &Error) -> CodecError {
    let text = if error.is_eof() {
        "it ends within a field".to_owned()
    } else {
        crate::output::shown(&error.to_string())
    };
    CodecError::Malformed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_proto::{QosPid, TopicName};
    use proptest::prelude::*;

    fn publish(payload: Vec<u8>) -> Packet {
        let topic = TopicName::try_from("devices/d/messages/events/").unwrap();
        let qos = QosPid::Level1(Pid::try_from(7).unwrap());
        Publish::new(qos, topic, payload.into()).into()
    }

    #[test]
    fn refuses_what_is_not_mqtt_3_1_1() {
        let check = |bytes: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.feed(bytes);
            decoder.next()
        };
        assert_eq!(check(&[]), Ok(None));
        assert_eq!(check(&[0x30]), Ok(None));
        assert_eq!(check(b"\x10\x07\0\x04MQTT\x05"), Err(CodecError::Protocol));
        assert_eq!(
            check(b"\x10\x09\0\x06MQIsdp\x03"),
            Err(CodecError::Protocol)
        );
        for malformed in [
            &b"\x00\x00"[..],            // reserved type
            b"\xc1\x00",                 // flags of PINGREQ
            b"\x80\x05\0\x01\0\x00\x00", // flags of SUBSCRIBE
            b"\x36\x00",                 // QoS 3
            b"\xc0\x80\x00",             // padded length
            b"\xc0\x01\x00",             // trailing byte
            b"\x30\x03\0\x05a",          // topic longer than the packet
            b"\x32\x05\0\x01a\0\0",      // packet id 0
            b"\x30\x03\0\x01#",          // wildcard in a topic
            b"\x40\x01\x01",             // PUBACK of one byte
            b"\x20\x02\0\0",             // CONNACK
            b"\xff\xff\xff\xff\xff",     // length of five bytes
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(
                matches!(check(malformed), Err(CodecError::Malformed(_))),
                "{malformed:02x?} {:?}",
                check(malformed)
            );
        }
        // 2 MiB announced: refused at the header, before any of it is kept.
        assert!(matches!(
            check(b"\x30\x80\x80\x80\x01"),
            Err(CodecError::TooLarge {
                size: 2_097_152,
                ..
            })
        ));
    }

    #[test]
    fn a_refused_filter_is_0x80_on_the_wire() {
        use mqtt_proto::v3::{Suback, SubscribeReturnCode as Code};
        let codes = vec![
            Code::MaxLevel0,
            Code::Failure,
            Code::MaxLevel1,
            Code::Failure,
        ];
        // A packet id of 3 stays what it is.
        let suback = Suback::new(Pid::try_from(0x0303).unwrap(), codes);
        let bytes = encode(&suback.into());
        assert_eq!(bytes[..], [0x90, 6, 3, 3, 0, 0x80, 1, 0x80]);
    }

    #[test]
    fn gives_back_a_large_buffer() {
        let mut decoder = Decoder::default();
        decoder.feed(publish(vec![1; 200_000]).encode().unwrap().as_ref());
        assert!(decoder.next().unwrap().is_some());
        assert_eq!(decoder.next(), Ok(None));
        assert!(decoder.held() <= KEEP_CAPACITY);
    }

    #[test]
    fn an_announced_packet_holds_no_more_than_its_length() {
        let mut decoder = Decoder::default();
        let remaining = MAX_REMAINING as u32;
        let length = [0, 7, 14].map(|shift| (remaining >> shift) as u8 & 0x7f);
        decoder.feed(&[0x30, length[0] | 0x80, length[1] | 0x80, length[2]]);
        let mut fed = 4;
        while decoder.next() == Ok(None) {
            assert!(fed <= MAX_REMAINING + 4, "it should be complete");
            decoder.feed(&[0; 1_000]);
            fed += 1_000;
        }
        assert!(fed < MAX_REMAINING + 1_004);
        assert!(decoder.held() < 2 * (MAX_REMAINING + Decoder::CHUNK));
    }

    proptest! {
        #[test]
        fn packets_survive_any_cutting(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5),
                                       step in 1usize..50) {
            let packets: Vec<Packet> = payloads.into_iter().map(publish).collect();
            let wire: Vec<u8> = packets.iter().flat_map(|p| p.encode().unwrap().as_ref().to_vec()).collect();
            let (mut decoder, mut got) = (Decoder::default(), Vec::new());
            for piece in wire.chunks(step) {
                decoder.feed(piece);
                while let Some(packet) = decoder.next().unwrap() {
                    got.push(packet);
                }
            }
            prop_assert_eq!(got, packets);
        }

        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(&noise);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }
}
