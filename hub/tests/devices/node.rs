//! npm azure-iot-device-mqtt.

use serde_json::json;
use twinbench_hub::{c2d::SendC2d, methods::MethodAnswer, registry::IdentityId, twin::TwinWrite};
use twinbench_model::{Message, system};

use crate::{
    client::{Client, needed, script},
    host::{Host, Wishes},
    python::call,
};

async fn device(test: &str, address: &str, websockets: bool) {
    let Some(modules) = needed(test, "TWINBENCH_NODE_MODULES") else {
        return;
    };
    let Some(host) = Host::on_fixed_ports(test, address, Wishes::default()).await else {
        return;
    };
    let connection = host.add("node-1").await;
    let order = json!({"ca": host.ca(), "connection": connection, "websockets": websockets});
    let arguments = [
        script("device.js").into_os_string(),
        order.to_string().into(),
    ];
    // Over WebSocket, the client does not hand on its own list of authorities.
    let ca = host.ca();
    let environment = [
        ("NODE_PATH", modules.as_os_str()),
        ("NODE_EXTRA_CA_CERTS", ca.as_os_str()),
    ];
    let mut client = Client::start("node", arguments, &environment);
    client.says("ready").await;
    let id = IdentityId::parse("node-1").unwrap();
    let stored = std::fs::read(host.folder.path().join("files/node-1/day 1.log")).unwrap();
    let line = b"line of a log\n";
    assert_eq!(stored.len(), 5 << 20);
    assert!(stored.chunks(line.len()).all(|it| line.starts_with(it)));
    let notice = |hub: &mut twinbench_hub::Hub, _| hub.take_file_notification().unwrap();
    assert_eq!(host.with(notice).await.size, 5 << 20);
    let messages = host.messages().await;
    let message = &messages[0].message;
    assert_eq!(&message.body[..], b"{\"t\":21.5}");
    assert_eq!(message.properties["a b"], "1+1&ü");
    assert_eq!(message.system[system::MESSAGE_ID], "m-1");
    assert_eq!(message.system[system::CONTENT_TYPE], "application/json");
    let twin = id.clone();
    host.with(move |hub, now| {
        assert_eq!(
            hub.twin(&twin).unwrap().reported.values["led"],
            json!({"on": true})
        );
        let desired = serde_json::from_value(json!({"interval": 5})).unwrap();
        let write = TwinWrite {
            desired: Some(desired),
            tags: None,
        };
        hub.patch_twin(&twin, write, now).unwrap();
    })
    .await;
    // The first is the whole twin, which the client gives every new handler.
    while client.says("desired").await["interval"] != 5 {}
    let echoed = call(&host, "node-1", "echo", 10).await;
    let payload = json!({"n": [1, "ü"]});
    assert_eq!(
        echoed,
        Ok(MethodAnswer {
            status: 200,
            payload
        })
    );
    host.with(|hub, now| {
        let mut message = Message {
            body: "hello".into(),
            ..Message::default()
        };
        message
            .system
            .insert(system::MESSAGE_ID.into(), "c2d-1".into());
        message.properties.insert("a b".into(), "1+1&ü".into());
        let send = SendC2d {
            message,
            ..SendC2d::default()
        };
        hub.send_c2d(&IdentityId::parse("node-1").unwrap(), send, now)
            .unwrap();
    })
    .await;
    let c2d = client.says("c2d").await;
    assert_eq!(
        (&c2d["body"], &c2d["id"]),
        (&json!("hello"), &json!("c2d-1"))
    );
    assert_eq!(c2d["properties"]["a b"], "1+1&ü");
    client.tell(&json!({"do": "end"}));
    client.ends().await;
    assert_eq!(host.with(move |hub, _| hub.c2d_count(&id)).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_device_over_tls() {
    device("node_device_over_tls", "127.0.0.31", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_device_over_websocket() {
    device("node_device_over_websocket", "127.0.0.32", true).await;
}
