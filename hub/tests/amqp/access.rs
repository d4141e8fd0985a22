//! Who is let in, and for how long.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::{
    clients::{python, run},
    served::{key, options, serve},
};

const SCRIPT: &str = include_str!("python/events.py");

async fn receive(test: &str, endpoint: String, group: &str, mut arguments: Value) -> Option<Value> {
    let program = python(test)?;
    arguments["start"] = json!("-1");
    let request = json!({
        "endpoint": endpoint, "group": group, "work": "receive", "arguments": arguments
    });
    Some(run(program, SCRIPT, request).await)
}

fn refused(answer: &Value, kind: &str) {
    let errors = answer["errors"].as_array().unwrap();
    let first = errors.first().and_then(Value::as_str).unwrap_or_default();
    assert!(first.starts_with(kind), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_or_policy_is_refused() {
    let test = "a_wrong_key_or_policy_is_refused";
    let served = serve(options()).await;
    for (policy, byte) in [("service", 9), ("device", 2), ("nobody", 1)] {
        let endpoint = served.endpoint(policy, &key(byte));
        let Some(answer) = receive(test, endpoint, "$Default", json!({"partition": "0"})).await
        else {
            return;
        };
        refused(&answer, "AuthenticationError");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_group_is_told() {
    let test = "an_unknown_group_is_told";
    let served = serve(options()).await;
    let endpoint = served.endpoint("service", &key(1));
    let Some(answer) = receive(test, endpoint, "nobody", json!({"partition": "0"})).await else {
        return;
    };
    refused(&answer, "ConnectionLostError");
    assert!(
        answer["errors"][0]
            .as_str()
            .unwrap()
            .contains("there is no consumer group"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_while_a_consumer_waits() {
    let test = "a_token_ends_while_a_consumer_waits";
    let served = serve(options()).await;
    let endpoint = served.endpoint("service", &key(1));
    let (partition, _) = served.publish_number("dev1", 0).await;
    let signal = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("consumer-waits");
    let _ = std::fs::remove_file(&signal);
    let arguments = json!({
        "partition": partition.to_string(), "count": 2, "signal": signal.to_string_lossy()
    });
    let asking = receive(test, endpoint, "$Default", arguments);
    tokio::pin!(asking);
    let mut expired = false;
    let answer = loop {
        tokio::select! {
            answer = &mut asking => break answer,
            () = tokio::time::sleep(Duration::from_millis(50)), if !expired => {
                if signal.exists() {
                    // Tokens last an hour, and five minutes of grace.
                    served.advance(2 * 60 * 60);
                    expired = true;
                }
            }
        }
    };
    let Some(answer) = answer else {
        return;
    };
    assert_eq!(answer["events"].as_array().unwrap().len(), 1);
    refused(&answer, "ConnectionLostError");
    assert!(
        answer["errors"][0]
            .as_str()
            .unwrap()
            .contains("amqp:unauthorized-access"),
        "{answer}"
    );
}
