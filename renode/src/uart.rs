//! A UART of an emulated machine as a raw TCP connection: every byte comes through unchanged.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A connection to a socket terminal of Renode.
///
/// What the machine sends arrives while the emulation runs. What is sent here is there for the machine
/// at once, at the wall clock's time: for one outcome, send only while the emulation is paused.
#[derive(Debug)]
pub struct Uart {
    stream: TcpStream,
    address: SocketAddr,
}

/// Why a UART's connection failed.
#[derive(Debug, thiserror::Error)]
#[error("renode's socket terminal at {address} has failed: {cause}")]
pub struct UartError {
    address: SocketAddr,
    cause: io::Error,
}

impl Uart {
    /// Connects. The terminal takes one client at a time; it keeps what the machine sent before.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn connect(address: SocketAddr, patience: Duration) -> Result<Self, UartError> {
        let failed = |cause| UartError { address, cause };
        let stream = TcpStream::connect_timeout(&address, patience).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self { stream, address })
    }

    /// Sends bytes to the machine.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), UartError> {
        self.stream.write_all(bytes).map_err(|cause| UartError {
            address: self.address,
            cause,
        })
    }

    /// What has arrived; waits at most so long for the first byte, and then takes all that is there.
    /// Without patience it takes what is there. Systems count a wait in ticks of up to 10 ms: who wants a
    /// shorter one sleeps and then has no patience.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn receive(&mut self, patience: Duration) -> Result<Vec<u8>, UartError> {
        let mut all = Vec::new();
        let taken = self.wait(patience, &mut all).and_then(|came| {
            if !came {
                return Ok(());
            }
            self.stream.set_nonblocking(true)?;
            let taken = self.take(&mut all);
            self.stream.set_nonblocking(false)?;
            taken
        });
        match taken {
            // What came before the end is told first.
            Err(cause) if all.is_empty() => Err(UartError {
                address: self.address,
                cause,
            }),
            _ => Ok(all),
        }
    }

    /// Waits for the first bytes. False: they did not come.
    fn wait(&mut self, patience: Duration, all: &mut Vec<u8>) -> io::Result<bool> {
        if patience.is_zero() {
            return Ok(true);
        }
        self.stream.set_read_timeout(Some(patience))?;
        match self.read(all) {
            Ok(()) => Ok(true),
            Err(cause) if is_silence(&cause) => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    /// Takes all that is there.
    fn take(&mut self, all: &mut Vec<u8>) -> io::Result<()> {
        loop {
            match self.read(all) {
                Ok(()) => {}
                Err(cause) if is_silence(&cause) => return Ok(()),
                Err(cause) => return Err(cause),
            }
        }
    }

    fn read(&mut self, all: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    all.extend_from_slice(&buffer[..length]);
                    return Ok(());
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
    }
}

fn is_silence(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
