//! Many cases: filtered, sharded, in parallel, run again when they fail.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use twinbench_scenario::{
    Case, FileError, Suite,
    coverage::Coverage,
    report::{CaseReport, Status, SuiteReport},
    runner::Verdict,
};

use super::case::{self, CaseOptions, Ran, Trouble};
use crate::session::file_stem;

/// How a suite is to be run.
#[derive(Debug, Clone)]
pub(crate) struct SuiteOptions {
    /// Cases at a time; 0: one per core.
    pub(crate) jobs: usize,
    /// How often a case that failed is run again.
    pub(crate) retries: u32,
    /// Go on after a failure.
    pub(crate) go_on: bool,
    /// The seed, instead of each scenario's.
    pub(crate) seed: Option<u64>,
    /// Accept golden files.
    pub(crate) update: bool,
    /// Where folders of cases go.
    pub(crate) out: PathBuf,
}

/// Every scenario file that these paths name: files as they are, of folders every `*.toml` below,
/// except those that begin with `_`, which are there to be included.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FileError> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut all)
                .map_err(|cause| FileError::unreadable(path, "folder of scenarios", &cause))?;
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}

fn walk(folder: &Path, all: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('_') || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(&path, all)?;
        } else if path.extension().is_some_and(|it| it == "toml") {
            all.push(path);
        }
    }
    Ok(())
}

/// Reads scenario files into their cases.
pub(crate) fn load(files: &[PathBuf]) -> Result<Vec<Case>, FileError> {
    let mut cases = Vec::new();
    for file in files {
        let mut read = |path: &Path| fs::read_to_string(path).map_err(|cause| cause.to_string());
        cases.extend(Suite::load(file, &mut read)?.cases);
    }
    Ok(cases)
}

/// What is told while a suite runs.
#[derive(Debug)]
pub(crate) enum News<'a> {
    /// A step of a case was decided; how all of them stand.
    Step(&'a Case, &'a Verdict),
    /// A case is over.
    Case(&'a CaseReport),
}

/// Runs the cases; `told` hears of each step and each case as soon as it is decided.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a suite takes is for a person; no verdict depends on it"
)]
pub(crate) fn run(
    cases: &[Case],
    options: &SuiteOptions,
    told: &(dyn Fn(News<'_>) + Sync),
) -> SuiteReport {
    let started = Instant::now();
    let jobs = match options.jobs {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    };
    let jobs = jobs.min(cases.len()).max(1);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let reports: Mutex<Vec<(usize, CaseReport, Coverage)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else { return };
            let (report, coverage) = if stop.load(Ordering::Relaxed) {
                (skipped(case, options), Coverage::default())
            } else {
                run_with_retries(case, options, usize::from(jobs > 1), told)
            };
            if !report.status.is_good() && !options.go_on {
                stop.store(true, Ordering::Relaxed);
            }
            told(News::Case(&report));
            reports
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, report, coverage));
        }
    };
    if jobs == 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(work);
            }
        });
    }
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|it| it.0);
    let mut all = SuiteReport::default();
    for (_, report, coverage) in reports {
        all.coverage.merge(&coverage);
        all.cases.push(report);
    }
    all.wall_seconds = started.elapsed().as_secs_f64();
    all
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a case takes is for a person; no verdict depends on it"
)]
fn run_with_retries(
    case: &Case,
    options: &SuiteOptions,
    threads: usize,
    told: &(dyn Fn(News<'_>) + Sync),
) -> (CaseReport, Coverage) {
    let started = Instant::now();
    let mut report = skipped(case, options);
    let mut first_story = None;
    for attempt in 0..=options.retries {
        let mut folder = options.out.join(file_stem(&case.name));
        if attempt > 0 {
            folder = folder.join(format!("attempt-{}", attempt + 1));
        }
        // What an earlier run left there would be mistaken for this one's.
        let ours = ["repro.txt", "session.mcap", "session.mcap.part"];
        if ours.iter().any(|name| folder.join(name).is_file()) {
            let _ = fs::remove_dir_all(&folder);
        }
        let case_options = CaseOptions {
            folder: folder.clone(),
            seed: options.seed,
            threads,
            update: options.update,
        };
        let ran = case::run(case, &case_options, &|verdict| {
            told(News::Step(case, verdict));
        });
        report.attempts = attempt + 1;
        report.folder = folder.is_dir().then(|| folder.clone());
        let coverage = fill(&mut report, case, ran);
        report.wall_seconds = started.elapsed().as_secs_f64();
        write_folder(&report, &folder);
        if report.status == Status::Passed {
            if let Some(story) = first_story {
                report.status = Status::Flaky;
                report.story = Some(story);
            }
            return (report, coverage);
        }
        if first_story.is_none() {
            first_story.clone_from(&report.story);
        }
        if attempt == options.retries {
            return (report, coverage);
        }
    }
    (report, Coverage::default())
}

/// A report of a case that was not run.
fn skipped(case: &Case, options: &SuiteOptions) -> CaseReport {
    CaseReport {
        name: case.name.clone(),
        file: case.path.clone(),
        place: case.place.clone(),
        status: Status::Skipped,
        must_fail: case.must_fail,
        story: None,
        at: None,
        seed: options.seed.or(case.seed),
        attempts: 0,
        virtual_seconds: 0.0,
        wall_seconds: 0.0,
        digest: None,
        folder: None,
        repro: repro(case, options.seed.or(case.seed)),
        verdict: None,
    }
}

/// The command line that runs a case again.
pub(crate) fn repro(case: &Case, seed: Option<u64>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let seed = seed.map_or_else(String::new, |seed| format!(" --seed {seed}"));
    format!(
        "twinbench test {} --filter {}{seed}",
        quoted(&case.path.display().to_string()),
        quoted(&format!("={}", case.name)),
    )
}

fn fill(report: &mut CaseReport, case: &Case, ran: Result<Ran, Trouble>) -> Coverage {
    let ran = match ran {
        Ok(ran) => ran,
        Err(trouble) => {
            report.status = Status::Broken;
            report.story = Some(match trouble.file_error() {
                Some(error) => error.plain(),
                None => trouble.to_string(),
            });
            return Coverage::default();
        }
    };
    report.seed = Some(ran.seed);
    report.repro = repro(case, Some(ran.seed));
    report.virtual_seconds = ran.verdict.ended.as_secs_f64();
    report.digest = Some(ran.digest);
    report.at = ran.verdict.failure().map(|it| it.place.clone());
    report.story = ran
        .verdict
        .failure()
        .map(twinbench_scenario::runner::StepVerdict::story);
    report.status = match (ran.verdict.passed(), case.must_fail) {
        (passed, must_fail) if passed != must_fail => Status::Passed,
        // What the bench cannot do is no proof of a defect.
        (false, true) if !ran.verdict.not_supported() => Status::Passed,
        (true, _) => {
            report.story = Some(format!(
                "{}: it passes in profile {}, in which it must fail",
                case.place,
                case.profile.as_deref().unwrap_or("?"),
            ));
            Status::Failed
        }
        (false, _) => Status::Failed,
    };
    report.verdict = Some(ran.verdict);
    ran.coverage
}

/// `repro.txt` and `verdict.json` beside the recording; a full disk loses them, not the verdict.
fn write_folder(report: &CaseReport, folder: &Path) {
    if !folder.is_dir() {
        return;
    }
    let verdict = serde_json::to_string_pretty(report).unwrap_or_default();
    for (name, text) in [
        ("repro.txt", format!("{}\n", report.repro)),
        ("verdict.json", verdict),
    ] {
        if let Err(cause) = fs::write(folder.join(name), text) {
            tracing::warn!(folder = %folder.display(), name, %cause, "cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_of_while_a_case_runs() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let file = repository.join("fixtures/scenarios/one-alert.toml");
        let cases = load(&[file]).unwrap();
        let out = tempfile::tempdir().unwrap();
        let options = SuiteOptions {
            jobs: 1,
            retries: 0,
            go_on: true,
            seed: None,
            update: false,
            out: out.path().to_owned(),
        };
        let news = Mutex::new(Vec::new());
        run(&cases, &options, &|told| {
            news.lock().unwrap().push(match told {
                News::Step(_, verdict) => verdict.decided(),
                News::Case(report) => report.verdict.as_ref().unwrap().decided() + 100,
            });
        });
        // Setting the second value is decided long before the reading that it causes.
        assert_eq!(*news.lock().unwrap(), [1, 2, 4, 104]);
    }
}
