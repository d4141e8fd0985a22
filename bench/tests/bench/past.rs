//! Moments that were, made again as benches of their own; recordings that are looked at.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};
use twinbench_recording::Reader;

use crate::serve::{Served, serve, serve_with};

/// A bench that was opened beside the served one.
struct Beside {
    address: String,
    key: String,
    out: std::path::PathBuf,
}

/// Status and body.
fn ask(address: &str, key: &str, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nx-functions-key: {key}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let head = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&bytes[9..12]).parse().unwrap();
    (status, bytes.split_off(head + 4))
}

impl Beside {
    fn of(served: &Served, (status, answer): (u16, Value)) -> Self {
        assert_eq!(status, 200, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self {
            address: text("origin").trim_start_matches("http://").to_owned(),
            key: text("key"),
            out: served.folder().join(text("out")),
        }
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = ask(&self.address, &self.key, "GET", path, "");
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn time(&self, what: &Value) -> Value {
        let body = what.to_string();
        let (status, body) = ask(&self.address, &self.key, "POST", "/bench/time", &body);
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn time(served: &Served, what: &Value) -> (u16, Value) {
    served.ask_json("POST", "/bench/time", &what.to_string())
}

#[test]
fn a_served_bench_goes_back_and_branches() {
    let served = serve("20s");
    served.wait_for(20);
    time(&served, &json!({"do": "pause"}));
    let (status, ran) = time(
        &served,
        &json!({"do": "run-to", "kind": "d2c", "source": "devkit-01"}),
    );
    assert_eq!(status, 200, "{ran}");
    assert_eq!(ran["found"]["source"], "devkit-01", "{ran}");
    assert_eq!(ran["status"]["paused"], true, "{ran}");
    let at = ran["status"]["virtualNanos"].as_u64().unwrap();
    let happened = ran["found"]["at"].as_u64().unwrap();
    assert!(happened <= at, "{ran}");
    let then = served.get("/api/devices/devkit-01").1;

    time(&served, &json!({"do": "step", "by_ns": 40_000_000_000u64}));
    let later = served.get("/api/devices/devkit-01").1;
    assert_ne!(then, later);

    let back = Beside::of(&served, time(&served, &json!({"do": "seek", "at": at})));
    let stands = back.get("/bench/status");
    assert_eq!(stands["virtualNanos"], at, "{stands}");
    assert_eq!(stands["paused"], true, "{stands}");
    assert_eq!(back.get("/api/devices/devkit-01"), then);
    // What led there can be looked at too.
    assert!(!back.get("/bench/channels").as_array().unwrap().is_empty());
    // The same way again leads to the same place.
    back.time(&json!({"do": "step", "by_ns": 40_000_000_000u64}));
    assert_eq!(back.get("/api/devices/devkit-01"), later);
    // The session itself stays where it was.
    let here = served.get("/api/devices/devkit-01").1;
    assert_eq!(here, later);

    let set = json!({"device": "devkit-01", "quantity": "temperature", "value": 44.0});
    let branch = json!({"do": "branch", "at": at, "set": set});
    let other = Beside::of(&served, time(&served, &branch));
    other.time(&json!({"do": "step", "by_ns": 40_000_000_000u64}));
    assert_ne!(other.get("/api/devices/devkit-01"), later);
    let header = Reader::open(&other.out.join("session.mcap")).unwrap();
    let parent = header.header().parent.clone().unwrap();
    assert_eq!((&*parent.how, parent.at.as_nanos()), ("branch", at));
    assert!(parent.recording.ends_with("session.mcap"), "{parent:?}");

    let back = Beside::of(
        &served,
        time(
            &served,
            &json!({"do": "step-back", "by_ns": 1_000_000_000u64}),
        ),
    );
    let stands = back.get("/bench/status")["virtualNanos"].as_u64().unwrap();
    assert_eq!(stands, at + 39_000_000_000);

    // Whatever else is to be otherwise is done to the moment itself, which stands still.
    let button = json!({"button": {"name": "a", "pressed": true}}).to_string();
    let path = "/bench/devices/devkit-01/do";
    let (status, _) = ask(&back.address, &back.key, "POST", path, &button);
    assert_eq!(status, 200);
    back.time(&json!({"do": "step", "by_ns": 1_000_000_000u64}));
    let console = "/bench/devices/devkit-01/console/console?from=0";
    // What is to be seen follows the bench.
    while !back.get(console).to_string().contains("button: A") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!served.get(console).1.to_string().contains("button: A"));

    let opened = served.get("/bench/opened").1["opened"].clone();
    let opened = opened.as_array().unwrap();
    assert_eq!(opened.len(), 3, "{opened:?}");
    for moment in opened {
        let (status, closed) = served.ask_json("POST", "/bench/close", &moment.to_string());
        assert_eq!(status, 200, "{closed}");
    }
    assert!(
        back.out.join("session.mcap").exists(),
        "its recording is closed"
    );

    let (status, wrong) = time(&served, &json!({"do": "seek", "at": u64::MAX}));
    assert_eq!(status, 400, "{wrong}");
    assert!(wrong["hint"].as_str().unwrap().contains("until"), "{wrong}");
}

#[test]
fn a_condition_stops_at_its_first_crossing() {
    let served = serve("20s");
    served.wait_for(20);
    let stands = time(&served, &json!({"do": "pause"})).1;
    let at = stands["virtualNanos"].as_u64().unwrap();
    let message = json!({"do": "run-to", "kind": "d2c", "source": "greenhouse-01"});
    // The same moment again: there every message is looked at, one after the other.
    let other = Beside::of(&served, time(&served, &json!({"do": "seek", "at": at})));
    let first = other.time(&message)["found"].clone();
    let fields = ["/facts/body/Data/Temperature"];
    let value = |found: &Value| fields.iter().find_map(|it| found.pointer(it)?.as_f64());
    let field = fields.iter().find(|it| first.pointer(it).is_some());
    let field = field.unwrap_or_else(|| panic!("{first}"));
    let limit = value(&first).unwrap().max(26.0);
    let mut found = first.clone();
    let mut below = 0;
    while value(&found).unwrap() <= limit {
        below += 1;
        assert!(below < 200, "it never gets warmer than {limit}");
        found = other.time(&message)["found"].clone();
    }

    let mut condition = message.clone();
    condition["field"] = json!(field.trim_start_matches("/facts"));
    condition["above"] = json!(limit);
    let (status, ran) = time(&served, &condition);
    assert_eq!(status, 200, "{ran}");
    assert_eq!(ran["found"], found, "after {below} below {limit}");

    condition["above"] = json!(1000.0);
    condition["limit_ns"] = json!(30_000_000_000u64);
    let before = ran["status"]["virtualNanos"].as_u64().unwrap();
    let ran = time(&served, &condition).1;
    assert_eq!(ran["found"], Value::Null, "{ran}");
    assert_eq!(ran["status"]["virtualNanos"], before + 30_000_000_000);
}

#[test]
fn a_long_way_holds_nobody_up_and_is_let_be() {
    let served = serve("20s");
    served.wait_for(20);
    let before = time(&served, &json!({"do": "pause"})).1;
    let day = 86_400_000_000_000u64;
    let never = json!({"do": "run-to", "kind": "d2c", "source": "nobody", "limit_ns": day});
    let virtual_nanos = |status: &Value| status["virtualNanos"].as_u64().unwrap();
    let goes_on = |from: u64| {
        for _ in 0..600 {
            let now = virtual_nanos(&served.get("/bench/status").1);
            if now > from {
                return now;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("it stands at {from} ns")
    };
    let ran = std::thread::scope(|scope| {
        let waits = scope.spawn(|| time(&served, &never).1);
        // Asked on the way, it answers.
        let there = goes_on(virtual_nanos(&before));
        goes_on(there);
        time(&served, &json!({"do": "pause"}));
        waits.join().unwrap()
    });
    assert_eq!(ran["found"], Value::Null, "{ran}");
    assert_eq!(ran["status"]["paused"], true, "{ran}");
    let ended = virtual_nanos(&ran["status"]);
    assert!(ended < virtual_nanos(&before) + day, "{ran}");
    assert_eq!(virtual_nanos(&served.get("/bench/status").1), ended);
}

#[test]
fn a_session_with_others_is_not_made_again() {
    // Nobody has to answer there.
    let broker = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = broker.local_addr().unwrap().port();
    let bridge = format!(
        "\n[[bridge]]\nname = \"plant\"\nbroker = \"mqtt://127.0.0.1:{port}\"\n[[bridge.rule]]\ntopic = \"plant/{{line}}/+\"\ndevice = \"line-{{line}}\"\n"
    );
    let cases = [
        ("\n[durable_task]\nlisten = true\nport = 0\n", "workers"),
        (&*bridge, "other brokers"),
    ];
    for (more, who) in cases {
        let served = serve_with(&[], more);
        time(&served, &json!({"do": "pause"}));
        let (status, refused) = time(&served, &json!({"do": "seek", "at": 0}));
        assert_eq!(status, 409, "{refused}");
        let why = format!("cannot be made again: {who} take part");
        assert!(refused.to_string().contains(&why), "{refused}");
    }
}

#[test]
fn a_recording_is_looked_at() {
    let served = serve("60s");
    served.wait_for(60);
    time(&served, &json!({"do": "pause"}));
    let list = served.get("/bench/recordings").1;
    let name = list[0]["name"].as_str().unwrap();
    let mut about = Value::Null;
    // What is recorded reaches the file a moment later.
    for _ in 0..600 {
        about = served
            .get(&format!("/bench/recordings/channels?name={name}"))
            .1;
        if about["length_ns"].as_u64() > Some(55_000_000_000) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(about["bench"], "journey", "{about}");
    let channels = about["channels"].as_array().unwrap();
    let number =
        |it: &&Value| it["kind"] == "number" && it["device"] == "devkit-01" && it["unit"] == "°C";
    let channel = channels.iter().find(number).unwrap()["name"].as_str();
    let rows = |part: &str| {
        let path = format!(
            "/bench/recordings/data?name={name}&channel={}{part}",
            channel.unwrap()
        );
        let (status, bytes) = ask(&served.address, &served.key, "GET", &path, "");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        let numbers = bytes.chunks_exact(8);
        let numbers = numbers.map(|it| f64::from_le_bytes(it.try_into().unwrap()));
        numbers.collect::<Vec<f64>>()
    };
    let all = rows("");
    assert!(all.len() >= 4, "{all:?}");
    let second = all[0];
    let part = rows(&format!("&from={}&to={}", second - 0.1, second + 0.1));
    assert_eq!(part, all[..4]);
    assert_eq!(rows("&columns=1").len(), 4);

    let at = 40_000_000_000u64;
    let reach = 10_000_000_000u64;
    let path = format!("/bench/recordings/events?name={name}&at={at}&around_ns={reach}");
    let (status, events) = served.get(&path);
    assert_eq!(status, 200, "{events}");
    let events = events.as_array().unwrap();
    assert!(
        events.iter().any(|it| it["lane"] == "message"),
        "{events:?}"
    );
    for event in events {
        let there = event["at"].as_u64().unwrap();
        assert!(there.abs_diff(at) <= reach, "{event}");
    }
    let three = served.get(&format!("{path}&limit=3")).1;
    assert_eq!(three.as_array().unwrap().len(), 3);
    let (status, none) = served.get("/bench/recordings/channels?name=../secret.mcap");
    assert_eq!(status, 404, "{none}");
}
