//! Requests on `$cbs` and `$management`, and what is answered.

use fe2o3_amqp::types::{
    messaging::{AmqpValue, ApplicationProperties, Body, Message, MessageId, Properties},
    primitives::{Array, OrderedMap, SimpleValue, Symbol, Timestamp, Value},
};

use crate::log::PartitionInfo;

/// A request as it came.
pub type Request = Message<Body<Value>>;
/// An answer as it goes.
pub(super) type Response = Message<AmqpValue<Value>>;

/// What a `$management` request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Runtime information of the event hub.
    EventHub,
    /// Runtime information of a partition.
    Partition(u16),
    /// Runtime information of a consumer group.
    ConsumerGroup(String),
}

/// A request that is not granted: an HTTP-like status with a reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {reason}")]
pub struct Refusal {
    /// 400, 401 or 404.
    pub status: i32,
    /// What is wrong.
    pub reason: String,
}

impl Refusal {
    /// With its parts.
    pub fn new(status: i32, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { status, reason }
    }
}

/// What the endpoint tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubInfo {
    /// The event hub's name.
    pub name: String,
    /// When it was made, in unix milliseconds.
    pub created: i64,
    /// How many partitions it has.
    pub partitions: u16,
}

/// The token in a put-token request on `$cbs`.
///
/// # Errors
/// When it is another operation, another kind of token, or holds none.
pub fn put_token(request: &Request) -> Result<&str, Refusal> {
    match text(request, "operation") {
        Some("put-token") => {}
        other => {
            return Err(Refusal::new(
                400,
                format!(
                    "no operation {:?} on $cbs: put-token is there",
                    shown(other)
                ),
            ));
        }
    }
    let kind = text(request, "type").unwrap_or_default();
    if kind != "servicebus.windows.net:sastoken" {
        return Err(Refusal::new(
            401,
            format!(
                "a token of type {:?} cannot be checked here: put a servicebus.windows.net:sastoken",
                shown(Some(kind))
            ),
        ));
    }
    match &request.body {
        Body::Value(AmqpValue(Value::String(token))) => Ok(token),
        _ => Err(Refusal::new(400, "the request's value is not a token")),
    }
}

/// Reads a request on `$management` of an event hub of this name.
///
/// # Errors
/// When it asks for something else, or of another event hub.
pub fn question(request: &Request, event_hub: &str) -> Result<Question, Refusal> {
    if text(request, "operation") != Some("READ") {
        let operation = shown(text(request, "operation"));
        let reason = format!("no operation {operation:?} on $management: READ is there");
        return Err(Refusal::new(400, reason));
    }
    let name = text(request, "name").unwrap_or_default();
    let own = name.split('/').next().unwrap_or_default();
    if !own.eq_ignore_ascii_case(event_hub) && !name.eq_ignore_ascii_case("messages/events") {
        let reason = format!(
            "there is no event hub {:?}, this one is {event_hub:?}",
            shown(Some(name))
        );
        return Err(Refusal::new(404, reason));
    }
    match text(request, "type") {
        Some("com.microsoft:eventhub") => Ok(Question::EventHub),
        Some("com.microsoft:partition") => {
            let partition = text(request, "partition").unwrap_or_default();
            match partition.parse() {
                Ok(partition) => Ok(Question::Partition(partition)),
                Err(_) => Err(no_partition(&shown(Some(partition)))),
            }
        }
        Some("com.microsoft:consumergroup") => {
            let group = name.rsplit('/').next().filter(|_| name.contains('/'));
            let group = text(request, "consumergroup").or(group).unwrap_or_default();
            Ok(Question::ConsumerGroup(group.to_owned()))
        }
        other => {
            let reason = format!("nothing of type {:?} can be read", shown(other));
            Err(Refusal::new(400, reason))
        }
    }
}

/// The answer for an event hub.
pub(super) fn hub_value(info: &HubInfo) -> Value {
    let ids = (0..info.partitions).map(|number| Value::String(number.to_string()));
    map([
        ("name", Value::String(info.name.clone())),
        ("type", Value::String("com.microsoft:eventhub".into())),
        ("created_at", time(info.created)),
        ("partition_count", Value::Int(i32::from(info.partitions))),
        ("partition_ids", Value::Array(Array(ids.collect()))),
    ])
}

/// The answer for a partition; `last` is when its newest message was taken, in unix
/// milliseconds.
pub(super) fn partition_value(
    hub: &HubInfo,
    partition: u16,
    info: PartitionInfo,
    last: Option<i64>,
) -> Value {
    let newest = info.next.checked_sub(1).map_or(-1, |number| number as i64);
    let empty = info.begin == info.next;
    map([
        ("name", Value::String(hub.name.clone())),
        ("type", Value::String("com.microsoft:partition".into())),
        ("partition", Value::String(partition.to_string())),
        ("begin_sequence_number", Value::Long(info.begin as i64)),
        ("last_enqueued_sequence_number", Value::Long(newest)),
        ("last_enqueued_offset", Value::String(newest.to_string())),
        ("last_enqueued_time_utc", time(last.unwrap_or(hub.created))),
        ("is_partition_empty", Value::Bool(empty)),
    ])
}

/// The answer for a consumer group.
pub(super) fn group_value(hub: &HubInfo, group: &str) -> Value {
    map([
        ("name", Value::String(hub.name.clone())),
        ("type", Value::String("com.microsoft:consumergroup".into())),
        ("consumergroup", Value::String(group.to_owned())),
        ("created_at", time(hub.created)),
    ])
}

/// A partition that is not there.
pub(super) fn no_partition(partition: &str) -> Refusal {
    Refusal::new(404, format!("there is no partition {partition:?}"))
}

/// The answer to a request: its status under the names of both generations of clients, and the
/// request's message id as correlation id.
pub(super) fn respond(request: &Request, result: Result<(i32, Value), Refusal>) -> Response {
    let (status, description, value) = match result {
        Ok((status, value)) => (status, "OK".to_owned(), value),
        Err(refusal) => (refusal.status, refusal.reason, Value::Null),
    };
    let mut facts = OrderedMap::new();
    for name in ["status-code", "statusCode"] {
        facts.insert(name.to_owned(), SimpleValue::Int(status));
    }
    for name in ["status-description", "statusDescription"] {
        facts.insert(name.to_owned(), SimpleValue::String(description.clone()));
    }
    let asked = request.properties.as_ref();
    let mut properties = Properties::new();
    properties.correlation_id = asked.and_then(correlation);
    Message {
        header: None,
        delivery_annotations: None,
        message_annotations: None,
        properties: Some(properties),
        application_properties: Some(ApplicationProperties(facts)),
        body: AmqpValue(value),
        footer: None,
    }
}

/// The token that a request on `$management` carries with it.
pub(super) fn security_token(request: &Request) -> Option<&str> {
    text(request, "security_token")
}

/// Where the answer to a request goes.
pub(super) fn reply_to(request: &Request) -> Option<&str> {
    request.properties.as_ref()?.reply_to.as_deref()
}

fn correlation(asked: &Properties) -> Option<MessageId> {
    asked
        .message_id
        .clone()
        .or_else(|| asked.correlation_id.clone())
}

fn text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    match request.application_properties.as_ref()?.0.get(name)? {
        SimpleValue::String(text) | SimpleValue::Symbol(Symbol(text)) => Some(text),
        _ => None,
    }
}

fn shown(text: Option<&str>) -> String {
    text.unwrap_or_default().chars().take(60).collect()
}

fn time(milliseconds: i64) -> Value {
    Value::Timestamp(Timestamp::from_milliseconds(milliseconds))
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter();
    Value::Map(
        entries
            .map(|(name, value)| (Value::String(name.to_owned()), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(facts: &[(&str, &str)], body: Body<Value>) -> Request {
        let mut properties = Properties::new();
        properties.message_id = Some(MessageId::Ulong(7));
        let own = facts.iter();
        let own =
            own.map(|&(name, value)| (name.to_owned(), SimpleValue::String(value.to_owned())));
        Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: Some(properties),
            application_properties: Some(ApplicationProperties(own.collect())),
            body,
            footer: None,
        }
    }

    #[test]
    fn tokens_are_taken_from_the_value() {
        let put = |operation, kind, body| {
            let facts = [("operation", operation), ("type", kind)];
            put_token(&request(&facts, body))
                .map(str::to_owned)
                .map_err(|refusal| refusal.status)
        };
        let token = || Body::Value(AmqpValue(Value::String("t".into())));
        let sas = "servicebus.windows.net:sastoken";
        assert_eq!(put("put-token", sas, token()), Ok("t".into()));
        assert_eq!(put("put-token", sas, Body::Empty), Err(400));
        assert_eq!(put("delete-token", sas, token()), Err(400));
        assert_eq!(put("put-token", "jwt", token()), Err(401));
    }

    #[test]
    fn what_clients_ask() {
        let ask = |facts: &[(&str, &str)]| {
            let mut all = vec![("operation", "READ")];
            all.extend(facts);
            question(&request(&all, Body::Empty), "hub").map_err(|refusal| refusal.status)
        };
        let (name, kind) = (("name", "hub"), |kind| ("type", kind));
        assert_eq!(
            ask(&[name, kind("com.microsoft:eventhub")]),
            Ok(Question::EventHub)
        );
        let partition = kind("com.microsoft:partition");
        assert_eq!(
            ask(&[name, partition, ("partition", "3")]),
            Ok(Question::Partition(3))
        );
        assert_eq!(ask(&[name, partition, ("partition", "x")]), Err(404));
        assert_eq!(ask(&[("name", "other"), partition]), Err(404));
        assert_eq!(ask(&[name, kind("com.microsoft:else")]), Err(400));
        let group = kind("com.microsoft:consumergroup");
        assert_eq!(
            ask(&[("name", "hub/consumergroups/g"), group]),
            Ok(Question::ConsumerGroup("g".into()))
        );
    }

    #[test]
    fn an_answer_belongs_to_its_request() {
        let asked = request(&[], Body::Empty);
        let answer = respond(&asked, Ok((200, Value::Null)));
        assert_eq!(
            answer.properties.unwrap().correlation_id,
            Some(MessageId::Ulong(7))
        );
        let refused = respond(&asked, Err(Refusal::new(401, "no")));
        let facts = refused.application_properties.unwrap().0;
        assert_eq!(facts.get("status-code"), Some(&SimpleValue::Int(401)));
        assert_eq!(
            facts.get("statusDescription"),
            Some(&SimpleValue::String("no".into()))
        );
    }

    #[test]
    fn an_empty_partition_has_no_last_message() {
        let hub = HubInfo {
            name: "hub".into(),
            created: 5,
            partitions: 2,
        };
        let info = PartitionInfo {
            begin: 0,
            next: 0,
            last_enqueued: None,
            bytes: 0,
        };
        let Value::Map(map) = partition_value(&hub, 1, info, None) else {
            panic!("no map");
        };
        let of = |name: &str| map.get(&Value::String(name.into())).cloned().unwrap();
        assert_eq!(of("last_enqueued_sequence_number"), Value::Long(-1));
        assert_eq!(of("is_partition_empty"), Value::Bool(true));
        assert_eq!(of("last_enqueued_time_utc"), time(5));
    }
}
