//! What `[hub]` and `[[bridge]]` of a bench file do, seen from outside.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::clients::{SEED, Served, lacking};

fn bench(rest: &str) -> String {
    format!(
        "version = 1\nname = \"hub\"\nepoch = \"2026-01-01T00:00:00Z\"\nseed = {SEED}\n\
         [[device]]\nid = \"dev\"\nbackend = \"external\"\n{rest}"
    )
}

#[test]
fn a_port_that_cannot_be_had_is_named_and_the_rest_goes_on() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let served = Served::start(
        &bench(""),
        &["--any-ports", "--https-port", &port, "--https-port", "0"],
    )
    .unwrap();
    let lacks = served.hub["notHad"].as_array().unwrap();
    assert!(lacks[0].as_str().unwrap().contains(&port), "{lacks:?}");
    assert_eq!(served.hub["https"].as_array().unwrap().len(), 1);
    assert_eq!(
        served.hub["mqttPlain"],
        json!(null),
        "plain MQTT is for who asks"
    );
    for what in ["mqtt", "https", "amqp", "amqps"] {
        TcpStream::connect(("127.0.0.1", served.port(what))).unwrap();
    }
    // One that is needed ends it, with what to do.
    let said = Served::start(&bench(""), &["--any-ports", "--mqtt-port", &port]);
    let said = said.err().unwrap();
    assert!(
        said.contains(&port) && said.contains("--any-ports"),
        "{said}"
    );
}

#[test]
fn connection_strings_are_those_of_production() {
    let served = Served::start(
        &bench("[hub]\nhost = \"plant.azure-devices.net\"\n"),
        &["--any-ports"],
    )
    .unwrap();
    let all = served.connections();
    assert!(
        served
            .device("dev")
            .starts_with("HostName=plant.azure-devices.net;DeviceId=dev;SharedAccessKey=")
    );
    assert!(served.device("dev").ends_with(";GatewayHostName=localhost"));
    let owner = all["owner"].as_str().unwrap();
    assert!(owner.starts_with("HostName=localhost;SharedAccessKeyName=iothubowner;"));
    let names: Vec<_> = all["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(
        names,
        [
            "iothubowner",
            "service",
            "device",
            "registryRead",
            "registryReadWrite"
        ]
    );
    let key = served.device("dev");
    let key = key
        .split("SharedAccessKey=")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let folder = served.kill();
    // Neither the recording nor the logs of the run hold a key.
    for entry in walk(&folder.path().join("out")) {
        let bytes = std::fs::read(&entry).unwrap();
        let held = bytes.windows(key.len()).any(|part| part == key.as_bytes());
        assert!(!held, "{}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            all.extend(walk(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// A mosquitto on a port of its own.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn messages_of_another_broker_become_those_of_devices() {
    let test = "messages_of_another_broker_become_those_of_devices";
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let broker = ["mosquitto", "/usr/sbin/mosquitto"]
        .iter()
        .find_map(|program| {
            let quiet = Command::new(program)
                .args(["-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            quiet.ok()
        });
    let Some(_broker) = broker.map(Broker) else {
        return lacking(
            test,
            "mosquitto is not installed (Debian: mosquitto, mosquitto-clients)",
        );
    };
    let served = Served::start(
        &bench(&format!(
            "[[bridge]]\nname = \"plant\"\nbroker = \"mqtt://127.0.0.1:{port}\"\n\
             [[bridge.rule]]\ntopic = \"plant/{{line}}/+\"\ndevice = \"line-{{line}}\"\n"
        )),
        &["--any-ports"],
    )
    .unwrap();
    for _ in 0..600 {
        let sent = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1"])
            .args(["-t", "plant/7/oven", "-m", "{\"temperature\":180}"])
            .stderr(Stdio::null())
            .status();
        if sent.is_err() {
            return lacking(
                test,
                "mosquitto_pub is not installed (Debian: mosquitto-clients)",
            );
        }
        if served.messages() > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no message came over the bridge");
}

#[test]
fn telemetry_is_forwarded_to_another_hub() {
    let other = Served::start(&bench(""), &["--any-ports"]).unwrap();
    let all = other.connections();
    let policies = all["policies"].as_array().unwrap();
    let device = policies.iter().find(|it| it["name"] == "device").unwrap();
    let own = bench(&format!(
        "[[forward]]\nname = \"cloud\"\nconnection = {}\nport = {}\nca = {:?}\n",
        device["connectionString"],
        other.port("mqtt"),
        other.ca(),
    ));
    let own = own.replace("\"external\"", "\"simulated\"\ninterval = \"1s\"");
    let _own = Served::start(&own, &["--any-ports"]).unwrap();
    for _ in 0..600 {
        if other.messages() > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing was forwarded");
}
