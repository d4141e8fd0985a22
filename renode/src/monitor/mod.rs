//! The monitor over telnet, for people: programs use the robot server, which says what failed.

mod screen;
pub mod telnet;

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub use self::screen::{Output, Screen};
use self::{
    screen::sendable,
    telnet::{Filter, GREETING},
};

/// A connection to the monitor. It takes one client at a time and shows its banner once, so one
/// connection is kept for the whole session.
#[derive(Debug)]
pub struct Monitor {
    stream: TcpStream,
    filter: Filter,
    screen: Screen,
    patience: Duration,
}

/// Why the monitor gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The connection failed.
    #[error("renode's monitor at {address} cannot be reached: {cause}")]
    Connection {
        /// Its address.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// Renode has ended the connection, as after `quit`.
    #[error("renode's monitor has closed the connection")]
    Closed,
    /// No prompt in time.
    #[error("renode's monitor showed no prompt within {0:?}; does another client hold it?")]
    Silent(Duration),
}

impl Monitor {
    /// Connects, and waits for the first prompt. Gives the banner, which is there for the first
    /// connection only.
    ///
    /// # Errors
    /// When it cannot be reached or shows no prompt.
    pub fn connect(
        address: SocketAddr,
        patience: Duration,
    ) -> Result<(Self, String), MonitorError> {
        let failed = |cause| MonitorError::Connection { address, cause };
        let mut stream = TcpStream::connect_timeout(&address, patience).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.write_all(&GREETING).map_err(failed)?;
        let mut monitor = Self {
            stream,
            filter: Filter::default(),
            screen: Screen::default(),
            patience,
        };
        monitor.wait(Screen::is_prompted)?;
        let banner = monitor.screen.take("").text;
        Ok((monitor, banner))
    }

    /// Executes a line and gives what it printed. Keys that edit the line are left out of it.
    ///
    /// # Errors
    /// When the connection ends or no prompt follows.
    pub fn execute(&mut self, line: &str) -> Result<Output, MonitorError> {
        let line = sendable(line);
        self.stream
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|_| MonitorError::Closed)?;
        self.wait(|screen| screen.has_answered(&line))?;
        Ok(self.screen.take(&line))
    }

    fn wait(&mut self, done: impl Fn(&Screen) -> bool) -> Result<(), MonitorError> {
        self.stream
            .set_read_timeout(Some(self.patience))
            .map_err(|_| MonitorError::Closed)?;
        let mut buffer = [0; 4096];
        while !done(&self.screen) {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(MonitorError::Closed),
                Ok(length) => {
                    let mut text = Vec::new();
                    self.filter.push(&buffer[..length], &mut text);
                    self.screen.push(&text);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause)
                    if matches!(
                        cause.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Err(MonitorError::Silent(self.patience));
                }
                Err(_) => return Err(MonitorError::Closed),
            }
        }
        Ok(())
    }
}
