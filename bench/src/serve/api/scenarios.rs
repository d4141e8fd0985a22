//! Scenarios: list, run beside the served session, save.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use twinbench_model::api::page::EventRow;
use twinbench_scenario::{
    Case,
    report::{CaseReport, Status},
    runner::{Outcome, StepVerdict, Verdict},
};

use super::{
    Answer, ApiError, ask,
    files::{blocking, plain},
    look,
};
use crate::{
    scenario::{self, News, SuiteOptions},
    serve::routes::Shared,
};

/// Where scenarios are looked for, below the folder that the bench was started in.
const FOLDERS: [&str; 2] = ["scenarios", "fixtures/scenarios"];
/// Where artefacts of runs go.
const OUT: &str = "out/page";
/// Runs that are remembered.
const MOST_RUNS: usize = 20;

/// Runs of scenarios that the page asked for.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct Runs {
    all: Arc<Mutex<BTreeMap<u64, Run>>>,
}

#[derive(Debug, Clone)]
struct Run {
    cases: Vec<Value>,
    over: bool,
}

impl Runs {
    fn with<T>(&self, what: impl FnOnce(&mut BTreeMap<u64, Run>) -> T) -> T {
        what(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/scenarios", get(list).post(save))
        .route("/bench/scenarios/run", axum::routing::post(run))
        .route("/bench/scenarios/runs/{run}", get(one))
}

fn all_files() -> Vec<PathBuf> {
    let folders = FOLDERS.iter().map(PathBuf::from);
    let there: Vec<_> = folders.filter(|it| it.is_dir()).collect();
    scenario::find(&there).unwrap_or_default()
}

async fn list(State(shared): State<Shared>) -> Answer<Vec<Value>> {
    let states: BTreeMap<String, Value> = shared.runs.with(|runs| {
        let cases = runs.values().flat_map(|run| &run.cases);
        let state = |case: &Value| Some((case["file"].as_str()?.to_owned(), case["state"].clone()));
        cases.filter_map(state).collect()
    });
    blocking(move || {
        let row = |path: PathBuf| {
            let file = path.display().to_string();
            let text = fs::read_to_string(&path).unwrap_or_default();
            let read: Option<toml::Table> = text.parse().ok();
            let name = read.as_ref().and_then(|it| it.get("name")?.as_str()).map(str::to_owned);
            json!({"file": file, "name": name.unwrap_or_else(|| file.clone()), "state": states.get(&file)})
        };
        Ok(Json(all_files().into_iter().map(row).collect()))
    })
    .await
}

#[derive(Deserialize, Default)]
struct Which {
    files: Option<Vec<String>>,
}

async fn run(
    State(shared): State<Shared>,
    body: Result<Json<Which>, JsonRejection>,
) -> Answer<Value> {
    let Json(which) = body?;
    let cases = blocking(move || {
        let all = all_files();
        let files = match which.files {
            None => all,
            Some(names) => names
                .iter()
                .map(|name| {
                    // Only what the list has: the page opens no other file.
                    let known = all.iter().find(|path| path.as_path() == Path::new(name));
                    known.cloned().ok_or_else(|| {
                        ApiError::missing("scenario", name, "GET /bench/scenarios lists them")
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        let cases = scenario::load(&files);
        cases.map_err(|cause| ApiError::bad(cause.plain(), "mend the file and run it again"))
    })
    .await?;
    if cases.is_empty() {
        let hint = "put scenario files into scenarios/";
        return Err(ApiError::missing("scenario", "here", hint));
    }
    let number = shared.runs.with(|runs| {
        let number = runs.keys().next_back().map_or(1, |last| last + 1);
        let cases = cases.iter().map(waiting).collect();
        runs.insert(number, Run { cases, over: false });
        while runs.len() > MOST_RUNS {
            runs.pop_first();
        }
        number
    });
    let runs = shared.runs.clone();
    let spawned = std::thread::Builder::new()
        .name("scenarios".into())
        .spawn(move || work(&runs, number, &cases));
    spawned.map_err(ApiError::refused)?;
    Ok(Json(json!({"run": number.to_string()})))
}

fn waiting(case: &Case) -> Value {
    json!({
        "name": case.name,
        "file": case.path.display().to_string(),
        "state": "running",
        "steps": [],
    })
}

fn under_way(case: &Case, verdict: &Verdict) -> Value {
    let mut told = waiting(case);
    told["steps"] = verdict.all().map(step).collect();
    told
}

/// Runs the cases one after the other: the served session keeps a core.
fn work(runs: &Runs, number: u64, cases: &[Case]) {
    let options = SuiteOptions {
        jobs: 1,
        retries: 0,
        go_on: true,
        seed: None,
        update: false,
        out: PathBuf::from(OUT).join(number.to_string()),
    };
    scenario::run(cases, &options, &|news| {
        let (name, file, now) = match news {
            News::Step(case, verdict) => (&case.name, &case.path, under_way(case, verdict)),
            News::Case(report) => (&report.name, &report.file, told(report)),
        };
        let file = file.display().to_string();
        runs.with(|runs| {
            let Some(run) = runs.get_mut(&number) else {
                return;
            };
            let of = |case: &&mut Value| case["name"] == **name && case["file"] == *file;
            if let Some(case) = run.cases.iter_mut().find(of) {
                *case = now;
            }
        });
    });
    runs.with(|runs| {
        if let Some(run) = runs.get_mut(&number) {
            run.over = true;
        }
    });
}

fn told(report: &CaseReport) -> Value {
    let steps = report
        .verdict
        .iter()
        .flat_map(|it| it.steps.iter().chain(&it.always));
    let steps: Vec<Value> = steps.map(step).collect();
    json!({
        "name": report.name,
        "file": report.file.display().to_string(),
        "state": if report.status.is_good() { "passed" } else { "failed" },
        "skipped": report.status == Status::Skipped,
        "story": report.story,
        "repro": report.repro,
        "folder": report.folder,
        "steps": steps,
    })
}

fn step(step: &StepVerdict) -> Value {
    let (state, expected, actual) = match &step.outcome {
        Outcome::Passed => ("passed", None, None),
        Outcome::Failed(failure) => (
            "failed",
            Some(&failure.expected),
            Some(failure.found.clone()),
        ),
        Outcome::NotSupported { what } => ("failed", None, Some(format!("{what}: not supported"))),
        Outcome::Refused { reason } => ("failed", None, Some(reason.clone())),
        Outcome::NotReached => ("waiting", None, None),
    };
    json!({
        "name": step.name,
        "title": step.name,
        "state": if state == "waiting" { "" } else { state },
        "expected": expected,
        "actual": actual,
        "at": step.ended.or(step.began).map(twinbench_model::VirtualTime::as_nanos),
    })
}

async fn one(
    State(shared): State<Shared>,
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Answer<Value> {
    let run = name
        .parse()
        .ok()
        .and_then(|number: u64| shared.runs.with(|runs| runs.get(&number).cloned()));
    let run = run.ok_or_else(|| ApiError::missing("run", &name, "run scenarios first"))?;
    let failed = run.cases.iter().any(|case| case["state"] == "failed");
    let state = match (run.over, failed) {
        (false, _) => "running",
        (true, true) => "failed",
        (true, false) => "passed",
    };
    Ok(Json(
        json!({"run": name, "state": state, "scenarios": run.cases}),
    ))
}

#[derive(Deserialize)]
struct Save {
    name: String,
    /// The text; without, it is made of events.
    toml: Option<String>,
    /// Numbers of events of the served session that are to be expected.
    #[serde(default)]
    events: Vec<u64>,
}

/// What a scenario says to expect an event; nothing for events that nobody can expect.
fn expectation(row: &EventRow) -> Option<String> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let device = quoted(&row.device);
    let fact = |name: &str| row.detail[name].as_str().map(quoted);
    Some(match row.lane.as_str() {
        "uart" => {
            let text = row.detail["text"].as_str()?;
            // What stands before is the firmware's own clock.
            let text = text.split_once("] ").map_or(text, |(_, text)| text);
            format!(
                "expect.uart = {{ device = {device}, text = {} }}",
                quoted(text)
            )
        }
        "message" if row.detail.get("body").is_some() && row.detail.get("partition").is_some() => {
            format!("expect.telemetry = {{ device = {device} }}")
        }
        "message" => format!(
            "expect.event = {{ kind = \"c2d\", source = {device}, facts.event = {} }}",
            fact("event")?
        ),
        "entity" => format!(
            "expect.event = {{ kind = \"entity\", source = {}, facts.operation = {} }}",
            quoted(&format!("*@{}", row.device)),
            fact("operation")?
        ),
        "workflow" => format!(
            "expect.event = {{ kind = \"workflow\", facts.event = {} }}",
            fact("event")?
        ),
        "connector" => format!(
            "expect.connector = {{ device = {device}, connector = {} }}",
            fact("connector")?
        ),
        "alert" => format!("expect.connector = {{ device = {device} }}"),
        lane @ ("twin" | "method") => {
            format!("expect.event = {{ kind = \"{lane}\", source = {device} }}")
        }
        _ => return None,
    })
}

/// A scenario that expects these events of a bench, one after the other.
fn of_events(name: &str, bench: &Path, rows: &[EventRow]) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let bench = quoted(&bench.display().to_string());
    let mut text = format!(
        "version = 1\nname    = {}\nbench   = {bench}\n",
        quoted(name)
    );
    let mut last = 0;
    for row in rows {
        let Some(expectation) = expectation(row) else {
            continue;
        };
        // Some seconds more than it took.
        let patience = row.at.saturating_sub(last).div_ceil(1_000_000_000) + 5;
        last = row.at;
        let step = format!(
            "\n[[step]]\nname   = {}\nwithin = \"{patience}s\"\n{expectation}\n",
            quoted(&row.title)
        );
        text.push_str(&step);
    }
    text
}

/// Where a bench lies as a file in `scenarios/` names it.
fn beside(bench: &Path) -> PathBuf {
    if bench.is_absolute() {
        bench.to_owned()
    } else {
        Path::new("..").join(bench)
    }
}

/// Saves a scenario into `scenarios/`, after checking that it is one.
async fn save(
    State(shared): State<Shared>,
    body: Result<Json<Save>, JsonRejection>,
) -> Answer<Value> {
    let Json(Save { name, toml, events }) = body?;
    let toml = if let Some(toml) = toml {
        toml
    } else {
        let rows = look(&shared, |view| {
            let row = |id: &u64| Some(view.journey.chain(*id)?.event);
            events.iter().filter_map(row).collect::<Vec<_>>()
        });
        if rows.iter().all(|row| expectation(row).is_none()) {
            return Err(ApiError::bad(
                "none of these events can be expected",
                "pick messages, operations, workflows, alerts or lines",
            ));
        }
        let bench = ask(&shared, |session| Ok(session.path().to_owned())).await?;
        of_events(&name, &beside(&bench), &rows)
    };
    let stem = name.trim_end_matches(".toml").to_owned();
    if !plain(&stem) || stem.starts_with('_') {
        return Err(ApiError::bad(
            format!("{name:?} cannot be a scenario's name"),
            "letters, digits, blanks, - and _, at most 64",
        ));
    }
    blocking(move || {
        let path = Path::new("scenarios").join(format!("{stem}.toml"));
        if path.exists() {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                format!("{} is there already", path.display()),
                "choose another name",
            ));
        }
        let written = fs::create_dir_all("scenarios").and_then(|()| fs::write(&path, &toml));
        written.map_err(ApiError::refused)?;
        let read = scenario::load(std::slice::from_ref(&path));
        let read = read.and_then(|cases| {
            for case in &cases {
                scenario::bench_of(case, None)?;
            }
            Ok(())
        });
        if let Err(cause) = read {
            // A scenario that cannot be read would break every later run of the folder.
            let _ = fs::remove_file(&path);
            return Err(ApiError::bad(cause.plain(), "mend it and save it again"));
        }
        Ok(Json(json!({"file": path.display().to_string()})))
    })
    .await
}
