//! LPS22HB: pressure (data sheet DocID027083).

use twinbench_model::VirtualTime;

use super::{Registers, counts, sampler::Sampler};

const CTRL_REG1: u8 = 0x10;
const CTRL_REG2: u8 = 0x11;
const CTRL_REG3: u8 = 0x12;
const STATUS: u8 = 0x27;
const PRESS_OUT: u8 = 0x28;
const TEMP_OUT: u8 = 0x2B;

/// Counts a unit (data sheet table 3).
const PER_HECTOPASCAL: f64 = 4096.0;
const PER_DEGREE: f64 = 100.0;

/// Pressure 260 to 1260 hPa in steps of 1/4096 hPa, temperature −40 to 85 °C in steps of 0.01 °C.
///
/// A one-shot conversion is done at once. Interrupts, FIFO and filters are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Lps22hb {
    pressure: f64,
    temperature: f64,
    /// Registers 0x0B..=0x1A as written.
    stored: [u8; 16],
    status: u8,
    press_out: i32,
    temp_out: i16,
    sampler: Sampler,
}

impl Default for Lps22hb {
    /// 1013.25 hPa and 25 °C.
    fn default() -> Self {
        let mut stored = [0; 16];
        // IF_ADD_INC is on after power-on (data sheet 9.7).
        stored[usize::from(CTRL_REG2 - 0x0B)] = 0x10;
        Self {
            pressure: 1013.25,
            temperature: 25.0,
            stored,
            status: 0,
            press_out: 0,
            temp_out: 0,
            sampler: Sampler::default(),
        }
    }
}

impl Lps22hb {
    fn convert(&mut self) {
        self.press_out = counts(self.pressure, PER_HECTOPASCAL, 260 << 12, 1260 << 12);
        self.temp_out = counts(self.temperature, PER_DEGREE, -4000, 8500) as i16;
    }
}

impl Registers for Lps22hb {
    const NAME: &'static str = "LPS22HB";
    const QUANTITIES: &'static [&'static str] = &["pressure", "temperature"];

    fn sample(&mut self, now: VirtualTime) {
        if self.sampler.take(now) {
            self.convert();
            self.status |= 3;
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        match register {
            0x0F => 0xB1,
            0x0B..=0x1A => self.stored[usize::from(register - 0x0B)],
            STATUS => self.status,
            PRESS_OUT..=0x2A => {
                if register == 0x2A {
                    self.status &= !1;
                }
                self.press_out.to_le_bytes()[usize::from(register - PRESS_OUT)]
            }
            TEMP_OUT..=0x2C => {
                if register == 0x2C {
                    self.status &= !2;
                }
                self.temp_out.to_le_bytes()[usize::from(register - TEMP_OUT)]
            }
            _ => 0,
        }
    }

    fn write(&mut self, register: u8, value: u8, now: VirtualTime) {
        match register {
            CTRL_REG1 => {
                self.stored[usize::from(CTRL_REG1 - 0x0B)] = value & 0x7F;
                let rate = [0, 1, 10, 25, 50, 75, 0, 0][usize::from(value >> 4 & 7)];
                self.sampler.set_rate(rate * 1000, now);
            }
            CTRL_REG2 if value & 4 != 0 => self.power_on(),
            CTRL_REG2 => {
                // BOOT and ONE_SHOT are done at once and read as 0.
                self.stored[usize::from(CTRL_REG2 - 0x0B)] = value & 0x78;
                if value & 1 != 0 && !self.sampler.running() {
                    self.convert();
                    self.status |= 3;
                }
            }
            // WHO_AM_I is read-only.
            0x0F => {}
            0x0B..=CTRL_REG3 | 0x14..=0x1A => {
                self.stored[usize::from(register - 0x0B)] = value;
            }
            _ => {}
        }
    }

    fn increments(&self, _burst: bool) -> bool {
        self.stored[usize::from(CTRL_REG2 - 0x0B)] & 0x10 != 0
    }

    fn set(&mut self, quantity: &str, value: f64) {
        match quantity {
            "pressure" => self.pressure = value,
            "temperature" => self.temperature = value,
            _ => {}
        }
    }

    fn power_on(&mut self) {
        *self = Self {
            pressure: self.pressure,
            temperature: self.temperature,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensors::{
        I2cDevice, RegisterDevice,
        registers::driver::{read, read_i16, write},
    };

    const T0: VirtualTime = VirtualTime::ZERO;

    fn pressure(device: &mut dyn I2cDevice, sub: u8) -> f64 {
        let [low, middle, high] = read(device, T0, sub);
        f64::from(i32::from_le_bytes([0, low, middle, high]) >> 8) / PER_HECTOPASCAL
    }

    proptest! {
        #[test]
        fn a_driver_reads_back_what_was_set(p in 260.0f64..1260.0, t in -40.0f64..85.0) {
            let mut device = RegisterDevice::new(0x5C, Lps22hb::default());
            device.set("pressure", p);
            device.set("temperature", t);
            write(&mut device, T0, &[CTRL_REG1, 0x20]);
            prop_assert_eq!(read(&mut device, T0, STATUS), [3]);
            prop_assert!((pressure(&mut device, PRESS_OUT) - p).abs() <= 0.5 / PER_HECTOPASCAL);
            let temperature = f64::from(read_i16(&mut device, T0, TEMP_OUT)) / PER_DEGREE;
            prop_assert!((temperature - t).abs() <= 0.5 / PER_DEGREE + 1e-9);
            prop_assert_eq!(read(&mut device, T0, STATUS), [0]);
        }
    }

    #[test]
    fn a_software_reset_clears_itself_and_the_registers() {
        let mut device = RegisterDevice::new(0x5C, Lps22hb::default());
        write(&mut device, T0, &[CTRL_REG1, 0x20]);
        write(&mut device, T0, &[CTRL_REG2, 0x14]);
        assert_eq!(read(&mut device, T0, CTRL_REG1), [0, 0x10]);
        assert_eq!(read(&mut device, T0, 0x0F), [0xB1]);
    }

    /// Without a data rate: ask for one shot, loop until the status shows something, burst with bit 7.
    #[test]
    fn one_shot_conversions_are_announced() {
        let mut device = RegisterDevice::new(0x5C, Lps22hb::default());
        device.set("pressure", 1000.0);
        write(&mut device, T0, &[CTRL_REG1, 0x8C]);
        assert_eq!(read(&mut device, T0, STATUS), [0]);
        write(&mut device, T0, &[CTRL_REG2, 0x11]);
        assert_eq!(read(&mut device, T0, STATUS), [3]);
        assert!((pressure(&mut device, PRESS_OUT | 0x80) - 1000.0).abs() < 1e-9);
        assert_eq!(read(&mut device, T0, CTRL_REG2), [0x10]);
    }
}
