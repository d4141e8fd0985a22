//! A board behind a probe, as a machine of the bench.
//!
//! A real board lives on the wall clock: what it said is dated when it was read, every
//! [`POLL`]. A virtual one lives on the bench's time, and what its own ports say is dated to the bit; only
//! what the probe reads is dated when it was read.

use std::cell::RefCell;

use probe_rs::{BreakpointCause, CoreStatus, HaltReason, semihosting::SemihostingCommand};
use twinbench_emulator::symbols::Symbols;
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{
    channels::Channels,
    console::Consoles,
    fault,
    link::{Link, chain},
    options::ProbeOptions,
    virtual_probe::{Pace, VirtualBoard},
    watched::{self, Watch},
};
use crate::{
    Capabilities, Error, Halt, Inspect, Machine, Name, Output, OutputKind, Stimulus, Wake,
};

/// How often the board is looked at.
pub const POLL: VirtualDuration = VirtualDuration::from_millis(10);
/// How often a probe that has gone is looked for.
const RETRY: VirtualDuration = VirtualDuration::from_millis(500);

/// A board behind a probe.
pub struct ProbeMachine {
    options: ProbeOptions,
    now: VirtualTime,
    next_poll: VirtualTime,
    /// None while the probe is gone. In a cell, because looking is talking.
    link: RefCell<Option<Link>>,
    /// Since when the probe is gone, and when it is looked for next.
    gap: Option<(VirtualTime, VirtualTime)>,
    channels: Channels,
    symbols: Option<Symbols>,
    watches: Vec<Watch>,
    next_watch: VirtualTime,
    serial: Consoles,
    ended: Option<Halt>,
    out: Vec<Output>,
}

impl ProbeMachine {
    /// Opens the probe, attaches, writes the firmware if so asked, and lets it run from the beginning.
    ///
    /// # Errors
    /// When there is no such probe or it may not be opened, the chip does not answer, flash memory
    /// cannot be written, a variable or serial port does not exist. Each says what to do.
    pub fn new(options: ProbeOptions) -> Result<Self, Error> {
        let start = options.start;
        let firmware = options.firmware.clone();
        let (symbols, watches) = match &firmware {
            Some(elf) => {
                let symbols =
                    Symbols::from_elf(elf).map_err(|cause| Error::Symbols(cause.to_string()))?;
                let watches = watched::find(&options, &symbols, elf)?;
                (Some(symbols), watches)
            }
            None if options.watch.is_empty() => (None, Vec::new()),
            None => {
                return Err(Error::Symbols(
                    "variables are known by name only with the firmware: give its ELF file".into(),
                ));
            }
        };
        let mut machine = Self {
            channels: Channels::new(firmware.as_deref(), start)?,
            now: start,
            next_poll: start,
            link: RefCell::new(None),
            gap: None,
            symbols,
            watches,
            next_watch: start,
            serial: Consoles::open(&options.serial, start)?,
            ended: None,
            out: Vec::new(),
            options,
        };
        if let Some(board) = &machine.options.board {
            board.set_pace(Pace::Debugger);
        }
        let mut link = Link::attach(&machine.options)?;
        let flashed = link.flash(&machine.options)?;
        if let Some(board) = machine.options.board.clone() {
            // The bench's first instant is the board's: it is switched on with what is in flash memory.
            drop(link);
            board.set_pace(Pace::Owner);
            board.power_cycle(start)?;
            link = Link::attach(&machine.options)?;
        } else {
            link.reset()
                .map_err(|cause| Error::Probe(format!("reset: {}", chain(&cause))))?;
        }
        if let Some(text) = flashed {
            machine.note(text);
        }
        machine.link = RefCell::new(Some(link));
        Ok(machine)
    }

    /// Whether the probe is there.
    pub fn is_linked(&self) -> bool {
        self.link.borrow().is_some()
    }

    /// The chip's name, while the probe is there.
    pub fn chip(&self) -> Option<String> {
        self.with_link(|link| Some(link.chip().to_owned()))
    }

    fn note(&mut self, text: impl Into<String>) {
        self.push(OutputKind::Note(text.into()));
    }

    fn push(&mut self, kind: OutputKind) {
        self.out.push(Output {
            time: self.now,
            kind,
        });
    }

    /// The probe has gone: a gap begins.
    fn lose(&mut self, cause: &dyn std::error::Error) {
        *self.link.get_mut() = None;
        self.channels.lose();
        self.gap = Some((self.now, self.now.saturating_add(RETRY)));
        self.note(format!(
            "the probe is gone ({}): nothing is read until it is back",
            chain(cause)
        ));
    }

    /// Looks for a probe that has gone.
    fn regain(&mut self) {
        let Some((since, next)) = self.gap.filter(|(_, next)| *next <= self.now) else {
            return;
        };
        match Link::attach(&self.options) {
            Ok(link) => {
                *self.link.get_mut() = Some(link);
                self.gap = None;
                let length = self.now.since(since);
                self.note(format!("the probe is back after {length}"));
            }
            Err(_) => self.gap = Some((since, next.saturating_add(RETRY).max(self.now))),
        }
    }

    /// Looks at the board at the present time.
    fn look(&mut self) {
        self.serial.listen(self.now, &mut self.out);
        self.regain();
        let Some(link) = self.link.get_mut() else {
            return;
        };
        let status = match link.status() {
            Ok(status) => status,
            Err(cause) => {
                self.lose(&cause);
                return;
            }
        };
        let done = self.channels.exchange(link, self.now, &mut self.out);
        if let Err(cause) = done {
            self.lose(&cause);
            return;
        }
        self.read_watches();
        match status {
            CoreStatus::LockedUp => {
                self.crash("");
                // Left as it was found: a watchdog may bite, and time goes on.
                let released = self.link.get_mut().as_mut().map(Link::release);
                if let Some(Err(cause)) = released {
                    self.lose(&cause);
                }
            }
            CoreStatus::Halted(HaltReason::Breakpoint(BreakpointCause::Semihosting(command))) => {
                self.semihosting(command);
            }
            CoreStatus::Halted(HaltReason::Breakpoint(_)) => {
                self.crash("a breakpoint instruction without a debugger that waits for it; ");
            }
            _ => {}
        }
    }

    fn read_watches(&mut self) {
        if self.watches.is_empty() || self.next_watch > self.now {
            return;
        }
        let period = self.options.watch_period.max(POLL);
        while self.next_watch <= self.now {
            self.next_watch = self.next_watch.saturating_add(period);
        }
        let Some(link) = self.link.get_mut() else {
            return;
        };
        match watched::read(&self.watches, link) {
            Ok(values) => self.push(OutputKind::Watch(values)),
            Err(cause) => self.lose(&cause),
        }
    }

    /// The core will not go on: why, in words.
    fn crash(&mut self, why: &str) {
        let symbols = self.symbols.as_ref();
        let Some(link) = self.link.get_mut() else {
            return;
        };
        match link.with_core(|core| fault::report(core, symbols)) {
            Ok(lines) => {
                let first = format!("{why}{}", lines.first().map_or("", String::as_str));
                self.note(first.clone());
                for line in lines.into_iter().skip(1) {
                    self.note(line);
                }
                self.ended = Some(Halt::Lockup(first));
            }
            Err(cause) => self.lose(&cause),
        }
    }

    /// The firmware asks something of its debugger.
    fn semihosting(&mut self, command: SemihostingCommand) {
        let Some(link) = self.link.get_mut() else {
            return;
        };
        let end = match command {
            SemihostingCommand::ExitSuccess => Some(0),
            SemihostingCommand::ExitError(details) => {
                Some(details.exit_status.map_or(1, |status| status as i32))
            }
            _ => None,
        };
        if let Some(code) = end {
            self.ended = Some(Halt::Exited(code));
            return;
        }
        let said = link.with_core(|core| {
            let said = if let SemihostingCommand::WriteConsole(request) = command {
                Some(request.read(core)?)
            } else {
                // Everything else is refused, as a debugger without files does.
                core.write_core_reg(probe_rs::RegisterId(0), u32::MAX)?;
                None
            };
            core.run()?;
            Ok::<_, probe_rs::Error>(said)
        });
        match said {
            Ok(Some(text)) => self.push(OutputKind::Uart {
                port: Name::Borrowed("semihosting"),
                bytes: text.into_bytes().into(),
            }),
            Ok(None) => {}
            Err(cause) => self.lose(&cause),
        }
    }

    /// Lets a virtual board run; gives what it has to say of itself.
    fn run_board(&mut self, end: VirtualTime) -> Result<(), Error> {
        let Some(board) = &self.options.board else {
            return Ok(());
        };
        let first = self.out.len();
        let out = &mut self.out;
        let halt = board.with(|machine| {
            loop {
                // A machine that stops for good says so early, once, and goes with the time afterwards.
                let halt = machine.run_until(end)?;
                machine.drain(out);
                if machine.now() >= end || halt == Halt::Debugger {
                    return Ok::<_, Error>(halt);
                }
            }
        })?;
        // A core that stood still for the probe goes on where it stood: what it says is said now.
        for output in &mut self.out[first..] {
            output.time = output.time.max(self.now);
        }
        // What stops the core is seen by the probe; only the end of a program is not.
        if let Halt::Exited(_) = halt {
            self.ended = Some(halt);
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.ended = None;
        self.channels.lose();
        let Some(link) = self.link.get_mut() else {
            return Err(Error::Probe("the probe is gone: plug it in".to_owned()));
        };
        let late = |board: &VirtualBoard| board.with(|machine| machine.now() < self.now);
        match self.options.board.clone().filter(late) {
            // It stood still for the probe, and its time with it: it is switched off and on.
            Some(board) => {
                *self.link.get_mut() = None;
                board.power_cycle(self.now)?;
                *self.link.get_mut() = Some(Link::attach(&self.options)?);
            }
            None => {
                if let Err(cause) = link.reset() {
                    self.lose(&cause);
                }
            }
        }
        self.next_poll = self.now;
        Ok(())
    }

    /// Gives the board itself what is none of the probe's, if it is a virtual one.
    fn hand_over(&self, stimulus: Stimulus) -> Result<(), Error> {
        let target = stimulus.target();
        match &self.options.board {
            Some(board) => board.with(|machine| machine.apply(stimulus)),
            None => Err(Error::no_such(target, self.ports())),
        }
    }

    /// What takes bytes, for an error.
    fn ports(&self) -> String {
        let down = self.link.borrow().as_ref().map_or(0, Link::down_count);
        let channels = (0..down).map(|number| format!("rtt{number}"));
        let all: Vec<_> = self.serial.names().cloned().chain(channels).collect();
        if all.is_empty() {
            "reset line".to_owned()
        } else {
            format!("{}, reset line", all.join(", "))
        }
    }
}

impl Machine for ProbeMachine {
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error> {
        while self.now < t || self.next_poll <= self.now {
            if self.ended.is_some() {
                break;
            }
            if self.next_poll <= self.now {
                self.look();
                self.next_poll = self.now.saturating_add(POLL);
                continue;
            }
            let end = t.min(self.next_poll);
            self.run_board(end)?;
            self.now = end;
        }
        if self.now < t && self.ended.is_some() {
            self.run_board(t)?;
            self.now = t;
        }
        Ok(self.ended.clone().unwrap_or(Halt::Reached))
    }

    fn drain(&mut self, out: &mut Vec<Output>) {
        let first = out.len();
        out.append(&mut self.out);
        out[first..].sort_by_key(|output| output.time);
    }

    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error> {
        let target = stimulus.target();
        match stimulus {
            Stimulus::Reset => self.reset(),
            Stimulus::Uart { port, bytes } => {
                if let Some(written) = self.serial.write(&port, &bytes) {
                    return written;
                }
                let number = port
                    .strip_prefix("rtt")
                    .and_then(|it| it.parse::<u8>().ok());
                let Some(number) = number.map(usize::from) else {
                    return self.hand_over(Stimulus::Uart { port, bytes });
                };
                let link = self.link.get_mut().as_ref();
                // A firmware that has channels, and has not made them yet, takes it later.
                let later = self.channels.may_come() && link.is_some_and(|link| !link.has_rtt());
                if number >= link.map_or(0, Link::down_count) && !later {
                    return Err(Error::no_such(target, self.ports()));
                }
                self.channels.give(number, &bytes);
                self.next_poll = self.now;
                Ok(())
            }
            stimulus => self.hand_over(stimulus),
        }
    }

    fn next_wake(&self) -> Wake {
        if self.ended.is_some() {
            return Wake::Never;
        }
        let poll = Wake::At(self.next_poll.max(self.now));
        match &self.options.board {
            Some(board) => board.with(|machine| machine.next_wake()).min(poll),
            None => poll,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            deterministic: self.options.board.is_some(),
            firmware: true,
        }
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        Some(self)
    }
}

impl ProbeMachine {
    /// The session, for who looks into the board.
    pub(super) fn with_link<T>(&self, act: impl FnOnce(&mut Link) -> Option<T>) -> Option<T> {
        self.link.borrow_mut().as_mut().and_then(act)
    }

    /// The firmware's symbols.
    pub(super) fn symbols(&self) -> Result<&Symbols, Error> {
        self.symbols.as_ref().ok_or_else(|| {
            Error::Symbols("the firmware has none: give the .elf that the linker wrote".into())
        })
    }
}
