//! Moments of a running session that were: each is made again as a bench of its own.
//!
//! A bench is deterministic, so what was at a moment is had by running again up to there with what
//! was done from outside, as the session's recording has it. Whether it came out the same is not
//! taken for granted: both recordings are compared up to the moment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use twinbench_engine::{ClientFaults, store::Durability};
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, VirtualTime, api::page::SetSensor};
use twinbench_recording::{Reader, diff};

use super::running::{Running, Stands, StartError, serve};
use crate::{
    file::BenchFile,
    replay::{
        self,
        again::{compare_files, parent},
        inputs::inputs,
        timeline::catch_up,
    },
    session::{COMMIT_EVERY, Options, Session, new_run},
};

/// Why a moment is not made again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something outside takes part that cannot be run again.
    #[error(
        "the session cannot be made again: {0} take part, which run outside of it; replay its recording instead"
    )]
    Outside(&'static str),
    /// It began in the middle.
    #[error("the session goes on from older state, and its recording has no beginning")]
    Resumed,
    /// Something was done that is not done again.
    #[error(
        "the session cannot be made again: at {at} on {channel} it came out otherwise, because of something done from outside that is not given again; go to a moment before"
    )]
    Differs {
        /// When the two differ first.
        at: VirtualTime,
        /// Where.
        channel: String,
    },
    /// The recording cannot be read, or its session not be run.
    #[error(transparent)]
    Replay(#[from] replay::Error),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] crate::session::Error),
    /// Its API cannot be served.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The device to be changed has no proper name.
    #[error("{0} cannot be a device's id")]
    Device(String),
}

/// What is needed of a running session to make its moments again.
pub(crate) struct Origin {
    file: BenchFile,
    /// Where the bench file lies.
    path: PathBuf,
    /// The folder of its run.
    out: PathBuf,
    now: VirtualTime,
}

impl Origin {
    /// Takes it from the session, whose recording can then be read up to now.
    ///
    /// # Errors
    /// When the session is not one that can be made again.
    pub(crate) fn of(session: &mut Session) -> Result<Self, Error> {
        let mut file = session.file().clone();
        if file.starts_programs() {
            return Err(Error::Outside("programs or boards"));
        }
        if file.durable_task.listen {
            return Err(Error::Outside("workers"));
        }
        if !file.bridge.is_empty() {
            return Err(Error::Outside("other brokers"));
        }
        if session.started_at() > VirtualTime::ZERO {
            return Err(Error::Resumed);
        }
        session.show_recording()?;
        // Its ports are taken by the session itself.
        file.hub.listen = false;
        for device in &mut file.device {
            device.gdb = None;
        }
        Ok(Self {
            file,
            path: session.path().to_owned(),
            out: session.out().to_owned(),
            now: session.now(),
        })
    }

    /// Where the session stood.
    pub(crate) fn now(&self) -> VirtualTime {
        self.now
    }

    /// Makes the moment again, and serves it from a new run beside the session's.
    ///
    /// # Errors
    /// When it does not come out the same, or the sensor cannot be set.
    pub(crate) fn branch(
        &self,
        at: VirtualTime,
        set: Option<&SetSensor>,
        page: &Path,
    ) -> Result<(Running, PathBuf), Error> {
        let recording = self.out.join("session.mcap");
        let runs = self.out.parent().and_then(Path::parent);
        let runs = runs.unwrap_or(Path::new("out"));
        let out = new_run(runs, self.file.name.get_ref())?;
        let made = self.make(&recording, &out, at, set, page);
        if made.is_err() {
            // A run that did not come about is not listed.
            let _ = fs::remove_dir_all(&out);
        }
        made.map(|running| (running, out))
    }

    fn make(
        &self,
        recording: &Path,
        out: &Path,
        at: VirtualTime,
        set: Option<&SetSensor>,
        page: &Path,
    ) -> Result<Running, Error> {
        let reader = Reader::open(recording).map_err(replay::Error::from)?;
        let header = reader.header().clone();
        let (mut inputs, _) = inputs(reader, &self.file)?;
        inputs.retain(|input| input.time <= at);
        let options = Options {
            path: self.path.clone(),
            text: header.bench_file.map(|file| file.text).unwrap_or_default(),
            data: out.join("data"),
            out: out.to_owned(),
            resume: false,
            threads: 0,
            commit_every: COMMIT_EVERY,
            durability: Durability::Strict,
            require_recording: true,
            parent: Some(parent(recording, "branch", at)),
        };
        let file = self.file.clone();
        let mut session = Session::open_in_memory(file, &options, ClientFaults::default())?;
        // Whoever looks at it sees what led there too.
        session.watch();
        catch_up(&mut session, &inputs, at)?;
        session.show_recording()?;
        if let Some(last) = at.as_nanos().checked_sub(1) {
            let last = Some(VirtualTime::from_nanos(last));
            let again = out.join("session.mcap");
            let found = compare_files(recording, &again, &diff::Options::default(), last)?;
            if let Some(first) = found.divergences.into_iter().next() {
                return Err(Error::Differs {
                    at: first.time,
                    channel: first.channel,
                });
            }
        }
        if let Some(set) = set {
            let device =
                DeviceId::new(&set.device).map_err(|_| Error::Device(set.device.clone()))?;
            let quantity = set.quantity.clone();
            let value = set.value;
            session.stimulate(&device, Stimulus::Sensor { quantity, value })?;
        }
        Ok(serve(session, &options, Stands::Still, page)?)
    }
}
