//! A recording gives back what was recorded.

use std::fs;

use crate::common::{digest, entries, header, record, wall};
use twinbench_recording::{
    Content, Entry, Error, KeepBytes, Loss, Options, Read, Reader, Recorder, first_difference,
    try_first_difference,
};

#[test]
fn entries_wall_times_and_facts_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let entries = entries(3_001);
    let finished = record(&path, &entries, Options::default());
    assert_eq!(finished.entries, 3_001);
    assert_eq!(finished.bytes, fs::metadata(&path).unwrap().len());
    assert!(!folder.path().join("session.mcap.part").exists());

    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(*reader.header(), header());
    let read: Vec<Read> = reader.by_ref().map(Result::unwrap).collect();
    for (n, read) in (0..).zip(&read) {
        assert_eq!(read.wall, wall(n));
    }
    let found = first_difference(read.iter().map(|read| &read.entry), &entries, 3);
    assert_eq!(found, None);
    assert_eq!(*reader.loss(), Loss::default());
    assert_eq!(reader.loss().to_string(), "complete");
    assert_eq!(reader.digest(), Some(digest(&entries).as_str()));
}

#[test]
fn two_recordings_are_compared_without_reading_them_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (left, right) = (folder.path().join("l.mcap"), folder.path().join("r.mcap"));
    let mut entries = entries(2_500);
    record(&left, &entries, Options::default());
    entries[1_502].content = Content::Json(r#"{"temperature":99.0}"#.into());
    record(&right, &entries, Options::default());
    let open = |path| Reader::open(path).unwrap().entries();
    let found = try_first_difference(open(&left), open(&right), 2)
        .unwrap()
        .unwrap();
    assert_eq!(found.index, 1_502);
    assert_eq!(found.before.len(), 2);
    assert!(
        try_first_difference(open(&left), open(&left), 2)
            .unwrap()
            .is_none()
    );
}

#[test]
fn bytes_of_real_boards_are_left_out_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let keep_bytes = KeepBytes::Except(["dev-1".into()].into());
    record(&path, &entries(8), Options { keep_bytes });
    let text = fs::read(&path).unwrap();
    assert!(!text.windows(4).any(|window| window == b"line"));
    let read: Vec<Entry> = Reader::open(&path)
        .unwrap()
        .entries()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read.len(), 8);
    assert_eq!(read[0].content, Content::Omitted(8));
    assert!(matches!(read[2].content, Content::Json(_)));
}

#[test]
fn the_numbers_go_past_32_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let mut two = entries(1);
    two[0].sequence = u64::from(u32::MAX);
    let next = Entry {
        sequence: u64::from(u32::MAX) + 1,
        ..two[0].clone()
    };
    two.push(next);
    record(&path, &two, Options::default());
    let read: Vec<Entry> = Reader::open(&path)
        .unwrap()
        .entries()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read, two);
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let open = || Recorder::create(&path, &header(), Options::default());
    let first = open().unwrap();
    assert!(matches!(open(), Err(Error::Exists { path }) if path == *first.part()));
    first.finish("").unwrap();
    assert!(matches!(open(), Err(Error::Exists { path: found }) if found == path));

    let missing = folder.path().join("no/such/session.mcap");
    let error = Recorder::create(&missing, &header(), Options::default())
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("check that the folder exists"),
        "{error}"
    );
}
