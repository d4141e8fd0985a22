//! The examples whose devices are programs, as a person runs them, on addresses of their own.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};

use crate::clients::{lacking, needed, python, script};

/// A bench of the examples, copied to a folder of its own and served there.
struct Example {
    child: Child,
    /// What the bench prints while it goes on: one object of JSON a line.
    lines: Receiver<Value>,
    folder: tempfile::TempDir,
    bench: PathBuf,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

impl Example {
    /// Serves it with the usual ports of an address; a lack skips loudly, and fails in CI.
    fn start(test: &str, name: &str, address: &str, more: &[(&str, &OsStr)]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let all = folder.path().join("examples");
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"),
            &all,
        );
        let bench = all.join(name).join("bench.toml");
        let text = fs::read_to_string(&bench).unwrap();
        let hub = format!("\n[hub]\naddress = \"{address}\"\nhost = \"{address}\"\n");
        fs::write(&bench, text + &hub).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .arg("serve")
            .arg(&bench)
            .args(["--port", "0", "--format", "json", "--data", "data"])
            .args(["--certificates", "certificates"])
            .envs(more.iter().copied())
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut problems = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = problems.read_to_string(&mut text);
            text
        });
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in printed.map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str(&line)
                    && sender.send(line).is_err()
                {
                    return;
                }
            }
        });
        let serving = lines.recv_timeout(Duration::from_mins(1));
        let mut example = Self {
            child,
            lines,
            folder,
            bench,
        };
        if serving.is_ok_and(|it: Value| it["serving"]["hub"]["mqtt"] == format!("{address}:8883"))
        {
            return Some(example);
        }
        let _ = example.child.kill();
        lacking(test, &format!("{address}: {}", errors.join().unwrap()));
        None
    }

    /// What a service of the cloud finds, with azure-iot-hub.
    fn service(&self, program: &Path, request: &Value) -> Value {
        let mut request = request.clone();
        request["owner"] = self.connections()["owner"].clone();
        let ca = self.folder.path().join("certificates/ca.pem");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/clients/visits.py");
        let environment = [("REQUESTS_CA_BUNDLE", ca.as_os_str())];
        python(program, &script, &request, &environment)
    }

    /// What a program has printed so far, waited for until it has all of these.
    fn prints(&self, device: &str, lines: &[&str]) {
        let mut printed = String::new();
        for _ in 0..200 {
            printed = self.printed(device).unwrap_or_default();
            if lines.iter().all(|line| printed.contains(line)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        panic!("{lines:?} are not all in {printed:?}");
    }

    /// What the recording has of a program's output so far.
    fn printed(&self, device: &str) -> Option<String> {
        let mut runs = fs::read_dir(self.folder.path().join("out")).ok()?;
        let run = runs.next()?.ok()?.path();
        let output = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .arg("export")
            .arg(run.join("1/session.mcap.part"))
            .args(["--to-stdout", "jsonl"])
            .output()
            .unwrap();
        let source = format!("{device}/stdout");
        let events = String::from_utf8_lossy(&output.stdout);
        let events = events.lines().filter_map(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            let is_its = event["kind"] == "uart" && event["source"] == *source;
            is_its.then(|| event["content"].as_str().unwrap_or_default().to_owned())
        });
        Some(events.collect())
    }

    /// Sends a message to a device through azure-iot-hub's AMQP.
    fn tell(&self, program: &Path, device: &str, body: &str) {
        let request = json!({
            "connection_string": self.connections()["owner"],
            "ca": self.folder.path().join("certificates/ca.pem"),
            "messages": [{"device": device, "body": body, "properties": {}}],
        });
        let sent = python(program, &script("amqp/python/service.py"), &request, &[]);
        assert_eq!(sent, json!(["sent"]));
    }

    fn connections(&self) -> Value {
        let strings = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .args(["hub", "connection-strings", "--json"])
            .arg(&self.bench)
            .output()
            .unwrap();
        assert!(strings.status.success(), "{strings:?}");
        serde_json::from_slice(&strings.stdout).unwrap()
    }

    /// Ends it as a person does, and gives its report.
    fn end(mut self) -> Value {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        let mut report = Value::Null;
        while let Ok(line) = self.lines.recv_timeout(Duration::from_mins(1)) {
            report = line;
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {report}");
        report["report"].take()
    }
}

/// `PATH` with the folder of the Python that has the clients before all others.
fn path_with(program: &Path) -> OsString {
    let folder = program.parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path))).unwrap()
}

/// Calls a method, sets a desired property and sends a message; gives what came back.
fn device(test: &str, id: &str, served: Option<Example>, program: &Path, language: &str) {
    let Some(served) = served else { return };
    let seen = served.service(
        program,
        &json!({
            "device": id, "method": "ping", "payload": {"n": 1},
            "desired": {"telemetryInterval": 1},
            "reported": ["language", "telemetryInterval"],
        }),
    );
    assert_eq!(
        seen["method"],
        json!([200, {"pong": {"n": 1}}]),
        "{test}: {seen}"
    );
    let reported = &seen["reported"];
    assert!(
        reported["language"].as_str().unwrap().starts_with(language),
        "{seen}"
    );
    assert_eq!(reported["telemetryInterval"]["value"], 1, "{seen}");
    assert_eq!(reported["telemetryInterval"]["ac"], 200, "{seen}");
    served.tell(program, id, "hello");
    let printed = [
        "connected",
        "sent its first message",
        "sends every 1",
        "from the cloud: hello",
    ];
    served.prints(id, &printed);
    let report = served.end();
    let row = &report["devices"][0];
    assert!(row["messages"].as_u64().unwrap() > 0, "{test}: {report}");
    // Flat telemetry with fractions is read.
    assert!(row["temperature"].is_number(), "{test}: {report}");
    assert_eq!(report["deadLetters"], 0, "{test}: {report}");
}

#[test]
fn the_python_device() {
    let test = "the_python_device";
    let Some(program) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let path = path_with(&program);
    let served = Example::start(test, "python-device", "127.0.0.71", &[("PATH", &path)]);
    device(test, "python-01", served, &program, "Python");
}

#[test]
fn the_node_device() {
    let test = "the_node_device";
    let (Some(program), Some(modules)) = (
        needed(test, "TWINBENCH_PYTHON"),
        needed(test, "TWINBENCH_NODE_MODULES"),
    ) else {
        return;
    };
    let more = [("NODE_PATH", modules.as_os_str())];
    let served = Example::start(test, "node-device", "127.0.0.72", &more);
    device(test, "node-01", served, &program, "Node");
}

#[test]
fn the_light_and_the_heavy_edge() {
    let test = "the_light_and_the_heavy_edge";
    let Some(program) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let path = path_with(&program);
    let Some(served) = Example::start(test, "edge", "127.0.0.73", &[("PATH", &path)]) else {
        return;
    };
    let both = json!({"child-01": true, "child-02": true});
    let seen = served.service(
        &program,
        &json!({
            "device": "gateway-01", "until": {"children": both}, "reported": ["children"],
            "method": "status", "payload": null,
        }),
    );
    assert_eq!(seen["reported"]["children"], both, "{seen}");
    let children = json!(["child-01", "child-02"]);
    assert_eq!(seen["method"][1]["children"], children, "{seen}");
    let running = programs(&served.bench);
    assert!(
        running.len() >= 4 || !cfg!(target_os = "linux"),
        "{running:?}"
    );
    served.prints("light-01", &["sent its first message"]);
    served.prints("gateway-01", &["sent the first means"]);
    let bench = served.bench.clone();
    let report = served.end();
    let devices = report["devices"].as_array().unwrap();
    let messages = |id: &str| {
        let device = devices.iter().find(|it| it["device"] == id);
        device.unwrap_or_else(|| panic!("{report}"))["messages"]
            .as_u64()
            .unwrap()
    };
    for id in ["light-01", "child-01", "child-02"] {
        assert!(messages(id) > 0, "{report}");
    }
    assert_eq!(messages("gateway-01"), 0, "{report}");
    // The whole tree ends with the bench: the gateway and the children that it started.
    let left = (0..200).find(|_| {
        std::thread::sleep(Duration::from_millis(20));
        programs(&bench).is_empty()
    });
    assert!(left.is_some(), "{:?}", programs(&bench));
}

/// The processes of the example, by their folders (Linux).
fn programs(bench: &Path) -> Vec<PathBuf> {
    let folder = bench.parent().unwrap();
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|it| it == folder) {
            found.push(entry.path());
        }
    }
    found
}
