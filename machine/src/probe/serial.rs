//! Serial ports of this computer that are wired to the board.

use std::{io, io::ErrorKind, time::Duration};

use super::SerialLine;

/// How long a write waits for the port, on the wall clock.
const PATIENCE: Duration = Duration::from_millis(100);

/// A serial port that is opened again when it comes back.
pub(super) struct Port {
    line: SerialLine,
    open: Option<Box<dyn serialport::SerialPort>>,
}

impl Port {
    /// Opens a port.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(line: &SerialLine) -> Result<Self, String> {
        let mut port = Self {
            line: line.clone(),
            open: None,
        };
        port.reopen()?;
        Ok(port)
    }

    /// A port that is open already.
    #[cfg(all(test, unix))]
    pub(super) fn of(port: Box<dyn serialport::SerialPort>) -> Self {
        let line = SerialLine {
            path: port.name().unwrap_or_default().into(),
            baud: 115_200,
        };
        Self {
            line,
            open: Some(port),
        }
    }

    /// Whether it is there.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Tries to open it again.
    ///
    /// # Errors
    /// What the system says, and what to do about it.
    pub(super) fn reopen(&mut self) -> Result<(), String> {
        let path = self.line.path.to_string_lossy();
        let opened = serialport::new(path.as_ref(), self.line.baud)
            .timeout(PATIENCE)
            .open();
        self.open = Some(opened.map_err(|cause| {
            let hint = match cause.kind {
                serialport::ErrorKind::Io(ErrorKind::PermissionDenied) if cfg!(unix) => {
                    "; add this user to the group that owns it (dialout, or uucp) and sign in anew"
                }
                serialport::ErrorKind::NoDevice => {
                    "; is it plugged in, and does no other program use it?"
                }
                _ => "",
            };
            format!("serial port {path}: {cause}{hint}")
        })?);
        Ok(())
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// When the port has gone; it is closed then.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, String> {
        let Some(port) = &mut self.open else {
            return Ok(Vec::new());
        };
        let taken = port
            .bytes_to_read()
            .map_err(io::Error::from)
            .and_then(|waiting| {
                let mut bytes = vec![0; waiting as usize];
                if waiting > 0 {
                    let length = port.read(&mut bytes)?;
                    bytes.truncate(length);
                }
                Ok(bytes)
            });
        self.or_gone(taken)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the port has gone; it is closed then.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Some(port) = &mut self.open else {
            return Err(format!(
                "serial port {} is not there",
                self.line.path.display()
            ));
        };
        let sent = port.write_all(bytes).and_then(|()| port.flush());
        self.or_gone(sent)
    }

    fn or_gone<T>(&mut self, result: io::Result<T>) -> Result<T, String> {
        result.map_err(|cause| {
            self.open = None;
            format!("serial port {}: {cause}", self.line.path.display())
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read, Write};

    use serialport::{SerialPort, TTYPort};

    use super::*;

    #[test]
    fn bytes_go_both_ways_and_a_port_that_goes_is_told_once() {
        let (mut far, near) = TTYPort::pair().unwrap();
        far.set_timeout(PATIENCE).unwrap();
        let mut port = Port::of(Box::new(near));
        assert!(port.read().unwrap().is_empty());
        far.write_all(&[0, 13, 0xFF]).unwrap();
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard.extend(port.read().unwrap());
            if heard.len() == 3 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(heard, [0, 13, 0xFF]);
        port.write(b"hi").unwrap();
        let mut bytes = [0; 2];
        far.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"hi");
        drop(far);
        let told = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            port.read().is_err() || port.write(b"x").is_err()
        });
        assert!(told && !port.is_open());
        assert!(port.read().unwrap().is_empty());
    }

    #[test]
    fn a_port_that_is_not_there_is_named() {
        let line = SerialLine {
            path: "/dev/no-such-port".into(),
            baud: 9_600,
        };
        let error = Port::open(&line).err().unwrap();
        assert!(error.contains("/dev/no-such-port"), "{error}");
    }
}
