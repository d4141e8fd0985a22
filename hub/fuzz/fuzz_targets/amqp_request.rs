//! Any request on `$cbs` and `$management`, and any message to a device: read or refused.
#![no_main]

use fe2o3_amqp::types::{
    messaging::{AmqpValue, ApplicationProperties, Body, Message, Properties},
    primitives::{SimpleValue, Value},
};
use libfuzzer_sys::fuzz_target;
use twinbench_hub::amqp::{Question, command, put_token, question};
use twinbench_hub_fuzz::epoch;

fuzz_target!(|input: (&str, &str, &str, Vec<(String, String)>)| {
    let (to, operation, body, own) = input;
    let mut properties = Properties::new();
    properties.to = Some(to.to_owned());
    let operation = ("operation".to_owned(), operation.to_owned());
    let own = own.into_iter().chain([operation]);
    let own = own.map(|(name, value)| (name, SimpleValue::String(value)));
    let request = Message {
        header: None,
        delivery_annotations: None,
        message_annotations: None,
        properties: Some(properties),
        application_properties: Some(ApplicationProperties(own.collect())),
        body: Body::Value(AmqpValue(Value::String(body.to_owned()))),
        footer: None,
    };
    if let Ok(token) = put_token(&request) {
        assert_eq!(token, body);
    }
    if let Ok(Question::ConsumerGroup(group)) = question(&request, "hub") {
        assert!(group.len() <= 1 << 20);
    }
    let _ = command(request, epoch());
});
