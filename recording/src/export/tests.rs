//! What every form holds, and that it can be read by others.

use super::*;
use crate::Sequencer;
use ::parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::RowAccessor as _,
};
use twinbench_model::{Event, Room, VirtualTime};

fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
}

fn entries() -> Vec<Entry> {
    let at = VirtualTime::from_millis(1_500);
    let body = serde_json::json!({"body": {"temperature": 21.5, "name": "a,\"b"}});
    let line = "password: SharedAccessSignature sr=a&sig=topsecret%3D&se=1\n";
    let events = vec![
        Event::bytes(at, Room::Machine, "uart", "dev-1".into(), line.into()),
        Event::bytes(
            at,
            Room::Machine,
            "display",
            "dev-1".into(),
            vec![0xff, 0].into(),
        ),
        Event::json(at, Room::Hub, "d2c", "dev-1".into(), &body),
    ];
    Sequencer::new().step(events).unwrap()
}

fn export(form: Form, fields: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    let mut exporter = Exporter::new(&mut out, form, epoch(), fields).unwrap();
    for entry in entries() {
        exporter.write(&entry).unwrap();
    }
    assert_eq!(exporter.finish().unwrap(), 3);
    out
}

#[test]
fn as_a_table() {
    let text = String::from_utf8(export(Form::Csv, &["body.temperature", "body.name"])).unwrap();
    assert!(!text.contains("topsecret"), "{text}");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("time,utc,room,kind,source,sequence,encoding,body.temperature,body.name,content")
    );
    assert!(
        text.contains("1.500000000,2026-01-01T00:00:01.5Z,machine,display,dev-1,0,base64,,,/wA="),
        "{text}"
    );
    assert!(
        text.contains(r#"hub,d2c,dev-1,0,json,21.5,"a,""b","#),
        "{text}"
    );
}

#[test]
fn as_json_lines() {
    let text = String::from_utf8(export(Form::JsonLines, &["body.temperature"])).unwrap();
    assert!(!text.contains("topsecret"), "{text}");
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2]["content"]["body"]["temperature"], 21.5);
    assert_eq!(rows[2]["body.temperature"], 21.5);
    assert_eq!(rows[0]["encoding"], "text");
    assert_eq!(rows[0]["body.temperature"], serde_json::Value::Null);
}

#[test]
fn as_parquet() {
    let bytes = bytes::Bytes::from(export(Form::Parquet, &["body.temperature"]));
    let file = SerializedFileReader::new(bytes).unwrap();
    let rows: Vec<_> = file
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 3);
    let names: Vec<_> = rows[0]
        .get_column_iter()
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(
        names,
        [
            "time_ns",
            "utc",
            "room",
            "kind",
            "source",
            "sequence",
            "encoding",
            "content",
            "body_temperature",
            "body_temperature_text"
        ]
    );
    assert_eq!(rows[2].get_long(0).unwrap(), 1_500_000_000);
    assert_eq!(rows[2].get_string(3).unwrap(), "d2c");
    assert!((rows[2].get_double(8).unwrap() - 21.5).abs() < 1e-9);
    assert!(!rows[0].get_string(7).unwrap().contains("topsecret"));
}
