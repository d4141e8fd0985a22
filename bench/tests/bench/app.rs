//! `[[app]]`: twin files and connectors of a bench.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use twinbench::file::BenchFile;
use twinbench_model::VirtualTime;

use crate::common::open;

const DEVICE: &str = "version = 1\nname = \"app\"\nepoch = \"2026-01-01T00:00:00Z\"\n\
     [[device]]\nid = \"d\"\nbackend = \"simulated\"\ninterval = \"10s\"\n\
     sensors = { temperature = { constant = 31.0 }, humidity = { constant = 50.0 } }\n\
     configuration = { temperatureHighThreshold = 30.0 }\n\
     [[app]]\nkind = \"serverless-iot\"\n";

fn written(folder: &Path, app: &str) -> std::path::PathBuf {
    let path = folder.join("bench.toml");
    fs::write(&path, format!("{DEVICE}{app}")).unwrap();
    path
}

/// A webhook that takes everything; the bodies.
fn webhook() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                let lower = line.to_ascii_lowercase();
                if let Some(number) = lower.strip_prefix("content-length:") {
                    length = number.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send(String::from_utf8(body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

#[test]
fn a_webhook_is_really_called_and_time_stands_until_it_has_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (url, heard) = webhook();
    let bench = written(
        folder.path(),
        &format!("webhook = {{ url = \"{url}\", send = true }}\n"),
    );
    let mut session = open(&bench, folder.path(), 1, false);
    session.run_until(VirtualTime::from_secs(60)).unwrap();
    let body = heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(body.contains("\"DeviceId\":\"d\""), "{body}");
    assert!(heard.try_recv().is_err(), "one alert is one call");
    let workflows = session.instances();
    assert_eq!(workflows[0].facts["status"], "Completed");
    assert!(
        workflows[0].updated < VirtualTime::from_secs(21),
        "{:?}",
        workflows[0].updated
    );
}

#[test]
fn a_twin_file_makes_entities_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let twins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/twins");
    let bench = written(
        folder.path(),
        &format!("twins = [\"{}/standarddevice.toml\"]\n", twins.display()),
    );
    let mut session = open(&bench, folder.path(), 1, false);
    session.run_until(VirtualTime::from_secs(60)).unwrap();
    let all = session.entities();
    assert_eq!(all[0]["entityId"]["name"], "standarddeviceentity");
    let state = &all[0]["state"];
    assert_eq!(state["lastData"]["temperature"], 31.0);
    assert_eq!(state["temperatureHighNotificationFired"], true);
    assert!(
        state.get("lastStorageCapture").is_none(),
        "it is the file's"
    );
    assert_eq!(session.stats().alerts, 1);
}

#[test]
fn what_is_wrong_with_twins_and_connectors_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let broken = "version = 1\nname = \"t\"\nretention = \"10m\"\n[[feild]]\n";
    fs::write(folder.path().join("broken.toml"), broken).unwrap();
    let said = |app: &str| {
        let bench = written(folder.path(), app);
        let error = BenchFile::load(&bench).unwrap_err();
        (error.position.unwrap(), error.plain())
    };
    let (position, text) = said("twins = [\"nowhere.toml\"]\n");
    assert_eq!(position.0, 12, "{text}");
    assert!(text.contains("nowhere.toml cannot be read"), "{text}");
    let (position, text) = said("twins = [\"broken.toml\"]\n");
    assert_eq!(position, (4, 3), "{text}");
    assert!(
        text.contains("broken.toml:4:3") && text.contains("did you mean `field`?"),
        "{text}"
    );
    let (_, text) = said("capture = { folder = \"a\", url = \"http://b\" }\n");
    assert!(text.contains("one of the two"), "{text}");
    let (_, text) = said("email = { to = \"ops@example.com\", server = \"nonsense\" }\n");
    assert!(text.contains("no address of a mail server"), "{text}");
}
