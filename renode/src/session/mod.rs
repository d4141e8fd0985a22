//! A running Renode with its channels behind one API.

mod clock;
mod devices;
mod error;
mod options;
mod snapshot;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::{
    error::SessionError,
    options::{Renode, SessionOptions},
};
use crate::{
    Generation, Platform, Process, Robot, Version,
    control::{Control, Patience},
    platform::at,
};

/// Tries to find a free port: between finding and taking it somebody else may.
const PORT_TRIES: usize = 5;
/// The name of the External Control server in the emulation.
const CONTROL: &str = "externalControl";

/// A running Renode. It ends with this.
#[derive(Debug)]
pub struct Session {
    // Connections end before the process does.
    control: Option<Control>,
    robot: Robot,
    version: Version,
    folder: PathBuf,
    patience: Duration,
    terminals: u32,
    feeds: u32,
    watched: i32,
    /// Models in C# were loaded.
    models: bool,
    monitor: Option<SocketAddr>,
    process: Option<Process>,
    kept: Option<tempfile::TempDir>,
}

fn execute(robot: &Robot, command: &str) -> Result<String, SessionError> {
    robot
        .execute(command)
        .map_err(|cause| SessionError::Command {
            command: command.to_owned(),
            cause,
        })
}

/// A port that is free just now. The system hands out ports in turn, so the same is not given twice
/// in a row.
fn free_port() -> Result<u16, SessionError> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(SessionError::Port)?;
    let address = listener.local_addr().map_err(SessionError::Port)?;
    Ok(address.port())
}

/// A name that the monitor reads as one word.
pub(crate) fn name(text: &str) -> Result<&str, SessionError> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !text.is_empty() && text.chars().all(good) {
        Ok(text)
    } else {
        Err(SessionError::Name(text.to_owned()))
    }
}

impl Session {
    /// Which Renode it is.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its own folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The robot server.
    pub const fn robot(&self) -> &Robot {
        &self.robot
    }

    /// External Control.
    ///
    /// # Errors
    /// When the session was built without it.
    pub fn control(&mut self) -> Result<&mut Control, SessionError> {
        self.control.as_mut().ok_or(SessionError::NoControl("this"))
    }

    /// Where the monitor is, when it was asked for.
    pub const fn monitor(&self) -> Option<SocketAddr> {
        self.monitor
    }

    /// What it prints; none when somebody else runs it.
    pub fn log(&self) -> Option<&Path> {
        self.process.as_ref().map(Process::log)
    }

    /// Executes a line of the monitor and gives what it printed, trimmed.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn execute(&self, command: &str) -> Result<String, SessionError> {
        execute(&self.robot, command)
    }

    /// Creates a machine, which later commands are for.
    ///
    /// # Errors
    /// When the name is none or is taken.
    pub fn create_machine(&self, machine: &str) -> Result<(), SessionError> {
        self.execute(&format!("mach create \"{}\"", name(machine)?))
            .map(drop)
    }

    /// Makes later commands be for this machine.
    ///
    /// # Errors
    /// When there is none.
    pub fn set_machine(&self, machine: &str) -> Result<(), SessionError> {
        self.execute(&format!("mach set \"{}\"", name(machine)?))
            .map(drop)
    }

    /// Puts a platform's description (`.repl`) onto the machine: a file, or a path within Renode such
    /// as `platforms/cpus/stm32f412.repl`.
    ///
    /// # Errors
    /// With Renode's words, which name the file's line.
    pub fn load_platform(&self, description: &Path) -> Result<(), SessionError> {
        self.execute(&format!(
            "machine LoadPlatformDescription {}",
            at(description)
        ))
        .map(drop)
    }

    /// Sets one of our boards up with a firmware image, as machine `machine`.
    ///
    /// # Errors
    /// When its files cannot be written, or Renode refuses them.
    pub fn load_board(
        &mut self,
        board: &Platform,
        machine: &str,
        firmware: &Path,
    ) -> Result<(), SessionError> {
        let script = board
            .write_to(&self.folder)
            .map_err(|cause| SessionError::File {
                path: self.folder.clone(),
                cause,
            })?;
        self.models |= board.beside.iter().any(|(name, _)| {
            let extension = Path::new(name).extension();
            extension.is_some_and(|it| it.eq_ignore_ascii_case("cs"))
        });
        self.execute(&format!("$name=\"{}\"", name(machine)?))?;
        self.execute(&Platform::include(&script, firmware))
            .map(drop)
    }

    /// Compiles a peripheral's model in C#.
    ///
    /// # Errors
    /// With the compiler's words.
    pub fn load_model(&mut self, source: &Path) -> Result<(), SessionError> {
        self.models = true;
        self.execute(&format!("include {}", at(source))).map(drop)
    }

    /// Loads a program into the machine's memory and sets its processor to begin with it.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn load_elf(&self, elf: &Path) -> Result<(), SessionError> {
        self.execute(&format!("sysbus LoadELF {}", at(elf)))
            .map(drop)
    }

    /// Loads a file's bytes into the machine's memory.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn load_binary(&self, file: &Path, address: u32) -> Result<(), SessionError> {
        self.execute(&format!("sysbus LoadBinary {} {address:#010x}", at(file)))
            .map(drop)
    }

    /// Resets the machine.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn reset(&self) -> Result<(), SessionError> {
        self.execute("machine Reset").map(drop)
    }

    fn open_control(
        &mut self,
        generation: Generation,
        run: Duration,
    ) -> Result<Control, SessionError> {
        let port = self.on_a_port(|session, port| {
            session.execute(&format!(
                "emulation CreateExternalControlServer \"{CONTROL}\" {port}"
            ))
        })?;
        let address = SocketAddr::from((self.robot.address().ip(), port));
        let patience = Patience {
            answer: self.patience,
            run,
        };
        Ok(Control::connect(address, generation, patience)?)
    }

    /// Does something with a free port; again with another when Renode finds it taken.
    fn on_a_port(
        &self,
        make: impl Fn(&Self, u16) -> Result<String, SessionError>,
    ) -> Result<u16, SessionError> {
        let mut tries = 1;
        loop {
            let port = free_port()?;
            match make(self, port) {
                Ok(_) => return Ok(port),
                Err(cause) if tries < PORT_TRIES && cause.to_string().contains("in use") => {
                    tries += 1;
                }
                Err(cause) => return Err(cause),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word() {
        assert!(name("dev-1_a").is_ok());
        for bad in ["", "a b", "a\"; quit", "a.b", "ü"] {
            assert!(matches!(name(bad), Err(SessionError::Name(_))), "{bad}");
        }
    }
}
