//! A session: one run of a bench, with its machines, hub, application, store and recording.
//!
//! **Invariant:** everything that leaves the session (an answer to a machine, to a socket, to an
//! HTTP client) leaves after the commit that caused it.

mod archive;
mod connectors;
mod data;
mod deliver;
mod drive;
mod durable;
mod engines;
mod error;
mod faults;
mod fleet;
mod front_end;
mod hub;
mod network;
mod open;
mod outside;
mod page;
mod played;
mod probed;
mod recorded_values;
mod runs;
mod scribe;
mod series;
mod step;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use twinbench_engine::{
    Engine,
    store::{Durability, Store},
};
use twinbench_hub::Hub;
use twinbench_model::{DeviceId, Epoch, Message, VirtualTime, api::BenchStatus};
use twinbench_recording::Parent;
use twinbench_serverless::Application;

use crate::file::BenchFile;

pub use data::DataFolder;
pub use drive::InstanceView;
pub use error::Error;
pub use faults::{CrashPoint, MessageFault, MessageFaultKind};
pub use front_end::FrontEnd;
pub(crate) use hub::{authorities, method_answer};
pub use hub::{device_key, policies};
pub(crate) use page::WorkflowAction;
pub use runs::{Removed, new_run, remove_old_recordings};
pub(crate) use scribe::file_stem;
pub use scribe::{ENTITIES, Kept};
pub use series::{DeviceSeries, PICTURED};

use fleet::Fleet;
use network::Network;
use scribe::Scribe;
use series::SeriesTap;

/// Messages that may share a commit while nothing waits for it: large enough that a state which
/// many of them change is written once, small enough to come round several times a second.
pub const COMMIT_EVERY: u64 = 16_384;

/// How a session is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bench file's path, for its name in the recording and to find firmware.
    pub path: PathBuf,
    /// The bench file's text, kept in the recording.
    pub text: String,
    /// Where recording, logs and pictures go. Made when missing.
    pub out: PathBuf,
    /// Where the durable state is. Made when missing.
    pub data: PathBuf,
    /// Go on from the durable state that is there, instead of refusing it.
    pub resume: bool,
    /// Threads that run machines; the result does not depend on it. 0: one per core.
    pub threads: usize,
    /// Messages that may wait for one common commit while nothing has to leave.
    pub commit_every: u64,
    /// What a commit waits for.
    pub durability: Durability,
    /// End the session when its recording cannot be written, instead of going on without.
    pub require_recording: bool,
    /// The recording that the session comes from, when it repeats or leaves one.
    pub parent: Option<Parent>,
}

/// A bench that is being run.
pub struct Session {
    file: BenchFile,
    path: PathBuf,
    epoch: Epoch,
    now: VirtualTime,
    started_at: VirtualTime,
    fleet: Fleet,
    network: Network,
    hub: Hub,
    engine: Engine,
    application: Application,
    store: Box<dyn Store + Send>,
    out: PathBuf,
    scribe: Scribe,
    series: SeriesTap,
    commit_every: u64,
    uncommitted: u64,
    partitions_read: Vec<u64>,
    /// Devices whose queue takes no more messages of the application.
    full_queues: BTreeSet<DeviceId>,
    deliveries: deliver::Deliveries,
    work: step::Work,
    watched: drive::Watched,
    faults: faults::Faults,
    /// Where its hub listens, for the report.
    ports: Option<serde_json::Value>,
}

/// Figures for progress, summary and `/metrics`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Virtual time.
    pub now: VirtualTime,
    /// Devices of the bench.
    pub devices: u64,
    /// Messages that the hub took in this session.
    pub messages: u64,
    /// Alerts that the application raised in this session.
    pub alerts: u64,
    /// Messages that the application could not use.
    pub dead_letters: u64,
    /// Commits made.
    pub commits: u64,
    /// Events recorded.
    pub events: u64,
    /// Steps of the loop.
    pub steps: u64,
}

impl Session {
    /// The bench file.
    pub fn file(&self) -> &BenchFile {
        &self.file
    }

    /// Notes where its hub listens, for the report.
    pub fn listens(&mut self, ports: Option<serde_json::Value>) {
        self.ports = ports;
    }

    /// Where its hub listens, if it does.
    pub fn ports(&self) -> Option<&serde_json::Value> {
        self.ports.as_ref()
    }

    /// Where the bench file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The current virtual time.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// The virtual time at which this session began; later than zero when it was resumed.
    pub fn started_at(&self) -> VirtualTime {
        self.started_at
    }

    /// The folder that its files go to.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The UTC instant of virtual time zero.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Figures as they stand.
    pub fn stats(&self) -> Stats {
        Stats {
            now: self.now,
            devices: self.fleet.len() as u64,
            messages: self.work.messages,
            alerts: self.application.alerts(),
            dead_letters: self.application.counts().dead_letters,
            commits: self.work.commits,
            events: self.scribe.events(),
            steps: self.work.steps,
        }
    }

    /// The figures as the API shows them.
    pub fn status(&self) -> BenchStatus {
        let stats = self.stats();
        BenchStatus {
            bench: self.file.name.get_ref().clone(),
            virtual_nanos: stats.now.as_nanos(),
            utc: self.epoch.rfc3339(stats.now),
            devices: stats.devices,
            messages: stats.messages,
            alerts: stats.alerts,
        }
    }

    /// Devices with their temperature and humidity over the session, for the pictures.
    pub fn series(&self) -> &[(DeviceId, DeviceSeries)] {
        self.series.all()
    }

    /// Machines that stopped by themselves, with the reason.
    pub fn halted(&self) -> Vec<(DeviceId, String)> {
        self.fleet.halted()
    }

    /// Devices of the bench, in order of their ids.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.fleet.ids()
    }

    /// Messages that the hub took from each device in this session.
    pub fn messages_of(&self, device: &DeviceId) -> u64 {
        self.series.messages_of(device)
    }

    /// Every entity with its last committed state, as JSON.
    pub fn entities(&self) -> serde_json::Value {
        let all: Vec<_> = self
            .engine
            .entities("")
            .map(|(id, state)| serde_json::json!({"entityId": {"name": id.name(), "key": id.key()}, "state": state}))
            .collect();
        all.into()
    }

    /// Publishes a message with a device's identity, as a line link does, at the current time.
    ///
    /// # Errors
    /// When the hub refuses the message.
    pub fn publish(
        &mut self,
        device: &DeviceId,
        message: Message,
    ) -> Result<(), twinbench_hub::PublishError> {
        self.hub.publish(device, message, self.now).map(|_| ())
    }

    /// Ends the session: last commit, recording closed and renamed.
    ///
    /// # Errors
    /// When store or recording cannot be written.
    pub fn finish(mut self) -> Result<(Stats, Kept), Error> {
        self.commit()?;
        self.scribe_events(VirtualTime::MAX)?;
        let stats = self.stats();
        let entities = serde_json::to_vec(&self.entities()).ok();
        let kept = self.scribe.finish(stats.now, entities)?;
        Ok((stats, kept))
    }
}
