//! A serial modem with the ESP-AT command set: Wi-Fi, time, and TCP or TLS connections.
//!
//! A [`Modem`] is a state machine: bytes of the firmware's UART go in with [`Modem::receive`],
//! news from the network with [`Modem::network`], the passing of time with [`Modem::advance`];
//! bytes for the firmware and requests to the network come out of [`Modem::drain`]. Everything
//! that leaves does so at least [`Modem::REACTION`] after what caused it, which is what lets
//! a machine run firmware and modem in exact order without looking at every byte.
//!
//! Wording and limits are those of Espressif's ESP-AT user guide (Basic, Wi-Fi and TCP/IP AT
//! commands, AT messages, TCP/IP examples). The modem ends TLS itself: a connection of type
//! `SSL` is asked of the network with `tls`, and carries plain bytes.
//!
//! | commands | |
//! |---|---|
//! | basic | `AT` `ATE0` `ATE1` `AT+GMR` `AT+RST` `AT+RESTORE` `AT+SYSMSG` `AT+SYSSTORE` |
//! | Wi-Fi | `AT+CWMODE` `AT+CWJAP` `AT+CWQAP` `AT+CWSTATE?` `AT+CIFSR` |
//! | time | `AT+CIPSNTPCFG` `AT+CIPSNTPTIME?` |
//! | connections | `AT+CIPMUX` `AT+CIPMODE` `AT+CIPSTART` `AT+CIPSEND` `AT+CIPCLOSE` `AT+CIPSTATE?` `AT+CIPSTATUS` `AT+CIPRECONNINTV` `AT+CIPSSLCCONF` `AT+CIPSSLCSNI`, `+++` |
//!
//! Everything else is answered with `ERROR` and a note. Not modelled: SoftAP, UDP, servers,
//! passive receiving, joining by itself after a restart, a change of the line's rate.

mod agenda;
mod basic;
mod links;
mod options;
mod passthrough;
mod sntp;
mod syntax;
mod wifi;

use bytes::Bytes;
use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

pub use self::{
    agenda::ModemOutput,
    options::{AccessPoints, Delays, ModemOptions},
};
use self::{
    agenda::{Agenda, Task},
    links::{Link, MAX_LINKS},
    passthrough::Passthrough,
    sntp::Sntp,
    syntax::{Command, Form, Line, LineReader},
    wifi::Station,
};
use crate::{NetworkEvent, NetworkRequest};

/// A serial modem.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Modem {
    options: ModemOptions,
    epoch: Epoch,
    now: VirtualTime,
    /// When it was last switched on or restarted.
    started: VirtualTime,
    echo: bool,
    system_messages: u8,
    station: Station,
    sntp: Sntp,
    multiple: bool,
    /// `AT+CIPMODE=1`.
    passthrough_receiving: bool,
    reconnect_after: VirtualDuration,
    links: [Option<Link>; MAX_LINKS],
    next_connection: u32,
    input: Input,
    reader: LineReader,
    job: Option<Job>,
    agenda: Agenda,
    out: Vec<(VirtualTime, ModemOutput)>,
}

/// What bytes from the firmware are taken for.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
enum Input {
    /// Commands.
    Command,
    /// Data of `AT+CIPSEND=`, for a link, up to a length.
    Data {
        slot: usize,
        length: usize,
        data: Vec<u8>,
    },
    /// The connection's bytes.
    Passthrough(Passthrough),
}

/// The command in progress; until it is done others are answered with `busy p...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Job {
    Join,
    Open(usize),
    Send(usize),
    /// Until `ready` the modem hears nothing.
    Restart,
}

/// How a command ended.
enum Outcome {
    /// `OK`, after these lines if there are any, as they are.
    Ok(String),
    /// `ERROR`, after these lines.
    Error(String),
    /// The answer comes later.
    Later,
}

impl Outcome {
    const DONE: Self = Self::Ok(String::new());
    const FAILED: Self = Self::Error(String::new());

    /// An answer's lines with a blank line before `OK`.
    fn lines(text: String) -> Self {
        Self::Ok(text + "\r\n")
    }

    /// An answer's lines with `OK` right behind, as some query commands have it.
    fn tight(text: String) -> Self {
        Self::Ok(text)
    }

    fn of(done: Option<()>) -> Self {
        done.map_or(Self::FAILED, |()| Self::DONE)
    }
}

impl Modem {
    /// How long the modem takes for whatever it does, at least.
    pub const REACTION: VirtualDuration = VirtualDuration::from_millis(1);

    /// A modem that was switched on a while before `start` and is ready for commands.
    pub fn new(options: ModemOptions, epoch: Epoch, start: VirtualTime) -> Self {
        Self {
            epoch,
            now: start,
            started: start,
            echo: true,
            system_messages: options.system_messages,
            station: Station::default(),
            sntp: Sntp::default(),
            multiple: false,
            passthrough_receiving: false,
            reconnect_after: VirtualDuration::from_millis(100),
            links: Default::default(),
            next_connection: 1,
            input: Input::Command,
            reader: LineReader::default(),
            job: None,
            agenda: Agenda::default(),
            out: Vec::new(),
            options,
        }
    }

    /// Goes on as `state` would, in this modem's own surroundings.
    pub(crate) fn restore(&mut self, state: Self) {
        let (options, epoch) = (std::mem::take(&mut self.options), self.epoch);
        *self = Self {
            options,
            epoch,
            ..state
        };
    }

    /// When the modem has something to do next, if nothing comes in before.
    pub fn next_wake(&self) -> Option<VirtualTime> {
        self.agenda.next()
    }

    /// Does everything that is due by `now`.
    pub fn advance(&mut self, now: VirtualTime) {
        while let Some((time, task)) = self.agenda.take_due(now) {
            self.now = self.now.max(time);
            self.perform(task);
        }
        self.now = self.now.max(now);
    }

    /// Takes a byte whose stop bit ended at `now`.
    pub fn receive(&mut self, now: VirtualTime, byte: u8) {
        self.advance(now);
        if self.job == Some(Job::Restart) {
            return;
        }
        match &mut self.input {
            Input::Command => {
                if self.echo && self.job.is_none() {
                    self.say([byte].as_slice());
                }
                match self.reader.push(byte) {
                    None => {}
                    Some(_) if self.job.is_some() => self.say("busy p...\r\n"),
                    Some(Line::TooLong) => self.say("\r\nERROR\r\n"),
                    Some(Line::Whole(line)) => self.command(&line),
                }
            }
            Input::Data { length, data, .. } => {
                data.push(byte);
                if data.len() >= *length {
                    self.send_data();
                }
            }
            Input::Passthrough(passthrough) => {
                if passthrough.push(now, byte) {
                    self.send_passthrough();
                }
                self.watch_quiet();
            }
        }
    }

    /// Takes news from the network. What concerns a connection that is no more is ignored.
    pub fn network(&mut self, now: VirtualTime, event: NetworkEvent) {
        self.advance(now);
        match event {
            NetworkEvent::Opened { connection } => self.link_opened(connection),
            NetworkEvent::Received { connection, bytes } => self.link_received(connection, &bytes),
            NetworkEvent::Closed { connection, .. } => self.link_closed(connection),
        }
    }

    /// Moves everything that left to `out`, in order of time.
    pub fn drain(&mut self, out: &mut Vec<(VirtualTime, ModemOutput)>) {
        out.append(&mut self.out);
    }

    fn perform(&mut self, task: Task) {
        match task {
            Task::Emit(output) => self.out.push((self.now, output)),
            Task::Ready => self.ready(),
            Task::Associated(attempt) => self.associated(attempt),
            Task::Addressed(attempt) => self.addressed(attempt),
            Task::NotJoined(attempt, code) => self.not_joined(attempt, code),
            Task::TimeKnown => self.time_known(),
            Task::Open(connection) => self.ask_to_open(connection),
            Task::GiveUp(connection) => self.give_up(connection),
            Task::Sent => self.data_sent(),
            Task::Quiet => self.quiet(),
            Task::Reconnect => self.reconnect(),
        }
    }

    fn command(&mut self, line: &[u8]) {
        let outcome = match syntax::parse(line) {
            Some(command) => self.execute(&command),
            None => Outcome::FAILED,
        };
        match outcome {
            Outcome::Ok(lines) if lines.is_empty() => self.say("\r\nOK\r\n"),
            Outcome::Ok(lines) => self.say(format!("{lines}OK\r\n")),
            Outcome::Error(lines) => self.say(format!("{lines}\r\nERROR\r\n")),
            Outcome::Later => {}
        }
    }

    fn execute(&mut self, command: &Command<'_>) -> Outcome {
        let outcome = self
            .basic_command(command)
            .or_else(|| self.wifi_command(command))
            .or_else(|| self.sntp_command(command))
            .or_else(|| self.link_command(command));
        outcome.unwrap_or_else(|| {
            let name = command.name;
            self.note(format!(
                "modem: no command AT{name} in this form, answered ERROR"
            ));
            Outcome::FAILED
        })
    }

    /// Sends bytes to the firmware.
    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.emit(ModemOutput::Line(Bytes::copy_from_slice(bytes.as_ref())));
    }

    /// Says what happened by itself, unless passthrough forbids it.
    fn report(&mut self, text: &str) {
        if !matches!(self.input, Input::Passthrough(_)) || self.system_messages & 0b100 != 0 {
            self.say(text);
        }
    }

    fn request(&mut self, request: NetworkRequest) {
        self.emit(ModemOutput::Network(request));
    }

    fn note(&mut self, text: String) {
        self.emit(ModemOutput::Note(text));
    }

    fn emit(&mut self, output: ModemOutput) {
        self.agenda
            .add(self.now + Self::REACTION, Task::Emit(output));
    }

    fn after(&mut self, delay: VirtualDuration, task: Task) {
        self.agenda.add(self.now + delay, task);
    }
}
