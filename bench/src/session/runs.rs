//! The folders of runs: `out/<bench>/<n>/`, and `latest` beside them; how long their recordings are
//! kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use twinbench_recording::{files_of, is_being_written};

use super::Error;
use crate::file::RecordingSection;

/// The recording of a run, in its folder.
const RECORDING: &str = "session.mcap";

/// Makes a new numbered folder below `out/<bench>/`; `latest` points to it.
///
/// # Errors
/// When a folder cannot be made.
pub fn new_run(out: &Path, bench: &str) -> Result<PathBuf, Error> {
    let runs = out.join(bench);
    let failed = |path: &Path, cause: io::Error| Error::Output {
        path: path.to_owned(),
        cause,
    };
    fs::create_dir_all(&runs).map_err(|cause| failed(&runs, cause))?;
    let newest = numbers(&runs).map_err(|cause| failed(&runs, cause))?.pop();
    let mut number = newest.unwrap_or(0) + 1;
    loop {
        let run = runs.join(number.to_string());
        match fs::create_dir(&run) {
            Ok(()) => {
                point_latest(&runs, &number.to_string());
                return Ok(run);
            }
            // Another run of the same bench took the number in between.
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(cause) => return Err(failed(&run, cause)),
        }
    }
}

/// A convenience only: where the system has no links, a file holds the number.
fn point_latest(runs: &Path, run: &str) {
    let latest = runs.join("latest");
    let _ = fs::remove_file(&latest);
    #[cfg(unix)]
    let _ = std::os::unix::fs::symlink(run, &latest);
    #[cfg(not(unix))]
    let _ = fs::write(&latest, run);
}

/// The numbers of the runs in a folder, in order.
fn numbers(runs: &Path) -> io::Result<Vec<u64>> {
    let mut all: Vec<u64> = fs::read_dir(runs)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    all.sort_unstable();
    Ok(all)
}

/// A recording that was removed.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed {
    /// What it was.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// Removes recordings of the bench's earlier runs that are not to be kept any longer at `now`, the
/// oldest first. Reports, logs and pictures of these runs stay. What is being written stays; the
/// newest recording stays whatever its size, but not whatever its age.
pub fn remove_old_recordings(
    out: &Path,
    bench: &str,
    keep: &RecordingSection,
    now: SystemTime,
) -> Vec<Removed> {
    let runs = out.join(bench);
    let mut all = Vec::new();
    for number in numbers(&runs).unwrap_or_default() {
        let recording = runs.join(number.to_string()).join(RECORDING);
        if is_being_written(&recording) {
            continue;
        }
        for file in files_of(&recording) {
            if let Ok(facts) = fs::metadata(&file) {
                let age = facts.modified().ok().map(|at| now.duration_since(at));
                all.push((file, facts.len(), age.and_then(Result::ok)));
            }
        }
    }
    let most = keep.keep_mib.map(|mib| mib.saturating_mul(1 << 20));
    let oldest = keep
        .keep_days
        .map(|days| Duration::from_secs(24 * 3_600 * u64::from(days)));
    let mut total: u64 = all.iter().map(|it| it.1).sum();
    let newest = all.len().saturating_sub(1);
    let mut removed = Vec::new();
    for (n, (file, bytes, age)) in all.into_iter().enumerate() {
        let too_old = oldest.is_some_and(|oldest| age.is_some_and(|age| age > oldest));
        let too_much = most.is_some_and(|most| total > most) && n < newest;
        if (too_old || too_much) && fs::remove_file(&file).is_ok() {
            total -= bytes;
            removed.push(Removed { file, bytes });
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    /// Five runs with recordings of 1 MiB, written 5, 4, 3, 2 and 1 days before the given time.
    fn runs(out: &Path) -> SystemTime {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        for days in (1..=5).rev() {
            let run = new_run(out, "b").unwrap();
            fs::write(run.join("report.json"), "{}").unwrap();
            let file = fs::File::create(run.join(RECORDING)).unwrap();
            file.set_len(1 << 20).unwrap();
            file.set_modified(now - days * DAY).unwrap();
        }
        now
    }

    fn left(out: &Path) -> Vec<u64> {
        let mut all = numbers(&out.join("b")).unwrap();
        all.retain(|n| out.join(format!("b/{n}/{RECORDING}")).exists());
        all
    }

    fn keep(keep_days: Option<u32>, keep_mib: Option<u64>) -> RecordingSection {
        RecordingSection {
            keep_days,
            keep_mib,
        }
    }

    #[test]
    fn nothing_is_removed_unless_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let now = runs(folder.path());
        assert!(remove_old_recordings(folder.path(), "b", &keep(None, None), now).is_empty());
        assert_eq!(left(folder.path()), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_old_go_first_by_age_and_by_size() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let now = runs(out);
        let gone = remove_old_recordings(out, "b", &keep(Some(4), None), now);
        assert_eq!(gone.len(), 1, "{gone:?}");
        assert_eq!(left(out), [2, 3, 4, 5]);
        let gone = remove_old_recordings(out, "b", &keep(None, Some(2)), now);
        let bytes: Vec<u64> = gone.iter().map(|it| it.bytes).collect();
        assert_eq!(bytes, [1 << 20, 1 << 20]);
        assert_eq!(left(out), [4, 5]);
        assert!(out.join("b/1/report.json").exists(), "only recordings go");
        remove_old_recordings(out, "b", &keep(None, Some(0)), now);
        assert_eq!(left(out), [5], "the newest stays whatever its size");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let now = runs(out);
        let run = new_run(out, "b").unwrap();
        let part = run.join("session.mcap.part");
        let writer = fs::File::create(&part).unwrap();
        writer.try_lock().unwrap();
        let all = keep(Some(0), Some(0));
        let later = now + DAY;
        remove_old_recordings(out, "b", &all, later);
        assert!(left(out).is_empty());
        assert!(part.exists());
        // Its process is gone: what it left is as old as any other.
        drop(writer);
        remove_old_recordings(out, "b", &all, SystemTime::UNIX_EPOCH + 40_000 * DAY);
        assert!(!part.exists());
    }
}
