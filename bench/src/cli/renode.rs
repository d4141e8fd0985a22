//! `twinbench renode`: Renode for a person.

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    thread,
    time::Duration,
};

use clap::Subcommand;
use renode_rs_bindings::{
    AZ3166, NotFound, Renode, Search, SessionError, isolated,
    monitor::{Monitor, MonitorError},
};
use serde_json::json;

use super::{Failure, Format};
use crate::exit::Exit;

/// How long the monitor may take to open or to answer: a command may run the emulation.
const PATIENCE: Duration = Duration::from_mins(10);
/// Tries to connect to a monitor that is being opened.
const TRIES: u32 = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twinbench renode monitor
  twinbench renode monitor --firmware fixtures/firmware/devkit.elf
  echo version | twinbench renode monitor --connect 127.0.0.1:1234
  twinbench renode isolated -- twinbench run bench.toml --for 1m")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Talk to Renode's monitor: a line is a command, the end of input ends it.
    Monitor(MonitorArgs),
    /// Run a command, with any Renode it starts, in a network that has nothing but loopback (Linux).
    Isolated {
        /// The command.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, clap::Args)]
struct MonitorArgs {
    /// Renode's program, or the folder it is in; default: RENODE, PATH, the usual places.
    #[arg(long, value_name = "PATH")]
    renode: Option<PathBuf>,
    /// Load an AZ3166 with this firmware first.
    #[arg(long, value_name = "ELF")]
    firmware: Option<PathBuf>,
    /// Connect to a monitor that is open already instead.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["renode", "firmware"])]
    connect: Option<SocketAddr>,
}

/// What a shell ends with when there is no such command.
const NO_SUCH_COMMAND: i32 = 127;

/// Where Renode is looked for.
pub(super) fn search(given: Option<&PathBuf>) -> Search {
    let (renode, path) = (env::var_os("RENODE"), env::var_os("PATH"));
    Search::usual(
        given.map(PathBuf::as_path),
        renode.as_deref(),
        path.as_deref(),
    )
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound(absent) => absent.into(),
            other => Self::new(Exit::Setup, other.to_string()),
        }
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        Self::new(Exit::Setup, error.place())
            .help(format!("{}; --renode PATH names one", NotFound::HINT))
    }
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let monitor = match &args.verb {
        Verb::Monitor(monitor) => monitor,
        Verb::Isolated { command } => return isolate(command),
    };
    if let Some(address) = monitor.connect {
        return talk(address, format);
    }
    // A path that is wrong is said before a Renode is started for it.
    let firmware = monitor.firmware.as_ref().map(|firmware| {
        firmware.canonicalize().map_err(|cause| {
            Failure::new(Exit::Usage, format!("{}: {cause}", firmware.display()))
                .help("give the firmware's ELF file")
        })
    });
    let firmware = firmware.transpose()?;
    let options = Renode::options().search(search(monitor.renode.as_ref()));
    let mut session = options.monitor(true).build()?;
    if let Some(firmware) = &firmware {
        session.load_board(&AZ3166, "az3166", firmware)?;
    }
    match session.monitor() {
        Some(address) => talk(address, format),
        None => Err(Failure::new(Exit::Internal, "the monitor was not opened")),
    }
}

/// Lines of our input to the monitor, what it says to our output.
fn talk(address: SocketAddr, format: Format) -> Result<Exit, Failure> {
    let failed = |error: &MonitorError| {
        Failure::new(Exit::Setup, error.to_string()).help(
            "a monitor is open where Renode was started with `--port NUMBER`; without --connect a \
             Renode is started",
        )
    };
    let mut tries = 1;
    let (mut monitor, banner) = loop {
        match Monitor::connect(address, PATIENCE) {
            Ok(connected) => break connected,
            // Nobody has listened yet, so its banner is not lost.
            Err(MonitorError::Connection { .. }) if tries < TRIES => {
                tries += 1;
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(failed(&error)),
        }
    };
    let person = std::io::stdin().is_terminal() && format == Format::Human;
    if person {
        println!("{banner}\nAn empty line shows the prompt, the end of input ends Renode.");
    }
    let mut exit = Exit::Pass;
    let prompt = || {
        if person {
            print!("> ");
            // A terminal that is gone needs no prompt.
            let _ = std::io::stdout().flush();
        }
    };
    prompt();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let output = match monitor.execute(line.trim_end()) {
            Ok(output) => output,
            Err(MonitorError::Closed) => return Ok(exit),
            Err(error) => return Err(failed(&error)),
        };
        match format {
            Format::Json => println!(
                "{}",
                json!({"command": line, "text": output.text, "error": output.error})
            ),
            Format::Human => {
                if !output.text.is_empty() {
                    println!("{}", output.text);
                }
                if let Some(error) = &output.error {
                    eprintln!("{error}");
                }
            }
        }
        if output.error.is_some() {
            exit = Exit::Failed;
        }
        prompt();
    }
    Ok(if person { Exit::Pass } else { exit })
}

fn isolate(command: &[OsString]) -> Result<Exit, Failure> {
    if !cfg!(target_os = "linux") {
        return Err(
            Failure::new(Exit::Setup, "network namespaces are there on Linux only")
                .help("close Renode's ports with a firewall, or run it in a container"),
        );
    }
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::new(Exit::Usage, "no command is given"));
    };
    let status = isolated(program, arguments).status().map_err(|cause| {
        Failure::new(Exit::Setup, format!("unshare cannot be started: {cause}"))
            .help("install util-linux and iproute2")
    })?;
    match status.code() {
        Some(0) => Ok(Exit::Pass),
        Some(NO_SUCH_COMMAND) => Err(Failure::new(
            Exit::Usage,
            format!("there is no command {}", program.display()),
        )
        .help("give a program and its arguments behind `--`")),
        // A bench's own codes keep their meaning.
        Some(code) => Err(
            Failure::new(Exit::of(code), format!("the command ended with {status}")).help(
                "if `unshare` was refused, user namespaces are switched off here: see the sysctls \
                 kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns",
            ),
        ),
        None => Err(Failure::new(
            Exit::Failed,
            format!("the command ended with {status}"),
        )),
    }
}
