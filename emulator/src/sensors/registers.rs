//! Devices that are read and written by register: a sub-address, then bytes.

use twinbench_model::VirtualTime;

use super::{I2cDevice, Surroundings};
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
#[derive(Debug)]
pub struct RegisterDevice<R> {
    address: u8,
    registers: R,
    /// The register of the next byte.
    register: u8,
    burst: bool,
    /// The next byte that comes in is the sub-address.
    addressing: bool,
    followed: Vec<Followed>,
    /// What it measures holds until then.
    holds_until: VirtualTime,
}

/// A quantity that follows its surroundings.
#[derive(Debug)]
struct Followed {
    quantity: String,
    source: Box<dyn Surroundings>,
    /// Nothing was set by hand since.
    follows: bool,
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
            followed: Vec::new(),
            holds_until: VirtualTime::ZERO,
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

    /// Looks at what it measures, where that may have changed.
    fn look(&mut self, now: VirtualTime) {
        if self.followed.is_empty() || now < self.holds_until {
            return;
        }
        self.holds_until = VirtualTime::MAX;
        for it in self.followed.iter_mut().filter(|it| it.follows) {
            let (value, until) = it.source.at(now);
            self.registers.set(&it.quantity, value);
            self.holds_until = self.holds_until.min(until);
        }
    }
}

impl<R: Registers> I2cDevice for RegisterDevice<R> {
    fn save(&self, out: &mut Saver) {
        out.put(&self.registers);
        out.put(&(self.register, self.burst, self.addressing));
        let follows: Vec<bool> = self.followed.iter().map(|it| it.follows).collect();
        out.put(&follows);
    }

    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        self.registers = from.get()?;
        (self.register, self.burst, self.addressing) = from.get()?;
        let follows: Vec<bool> = from.get()?;
        for (it, follows) in self.followed.iter_mut().zip(follows) {
            it.follows = follows;
        }
        self.holds_until = VirtualTime::ZERO;
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
        self.look(now);
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
        for it in &mut self.followed {
            it.follows &= it.quantity != quantity;
        }
    }

    fn follow(&mut self, quantity: &str, source: Box<dyn Surroundings>, now: VirtualTime) {
        if !R::QUANTITIES.contains(&quantity) {
            return;
        }
        self.followed.retain(|it| it.quantity != quantity);
        self.followed.push(Followed {
            quantity: quantity.to_owned(),
            source,
            follows: true,
        });
        self.holds_until = VirtualTime::ZERO;
        self.look(now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sensors::Lps22hb,
        snapshot::{Loader, Saver},
    };

    /// Counts whole seconds in hectopascals from 1,000 on; says how often it was asked.
    #[derive(Debug, Clone, Default)]
    struct Seconds(std::sync::Arc<std::sync::atomic::AtomicU32>);

    impl Surroundings for Seconds {
        fn at(&mut self, now: VirtualTime) -> (f64, VirtualTime) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let second = now.as_nanos() / 1_000_000_000;
            (1000.0 + second as f64, VirtualTime::from_secs(second + 1))
        }
    }

    impl Seconds {
        fn asked(&self) -> u32 {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    fn device(source: &Seconds) -> RegisterDevice<Lps22hb> {
        let mut device = RegisterDevice::new(0x5C, Lps22hb::default());
        device.follow("pressure", Box::new(source.clone()), VirtualTime::ZERO);
        device.follow("humidity", Box::new(source.clone()), VirtualTime::ZERO);
        // 75 Hz.
        driver::write(&mut device, VirtualTime::ZERO, &[0x10, 0x50]);
        device
    }

    /// Whole hectopascals.
    fn pressure(device: &mut RegisterDevice<Lps22hb>, millis: u64) -> u16 {
        let [low, high] = driver::read(device, VirtualTime::from_millis(millis), 0x29);
        u16::from_le_bytes([low, high]) >> 4
    }

    #[test]
    fn what_is_followed_is_asked_when_the_firmware_asks_and_only_then() {
        let source = Seconds::default();
        let mut device = device(&source);
        assert_eq!(source.asked(), 1);
        assert_eq!(pressure(&mut device, 100_500), 1100);
        assert_eq!(source.asked(), 2, "nobody read for long");
        assert_eq!(pressure(&mut device, 100_999), 1100);
        assert_eq!(source.asked(), 2, "the value still held");
        assert_eq!(pressure(&mut device, 101_000), 1101);
    }

    #[test]
    fn a_value_set_by_hand_stays_until_a_snapshot_from_before_is_restored() {
        let source = Seconds::default();
        let mut device = device(&source);
        let mut before = Saver::default();
        device.save(&mut before);
        let before = before.finish().unwrap();
        device.set("pressure", 900.0);
        assert_eq!(pressure(&mut device, 5_000), 900);
        let mut by_hand = Saver::default();
        device.save(&mut by_hand);
        let by_hand = by_hand.finish().unwrap();
        device.restore(&mut Loader::new(&before)).unwrap();
        assert_eq!(pressure(&mut device, 5_100), 1005);
        let mut other = self::device(&source);
        other.restore(&mut Loader::new(&by_hand)).unwrap();
        assert_eq!(pressure(&mut other, 7_000), 900);
    }
}
