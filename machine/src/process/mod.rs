//! A program that plays a device: started with its connection string in its environment, it speaks to
//! the hub's ports by itself.
//!
//! It lives on the wall clock, so a bench with one is paced by it. What it prints is dated with the end
//! of the step in which it was seen. A thread waits for each of its outputs, and one for its input: a named
//! edge, as GDB's port is.

mod group;
mod options;

use std::{
    io::Write as _,
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::Duration,
};

use bytes::Bytes;
use renode_rs_bindings::Tree;
use twinbench_model::{VirtualDuration, VirtualTime};

use self::group::Group;
pub use self::options::{Limits, ProcessOptions, Restart};
use crate::{Capabilities, Error, Halt, Machine, Name, Output, OutputKind, Stimulus, Wake};

/// How often it is looked at.
const LOOK: VirtualDuration = VirtualDuration::from_millis(50);
/// How long it may take to end by itself when it is asked to, on the wall clock.
const GRACE: Duration = Duration::from_secs(2);
/// How long its last words may take once it has ended, on the wall clock: a process that escaped might
/// hold its output open for ever.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Pieces of output that wait to be taken, and of input; a program that prints more waits.
const WAITING: usize = 1024;

/// A program that plays a device.
pub struct ProcessMachine {
    options: ProcessOptions,
    now: VirtualTime,
    running: Option<Running>,
    /// When it is started again.
    again: Option<VirtualTime>,
    failures: u32,
    ended: Option<Halt>,
    out: Vec<Output>,
}

struct Running {
    tree: Tree,
    /// Of the whole tree; none: each process has limits of its own.
    group: Option<Group>,
    stdin: Option<SyncSender<Bytes>>,
    printed: Receiver<(&'static str, Bytes)>,
}

impl ProcessMachine {
    /// Prepares a program; it starts when the machine first runs.
    ///
    /// # Errors
    /// When the command is empty, or a limit is none that the system has.
    pub fn new(options: ProcessOptions) -> Result<Self, Error> {
        if options.command.first().is_none_or(String::is_empty) {
            return Err(Error::Setting(
                "a program that plays a device needs a command".to_owned(),
            ));
        }
        if cfg!(not(unix)) && options.limits != Limits::default() {
            return Err(Error::Setting(
                "this system offers no limits for processes: remove them".to_owned(),
            ));
        }
        Ok(Self {
            now: options.start,
            again: Some(options.start),
            running: None,
            failures: 0,
            ended: None,
            out: Vec::new(),
            options,
        })
    }

    /// Its number in the system; none while it does not run.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.tree.id())
    }

    fn note(&mut self, text: String) {
        self.out.push(Output {
            time: self.now,
            kind: OutputKind::Note(text),
        });
    }

    fn start(&mut self) -> Result<(), Error> {
        let limits = self.options.limits;
        let group = (limits != Limits::default())
            .then(|| Group::make(limits.memory))
            .flatten();
        let mut command = limited(&self.options.command, limits, group.as_ref());
        if let Some(folder) = &self.options.folder {
            command.current_dir(folder);
        }
        command
            .envs(self.options.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let program = &self.options.command[0];
        let mut tree = Tree::spawn(&mut command)
            .map_err(|cause| Error::Process(format!("{program} cannot be started: {cause}")))?;
        let (sender, printed) = sync_channel(WAITING);
        let child = tree.child();
        let stdin = child.stdin.take().map(speak);
        if let Some(stdout) = child.stdout.take() {
            listen(stdout, "stdout", sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, "stderr", sender);
        }
        let held = match &group {
            _ if limits == Limits::default() => "",
            None => "; its limits hold for each process by itself",
            Some(group) if limits.memory.is_some() && !group.limits_memory() => {
                "; its processor time is limited with all that it starts, memory for each process by itself"
            }
            Some(_) => "; its limits hold for all that it starts together",
        };
        self.note(format!("{program} started{held}"));
        self.running = Some(Running {
            tree,
            group,
            stdin,
            printed,
        });
        Ok(())
    }

    /// Takes what was printed.
    fn listen(&mut self) {
        let now = self.now;
        let printed = self.running.iter().flat_map(|it| it.printed.try_iter());
        self.out.extend(printed.map(|piece| said(now, piece)));
    }

    /// Kills it when all of it together has had its processor time.
    fn count(&mut self) {
        let Some((running, most)) = self.running.as_mut().zip(self.options.limits.cpu) else {
            return;
        };
        let used = running.group.as_ref().and_then(Group::used);
        if used.is_some_and(|used| used >= most) {
            running.tree.end(Duration::ZERO);
            let most =
                VirtualDuration::from_nanos(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX));
            self.note(format!(
                "it has had its processor time of {most}, and was killed"
            ));
        }
    }

    /// Ends what is left of it, and hears its outputs to their end.
    fn stop(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        running.tree.end(GRACE);
        drop(running.tree);
        let group = running.group.take();
        if group.as_ref().is_some_and(Group::ran_out) {
            self.note("it needed more memory than it may have, and was killed".to_owned());
        }
        drop(group);
        while let Ok(piece) = running.printed.recv_timeout(LAST_WORDS) {
            self.out.push(said(self.now, piece));
        }
    }

    /// It has ended: what becomes of it.
    fn end(&mut self, status: ExitStatus) {
        self.stop();
        let program = self.options.command[0].clone();
        let failed = !status.success();
        let again = match self.options.restart {
            Restart::Never => None,
            Restart::Always { delay } => Some(delay),
            Restart::OnFailure { most, delay } => (failed && self.failures < most).then_some(delay),
        };
        self.failures += u32::from(failed);
        if let Some(delay) = again {
            self.again = Some(self.now.saturating_add(delay));
            self.note(format!(
                "{program} ended with {status}; it is started again"
            ));
        } else {
            self.note(format!("{program} ended with {status}"));
            self.ended = Some(Halt::Exited(status.code().unwrap_or(-1)));
        }
    }

    /// Looks at it at the present time.
    fn look(&mut self) -> Result<(), Error> {
        if self.again.is_some_and(|again| again <= self.now) {
            self.again = None;
            self.start()?;
        }
        self.listen();
        self.count();
        let status = self
            .running
            .as_mut()
            .and_then(|running| running.tree.ended());
        if let Some(status) = status {
            self.end(status);
        }
        Ok(())
    }
}

impl Machine for ProcessMachine {
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error> {
        if let Some(halt) = &self.ended {
            self.now = self.now.max(t);
            return Ok(halt.clone());
        }
        self.now = self.now.max(t);
        self.look()?;
        Ok(self.ended.clone().unwrap_or(Halt::Reached))
    }

    fn drain(&mut self, out: &mut Vec<Output>) {
        out.append(&mut self.out);
    }

    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error> {
        let target = stimulus.target();
        match stimulus {
            Stimulus::Uart { port, bytes } if port == "stdin" => {
                let stdin = self
                    .running
                    .as_mut()
                    .and_then(|running| running.stdin.as_mut());
                match stdin.map(|stdin| stdin.try_send(bytes)) {
                    Some(Ok(())) => Ok(()),
                    Some(Err(TrySendError::Full(_))) => Err(Error::Process(
                        "it does not read its input: what was given to it before still waits"
                            .to_owned(),
                    )),
                    Some(Err(TrySendError::Disconnected(_))) => {
                        Err(Error::Process("it has closed its input".to_owned()))
                    }
                    None => Err(Error::Process("it does not run".to_owned())),
                }
            }
            Stimulus::Reset => {
                self.stop();
                self.ended = None;
                self.failures = 0;
                self.again = Some(self.now);
                Ok(())
            }
            _ => Err(Error::no_such(target, "UART stdin, reset line")),
        }
    }

    fn next_wake(&self) -> Wake {
        match (&self.ended, self.again) {
            (Some(_), _) => Wake::Never,
            (None, Some(again)) => Wake::At(again.max(self.now)),
            (None, None) => Wake::At(self.now.saturating_add(LOOK)),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            deterministic: false,
            firmware: false,
        }
    }
}

impl Drop for ProcessMachine {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.tree.end(GRACE);
        }
    }
}

fn said(time: VirtualTime, (port, bytes): (&'static str, Bytes)) -> Output {
    let port = Name::Borrowed(port);
    Output {
        time,
        kind: OutputKind::Uart { port, bytes },
    }
}

/// Writes to its input, for which a program may let wait.
fn speak(mut stdin: ChildStdin) -> SyncSender<Bytes> {
    let (sender, given) = sync_channel::<Bytes>(WAITING);
    thread::spawn(move || {
        for bytes in given {
            if stdin
                .write_all(&bytes)
                .and_then(|()| stdin.flush())
                .is_err()
            {
                return;
            }
        }
    });
    sender
}

/// Reads an output to its end.
fn listen(
    mut stream: impl std::io::Read + Send + 'static,
    name: &'static str,
    sender: SyncSender<(&'static str, Bytes)>,
) {
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = stream.by_ref().read(&mut buffer) {
            let bytes = Bytes::copy_from_slice(&buffer[..length]);
            if sender.send((name, bytes)).is_err() {
                return;
            }
        }
    });
}

/// The command within its limits: a shell joins the group, or sets them for itself, and becomes the
/// program.
fn limited(words: &[String], limits: Limits, group: Option<&Group>) -> Command {
    if limits == Limits::default() {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        return command;
    }
    let join = r#"{ [ -n "$0" ] && echo 0 > "$0"; } 2>/dev/null"#;
    let alone = limits.memory.map_or("true".to_owned(), |memory| {
        format!("ulimit -v {}", memory.div_ceil(1024))
    });
    let together = match group {
        // Otherwise it is asked for of each process.
        Some(group) if limits.memory.is_none() || group.limits_memory() => "true",
        _ => alone.as_str(),
    };
    let cpu = limits.cpu.map_or("true".to_owned(), |cpu| {
        // The system counts whole seconds.
        let secs = cpu.as_secs() + u64::from(cpu.subsec_nanos() > 0);
        format!("ulimit -t {}", secs.max(1))
    });
    let script = format!("if {join}; then {together}; else {alone}; fi && {cpu} && exec \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command.arg(group.map(Group::door).unwrap_or_default());
    command.args(words);
    command
}
