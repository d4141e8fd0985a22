//! The property bag at the end of a topic: `$.ct=application%2Fjson&level=high`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use twinbench_model::system;

/// Properties of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PropertyBag {
    /// System properties by their long names.
    pub system: BTreeMap<String, String>,
    /// The application's own.
    pub properties: BTreeMap<String, String>,
}

/// Why a property bag cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BagError {
    /// A decoded name or value is not UTF-8.
    #[error("a name or value is not UTF-8 once percent-decoded")]
    Encoding,
    /// A property has no name.
    #[error("a property has no name")]
    NoName,
}

/// Short names on the wire, long names in the log.
pub(super) const SYSTEM_NAMES: [(&str, &str); 12] = [
    ("$.mid", system::MESSAGE_ID),
    ("$.cid", system::CORRELATION_ID),
    ("$.uid", system::USER_ID),
    ("$.ct", system::CONTENT_TYPE),
    ("$.ce", system::CONTENT_ENCODING),
    ("$.ctime", system::CREATION_TIME),
    ("$.on", system::OUTPUT_NAME),
    ("$.exp", system::EXPIRY_TIME),
    ("$.sub", system::SUBJECT),
    ("$.ifid", system::INTERFACE_ID),
    ("$.to", system::TO),
    ("iothub-ack", system::ACK),
];

/// The short name of a system property that a device may write.
#[cfg(feature = "bridge")]
pub(crate) fn short_name(long: &str) -> Option<&'static str> {
    let known = SYSTEM_NAMES.iter().find(|(_, name)| *name == long);
    known.map(|(short, _)| *short)
}

impl PropertyBag {
    /// Parses a bag. Names and values are percent-decoded (`+` stays `+`); a property without
    /// `=` has the empty value; of equal names the last counts.
    ///
    /// # Errors
    /// When a name is empty or something is not UTF-8.
    pub fn parse(text: &str) -> Result<Self, BagError> {
        let mut bag = Self::default();
        for property in text.split('&').filter(|property| !property.is_empty()) {
            let (name, value) = property.split_once('=').unwrap_or((property, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if name.is_empty() {
                return Err(BagError::NoName);
            }
            match SYSTEM_NAMES.iter().find(|(short, _)| *short == name) {
                Some((_, long)) => bag.system.insert((*long).to_owned(), value),
                None => bag.properties.insert(name, value),
            };
        }
        Ok(bag)
    }
}

fn decoded(text: &str) -> Result<String, BagError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| BagError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn names_come_raw_or_encoded() {
        for text in [
            "$.ct=application%2Fjson&%24.mid=m1&level=high&a%20b=1+1%26",
            "%24.ct=application/json&$.mid=m1&&level=high&a b=1%2B1&a%20b=1+1%26&",
        ] {
            let bag = PropertyBag::parse(text).unwrap();
            let system = [("content-type", "application/json"), ("message-id", "m1")];
            assert_eq!(bag.system, map(&system), "{text}");
            assert_eq!(
                bag.properties,
                map(&[("level", "high"), ("a b", "1+1&")]),
                "{text}"
            );
        }
    }

    #[test]
    fn values_may_be_missing_names_may_not() {
        let bag = PropertyBag::parse("flag&empty=&$.unknown=x&x==").unwrap();
        let expected = [("flag", ""), ("empty", ""), ("$.unknown", "x"), ("x", "=")];
        assert_eq!(bag.properties, map(&expected));
        assert!(bag.system.is_empty());
        assert_eq!(PropertyBag::parse("=x"), Err(BagError::NoName));
        assert_eq!(PropertyBag::parse("a=%ff"), Err(BagError::Encoding));
    }

    proptest! {
        #[test]
        fn what_a_client_encodes_is_read(properties in prop::collection::btree_map("[^$]{1,10}", ".{0,10}", 0..6)) {
            let quote = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let text: Vec<String> = properties.iter().map(|(n, v)| format!("{}={}", quote(n), quote(v))).collect();
            let bag = PropertyBag::parse(&text.join("&")).unwrap();
            prop_assert_eq!(bag.properties, properties);
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = PropertyBag::parse(&text);
        }
    }
}
