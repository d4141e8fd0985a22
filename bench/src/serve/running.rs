//! A bench that runs at real time on a thread of its own, for the desktop window.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use super::{Doors, Error, HubDoors, Pace, certificates_folder, open};
use crate::{
    file::{self, BenchFile},
    report,
    session::{self, Options, Session, new_run, remove_old_recordings},
};

/// Why a bench did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The bench file is wrong.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The session cannot be opened.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The API cannot be served.
    #[error(transparent)]
    Serve(#[from] Error),
}

/// A bench that runs and serves its API until it is dropped.
pub struct Running {
    /// Where its API is, on loopback.
    pub address: SocketAddr,
    /// The key that the API asks for.
    pub key: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a bench: a new run below `out`, its API on any free port of loopback. Recordings that the
/// bench file does not want to keep any longer are removed.
///
/// # Errors
/// When the file is wrong, the session cannot be opened or no port can be had.
#[expect(
    clippy::disallowed_methods,
    reason = "files have their age by the wall clock"
)]
pub fn start(bench: &Path, out: &Path, page: &Path) -> Result<Running, StartError> {
    let file = BenchFile::load(bench)?;
    let now = std::time::SystemTime::now();
    for gone in remove_old_recordings(out, file.name.get_ref(), &file.recording, now) {
        tracing::info!(file = %gone.file.display(), bytes = gone.bytes, "removed as too old or too much");
    }
    let folder = new_run(out, file.name.get_ref())?;
    let options = Options {
        path: bench.to_owned(),
        text: std::fs::read_to_string(bench).unwrap_or_default(),
        data: folder.join("data"),
        out: folder.clone(),
        resume: false,
        threads: 0,
        commit_every: 1,
        durability: twinbench_engine::store::Durability::Strict,
        require_recording: false,
        parent: None,
    };
    let session = Session::open(file, &options)?;
    serve(session, &options, Stands::Not, page)
}

/// Whether a bench begins to run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// It runs at real time.
    Not,
    /// It stands until somebody plays it.
    Still,
}

/// Serves a session on a thread of its own.
pub(super) fn serve(
    mut session: Session,
    options: &Options,
    stands: Stands,
    page: &Path,
) -> Result<Running, StartError> {
    let folder = options.out.clone();
    std::fs::create_dir_all(&options.data).map_err(Error::Start)?;
    let bench = &options.path;
    let certificates = certificates_folder().unwrap_or_else(|| options.data.join("certificates"));
    let doors = Doors {
        api: Some(0),
        // The usual ports may be taken by another window: only on request.
        hub: session.file().hub.listen.then_some(HubDoors {
            ports: &session.file().hub.ports,
            plain: session.file().hub.plain,
            certificates: &certificates,
            bench,
            session: &session,
        }),
        durable_task: session.file().durable_task.listen.then_some(0),
        epoch: session.epoch(),
        data: &options.data,
        page,
    };
    let mut server = open(doors)?;
    if stands == Stands::Still {
        server.clock.stand_first();
    }
    let Some(address) = server.api else {
        let cause = std::io::Error::other("the API has no address");
        return Err(Error::Start(cause).into());
    };
    let key = server.key.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let thread = std::thread::Builder::new()
        .name("bench".into())
        .spawn(move || {
            let pace = Pace::realtime(session.now(), 1.0);
            if let Err(cause) = server.run(&mut session, pace, &flag, |_| {}) {
                tracing::error!(%cause, "the bench ended early");
            }
            if let Err(cause) = report::finish(session, &folder) {
                tracing::error!(%cause, "the run's report is incomplete");
            }
        })
        .map_err(Error::Start)?;
    Ok(Running {
        address,
        key,
        stop,
        thread: Some(thread),
    })
}

impl Drop for Running {
    /// Ends the run as Ctrl-C would: committed, recording closed.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the bench has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}
