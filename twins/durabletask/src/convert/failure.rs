//! Failures of user code.

use std::collections::BTreeMap;

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::Number;
use twinbench_engine::{Failure, Json};

use crate::proto as pb;

/// The whole numbers that a double holds exactly are written without a fraction.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A failure that a worker or another server tells of.
pub fn failure(details: pb::TaskFailureDetails) -> Failure {
    Failure {
        error_type: details.error_type,
        error_message: details.error_message,
        stack_trace: details.stack_trace,
        inner: details.inner_failure.map(|inner| Box::new(failure(*inner))),
        non_retriable: details.is_non_retriable,
        properties: details
            .properties
            .into_iter()
            .map(|(name, value)| (name, json_of(value).into()))
            .collect(),
    }
}

/// The same, to be sent.
pub fn failure_details(failure: &Failure) -> pb::TaskFailureDetails {
    pb::TaskFailureDetails {
        error_type: failure.error_type.clone(),
        error_message: failure.error_message.clone(),
        stack_trace: failure.stack_trace.clone(),
        inner_failure: failure
            .inner
            .as_deref()
            .map(|inner| Box::new(failure_details(inner))),
        is_non_retriable: failure.non_retriable,
        properties: failure
            .properties
            .iter()
            .map(|(name, value)| (name.clone(), value_of(value)))
            .collect(),
    }
}

fn json_of(value: Value) -> serde_json::Value {
    use serde_json::Value as Js;
    match value.kind {
        None | Some(Kind::NullValue(_)) => Js::Null,
        Some(Kind::BoolValue(value)) => Js::Bool(value),
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() < EXACT => {
            Js::from(number as i64)
        }
        Some(Kind::NumberValue(number)) => Number::from_f64(number).map_or(Js::Null, Js::Number),
        Some(Kind::StringValue(text)) => Js::String(text),
        Some(Kind::ListValue(list)) => Js::Array(list.values.into_iter().map(json_of).collect()),
        Some(Kind::StructValue(of)) => Js::Object(
            of.fields
                .into_iter()
                .map(|(name, value)| (name, json_of(value)))
                .collect(),
        ),
    }
}

fn value_of(json: &Json) -> Value {
    match json.read::<serde_json::Value>() {
        Ok(value) => protobuf_of(value),
        Err(_) => Value {
            kind: Some(Kind::StringValue(json.as_str().to_owned())),
        },
    }
}

fn protobuf_of(value: serde_json::Value) -> Value {
    use serde_json::Value as Js;
    let kind = match value {
        Js::Null => Kind::NullValue(0),
        Js::Bool(value) => Kind::BoolValue(value),
        Js::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Js::String(text) => Kind::StringValue(text),
        Js::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(protobuf_of).collect(),
        }),
        Js::Object(fields) => Kind::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name, protobuf_of(value)))
                .collect::<BTreeMap<_, _>>(),
        }),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_back_as_it_was() {
        let mut inner = Failure::new("Inner", "why").final_one();
        inner.properties = [
            ("code", serde_json::json!(7)),
            ("ratio", serde_json::json!(0.5)),
            ("list", serde_json::json!([null, true, {"a": "b"}])),
        ]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into();
        let mut outer = Failure::new("Outer", "what");
        outer.stack_trace = Some("at x".to_owned());
        outer.inner = Some(Box::new(inner));
        assert_eq!(failure(failure_details(&outer)), outer);
    }
}
