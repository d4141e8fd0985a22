//! Who is let in, and for how long.

use serde_json::{Value, json};

use crate::{
    clients::{python, run},
    served::{Served, key, options, serve},
};

const SCRIPT: &str = include_str!("python/events.py");

async fn receive(
    served: &Served,
    test: &str,
    endpoint: String,
    group: &str,
    count: usize,
) -> Option<Value> {
    let program = python(test)?;
    let request = json!({
        "endpoint": endpoint, "group": group, "work": "receive",
        "arguments": {"partition": "0", "start": "-1", "count": count, "patience": 8}
    });
    let _ = served;
    Some(run(program, SCRIPT, request).await)
}

fn refused(answer: &Value, kind: &str) {
    let errors = answer["errors"].as_array().unwrap();
    let first = errors.first().and_then(Value::as_str).unwrap_or_default();
    assert!(first.starts_with(kind), "{answer}");
    assert_eq!(answer["events"], json!([]), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_or_policy_is_refused() {
    let test = "a_wrong_key_or_policy_is_refused";
    let served = serve(options()).await;
    for (policy, byte) in [("service", 9), ("device", 2), ("nobody", 1)] {
        let endpoint = served.endpoint(policy, &key(byte));
        let Some(answer) = receive(&served, test, endpoint, "$Default", 1).await else {
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
    let Some(answer) = receive(&served, test, endpoint, "nobody", 1).await else {
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
    let asking = receive(&served, test, endpoint, "$Default", 1);
    let expiring = async {
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        // Tokens last an hour, and five minutes of grace.
        served.advance(2 * 60 * 60);
    };
    let (Some(answer), ()) = tokio::join!(asking, expiring) else {
        return;
    };
    refused(&answer, "ConnectionLostError");
    assert!(
        answer["errors"][0]
            .as_str()
            .unwrap()
            .contains("amqp:unauthorized-access"),
        "{answer}"
    );
}
