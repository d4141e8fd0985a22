//! TCP and TLS connections.

use bytes::Bytes;
use twinbench_model::VirtualDuration;

use super::{Command, Form, Input, Job, Modem, Outcome, Passthrough, Task, syntax::Argument};
use crate::NetworkRequest;

/// Connections at the same time (`AT_SOCKET_MAX_CONN_NUM`).
pub(super) const MAX_LINKS: usize = 5;
/// Longest host name (`AT+CIPSTART`, remote host).
const MAX_HOST: usize = 64;
/// Most bytes in one `AT+CIPSEND=`.
const MAX_SEND: usize = 8192;
/// Most bytes in one `+IPD`: a TCP segment.
const MAX_SEGMENT: usize = 1460;
/// From the last byte of `AT+CIPSEND=` to `SEND OK`.
const SEND_DELAY: VirtualDuration = VirtualDuration::from_millis(3);

/// A connection.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Link {
    /// Its number at the network; a new one at every attempt.
    pub(super) connection: u32,
    tls: bool,
    host: String,
    port: u16,
    pub(super) state: LinkState,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum LinkState {
    /// Names and handshakes; the network does not know of it yet.
    Preparing,
    /// The network was asked.
    Asked,
    /// It stands.
    Open,
    /// It was lost during passthrough and will be tried again.
    Lost,
}

impl Modem {
    pub(super) fn link_command(&mut self, command: &Command<'_>) -> Option<Outcome> {
        Some(match (command.name, &command.form) {
            ("+CIPMUX", Form::Query) => {
                Outcome::tight(format!("+CIPMUX:{}\r\n", u8::from(self.multiple)))
            }
            ("+CIPMUX", Form::Set(arguments)) => Outcome::of(self.set_multiple(arguments)),
            ("+CIPMODE", Form::Query) => Outcome::tight(format!(
                "+CIPMODE:{}\r\n",
                u8::from(self.passthrough_receiving)
            )),
            ("+CIPMODE", Form::Set(arguments)) => Outcome::of(self.set_passthrough(arguments)),
            ("+CIPSTART", Form::Set(arguments)) => self.start(arguments).unwrap_or(Outcome::FAILED),
            ("+CIPSEND", Form::Execute) => self.start_passthrough(),
            ("+CIPSEND", Form::Set(arguments)) => {
                self.start_data(arguments).unwrap_or(Outcome::FAILED)
            }
            ("+CIPCLOSE", Form::Execute) if !self.multiple => self.close(0..1),
            ("+CIPCLOSE", Form::Set(arguments)) if self.multiple => {
                match arguments.first().and_then(Argument::number::<usize>) {
                    Some(slot) if slot < MAX_LINKS => self.close(slot..slot + 1),
                    Some(MAX_LINKS) => self.close(0..MAX_LINKS),
                    _ => Outcome::FAILED,
                }
            }
            ("+CIPSTATE", Form::Query) => match self.connections("+CIPSTATE") {
                none if none.is_empty() => Outcome::DONE,
                lines => Outcome::lines(lines),
            },
            ("+CIPSTATUS", Form::Execute) => {
                let lines = self.connections("+CIPSTATUS");
                let status = match (lines.is_empty(), self.next_connection) {
                    (false, _) => 3,
                    (true, 1) => self.station_status(),
                    // There were some.
                    (true, _) => match self.station_status() {
                        2 => 4,
                        other => other,
                    },
                };
                Outcome::tight(format!("STATUS:{status}\r\n{lines}"))
            }
            ("+CIPRECONNINTV", Form::Query) => Outcome::tight(format!(
                "+CIPRECONNINTV:{}\r\n",
                self.reconnect_after.as_nanos() / 100_000_000
            )),
            ("+CIPRECONNINTV", Form::Set(arguments)) => Outcome::of(
                arguments
                    .first()
                    .and_then(Argument::number::<u64>)
                    .filter(|tenths| (1..=36_000).contains(tenths))
                    .map(|tenths| {
                        self.reconnect_after = VirtualDuration::from_millis(tenths * 100);
                    }),
            ),
            // Certificates are checked by nobody here, so every setting is as good as another.
            ("+CIPSSLCCONF" | "+CIPSSLCSNI", Form::Set(_)) => Outcome::DONE,
            _ => return None,
        })
    }

    fn set_multiple(&mut self, arguments: &[Argument]) -> Option<()> {
        let multiple = switch(arguments)?;
        if self.links.iter().any(Option::is_some) || (multiple && self.passthrough_receiving) {
            return None;
        }
        self.multiple = multiple;
        Some(())
    }

    fn set_passthrough(&mut self, arguments: &[Argument]) -> Option<()> {
        let on = switch(arguments)?;
        if on && self.multiple {
            return None;
        }
        self.passthrough_receiving = on;
        Some(())
    }

    /// Splits the link's number off when there may be several.
    fn slot<'a>(&self, arguments: &'a [Argument]) -> Option<(usize, &'a [Argument])> {
        if !self.multiple {
            return Some((0, arguments));
        }
        let (first, rest) = arguments.split_first()?;
        let slot = first.number::<usize>().filter(|slot| *slot < MAX_LINKS)?;
        Some((slot, rest))
    }

    /// `3,` when there may be several links.
    fn prefix(&self, slot: usize) -> String {
        if self.multiple {
            format!("{slot},")
        } else {
            String::new()
        }
    }

    fn start(&mut self, arguments: &[Argument]) -> Option<Outcome> {
        let (slot, arguments) = self.slot(arguments)?;
        let [kind, host, port, ..] = arguments else {
            return None;
        };
        let tls = match kind.text()? {
            "TCP" => false,
            "SSL" => true,
            _ => return None,
        };
        let host = host
            .text()
            .filter(|host| !host.is_empty() && host.len() <= MAX_HOST)?;
        let port = port.number::<u16>().filter(|port| *port != 0)?;
        if self.links[slot].is_some() {
            return Some(Outcome::Error("ALREADY CONNECTED\r\n".to_owned()));
        }
        if !self.station.has_address {
            return None;
        }
        self.links[slot] = Some(Link {
            connection: 0,
            tls,
            host: host.to_owned(),
            port,
            state: LinkState::Lost,
        });
        self.job = Some(Job::Open(slot));
        self.prepare(slot);
        Some(Outcome::Later)
    }

    /// Begins to open a link.
    pub(super) fn prepare(&mut self, slot: usize) {
        let delays = self.options.delays;
        let Some(link) = &mut self.links[slot] else {
            return;
        };
        link.connection = self.next_connection;
        link.state = LinkState::Preparing;
        self.next_connection += 1;
        let connection = link.connection;
        let handshake = if link.tls {
            delays.tls
        } else {
            VirtualDuration::ZERO
        };
        let delay = VirtualDuration::from_nanos(delays.connect.as_nanos() + handshake.as_nanos());
        self.after(delay, Task::Open(connection));
    }

    fn find(&self, connection: u32) -> Option<usize> {
        let here =
            |link: &Option<Link>| link.as_ref().is_some_and(|it| it.connection == connection);
        self.links.iter().position(here)
    }

    pub(super) fn ask_to_open(&mut self, connection: u32) {
        let link = self
            .find(connection)
            .and_then(|slot| self.links[slot].as_mut());
        let Some(link) = link.filter(|link| link.state == LinkState::Preparing) else {
            return;
        };
        link.state = LinkState::Asked;
        let request = NetworkRequest::Open {
            connection,
            host: link.host.clone(),
            port: link.port,
            tls: link.tls,
        };
        self.request(request);
        self.after(self.options.delays.connect_limit, Task::GiveUp(connection));
    }

    pub(super) fn give_up(&mut self, connection: u32) {
        let state = |slot: usize| self.links[slot].as_ref().map(|link| link.state);
        if self.find(connection).and_then(state) == Some(LinkState::Asked) {
            self.request(NetworkRequest::Close { connection });
            self.link_closed(connection);
        }
    }

    pub(super) fn link_opened(&mut self, connection: u32) {
        let Some(slot) = self.find(connection) else {
            return;
        };
        if let Some(link) = &mut self.links[slot] {
            link.state = LinkState::Open;
        }
        let connect = format!("{}CONNECT\r\n", self.prefix(slot));
        if self.job == Some(Job::Open(slot)) {
            self.job = None;
            self.say(connect + "\r\nOK\r\n");
        } else {
            self.report(&connect);
        }
    }

    pub(super) fn link_received(&mut self, connection: u32, bytes: &Bytes) {
        let Some(slot) = self.find(connection) else {
            return;
        };
        if self.passthrough_receiving {
            self.say(bytes);
            return;
        }
        for part in bytes.chunks(MAX_SEGMENT) {
            let head = format!("\r\n+IPD,{}{}:", self.prefix(slot), part.len());
            self.say([head.as_bytes(), part].concat());
        }
    }

    pub(super) fn link_closed(&mut self, connection: u32) {
        let Some(slot) = self.find(connection) else {
            return;
        };
        let closed = format!("{}CLOSED\r\n", self.prefix(slot));
        if matches!(self.input, Input::Passthrough(_)) {
            if let Some(link) = &mut self.links[slot] {
                // A failed attempt to connect again is not worth a word.
                let was_open = link.state == LinkState::Open;
                link.state = LinkState::Lost;
                if was_open {
                    self.report(&closed);
                }
            }
            self.after(self.reconnect_after, Task::Reconnect);
            return;
        }
        self.links[slot] = None;
        match self.job {
            Some(Job::Open(it)) if it == slot => {
                self.job = None;
                self.say(closed + "\r\nERROR\r\n");
            }
            Some(Job::Send(it)) if it == slot => {
                self.job = None;
                self.say(closed + "\r\nSEND FAIL\r\n");
            }
            _ => self.report(&closed),
        }
    }

    fn close(&mut self, slots: std::ops::Range<usize>) -> Outcome {
        let mut closed = String::new();
        for slot in slots {
            if self.hang_up(slot) {
                closed += &self.prefix(slot);
                closed += "CLOSED\r\n";
            }
        }
        if closed.is_empty() {
            return Outcome::FAILED;
        }
        Outcome::lines(closed)
    }

    /// Closes a link from here; says whether there was one.
    pub(super) fn hang_up(&mut self, slot: usize) -> bool {
        let Some(link) = self.links[slot].take() else {
            return false;
        };
        if matches!(link.state, LinkState::Asked | LinkState::Open) {
            self.request(NetworkRequest::Close {
                connection: link.connection,
            });
        }
        true
    }

    /// The radio is gone, and with it every connection.
    pub(super) fn cut_links(&mut self) {
        let live: Vec<u32> = self
            .links
            .iter()
            .flatten()
            .map(|link| link.connection)
            .collect();
        for connection in live {
            let state = |slot: usize| self.links[slot].as_ref().map(|link| link.state);
            let state = self.find(connection).and_then(state);
            if matches!(state, Some(LinkState::Asked | LinkState::Open)) {
                self.request(NetworkRequest::Close { connection });
            }
            if state != Some(LinkState::Lost) {
                self.link_closed(connection);
            }
        }
    }

    fn connections(&self, name: &str) -> String {
        let mut lines = Vec::new();
        for (slot, link) in self.links.iter().enumerate() {
            if let Some(link) = link.as_ref().filter(|link| link.state == LinkState::Open) {
                let kind = if link.tls { "SSL" } else { "TCP" };
                // Local ports from the range that IANA keeps for such.
                let local = 49_152 + link.connection % 16_384;
                let (host, port) = (&link.host, link.port);
                lines.push(format!(
                    "{name}:{slot},\"{kind}\",\"{host}\",{port},{local},0\r\n"
                ));
            }
        }
        lines.concat()
    }

    fn is_open(&self, slot: usize) -> bool {
        self.links[slot]
            .as_ref()
            .is_some_and(|link| link.state == LinkState::Open)
    }

    fn start_data(&mut self, arguments: &[Argument]) -> Option<Outcome> {
        let (slot, arguments) = self.slot(arguments)?;
        let length = arguments.first()?.number::<usize>()?;
        let fits = (1..=MAX_SEND).contains(&length);
        if !fits || self.passthrough_receiving || !self.is_open(slot) {
            return None;
        }
        self.input = Input::Data {
            slot,
            length,
            data: Vec::new(),
        };
        self.say("\r\nOK\r\n\r\n>");
        Some(Outcome::Later)
    }

    /// The data of `AT+CIPSEND=` is complete.
    pub(super) fn send_data(&mut self) {
        let Input::Data { slot, data, .. } = std::mem::replace(&mut self.input, Input::Command)
        else {
            return;
        };
        self.say(format!("\r\nRecv {} bytes\r\n", data.len()));
        let Some(link) = self.links[slot].as_ref().filter(|_| self.is_open(slot)) else {
            self.say("\r\nSEND FAIL\r\n");
            return;
        };
        let connection = link.connection;
        self.request(NetworkRequest::Send {
            connection,
            bytes: data.into(),
        });
        self.job = Some(Job::Send(slot));
        self.after(SEND_DELAY, Task::Sent);
    }

    pub(super) fn data_sent(&mut self) {
        if let Some(Job::Send(_)) = self.job {
            self.job = None;
            self.say("\r\nSEND OK\r\n");
        }
    }

    fn start_passthrough(&mut self) -> Outcome {
        if !self.passthrough_receiving || !self.is_open(0) {
            return Outcome::FAILED;
        }
        self.input = Input::Passthrough(Passthrough::default());
        self.say("\r\nOK\r\n\r\n>");
        Outcome::Later
    }
}

/// A single 0 or 1.
fn switch(arguments: &[Argument]) -> Option<bool> {
    match arguments {
        [Argument::Number(0)] => Some(false),
        [Argument::Number(1)] => Some(true),
        _ => None,
    }
}
