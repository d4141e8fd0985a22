//! Bridges against a real mosquitto: plain with a password, TLS with client certificates, and
//! a broker that restarts in the middle.
#![cfg(feature = "bridge")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the edge is tested here: brokers live on the wall clock; helpers may fail the test"
)]

mod broker;
#[cfg(feature = "tls")]
mod forward;
mod hub;

use std::{collections::BTreeSet, time::Duration};

use broker::{Broker, Security};
use hub::Looped;
use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, QoS};
use serde_json::{Value, json};
use twinbench_hub::bridge::{Bridge, BridgeConfig};

fn config(broker: &Broker, more: &Value) -> BridgeConfig {
    let mut section = json!({
        "name": "field",
        "broker": format!("mqtt://127.0.0.1:{}", broker.port()),
        "rule": [{
            "topic": "plant/{line}/{machine}/#",
            "device": "{line}-{machine}",
            "properties": {"unit": "{/meta/unit}"},
            "defaults": {"/meta/unit": "C"},
        }],
    });
    for (name, value) in more.as_object().unwrap() {
        section[name] = value.clone();
    }
    serde_json::from_value(section).unwrap()
}

/// A publisher on the broker, whose loop goes on over restarts until it is dropped.
struct Publisher {
    client: AsyncClient,
    polling: tokio::task::JoinHandle<()>,
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

fn publisher(broker: &Broker) -> Publisher {
    let mut options = MqttOptions::new("machines", "127.0.0.1", broker.port());
    options.set_credentials("bench", "secret");
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 64);
    let polling = tokio::spawn(async move {
        loop {
            match events.poll().await {
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    Publisher { client, polling }
}

impl Publisher {
    async fn publish(&self, topic: &str, body: String) {
        self.client
            .publish(topic, QoS::AtLeastOnce, false, body)
            .await
            .unwrap();
    }
}

/// Waits until something holds, half a minute at most.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_become_messages_of_devices() {
    let Some(broker) = Broker::start("topics_become_messages_of_devices", &Security::Password)
    else {
        return;
    };
    let hub = Looped::start();
    let login = json!({"user": "bench", "password": "secret"});
    let bridge = Bridge::start(config(&broker, &login), 7, hub.handle.clone()).unwrap();
    until("the bridge", || bridge.stats().connections == 1).await;
    let machines = publisher(&broker);
    machines
        .publish("plant/7/press/t", r#"{"t":1,"meta":{"unit":"F"}}"#.into())
        .await;
    machines.publish("plant/8/oven", "hot".into()).await;
    machines.publish("plant/8/no device/t", "{}".into()).await;
    until("the messages", || {
        bridge.stats().taken == 2 && bridge.stats().refused == 1
    })
    .await;
    let messages = hub.messages().await;
    let press = messages
        .iter()
        .find(|event| event.device.as_str() == "7-press")
        .unwrap();
    assert_eq!(&press.message.body[..], br#"{"t":1,"meta":{"unit":"F"}}"#);
    assert_eq!(press.message.properties["unit"], "F");
    assert_eq!(press.message.system["content-type"], "application/json");
    let oven = messages
        .iter()
        .find(|event| event.device.as_str() == "8-oven")
        .unwrap();
    assert_eq!(
        (
            &oven.message.body[..],
            oven.message.properties["unit"].as_str()
        ),
        (&b"hot"[..], "C")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_tried_again_later() {
    let Some(broker) = Broker::start("a_wrong_password_is_tried_again_later", &Security::Password)
    else {
        return;
    };
    let hub = Looped::start();
    let login = json!({"user": "bench", "password": "wrong"});
    let bridge = Bridge::start(config(&broker, &login), 7, hub.handle.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bridge.stats().connections, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_broker_restarts() {
    let Some(mut broker) = Broker::start(
        "nothing_is_lost_when_the_broker_restarts",
        &Security::Password,
    ) else {
        return;
    };
    let hub = Looped::start();
    // A queue that is much smaller than what comes.
    let login = json!({"user": "bench", "password": "secret", "queue": 4});
    let bridge = Bridge::start(config(&broker, &login), 7, hub.handle.clone()).unwrap();
    until("the bridge", || bridge.stats().connections == 1).await;
    let machines = publisher(&broker);
    for number in 0..600 {
        if number == 300 {
            broker.restart();
        }
        machines
            .publish("plant/7/press/t", number.to_string())
            .await;
    }
    // A message may come twice, so they are counted by what they say.
    let mut numbers = BTreeSet::new();
    for _ in 0..600 {
        for event in hub.messages().await {
            let text = std::str::from_utf8(&event.message.body).unwrap();
            numbers.insert(text.parse::<usize>().unwrap());
        }
        if numbers.len() == 600 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lost: Vec<_> = (0..600)
        .filter(|number| !numbers.contains(number))
        .collect();
    assert!(lost.is_empty(), "{lost:?}, {:?}", bridge.stats());
    assert!(bridge.stats().connections >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_wait_for_a_bridge_that_was_away() {
    let Some(broker) = Broker::start(
        "messages_wait_for_a_bridge_that_was_away",
        &Security::Password,
    ) else {
        return;
    };
    let hub = Looped::start();
    let login = json!({"user": "bench", "password": "secret"});
    let first = Bridge::start(config(&broker, &login), 7, hub.handle.clone()).unwrap();
    let machines = publisher(&broker);
    machines.publish("plant/7/press/t", "0".into()).await;
    until("the first message", || {
        machines
            .client
            .try_publish("plant/7/press/t", QoS::AtLeastOnce, false, "0")
            .unwrap();
        first.stats().taken > 0
    })
    .await;
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;
    machines
        .publish("plant/7/press/t", "while away".into())
        .await;
    let second = Bridge::start(config(&broker, &login), 7, hub.handle.clone()).unwrap();
    until("what came while it was away", || second.stats().taken > 0).await;
    let mut found = false;
    for _ in 0..100 {
        let messages = hub.messages().await;
        found = messages
            .iter()
            .any(|event| &event.message.body[..] == b"while away");
        if found {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_a_client_certificate() {
    let Some(broker) = Broker::start("tls_with_a_client_certificate", &Security::Certificates)
    else {
        return;
    };
    let hub = Looped::start();
    let files = |name: &str| broker.folder().join(name);
    let secure = json!({
        "broker": format!("mqtts://localhost:{}", broker.port()),
        "ca": files("ca.pem"), "certificate": files("client.pem"), "key": files("client.key"),
    });
    let bridge = Bridge::start(config(&broker, &secure), 7, hub.handle.clone()).unwrap();
    until("the bridge", || bridge.stats().connections == 1).await;
    // Without a certificate of its own it stays outside.
    let anonymous = json!({
        "name": "other",
        "broker": format!("mqtts://localhost:{}", broker.port()), "ca": files("ca.pem"),
    });
    let outside = Bridge::start(config(&broker, &anonymous), 7, hub.handle.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(outside.stats().connections, 0);
    broker.publish_with_certificate("plant/7/press/t", "{\"t\":1}");
    until("the message", || bridge.stats().taken == 1).await;
    assert_eq!(hub.messages().await[0].device.as_str(), "7-press");
}
