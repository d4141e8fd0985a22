//! Running Renode without a screen.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use crate::{Tree, find::Installation};

/// How often a starting or ending process is looked at.
const PULSE: Duration = Duration::from_millis(50);
/// How long a process may take to end by itself before it is killed: `quit` takes below a second.
const GRACE: Duration = Duration::from_secs(2);

/// How to run it.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own: log, configuration and temporary files. Made when it is missing.
    pub folder: PathBuf,
    /// Commands of the monitor to run first, e.g. [`Platform::include`](crate::Platform::include).
    pub commands: Vec<String>,
    /// The port of the monitor over telnet; none: it is not opened. With it Renode writes in colours,
    /// which are the monitor's only sign of an error.
    pub monitor: Option<u16>,
    /// How long it may take until its robot port is open, on the wall clock.
    pub patience: Duration,
}

/// A running Renode. Ends, with all its children, when it is dropped.
#[derive(Debug)]
pub struct Process {
    tree: Tree,
    robot: SocketAddr,
    log: PathBuf,
}

/// Why Renode does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its folder cannot be prepared.
    #[error("folder {} for renode cannot be written: {cause}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The program cannot be started.
    #[error("{} cannot be started: {cause}; is it the program of Renode for this system?", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It ended while it started.
    #[error("renode ended with {status} while it started; it said (all in {}):\n{said}", log.display())]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        said: String,
    },
    /// Its port did not open in time.
    #[error("renode opened no robot port within {patience:?}; it said (all in {}):\n{said}", log.display())]
    Silent {
        /// How long it had.
        patience: Duration,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        said: String,
    },
}

impl Options {
    /// Starts Renode and waits until its robot port is open.
    ///
    /// # Errors
    /// When it cannot start, ends at once, or does not open its port in time.
    pub fn start(&self, installation: &Installation) -> Result<Process, Error> {
        let folder_error = |cause| Error::Folder {
            folder: self.folder.clone(),
            cause,
        };
        let temporary = self.folder.join("tmp");
        // Ports of an earlier run in this folder must not be taken for this one's.
        match fs::remove_dir_all(&temporary) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(folder_error(cause));
            }
            _ => fs::create_dir_all(&temporary).map_err(folder_error)?,
        }
        // A configuration of its own: instances that share the user's race for its history file.
        let configuration = format!(
            "[general]\nhistory-path={}\n",
            self.folder.join("history").display()
        );
        fs::write(self.folder.join("config"), configuration).map_err(folder_error)?;
        let log = self.folder.join("renode.log");
        let output = fs::File::create(&log).map_err(folder_error)?;

        let mut command = Command::new(&installation.program);
        command
            .args([
                "--disable-gui",
                "--hide-log",
                "--robot-server-port",
                "0",
                "--config",
            ])
            .arg(self.folder.join("config"))
            .args(
                self.commands
                    .iter()
                    .flat_map(|line| ["--execute", line.as_str()]),
            )
            .args(match self.monitor {
                None => vec!["--plain".to_owned()],
                Some(port) => vec!["-P".to_owned(), port.to_string()],
            })
            .current_dir(&self.folder)
            .env("TMPDIR", &temporary)
            .env("RENODE_CI_MODE", "YES")
            // Held open: Renode ends when its input does.
            .stdin(Stdio::piped())
            .stdout(output.try_clone().map_err(folder_error)?)
            .stderr(output);
        let tree = Tree::spawn(&mut command).map_err(|cause| Error::Start {
            program: installation.program.clone(),
            cause,
        })?;
        tracing::debug!(program = %installation.program.display(), pid = tree.id(), "renode started");
        let mut process = Process {
            tree,
            robot: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            log: log.clone(),
        };

        for _ in 0..=self.patience.as_millis() / PULSE.as_millis() {
            if let Some(port) = robot_port(&temporary) {
                process.robot.set_port(port);
                return Ok(process);
            }
            if let Some(status) = process.tree.ended() {
                return Err(Error::Ended {
                    status,
                    said: end_of(&log),
                    log,
                });
            }
            thread::sleep(PULSE);
        }
        Err(Error::Silent {
            patience: self.patience,
            said: end_of(&log),
            log,
        })
    }
}

impl Process {
    /// The port of the Robot Framework remote server (XML-RPC over HTTP), on loopback.
    ///
    /// Renode itself listens on every interface: keep it behind a firewall.
    pub const fn robot(&self) -> SocketAddr {
        self.robot
    }

    /// What it prints.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.tree.is_running()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tree.end(GRACE);
    }
}

/// The port that Renode has written to `renode-<pid>/robot_port` in its temporary folder.
fn robot_port(temporary: &Path) -> Option<u16> {
    let entries = fs::read_dir(temporary).ok()?;
    entries.flatten().find_map(|entry| {
        fs::read_to_string(entry.path().join("robot_port"))
            .ok()?
            .trim()
            .parse()
            .ok()
    })
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that stands in for Renode.
    fn pretend(script: &str) -> (tempfile::TempDir, Installation) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("renode");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, Installation { program })
    }

    fn options(folder: &Path, patience: Duration) -> Options {
        Options {
            folder: folder.join("run"),
            commands: vec!["version".into()],
            monitor: None,
            patience,
        }
    }

    #[test]
    fn ends_with_its_children_when_dropped() {
        // A script around a child, as packages install it.
        let script = "mkdir $TMPDIR/renode-1; sleep 1000 & echo $! > child; echo 50123 > $TMPDIR/renode-1/robot_port; wait";
        let (folder, installation) = pretend(script);
        let mut process = options(folder.path(), Duration::from_secs(20))
            .start(&installation)
            .unwrap();
        assert_eq!(process.robot().to_string(), "127.0.0.1:50123");
        assert!(process.is_running());
        let child = fs::read_to_string(folder.path().join("run/child")).unwrap();
        let runs = || {
            let mut probe = Command::new("kill");
            probe.args(["-0", child.trim()]).stderr(Stdio::null());
            probe.status().unwrap().success()
        };
        assert!(runs());
        drop(process);
        // It is gone once its parent, who collects orphans, has noticed.
        for _ in 0..100 {
            if !runs() {
                return;
            }
            thread::sleep(PULSE);
        }
        panic!("the child {child} still runs");
    }

    #[test]
    fn an_early_end_tells_what_was_said() {
        let (folder, installation) = pretend("echo no such option >&2; exit 3");
        let error = options(folder.path(), Duration::from_secs(20))
            .start(&installation)
            .unwrap_err();
        assert!(
            matches!(&error, Error::Ended { said, .. } if said == "no such option"),
            "{error}"
        );
    }

    #[test]
    fn silence_ends_after_the_patience() {
        let (folder, installation) = pretend("exec sleep 1000");
        let error = options(folder.path(), Duration::from_millis(200))
            .start(&installation)
            .unwrap_err();
        assert!(matches!(error, Error::Silent { .. }), "{error}");
    }

    #[test]
    fn a_program_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let installation = Installation {
            program: folder.path().join("absent"),
        };
        let error = options(folder.path(), Duration::from_secs(1))
            .start(&installation)
            .unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}
