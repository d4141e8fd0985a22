//! A recording that was cut opens, gives back its beginning and says what was lost.

use std::{fs, path::Path};

use crate::common::{digest, entries, header, record, wall};
use proptest::prelude::*;
use twinbench_recording::{Content, Entry, Error, Loss, Options, Reader, Recorder};

fn read(bytes: &[u8]) -> Result<(Vec<Entry>, Loss), Error> {
    let mut reader = Reader::new(bytes, bytes.len() as u64, Path::new("session.mcap"))?;
    let entries: Vec<_> = reader.by_ref().map(|read| read.unwrap().entry).collect();
    Ok((entries, reader.loss().clone()))
}

/// Where the bodies of the chunk records are, and how long.
fn chunks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (8, Vec::new());
    while at + 9 < bytes.len() {
        let length = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap()) as usize;
        if bytes[at] == 0x06 {
            found.push((at + 9, length));
        }
        at += 9 + length;
    }
    found
}

/// A finished recording of some chunks: with 20 ms between messages, one each 13 messages.
fn small() -> (Vec<Entry>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let entries = entries(60);
    record(&path, &entries, Options::default());
    (entries, fs::read(&path).unwrap())
}

#[test]
fn cut_at_every_byte() {
    let (entries, bytes) = small();
    let mut longest = 0;
    for cut in 0..bytes.len() {
        match read(&bytes[..cut]) {
            Ok((read, loss)) => {
                assert!(read.len() >= longest, "a longer file gives no less");
                longest = read.len();
                assert_eq!(read, entries[..read.len()], "cut at {cut}");
                // After the end record only the index is missing, which nothing needs.
                if loss.unfinished {
                    assert_eq!(loss.messages, 0);
                } else {
                    assert_eq!((read.len(), loss), (60, Loss::default()), "cut at {cut}");
                }
            }
            Err(error) => {
                assert_eq!(longest, 0, "cut at {cut}: {error}");
                let expected = matches!(error, Error::Empty { bytes, .. } if bytes == cut as u64);
                assert!(expected, "cut at {cut}: {error}");
            }
        }
    }
    assert_eq!(longest, 60);
}

#[test]
fn a_long_chunk_is_recovered_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    // Contents that do not compress, so that a chunk spans several blocks.
    let entries: Vec<_> = (0..900)
        .map(|n| {
            let noise = (0..60).map(|i| digest(&entries(1 + (n + i) % 7)));
            let salt = digest(&entries(1 + n % 50));
            let text =
                serde_json::json!({ "n": n, "noise": noise.collect::<String>(), "salt": salt });
            let mut entry = entries(1).remove(0);
            entry.sequence = n;
            entry.content = Content::Json(text.to_string().into());
            entry
        })
        .collect();
    let mut recorder = Recorder::create(&path, &header(), Options::default()).unwrap();
    for entry in &entries {
        recorder.record(entry, wall(0)).unwrap();
    }
    recorder.finish("").unwrap();
    let bytes = fs::read(&path).unwrap();
    let (read, loss) = read(&bytes[..bytes.len() / 2]).unwrap();
    assert!(loss.unfinished && loss.bytes > 0);
    assert!(read.len() > 100, "recovered {}", read.len());
    assert_eq!(read, entries[..read.len()]);
}

#[test]
fn a_recorder_that_was_dropped_leaves_a_part_that_opens_by_the_final_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.mcap");
    let entries = entries(5);
    let mut recorder = Recorder::create(&path, &header(), Options::default()).unwrap();
    for entry in &entries {
        recorder.record(entry, wall(0)).unwrap();
    }
    drop(recorder);
    assert!(!path.exists());
    let mut reader = Reader::open(&path).unwrap();
    let read: Vec<_> = reader.by_ref().map(|read| read.unwrap().entry).collect();
    assert_eq!(read, entries);
    assert!(reader.loss().unfinished);
    assert_eq!(reader.digest(), None);
    let told = reader.loss().to_string();
    assert_eq!(told, "not finished: what came after the last event is lost");
}

#[test]
fn a_damaged_chunk_is_stepped_over_and_counted() {
    let (entries, mut bytes) = small();
    // The second chunk: later ones describe no channel anew.
    let (chunk, length) = chunks(&bytes)[1];
    bytes[chunk + length / 2] ^= 0x55;
    let (read, loss) = read(&bytes).unwrap();
    let first = entries
        .iter()
        .zip(&read)
        .take_while(|(a, b)| a == b)
        .count();
    let lost = entries.len() - read.len();
    assert!((1..30).contains(&lost), "{lost} lost");
    assert_eq!(
        read[first..],
        entries[first + lost..],
        "what follows is read"
    );
    assert_eq!((loss.damaged, loss.messages), (1, lost as u64));
    assert!(!loss.unfinished && loss.bytes > 0);
    assert!(loss.to_string().starts_with("damaged, "), "{loss}");
}

#[test]
fn other_files_are_refused_with_a_reason() {
    let (_, bytes) = small();
    let told = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(told(b"version = 1").contains("not a Twinbench recording"));
    let mut foreign = bytes.clone();
    for (n, _) in bytes
        .windows(9)
        .enumerate()
        .filter(|(_, window)| *window == b"twinbench")
    {
        foreign[n..n + 9].copy_from_slice(b"sometools");
    }
    assert!(told(&foreign).contains("first record is not Twinbench's"));
    let mut newer = bytes;
    let at = newer
        .windows(6)
        .position(|window| window == b"format")
        .unwrap();
    newer[at + 10] = b'7';
    assert!(
        told(&newer).contains("update Twinbench"),
        "{}",
        told(&newer)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bytes are changed, reading ends, without a panic and without inventing entries.
    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        static SMALL: std::sync::OnceLock<(Vec<Entry>, Vec<u8>)> = std::sync::OnceLock::new();
        let (_, bytes) = SMALL.get_or_init(small);
        let mut bytes = bytes.clone();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok((read, _)) = read(&bytes) {
            prop_assert!(read.len() <= 60);
        }
    }
}
