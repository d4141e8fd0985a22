//! A board's serial ports as consoles.

use std::collections::BTreeMap;

use twinbench_model::{VirtualDuration, VirtualTime};

use super::{options::SerialLine, serial::Port};
use crate::{Error, Output, OutputKind, emulator::console::Console};

/// How often a port that has gone is looked for.
const RETRY: VirtualDuration = VirtualDuration::from_millis(500);

/// A board's serial ports, by name.
pub(super) struct Consoles(BTreeMap<String, Serial>);

/// A serial port.
struct Serial {
    port: Port,
    next_try: VirtualTime,
    console: Console,
}

impl Consoles {
    /// Opens them.
    ///
    /// # Errors
    /// When one is not there or may not be opened.
    pub(super) fn open(
        lines: &BTreeMap<String, SerialLine>,
        start: VirtualTime,
    ) -> Result<Self, Error> {
        let mut all = BTreeMap::new();
        for (name, line) in lines {
            let serial = Serial {
                port: Port::open(line).map_err(Error::Probe)?,
                next_try: start,
                console: Console::new(name.clone()),
            };
            all.insert(name.clone(), serial);
        }
        Ok(Self(all))
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Writes to one; `None`: there is none of this name.
    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Option<Result<(), Error>> {
        let serial = self.0.get_mut(name)?;
        Some(serial.port.write(bytes).map_err(Error::Probe))
    }

    /// Takes what they said; looks for those that have gone.
    pub(super) fn listen(&mut self, now: VirtualTime, out: &mut Vec<Output>) {
        for serial in self.0.values_mut() {
            let mut notes = Vec::new();
            if !serial.port.is_open() && serial.next_try <= now {
                serial.next_try = now.saturating_add(RETRY);
                if serial.port.reopen().is_ok() {
                    notes.push("a serial port is back".to_owned());
                }
            }
            match serial.port.read() {
                Ok(bytes) => {
                    for byte in bytes {
                        serial.console.push(now, byte, out);
                    }
                }
                Err(cause) => {
                    serial.next_try = now.saturating_add(RETRY);
                    notes.push(cause);
                }
            }
            serial.console.flush_quiet(now, out);
            out.extend(notes.into_iter().map(|text| Output {
                time: now,
                kind: OutputKind::Note(text),
            }));
        }
    }
}
