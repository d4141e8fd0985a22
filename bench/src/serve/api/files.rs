//! Files that a person starts from: benches, recordings.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};
use twinbench_recording::{
    Reader,
    diff::{Divergence, Options, What, diff},
};

use super::{Answer, ApiError, ask};
use crate::{file::BenchFile, serve::routes::Shared};

/// Folders that benches and examples are looked for in, below the one that the bench was started
/// in.
const FOLDERS: [&str; 4] = ["", "benches", "examples", "fixtures/benches"];
/// Recordings of a list.
const MOST: usize = 200;
/// The newest lines that are looked at of a list of folders.
const RUNS: usize = 50;

/// The longest request that brings a firmware: an ELF file with its debug information, in Base64.
const LONGEST_FIRMWARE: usize = 64 * 1024 * 1024;

/// The longest recording that is taken in, as it is held in memory once.
const LONGEST_RECORDING: usize = 1024 * 1024 * 1024;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/benches", get(benches))
        .route("/bench/open", post(open))
        .route("/bench/opened", get(opened))
        .route("/bench/close", post(close))
        .route(
            "/bench/new",
            post(new).layer(axum::extract::DefaultBodyLimit::max(LONGEST_FIRMWARE)),
        )
        .route("/bench/recordings", get(recordings))
        .route("/bench/recordings/compare", get(compare))
        .route(
            "/bench/recordings/import",
            post(import).layer(axum::extract::DefaultBodyLimit::max(LONGEST_RECORDING)),
        )
}

/// Runs what reads the disk where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(what)
        .await
        .unwrap_or_else(|_| Err(ApiError::refused("the request failed in the middle")))
}

/// Files of a folder that end so, in order of their names.
pub(super) fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == end))
        .map(|path| path.strip_prefix("./").map(Path::to_owned).unwrap_or(path))
        .collect();
    all.sort();
    all
}

async fn benches() -> Answer<Value> {
    blocking(|| {
        let mut all = Vec::new();
        for folder in FOLDERS {
            for path in files(Path::new(folder), "toml") {
                // Other TOML files lie about; only benches have a name and devices.
                let Ok(file) = BenchFile::load(&path) else {
                    continue;
                };
                all.push(json!({
                    "name": file.name.get_ref(),
                    "file": path.display().to_string(),
                    "devices": file.devices().len(),
                }));
            }
        }
        Ok(Json(json!({"benches": all})))
    })
    .await
}

#[derive(Deserialize)]
struct Open {
    file: String,
}

/// Starts another bench in this process, with an API of its own.
async fn open(
    State(shared): State<Shared>,
    body: Result<Json<Open>, JsonRejection>,
) -> Answer<Value> {
    let Json(Open { file }) = body?;
    let out = out(&shared).await?;
    blocking(move || shared.others.open(Path::new(&file), &out, &shared.page))
        .await
        .map(Json)
}

/// The benches that run beside the first one.
async fn opened(State(shared): State<Shared>) -> Answer<Value> {
    Ok(Json(json!({"opened": shared.others.list()})))
}

/// Ends one of them, by its bench file or, for a branch, by its folder.
async fn close(
    State(shared): State<Shared>,
    body: Result<Json<Open>, JsonRejection>,
) -> Answer<Value> {
    let Json(Open { file }) = body?;
    blocking(move || shared.others.close(Path::new(&file))).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct New {
    name: String,
    board: String,
    backend: String,
    firmware: Option<String>,
    /// The firmware itself in Base64, which is put beside the bench file.
    elf: Option<String>,
}

/// Whether a name can be a file's.
pub(super) fn plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_ ".contains(c))
}

/// The name, or with a number behind it the first that no bench has.
fn free(name: &str) -> String {
    let taken = |name: &str| Path::new("benches").join(format!("{name}.toml")).exists();
    let numbered = (2..1_000).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !taken(name))
        .unwrap_or_else(|| name.to_owned())
}

/// Writes a bench file for a firmware into `benches/`, after checking that it is one.
async fn new(body: Result<Json<New>, JsonRejection>) -> Answer<Value> {
    let Json(mut new) = body?;
    if !plain(&new.name) {
        return Err(ApiError::bad(
            format!("{:?} cannot be a bench's name", new.name),
            "letters, digits, blanks, - and _, at most 64",
        ));
    }
    if let Some(elf) = new.elf.take() {
        let elf = base64::engine::general_purpose::STANDARD
            .decode(elf)
            .map_err(|cause| ApiError::bad(format!("the firmware is no Base64: {cause}"), ""))?;
        if !elf.starts_with(b"\x7fELF") {
            return Err(ApiError::bad(
                "the firmware is no ELF file",
                "give the .elf that its build made",
            ));
        }
        new.name = free(&new.name);
        let path = PathBuf::from("benches").join(format!("{}.elf", new.name));
        new.firmware = Some(path.display().to_string());
        blocking(move || {
            let written = fs::create_dir_all("benches").and_then(|()| fs::write(&path, &elf));
            written.map_err(ApiError::refused)
        })
        .await?;
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let path = PathBuf::from("benches").join(format!("{}.toml", new.name));
    let mut text = format!(
        "version = 1\nname    = {}\nepoch   = \"2026-01-01T00:00:00Z\"\nseed    = 1\n\n[[device]]\nid      = \"device-01\"\nbackend = {}\n",
        quoted(&new.name),
        quoted(&new.backend)
    );
    if new.backend == "simulated" {
        text.push_str("interval = \"10s\"\n");
    } else {
        let firmware = new
            .firmware
            .filter(|it| !it.is_empty())
            .ok_or_else(|| ApiError::bad("there is no firmware", "give the path of an ELF file"))?;
        // The bench file lies one folder deeper.
        let firmware = if Path::new(&firmware).is_absolute() {
            firmware
        } else {
            format!("../{firmware}")
        };
        let (board, firmware) = (quoted(&new.board), quoted(&firmware));
        for (name, value) in [("board   ", &board), ("firmware", &firmware)] {
            text.push_str(name);
            text.push_str(" = ");
            text.push_str(value);
            text.push('\n');
        }
        text.push_str("link    = { modem = \"usart1\" }\n");
    }
    blocking(move || {
        if path.exists() {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                format!("{} is there already", path.display()),
                "choose another name",
            ));
        }
        let written = fs::create_dir_all("benches").and_then(|()| fs::write(&path, &text));
        written.map_err(ApiError::refused)?;
        if let Err(cause) = BenchFile::load(&path) {
            // A file that cannot be opened is not left behind.
            let _ = fs::remove_file(&path);
            return Err(ApiError::bad(
                cause.to_string(),
                "change the form and try again",
            ));
        }
        Ok(Json(json!({
            "file": path.display().to_string(),
            "next": format!("twinbench serve {}", path.display()),
        })))
    })
    .await
}

/// The folder that runs of all benches lie in.
pub(super) async fn out(shared: &Shared) -> Result<PathBuf, ApiError> {
    // out/<bench>/<n>
    let run = ask(shared, |session| Ok(session.out().to_owned())).await?;
    Ok(run
        .parent()
        .and_then(Path::parent)
        .map_or_else(|| PathBuf::from("out"), Path::to_owned))
}

fn newest(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()))
        .map(|entry| entry.path())
        .collect();
    let number = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.parse::<u64>().unwrap_or(0), name.into_owned())
    };
    all.sort_by_key(|path| std::cmp::Reverse(number(path)));
    all.truncate(RUNS);
    all
}

async fn recordings(State(shared): State<Shared>) -> Answer<Vec<Value>> {
    let out = out(&shared).await?;
    blocking(move || {
        let mut all = Vec::new();
        for run in newest(&out).iter().flat_map(|bench| newest(bench)) {
            let finished = run.join("session.mcap");
            let (path, running) = if finished.is_file() {
                (finished, false)
            } else {
                (run.join("session.mcap.part"), true)
            };
            let Ok(facts) = fs::metadata(&path) else {
                continue;
            };
            let name = path
                .strip_prefix(&out)
                .unwrap_or(&path)
                .display()
                .to_string();
            let report: Value = fs::read_to_string(run.join("report.json"))
                .ok()
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default();
            let until = Reader::open(&path)
                .and_then(|mut it| it.until())
                .ok()
                .flatten();
            all.push(json!({
                "name": name,
                "bytes": facts.len(),
                "running": running,
                "length_ns": until.map(twinbench_model::VirtualTime::as_nanos),
                "devices": report["devices"].as_array().map(Vec::len),
                "alerts": report["alerts"],
            }));
        }
        all.truncate(MOST);
        Ok(Json(all))
    })
    .await
}

/// A recording of the list by its name, and nothing else on this disk.
pub(super) fn recording(out: &Path, name: &str) -> Result<PathBuf, ApiError> {
    let relative = Path::new(name);
    let inside = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let file = relative.file_name().unwrap_or_default();
    let is = file == "session.mcap" || file == "session.mcap.part";
    let path = out.join(relative);
    if !inside || !is || !path.is_file() {
        let hint = "GET /bench/recordings lists them";
        return Err(ApiError::missing("recording", name, hint));
    }
    Ok(path)
}

/// Puts a recording from elsewhere beside those of this folder, after a look at whether it is one.
async fn import(
    State(shared): State<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Value> {
    let bytes = body.map_err(|cause| {
        ApiError::bad(
            cause.body_text(),
            "copy it to out/opened/1/session.mcap instead, where the list finds it",
        )
    })?;
    let out = out(&shared).await?;
    blocking(move || take_in(&out, &bytes).map(|name| Json(json!({ "name": name })))).await
}

/// Writes a recording into a folder of its own; gives its name in the list.
fn take_in(out: &Path, bytes: &[u8]) -> Result<String, ApiError> {
    let opened = out.join("opened");
    fs::create_dir_all(&opened).map_err(ApiError::refused)?;
    let free = (1..u32::MAX).map(|n| (format!("opened/{n}/session.mcap"), n));
    for (name, n) in free {
        let folder = opened.join(n.to_string());
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(cause) => return Err(ApiError::refused(cause)),
        }
        let path = folder.join("session.mcap");
        fs::write(&path, bytes).map_err(ApiError::refused)?;
        let read = Reader::open(&path).map(|_| ());
        return match read {
            Ok(()) => Ok(name),
            Err(cause) => {
                // What is no recording of ours leaves nothing behind.
                let _ = fs::remove_dir_all(&folder);
                Err(ApiError::bad(
                    format!("this file cannot be opened: {cause}"),
                    "recordings of Twinbench end in .mcap; others are opened by Foxglove",
                ))
            }
        };
    }
    Err(ApiError::refused("no number is free below out/opened"))
}

#[derive(Deserialize)]
struct Two {
    a: String,
    b: String,
}

async fn compare(
    State(shared): State<Shared>,
    two: Result<Query<Two>, QueryRejection>,
) -> Answer<Value> {
    let Query(Two { a, b }) = two?;
    let out = out(&shared).await?;
    let (a, b) = (recording(&out, &a)?, recording(&out, &b)?);
    blocking(move || {
        let read = |path: &Path| Reader::open(path).map_err(ApiError::refused);
        let (one, other) = (read(&a)?, read(&b)?);
        let found = diff(one.entries(), other.entries(), &Options::default());
        let found = found.map_err(ApiError::refused)?;
        let values: Vec<_> = found.divergences.iter().map(values).collect();
        let mut told = serde_json::to_value(found).unwrap_or_default();
        for (at, values) in values.into_iter().enumerate() {
            // The entries of both sides have taken the names of the field's values.
            if let Some(values) = values {
                told["divergences"][at]["values"] = values;
            }
        }
        Ok(Json(told))
    })
    .await
}

/// What a field is on either side.
fn values(divergence: &Divergence) -> Option<Value> {
    match &divergence.what {
        What::Field { left, right, .. } => Some(json!([left, right])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recording_is_not_taken_in() {
        let folder = tempfile::tempdir().unwrap();
        assert!(take_in(folder.path(), b"no recording").is_err());
        assert!(!folder.path().join("opened/1").exists());
    }

    #[test]
    fn only_recordings_below_the_folder_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir_all(out.join("b/1")).unwrap();
        fs::write(out.join("b/1/session.mcap"), b"x").unwrap();
        fs::write(folder.path().join("secret.mcap"), b"x").unwrap();
        assert!(recording(&out, "b/1/session.mcap").is_ok());
        for name in [
            "../secret.mcap",
            "/etc/passwd",
            "b/1",
            "",
            "b/1/none.mcap",
            "b/./../../secret.mcap",
        ] {
            assert!(recording(&out, name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_of_files_are_plain() {
        assert!(plain("my bench-2"));
        for name in ["", "..", "a/b", "a\\b", ".hidden", "x\0", &"x".repeat(65)] {
            assert!(!plain(name), "{name:?}");
        }
    }
}
