//! Same bench, same seed: the same canonical event stream, at any number of threads.

use crate::common;

use twinbench_model::VirtualTime;
use twinbench_recording::{Reader, try_first_difference};

#[test]
fn every_bench_gives_one_stream_at_1_2_and_8_threads() {
    let benches = std::fs::read_dir(common::fixture("")).unwrap();
    let mut count = 0;
    for bench in benches
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
    {
        count += 1;
        let runs: Vec<_> = [1, 1, 2, 8]
            .into_iter()
            .map(|threads| {
                let folder = tempfile::tempdir().unwrap();
                let mut session = common::open(&bench, folder.path(), threads, false);
                session.run_until(VirtualTime::from_secs(90)).unwrap();
                let (stats, kept) = session.finish().unwrap();
                assert!(stats.messages > 0, "{}: nothing was sent", bench.display());
                (threads, kept, folder)
            })
            .collect();
        let (_, first, _) = &runs[0];
        for (threads, kept, _) in &runs[1..] {
            if kept.digest != first.digest {
                let entries = |kept: &twinbench::session::Kept| {
                    Reader::open(&kept.recording).unwrap().entries()
                };
                let difference = try_first_difference(entries(first), entries(kept), 3).unwrap();
                let difference = difference.map(|it| it.to_string());
                panic!(
                    "{} differs at {threads} threads: {difference:?}",
                    bench.display()
                );
            }
        }
    }
    assert!(count >= 1, "no bench was found");
}

#[test]
fn another_seed_gives_another_stream() {
    let digest = |seed: &str| {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(common::fixture("journey.toml")).unwrap();
        let text = text
            .replace("seed    = 7", &format!("seed    = {seed}"))
            .replace(
                "../firmware/",
                &format!("{}/../firmware/", common::fixture("").display()),
            );
        let bench = folder.path().join("bench.toml");
        std::fs::write(&bench, text).unwrap();
        let mut session = common::open(&bench, folder.path(), 1, false);
        session.run_until(VirtualTime::from_secs(30)).unwrap();
        session.finish().unwrap().1.digest
    };
    assert_ne!(digest("7"), digest("8"));
}
