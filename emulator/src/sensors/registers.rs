//! Devices that are read and written by register: a sub-address, then bytes.

use twinbench_model::VirtualTime;

use super::I2cDevice;
use crate::{
    peripheral::Signal,
    snapshot::{Loader, Saver, SnapshotError},
};

/// The registers of a device; what differs between the sensors.
pub trait Registers: serde::Serialize + serde::de::DeserializeOwned + Send + 'static {
    /// Name as its data sheet writes it.
    const NAME: &'static str;
    /// The quantities that it measures.
    const QUANTITIES: &'static [&'static str];

    /// Takes the samples that are due.
    fn sample(&mut self, now: VirtualTime);

    /// Reads a register.
    fn read(&mut self, register: u8) -> u8;

    /// Writes a register.
    fn write(&mut self, register: u8, value: u8, now: VirtualTime);

    /// Whether the sub-address moves on after each byte; `burst` is bit 7 of what was sent.
    fn increments(&self, burst: bool) -> bool;

    /// Sets what it measures; other quantities are ignored.
    fn set(&mut self, quantity: &str, value: f64);

    /// Back to the state after power-on; what it measures stays.
    fn power_on(&mut self);
}

/// A device on the bus with registers behind a sub-address.
#[derive(Debug, Clone)]
pub struct RegisterDevice<R> {
    address: u8,
    registers: R,
    /// The register of the next byte.
    register: u8,
    burst: bool,
    /// The next byte that comes in is the sub-address.
    addressing: bool,
}

impl<R> RegisterDevice<R> {
    /// A device on the bus, at the 7-bit address that its pins are strapped to.
    pub fn new(address: u8, registers: R) -> Self {
        Self {
            address,
            registers,
            register: 0,
            burst: false,
            addressing: false,
        }
    }

    /// Its registers.
    pub fn registers(&self) -> &R {
        &self.registers
    }
}

impl<R: Registers> RegisterDevice<R> {
    fn step(&mut self) {
        if self.registers.increments(self.burst) {
            self.register = (self.register + 1) & 0x7F;
        }
    }
}

impl<R: Registers> I2cDevice for RegisterDevice<R> {
    fn save(&self, out: &mut Saver) {
        out.put(&self.registers);
        out.put(&(self.register, self.burst, self.addressing));
    }

    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        self.registers = from.get()?;
        (self.register, self.burst, self.addressing) = from.get()?;
        Ok(())
    }

    fn name(&self) -> &'static str {
        R::NAME
    }

    fn address(&self) -> u8 {
        self.address
    }

    /// Samples are taken here and not between the bytes, so that a burst is of one sample.
    fn start(&mut self, read: bool, now: VirtualTime) {
        self.registers.sample(now);
        self.addressing = !read;
    }

    fn write(&mut self, byte: u8, now: VirtualTime) -> bool {
        if self.addressing {
            self.addressing = false;
            self.register = byte & 0x7F;
            self.burst = byte & 0x80 != 0;
        } else {
            self.registers.write(self.register, byte, now);
            self.step();
        }
        true
    }

    fn read(&mut self, _now: VirtualTime) -> u8 {
        let value = self.registers.read(self.register);
        self.step();
        value
    }

    fn stop(&mut self, _now: VirtualTime, _out: &mut Vec<Signal>) {
        self.addressing = false;
    }

    fn quantities(&self) -> &'static [&'static str] {
        R::QUANTITIES
    }

    fn set(&mut self, quantity: &str, value: f64) {
        self.registers.set(quantity, value);
    }

    fn power_on(&mut self) {
        self.registers.power_on();
        self.register = 0;
        self.addressing = false;
    }
}

/// A driver's side of the bus, for tests of devices.
#[cfg(test)]
pub(crate) mod driver {
    use super::*;

    pub(crate) fn write(device: &mut dyn I2cDevice, now: VirtualTime, bytes: &[u8]) {
        device.start(false, now);
        for &byte in bytes {
            assert!(device.write(byte, now));
        }
        device.stop(now, &mut Vec::new());
    }

    pub(crate) fn read<const N: usize>(
        device: &mut dyn I2cDevice,
        now: VirtualTime,
        sub: u8,
    ) -> [u8; N] {
        device.start(false, now);
        assert!(device.write(sub, now));
        device.start(true, now);
        let bytes = std::array::from_fn(|_| device.read(now));
        device.stop(now, &mut Vec::new());
        bytes
    }

    pub(crate) fn read_i16(device: &mut dyn I2cDevice, now: VirtualTime, sub: u8) -> i16 {
        i16::from_le_bytes(read(device, now, sub))
    }
}
