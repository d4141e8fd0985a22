//! A small recording that the tests share.

use std::path::Path;

use jiff::Timestamp;
use twinbench_model::{Epoch, Event, Room, VirtualTime};
use twinbench_recording::{
    BenchFile, Digest, Entry, Finished, Header, Options, Parent, Recorder, Sequencer,
};

/// The facts of the recording.
pub(crate) fn header() -> Header {
    Header {
        bench: "journey".to_owned(),
        seed: u64::MAX,
        epoch: Epoch::new("2026-01-01T00:00:00Z".parse().unwrap()),
        producer: "twinbench test".to_owned(),
        bench_file: Some(BenchFile {
            name: "journey.toml".to_owned(),
            text: "version = 1\nname = \"journey\"\n".to_owned(),
        }),
        parent: Some(Parent {
            recording: "3/session.mcap".to_owned(),
            how: "branch".to_owned(),
            at: VirtualTime::from_secs(250),
        }),
    }
}

/// The wall time of a message.
pub(crate) fn wall(n: u64) -> Timestamp {
    let millis = 1_800_000_000_000 + i64::try_from(n).unwrap() * 20;
    Timestamp::from_millisecond(millis).unwrap()
}

/// Entries with every form of content.
pub(crate) fn entries(count: u64) -> Vec<Entry> {
    let mut sequencer = Sequencer::new();
    let step = |n: u64| {
        let time = VirtualTime::from_millis(10 * n);
        let fact = serde_json::json!({ "temperature": 20.0 + n as f64 / 8.0, "n": n });
        let console = format!("line {n}\r\n").into_bytes();
        vec![
            Event::bytes(time, Room::Machine, "uart", "dev-1".into(), console.into()),
            Event::bytes(
                time,
                Room::Machine,
                "uart",
                "dev-1".into(),
                vec![0xff, n as u8].into(),
            ),
            Event::json(time, Room::Hub, "d2c", "dev-1".into(), &fact),
            Event::json(time, Room::Bench, "clock", "bench".into(), &n),
        ]
    };
    (0..count.div_ceil(4))
        .flat_map(|n| sequencer.step(step(n)).unwrap())
        .take(usize::try_from(count).unwrap())
        .collect()
}

/// The digest of entries.
pub(crate) fn digest(entries: &[Entry]) -> String {
    let mut digest = Digest::new();
    for entry in entries {
        digest.update(entry);
    }
    digest.hex()
}

/// Records entries in `path`.
pub(crate) fn record(path: &Path, entries: &[Entry], options: Options) -> Finished {
    let mut recorder = Recorder::create(path, &header(), options).unwrap();
    for (n, entry) in (0..).zip(entries) {
        recorder.record(entry, wall(n)).unwrap();
    }
    recorder.finish(&digest(entries)).unwrap()
}
