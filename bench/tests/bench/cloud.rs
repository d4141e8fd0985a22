//! Unmodified clients of the cloud against a bench that is served: devices, services, consumers.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use twinbench_hub::{SymmetricKey, dps::group_device_key, log::partition_of};
use twinbench_model::DeviceId;

use crate::clients::{Client, SEED, Served, credentials, events, lacking, needed, python, script};

/// The key of the devices that register themselves.
const GROUP_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A bench whose hub has the usual ports on an address of its own.
fn bench(address: &str) -> String {
    format!(
        r#"
version = 1
name    = "clients"
epoch   = "2026-01-01T00:00:00Z"
seed    = {SEED}

[hub]
address = "{address}"
host    = "{address}"

[[hub.enrollment]]
name  = "line"
group = true
key   = "{GROUP_KEY}"

[[device]]
id      = "meter"
backend = "external"

[[device]]
id      = "absent"
backend = "external"

[[device]]
id        = "pump"
backend   = "simulated"
connected = true
interval  = "1s"

[device.methods]
start = {{ payload = {{ running = true }} }}

[[app]]
kind = "serverless-iot"
"#
    )
}

/// Serves it with all of the usual ports; a lack skips loudly, and fails in CI.
fn served(test: &str, address: &str) -> Option<Served> {
    let lack = match Served::start(&bench(address), &[]) {
        Ok(served) if served.hub["notHad"] == json!([]) => return Some(served),
        Ok(served) => served.hub["notHad"].to_string(),
        Err(said) => said,
    };
    lacking(test, &format!("{address}: {lack}"));
    None
}

/// What a service does meanwhile.
fn service(program: &std::path::Path, served: &Served) {
    let ca = served.ca();
    let request = json!({"owner": served.connections()["owner"], "device": "meter"});
    let environment = [("REQUESTS_CA_BUNDLE", ca.as_os_str())];
    let own =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/clients/service.py");
    let seen = python(program, &own, &request, &environment);
    assert_eq!(seen["echo"], json!([200, {"n": [1, "ü"]}]), "{seen}");
    assert_eq!(seen["start"], json!([200, {"running": true}]), "{seen}");
    assert_eq!(seen["unknown"][0], 501, "{seen}");
    assert_eq!(seen["absent"], json!([404, "DeviceNotOnline"]), "{seen}");
    assert_eq!(
        seen["reported"],
        json!({"value": 2, "ac": 200, "av": 2}),
        "{seen}"
    );
    assert_eq!(seen["made"], "made-here", "{seen}");
    assert_eq!(seen["online"], json!(["meter", "pump"]), "{seen}");
}

/// Messages to the device through azure-iot-hub's AMQP.
fn message_to(program: &std::path::Path, served: &Served, device: &str, body: &str) {
    let request = json!({
        "connection_string": served.connections()["owner"], "ca": served.ca(),
        "messages": [{"device": device, "body": body, "properties": {"level": "high"}}],
    });
    let sent = python(program, &script("amqp/python/service.py"), &request, &[]);
    assert_eq!(sent, json!(["sent"]));
}

#[test]
fn python_clients_meet_a_served_bench() {
    let test = "python_clients_meet_a_served_bench";
    let Some(program) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let Some(served) = served(test, "127.0.0.61") else {
        return;
    };
    let connect = |websockets: bool| {
        let mut client = Client::start(&program, [script("devices/clients/device.py")], &[]);
        client.tell(&json!({
            "ca": served.ca(), "connection": served.device("meter"), "websockets": websockets,
        }));
        client.tell(&json!({"do": "listen"}));
        assert_eq!(client.says("listening"), true);
        client
    };
    let mut device = connect(false);
    device.tell(&json!({
        "do": "send", "body": "{\"temperature\":1.5,\"humidity\":2.5}", "id": "m-1",
        "type": "application/json", "encoding": "utf-8", "properties": {"a b": "1+1&ü"},
    }));
    device.says("sent");
    service(&program, &served);
    message_to(&program, &served, "meter", "hello");
    let c2d = device.says("c2d");
    assert_eq!(c2d["body"], "hello");
    assert_eq!(c2d["properties"], json!({"level": "high"}));
    drop(device);

    let mut device = connect(true);
    device.tell(&json!({"do": "send", "body": "over WebSocket"}));
    device.says("sent");
    device.tell(&json!({"do": "upload", "blob": "a/b.txt", "bodies": ["file"], "ca": served.ca()}));
    assert_eq!(device.says("read"), "file");
    assert_eq!(device.says("notified"), 201);
    let kept = served.folder.path().join("data/uploads");
    assert_eq!(
        std::fs::read_to_string(kept.join("meter/a/b.txt")).unwrap(),
        "file"
    );

    let group = SymmetricKey::from_base64(GROUP_KEY).unwrap();
    let order = json!({
        "ca": served.ca(), "provisioning_host": "127.0.0.61", "id_scope": "any",
        "registration_id": "line-1", "key": group_device_key(&group, "line-1").to_base64(),
    });
    let register = [
        script("devices/clients/register.py").into_os_string(),
        order.to_string().into(),
    ];
    let registered = Client::start(&program, register, &[]).answer();
    assert_eq!(
        registered["sent"],
        json!({"status": "assigned", "hub": "127.0.0.61", "device": "line-1"})
    );

    let endpoint = served.connections()["events"].as_str().unwrap().to_owned();
    let partition = partition_of(&DeviceId::new("meter").unwrap(), 4);
    let verify = json!({"connection_verify": served.ca()});
    let found = events(&program, &endpoint, &verify, (partition, "-1", 2));
    let own: Vec<&Value> = found["events"]
        .as_array()
        .unwrap_or_else(|| panic!("{found}"))
        .iter()
        .filter(|event| event["system"]["iothub-connection-device-id"] == "meter")
        .collect();
    assert_eq!(own[0]["properties"]["a b"], "1+1&ü", "{found}");
}

#[test]
fn node_clients_meet_a_served_bench() {
    let test = "node_clients_meet_a_served_bench";
    let (Some(program), Some(modules)) = (
        needed(test, "TWINBENCH_PYTHON"),
        needed(test, "TWINBENCH_NODE_MODULES"),
    ) else {
        return;
    };
    let Some(served) = served(test, "127.0.0.62") else {
        return;
    };
    let ca = served.ca();
    for websockets in [false, true] {
        let order = json!({
            "ca": ca, "connection": served.device("meter"), "websockets": websockets,
        });
        let arguments = [
            script("devices/clients/device.js").into_os_string(),
            order.to_string().into(),
        ];
        let environment = [
            ("NODE_PATH", modules.as_os_str()),
            ("NODE_EXTRA_CA_CERTS", ca.as_os_str()),
        ];
        let mut device = Client::start("node", arguments, &environment);
        device.says("ready");
        message_to(&program, &served, "meter", "hello");
        assert_eq!(device.says("c2d")["body"], "hello");
        device.tell(&json!({"do": "end"}));
        device.answer();
    }
}

#[test]
fn mosquitto_publishes_over_tls() {
    let served = Served::start(&bench("127.0.0.1"), &["--any-ports"]).unwrap();
    let (username, token) = credentials("127.0.0.1", "meter");
    let port = served.port("mqtt").to_string();
    let output = Command::new("mosquitto_pub")
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-i",
            "meter",
            "-V",
            "mqttv311",
            "-q",
            "1",
        ])
        .args(["-u", &username, "-P", &token, "-m", "{\"t\":1}", "-t"])
        .arg("devices/meter/messages/events/level=high")
        .arg("--cafile")
        .arg(served.ca())
        .output();
    match output {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => lacking(
            "mosquitto_publishes_over_tls",
            "mosquitto_pub is not installed (Debian: mosquitto-clients)",
        ),
    }
}

/// Devices that publish, each in a partition of its own of four.
fn publishers() -> [String; 4] {
    let name_of = |partition| {
        let names = (0..).map(|n| format!("load-{n}"));
        let mut names =
            names.filter(|name| partition_of(&DeviceId::new(name).unwrap(), 4) == partition);
        names.next().unwrap()
    };
    [0, 1, 2, 3].map(name_of)
}

#[test]
fn what_was_acknowledged_is_read_after_kill_9_and_a_consumer_goes_on() {
    let test = "what_was_acknowledged_is_read_after_kill_9_and_a_consumer_goes_on";
    let Some(program) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let devices = publishers();
    let rows = devices
        .iter()
        .map(|id| format!("\n[[device]]\nid = \"{id}\"\nbackend = \"external\"\n"));
    let text = format!(
        "version = 1\nname = \"load\"\nepoch = \"2026-01-01T00:00:00Z\"\nseed = {SEED}\n{}",
        rows.collect::<String>()
    );
    let flags = ["--any-ports", "--mqtt-plain-port", "0"];
    let served = Served::start(&text, &flags).unwrap();
    let port = served.port("mqttPlain");
    let stop = Arc::new(AtomicBool::new(false));
    let counts: Vec<Arc<AtomicUsize>> = devices.iter().map(|_| Arc::default()).collect();
    let threads: Vec<_> = devices
        .iter()
        .zip(&counts)
        .map(|(device, count)| {
            let (device, count, stop) = (device.clone(), Arc::clone(count), Arc::clone(&stop));
            std::thread::spawn(move || publish(&device, port, &count, &stop))
        })
        .collect();
    // Under load: nobody waits for a quiet moment.
    while counts
        .iter()
        .any(|count| count.load(Ordering::Relaxed) < 100)
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    let folder = served.kill();
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }

    let served = Served::start_in(folder, &["--any-ports", "--resume"]).unwrap();
    let all = served.connections();
    let endpoint = all["eventsEmulator"].as_str().unwrap();
    let address = format!("localhost:{}", served.port("amqp"));
    let endpoint = endpoint.replace("sb://localhost", &format!("sb://{address}"));
    let read = |partition, start: &str, count| {
        let found = events(&program, &endpoint, &json!({}), (partition, start, count));
        assert_eq!(found["errors"], json!([]), "{found}");
        let rows = found["events"].as_array().unwrap().clone();
        let pick = |row: &Value| {
            let body = row["body"].as_str().unwrap().to_owned();
            (body, row["offset"].as_str().unwrap_or_default().to_owned())
        };
        rows.iter().map(pick).collect::<Vec<_>>()
    };
    for (partition, count) in counts.iter().enumerate() {
        let acknowledged = count.load(Ordering::Relaxed);
        let found = read(partition as u16, "-1", acknowledged);
        for (n, (body, _)) in found.iter().enumerate() {
            assert_eq!(*body, format!("n{n}"), "partition {partition}");
        }
        if partition == 0 {
            // A consumer that stopped half-way goes on there.
            let half = &found[acknowledged / 2];
            let rest = read(0, &half.1, 1);
            assert_eq!(rest[0].0, found[acknowledged / 2 + 1].0);
        }
    }
}

/// Publishes n0, n1, … and counts those that were acknowledged, up to the end of the connection.
fn publish(device: &str, port: u16, count: &AtomicUsize, stop: &AtomicBool) {
    use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};
    let mut options = MqttOptions::new(device, "127.0.0.1", port);
    let (username, token) = credentials("localhost", device);
    options.set_credentials(username, token);
    options.set_inflight(32);
    let (client, mut connection) = Client::new(options, 64);
    let topic = format!("devices/{device}/messages/events/");
    let sender = std::thread::spawn(move || {
        for n in 0.. {
            if client
                .publish(&topic, QoS::AtLeastOnce, false, format!("n{n}"))
                .is_err()
            {
                return;
            }
        }
    });
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Incoming::PubAck(_))) => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(_) => break,
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    // Without its connection the sender ends by itself.
    drop(connection);
    sender.join().unwrap();
}
