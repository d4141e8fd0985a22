//! Other benches that a person opened on the page: each runs in this process with an API of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::StatusCode;
use serde_json::{Value, json};

use twinbench_model::{
    VirtualTime,
    api::page::{Opened, SetSensor},
};

use super::{ApiError, opened::LastOpened};
use crate::serve::{
    past::Origin,
    running::{self, Running},
};

/// Benches beside the first one; each keeps a thread and its recording open.
const MOST: usize = 4;

/// The benches that run beside the first one, until this process ends.
#[derive(Clone, Default)]
pub(in super::super) struct Others {
    all: Arc<Mutex<BTreeMap<PathBuf, Running>>>,
    /// Moments that are being made.
    making: Arc<Mutex<usize>>,
    recordings: LastOpened,
}

impl Others {
    /// Recordings that are looked at.
    pub(super) fn recordings(&self) -> &LastOpened {
        &self.recordings
    }

    /// Starts a bench, or finds it running: its address, key, and the address of its page.
    pub(super) fn open(&self, bench: &Path, out: &Path, page: &Path) -> Result<Value, ApiError> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(bench) {
            if all.len() >= MOST {
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    format!("{MOST} other benches run in this process already"),
                    format!(
                        "close one (POST /bench/close), or open it with: twinbench serve {} --port 0",
                        bench.display()
                    ),
                ));
            }
            let started = running::start(bench, out, page);
            let started = started.map_err(|cause| ApiError::bad(cause.to_string(), ""))?;
            all.insert(bench.to_owned(), started);
        }
        let Some(running) = all.get(bench) else {
            return Err(ApiError::gone());
        };
        let origin = format!("http://{}", running.address);
        // The key is in the part of the address that no server and no log sees.
        Ok(json!({
            "file": bench.display().to_string(),
            "origin": origin,
            "key": running.key,
            "url": format!("{origin}/#code={}", running.key),
        }))
    }

    /// The benches that run beside, by what they are closed by.
    pub(super) fn list(&self) -> Vec<Value> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(file, running): (&PathBuf, &Running)| json!({"file": file.display().to_string(), "origin": format!("http://{}", running.address)});
        all.iter().map(row).collect()
    }

    /// Ends a bench that runs beside, as Ctrl-C would; waits until its recording is closed.
    pub(super) fn close(&self, file: &Path) -> Result<(), ApiError> {
        let taken = {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.remove(file)
        };
        match taken {
            Some(running) => {
                drop(running);
                Ok(())
            }
            None => Err(ApiError::missing(
                "bench beside this one",
                &file.display().to_string(),
                "GET /bench/opened lists them",
            )),
        }
    }

    /// Makes a moment of a session again, and keeps it running beside.
    pub(super) fn branch(
        &self,
        origin: &Origin,
        at: VirtualTime,
        set: Option<&SetSensor>,
        page: &Path,
    ) -> Result<Opened, ApiError> {
        // Making a moment takes as long as the session's past: the others are not held up by it.
        {
            let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
            let there = self
                .all
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len();
            if there + *making >= MOST {
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    format!("{MOST} other benches run in this process already"),
                    "close one (POST /bench/close), or: twinbench run --session FILE --from TIME",
                ));
            }
            *making += 1;
        }
        let begun = origin.branch(at, set, page);
        *self.making.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        let (running, out) = begun.map_err(ApiError::refused)?;
        let address = format!("http://{}", running.address);
        let opened = Opened {
            url: format!("{address}/#code={}", running.key),
            origin: address,
            key: running.key.clone(),
            at: at.as_nanos(),
            out: out.display().to_string(),
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(out, running);
        Ok(opened)
    }
}
