//! The board's sensors on I2C1, and their readings by kind of message.

mod hts221;
mod lis2mdl;
mod lps22hb;
mod lsm6dsl;

use core::cell::RefCell;
use core::fmt;

use embassy_stm32::i2c::{I2c, Master};
use embassy_stm32::mode::Blocking;
use embassy_time::Timer;
use embedded_hal::i2c::{Error as _, ErrorKind, I2c as _};
use embedded_hal_bus::i2c::RefCellDevice;
use twinbench_devkit_core::telemetry::{Kind, Reading};

use crate::log;

use hts221::Hts221;
use lis2mdl::Lis2mdl;
use lps22hb::Lps22hb;
use lsm6dsl::Lsm6dsl;

/// The board's one bus.
pub(crate) type SharedBus = RefCell<I2c<'static, Blocking, Master>>;
/// A device's use of it.
pub(crate) type Bus = RefCellDevice<'static, I2c<'static, Blocking, Master>>;

/// How often and how long to wait for a sensor's first sample: 1.25 s, longer than the slowest
/// (HTS221, 1 Hz) needs.
const READY_TRIES: u32 = 25;
const READY_PAUSE_MS: u64 = 50;

/// Why a sensor gives nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Error {
    /// The transfer failed.
    Bus(&'static str, ErrorKind),
    /// Another part answers at its address.
    Identity(&'static str, u8),
    /// Its software reset does not end.
    Reset(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Bus(name, kind) => write!(f, "{name} does not answer ({kind:?})"),
            Error::Identity(name, found) => write!(f, "{name} says it is 0x{found:02x}"),
            Error::Reset(name) => write!(f, "{name} does not end its reset"),
        }
    }
}

/// Registers of one device on the bus.
struct Registers {
    bus: Bus,
    address: u8,
    name: &'static str,
    /// Bit 7 of the register address asks for auto-increment on parts that need it.
    increment: u8,
}

impl Registers {
    fn read<const N: usize>(&mut self, register: u8) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.bus
            .write_read(self.address, &[register | self.increment], &mut bytes)
            .map_err(|error| Error::Bus(self.name, error.kind()))?;
        Ok(bytes)
    }

    fn write(&mut self, register: u8, value: u8) -> Result<(), Error> {
        self.bus
            .write(self.address, &[register, value])
            .map_err(|error| Error::Bus(self.name, error.kind()))
    }

    fn identify(&mut self, register: u8, expected: u8) -> Result<(), Error> {
        let [found] = self.read(register)?;
        if found == expected {
            Ok(())
        } else {
            Err(Error::Identity(self.name, found))
        }
    }

    /// Sets a self-clearing reset bit and waits, a bounded number of reads, until it is clear.
    fn reset(&mut self, register: u8, bit: u8) -> Result<(), Error> {
        self.write(register, bit)?;
        for _ in 0..100 {
            if self.read::<1>(register)?[0] & bit == 0 {
                return Ok(());
            }
        }
        Err(Error::Reset(self.name))
    }

    async fn ready(&mut self, register: u8, bits: u8) -> Result<(), Error> {
        for _ in 0..READY_TRIES {
            if self.read::<1>(register)?[0] & bits == bits {
                break;
            }
            Timer::after_millis(READY_PAUSE_MS).await;
        }
        Ok(())
    }
}

/// All sensors. One that is absent or fails is set up again at its next reading.
pub(crate) struct Sensors {
    bus: &'static SharedBus,
    humidity: Option<Hts221>,
    pressure: Option<Lps22hb>,
    magnetometer: Option<Lis2mdl>,
    motion: Option<Lsm6dsl>,
}

impl Sensors {
    /// Sets all up; those that do not answer are logged.
    pub(crate) fn new(bus: &'static SharedBus) -> Self {
        Self {
            bus,
            humidity: logged(Hts221::new(Bus::new(bus))),
            pressure: logged(Lps22hb::new(Bus::new(bus))),
            magnetometer: logged(Lis2mdl::new(Bus::new(bus))),
            motion: logged(Lsm6dsl::new(Bus::new(bus))),
        }
    }

    /// Reads what a message of `kind` tells.
    pub(crate) async fn read(&mut self, kind: Kind) -> Result<Reading, Error> {
        let bus = Bus::new(self.bus);
        match kind {
            Kind::Environment => {
                let humidity = {
                    let mut sensor = take(&mut self.humidity, || Hts221::new(bus))?;
                    let value = sensor.humidity().await?;
                    self.humidity = Some(sensor);
                    value
                };
                let mut sensor = take(&mut self.pressure, || Lps22hb::new(Bus::new(self.bus)))?;
                let (pressure, temperature) = sensor.pressure_and_temperature().await?;
                self.pressure = Some(sensor);
                Ok(Reading::Environment {
                    humidity,
                    temperature,
                    pressure,
                })
            }
            Kind::Magnetometer => {
                let mut sensor = take(&mut self.magnetometer, || Lis2mdl::new(bus))?;
                let axes = sensor.field().await?;
                self.magnetometer = Some(sensor);
                Ok(Reading::Magnetometer(axes))
            }
            Kind::Accelerometer => {
                let mut sensor = take(&mut self.motion, || Lsm6dsl::new(bus))?;
                let axes = sensor.acceleration().await?;
                self.motion = Some(sensor);
                Ok(Reading::Accelerometer(axes))
            }
            Kind::Gyroscope => {
                let mut sensor = take(&mut self.motion, || Lsm6dsl::new(bus))?;
                let axes = sensor.rate().await?;
                self.motion = Some(sensor);
                Ok(Reading::Gyroscope(axes))
            }
        }
    }
}

/// A working sensor, or one set up anew. It is put back only after a good reading.
fn take<S>(slot: &mut Option<S>, setup: impl FnOnce() -> Result<S, Error>) -> Result<S, Error> {
    slot.take().map_or_else(setup, Ok)
}

fn logged<S>(sensor: Result<S, Error>) -> Option<S> {
    sensor.inspect_err(|error| log!("sensors: {error}")).ok()
}
