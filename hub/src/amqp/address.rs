//! Which node of the hub an address names.
//!
//! Clients write whole URIs (`amqps://localhost/messages/devicebound`, also on plain connections)
//! or bare paths, and differ in the case of letters.

/// A node that a link can attach to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Claims-based security: tokens are put here.
    Cbs,
    /// Management requests of the event endpoint.
    Management,
    /// A partition of the event log as a consumer group reads it.
    Events {
        /// The consumer group, as written.
        group: String,
        /// The partition.
        partition: u16,
    },
    /// Messages to devices are sent here.
    DeviceBound,
    /// What became of messages to devices.
    Feedback,
    /// Files that devices have uploaded.
    FileNotifications,
}

impl Node {
    /// What an address names on a hub whose event endpoint has this name; `messages/events` is
    /// its other name. `None` when it names nothing.
    pub fn parse(address: &str, event_hub: &str) -> Option<Self> {
        let path = path_of(address);
        let all: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
        match all.as_slice() {
            [cbs] if is(cbs, "$cbs") => return Some(Self::Cbs),
            [.., management] if all.len() <= 3 && is(management, "$management") => {
                return Some(Self::Management);
            }
            [messages, bound] if is(messages, "messages") && is(bound, "devicebound") => {
                return Some(Self::DeviceBound);
            }
            [messages, bound, what] if is(messages, "messages") && is(bound, "serviceBound") => {
                if is(what, "feedback") {
                    return Some(Self::Feedback);
                }
                return is(what, "filenotifications").then_some(Self::FileNotifications);
            }
            _ => {}
        }
        let rest = match all.as_slice() {
            [messages, events, rest @ ..] if is(messages, "messages") && is(events, "events") => {
                rest
            }
            [name, rest @ ..] if is(name, event_hub) => rest,
            _ => return None,
        };
        match rest {
            [groups, group, partitions, partition]
                if is(groups, "ConsumerGroups") && is(partitions, "Partitions") =>
            {
                let partition = digits(partition)?;
                let group = (*group).to_owned();
                Some(Self::Events { group, partition })
            }
            _ => None,
        }
    }
}

/// The path behind scheme, host and port, if the address has them.
pub(crate) fn path_of(address: &str) -> &str {
    match address.split_once("://") {
        Some((_scheme, rest)) => rest.split_once('/').map_or("", |(_host, path)| path),
        None => address.trim_start_matches('/'),
    }
}

fn digits(text: &str) -> Option<u16> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_clients_write() {
        let events = |group: &str, partition| {
            Some(Node::Events {
                group: group.into(),
                partition,
            })
        };
        for (address, node) in [
            ("$cbs", Some(Node::Cbs)),
            ("amqps://localhost:5672/$cbs", Some(Node::Cbs)),
            ("$management", Some(Node::Management)),
            ("hub/$management", Some(Node::Management)),
            (
                "amqps://localhost/messages/devicebound",
                Some(Node::DeviceBound),
            ),
            ("/messages/serviceBound/feedback", Some(Node::Feedback)),
            (
                "/messages/serviceBound/filenotifications",
                Some(Node::FileNotifications),
            ),
            (
                "amqps://localhost:5672/hub/ConsumerGroups/$Default/Partitions/0",
                events("$Default", 0),
            ),
            ("HUB/consumergroups/mine/partitions/31", events("mine", 31)),
            (
                "messages/events/ConsumerGroups/$Default/Partitions/3",
                events("$Default", 3),
            ),
            ("other/ConsumerGroups/$Default/Partitions/0", None),
            ("hub/ConsumerGroups/$Default/Partitions/x", None),
            ("hub/ConsumerGroups/$Default/Partitions/+1", None),
            ("hub/ConsumerGroups/$Default/Partitions/70000", None),
            ("hub", None),
            ("messages/serviceBound/else", None),
            ("", None),
        ] {
            assert_eq!(Node::parse(address, "hub"), node, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(address in ".{0,60}") {
            let _ = Node::parse(&address, "hub");
        }
    }
}
