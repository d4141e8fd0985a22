//! A client of the first generation: one request at a time, events before a run's answer.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{
    Command, ControlError, Edge, Patience, edge,
    gen1::{self, Decoder, Reply},
};
use crate::version::Commands;

#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    address: SocketAddr,
    decoder: Decoder,
    commands: Commands,
    patience: Patience,
    edges: Vec<Edge>,
}

impl Client {
    pub(super) fn new(
        stream: TcpStream,
        address: SocketAddr,
        commands: Commands,
        patience: Patience,
    ) -> Result<Self, ControlError> {
        let mut client = Self {
            stream,
            address,
            decoder: Decoder::default(),
            commands,
            patience,
            edges: Vec::new(),
        };
        client.send(&gen1::handshake(commands))?;
        match client.reply(patience.answer)? {
            Reply::Welcome => Ok(client),
            Reply::Fatal(text) => Err(ControlError::Fatal(text)),
            _ => Err(ControlError::Closed),
        }
    }

    pub(super) fn edges(&mut self) -> Vec<Edge> {
        std::mem::take(&mut self.edges)
    }

    pub(super) fn call(
        &mut self,
        command: Command,
        payload: &[u8],
    ) -> Result<Vec<u8>, ControlError> {
        match command {
            Command::Gpio if self.commands.gpio.is_none() => {
                return Err(ControlError::Unsupported(command, "1.15.2"));
            }
            Command::SystemBus if self.commands.bus.is_none() => {
                return Err(ControlError::Unsupported(command, "1.16.1"));
            }
            _ => {}
        }
        self.send(&gen1::request(command as u8, payload))?;
        let patience = match command {
            Command::RunFor => self.patience.run,
            _ => self.patience.answer,
        };
        loop {
            match self.reply(patience)? {
                Reply::Done { data, .. } => return Ok(data),
                Reply::Failed { text, .. } => return Err(ControlError::Failed(text)),
                Reply::Fatal(text) => return Err(ControlError::Fatal(text)),
                Reply::Invalid(number) => {
                    return Err(ControlError::Failed(format!(
                        "renode has no command {number} in external control"
                    )));
                }
                Reply::Event {
                    descriptor, data, ..
                } => {
                    self.edges
                        .push(edge(descriptor, &data, Duration::from_micros)?);
                }
                Reply::Welcome => {}
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), ControlError> {
        self.stream
            .write_all(bytes)
            .map_err(|cause| self.failed(cause))
    }

    /// The server queues its last words and closes at once: a reset connection is a closed one.
    fn failed(&self, cause: io::Error) -> ControlError {
        match cause.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ControlError::Closed,
            _ => ControlError::Connection {
                address: self.address,
                cause,
            },
        }
    }

    fn reply(&mut self, patience: Duration) -> Result<Reply, ControlError> {
        self.stream
            .set_read_timeout(Some(patience))
            .map_err(|cause| self.failed(cause))?;
        let mut buffer = [0; 4096];
        loop {
            if let Some(reply) = self.decoder.frame()? {
                return Ok(reply);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return self.decoder.bare().ok_or(ControlError::Closed),
                Ok(length) => self.decoder.push(&buffer[..length]),
                Err(cause)
                    if matches!(
                        cause.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return self.decoder.bare().ok_or(ControlError::Silent(patience));
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(self.failed(cause)),
            }
        }
    }
}
