//! What the hub sends to a device: telling the topics apart.

/// A message of the hub, by its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Answer to a twin request: `$iothub/twin/res/{status}/?$rid={rid}[&$version={version}]`.
    TwinResponse {
        /// As in HTTP.
        status: u16,
        /// The request's own number, as we gave it.
        request: &'a str,
    },
    /// New desired properties: `$iothub/twin/PATCH/properties/desired/?$version={version}`.
    DesiredProperties {
        /// Of the desired section.
        version: u32,
    },
    /// A direct method: `$iothub/methods/POST/{name}/?$rid={rid}`.
    Method {
        /// Its name, still percent-encoded.
        name: &'a str,
        /// To be echoed in the answer.
        request: &'a str,
    },
    /// A cloud-to-device message: `devices/{id}/messages/devicebound/{properties}`.
    CloudToDevice {
        /// The property bag, still percent-encoded.
        properties: &'a str,
    },
    /// None of these.
    Unknown,
}

/// Tells a topic apart, for the device `device_id`.
pub fn classify<'a>(device_id: &str, topic: &'a str) -> Incoming<'a> {
    twin(topic)
        .or_else(|| method(topic))
        .or_else(|| cloud_to_device(device_id, topic))
        .unwrap_or(Incoming::Unknown)
}

fn twin(topic: &str) -> Option<Incoming<'_>> {
    let rest = topic.strip_prefix("$iothub/twin/")?;
    if let Some(rest) = rest.strip_prefix("res/") {
        let (status, query) = rest.split_once("/?")?;
        return Some(Incoming::TwinResponse {
            status: status.parse().ok()?,
            request: parameter(query, "$rid")?,
        });
    }
    let query = rest.strip_prefix("PATCH/properties/desired/?")?;
    Some(Incoming::DesiredProperties {
        version: parameter(query, "$version")?.parse().ok()?,
    })
}

fn method(topic: &str) -> Option<Incoming<'_>> {
    let (name, query) = topic
        .strip_prefix("$iothub/methods/POST/")?
        .split_once("/?")?;
    Some(Incoming::Method {
        name,
        request: parameter(query, "$rid")?,
    })
}

fn cloud_to_device<'a>(device_id: &str, topic: &'a str) -> Option<Incoming<'a>> {
    let rest = topic.strip_prefix("devices/")?.strip_prefix(device_id)?;
    let properties = rest.strip_prefix("/messages/devicebound")?;
    Some(Incoming::CloudToDevice {
        properties: properties.strip_prefix('/').unwrap_or(properties),
    })
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(topic: &str, expected: &Incoming<'_>) {
        assert_eq!(classify("dev1", topic), *expected, "{topic}");
    }

    #[test]
    fn the_documented_topics() {
        check(
            "$iothub/twin/res/200/?$rid=a-1",
            &Incoming::TwinResponse {
                status: 200,
                request: "a-1",
            },
        );
        check(
            "$iothub/twin/res/204/?$rid=2&$version=6",
            &Incoming::TwinResponse {
                status: 204,
                request: "2",
            },
        );
        check(
            "$iothub/twin/PATCH/properties/desired/?$version=7",
            &Incoming::DesiredProperties { version: 7 },
        );
        check(
            "$iothub/methods/POST/setLedState/?$rid=c",
            &Incoming::Method {
                name: "setLedState",
                request: "c",
            },
        );
        check(
            "devices/dev1/messages/devicebound/a=b",
            &Incoming::CloudToDevice { properties: "a=b" },
        );
        check(
            "devices/dev1/messages/devicebound",
            &Incoming::CloudToDevice { properties: "" },
        );
    }

    #[test]
    fn others_are_unknown() {
        for topic in [
            "",
            "devices/dev2/messages/devicebound/",
            "$iothub/twin/res/ok/?$rid=1",
            "$iothub/methods/POST/x",
            "$iothub/twin/PATCH/properties/desired/?$version=x",
        ] {
            check(topic, &Incoming::Unknown);
        }
    }
}
