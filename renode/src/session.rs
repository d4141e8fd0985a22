//! A running Renode with its channels behind one API.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Error, Generation, NotFound, Options, Platform, Process, Robot, RobotError, Search, Uart,
    UartError, Version,
    control::{Control, ControlError, Edge, Patience},
    platform::at,
    robot::keywords::seconds,
};

/// Tries to find a free port: between finding and taking it somebody else may.
const PORT_TRIES: usize = 5;
/// The name of the External Control server in the emulation.
const CONTROL: &str = "externalControl";

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

/// Why there is no session, or it could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no Renode.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// It does not start.
    #[error(transparent)]
    Start(#[from] Error),
    /// It is too old, or not Renode.
    #[error("renode says that it is {said:?}; 1.15.3 or newer is needed")]
    Version {
        /// What it said.
        said: String,
    },
    /// A folder or file of ours.
    #[error("{}: {cause}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A command failed, with Renode's words.
    #[error("renode refuses {command:?}: {cause}")]
    Command {
        /// The line.
        command: String,
        /// Its words.
        cause: RobotError,
    },
    /// External Control.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A UART's connection.
    #[error(transparent)]
    Uart(#[from] UartError),
    /// No port is free.
    #[error("no free port for renode: {0}")]
    Port(io::Error),
    /// A name that the monitor would read as something else.
    #[error("{0:?} cannot be a name in renode: use letters, digits, - and _")]
    Name(String),
    /// An answer that is none.
    #[error("renode answered {command:?} with {said:?}, which is no {expected}")]
    Unexpected {
        /// The line.
        command: String,
        /// The answer.
        said: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The session was built without it.
    #[error("{0} needs external control: build the session with it")]
    NoControl(&'static str),
    /// A snapshot in a state that Renode is known not to save or load.
    #[error("renode cannot {verb} a snapshot: {reason}")]
    Snapshot {
        /// `save` or `load`.
        verb: &'static str,
        /// What is known of it, and what to do.
        reason: String,
    },
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

    /// Sets what makes a run repeatable: virtual time does not wait for the wall clock, processors
    /// take turns, one seed.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn make_repeatable(&self, seed: u32) -> Result<(), SessionError> {
        self.execute("emulation SetGlobalAdvanceImmediately true")?;
        self.execute("emulation SetGlobalSerialExecution true")?;
        self.execute(&format!("emulation SetSeed {seed}")).map(drop)
    }

    /// Sets the grain in which machines go on together, and so of edges' times; 100 µs unless set.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn set_quantum(&self, quantum: Duration) -> Result<(), SessionError> {
        self.execute(&format!(
            "emulation SetGlobalQuantum \"{}\"",
            seconds(quantum)
        ))
        .map(drop)
    }

    /// Runs the emulation, and gives the changes of watched pins.
    ///
    /// # Errors
    /// When it runs already or Renode fails.
    pub fn run_for(&mut self, duration: Duration) -> Result<Vec<Edge>, SessionError> {
        if let Some(control) = &mut self.control {
            control.run_for(duration)?;
            return Ok(control.edges());
        }
        self.execute(&format!("emulation RunFor \"{}\"", seconds(duration)))?;
        Ok(Vec::new())
    }

    /// The virtual time.
    ///
    /// # Errors
    /// When Renode does not say.
    pub fn time(&mut self) -> Result<Duration, SessionError> {
        if let Some(control) = &mut self.control {
            return Ok(control.time()?);
        }
        let command = "currentTime";
        let said = self.execute(command)?;
        elapsed(&said).ok_or_else(|| SessionError::Unexpected {
            command: command.to_owned(),
            said,
            expected: "virtual time",
        })
    }

    /// Watches a pin of a port, such as pin 5 of `sysbus.gpioPortA`; gives the number under which its
    /// edges are told. The same pin is to be watched once.
    ///
    /// # Errors
    /// When there is no such machine, port or pin, or no External Control.
    pub fn watch_pin(&mut self, machine: &str, port: &str, pin: i32) -> Result<i32, SessionError> {
        let descriptor = self.watched;
        let control = self.control()?;
        let machine = control.machine(machine)?;
        let port = control.gpio(machine, port)?;
        control.watch_pin(port, pin, descriptor)?;
        self.watched += 1;
        Ok(descriptor)
    }

    /// Connects to a UART of the machine, such as `sysbus.usart2`, byte for byte. What it sent before
    /// is lost: connect before the emulation runs.
    ///
    /// # Errors
    /// When there is no such UART.
    pub fn uart(&mut self, path: &str) -> Result<Uart, SessionError> {
        self.terminals += 1;
        let terminal = format!("terminal{}", self.terminals);
        let port = self.on_a_port(|session, port| {
            session.execute(&format!(
                "emulation CreateServerSocketTerminal {port} \"{terminal}\" false"
            ))
        })?;
        self.execute(&format!("connector Connect {path} {terminal}"))?;
        let address = SocketAddr::from((self.robot.address().ip(), port));
        Ok(Uart::connect(address, self.patience)?)
    }

    /// Reads a word of memory or a register, by the monitor.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn read_word(&self, address: u32) -> Result<u32, SessionError> {
        let command = format!("sysbus ReadDoubleWord {address:#010x}");
        let said = self.execute(&command)?;
        said.strip_prefix("0x")
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or(SessionError::Unexpected {
                command,
                said,
                expected: "number",
            })
    }

    /// Writes a word of memory or a register, by the monitor.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn write_word(&self, address: u32, value: u32) -> Result<(), SessionError> {
        self.execute(&format!(
            "sysbus WriteDoubleWord {address:#010x} {value:#x}"
        ))
        .map(drop)
    }

    /// Sets a property of a sensor's model, e.g. `Temperature` of `sysbus.i2c1.hts221`.
    ///
    /// # Errors
    /// When there is no such sensor or property, or the model refuses the value.
    pub fn set_sensor(&self, path: &str, property: &str, value: f64) -> Result<(), SessionError> {
        self.execute(&format!("{path} {} {value}", name(property)?))
            .map(drop)
    }

    /// A property's value, as Renode writes it.
    ///
    /// # Errors
    /// When there is no such sensor or property.
    pub fn property(&self, path: &str, property: &str) -> Result<String, SessionError> {
        self.execute(&format!("{path} {}", name(property)?))
    }

    /// Gives a sensor samples from a RESD file; `quantity` as its method says it:
    /// `Temperature` for `FeedTemperatureSamplesFromRESD`.
    ///
    /// # Errors
    /// When the file cannot be written, or the model takes no such samples.
    pub fn feed(
        &mut self,
        path: &str,
        quantity: &str,
        samples: &crate::Resd,
        channel: u16,
    ) -> Result<(), SessionError> {
        self.feeds += 1;
        let file = self.folder.join(format!("feed-{}.resd", self.feeds));
        std::fs::write(&file, samples.bytes()).map_err(|cause| SessionError::File {
            path: file.clone(),
            cause,
        })?;
        self.execute(&format!(
            "{path} Feed{}SamplesFromRESD {} {channel}",
            name(quantity)?,
            at(&file)
        ))
        .map(drop)
    }

    /// Presses a button or lets it go.
    ///
    /// # Errors
    /// When there is none.
    pub fn press(&self, button: &str, pressed: bool) -> Result<(), SessionError> {
        let verb = if pressed { "Press" } else { "Release" };
        self.execute(&format!("{button} {verb}")).map(drop)
    }

    /// Whether an LED is lit.
    ///
    /// # Errors
    /// When there is none.
    pub fn led(&self, led: &str) -> Result<bool, SessionError> {
        let command = format!("{led} State");
        let said = self.execute(&command)?;
        match said.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(SessionError::Unexpected {
                command,
                said,
                expected: "state of an LED",
            }),
        }
    }

    /// Resets the machine.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn reset(&self) -> Result<(), SessionError> {
        self.execute("machine Reset").map(drop)
    }

    /// Saves the whole emulation. Connections to UARTs are no part of it.
    ///
    /// # Errors
    /// In the states that Renode is known not to save, with what to do; and with its words.
    pub fn save(&self, file: &Path) -> Result<(), SessionError> {
        if self.models {
            return Err(SessionError::Snapshot {
                verb: "save",
                reason: "models in C# that were compiled at run time cannot be saved (renode issue 790); use a board without them".to_owned(),
            });
        }
        self.execute(&format!("Save {}", at(file)))
            .map(drop)
            .map_err(|cause| self.snapshot("save", cause))
    }

    /// Goes on from a saved emulation. UARTs have to be connected again, pins watched again, and the
    /// machine chosen again.
    ///
    /// # Errors
    /// When the file is none of this version, with Renode's words.
    pub fn load(&mut self, file: &Path) -> Result<(), SessionError> {
        self.execute(&format!("Load {}", at(file)))
            .map_err(|cause| self.snapshot("load", cause))?;
        // The server went with the emulation that it was in.
        if self.control.take().is_some()
            && let Some(generation) = self.version.external_control()
        {
            self.control = Some(self.open_control(generation, self.patience)?);
        }
        Ok(())
    }

    /// What is known of a snapshot's failure.
    fn snapshot(&self, verb: &'static str, cause: SessionError) -> SessionError {
        let SessionError::Command { cause, .. } = cause else {
            return cause;
        };
        let said = cause.to_string();
        let reason = if said.contains("ThreadLocal") || said.contains("Pointer") {
            format!(
                "{said}; some builds cannot while external control is open: build the session without it"
            )
        } else if said.contains("version") {
            format!(
                "{said}; snapshots are of one version of renode, and this is {}",
                self.version
            )
        } else {
            said
        };
        SessionError::Snapshot { verb, reason }
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

/// The virtual time in what `currentTime` prints: `[days.]hh:mm:ss.fffffffff`.
fn elapsed(said: &str) -> Option<Duration> {
    let text = said.split("virtual time:").nth(1)?.lines().next()?.trim();
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (days, clock, fraction) = match fraction.split_once('.') {
        Some((clock, fraction)) => (clock_part(text.split('.').next()?)?, clock, fraction),
        None => (0, clock, fraction),
    };
    let mut parts = clock.split(':').map(clock_part);
    let (hours, minutes, secs) = (parts.next()??, parts.next()??, parts.next()??);
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(
        ((days * 24 + hours) * 60 + minutes) * 60 + secs,
        nanos,
    ))
}

fn clock_part(text: &str) -> Option<u64> {
    text.parse().ok().filter(|value| *value < 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read() {
        let check = |text: &str, expected: Option<Duration>| {
            let said = format!("Current virtual time: {text}\r\nCurrent real time: 00:00:01\r\n");
            assert_eq!(elapsed(&said), expected, "{text}");
        };
        check("00:00:00.012000000", Some(Duration::from_millis(12)));
        check("01:02:03.5", Some(Duration::from_millis(3_723_500)));
        check("2.00:00:01.000000001", Some(Duration::new(172_801, 1)));
        check("00:00:07", Some(Duration::from_secs(7)));
        for bad in ["", "x", "1:2", "1:2:x", "0:0:0.1234567890", "0:0:0.-1"] {
            check(bad, None);
        }
        assert_eq!(elapsed("nothing"), None);
    }

    #[test]
    fn names_are_one_word() {
        assert!(name("dev-1_a").is_ok());
        for bad in ["", "a b", "a\"; quit", "a.b", "ü"] {
            assert!(matches!(name(bad), Err(SessionError::Name(_))), "{bad}");
        }
    }
}
