//! Others read our files, and find every checksum right: the `mcap` crate's own reader at its
//! strictest, and the Python package `mcap`.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Command,
};

use mcap::{
    records::Record,
    sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

use crate::common::{entries, record};
use twinbench_recording::{Options, Reader};

const SCRIPT: &str = r#"
import json, sys
from mcap.reader import make_reader
with open(sys.argv[1], "rb") as file:
    reader = make_reader(file, validate_crcs=True)
    summary = reader.get_summary()
    print(summary.statistics.message_count, reader.get_header().profile)
    for metadata in reader.iter_metadata():
        print(metadata.name, metadata.metadata.get("bench") or metadata.metadata.get("entries") or sorted(metadata.metadata))
    for attachment in reader.iter_attachments():
        print(attachment.name, attachment.data.decode().splitlines()[0])
    for schema, channel, message in reader.iter_messages():
        assert schema.encoding == "jsonschema" and json.loads(schema.data)["type"] == "object"
        assert channel.message_encoding == "json"
        print(channel.topic, message.sequence, message.log_time, message.publish_time, json.loads(message.data))
"#;

const EXPECTED: &str = r"4 twinbench
twinbench journey
twinbench.end 4
twinbench.index ['chunks']
journey.toml version = 1
uart/dev-1 0 1767225600000000000 1800000000000000000 {'text': 'line 0\r\n'}
uart/dev-1 1 1767225600000000000 1800000000020000000 {'data': '/wA='}
d2c/dev-1 0 1767225600000000000 1800000000040000000 {'n': 0, 'temperature': 20.0}
clock/bench 0 1767225600000000000 1800000000060000000 {'value': 0}
";

/// Reads a whole file with every check that the crate has; the messages of the data section, and what
/// the summary says of them.
fn strict(path: &Path) -> (u64, u64) {
    let mut file = fs::File::open(path).unwrap();
    let options = LinearReaderOptions::default()
        .with_validate_chunk_crcs(true)
        .with_validate_data_section_crc(true)
        .with_validate_summary_section_crc(true)
        .with_check_finishes_after_end_magic(true);
    let mut reader = LinearReader::new_with_options(options);
    let (mut found, mut said, mut last) = (0, 0, 0);
    let (mut schemas, mut channels) = (Vec::new(), Vec::new());
    while let Some(event) = reader.next_event() {
        match event.unwrap() {
            LinearReadEvent::ReadRequest(need) => {
                let read = file.read(reader.insert(need)).unwrap();
                reader.notify_read(read);
            }
            LinearReadEvent::Record { opcode, data } => {
                match mcap::parse_record(opcode, data).unwrap() {
                    Record::Schema { header, .. } => schemas.push(header.id),
                    Record::Channel(channel) => {
                        assert!(schemas.contains(&channel.schema_id), "{}", channel.topic);
                        channels.push(channel.id);
                    }
                    Record::Message { header, .. } => {
                        assert!(channels.contains(&header.channel_id));
                        assert!(header.log_time >= last, "messages are in order");
                        last = header.log_time;
                        found += 1;
                    }
                    Record::Statistics(statistics) => said = statistics.message_count,
                    _ => {}
                }
            }
        }
    }
    (found, said)
}

/// The recording of a real run: ten minutes of the journey.
fn journey() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings/journey.mcap")
}

#[test]
fn the_strictest_reader_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    record(&path, &entries(500), Options::default());
    assert_eq!(strict(&path), (500, 500));
    let (found, said) = strict(&journey());
    assert_eq!(found, said);
    let ours = Reader::open(&journey()).unwrap().entries().count();
    assert_eq!(found, ours as u64);
}

#[test]
fn the_python_reader_agrees() {
    // `cargo xtask test` makes an environment with the module and names its interpreter.
    let interpreter = std::env::var_os("TWINBENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let python = |arguments: &[&str]| Command::new(&interpreter).args(arguments).output();
    let present = python(&["-c", "import mcap"]).is_ok_and(|output| output.status.success());
    if !present {
        // Not `eprintln!`, whose text the test runner hides when a test passes.
        let told = b"SKIPPED: the_python_reader_agrees needs python3 with `pip install mcap`\n";
        std::io::stderr().write_all(told).unwrap();
        assert!(
            std::env::var_os("CI").is_none(),
            "in CI a skip is a failure: pip install mcap"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    record(&path, &entries(4), Options::default());
    let output = python(&["-c", SCRIPT, path.to_str().unwrap()]).unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), EXPECTED);

    let output = python(&["-c", SCRIPT, journey().to_str().unwrap()]).unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let (found, _) = strict(&journey());
    let begin = format!("{found} twinbench\n");
    assert!(output.stdout.starts_with(begin.as_bytes()));
}
