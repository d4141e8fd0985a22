//! The topic filters that a device may subscribe to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::topic::own;
use crate::registry::IdentityId;

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
    /// `devices/{id}/modules/{module}/#` or `…/inputs/#`: messages from other modules, which only an
    /// edge hub would send.
    Inputs,
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
    /// The subscription that a filter means for an identity; `None` when it is none of the
    /// documented ones.
    pub fn parse(filter: &str, id: &IdentityId) -> Option<Self> {
        match filter {
            "$iothub/twin/res/#" => Some(Self::TwinResponses),
            "$iothub/twin/PATCH/properties/desired/#" => Some(Self::DesiredProperties),
            "$iothub/methods/POST/#" => Some(Self::Methods),
            _ => match (own(filter, id)?, &id.module) {
                ("/messages/devicebound/#", None) => Some(Self::DeviceBound),
                ("/#" | "/inputs/#", Some(_)) => Some(Self::Inputs),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_filters_of_the_device_itself() {
        let device = IdentityId::parse("dev1").unwrap();
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

    #[test]
    fn modules_listen_to_their_inputs() {
        let module = IdentityId::parse("d/m").unwrap();
        let parse = |filter| Subscription::parse(filter, &module);
        assert_eq!(
            parse("devices/d/modules/m/inputs/#"),
            Some(Subscription::Inputs)
        );
        assert_eq!(parse("devices/d/modules/m/#"), Some(Subscription::Inputs));
        assert_eq!(parse("$iothub/methods/POST/#"), Some(Subscription::Methods));
        assert_eq!(parse("devices/d/modules/other/#"), None);
        assert_eq!(parse("devices/d/messages/devicebound/#"), None);
    }
}
