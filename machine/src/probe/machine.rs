//! A board behind a probe, as a machine of the bench.
//!
//! A real board lives on the wall clock: what it said is dated when it was read, every
//! [`POLL`]. A virtual one lives on the bench's time, and what its own ports say is dated to the bit; only
//! what the probe reads is dated when it was read.

use std::{cell::RefCell, collections::BTreeMap};

use probe_rs::{
    BreakpointCause, CoreStatus, HaltReason,
    rtt::{ScanRegion, find_rtt_control_block_in_raw_file},
    semihosting::SemihostingCommand,
};
use twinbench_emulator::symbols::{Scalar, Scalars, Symbols};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{
    defmt::Decoder,
    fault,
    link::{Link, chain},
    options::ProbeOptions,
    serial::Port,
    virtual_probe::{Pace, VirtualBoard},
};
use crate::{
    Capabilities, Error, Halt, Inspect, Machine, Name, Output, OutputKind, Stimulus, Wake,
    emulator::console::Console,
};

/// How often the board is looked at.
pub const POLL: VirtualDuration = VirtualDuration::from_millis(10);
/// How often a probe or port that has gone is looked for.
const RETRY: VirtualDuration = VirtualDuration::from_millis(500);
/// How often the channels are looked for in the whole RAM, when no symbol says where they are.
const SCAN: VirtualDuration = VirtualDuration::from_secs(1);

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
    serial: BTreeMap<String, Serial>,
    ended: Option<Halt>,
    out: Vec<Output>,
}

/// The firmware's channels.
struct Channels {
    region: ScanRegion,
    next_scan: VirtualTime,
    decoder: Option<Decoder>,
    /// The channel with log frames.
    defmt: Option<usize>,
    consoles: BTreeMap<usize, Console>,
    /// What waits for room, by channel.
    waiting: BTreeMap<usize, Vec<u8>>,
}

/// A variable that is read again and again.
struct Watch {
    name: String,
    address: u32,
    kind: Scalar,
}

/// A serial port.
struct Serial {
    port: Port,
    next_try: VirtualTime,
    console: Console,
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
                let watches = watches(&options, &symbols, elf)?;
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
            serial: BTreeMap::new(),
            ended: None,
            out: Vec::new(),
            options,
        };
        for (name, line) in &machine.options.serial {
            let serial = Serial {
                port: Port::open(line).map_err(Error::Probe)?,
                next_try: start,
                console: Console::new(name.clone()),
            };
            machine.serial.insert(name.clone(), serial);
        }
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
        self.listen_serial();
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
        if let Err(cause) = self.exchange() {
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

    /// Reads every channel, and writes what waits.
    fn exchange(&mut self) -> Result<(), probe_rs::rtt::Error> {
        let now = self.now;
        let Some(link) = self.link.get_mut() else {
            return Ok(());
        };
        let channels = &mut self.channels;
        if !link.has_rtt() && channels.next_scan <= now {
            let exact = matches!(channels.region, ScanRegion::Exact(_));
            channels.next_scan = now.saturating_add(if exact { POLL } else { SCAN });
            if link.find_rtt(&channels.region)? {
                channels.found(&link.up_names());
            }
        }
        for (number, bytes) in link.read_rtt()? {
            channels.take(now, number, &bytes, &mut self.out);
        }
        for console in channels.consoles.values_mut() {
            console.flush_quiet(now, &mut self.out);
        }
        for (number, waiting) in &mut channels.waiting {
            if !waiting.is_empty() {
                let written = link.write_rtt(*number, waiting)?;
                waiting.drain(..written);
            }
        }
        Ok(())
    }

    fn read_watches(&mut self) {
        if self.watches.is_empty() || self.next_watch > self.now {
            return;
        }
        let period = self.options.watch_period.max(POLL);
        while self.next_watch <= self.now {
            self.next_watch = self.next_watch.saturating_add(period);
        }
        let mut values = BTreeMap::new();
        let mut failed = None;
        if let Some(link) = self.link.get_mut() {
            for watch in &self.watches {
                let mut bytes = [0; 8];
                let bytes = &mut bytes[..watch.kind.size()];
                match link.read(watch.address, bytes) {
                    Ok(()) => {
                        if let Some(value) = watch.kind.value(bytes).filter(|it| it.is_finite()) {
                            values.insert(watch.name.clone(), value);
                        }
                    }
                    Err(cause) => {
                        failed = Some(cause);
                        break;
                    }
                }
            }
        }
        match failed {
            Some(cause) => self.lose(&cause),
            None => self.push(OutputKind::Watch(values)),
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

    /// Takes what the serial ports said; looks for those that have gone.
    fn listen_serial(&mut self) {
        let now = self.now;
        let mut notes = Vec::new();
        for serial in self.serial.values_mut() {
            if !serial.port.is_open() && serial.next_try <= now {
                serial.next_try = now.saturating_add(RETRY);
                if serial.port.reopen().is_ok() {
                    notes.push("a serial port is back".to_owned());
                }
            }
            match serial.port.read() {
                Ok(bytes) => {
                    for byte in bytes {
                        serial.console.push(now, byte, &mut self.out);
                    }
                }
                Err(cause) => {
                    serial.next_try = now.saturating_add(RETRY);
                    notes.push(cause);
                }
            }
            serial.console.flush_quiet(now, &mut self.out);
        }
        for text in notes {
            self.note(text);
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

    /// What takes bytes, for an error.
    fn ports(&self) -> String {
        let down = self.link.borrow().as_ref().map_or(0, Link::down_count);
        let channels = (0..down).map(|number| format!("rtt{number}"));
        let all: Vec<_> = self.serial.keys().cloned().chain(channels).collect();
        if all.is_empty() {
            "reset line".to_owned()
        } else {
            format!("{}, reset line", all.join(", "))
        }
    }
}

impl Channels {
    fn new(firmware: Option<&[u8]>, start: VirtualTime) -> Result<Self, Error> {
        let place = firmware.and_then(|elf| find_rtt_control_block_in_raw_file(elf).ok().flatten());
        let decoder = match firmware {
            Some(elf) => Decoder::new(elf).map_err(Error::Symbols)?,
            None => None,
        };
        Ok(Self {
            region: place.map_or(ScanRegion::Ram, ScanRegion::Exact),
            next_scan: start,
            decoder,
            defmt: None,
            consoles: BTreeMap::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// The channels are there.
    fn found(&mut self, names: &[Option<String>]) {
        self.defmt = names
            .iter()
            .position(|name| name.as_deref() == Some("defmt"))
            .filter(|_| self.decoder.is_some());
    }

    /// What was begun is not continued.
    fn lose(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.restart();
        }
        self.waiting.clear();
    }

    fn take(&mut self, now: VirtualTime, number: usize, bytes: &[u8], out: &mut Vec<Output>) {
        if let Some(decoder) = &mut self.decoder
            && self.defmt == Some(number)
        {
            for line in decoder.decode(bytes) {
                out.push(Output {
                    time: now,
                    kind: OutputKind::Uart {
                        port: Name::Borrowed("defmt"),
                        bytes: format!("{line}\n").into_bytes().into(),
                    },
                });
            }
            return;
        }
        let console = self
            .consoles
            .entry(number)
            .or_insert_with(|| Console::new(format!("rtt{number}")));
        for byte in bytes {
            console.push(now, *byte, out);
        }
    }
}

/// Finds the variables that are to be watched.
fn watches(options: &ProbeOptions, symbols: &Symbols, elf: &[u8]) -> Result<Vec<Watch>, Error> {
    if options.watch.is_empty() {
        return Ok(Vec::new());
    }
    let scalars = Scalars::from_elf(elf).map_err(|cause| Error::Symbols(cause.to_string()))?;
    options
        .watch
        .iter()
        .map(|(name, variable)| {
            let symbol = symbols.variable(variable).ok_or_else(|| {
                Error::Symbols(format!(
                    "no variable {variable:?} in the firmware, or several; give its whole path, as in `nm -C`"
                ))
            })?;
            // Without debug information, what fits a word is taken for an unsigned integer.
            let kind = scalars
                .at(symbol.address)
                .or(match symbol.size {
                    size @ (1 | 2 | 4 | 8) => Some(Scalar::Unsigned(size as u8)),
                    _ => None,
                })
                .ok_or_else(|| {
                    Error::Symbols(format!(
                        "variable {variable:?} has {} bytes and is no number",
                        symbol.size
                    ))
                })?;
            Ok(Watch {
                name: name.clone(),
                address: symbol.address,
                kind,
            })
        })
        .collect()
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
            Stimulus::Uart { port, bytes } if self.serial.contains_key(&port) => {
                let serial = self.serial.get_mut(&port);
                serial.map_or(Ok(()), |serial| {
                    serial.port.write(&bytes).map_err(Error::Probe)
                })
            }
            Stimulus::Uart { port, bytes }
                if port
                    .strip_prefix("rtt")
                    .is_some_and(|it| it.parse::<u8>().is_ok()) =>
            {
                let number: usize = port[3..].parse().unwrap_or_default();
                let link = self.link.get_mut().as_ref();
                // A firmware that has channels, and has not made them yet, takes it later.
                let later = matches!(self.channels.region, ScanRegion::Exact(_))
                    && link.is_some_and(|link| !link.has_rtt());
                if number >= link.map_or(0, Link::down_count) && !later {
                    return Err(Error::no_such(target, self.ports()));
                }
                let waiting = self.channels.waiting.entry(number).or_default();
                waiting.extend_from_slice(&bytes);
                self.next_poll = self.now;
                Ok(())
            }
            stimulus => match &self.options.board {
                Some(board) => board.with(|machine| machine.apply(stimulus)),
                None => Err(Error::no_such(target, self.ports())),
            },
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
