//! Every form gives the same messages, and what is wrong is told with its place.

use super::*;
use crate::{Content, Reader};
use apache_avro::{Schema, Writer, types::Value};

fn file(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn hinted(name: &str, content: impl AsRef<[u8]>, hints: &Hints) -> Vec<Message> {
    let (_folder, path) = file(name, content);
    read(&path, hints).unwrap()
}

fn messages(name: &str, content: impl AsRef<[u8]>) -> Vec<Message> {
    hinted(name, content, &Hints::default())
}

/// Device, time and body of each.
fn told(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|it| {
            format!(
                "{} {} {}",
                it.device,
                it.time,
                String::from_utf8_lossy(&it.body)
            )
        })
        .collect()
}

const EXPECTED: [&str; 2] = [
    r#"a 2026-01-01T00:00:01.5Z {"t":21.5}"#,
    r#"b 2026-01-01T00:00:02Z {"t":22}"#,
];

#[test]
fn tables() {
    let with_fields = "deviceId,time,t\nb,2026-01-01T00:00:02Z,22\na,2026-01-01T00:00:01.5Z,21.5\n";
    assert_eq!(told(&messages("m.csv", with_fields)), EXPECTED);
    let with_body =
        "time,device,body\n1767225601500,a,\"{\"\"t\"\":21.5}\"\n1767225602,b,\"{\"\"t\"\":22}\"\n";
    assert_eq!(told(&messages("m.csv", with_body)), EXPECTED);
}

#[test]
fn json_lines() {
    let lines = r#"{"deviceId":"a","timestamp":"2026-01-01T00:00:01.5Z","body":{"t":21.5}}
{"device":"b","time":1767225602000,"payload":"{\"t\":22}","properties":{"alarm":"no"}}
"#;
    let read = messages("m.jsonl", lines);
    assert_eq!(told(&read), EXPECTED);
    assert_eq!(read[1].properties["alarm"], "no");
    let flat = r#"{"deviceId":"a","timestamp":"2026-01-01T00:00:01Z","t":1}"#;
    assert_eq!(messages("m.jsonl", flat)[0].body, flat.as_bytes());
    let list = format!("[{}\n]", lines.trim().replace("\n{", ",\n{"));
    assert_eq!(told(&messages("m.json", list)), EXPECTED);
}

#[test]
fn the_cli_s_monitor() {
    let printed = r#"Starting event monitor, use ctrl-c to stop...
{
    "event": {
        "origin": "a",
        "module": "",
        "interface": "dtmi:azurertos:devkit:gsgmxchip;2",
        "component": "",
        "properties": {
            "application": {"alarm": "no"},
            "system": {"content_type": "application/json"}
        },
        "annotations": {
            "iothub-connection-device-id": "a",
            "iothub-enqueuedtime": 1767225601500,
            "x-opt-sequence-number": 7
        },
        "payload": {"t":21.5}
    }
}
{"event": {"origin": "b", "annotations": {"x-opt-enqueued-time": 1767225602000}, "payload": "{\"t\":22}"}}
Stopping event monitor...
"#;
    let read = messages("events.txt", printed);
    assert_eq!(told(&read), EXPECTED);
    assert_eq!(read[0].system["content-type"], "application/json");
    assert_eq!(read[0].properties["alarm"], "no");
}

#[test]
fn the_explorer() {
    let copied = r#"Thu Jan 01 2026 01:00:01 GMT+0100 (Central European Standard Time):
{
  "body": {"t":21.5},
  "enqueuedTime": "Thu Jan 01 2026 01:00:01 GMT+0100 (Central European Standard Time)",
  "properties": {"alarm": "no"}
}
"#;
    let hints = Hints {
        device: Some("a".into()),
        ..Hints::default()
    };
    let read = hinted("telemetry.txt", copied, &hints);
    assert_eq!(told(&read), [r#"a 2026-01-01T00:00:01Z {"t":21.5}"#]);
    let with_system = copied.replace(
        "\"properties\"",
        "\"systemProperties\": {\"iothub-connection-device-id\": \"a\", \"iothub-enqueuedtime\": 1},\n\"properties\"",
    );
    assert_eq!(told(&messages("telemetry.txt", with_system)), told(&read));
}

#[test]
fn captures_of_event_hubs() {
    // The schema as the service writes it ("Exploring captured Avro files").
    let schema = Schema::parse_str(
        r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[
        {"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},
        {"name":"EnqueuedTimeUtc","type":"string"},
        {"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},
        {"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},
        {"name":"Body","type":["null","bytes"]}]}"#,
    )
    .unwrap();
    let mut writer = Writer::new(&schema, Vec::new());
    for (device, time, body) in [
        ("b", "1/1/2026 12:00:02 AM", r#"{"t":22}"#),
        ("a", "2026-01-01T00:00:01.5Z", r#"{"t":21.5}"#),
    ] {
        let mut record = apache_avro::types::Record::new(&schema).unwrap();
        record.put("SequenceNumber", 1i64);
        record.put("Offset", "0");
        record.put("EnqueuedTimeUtc", time);
        let text = |text: &str| Value::Union(2, Box::new(Value::String(text.into())));
        let system = [
            ("iothub-connection-device-id".to_owned(), text(device)),
            ("content-type".to_owned(), text("application/json")),
        ];
        record.put("SystemProperties", Value::Map(system.into()));
        let alarm = [(
            "alarm".to_owned(),
            Value::Union(0, Box::new(Value::Long(0))),
        )];
        record.put("Properties", Value::Map(alarm.into()));
        let body = Value::Bytes(body.as_bytes().to_vec());
        record.put("Body", Value::Union(1, Box::new(body)));
        writer.append(record).unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    let read = messages("capture.avro", &bytes);
    assert_eq!(told(&read), EXPECTED);
    assert_eq!(read[0].system["content-type"], "application/json");
    assert_eq!(read[0].properties["alarm"], "0");
    // A cut or damaged one is refused, not half taken.
    let (_folder, path) = file("capture.avro", &bytes[..bytes.len() - 9]);
    let told = super::read(&path, &Hints::default())
        .unwrap_err()
        .to_string();
    assert!(told.contains("capture.avro: record"), "{told}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (name, content, expected) in [
        (
            "m.csv",
            "device,time\na,noon\n",
            "m.csv:2: \"noon\" is no time",
        ),
        (
            "m.csv",
            "device,time,t\na,1,1\nb,2\n",
            "m.csv:3: it has 2 cells where the header has 3",
        ),
        (
            "m.csv",
            "time,t\n1,2\n",
            "m.csv:2: the message names no device; say which",
        ),
        (
            "m.csv",
            "device,t\na,2\n",
            "m.csv:2: the message has no time",
        ),
        ("m.csv", "device,time\nü,1\n", "m.csv:2: device id"),
        (
            "m.jsonl",
            "{\"device\":\"a\",\"time\":1}\n{\"device\":\n",
            "m.jsonl:3: it is no JSON object: EOF",
        ),
        (
            "m.jsonl",
            "hello\n\n{\"device\":\"a\",\"time\":\"x\"}",
            "m.jsonl:3: \"x\" is no time",
        ),
        ("m.avro", "Obj", "m.avro: record 1: it is no Avro file"),
        ("m.jsonl", "nothing\n", "m.jsonl has no messages of devices"),
    ] {
        let (_folder, path) = file(name, content);
        let told = read(&path, &Hints::default()).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
    let (_folder, path) = file("m.jsonl", b"{\"device\":\"a\"}\n\xff");
    let told = read(&path, &Hints::default()).unwrap_err().to_string();
    assert!(told.contains("m.jsonl:2: it is no text"), "{told}");
    let missing = read(Path::new("missing.csv"), &Hints::default()).unwrap_err();
    assert!(
        missing.to_string().starts_with("read missing.csv"),
        "{missing}"
    );
}

#[test]
fn messages_without_a_time_are_spaced() {
    let hints = Hints {
        every: Some(SignedDuration::from_secs(5)),
        ..Hints::default()
    };
    let read = hinted(
        "m.jsonl",
        "{\"device\":\"a\",\"body\":1}\n{\"device\":\"a\",\"body\":2}\n",
        &hints,
    );
    assert_eq!(
        told(&read),
        ["a 2000-01-01T00:00:00Z 1", "a 2000-01-01T00:00:05Z 2"]
    );
}

#[test]
fn a_recording_is_made_of_them() {
    let read = messages(
        "m.csv",
        "device,time,t\na,2026-01-01T00:00:01.5Z,21.5\nb,2026-01-01T00:00:02Z,22\n",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("field.mcap");
    let finished = write(&read, "field 7", "test", &path).unwrap();
    assert_eq!(finished.entries, 2);
    let mut reader = Reader::open(&path).unwrap();
    let header = reader.header().clone();
    assert_eq!(header.bench, "field-7");
    let bench = header.bench_file.unwrap().text;
    assert!(
        bench.contains("id = \"b\"\nbackend = \"external\""),
        "{bench}"
    );
    let entry = reader.next().unwrap().unwrap().entry;
    assert_eq!(
        (entry.channel().as_str(), entry.time),
        ("d2c/a", VirtualTime::from_millis(500))
    );
    let Content::Json(text) = entry.content else {
        panic!("no JSON")
    };
    assert!(text.contains(r#""body":{"t":21.5}"#), "{text}");
}
