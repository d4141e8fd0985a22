//! Kill -9 while recording: the file opens, and lacks at most the last 250 ms.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use twinbench_recording::Reader;

/// What the promise is, and what a busy machine may add to it: between a look at the clock and
/// the kill, and where threads wait for a core.
const PROMISED: Duration = Duration::from_millis(250);
const SLACK: Duration = Duration::from_millis(500);

#[test]
fn kill_9_loses_at_most_the_last_250_ms() {
    let folder = tempfile::tempdir().unwrap();
    let bench = folder.path().join("slow.toml");
    // Some messages a second: a thousand of them, at which a recorder flushes anyway, never come.
    std::fs::write(
        &bench,
        "version = 1\nname = \"slow\"\nepoch = \"2026-01-01T00:00:00Z\"\n[[device]]\nid = \"sim\"\nbackend = \"simulated\"\ninterval = \"100ms\"\n[[app]]\nkind = \"serverless-iot\"\n",
    )
    .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinbench"))
        .args(["run", "--serve", "--port", "0", "--format", "json"])
        .arg(&bench)
        .arg("--out")
        .arg(folder.path().join("runs"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let recording = folder.path().join("runs/slow/1/session.mcap");
    let entries = || Reader::open(&recording).map_or(0, Iterator::count);
    let mut looks = 0;
    while entries() < 20 {
        assert!(child.try_wait().unwrap().is_none(), "the bench ended");
        looks += 1;
        assert!(looks < 1_200, "nothing was recorded in a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(300));
    let killed = Timestamp::now();
    child.kill().unwrap();
    child.wait().unwrap();

    let mut reader = Reader::open(&recording).unwrap();
    let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert!(reader.loss().unfinished);
    assert_eq!(
        reader.loss().messages,
        0,
        "nothing is missing before the end"
    );
    let last = read.last().unwrap().wall;
    let lost = killed.duration_since(last);
    // The newest event may be one interval old.
    let most = PROMISED + Duration::from_millis(100) + SLACK;
    assert!(
        lost.as_millis() <= most.as_millis() as i128,
        "{lost:?} are lost"
    );
}
