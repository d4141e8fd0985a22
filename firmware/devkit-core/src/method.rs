//! Direct methods: telling them apart, and the topic of the answer.

use core::fmt::Write;

use heapless::String;
use serde_json_core::str::{EscapedStr, EscapedStringFragment};

use crate::twin::Topic;

/// Longest text kept for the display, in bytes.
pub const MAX_TEXT: usize = 64;

/// A text for the display.
pub type Text = String<MAX_TEXT>;

/// What a method asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `setLedState` with `true` or `false`.
    SetLed(bool),
    /// `setDisplayText` with a string; a longer one is cut.
    SetText(Text),
    /// A method of ours with a payload that does not fit it: what it must be.
    Invalid(&'static str),
    /// No method of this board.
    Unknown,
}

/// Status of a call that was done.
pub const DONE: u16 = 200;
/// Status of a call with a wrong payload.
pub const INVALID: u16 = 400;
/// Status of a method that this board has not, as the stock application answers it.
pub const UNKNOWN: u16 = 501;

/// Tells a call apart by the method's name and its payload.
pub fn call(name: &str, payload: &[u8]) -> Call {
    match name {
        "setLedState" => match serde_json_core::from_slice::<bool>(payload) {
            Ok((on, _)) => Call::SetLed(on),
            Err(_) => Call::Invalid("true or false"),
        },
        "setDisplayText" => match text(payload) {
            Some(text) => Call::SetText(text),
            None => Call::Invalid("a string"),
        },
        _ => Call::Unknown,
    }
}

/// Topic of the answer to the request `rid`. Nothing when the id is longer than any hub's.
pub fn answer_topic(status: u16, rid: &str) -> Option<Topic> {
    let mut topic = Topic::new();
    write!(topic, "$iothub/methods/res/{status}/?$rid={rid}").ok()?;
    Some(topic)
}

/// A JSON string's text, cut to what is kept.
fn text(payload: &[u8]) -> Option<Text> {
    let (escaped, _) = serde_json_core::from_slice::<EscapedStr<'_>>(payload).ok()?;
    let mut text = Text::new();
    for fragment in escaped.fragments() {
        match fragment.ok()? {
            EscapedStringFragment::NotEscaped(part) => fill(&mut text, part.chars()),
            EscapedStringFragment::Escaped(c) => fill(&mut text, [c].into_iter()),
        }
    }
    Some(text)
}

/// The text of a cloud-to-device message, cut to what is kept. Nothing when it is no text.
pub fn message(payload: &[u8]) -> Option<Text> {
    let payload = core::str::from_utf8(payload).ok()?;
    let mut text = Text::new();
    fill(&mut text, payload.chars());
    Some(text)
}

fn fill(text: &mut Text, chars: impl Iterator<Item = char>) {
    for c in chars {
        if text.push(c).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String as Owned;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_boards_methods() {
        assert_eq!(call("setLedState", b"true"), Call::SetLed(true));
        assert_eq!(call("setLedState", b" false "), Call::SetLed(false));
        assert_eq!(
            call("setDisplayText", br#""caf\u00e9 \"1\"""#),
            Call::SetText("café \"1\"".try_into().unwrap())
        );
        assert_eq!(call("reboot", b"{}"), Call::Unknown);
    }

    #[test]
    fn a_wrong_payload_is_named() {
        for payload in [&b""[..], b"null", b"1", b"\"true\"", b"{}"] {
            assert_eq!(
                call("setLedState", payload),
                Call::Invalid("true or false"),
                "{payload:?}"
            );
        }
        for payload in [
            &b""[..],
            b"null",
            b"1",
            b"{\"text\":\"x\"}",
            b"\"x",
            b"\"\\q\"",
        ] {
            assert_eq!(
                call("setDisplayText", payload),
                Call::Invalid("a string"),
                "{payload:?}"
            );
        }
    }

    #[test]
    fn the_answer_echoes_the_request() {
        assert_eq!(
            answer_topic(DONE, "1f").unwrap(),
            "$iothub/methods/res/200/?$rid=1f"
        );
        assert_eq!(answer_topic(DONE, &"x".repeat(200)), None);
    }

    #[test]
    fn messages_are_cut_at_a_character() {
        let long = "é".repeat(40);
        assert_eq!(message(long.as_bytes()).unwrap().len(), 64);
        assert_eq!(message(&[0xFF]), None);
    }

    proptest! {
        #[test]
        fn any_payload_is_survived(payload in proptest::collection::vec(any::<u8>(), 0..120)) {
            call("setLedState", &payload);
            call("setDisplayText", &payload);
            message(&payload);
        }

        #[test]
        fn every_text_comes_through(text in ".{0,16}") {
            let json = serde_json::to_string(&Owned::from(&*text)).unwrap();
            let expected = message(text.as_bytes()).unwrap();
            prop_assert_eq!(call("setDisplayText", json.as_bytes()), Call::SetText(expected));
        }
    }
}
