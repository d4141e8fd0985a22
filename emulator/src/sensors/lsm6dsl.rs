//! LSM6DSL: acceleration and rate of turn (data sheet DocID028475).

use twinbench_model::VirtualTime;

use super::{Registers, counts, sampler::Sampler};

const CTRL1_XL: u8 = 0x10;
const CTRL2_G: u8 = 0x11;
const CTRL3_C: u8 = 0x12;
const STATUS_REG: u8 = 0x1E;
const OUT_TEMP: u8 = 0x20;
const OUT_G: u8 = 0x22;
const OUT_XL: u8 = 0x28;

/// Output data rates in millihertz by the ODR field (data sheet tables 52 and 55).
const RATES: [u32; 16] = [
    0, 12_500, 26_000, 52_000, 104_000, 208_000, 416_000, 833_000, 1_660_000, 3_330_000, 6_660_000,
    1_600, 0, 0, 0, 0,
];

/// Acceleration on three axes in mg and rate of turn in mdps, with the sensitivities of the chosen full
/// scales (data sheet table 3). Its thermometer stands at 25 °C.
///
/// In power-down the output registers show the present values. FIFO, filters, step counter,
/// interrupts and the embedded functions' bank are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Lsm6dsl {
    /// X, Y, Z of acceleration, then of rotation.
    measured: [f64; 6],
    /// Registers as written, 0x00..=0x75.
    #[serde(with = "crate::snapshot::array")]
    stored: [u8; 0x76],
    status: u8,
    acceleration: [i16; 3],
    rotation: [i16; 3],
    acceleration_sampler: Sampler,
    rotation_sampler: Sampler,
}

impl Default for Lsm6dsl {
    /// Lying flat and still: 1,000 mg down the Z axis.
    fn default() -> Self {
        let mut stored = [0; 0x76];
        // IF_INC is on after power-on (data sheet 9.14).
        stored[usize::from(CTRL3_C)] = 4;
        Self {
            measured: [0.0, 0.0, 1000.0, 0.0, 0.0, 0.0],
            stored,
            status: 0,
            acceleration: [0; 3],
            rotation: [0; 3],
            acceleration_sampler: Sampler::default(),
            rotation_sampler: Sampler::default(),
        }
    }
}

impl Lsm6dsl {
    /// mg a count.
    fn acceleration_step(&self) -> f64 {
        [0.061, 0.488, 0.122, 0.244][usize::from(self.stored[usize::from(CTRL1_XL)] >> 2 & 3)]
    }

    /// mdps a count.
    fn rotation_step(&self) -> f64 {
        let control = self.stored[usize::from(CTRL2_G)];
        if control & 2 != 0 {
            return 4.375;
        }
        [8.75, 17.5, 35.0, 70.0][usize::from(control >> 2 & 3)]
    }

    fn convert_acceleration(&mut self) {
        let per_unit = 1.0 / self.acceleration_step();
        for axis in 0..3 {
            self.acceleration[axis] = counts(self.measured[axis], per_unit, -32768, 32767) as i16;
        }
    }

    fn convert_rotation(&mut self) {
        let per_unit = 1.0 / self.rotation_step();
        for axis in 0..3 {
            self.rotation[axis] = counts(self.measured[3 + axis], per_unit, -32768, 32767) as i16;
        }
    }
}

impl Registers for Lsm6dsl {
    const NAME: &'static str = "LSM6DSL";
    const QUANTITIES: &'static [&'static str] = &[
        "accelerometer-x",
        "accelerometer-y",
        "accelerometer-z",
        "gyroscope-x",
        "gyroscope-y",
        "gyroscope-z",
    ];

    fn sample(&mut self, now: VirtualTime) {
        if self.acceleration_sampler.take(now) {
            self.convert_acceleration();
            // The thermometer is sampled along.
            self.status |= 5;
        } else if !self.acceleration_sampler.running() {
            self.convert_acceleration();
        }
        if self.rotation_sampler.take(now) {
            self.convert_rotation();
            self.status |= 6;
        } else if !self.rotation_sampler.running() {
            self.convert_rotation();
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        // The high byte of any axis clears the flag of its sensor.
        let high = register % 2 == 1;
        match register {
            0x0F => 0x6A,
            STATUS_REG => self.status,
            OUT_TEMP..=0x21 => {
                self.status &= if high { !4 } else { !0 };
                0
            }
            OUT_G..=0x27 => {
                self.status &= if high { !2 } else { !0 };
                let offset = usize::from(register - OUT_G);
                self.rotation[offset / 2].to_le_bytes()[offset % 2]
            }
            OUT_XL..=0x2D => {
                self.status &= if high { !1 } else { !0 };
                let offset = usize::from(register - OUT_XL);
                self.acceleration[offset / 2].to_le_bytes()[offset % 2]
            }
            _ => self.stored.get(usize::from(register)).copied().unwrap_or(0),
        }
    }

    fn write(&mut self, register: u8, value: u8, now: VirtualTime) {
        // SW_RESET and BOOT are done at once and read as 0.
        if register == CTRL3_C && value & 1 != 0 {
            self.power_on();
            return;
        }
        let value = if register == CTRL3_C {
            value & 0x7F
        } else {
            value
        };
        if matches!(register, 0x0F | 0x1B..=0x2F) {
            return;
        }
        if let Some(stored) = self.stored.get_mut(usize::from(register)) {
            *stored = value;
        }
        let rate = RATES[usize::from(value >> 4)];
        match register {
            CTRL1_XL => self.acceleration_sampler.set_rate(rate, now),
            CTRL2_G => self.rotation_sampler.set_rate(rate, now),
            _ => {}
        }
    }

    fn increments(&self, _burst: bool) -> bool {
        self.stored[usize::from(CTRL3_C)] & 4 != 0
    }

    fn set(&mut self, quantity: &str, value: f64) {
        if let Some(axis) = Self::QUANTITIES.iter().position(|name| *name == quantity) {
            self.measured[axis] = value;
        }
    }

    fn power_on(&mut self) {
        *self = Self {
            measured: self.measured,
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
        registers::driver::{read, write},
    };

    const T0: VirtualTime = VirtualTime::ZERO;

    fn axes(device: &mut dyn I2cDevice, sub: u8) -> [i16; 3] {
        let bytes: [u8; 6] = read(device, T0, sub);
        std::array::from_fn(|axis| i16::from_le_bytes([bytes[axis * 2], bytes[axis * 2 + 1]]))
    }

    proptest! {
        #[test]
        fn a_driver_reads_back_what_was_set(
            acceleration in prop::array::uniform3(-1990.0f64..1990.0),
            rotation in prop::array::uniform3(-240_000.0f64..240_000.0),
            (control, step) in prop::sample::select(vec![(0x1Cu8, 70.0), (0x40, 8.75), (0x48, 35.0)]),
        ) {
            let mut device = RegisterDevice::new(0x6A, Lsm6dsl::default());
            for (name, value) in Lsm6dsl::QUANTITIES.iter().zip(acceleration.iter().chain(&rotation)) {
                device.set(name, *value);
            }
            write(&mut device, T0, &[CTRL1_XL, 0x11]);
            write(&mut device, T0, &[CTRL2_G, control]);
            prop_assert_eq!(read(&mut device, T0, STATUS_REG), [7]);
            for (raw, value) in axes(&mut device, OUT_XL).iter().zip(acceleration) {
                prop_assert!((f64::from(*raw) * 0.061 - value).abs() <= 0.0305 + 1e-9);
            }
            for (raw, value) in axes(&mut device, OUT_G).iter().zip(rotation) {
                prop_assert!((f64::from(*raw) * step - value).abs() <= step / 2.0 + 1e-9);
            }
            prop_assert_eq!(read(&mut device, T0, STATUS_REG), [4]);
        }
    }

    #[test]
    fn a_software_reset_clears_itself() {
        let mut device = RegisterDevice::new(0x6A, Lsm6dsl::default());
        write(&mut device, T0, &[CTRL1_XL, 0x40]);
        write(&mut device, T0, &[CTRL3_C, 0x05]);
        assert_eq!(read(&mut device, T0, CTRL1_XL), [0, 0, 4]);
        assert_eq!(read(&mut device, T0, 0x0F), [0x6A]);
    }

    #[test]
    fn beyond_full_scale_the_reading_stays_at_its_end() {
        let mut device = RegisterDevice::new(0x6A, Lsm6dsl::default());
        device.set("accelerometer-z", -5000.0);
        assert_eq!(axes(&mut device, OUT_XL)[2], -32768);
        write(&mut device, T0, &[CTRL1_XL, 0x14]);
        assert_eq!(
            axes(&mut device, OUT_XL)[2],
            (-5000.0f64 / 0.488).round() as i16
        );
    }
}
