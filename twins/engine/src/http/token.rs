//! Tokens of pages: where a list goes on.
//!
//! The original hands on what its store gives it, and once the text `null` with it: a client that
//! trusted it asked for ever. Here a token always names a place.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The list and the form that a token is for.
const ENTITIES: &str = "e1:";
const INSTANCES: &str = "i1:";

/// Where a list goes on: behind this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    /// An entity's id.
    Entity(String),
    /// An orchestration's id; empty: before the first one.
    Instance(String),
}

/// A token that clients need not understand.
pub(super) fn write(after: &After) -> String {
    let text = match after {
        After::Entity(id) => format!("{ENTITIES}{id}"),
        After::Instance(id) => format!("{INSTANCES}{id}"),
    };
    URL_SAFE_NO_PAD.encode(text)
}

/// Reads a token; `None` when it is none of ours.
pub(super) fn read(token: &str) -> Option<After> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token.trim()).ok()?).ok()?;
    if let Some(id) = text.strip_prefix(ENTITIES) {
        return Some(After::Entity(id.to_owned()));
    }
    let id = text.strip_prefix(INSTANCES)?;
    Some(After::Instance(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_null_is_no_token() {
        for token in ["bnVsbA==", "bnVsbA", "null", "", "%%%"] {
            assert_eq!(read(token), None, "{token:?}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(id: String, entity: bool) {
            let after = if entity { After::Entity(id) } else { After::Instance(id) };
            let token = write(&after);
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(read(&token), Some(after));
        }
    }
}
