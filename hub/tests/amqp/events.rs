//! The built-in endpoint as azure-eventhub sees it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use twinbench_model::{Message, system};

use crate::{
    clients::{python, run},
    served::{Served, key, options, serve},
};

const SCRIPT: &str = include_str!("python/events.py");

/// Asks the client; `None` when there is no Python.
async fn ask(served: &Served, test: &str, work: &str, arguments: Value) -> Option<Value> {
    let program = python(test)?;
    let endpoint = served.endpoint("service", &key(1));
    let request = json!({"endpoint": endpoint, "work": work, "arguments": arguments});
    Some(run(program, SCRIPT, request).await)
}

fn bodies(answer: &Value) -> Vec<&str> {
    assert_eq!(answer["errors"], json!([]), "{answer}");
    let events = answer["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["body"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_carries_what_the_cloud_writes() {
    let served = serve(options()).await;
    let bag = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        pairs.iter().map(own).collect()
    };
    let message = Message {
        body: "{\"t\":21.5}".into(),
        system: bag(&[
            (system::MESSAGE_ID, "m-1"),
            (system::CONTENT_TYPE, "application/json"),
            (system::CONTENT_ENCODING, "utf-8"),
            (system::CREATION_TIME, "2026-01-01T00:00:00Z"),
        ]),
        properties: bag(&[("level", "high"), ("", "empty")]),
    };
    let (partition, _) = served.publish("dev1", message).await;
    let arguments = json!({"partition": partition.to_string(), "start": "-1", "track": true});
    let Some(answer) = ask(
        &served,
        "an_event_carries_what_the_cloud_writes",
        "receive",
        arguments,
    )
    .await
    else {
        return;
    };
    assert_eq!(bodies(&answer), ["{\"t\":21.5}"]);
    let event = &answer["events"][0];
    assert_eq!(
        (&event["sequence"], &event["offset"]),
        (&json!(0), &json!("0"))
    );
    assert_eq!(event["key"], "dev1");
    assert_eq!(event["properties"], json!({"level": "high", "": "empty"}));
    let facts = &event["system"];
    assert_eq!(facts["iothub-connection-device-id"], "dev1");
    assert_eq!(facts["iothub-message-source"], "Telemetry");
    let method: Value =
        serde_json::from_str(facts["iothub-connection-auth-method"].as_str().unwrap()).unwrap();
    assert_eq!(method["scope"], "device");
    assert!(facts["iothub-enqueuedtime"].is_number(), "{facts}");
    assert_eq!(facts["message-id"], "m-1");
    assert_eq!(facts["content-type"], "application/json");
    assert_eq!(event["last"]["sequence_number"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_starts_where_it_asks() {
    let test = "a_consumer_starts_where_it_asks";
    let served = serve(options()).await;
    let mut partition = 0;
    for number in 0..10 {
        partition = served.publish_number("dev1", number).await.0;
        // Clients ask by milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let partition = partition.to_string();
    let receive = |start: Value, inclusive: bool, count: usize| {
        let arguments = json!({
            "partition": partition, "start": start, "inclusive": inclusive, "count": count
        });
        ask(&served, test, "receive", arguments)
    };
    let Some(all) = receive(json!("-1"), false, 10).await else {
        return;
    };
    let numbers: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&all), numbers);
    let after = receive(json!(6), false, 3).await.unwrap();
    assert_eq!(bodies(&after), ["7", "8", "9"]);
    let offset = receive(json!("6"), true, 4).await.unwrap();
    assert_eq!(bodies(&offset), ["6", "7", "8", "9"]);
    // By time: everything after the fifth event, to the millisecond.
    let instant = all["events"][4]["time"].as_f64().unwrap();
    let times = all["events"].as_array().unwrap().iter();
    let after = times.filter(|event| event["time"].as_f64().unwrap() > instant);
    let expected = after.count();
    assert!(expected > 0, "{all}");
    let later = receive(json!(instant), false, expected).await.unwrap();
    assert_eq!(bodies(&later), numbers[10 - expected..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_gives_only_what_comes_after() {
    let test = "latest_gives_only_what_comes_after";
    let served = serve(options()).await;
    let (partition, _) = served.publish_number("dev1", 0).await;
    let arguments = json!({"partition": partition.to_string(), "start": "@latest", "count": 1});
    let asking = ask(&served, test, "receive", arguments);
    tokio::pin!(asking);
    // The client takes a while to attach; what comes before is not for it.
    let mut number = 1;
    let answer = loop {
        tokio::select! {
            answer = &mut asking => break answer,
            // The client hands out what it has only after a pause of a fifth of a second.
            () = tokio::time::sleep(Duration::from_millis(400)) => {
                served.publish_number("dev1", number).await;
                number += 1;
            }
        }
    };
    let Some(answer) = answer else {
        return;
    };
    let first: usize = bodies(&answer)[0].parse().unwrap();
    assert!(first > 0, "what was there before came too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_keep_order_and_are_complete() {
    let test = "batches_keep_order_and_are_complete";
    let served = serve(options()).await;
    let mut partition = 0;
    for number in 0..500 {
        partition = served.publish_number("dev2", number).await.0;
    }
    let arguments = json!({"partition": partition.to_string(), "size": 100, "total": 500});
    let Some(answer) = ask(&served, test, "batches", arguments).await else {
        return;
    };
    let numbers: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(answer["bodies"], json!(numbers));
    let sizes = answer["sizes"].as_array().unwrap();
    assert!(
        sizes.iter().all(|size| size.as_u64().unwrap() <= 100),
        "{sizes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_higher_epoch_reads_alone() {
    let served = serve(options()).await;
    let (partition, _) = served.publish_number("dev1", 0).await;
    let arguments = json!({"partition": partition.to_string()});
    let Some(answer) = ask(
        &served,
        "the_higher_epoch_reads_alone",
        "contest",
        arguments,
    )
    .await
    else {
        return;
    };
    // Which of its own errors the client makes of it depends on when it hears it.
    let stolen = |errors: &Value| {
        let errors = errors.as_array().unwrap();
        assert_eq!(errors.len(), 1, "{answer}");
        let text = errors[0].as_str().unwrap();
        assert!(text.contains("amqp:link:stolen"), "{answer}");
    };
    stolen(&answer["first"]);
    stolen(&answer["lower"]["errors"]);
    stolen(&answer["none"]["errors"]);
    assert_eq!(bodies(&answer["higher"]), ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn properties_of_hub_and_partitions() {
    let served = serve(options()).await;
    let (partition, _) = served.publish_number("dev1", 0).await;
    served.publish_number("dev1", 1).await;
    let test = "properties_of_hub_and_partitions";
    let Some(answer) = ask(&served, test, "properties", json!({})).await else {
        return;
    };
    assert_eq!(answer["hub"]["eventhub_name"], "hub");
    assert_eq!(answer["hub"]["partition_ids"], json!(["0", "1", "2", "3"]));
    for (number, facts) in answer["partitions"].as_array().unwrap().iter().enumerate() {
        let filled = number == usize::from(partition);
        assert_eq!(facts["is_empty"], !filled, "{facts}");
        let last = if filled { 1 } else { -1 };
        assert_eq!(facts["last_enqueued_sequence_number"], last, "{facts}");
        assert_eq!(facts["last_enqueued_offset"], last.to_string(), "{facts}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_returns_to_its_checkpoint_after_a_restart() {
    let test = "a_consumer_returns_to_its_checkpoint_after_a_restart";
    let mut options = options();
    // Nearly all of the log is in the store only.
    options.memory_window = 2;
    options.memory_limit = 5;
    let served = serve(options.clone()).await;
    let mut partition = 0;
    for number in 0..300 {
        partition = served.publish_number("dev3", number).await.0;
    }
    let partition = partition.to_string();
    let arguments = json!({"partition": partition, "start": "-1", "count": 120});
    let Some(first) = ask(&served, test, "receive", arguments).await else {
        return;
    };
    let first_bodies = bodies(&first);
    // The client may have been given more before it stopped; its checkpoint is what it handled.
    let checkpoint = first["events"][119]["offset"].clone();
    assert_eq!(first_bodies[119], "119");
    let served = served.restart(options).await;
    served.publish_number("dev3", 300).await;
    let arguments = json!({"partition": partition, "start": checkpoint, "count": 181});
    let second = ask(&served, test, "receive", arguments).await.unwrap();
    let expected: Vec<_> = (120..=300).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&second), expected);
}
