//! A reader that begins at a time gives what a whole reading gives from there on.

use std::{fs, path::Path};

use crate::common::{digest, entries, header, record, wall};
use twinbench_model::VirtualTime;
use twinbench_recording::{Entry, Loss, Options, Reader, Recorder};

fn from(path: &Path, time: VirtualTime) -> (Vec<Entry>, Loss) {
    let mut reader = Reader::open_at(path, time).unwrap();
    let entries = reader.by_ref().map(|read| read.unwrap().entry).collect();
    (entries, reader.loss().clone())
}

/// Checks every time at and around some entries.
fn check(path: &Path, all: &[Entry], unfinished: bool) {
    let last = all.last().unwrap().time.as_nanos();
    let times = (0..40)
        .map(|n| last * n / 39)
        .flat_map(|nanos| [nanos, nanos + 1]);
    for time in times.map(VirtualTime::from_nanos) {
        let expected: Vec<_> = all.iter().filter(|entry| entry.time >= time).collect();
        let (read, loss) = from(path, time);
        assert_eq!(read.iter().collect::<Vec<_>>(), expected, "from {time}");
        assert_eq!((loss.unfinished, loss.messages), (unfinished, 0));
    }
}

#[test]
fn any_time_of_a_finished_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let entries = entries(4_000);
    record(&path, &entries, Options::default());
    check(&path, &entries, false);
}

#[test]
fn a_cut_recording_has_no_index_and_is_read_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let entries = entries(600);
    record(&path, &entries, Options::default());
    let bytes = fs::read(&path).unwrap();
    let end = bytes
        .windows(13)
        .position(|it| it == b"twinbench.end")
        .unwrap();
    fs::write(&path, &bytes[..end - 13]).unwrap();
    check(&path, &entries, true);
}

#[test]
fn what_was_attached_last_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let entries = entries(100);
    let mut recorder = Recorder::create(&path, &header(), Options::default()).unwrap();
    for entry in &entries {
        recorder.record(entry, wall(0)).unwrap();
    }
    recorder.attach("entities.json", "application/json", b"[1]".to_vec());
    recorder.finish(&digest(&entries)).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.attachment("entities.json").unwrap().unwrap(), b"[1]");
    assert_eq!(reader.attachment("other").unwrap(), None);
    assert_eq!(
        *reader.header(),
        header(),
        "the bench file is another attachment"
    );
    assert_eq!(reader.by_ref().count(), 100, "reading goes on where it was");
    assert_eq!(*reader.loss(), Loss::default());
}
