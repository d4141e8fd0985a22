//! The topics that a device publishes to.

use twinbench_model::DeviceId;

/// What a device says with a PUBLISH, by its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication<'a> {
    /// `devices/{id}/messages/events/{bag}`: telemetry with its property bag, still encoded.
    Telemetry {
        /// The property bag, maybe empty.
        bag: &'a str,
    },
}

/// The topic is not one that this device may publish to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the device may not publish to this topic")]
pub struct TopicError;

impl<'a> Publication<'a> {
    /// Parses a topic for the device that publishes to it. A slash behind the bag is passed over.
    ///
    /// # Errors
    /// When the topic does not exist or is another device's.
    pub fn parse(topic: &'a str, device: &DeviceId) -> Result<Self, TopicError> {
        let rest = topic.strip_prefix("devices/").ok_or(TopicError)?;
        let rest = rest.strip_prefix(device.as_str()).ok_or(TopicError)?;
        let rest = rest.strip_prefix("/messages/events").ok_or(TopicError)?;
        let bag = match rest.strip_prefix('/') {
            Some(bag) => bag.strip_suffix('/').unwrap_or(bag),
            None if rest.is_empty() => "",
            None => return Err(TopicError),
        };
        Ok(Self::Telemetry { bag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_is_the_devices_own() {
        let device = DeviceId::new("dev1").unwrap();
        let check = |topic, expected: Option<&str>| {
            let parsed = Publication::parse(topic, &device).ok();
            let expected = expected.map(|bag| Publication::Telemetry { bag });
            assert_eq!(parsed, expected, "{topic}");
        };
        check("devices/dev1/messages/events", Some(""));
        check("devices/dev1/messages/events/", Some(""));
        check("devices/dev1/messages/events/a=b&c=d", Some("a=b&c=d"));
        check("devices/dev1/messages/events/a=b/", Some("a=b"));
        check("devices/dev1/messages/eventsx", None);
        check("devices/dev12/messages/events/", None);
        check("devices/dev/messages/events/", None);
        check("devices/DEV1/messages/events/", None);
        check("$iothub/unknown", None);
        check("", None);
    }
}
