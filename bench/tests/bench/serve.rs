//! `--serve`: the front-end layer answers, the key guards it, metrics and status tell the state.

use crate::common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
    mqtt: String,
    pub(crate) key: String,
    folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn serve(length: &str) -> Served {
    serve_with(&["--for", length], "")
}

/// Serves the journey with more arguments, and more in its bench file.
pub(crate) fn serve_with(arguments: &[&str], more: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = std::fs::read_to_string(common::fixture("journey.toml")).unwrap();
    let text = text.replace(
        "../firmware/",
        &format!("{}/../firmware/", common::fixture("").display()),
    );
    let bench = folder.path().join("bench.toml");
    std::fs::write(&bench, text + more).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args([
            "run",
            "bench.toml",
            "--serve",
            "--port",
            "0",
            "--format",
            "json",
            "--data",
            "data",
            "--any-ports",
            "--mqtt-plain-port",
            "0",
            "--certificates",
            "certificates",
        ])
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (address, mqtt) = lines
        .find_map(|line| {
            let line: Value = serde_json::from_str(&line.ok()?).ok()?;
            let serving = &line["serving"];
            Some((
                serving["api"].as_str()?.to_owned(),
                serving["hub"]["mqttPlain"].as_str()?.to_owned(),
            ))
        })
        .expect("it says where it serves");
    // The rest of what it prints must not block it.
    std::thread::spawn(move || lines.for_each(drop));
    let key = std::fs::read_to_string(data.join("api-key"))
        .unwrap()
        .trim()
        .to_owned();
    Served {
        child,
        address,
        mqtt,
        key,
        folder,
    }
}

impl Served {
    /// Waits until the fast part of the run has come to this virtual time.
    pub(crate) fn wait_for(&self, seconds: u64) {
        for _ in 0..10_000 {
            if self.get("/bench/status").1["virtualNanos"]
                .as_u64()
                .unwrap()
                >= seconds * 1_000_000_000
            {
                return;
            }
        }
        panic!("the run does not get to {seconds} s");
    }

    /// Status and body of a request.
    fn ask(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> (u16, String) {
        self.exchange(method, path, key, "text/plain", body)
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        kind: &str,
        body: &str,
    ) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let key = key
            .map(|key| format!("x-functions-key: {key}\r\n"))
            .unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{key}connection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        )
        .unwrap();
        // Readings come as bytes.
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    /// The folder that it was started in.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn ask_json(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (head, text) = self.exchange(method, path, Some(&self.key), "application/json", body);
        (
            head,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.ask("GET", path, Some(&self.key), "");
        (
            status,
            serde_json::from_str(&body).unwrap_or(Value::String(body)),
        )
    }
}

#[test]
fn the_front_end_layer_answers_and_is_guarded() {
    let served = serve("2m");
    assert_eq!(served.ask("GET", "/api/devices", None, "").0, 401);
    assert_eq!(served.ask("GET", "/api/devices", Some("wrong"), "").0, 401);
    assert_eq!(
        served
            .ask(
                "GET",
                &format!("/api/devices?code={}", served.key),
                None,
                ""
            )
            .0,
        200
    );

    served.wait_for(120);
    let (status, all) = served.get("/api/devices");
    assert_eq!(status, 200);
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
    let (_, some) = served.get("/api/devices?name=GREEN");
    assert_eq!(some[0]["deviceId"], "greenhouse-01");
    assert_eq!(some[0]["deviceName"], "Greenhouse");
    assert!(
        some[0]["lastTelemetry"]["temperature"].is_number(),
        "{some}"
    );

    let (status, detail) = served.get("/api/devices/devkit-01");
    assert_eq!(status, 200);
    assert!(
        !detail["telemetryHistory"].as_array().unwrap().is_empty(),
        "{detail}"
    );
    let (status, id) = served.get("/api/devices/nobody");
    assert_eq!((status, id.as_str()), (404, Some("nobody")));

    let configuration = r#"{"historyRetention":"00:05:00","temperatureHighThreshold":25.0}"#;
    assert_eq!(
        served
            .ask(
                "PUT",
                "/api/devices/greenhouse-01/configuration",
                Some(&served.key),
                configuration
            )
            .0,
        200
    );
    let (_, stored) = served.get("/api/devices/greenhouse-01/configuration");
    assert_eq!(stored["historyRetention"], "00:05:00");
}

#[test]
fn status_and_metrics_tell_the_state() {
    let served = serve("1m");
    served.wait_for(60);
    let (status, state) = served.get("/bench/status");
    assert_eq!((status, state["bench"].as_str()), (200, Some("journey")));
    let (status, metrics) = served.ask("GET", "/metrics", Some(&served.key), "");
    assert_eq!(status, 200);
    let value = |name: &str| {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name} in:\n{metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!((value("twinbench_devices") - 3.0).abs() < f64::EPSILON);
    assert!(value("twinbench_messages_total") > 10.0);
}

/// Publishes a reading of `greenhouse-01` over real MQTT and waits for its PUBACK.
fn publish(served: &Served, body: &str) {
    use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};
    use twinbench_hub::{derive_key, sas::device_token};

    let device = twinbench_model::DeviceId::new("greenhouse-01").unwrap();
    let (host, port) = served.mqtt.split_once(':').unwrap();
    let mut options = MqttOptions::new(device.as_str(), host, port.parse().unwrap());
    // 2099-12-31: the token is judged by the bench's clock.
    let token = device_token("localhost", &device, &derive_key(7, &device), 4_102_358_400);
    options.set_credentials(format!("localhost/{device}/?api-version=2021-04-12"), token);
    options.set_clean_session(false);
    let (client, mut connection) = Client::new(options, 10);
    let topic = format!("devices/{device}/messages/events/$.ct=application%2Fjson&$.ce=utf-8");
    client
        .publish(topic, QoS::AtLeastOnce, false, body)
        .unwrap();
    let acknowledged = connection
        .iter()
        .take(20)
        .any(|event| matches!(event.unwrap(), Event::Incoming(Incoming::PubAck(_))));
    assert!(acknowledged, "the hub acknowledges");
}

#[test]
fn a_real_mqtt_client_reaches_the_hub_and_its_reading_the_entity() {
    let served = serve("1m");
    served.wait_for(60);
    publish(&served, r#"{"temperature":77.5,"humidity":10.0}"#);
    let (_, detail) = served.get("/api/devices/greenhouse-01");
    let history = detail["telemetryHistory"].as_array().unwrap();
    assert!(
        history.iter().any(|it| it["temperature"] == 77.5),
        "{detail}"
    );
}

#[test]
fn what_the_hub_acknowledged_is_there_after_kill_9() {
    let mut served = serve("1m");
    served.wait_for(60);
    publish(&served, r#"{"temperature":66.25,"humidity":10.0}"#);
    served.child.kill().unwrap();
    served.child.wait().unwrap();

    let folder = served.folder.path();
    let session = common::open(&folder.join("bench.toml"), folder, 1, true);
    let entities = session.entities().to_string();
    assert!(
        entities.contains(r#"{"temperature":66.25,"humidity":10.0}"#)
            || entities.contains(r#"{"humidity":10.0,"temperature":66.25}"#),
        "{entities}"
    );
}
