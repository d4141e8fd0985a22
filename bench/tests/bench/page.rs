//! What the page asks of a served bench, and what it is told without asking.

use std::{net::TcpStream, time::Duration};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client, stream::MaybeTlsStream};
use twinbench_model::api::page::{Change, Frame, Samples};

use crate::serve::{Served, serve, serve_with};

impl Served {
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.ask_json(method, path, &body.to_string())
    }

    /// Asks until the answer is as wanted; the bench runs at real time.
    fn until(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.get(path).1;
            if wanted(&last) {
                return last;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("{path}: {what} does not come: {last}");
    }

    fn live(&self, key: &str) -> WebSocket<MaybeTlsStream<TcpStream>> {
        let stream = MaybeTlsStream::Plain(TcpStream::connect(&self.address).unwrap());
        let url = format!("ws://{}/bench/live", self.address);
        let (mut socket, _) = client(url, stream).unwrap();
        let hello = json!({"key": key}).to_string();
        socket.send(Message::Text(hello.into())).unwrap();
        socket
    }
}

/// Text frames and readings of so many frames.
fn hear(
    socket: &mut WebSocket<MaybeTlsStream<TcpStream>>,
    mut enough: impl FnMut(&[Frame], &[Samples]) -> bool,
) -> (Vec<Frame>, Vec<Samples>) {
    let (mut frames, mut samples) = (Vec::new(), Vec::new());
    while !enough(&frames, &samples) {
        match socket.read().unwrap() {
            Message::Text(text) => frames.push(serde_json::from_str(&text).unwrap()),
            Message::Binary(bytes) => samples.extend(Samples::read(&bytes)),
            _ => {}
        }
    }
    (frames, samples)
}

#[test]
fn time_is_played_paused_and_stepped() {
    let served = serve("20s");
    served.wait_for(20);
    let (status, paused) = served.post("/bench/time", &json!({"do": "pause"}));
    assert_eq!((status, &paused["paused"]), (200, &json!(true)), "{paused}");
    let stands = served.get("/bench/status").1["virtualNanos"]
        .as_u64()
        .unwrap();
    std::thread::sleep(Duration::from_millis(150));
    // Requests are answered while time stands.
    let (_, again) = served.get("/bench/status");
    assert_eq!(again["virtualNanos"], stands);

    let step = json!({"do": "step", "by_ns": 2_000_000_000u64});
    let (_, stepped) = served.post("/bench/time", &step);
    assert_eq!(stepped["virtualNanos"], stands + 2_000_000_000);
    let before = stepped["messages"].as_u64().unwrap();
    let (_, event) = served.post("/bench/time", &json!({"do": "step-event"}));
    assert!(event["messages"].as_u64().unwrap() > before, "{event}");

    let (_, fast) = served.post("/bench/time", &json!({"do": "speed", "speed": 100.0}));
    assert_eq!(fast["speed"], 100.0);
    let at = event["virtualNanos"].as_u64().unwrap() + 30_000_000_000;
    served.post("/bench/time", &json!({"do": "until", "at": at}));
    let there = served.until("/bench/status", "the end of `until`", |it| {
        it["paused"] == true
    });
    assert!(there["virtualNanos"].as_u64().unwrap() >= at, "{there}");
    let (status, wrong) = served.post("/bench/time", &json!({"do": "speed", "speed": 0}));
    assert_eq!(status, 400, "{wrong}");
    assert!(wrong["hint"].as_str().unwrap().contains("0.01"), "{wrong}");
}

#[test]
fn a_board_is_seen_and_felt() {
    let served = serve("30s");
    served.wait_for(30);
    let rows = served.until("/bench/devices", "a row with a value", |rows| {
        rows.as_array()
            .is_some_and(|rows| rows.iter().any(|row| !row["pinned"].is_null()))
    });
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let detail = served.until("/bench/devices/devkit-01", "the board's state", |it| {
        it["leds"].as_array().is_some_and(|leds| {
            leds.iter()
                .any(|led| led["name"] == "led-azure" && led["level"] == 1.0)
        })
    });
    assert_eq!(detail["buttons"], json!(["a", "b"]));
    assert_eq!(detail["display"]["width"], 128);
    assert_eq!(detail["display"]["height"], 64);
    assert!(
        detail["channels"]
            .as_array()
            .unwrap()
            .contains(&json!("devkit-01/temperature")),
        "{detail}"
    );

    for pressed in [true, false] {
        let button = json!({"button": {"name": "a", "pressed": pressed}});
        let (status, done) = served.post("/bench/devices/devkit-01/do", &button);
        assert_eq!(status, 200, "{done}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let console = "/bench/devices/devkit-01/console/console?from=0";
    served.until(console, "the button's line", |tail| {
        tail.to_string().contains("button: A")
    });

    let value = json!({"sensor": {"quantity": "humidity", "value": 77.5}});
    assert_eq!(served.post("/bench/devices/devkit-01/do", &value).0, 200);
    let (status, wrong) = served.post("/bench/devices/devkit-01/do", &json!({"jump": {}}));
    assert_eq!(status, 400, "{wrong}");
    assert_eq!(served.post("/bench/devices/nobody/do", &value).0, 409);
    let (_, inside) = served.get("/bench/devices/devkit-01/inspect");
    let names: Vec<_> = inside["registers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert!(names.len() >= 16, "{inside}");
}

#[test]
fn the_cloud_speaks_to_the_device_and_hears_it() {
    let served = serve("30s");
    served.wait_for(30);
    let twin = "/bench/devices/devkit-01/twin";
    served.until(twin, "what it reports", |it| {
        it["properties"]["reported"]["ledState"] == false
    });
    let patch = json!({"properties": {"desired": {"telemetryInterval": 2}}});
    let (status, patched) = served.send("PATCH", twin, &patch);
    assert_eq!(status, 200, "{patched}");
    assert_eq!(patched["properties"]["desired"]["telemetryInterval"], 2);
    served.until(twin, "the acknowledgement", |it| {
        it["properties"]["reported"]["telemetryInterval"]["value"] == 2
    });

    let led = json!({"payload": true, "timeout_s": 10});
    let (status, answer) = served.post("/bench/devices/devkit-01/methods/setLedState", &led);
    assert_eq!((status, &answer["status"]), (200, &json!(200)), "{answer}");
    let (_, unknown) = served.post("/bench/devices/devkit-01/methods/fly", &json!({}));
    assert_eq!(unknown["status"], 501, "{unknown}");
    let (status, away) = served.post("/bench/devices/greenhouse-01/methods/x", &json!({}));
    assert_eq!(status, 404, "{away}");
    assert!(!away["hint"].as_str().unwrap().is_empty());

    let (status, sent) = served.post(
        "/bench/devices/devkit-01/c2d",
        &json!({"text": "Water them"}),
    );
    assert_eq!(status, 200, "{sent}");
    let console = "/bench/devices/devkit-01/console/console?from=0";
    served.until(console, "the message", |tail| {
        tail.to_string().contains("message: Water them")
    });
    let lanes = served.until("/bench/events?limit=5000", "both sides", |events| {
        events
            .as_array()
            .is_some_and(|all| all.iter().any(|it| it["lane"] == "method"))
    });
    let line = lanes
        .as_array()
        .unwrap()
        .iter()
        .rfind(|it| it["title"].as_str().unwrap().contains("message: Water"));
    assert!(
        !line.unwrap()["causes"].as_array().unwrap().is_empty(),
        "{line:?}"
    );
}

#[test]
fn an_alert_is_followed_back_to_the_line_that_the_firmware_printed() {
    let served = serve("2m");
    served.wait_for(120);
    let alerts = served.until(
        "/bench/events?lane=alert&device=devkit-01",
        "an alert",
        |it| it.as_array().is_some_and(|it| !it.is_empty()),
    );
    let (status, chain) = served.get(&format!("/bench/events/{}", alerts[0]["id"]));
    assert_eq!(status, 200);
    let lanes: Vec<_> = chain["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["lane"].as_str().unwrap())
        .collect();
    for lane in [
        "uart",
        "message",
        "function",
        "entity",
        "workflow",
        "connector",
    ] {
        assert!(lanes.contains(&lane), "{lane} is missing: {lanes:?}");
    }
    assert!(
        chain["causes"][0]["title"]
            .as_str()
            .unwrap()
            .contains("telemetry:"),
        "{chain}"
    );
    assert_eq!(served.get("/bench/events/99999999").0, 404);

    let (_, flows) = served.get("/bench/workflows");
    let id = flows[0]["id"].as_str().unwrap();
    let (_, flow) = served.get(&format!("/bench/workflows/{id}"));
    assert_eq!(flow["status"], "Completed", "{flow}");
    assert!(flow["history"].as_array().unwrap().len() > 3, "{flow}");
    let (status, ended) = served.post(&format!("/bench/workflows/{id}/terminate"), &json!({}));
    assert_eq!(status, 409, "{ended}");
    assert_eq!(
        served
            .post(&format!("/bench/workflows/{id}/fly"), &json!({}))
            .0,
        404
    );
    let (_, entities) = served.get("/bench/entities");
    let entity = entities
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["key"] == "devkit-01")
        .unwrap();
    let path = format!(
        "/bench/entities/{}/devkit-01",
        entity["name"].as_str().unwrap()
    );
    let (_, entity) = served.get(&path);
    assert!(
        !entity["state"].is_null() && !entity["history"].as_array().unwrap().is_empty(),
        "{entity}"
    );
    let (_, outbox) = served.get("/bench/outbox");
    assert!(!outbox.as_array().unwrap().is_empty());

    let path = "/bench/channels/data?name=devkit-01/temperature&columns=10";
    let (status, _) = served.get(path);
    assert_eq!(status, 200);
    let (_, machines) = served.get("/bench/machines");
    let strings = machines["connection_strings"].as_array().unwrap();
    assert!(
        strings.iter().any(|it| it["device"] == "devkit-01"),
        "{machines}"
    );
    let (_, recordings) = served.get("/bench/recordings");
    assert_eq!(recordings[0]["running"], true, "{recordings}");
}

#[test]
fn news_come_by_themselves_and_add_up_to_what_is_asked_for() {
    let served = serve_with(&["--for", "5s", "--speed", "50"], "");
    served.wait_for(5);
    let mut socket = served.live(&served.key);
    let (frames, samples) = hear(&mut socket, |frames, samples| {
        let alerted = frames
            .iter()
            .flat_map(|it| &it.changes)
            .any(|change| match change {
                Change::Events(rows) => rows.iter().any(|row| row.lane == "workflow"),
                _ => false,
            });
        let warm = |it: &Samples| it.channel == "devkit-01/temperature" && !it.points.is_empty();
        alerted && samples.iter().any(warm)
    });
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!(frame.seq, n as u64 + 1);
        assert!(!frame.resync);
    }
    let mut last = 0;
    for row in frames
        .iter()
        .flat_map(|it| &it.changes)
        .flat_map(|change| match change {
            Change::Events(rows) => rows.as_slice(),
            _ => &[],
        })
    {
        assert!(
            last == 0 || row.id == last + 1,
            "event {} after {last}",
            row.id
        );
        last = row.id;
        assert!(row.causes.iter().all(|cause| *cause < row.id), "{row:?}");
    }
    assert!(!samples.is_empty());
    let kinds = |wanted: fn(&Change) -> bool| frames.iter().flat_map(|it| &it.changes).any(wanted);
    assert!(kinds(|it| matches!(it, Change::Status(_))));
    assert!(kinds(|it| matches!(it, Change::Devices(_))));
    assert!(kinds(|it| matches!(it, Change::Console { .. })));
}

#[test]
fn without_the_key_there_is_no_news_and_who_does_not_listen_holds_nobody_up() {
    let served = serve_with(&["--for", "5s", "--speed", "100"], "");
    served.wait_for(5);
    let mut stranger = served.live("wrong");
    let refusal = stranger.read().unwrap().into_text().unwrap();
    assert!(refusal.contains("key"), "{refusal}");
    assert!(!refusal.contains(&served.key));
    assert!(stranger.read().is_ok_and(|it| it.is_close()) || stranger.read().is_err());

    // It never reads; the bench goes on and answers others.
    let _deaf: Vec<_> = (0..8).map(|_| served.live(&served.key)).collect();
    let before = served.get("/bench/status").1["virtualNanos"]
        .as_u64()
        .unwrap();
    let ahead = before + 60_000_000_000;
    served.until("/bench/status", "a minute more", |it| {
        it["virtualNanos"].as_u64().unwrap() > ahead
    });
}

#[test]
fn scenarios_are_run_beside_the_bench_and_saved() {
    let served = serve("5s");
    let folder = served.folder().join("scenarios");
    std::fs::create_dir(&folder).unwrap();
    let good = "version = 1\nname = \"good\"\nbench = \"../bench.toml\"\n\n[[step]]\nwithin = \"30s\"\nexpect.telemetry = { device = \"greenhouse-01\" }\n";
    std::fs::write(folder.join("good.toml"), good).unwrap();
    let bad = good.replace("30s", "1ms").replace("\"good\"", "\"bad\"");
    std::fs::write(folder.join("bad.toml"), bad).unwrap();
    let (_, list) = served.get("/bench/scenarios");
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    let (status, run) = served.post("/bench/scenarios/run", &json!({}));
    assert_eq!(status, 200, "{run}");
    let path = format!("/bench/scenarios/runs/{}", run["run"].as_str().unwrap());
    let over = served.until(&path, "the end", |it| it["state"] != "running");
    assert_eq!(over["state"], "failed", "{over}");
    let state = |name: &str| {
        over["scenarios"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["name"] == name)
            .unwrap()["state"]
            .clone()
    };
    assert_eq!(
        (state("good"), state("bad")),
        (json!("passed"), json!("failed")),
        "{over}"
    );

    let saved = json!({"name": "mine", "toml": good.replace("\"good\"", "\"mine\"")});
    let (status, answer) = served.post("/bench/scenarios", &saved);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        served.post("/bench/scenarios", &saved).0,
        409,
        "never over another"
    );
    let events = served.until("/bench/events?lane=message", "messages", |it| {
        it.as_array().is_some_and(|it| it.len() > 1)
    });
    let picked = json!({"name": "picked", "events": [events[0]["id"], events[1]["id"]]});
    let (status, answer) = served.post("/bench/scenarios", &picked);
    assert_eq!(status, 200, "{answer}");
    let made = std::fs::read_to_string(folder.join("picked.toml")).unwrap();
    assert_eq!(made.matches("expect.telemetry").count(), 2, "{made}");
    let file = json!({"files": [answer["file"]]});
    let (_, run) = served.post("/bench/scenarios/run", &file);
    let path = format!("/bench/scenarios/runs/{}", run["run"].as_str().unwrap());
    let over = served.until(&path, "the end", |it| it["state"] != "running");
    assert_eq!(over["state"], "passed", "{over}\n{made}");
    assert_eq!(
        served
            .post("/bench/scenarios", &json!({"name": "none", "events": []}))
            .0,
        400
    );
    let wrong = json!({"name": "wrong", "toml": "version = 1\nnaem = \"x\"\n"});
    let (status, answer) = served.post("/bench/scenarios", &wrong);
    assert_eq!(status, 400, "{answer}");
    assert!(!folder.join("wrong.toml").exists());
    for name in ["../out", "", "_hidden"] {
        let refused = served.post("/bench/scenarios", &json!({"name": name, "toml": good}));
        assert_eq!(refused.0, 400, "{name}");
    }
    assert_eq!(
        served
            .post("/bench/scenarios/run", &json!({"files": ["/etc/passwd"]}))
            .0,
        404
    );
}

#[test]
fn faults_of_a_device_are_switched_on_and_pass_by_themselves() {
    let served = serve("40s");
    served.wait_for(40);
    let time = |body: &Value| {
        let (status, answer) = served.post("/bench/time", body);
        assert_eq!(status, 200, "{answer}");
        answer["virtualNanos"].as_u64().unwrap()
    };
    let stands = time(&json!({"do": "pause"}));
    let act = "/bench/devices/devkit-01/do";
    let kinds = [
        "offline",
        "loss",
        "slow",
        "duplicate",
        "reorder",
        "throttle",
        "reject-auth",
        "disconnect",
        "server-restart",
    ];
    for kind in kinds {
        let fault = json!({"fault": {"kind": kind, "for_ns": 1_000_000_000_u64}});
        let (status, done) = served.post(act, &fault);
        assert_eq!(status, 200, "{kind}: {done}");
    }
    let (status, wrong) = served.post(act, &json!({"fault": {"kind": "meteor"}}));
    assert_eq!(status, 404, "{wrong}");
    let hint = wrong["hint"].as_str().unwrap();
    assert!(hint.contains("reject-auth"), "{wrong}");
    time(&json!({"do": "step", "by_ns": 2_000_000_000_u64}));
    // What is to be seen follows the bench; nothing waits for it.
    let told = [
        "network-drop",
        "half-open",
        "latency 1s",
        "duplicate 0.5",
        "reorder 1s",
        "throttle 1s",
        "reject-authentication",
        "server-restart",
    ];
    let faults = "/bench/events?lane=fault&device=devkit-01&limit=100";
    for when in ["begins", "ends"] {
        for name in told {
            let title = format!("{name} {when}");
            served.until(faults, &title, |all| any(all, |it| it["title"] == *title));
        }
    }
    // This one happens once.
    served.until(faults, "the disconnect", |all| {
        any(all, |it| it["title"] == "force-disconnect begins")
    });
    // What they did: the board's connection broke, and it came back by itself.
    let messages = "/bench/events?lane=message&device=devkit-01&limit=1000";
    served.until(messages, "the end of the connection", |all| {
        any(all, |it| {
            it["detail"]["reason"] == "a fault: the network is gone"
        })
    });
    time(&json!({"do": "step", "by_ns": 120_000_000_000_u64}));
    served.until(messages, "the next connection", |all| {
        any(all, |it| {
            it["detail"]["event"] == "connected" && it["at"].as_u64() > Some(stands)
        })
    });
}

#[test]
fn benches_are_opened_beside_and_closed() {
    let served = serve("1s");
    let bench = |name: &str| {
        let text = format!(
            "version = 1\nname = \"{name}\"\nepoch = \"2026-01-01T00:00:00Z\"\nseed = 1\n\n\
             [hub]\nlisten = false\n\n[durable_task]\nlisten = false\n\n\
             [recording]\nkeep_mib = 0\n\n[[device]]\nid = \"one\"\nbackend = \"simulated\"\n"
        );
        let file = format!("{name}.toml");
        std::fs::write(served.folder().join(&file), text).unwrap();
        json!({"file": file})
    };
    let recordings = |name: &str| -> usize {
        let runs = served.folder().join("out").join(name);
        let runs = std::fs::read_dir(runs).unwrap().flatten();
        runs.filter(|run| {
            !run.file_type().unwrap().is_symlink() && run.path().join("session.mcap").exists()
        })
        .count()
    };
    let all = ["a", "b", "c", "d"].map(bench);
    for bench in &all {
        let (status, opened) = served.post("/bench/open", bench);
        assert_eq!(status, 200, "{opened}");
        let (_, again) = served.post("/bench/open", bench);
        assert_eq!(again["origin"], opened["origin"], "it runs already");
    }
    let (_, list) = served.get("/bench/opened");
    assert_eq!(list["opened"].as_array().unwrap().len(), 4, "{list}");
    let fifth = bench("e");
    let (status, full) = served.post("/bench/open", &fifth);
    assert_eq!(status, 409, "{full}");
    assert!(
        full["hint"].as_str().unwrap().contains("/bench/close"),
        "{full}"
    );
    // When it begins, only the newest before it is kept, as the file wants it.
    for kept in [1, 2, 2, 2] {
        let (status, closed) = served.post("/bench/close", &all[0]);
        assert_eq!(status, 200, "{closed}");
        assert_eq!(recordings("a"), kept);
        assert_eq!(served.post("/bench/open", &all[0]).0, 200);
    }
    let (status, wrong) = served.post("/bench/close", &fifth);
    assert_eq!(status, 404, "{wrong}");
}

fn any(rows: &Value, wanted: impl FnMut(&Value) -> bool) -> bool {
    rows.as_array().is_some_and(|rows| rows.iter().any(wanted))
}
