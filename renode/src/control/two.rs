//! A client of the second generation.
//!
//! Renode tells of a pin's change when it happens, also between requests, and its simulation stands
//! until it is answered. So a thread reads all the time: it answers what Renode asks and hands on
//! what answers us.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    Command, ControlError, Edge, Patience, edge,
    gen2::{Decoder, Kind, Message, OURS},
};

/// The version of the protocol that is spoken here.
const VERSION: u32 = 0;

#[derive(Debug)]
pub(super) struct Client {
    /// Requests of ours and answers to Renode leave whole.
    writer: Arc<Mutex<TcpStream>>,
    address: SocketAddr,
    next: u16,
    patience: Patience,
    answers: Receiver<Result<Message, ControlError>>,
    edges: Arc<Mutex<Vec<Edge>>>,
    /// What broke the connection was told; from then on it is closed.
    broken: bool,
}

impl Client {
    pub(super) fn new(
        stream: TcpStream,
        address: SocketAddr,
        patience: Patience,
    ) -> Result<Self, ControlError> {
        let reading = stream
            .try_clone()
            .map_err(|cause| ControlError::Connection { address, cause })?;
        let (sender, answers) = channel();
        let edges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&edges);
        let writer = Arc::new(Mutex::new(stream));
        let answering = Arc::clone(&writer);
        thread::spawn(move || read(reading, &answering, &sender, &seen));
        let mut client = Self {
            writer,
            address,
            next: 0,
            patience,
            answers,
            edges,
            broken: false,
        };
        client.call(Command::CheckVersion, &VERSION.to_le_bytes())?;
        Ok(client)
    }

    pub(super) fn edges(&mut self) -> Vec<Edge> {
        std::mem::take(&mut self.edges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn call(
        &mut self,
        command: Command,
        payload: &[u8],
    ) -> Result<Vec<u8>, ControlError> {
        if self.broken {
            return Err(ControlError::Closed);
        }
        let request = Message {
            id: OURS | self.next,
            command: command as u16,
            kind: Kind::Request,
            data: payload.to_vec(),
        };
        self.next = (self.next + 1) & !OURS;
        write(&self.writer, &request).map_err(|cause| ControlError::Connection {
            address: self.address,
            cause,
        })?;
        let patience = match command {
            Command::RunFor => self.patience.run,
            _ => self.patience.answer,
        };
        loop {
            let answer = match self.answers.recv_timeout(patience) {
                Ok(Ok(answer)) => answer,
                Ok(Err(cause)) => {
                    self.broken = true;
                    return Err(cause);
                }
                Err(RecvTimeoutError::Timeout) => return Err(ControlError::Silent(patience)),
                Err(RecvTimeoutError::Disconnected) => return Err(ControlError::Closed),
            };
            // An answer that came too late belongs to an earlier request.
            if answer.id != request.id {
                continue;
            }
            return match answer.kind {
                Kind::Success => Ok(answer.data),
                Kind::Error if answer.command == 0 && command != Command::CheckVersion => {
                    Err(ControlError::Fatal(answer.text()))
                }
                Kind::Error => Err(ControlError::Failed(answer.text())),
                _ => Err(ControlError::Failed(format!(
                    "renode has no {command:?} in external control"
                ))),
            };
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ends the reading thread; a connection that is gone has nothing to shut down.
        let stream = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn write(writer: &Mutex<TcpStream>, message: &Message) -> std::io::Result<()> {
    let mut stream = writer.lock().unwrap_or_else(PoisonError::into_inner);
    stream.write_all(&message.encode())
}

/// Reads until the connection ends.
fn read(
    mut stream: TcpStream,
    writer: &Mutex<TcpStream>,
    answers: &Sender<Result<Message, ControlError>>,
    edges: &Mutex<Vec<Edge>>,
) {
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    let cause = 'connection: loop {
        let length = match stream.read(&mut buffer) {
            Ok(0) => break ControlError::Closed,
            Ok(length) => length,
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break ControlError::Closed,
        };
        decoder.push(&buffer[..length]);
        loop {
            match decoder.message() {
                Err(cause) => break 'connection cause.into(),
                Ok(None) => break,
                Ok(Some(message)) if message.kind == Kind::Event => {
                    let answer = match told(&message.data) {
                        Ok(edge) => {
                            edges
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push(edge);
                            message.answer(Kind::Success, Vec::new())
                        }
                        Err(cause) => message.answer(Kind::Error, cause.to_string().into_bytes()),
                    };
                    if write(writer, &answer).is_err() {
                        break 'connection ControlError::Closed;
                    }
                }
                // Renode asks nothing else of a client.
                Ok(Some(message)) if message.kind == Kind::Request => {
                    let answer = message.answer(Kind::Invalid, Vec::new());
                    if write(writer, &answer).is_err() {
                        break 'connection ControlError::Closed;
                    }
                }
                Ok(Some(message)) => {
                    if answers.send(Ok(message)).is_err() {
                        return;
                    }
                }
            }
        }
    };
    // Nobody may be left to hear it.
    let _ = answers.send(Err(cause));
}

/// An event: the asker's number and what happened.
fn told(data: &[u8]) -> Result<Edge, ControlError> {
    match data.split_first_chunk() {
        Some((descriptor, body)) => {
            edge(i32::from_le_bytes(*descriptor), body, Duration::from_nanos)
        }
        None => Err(ControlError::Form {
            command: Command::Gpio,
            length: data.len(),
        }),
    }
}
