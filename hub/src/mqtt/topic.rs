//! The topics that a device or module publishes to, and those that the hub publishes to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use twinbench_model::{Message, system};

use super::bag::SYSTEM_NAMES;
use crate::registry::IdentityId;

/// What stands for itself in topics; everything else is percent-encoded.
pub(crate) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What a device says with a PUBLISH, by its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication<'a> {
    /// `devices/{id}[/modules/{module}]/messages/events/{bag}`: telemetry with its property bag,
    /// still encoded.
    Telemetry {
        /// The property bag, maybe empty.
        bag: &'a str,
    },
    /// `$iothub/twin/GET/?$rid={request}`: asks for the twin.
    GetTwin {
        /// Comes back in the answer as it is.
        request: &'a str,
    },
    /// `$iothub/twin/PATCH/properties/reported/?$rid={request}`: changes reported properties.
    PatchReported {
        /// Comes back in the answer as it is.
        request: &'a str,
        /// `$version`: the version that the device expects, as it is written.
        version: Option<&'a str>,
    },
    /// `$iothub/methods/res/{status}/?$rid={request}`: answers a direct method.
    MethodAnswer {
        /// The method's status.
        status: i32,
        /// The hub's request id.
        request: &'a str,
    },
}

/// The topic is not one that this device may publish to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the device may not publish to this topic")]
pub struct TopicError;

impl<'a> Publication<'a> {
    /// Parses a topic for the identity that publishes to it. A slash behind the bag is passed
    /// over.
    ///
    /// # Errors
    /// When the topic does not exist or is another identity's.
    pub fn parse(topic: &'a str, id: &IdentityId) -> Result<Self, TopicError> {
        match topic.strip_prefix("$iothub/") {
            Some(rest) => service(rest),
            None => telemetry(topic, id),
        }
        .ok_or(TopicError)
    }
}

fn telemetry<'a>(topic: &'a str, id: &IdentityId) -> Option<Publication<'a>> {
    let rest = own(topic, id)?.strip_prefix("/messages/events")?;
    let bag = match rest.strip_prefix('/') {
        Some(bag) => bag.strip_suffix('/').unwrap_or(bag),
        None if rest.is_empty() => "",
        None => return None,
    };
    Some(Publication::Telemetry { bag })
}

/// What follows `devices/{id}[/modules/{module}]`.
pub(super) fn own<'a>(topic: &'a str, id: &IdentityId) -> Option<&'a str> {
    let rest = topic.strip_prefix("devices/")?;
    let rest = rest.strip_prefix(id.device.as_str())?;
    match id.module_str() {
        None => Some(rest),
        Some(module) => rest.strip_prefix("/modules/")?.strip_prefix(module),
    }
}

/// What follows `$iothub/`.
fn service(rest: &str) -> Option<Publication<'_>> {
    let (path, query) = rest.split_once('?')?;
    let request = field(query, &["$rid", "%24rid"])?;
    match path {
        "twin/GET/" => Some(Publication::GetTwin { request }),
        "twin/PATCH/properties/reported/" => Some(Publication::PatchReported {
            request,
            version: field(query, &["$version", "%24version"]),
        }),
        _ => {
            let status = path.strip_prefix("methods/res/")?.strip_suffix('/')?;
            let status = status.parse().ok()?;
            Some(Publication::MethodAnswer { status, request })
        }
    }
}

/// A field of a query, as it is written.
pub(crate) fn field<'a>(query: &'a str, names: &[&str]) -> Option<&'a str> {
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    fields
        .find(|(name, _)| names.contains(name))
        .map(|(_, value)| value)
}

/// The topic of a message to a device: its properties are in it.
pub(crate) fn c2d_topic(id: &IdentityId, message: &Message) -> String {
    let mut topic = format!("devices/{}/messages/devicebound/", id.device);
    let system = message.system.iter().map(|(name, value)| {
        let short = SYSTEM_NAMES.iter().find(|(_, long)| long == name);
        (short.map_or(name.as_str(), |(short, _)| short), value)
    });
    let to = format!("/devices/{}/messages/devicebound", id.device);
    let has_to = message.system.contains_key(system::TO);
    let to = (!has_to).then_some(("$.to", &to));
    let own = message
        .properties
        .iter()
        .map(|(name, value)| (name.as_str(), value));
    for (n, (name, value)) in system.chain(to).chain(own).enumerate() {
        if n > 0 {
            topic.push('&');
        }
        topic.extend(utf8_percent_encode(name, PLAIN));
        topic.push('=');
        topic.extend(utf8_percent_encode(value, PLAIN));
    }
    topic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::PropertyBag;
    use proptest::prelude::*;

    fn id(text: &str) -> IdentityId {
        IdentityId::parse(text).unwrap()
    }

    #[test]
    fn telemetry_is_the_devices_own() {
        let check = |who: &str, topic, expected: Option<&str>| {
            let parsed = Publication::parse(topic, &id(who)).ok();
            let expected = expected.map(|bag| Publication::Telemetry { bag });
            assert_eq!(parsed, expected, "{topic}");
        };
        check("dev1", "devices/dev1/messages/events", Some(""));
        check("dev1", "devices/dev1/messages/events/", Some(""));
        check(
            "dev1",
            "devices/dev1/messages/events/a=b&c=d",
            Some("a=b&c=d"),
        );
        check("dev1", "devices/dev1/messages/events/a=b/", Some("a=b"));
        check(
            "dev1/m",
            "devices/dev1/modules/m/messages/events/a=b",
            Some("a=b"),
        );
        for wrong in [
            "devices/dev1/messages/eventsx",
            "devices/dev12/messages/events/",
            "devices/dev/messages/events/",
            "devices/DEV1/messages/events/",
            "devices/dev1/modules/m/messages/events/",
            "$iothub/unknown",
            "",
        ] {
            check("dev1", wrong, None);
        }
        check("dev1/m", "devices/dev1/messages/events/", None);
        check("dev1/m", "devices/dev1/modules/mm/messages/events/", None);
    }

    #[test]
    fn requests_carry_their_ids() {
        let check = |topic, expected| {
            assert_eq!(
                Publication::parse(topic, &id("d")).ok(),
                expected,
                "{topic}"
            );
        };
        check(
            "$iothub/twin/GET/?$rid=a-b%20c",
            Some(Publication::GetTwin { request: "a-b%20c" }),
        );
        check(
            "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=7",
            Some(Publication::PatchReported {
                request: "1",
                version: Some("7"),
            }),
        );
        check(
            "$iothub/methods/res/-1/?$rid=1f",
            Some(Publication::MethodAnswer {
                status: -1,
                request: "1f",
            }),
        );
        for wrong in [
            "$iothub/twin/GET/",
            "$iothub/twin/GET/?rid=1",
            "$iothub/twin/PATCH/properties/desired/?$rid=1",
            "$iothub/methods/res/ok/?$rid=1",
            "$iothub/methods/POST/x/?$rid=1",
        ] {
            check(wrong, None);
        }
    }

    proptest! {
        #[test]
        fn a_message_to_a_device_reads_as_it_was(
            properties in prop::collection::btree_map("[^$]{1,8}", ".{0,8}", 0..5),
            body in ".{0,8}",
        ) {
            let mut message = Message { properties, ..Message::default() };
            message.system.insert(system::MESSAGE_ID.into(), body);
            let topic = c2d_topic(&id("d"), &message);
            let bag = topic.strip_prefix("devices/d/messages/devicebound/").unwrap();
            prop_assert!(!bag.contains(['#', '+', '/']));
            let read = PropertyBag::parse(bag).unwrap();
            prop_assert_eq!(&read.properties, &message.properties);
            prop_assert_eq!(&read.system[system::MESSAGE_ID], &message.system[system::MESSAGE_ID]);
            prop_assert_eq!(&read.system[system::TO], "/devices/d/messages/devicebound");
        }
    }
}
