//! Firmware in the embedded emulator, with a modem on one of the board's serial ports and
//! generators behind its sensors.
//!
//! # Firmware and modem in exact order
//! The board runs in slices, each of which ends when the modem next has something to say, and at
//! the latest [`Modem::REACTION`] after the board could first say something itself. As the modem
//! reacts no faster than that, every byte of the firmware reaches the modem at the instant at
//! which its stop bit ended, every byte of the modem begins to leave for the firmware at the
//! instant at which it was said, and where the slices end leaves no trace. A sleeping board
//! costs no slices.
//!
//! # Sensors
//! A generator's value on a fixed grid of [`SENSOR_PERIOD`] is what the sensors measure from then
//! on, each at its own rate, whatever the steps in which the machine is run. The generator is asked
//! when the firmware addresses the sensor: what nobody reads is never drawn. A value set by hand
//! takes the generator's place for good.

pub(crate) mod console;
mod debug;
mod gdb_port;
mod inspect;
mod options;
mod state;
mod surroundings;

use std::{collections::BTreeMap, sync::Arc};

use twinbench_devkit_config as config;
use twinbench_emulator::{
    Image, NextWake, Stop,
    board::{Board, BoardError},
    gdb::GdbSession,
    peripheral::{Signal, SignalKind},
    symbols::Symbols,
};
use twinbench_model::{VirtualDuration, VirtualTime};

use self::{console::Console, surroundings::Generated};
pub use self::{gdb_port::DebuggedMachine, options::EmulatorOptions};
use crate::{
    Capabilities, Debug, Error, Halt, Inspect, Machine, Name, Output, OutputKind, Snapshots,
    Stimulus, Wake,
    generator::{Key, Sampler},
    modem::{Modem, ModemOutput},
};

/// How often the value of a generator behind a sensor may change. The sensors' own rates are 1 to 12.5 Hz.
pub const SENSOR_PERIOD: VirtualDuration = VirtualDuration::from_millis(100);

/// The quantities that the AZ3166's sensors measure: °C, %RH, hPa, mG, mg and mdps.
pub const QUANTITIES: [&str; 12] = [
    "accelerometer-x",
    "accelerometer-y",
    "accelerometer-z",
    "gyroscope-x",
    "gyroscope-y",
    "gyroscope-z",
    "humidity",
    "magnetometer-x",
    "magnetometer-y",
    "magnetometer-z",
    "pressure",
    "temperature",
];

/// A board in the embedded emulator.
pub struct EmulatorMachine {
    board: Board,
    /// When the board was switched on: its own time counts from here.
    start: VirtualTime,
    now: VirtualTime,
    modem: Option<Attached>,
    consoles: BTreeMap<String, Console>,
    leds: BTreeMap<(u8, u8), Name>,
    /// What left the chip dated after the end of a slice.
    ahead: Vec<Signal>,
    out: Vec<Output>,
    /// The firmware's file, and what was read of it.
    elf: Option<Arc<[u8]>>,
    symbols: Option<Box<Symbols>>,
    /// A GDB client's session, and what waits to be sent to it.
    debugger: Option<GdbSession>,
    to_debugger: Vec<u8>,
}

/// A modem and where it is attached.
struct Attached {
    modem: Modem,
    /// The board's name for the port.
    port: String,
    /// The chip's name for it.
    peripheral: String,
    /// Scratch.
    out: Vec<(VirtualTime, ModemOutput)>,
}

impl EmulatorMachine {
    /// An AZ3166 with `image` in flash memory, switched on at the options' start.
    ///
    /// The device's settings are written into the last sector of flash memory, where the devkit
    /// firmware looks for them (`twinbench_devkit_config`), unless the image uses that sector.
    ///
    /// # Errors
    /// When the image is for other memories, a sensor or the modem's port does not exist, a
    /// generator cannot be used, or a setting does not fit the firmware's settings page.
    pub fn az3166(image: Arc<Image>, options: EmulatorOptions) -> Result<Self, Error> {
        let board = Board::az3166(image).map_err(|cause| Error::Firmware(cause.to_string()))?;
        Self::new(board, options)
    }

    /// Any board that the emulator can be told of, switched on at the options' start. Settings for the
    /// devkit firmware are written if its sector of flash memory is free.
    ///
    /// # Errors
    /// As [`EmulatorMachine::az3166`].
    pub fn with_board(board: Board, options: EmulatorOptions) -> Result<Self, Error> {
        Self::new(board, options)
    }

    fn new(mut board: Board, options: EmulatorOptions) -> Result<Self, Error> {
        let key = Key {
            seed: options.seed,
            device: options.device.clone(),
        };
        board.set_seed(key.quantity("board").bits());
        board
            .chip_mut()
            .set_unmodelled_fatal(options.unmodelled_is_fatal);
        provision(&mut board, &options)?;

        let known = board.quantities();
        for (quantity, generator) in &options.sensors {
            if !known.contains(quantity.as_str()) {
                let names: Vec<_> = known.iter().copied().collect();
                return Err(Error::no_such(
                    format!("sensor {quantity}"),
                    names.join(", "),
                ));
            }
            let sampler = Sampler::new(generator, &key, quantity)
                .map_err(|cause| Error::Setting(format!("sensor {quantity}: {cause}")))?;
            let generated = Generated {
                sampler,
                start: options.start,
            };
            board
                .follow(quantity, || Box::new(generated.clone()))
                .map_err(refused)?;
        }

        let file = board.file();
        let modem = match &options.modem {
            None => None,
            Some(wanted) => {
                let (port, uart) = file
                    .uart
                    .iter()
                    .find(|(name, uart)| {
                        *name == wanted || uart.peripheral.eq_ignore_ascii_case(wanted)
                    })
                    .ok_or_else(|| {
                        let names: Vec<_> = file.uart.keys().map(String::as_str).collect();
                        Error::no_such(format!("serial port {wanted}"), names.join(", "))
                    })?;
                Some(Attached {
                    modem: Modem::new(options.modem_options, options.epoch, options.start),
                    port: port.clone(),
                    peripheral: uart.peripheral.clone(),
                    out: Vec::new(),
                })
            }
        };
        let consoles = file
            .uart
            .iter()
            .map(|(name, uart)| (uart.peripheral.clone(), Console::new(name.clone())))
            .collect();
        let leds = file
            .led
            .iter()
            .map(|(name, pin)| ((pin.port, pin.pin), Name::Owned(name.clone())))
            .collect();
        Ok(Self {
            board,
            start: options.start,
            now: options.start,
            modem,
            consoles,
            leds,
            ahead: Vec::new(),
            out: Vec::new(),
            elf: options.elf,
            symbols: None,
            debugger: None,
            to_debugger: Vec::new(),
        })
    }

    /// The board, to look into.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The board, for what stands outside of it.
    #[cfg(feature = "probe")]
    pub(crate) fn board_mut(&mut self) -> &mut Board {
        &mut self.board
    }

    /// How far it has run.
    #[cfg(feature = "probe")]
    pub(crate) fn now(&self) -> VirtualTime {
        self.now
    }

    /// A time of the bench as the board counts it.
    fn local(&self, time: VirtualTime) -> VirtualTime {
        VirtualTime::ZERO + time.since(self.start)
    }

    /// A time of the board as the bench counts it.
    fn global(&self, time: VirtualTime) -> VirtualTime {
        self.start.saturating_add(time.since(VirtualTime::ZERO))
    }

    /// When the board itself has something to do next.
    fn board_wake(&self) -> Wake {
        match self.board.next_wake() {
            NextWake::Busy => Wake::Busy,
            NextWake::At(time) => Wake::At(self.global(time).max(self.now)),
            NextWake::Never => Wake::Never,
        }
    }

    /// The end of the next slice, `t` at the latest.
    fn slice_end(&self, t: VirtualTime) -> VirtualTime {
        let mut end = t;
        if let Some(attached) = &self.modem {
            let speaks = match self.board_wake() {
                Wake::Busy => self.now,
                Wake::At(time) => time,
                Wake::Never => VirtualTime::MAX,
            };
            end = end.min(speaks.saturating_add(Modem::REACTION));
            if let Some(wake) = attached.modem.next_wake() {
                end = end.min(wake);
            }
        }
        end.max(self.now)
    }

    /// Runs one slice; gives the board's halt when it has one, and whether it came just now.
    fn slice(&mut self, t: VirtualTime) -> Result<Option<(Halt, bool)>, Error> {
        let end = self.slice_end(t);
        let stop = self.board.run_until(self.local(end));
        // A board that stops for good says so at once; from then on it goes with the time.
        let reached = self.global(self.board.now()).min(end).max(self.now);
        self.now = reached;
        self.collect();
        self.exchange(reached)?;
        let halt = match stop {
            Stop::Reached => return Ok(None),
            Stop::Debug(_) => {
                self.poll_debugger()?;
                return Ok(Some((Halt::Debugger, true)));
            }
            Stop::Lockup(reason) => Halt::Lockup(reason),
            Stop::Exited(code) => Halt::Exited(code),
        };
        Ok(Some((halt, reached < end)))
    }

    /// Gives what left the chip up to now to those whom it concerns.
    fn collect(&mut self) {
        let mut signals = std::mem::take(&mut self.ahead);
        self.board.chip_mut().drain(&mut signals);
        // Stable: what left in one instant stays in order.
        signals.sort_by_key(|signal| signal.time);
        for signal in signals {
            let time = self.global(signal.time);
            if time > self.now {
                self.ahead.push(signal);
            } else {
                self.signal(time, signal.kind);
            }
        }
        for console in self.consoles.values_mut() {
            console.flush_quiet(self.now, &mut self.out);
        }
    }

    fn signal(&mut self, time: VirtualTime, kind: SignalKind) {
        let kind = match kind {
            SignalKind::Uart { name, byte } => {
                match &mut self.modem {
                    Some(attached) if attached.peripheral == name => {
                        attached.modem.receive(time, byte);
                    }
                    _ => {
                        if let Some(console) = self.consoles.get_mut(name) {
                            console.push(time, byte, &mut self.out);
                        }
                    }
                }
                return;
            }
            SignalKind::Pin { port, pin, high } => match self.leds.get(&(port, pin)) {
                Some(name) => OutputKind::Pin {
                    name: name.clone(),
                    high,
                },
                None => return,
            },
            SignalKind::Display(frame) => OutputKind::Display { frame },
            SignalKind::Itm { port, bytes } => OutputKind::Uart {
                port: Name::Owned(format!("itm{port}")),
                bytes,
            },
            SignalKind::Semihosting(bytes) => OutputKind::Uart {
                port: Name::Borrowed("semihosting"),
                bytes,
            },
            SignalKind::Note(text) => OutputKind::Note(text),
        };
        self.out.push(Output { time, kind });
    }

    /// Lets the modem do what is due, and hands its bytes to the board.
    fn exchange(&mut self, now: VirtualTime) -> Result<(), Error> {
        let Some(attached) = &mut self.modem else {
            return Ok(());
        };
        attached.modem.advance(now);
        attached.modem.drain(&mut attached.out);
        for (time, output) in attached.out.drain(..) {
            let kind = match output {
                ModemOutput::Line(bytes) => {
                    self.board
                        .uart_input(&attached.port, &bytes)
                        .map_err(refused)?;
                    continue;
                }
                ModemOutput::Network(request) => OutputKind::Network(request),
                ModemOutput::Note(text) => OutputKind::Note(text),
            };
            self.out.push(Output { time, kind });
        }
        Ok(())
    }
}

/// Writes the device's settings where the devkit firmware looks for them.
fn provision(board: &mut Board, options: &EmulatorOptions) -> Result<(), Error> {
    let mut there = [0; 4];
    board.chip().read_memory(config::FLASH_ADDRESS, &mut there);
    if there != [0xFF; 4] {
        return Ok(());
    }
    let page = crate::settings::page(
        &options.device,
        &options.device_key,
        &options.hub_host,
        options.telemetry_interval,
    )?;
    board.chip_mut().write_memory(config::FLASH_ADDRESS, &page);
    Ok(())
}

fn refused(cause: BoardError) -> Error {
    match cause {
        BoardError::NoSuch {
            what,
            name,
            available,
        } => Error::no_such(format!("{what} {name}"), available),
        other => Error::Setting(other.to_string()),
    }
}

impl Machine for EmulatorMachine {
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error> {
        let mut halted = Halt::Reached;
        while self.now < t {
            halted = match self.slice(t)? {
                Some((halt, true)) => return Ok(halt),
                Some((halt, false)) => halt,
                None => Halt::Reached,
            };
        }
        Ok(halted)
    }

    fn drain(&mut self, out: &mut Vec<Output>) {
        let first = out.len();
        out.append(&mut self.out);
        out[first..].sort_by_key(|output| output.time);
    }

    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error> {
        let target = stimulus.target();
        match stimulus {
            Stimulus::Uart { port, bytes } => match &self.modem {
                Some(attached) if attached.port == port => {
                    let free = self.board.file().uart.keys().filter(|name| **name != port);
                    let free: Vec<_> = free.map(String::as_str).collect();
                    Err(Error::no_such(
                        format!("{target} without a modem"),
                        free.join(", "),
                    ))
                }
                _ => self.board.uart_input(&port, &bytes).map_err(refused),
            },
            Stimulus::Sensor { quantity, value } => {
                self.board.set_sensor(&quantity, value).map_err(refused)
            }
            Stimulus::Button { name, pressed } => {
                self.board.set_button(&name, pressed).map_err(refused)
            }
            Stimulus::Reset => {
                self.board.reset();
                Ok(())
            }
            Stimulus::Supply { on } => {
                self.board.set_powered(on);
                if let Some(attached) = &mut self.modem {
                    attached.modem.set_powered(self.now, on);
                }
                // Lights go out at once, and nothing else may happen for long.
                self.collect();
                Ok(())
            }
            Stimulus::Clock { ahead } => match &mut self.modem {
                Some(attached) => {
                    attached.modem.set_clock(ahead);
                    Ok(())
                }
                None => Err(Error::no_such(target, "no modem that could tell the time")),
            },
            Stimulus::Network(event) => match &mut self.modem {
                Some(attached) => {
                    attached.modem.network(self.now, event);
                    Ok(())
                }
                None => Err(Error::no_such(target, "serial ports only")),
            },
            Stimulus::Wifi { up } => match &mut self.modem {
                Some(attached) => {
                    attached.modem.set_jammed(self.now, !up);
                    Ok(())
                }
                None => Err(Error::no_such(target, "serial ports only")),
            },
        }
    }

    fn next_wake(&self) -> Wake {
        let mut wake = self.board_wake();
        if !self.out.is_empty() {
            wake = wake.min(Wake::At(self.now));
        }
        let modem = self
            .modem
            .as_ref()
            .and_then(|attached| attached.modem.next_wake());
        let consoles = self.consoles.values().filter_map(Console::quiet_at);
        let ahead = self.ahead.first().map(|signal| self.global(signal.time));
        for time in modem.into_iter().chain(consoles).chain(ahead) {
            wake = wake.min(Wake::At(time));
        }
        wake
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            deterministic: true,
            firmware: true,
        }
    }

    fn snapshots(&mut self) -> Option<&mut dyn Snapshots> {
        Some(self)
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        Some(self)
    }

    fn debug(&mut self) -> Option<&mut dyn Debug> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Arc<Image> {
        let map = twinbench_emulator::MemoryMap::STM32F412XG;
        Arc::new(Image::from_flash(&[], &map))
    }

    #[test]
    fn a_board_that_locks_up_says_so_at_once_and_time_goes_on() {
        let epoch = twinbench_model::Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let device = twinbench_model::DeviceId::new("broken").unwrap();
        let options = EmulatorOptions::new(device, 7, epoch);
        let mut machine = EmulatorMachine::az3166(empty(), options).unwrap();
        let end = VirtualTime::from_secs(2);
        let halt = machine.run_until(end).unwrap();
        assert!(matches!(&halt, Halt::Lockup(_)), "{halt:?}");
        assert!(machine.now < VirtualTime::from_millis(1));
        assert_eq!(machine.run_until(end).unwrap(), halt);
        assert_eq!(machine.now, end);
        assert_eq!(machine.next_wake(), Wake::Never);
        let mut out = Vec::new();
        machine.drain(&mut out);
        assert!(
            out.iter()
                .all(|output| matches!(output.kind, OutputKind::Note(_))),
            "{out:?}"
        );
    }

    #[test]
    fn the_quantities_are_those_of_the_board() {
        let board = Board::az3166(empty()).unwrap();
        assert!(board.quantities().into_iter().eq(QUANTITIES));
    }
}
