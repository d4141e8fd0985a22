//! How a session is begun.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{Session, SessionError, execute, free_port};
use crate::{Options, Robot, Search, Version};

/// Renode, to be started: `Renode::options().search(…).build()?`.
#[derive(Debug)]
pub enum Renode {}

impl Renode {
    /// How to start it. Unless told otherwise, it is looked for in the usual places.
    pub fn options() -> SessionOptions {
        SessionOptions {
            search: Search::usual(None, None, None),
            folder: None,
            patience: Duration::from_mins(2),
            run: Duration::from_mins(10),
            control: true,
            monitor: false,
        }
    }
}

/// How to start Renode.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    search: Search,
    folder: Option<PathBuf>,
    patience: Duration,
    run: Duration,
    control: bool,
    monitor: bool,
}

impl SessionOptions {
    /// Where to look for it.
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }

    /// Its own folder, for log, configuration, history and temporary files; unless given, one that is
    /// removed with the session.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How long it may take to start or to answer, on the wall clock; two minutes unless given.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long one run may take on the wall clock; ten minutes unless given.
    #[must_use]
    pub fn run_patience(mut self, run: Duration) -> Self {
        self.run = run;
        self
    }

    /// Whether to open External Control. Without it there are no edges of pins, and some builds of
    /// Renode can save snapshots only so.
    #[must_use]
    pub fn control(mut self, control: bool) -> Self {
        self.control = control;
        self
    }

    /// Whether to open the monitor over telnet too, for a person.
    #[must_use]
    pub fn monitor(mut self, monitor: bool) -> Self {
        self.monitor = monitor;
        self
    }

    /// Starts Renode and connects to it.
    ///
    /// # Errors
    /// When there is none, it is too old, or does not start.
    pub fn build(self) -> Result<Session, SessionError> {
        let installation = self.search.find()?;
        let (folder, kept) = if let Some(folder) = &self.folder {
            (folder.clone(), None)
        } else {
            let kept = tempfile::tempdir().map_err(|cause| SessionError::File {
                path: std::env::temp_dir(),
                cause,
            })?;
            (kept.path().to_owned(), Some(kept))
        };
        let options = Options {
            folder: folder.clone(),
            commands: Vec::new(),
            monitor: self.monitor.then(free_port).transpose()?,
            patience: self.patience,
        };
        let process = options.start(&installation)?;
        let mut session = self.attach(process.robot(), folder)?;
        session.monitor = options
            .monitor
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        session.process = Some(process);
        session.kept = kept;
        Ok(session)
    }

    /// Connects to a Renode that somebody else runs, by its robot server's address. `folder`: where
    /// files for it are written; it must see them under the same path.
    ///
    /// # Errors
    /// When it does not answer or is too old.
    pub fn attach(&self, robot: SocketAddr, folder: PathBuf) -> Result<Session, SessionError> {
        let robot = Robot::new(robot, self.run.max(self.patience));
        let said = execute(&robot, "version")?;
        let version = Version::find(&said)
            .filter(|version| *version >= Version::OLDEST)
            .ok_or(SessionError::Version { said })?;
        let mut session = Session {
            control: None,
            robot,
            version,
            folder,
            patience: self.patience,
            terminals: 0,
            feeds: 0,
            watched: 0,
            models: false,
            monitor: None,
            process: None,
            kept: None,
        };
        if let Some(generation) = version.external_control().filter(|_| self.control) {
            session.control = Some(session.open_control(generation, self.run)?);
        }
        Ok(session)
    }
}
