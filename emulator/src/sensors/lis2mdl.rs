//! LIS2MDL: magnetic field (data sheet DocID029935).

use twinbench_model::VirtualTime;

use super::{Registers, counts, sampler::Sampler};

const OFFSETS: u8 = 0x45;
const WHO_AM_I: u8 = 0x4F;
const CFG_REG_A: u8 = 0x60;
const CFG_REG_C: u8 = 0x62;
const STATUS_REG: u8 = 0x67;
const OUT: u8 = 0x68;

/// Counts a milligauss: 1.5 mG each (data sheet table 2).
const PER_MILLIGAUSS: f64 = 1.0 / 1.5;

/// Field −49.15 to 49.15 G on three axes in steps of 1.5 mG. Its thermometer stands at 25 °C.
///
/// Interrupts and the self-test are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Lis2mdl {
    /// X, Y, Z in milligauss.
    field: [f64; 3],
    offsets: [u8; 6],
    /// Registers 0x60..=0x66 as written.
    stored: [u8; 7],
    status: u8,
    out: [i16; 3],
    sampler: Sampler,
}

impl Default for Lis2mdl {
    /// A field of 200, −50 and 400 mG, as on a desk in the middle latitudes.
    fn default() -> Self {
        let mut stored = [0; 7];
        // Idle after power-on (data sheet 8.5).
        stored[0] = 3;
        Self {
            field: [200.0, -50.0, 400.0],
            offsets: [0; 6],
            stored,
            status: 0,
            out: [0; 3],
            sampler: Sampler::default(),
        }
    }
}

impl Lis2mdl {
    fn convert(&mut self) {
        for axis in 0..3 {
            let raw = counts(self.field[axis], PER_MILLIGAUSS, -32768, 32767);
            let offset = i16::from_le_bytes([self.offsets[axis * 2], self.offsets[axis * 2 + 1]]);
            let value = raw - i32::from(offset);
            self.out[axis] = value.clamp(-32768, 32767) as i16;
        }
    }
}

impl Registers for Lis2mdl {
    const NAME: &'static str = "LIS2MDL";
    const QUANTITIES: &'static [&'static str] =
        &["magnetometer-x", "magnetometer-y", "magnetometer-z"];

    fn sample(&mut self, now: VirtualTime) {
        if self.sampler.take(now) {
            self.convert();
            self.status |= 0xF;
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        match register {
            OFFSETS..=0x4A => self.offsets[usize::from(register - OFFSETS)],
            WHO_AM_I => 0x40,
            CFG_REG_A..=0x66 => self.stored[usize::from(register - CFG_REG_A)],
            STATUS_REG => self.status,
            OUT..=0x6D => {
                let offset = usize::from(register - OUT);
                if offset % 2 == 1 {
                    // The high byte of an axis clears its flag and the common one.
                    self.status &= !(8 | 1 << (offset / 2));
                }
                self.out[offset / 2].to_le_bytes()[offset % 2]
            }
            // The thermometer at 25 °C reads 0, as everything else does.
            _ => 0,
        }
    }

    fn write(&mut self, register: u8, value: u8, now: VirtualTime) {
        match register {
            OFFSETS..=0x4A => self.offsets[usize::from(register - OFFSETS)] = value,
            // SOFT_RST resets and reads as 0.
            CFG_REG_A if value & 0x20 != 0 => {
                let offsets = self.offsets;
                self.power_on();
                self.offsets = offsets;
            }
            CFG_REG_A => {
                // REBOOT is done at once and reads as 0.
                self.stored[0] = value & !0x40;
                let rate = [10, 20, 50, 100][usize::from(value >> 2 & 3)];
                match value & 3 {
                    0 => self.sampler.set_rate(rate * 1000, now),
                    1 => {
                        // A single measurement, then idle.
                        self.sampler.set_rate(0, now);
                        self.convert();
                        self.status |= 0xF;
                        self.stored[0] |= 3;
                    }
                    _ => self.sampler.set_rate(0, now),
                }
            }
            0x61..=0x63 | 0x65..=0x66 => self.stored[usize::from(register - CFG_REG_A)] = value,
            _ => {}
        }
    }

    fn increments(&self, _burst: bool) -> bool {
        true
    }

    fn set(&mut self, quantity: &str, value: f64) {
        if let Some(axis) = Self::QUANTITIES.iter().position(|name| *name == quantity) {
            self.field[axis] = value;
        }
    }

    fn power_on(&mut self) {
        *self = Self {
            field: self.field,
            ..Self::default()
        };
    }
}

const _: () = assert!(CFG_REG_C == CFG_REG_A + 2);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensors::{
        I2cDevice, RegisterDevice,
        registers::driver::{read, read_i16, write},
    };

    const T0: VirtualTime = VirtualTime::ZERO;

    proptest! {
        #[test]
        fn a_driver_reads_back_what_was_set(field in prop::array::uniform3(-49_000.0f64..49_000.0)) {
            let mut device = RegisterDevice::new(0x1E, Lis2mdl::default());
            for (name, value) in Lis2mdl::QUANTITIES.iter().zip(field) {
                device.set(name, value);
            }
            write(&mut device, T0, &[CFG_REG_A | 0x80, 0x80]);
            prop_assert_eq!(read(&mut device, T0, STATUS_REG | 0x80), [0xF]);
            let bytes: [u8; 6] = read(&mut device, T0, OUT | 0x80);
            for (axis, value) in field.iter().enumerate() {
                let raw = i16::from_le_bytes([bytes[axis * 2], bytes[axis * 2 + 1]]);
                prop_assert!((f64::from(raw) * 1.5 - value).abs() <= 0.75 + 1e-9);
                prop_assert_eq!(read_i16(&mut device, T0, OUT + 2 * axis as u8), raw);
            }
            prop_assert_eq!(read(&mut device, T0, STATUS_REG), [0]);
        }
    }

    #[test]
    fn a_soft_reset_clears_itself() {
        let mut device = RegisterDevice::new(0x1E, Lis2mdl::default());
        write(&mut device, T0, &[CFG_REG_A, 0x8C]);
        write(&mut device, T0, &[CFG_REG_A | 0x80, 0x20]);
        assert_eq!(read(&mut device, T0, CFG_REG_A), [3]);
        assert_eq!(read(&mut device, T0, WHO_AM_I | 0x80), [0x40]);
    }

    #[test]
    fn hard_iron_offsets_are_subtracted() {
        let mut device = RegisterDevice::new(0x1E, Lis2mdl::default());
        device.set("magnetometer-y", 150.0);
        write(&mut device, T0, &[OFFSETS + 2, 10, 0]);
        write(&mut device, T0, &[CFG_REG_A, 0]);
        assert_eq!(read_i16(&mut device, T0, OUT + 2), 90);
    }
}
