//! Every error that a recording, or a file that is to become one, can give: what provokes it, and
//! its message, kept in `snapshots/`. Files of text are in `fixtures/recordings/_broken`; the others
//! are made here.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use apache_avro::{Schema, Writer, types::Record};
use mcap::records::Metadata;
use twinbench_recording::{
    Reader,
    import::{Hints, read},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings")
}

/// A recording that begins with these facts, or with none.
fn begins(with: Option<(&str, &[(&str, &str)])>) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let mut writer = mcap::Writer::new(&mut out).unwrap();
    if let Some((name, facts)) = with {
        let metadata = facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let record = Metadata {
            name: name.to_owned(),
            metadata: metadata.collect::<BTreeMap<_, _>>(),
        };
        writer.write_metadata(&record).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    out.into_inner()
}

#[test]
fn every_broken_recording_has_its_message() {
    let good = fs::read(fixtures().join("journey.mcap")).unwrap();
    let start = |facts| begins(Some(("twinbench", facts)));
    let all: [(&str, Vec<u8>); 10] = [
        ("empty", Vec::new()),
        ("other", b"PK\x03\x04 something else".to_vec()),
        ("cut-magic", good[..5].to_vec()),
        ("cut-header", good[..20].to_vec()),
        ("cut-facts", good[..60].to_vec()),
        ("foreign", begins(None)),
        (
            "foreign-facts",
            begins(Some(("ros2", &[("ROS_DISTRO", "jazzy")]))),
        ),
        (
            "newer",
            start(&[
                ("format", "9"),
                ("seed", "1"),
                ("epoch", "2026-01-01T00:00:00Z"),
            ]),
        ),
        (
            "seed",
            start(&[
                ("format", "1"),
                ("seed", "seven"),
                ("epoch", "2026-01-01T00:00:00Z"),
            ]),
        ),
        (
            "epoch",
            start(&[("format", "1"), ("seed", "7"), ("epoch", "long ago")]),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let shown = format!("{}/", folder.path().display());
    let told = |name: &str, error: &dyn std::error::Error| {
        let text = error.to_string().replace(&shown, "");
        insta::assert_snapshot!(format!("recording-{name}"), text);
    };
    for (name, bytes) in all {
        let path = folder.path().join(format!("{name}.mcap"));
        fs::write(&path, bytes).unwrap();
        match Reader::open(&path) {
            Ok(_) => panic!("{name} is taken"),
            Err(error) => told(name, &error),
        }
    }
    match Reader::open(&folder.path().join("nowhere.mcap")) {
        Ok(_) => panic!("it is there"),
        Err(error) => told("nowhere", &error),
    }
    // What was damaged later is read up to there, and the rest is told as lost.
    let mut damaged = good.clone();
    // In its first chunk.
    damaged[10_000..10_064].fill(0x5A);
    let path = folder.path().join("damaged.mcap");
    fs::write(&path, damaged).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    let mut read = 0;
    for entry in reader.by_ref() {
        read += usize::from(entry.is_ok());
    }
    insta::assert_snapshot!(
        "recording-damaged",
        format!("{read} events, {}", reader.loss())
    );
}

#[test]
fn every_broken_file_of_the_field_has_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures().join("_broken"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let schema = |field: &str| {
        let text = format!(
            r#"{{"type":"record","name":"EventData","fields":[{field},{{"name":"EnqueuedTimeUtc","type":"string"}}]}}"#
        );
        Schema::parse_str(&text).unwrap()
    };
    let other = schema(r#"{"name":"Temperature","type":"double"}"#);
    let capture = schema(r#"{"name":"Body","type":"bytes"}"#);
    let mut write = |name: &str, schema: &Schema, body: Option<&[u8]>, cut: usize| {
        let mut writer = Writer::new(schema, Vec::new());
        let mut record = Record::new(schema).unwrap();
        match body {
            Some(body) => record.put("Body", body.to_vec()),
            None => record.put("Temperature", 21.0),
        }
        record.put("EnqueuedTimeUtc", "some day");
        writer.append(record).unwrap();
        let bytes = writer.into_inner().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        files.push(path);
    };
    write("other.avro", &other, None, 0);
    write("time.avro", &capture, Some(b"{}"), 0);
    write("cut.avro", &capture, Some(b"{}"), 20);
    files.push(folder.path().join("nowhere.csv"));
    files.sort();
    assert_eq!(files.len(), 14, "{files:?}");
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Err(error) = read(&path, &Hints::default()) else {
            panic!("{name} is taken");
        };
        let shown = format!("{}/", path.parent().unwrap().display());
        let text = error.to_string().replace(&shown, "");
        insta::assert_snapshot!(format!("field-{name}"), text);
    }
}
