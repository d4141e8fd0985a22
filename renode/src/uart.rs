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
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn receive(&mut self, patience: Duration) -> Result<Vec<u8>, UartError> {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        let mut wait = patience.max(Duration::from_micros(1));
        loop {
            let read = self
                .stream
                .set_read_timeout(Some(wait))
                .and_then(|()| self.stream.read(&mut buffer));
            match read {
                Ok(0) if all.is_empty() => {
                    return Err(UartError {
                        address: self.address,
                        cause: io::ErrorKind::UnexpectedEof.into(),
                    });
                }
                Ok(0) => return Ok(all),
                Ok(length) => {
                    all.extend_from_slice(&buffer[..length]);
                    wait = Duration::from_micros(1);
                }
                Err(cause)
                    if matches!(
                        cause.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(all);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => {
                    return Err(UartError {
                        address: self.address,
                        cause,
                    });
                }
            }
        }
    }
}
