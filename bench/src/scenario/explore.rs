//! The search for a seed and faults that break a scenario.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use twinbench_model::{VirtualDuration, VirtualTime};
use twinbench_scenario::{
    Case,
    explore::{Candidate, Space, scenario_file, shrink},
    file::{Fault, FaultKind},
    plan::PlannedFault,
    runner::{Outcome, StepVerdict, Verdict},
};

use super::case::{self, CaseOptions, Trouble, bench_of};

/// How often a found case is run to make it smaller.
const SHRINK_RUNS: usize = 300;

/// How to search.
#[derive(Debug, Clone)]
pub(crate) struct ExploreOptions {
    /// How many seeds.
    pub(crate) seeds: u64,
    /// The first of them.
    pub(crate) from: u64,
    /// Kinds of faults.
    pub(crate) faults: Vec<FaultKind>,
    /// Runs at a time.
    pub(crate) jobs: usize,
    /// Where runs are kept.
    pub(crate) out: PathBuf,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The number of seeds that were tried up to it.
    pub(crate) tried: u64,
    /// Faults before it was made smaller.
    pub(crate) faults_before: usize,
    /// Runs that made it smaller.
    pub(crate) shrink_runs: usize,
    /// The smallest case.
    pub(crate) candidate: Candidate,
    /// Its failure.
    pub(crate) story: String,
}

/// Searches. `None` when no seed breaks the scenario; `progress` is told of tried seeds.
///
/// # Errors
/// When the scenario cannot be run, or fails already when nothing goes wrong.
pub(crate) fn explore(
    case: &Case,
    options: &ExploreOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Option<Found>, Trouble> {
    let (bench, _) = bench_of(case, None)?;
    let plain = Candidate {
        seed: case.seed.unwrap_or(bench.seed),
        faults: Vec::new(),
    };
    let (verdict, _) = attempt(case, &plain, &options.out.join("plain"))?;
    if verdict.not_supported() {
        let story = verdict
            .failure()
            .map(StepVerdict::story)
            .unwrap_or_default();
        return Err(case
            .bench_error(format!("the scenario cannot be explored: {story}"))
            .into());
    }
    if let Some(failure) = verdict.failure() {
        // It needs no fault to break.
        return Ok(Some(Found {
            tried: 0,
            faults_before: 0,
            shrink_runs: 0,
            story: failure.story(),
            candidate: plain,
        }));
    }
    let space = Space {
        kinds: options.faults.clone(),
        devices: bench
            .devices()
            .into_iter()
            .map(|(id, _)| id.to_string())
            .collect(),
        length: VirtualDuration::from_nanos(verdict.ended.as_nanos()),
    };
    let Some(found) = search(case, &space, options, progress)? else {
        return Ok(None);
    };
    let faults_before = found.faults.len();
    let folder = options.out.join("shrink");
    let mut trouble = None;
    let (candidate, shrink_runs) = shrink(
        found.clone(),
        SHRINK_RUNS,
        &mut |candidate| match attempt(case, candidate, &folder) {
            Ok((verdict, _)) => breaks(&verdict),
            Err(error) => {
                trouble = Some(error);
                false
            }
        },
    );
    if let Some(error) = trouble {
        return Err(error);
    }
    let (verdict, _) = attempt(case, &candidate, &options.out.join("found"))?;
    Ok(Some(Found {
        tried: found.seed - options.from + 1,
        faults_before,
        shrink_runs,
        story: verdict
            .failure()
            .map(StepVerdict::story)
            .unwrap_or_default(),
        candidate,
    }))
}

/// The lowest seed that breaks the scenario, so that the result does not depend on the jobs.
fn search(
    case: &Case,
    space: &Space,
    options: &ExploreOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Option<Candidate>, Trouble> {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let best: Mutex<Option<Candidate>> = Mutex::new(None);
    let trouble: Mutex<Option<Trouble>> = Mutex::new(None);
    let work = |job: usize| {
        let folder = options.out.join(format!("search-{job}"));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= options.seeds || stop.load(Ordering::Relaxed) {
                return;
            }
            let candidate = space.candidate(options.from + number);
            match attempt(case, &candidate, &folder) {
                Ok((verdict, _)) if breaks(&verdict) => {
                    let mut best = best.lock().unwrap_or_else(PoisonError::into_inner);
                    if best.as_ref().is_none_or(|it| it.seed > candidate.seed) {
                        *best = Some(candidate);
                    }
                    stop.store(true, Ordering::Relaxed);
                }
                Ok(_) => progress(number + 1),
                Err(error) => {
                    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for job in 0..options.jobs.max(1) {
            scope.spawn({
                let work = &work;
                move || work(job)
            });
        }
    });
    let best = best.into_inner().unwrap_or_else(PoisonError::into_inner);
    match trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) if best.is_none() => Err(error),
        _ => Ok(best),
    }
}

/// Whether a verdict shows a defect: an expectation failed. What a bench cannot do is none.
fn breaks(verdict: &Verdict) -> bool {
    let failed = verdict
        .failure()
        .is_some_and(|it| matches!(it.outcome, Outcome::Failed(_)));
    failed && !verdict.not_supported()
}

/// Runs the scenario with a candidate's seed and faults.
fn attempt(
    case: &Case,
    candidate: &Candidate,
    folder: &Path,
) -> Result<(Verdict, VirtualTime), Trouble> {
    let mut case = case.clone();
    case.seed = Some(candidate.seed);
    let planned = candidate.faults.iter().map(|fault: &Fault| PlannedFault {
        fault: fault.clone(),
        place: case.place.clone(),
    });
    case.faults.extend(planned.collect::<Vec<_>>());
    // A golden file is of one seed.
    case.goldens.clear();
    // A recording is never written over: that of the run before gives way.
    if folder.join("session.mcap").exists() || folder.join("session.mcap.part").exists() {
        let _ = std::fs::remove_dir_all(folder);
    }
    let options = CaseOptions {
        folder: folder.to_owned(),
        seed: None,
        threads: 1,
        update: false,
    };
    let ran = case::run(&case, &options, &|_| ())?;
    let ended = ran.verdict.ended;
    Ok((ran.verdict, ended))
}

/// The found case as a scenario file beside `path`.
pub(crate) fn file_of(case: &Case, found: &Found, path: &Path) -> String {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    scenario_file(
        &format!("{}, broken", case.name),
        &relative(&case.path, folder),
        &relative(&case.bench, folder),
        case.profile.as_deref(),
        &found.candidate,
        &found.story,
    )
}

/// A path as seen from a folder; absolute when the two have nothing in common.
fn relative(path: &Path, folder: &Path) -> String {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (path, folder) = (clean(&whole(path)), clean(&whole(folder)));
    let common = path
        .components()
        .zip(folder.components())
        .take_while(|(a, b)| a == b)
        .count();
    if common <= 1 {
        return path.display().to_string();
    }
    let up = folder.components().count() - common;
    let mut out = PathBuf::new();
    for _ in 0..up {
        out.push("..");
    }
    out.extend(path.components().skip(common));
    out.to_string_lossy().replace('\\', "/")
}

/// Without `.` and `..`, by name alone.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_seen_from_a_folder() {
        for (path, folder, expected) in [
            ("/a/b/s.toml", "/a/b", "s.toml"),
            ("/a/b/../benches/x.toml", "/a/found", "../benches/x.toml"),
            ("/a/b/c/s.toml", "/a", "b/c/s.toml"),
            ("/x/s.toml", "/a", "/x/s.toml"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(folder)), expected);
        }
    }
}
