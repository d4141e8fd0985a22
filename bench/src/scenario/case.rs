//! One case on one session.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use twinbench_engine::ClientFaults;
use twinbench_model::{Event, VirtualTime};
use twinbench_scenario::{
    Case, FileError,
    coverage::Coverage,
    diagnostic::nearest_or_list,
    file::{FaultKind, Known},
    runner::{Failure, Next, Outcome, Runner, StepVerdict, Verdict, World, WorldError},
    transcript::Transcript,
};

use super::{Bench, METRICS, world::LATE};
use twinbench_serverless::Profile;

use crate::{
    file::{self, App, Backend, BenchFile},
    session::{self, Session},
};

/// Backends that a matrix can name.
const BACKENDS: [&str; 1] = ["emulator"];
/// Profiles that a matrix can name.
const PROFILES: [&str; 2] = [Profile::Repaired.name(), Profile::Original.name()];

/// How a case is to be run.
#[derive(Debug, Clone)]
pub(crate) struct CaseOptions {
    /// Where its recording and logs go.
    pub(crate) folder: PathBuf,
    /// The seed, instead of the scenario's and the bench's.
    pub(crate) seed: Option<u64>,
    /// Threads that run machines.
    pub(crate) threads: usize,
    /// Whether differing golden files are written over.
    pub(crate) update: bool,
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) verdict: Verdict,
    pub(crate) digest: String,
    pub(crate) coverage: Coverage,
    pub(crate) seed: u64,
}

/// Why a case could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The scenario or its bench file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The session failed.
    #[error("{}", whole(.0))]
    Session(#[from] session::Error),
    /// The session failed under way.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A golden file cannot be read or written.
    #[error("golden file {0}: {1}")]
    Golden(PathBuf, std::io::Error),
}

fn whole(error: &session::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Reads the bench of a case and checks the case against it.
pub(crate) fn bench_of(case: &Case, seed: Option<u64>) -> Result<(BenchFile, String), FileError> {
    let text = fs::read_to_string(&case.bench).map_err(|cause| {
        case.bench_error(format!(
            "bench file {} cannot be read: {cause}",
            case.bench.display()
        ))
        .help("the path is relative to the scenario file")
    })?;
    let mut file = BenchFile::parse(&case.bench, &text)?;
    if let Some(seed) = seed.or(case.seed) {
        file.seed = seed;
    }
    if let Some(backend) = &case.backend
        && !BACKENDS.contains(&backend.as_str())
    {
        return Err(case
            .bench_error(format!("backend {backend:?} is not known"))
            .help(nearest_or_list(backend, "backends", &BACKENDS)));
    }
    if let Some(profile) = &case.profile
        && !PROFILES.contains(&profile.as_str())
    {
        return Err(case
            .bench_error(format!("profile {profile:?} is not known to this bench"))
            .help(nearest_or_list(profile, "profiles", &PROFILES)));
    }
    let profile = case.profile.as_deref().and_then(Profile::parse);
    for App::ServerlessIot(app) in &mut file.app {
        app.profile = profile.unwrap_or(app.profile);
        app.capture_calls();
    }
    case.check(&known(&file))?;
    Ok((file, text))
}

/// Names that a scenario on this bench can use.
fn known(file: &BenchFile) -> Known {
    let mut devices = BTreeMap::new();
    for (id, device) in file.devices() {
        let sensors: Vec<String> = match device.backend {
            Backend::Emulator | Backend::Renode | Backend::Probe => twinbench_machine::QUANTITIES
                .iter()
                .map(|it| (*it).to_owned())
                .collect(),
            Backend::Simulated if device.sensors.is_empty() => {
                vec!["temperature".into(), "humidity".into()]
            }
            Backend::External | Backend::Process => Vec::new(),
            Backend::Simulated => device
                .sensors
                .keys()
                .map(|it| it.get_ref().clone())
                .collect(),
        };
        devices.insert(id.to_string(), sensors);
    }
    Known {
        devices,
        metrics: METRICS.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// What happens to signals of the function, for the whole run.
fn signal_faults(case: &Case, seed: u64) -> ClientFaults {
    let mut faults = ClientFaults {
        seed,
        ..ClientFaults::default()
    };
    for planned in &case.faults {
        match planned.fault.kind {
            FaultKind::SignalReorder => faults.reorder = Some(planned.fault.by.unwrap_or(LATE)),
            FaultKind::SignalDuplicate => {
                faults.duplicate = planned.fault.probability.unwrap_or(1.0);
            }
            _ => {}
        }
    }
    faults
}

/// Runs a case to its verdict; `seen` is told of it whenever a step is decided.
pub(crate) fn run(
    case: &Case,
    options: &CaseOptions,
    seen: &dyn Fn(&Verdict),
) -> Result<Ran, Trouble> {
    let (file, text) = bench_of(case, options.seed)?;
    let seed = file.seed;
    let mut coverage = Coverage::default();
    if file.app.iter().any(|App::ServerlessIot(_)| true) {
        know_the_application(&mut coverage);
    }
    let session_options = session::Options {
        path: case.bench.clone(),
        text,
        out: options.folder.clone(),
        data: options.folder.join("data"),
        resume: false,
        threads: options.threads,
        // A crash loses what was not committed: so little as a real cloud has under way.
        commit_every: 1,
        durability: twinbench_engine::store::Durability::Strict,
        require_recording: false,
        parent: None,
    };
    let mut session = Session::open_in_memory(file, &session_options, signal_faults(case, seed))?;
    session.watch();
    let begin = session.started_at();
    let mut bench = Bench::new(session);
    let mut runner = Runner::new(case);
    let mut transcripts: Vec<_> = case
        .goldens
        .iter()
        .map(|golden| Transcript::new(&golden.channels))
        .collect();
    let mut events = Vec::new();
    let mut next = Next::Until(VirtualTime::ZERO);
    let mut decided = 0;
    loop {
        bench.session.take_watched(&mut events);
        // What was done at this instant may already have had its effect: time stands until the
        // runner has seen it.
        let news = !events.is_empty();
        for event in events.drain(..) {
            see(&event, begin, &mut runner, &mut coverage, &mut transcripts);
        }
        match next {
            Next::Until(wake) if !news && wake > bench.now() => {
                let wake = begin + wake.since(VirtualTime::ZERO);
                let step = bench.session.next_step(wake);
                bench.session.step(step)?;
                bench.session.take_watched(&mut events);
                for event in events.drain(..) {
                    see(&event, begin, &mut runner, &mut coverage, &mut transcripts);
                }
            }
            Next::Done if !news => break,
            _ => {}
        }
        next = runner.advance(&mut bench)?;
        let now_decided = runner.verdict().decided();
        if now_decided != decided {
            decided = now_decided;
            seen(runner.verdict());
        }
    }
    let mut verdict = runner.verdict().clone();
    for (golden, transcript) in case.goldens.iter().zip(&transcripts) {
        let step = compare(golden, transcript, options.update, bench.now())?;
        verdict.always.push(step);
    }
    let (_, kept) = bench.session.finish()?;
    Ok(Ran {
        verdict,
        digest: kept.digest,
        coverage,
        seed,
    })
}

fn see(
    event: &Event,
    begin: VirtualTime,
    runner: &mut Runner,
    coverage: &mut Coverage,
    transcripts: &mut [Transcript],
) {
    let time = VirtualTime::ZERO + event.time.since(begin);
    runner.observe(event, time);
    coverage.observe(event);
    for transcript in transcripts {
        transcript.observe(event, time);
    }
}

/// What the application's entities and workflows can do, so that a table shows what was not reached.
fn know_the_application(coverage: &mut Coverage) {
    use twinbench_serverless::{STANDARD, WEATHER, notification::SEND_NOTIFICATION};
    let operations: Vec<String> = [STANDARD, WEATHER]
        .iter()
        .flat_map(|entity| {
            ["TelemetryReceived", "SetConfiguration"]
                .map(|operation| format!("{}.{operation}", entity.to_lowercase()))
        })
        .collect();
    let connectors = ["SendMessageToDevice", "SendMessageToTwilio"];
    let branches: Vec<String> = ["started", "completed", "failed"]
        .map(str::to_owned)
        .into_iter()
        .chain(connectors.map(|it| format!("activityScheduled {it}")))
        .map(|branch| format!("{SEND_NOTIFICATION} → {branch}"))
        .collect();
    coverage.know(
        operations.iter().map(String::as_str),
        branches.iter().map(String::as_str),
        connectors,
    );
}

/// Compares with what was kept; what differs is written beside it.
fn compare(
    golden: &twinbench_scenario::file::PlannedGolden,
    transcript: &Transcript,
    update: bool,
    now: VirtualTime,
) -> Result<StepVerdict, Trouble> {
    let fail = |path: &Path, cause| Trouble::Golden(path.to_owned(), cause);
    let kept = match fs::read_to_string(&golden.file) {
        Ok(kept) => Some(kept),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
        Err(cause) => return Err(fail(&golden.file, cause)),
    };
    let mut new = golden.file.clone().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    let difference = transcript.difference(kept.as_deref().unwrap_or_default());
    let outcome = if difference.is_none() && kept.is_some() {
        // A difference that was mended must not leave its file behind.
        let _ = fs::remove_file(&new);
        Outcome::Passed
    } else if update {
        fs::write(&golden.file, transcript.text()).map_err(|cause| fail(&golden.file, cause))?;
        let _ = fs::remove_file(&new);
        Outcome::Passed
    } else {
        fs::write(&new, transcript.text()).map_err(|cause| fail(&new, cause))?;
        let line = |text: Option<String>| text.unwrap_or_else(|| "nothing more".into());
        let (expected, found) = match (kept, difference) {
            (None, _) => (
                format!("{} to be there", golden.file.display()),
                "no such file".into(),
            ),
            (Some(_), Some(it)) => (
                format!(
                    "line {} of {}: {}",
                    it.line,
                    golden.file.display(),
                    line(it.kept)
                ),
                line(it.now),
            ),
            (Some(_), None) => (golden.file.display().to_string(), "another end".into()),
        };
        Outcome::Failed(Failure {
            expected,
            found,
            nearest: Some(format!("look at {}; --update accepts it", new.display())),
        })
    };
    Ok(StepVerdict {
        name: format!("golden {}", golden.file.display()),
        place: golden.place.clone(),
        began: Some(VirtualTime::ZERO),
        ended: Some(now),
        outcome,
    })
}

/// Where a trouble's mistake is the person's, its file error.
impl Trouble {
    pub(crate) fn file_error(&self) -> Option<&file::Error> {
        match self {
            Self::File(error) => Some(error),
            _ => None,
        }
    }
}
