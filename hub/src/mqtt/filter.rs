//! The topic filters that a device may subscribe to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinbench_model::DeviceId;

/// What a device subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subscription {
    /// `devices/{id}/messages/devicebound/#`: messages from the cloud.
    DeviceBound,
    /// `$iothub/twin/res/#`: answers to requests on the twin.
    TwinResponses,
    /// `$iothub/twin/PATCH/properties/desired/#`: changes of desired properties.
    DesiredProperties,
    /// `$iothub/methods/POST/#`: direct methods.
    Methods,
}

/// The quality of service that a subscription was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Granted {
    /// At most once.
    Qos0,
    /// At least once; also granted to who asks for 2.
    Qos1,
}

/// A device's subscriptions.
pub(crate) type Subscriptions = BTreeMap<Subscription, Granted>;

impl Subscription {
    /// The subscription that a filter means for a device; `None` when it is none of the
    /// documented ones.
    pub fn parse(filter: &str, device: &DeviceId) -> Option<Self> {
        match filter {
            "$iothub/twin/res/#" => Some(Self::TwinResponses),
            "$iothub/twin/PATCH/properties/desired/#" => Some(Self::DesiredProperties),
            "$iothub/methods/POST/#" => Some(Self::Methods),
            _ => {
                let rest = filter.strip_prefix("devices/")?;
                let rest = rest.strip_prefix(device.as_str())?;
                (rest == "/messages/devicebound/#").then_some(Self::DeviceBound)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_filters_of_the_device_itself() {
        let device = DeviceId::new("dev1").unwrap();
        let check = |filter, expected| {
            assert_eq!(Subscription::parse(filter, &device), expected, "{filter}");
        };
        check(
            "devices/dev1/messages/devicebound/#",
            Some(Subscription::DeviceBound),
        );
        check("$iothub/twin/res/#", Some(Subscription::TwinResponses));
        check(
            "$iothub/twin/PATCH/properties/desired/#",
            Some(Subscription::DesiredProperties),
        );
        check("$iothub/methods/POST/#", Some(Subscription::Methods));
        for filter in [
            "#",
            "+/#",
            "devices/#",
            "devices/dev2/messages/devicebound/#",
            "$iothub/#",
        ] {
            check(filter, None);
        }
    }
}
