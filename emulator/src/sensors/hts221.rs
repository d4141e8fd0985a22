//! HTS221: humidity and temperature (data sheet DocID026333).

use twinbench_model::VirtualTime;

use super::{Registers, counts, sampler::Sampler};

const AV_CONF: u8 = 0x10;
const CTRL_REG1: u8 = 0x20;
const CTRL_REG2: u8 = 0x21;
const CTRL_REG3: u8 = 0x22;
const STATUS_REG: u8 = 0x27;
const HUMIDITY_OUT: u8 = 0x28;
const TEMP_OUT: u8 = 0x2A;

/// Counts a unit that our part is calibrated to.
const PER_DEGREE: f64 = 64.0;
const PER_PERCENT: f64 = 256.0;

/// Registers 0x30..=0x3F of the part.
///
/// The calibration points are whole degrees (10 and 40 °C) and whole even percents (20 and 80 %RH), so
/// drivers that keep the fractions of the points and drivers that drop them agree.
const CALIBRATION: [u8; 16] = {
    let (t0, t1) = (10 * 8u16, 40 * 8u16);
    let (t0_out, t1_out) = ((10 * 64u16).to_le_bytes(), (40 * 64u16).to_le_bytes());
    let (h0_out, h1_out) = ((20 * 256u16).to_le_bytes(), (80 * 256u16).to_le_bytes());
    [
        20 * 2,
        80 * 2,
        t0 as u8,
        t1 as u8,
        0xC4,
        ((t0 >> 8) | (t1 >> 8) << 2) as u8,
        h0_out[0],
        h0_out[1],
        0,
        0,
        h1_out[0],
        h1_out[1],
        t0_out[0],
        t0_out[1],
        t1_out[0],
        t1_out[1],
    ]
};

/// Relative humidity 0 to 100 %RH in steps of 1/256 %, temperature −40 to 120 °C in steps of 1/64 °C.
///
/// In power-down the output registers show the present values: some firmware never leaves it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Hts221 {
    humidity: f64,
    temperature: f64,
    av_conf: u8,
    ctrl: [u8; 3],
    status: u8,
    out: [i16; 2],
    sampler: Sampler,
}

impl Default for Hts221 {
    /// 25 °C and 50 %RH.
    fn default() -> Self {
        Self {
            humidity: 50.0,
            temperature: 25.0,
            av_conf: 0x1B,
            ctrl: [0; 3],
            status: 0,
            out: [0; 2],
            sampler: Sampler::default(),
        }
    }
}

impl Hts221 {
    fn convert(&mut self) {
        self.out = [
            counts(self.humidity, PER_PERCENT, 0, 100 * 256) as i16,
            counts(self.temperature, PER_DEGREE, -40 * 64, 120 * 64) as i16,
        ];
    }
}

impl Registers for Hts221 {
    const NAME: &'static str = "HTS221";
    const QUANTITIES: &'static [&'static str] = &["temperature", "humidity"];

    fn sample(&mut self, now: VirtualTime) {
        if self.sampler.take(now) {
            self.convert();
            self.status |= 3;
        } else if self.ctrl[0] & 0x80 == 0 {
            self.convert();
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        match register {
            0x0F => 0xBC,
            AV_CONF => self.av_conf,
            CTRL_REG1..=CTRL_REG3 => self.ctrl[usize::from(register - CTRL_REG1)],
            STATUS_REG => self.status,
            HUMIDITY_OUT..=0x2B => {
                // The high byte of each value clears its flag.
                match register {
                    0x29 => self.status &= !2,
                    0x2B => self.status &= !1,
                    _ => {}
                }
                let offset = usize::from(register - HUMIDITY_OUT);
                let value = self.out[offset / 2];
                value.to_le_bytes()[offset % 2]
            }
            0x30..=0x3F => CALIBRATION[usize::from(register - 0x30)],
            _ => 0,
        }
    }

    fn write(&mut self, register: u8, value: u8, now: VirtualTime) {
        match register {
            AV_CONF => self.av_conf = value & 0x3F,
            CTRL_REG1 => {
                self.ctrl[0] = value & 0x87;
                let rate = match (value & 0x80, value & 3) {
                    (0, _) | (_, 0) => 0,
                    (_, 1) => 1_000,
                    (_, 2) => 7_000,
                    _ => 12_500,
                };
                self.sampler.set_rate(rate, now);
            }
            CTRL_REG2 => {
                // BOOT and ONE_SHOT are done at once and read as 0.
                self.ctrl[1] = value & 2;
                if value & 1 != 0 && self.ctrl[0] & 0x80 != 0 {
                    self.convert();
                    self.status |= 3;
                }
            }
            CTRL_REG3 => self.ctrl[2] = value & 0xC4,
            _ => {}
        }
    }

    fn increments(&self, burst: bool) -> bool {
        burst
    }

    fn set(&mut self, quantity: &str, value: f64) {
        match quantity {
            "temperature" => self.temperature = value,
            "humidity" => self.humidity = value,
            _ => {}
        }
    }

    fn power_on(&mut self) {
        *self = Self {
            humidity: self.humidity,
            temperature: self.temperature,
            ..Self::default()
        };
    }
}

const _: () = assert!(TEMP_OUT == HUMIDITY_OUT + 2);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensors::{
        I2cDevice, RegisterDevice,
        registers::driver::{read, read_i16, write},
    };

    const T0: VirtualTime = VirtualTime::ZERO;

    fn device(temperature: f64, humidity: f64) -> RegisterDevice<Hts221> {
        let mut device = RegisterDevice::new(0x5F, Hts221::default());
        device.set("temperature", temperature);
        device.set("humidity", humidity);
        write(&mut device, T0, &[CTRL_REG1 | 0x80, 0x85]);
        device
    }

    /// The interpolation of the data sheet with the points in eighths and halves.
    fn exact(device: &mut dyn I2cDevice) -> (f64, f64) {
        let line = |x: i16, (x0, y0): (i16, f64), (x1, y1): (i16, f64)| {
            y0 + f64::from(x - x0) * (y1 - y0) / f64::from(x1 - x0)
        };
        let [msb] = read(device, T0, 0x35 | 0x80);
        let [t0] = read(device, T0, 0x32 | 0x80);
        let [t1] = read(device, T0, 0x33 | 0x80);
        let t0 = f64::from(u16::from(t0) | u16::from(msb & 3) << 8) / 8.0;
        let t1 = f64::from(u16::from(t1) | u16::from(msb >> 2 & 3) << 8) / 8.0;
        let t0 = (read_i16(device, T0, 0xBC), t0);
        let t1 = (read_i16(device, T0, 0xBE), t1);
        let [h0] = read(device, T0, 0xB0);
        let [h1] = read(device, T0, 0xB1);
        let h0 = (read_i16(device, T0, 0xB6), f64::from(h0) / 2.0);
        let h1 = (read_i16(device, T0, 0xBA), f64::from(h1) / 2.0);
        (
            line(read_i16(device, T0, 0xAA), t0, t1),
            line(read_i16(device, T0, 0xA8), h0, h1),
        )
    }

    /// The other driver style: points shifted to whole units first, integers, tenths.
    fn tenths(device: &mut dyn I2cDevice) -> (i32, i32) {
        let line = |x: i16, (x0, y0): (i16, i32), (x1, y1): (i16, i32)| {
            (i32::from(x) - i32::from(x0)) * (y1 - y0) * 10 / (i32::from(x1) - i32::from(x0))
                + y0 * 10
        };
        let [t0, t1] = read(device, T0, 0xB2);
        let [msb] = read(device, T0, 0x35);
        let degrees = |low: u8, high: u8| (i32::from(low) | i32::from(high & 3) << 8) >> 3;
        let out: [u8; 4] = read(device, T0, 0xBC);
        let t0 = (i16::from_le_bytes([out[0], out[1]]), degrees(t0, msb));
        let t1 = (i16::from_le_bytes([out[2], out[3]]), degrees(t1, msb >> 2));
        let [h0, h1] = read(device, T0, 0xB0);
        let h0 = (read_i16(device, T0, 0xB6), i32::from(h0 >> 1));
        let h1 = (read_i16(device, T0, 0xBA), i32::from(h1 >> 1));
        (
            line(read_i16(device, T0, 0xAA), t0, t1),
            line(read_i16(device, T0, 0xA8), h0, h1),
        )
    }

    proptest! {
        #[test]
        fn both_driver_styles_read_back_what_was_set(t in -40.0f64..120.0, h in 0.0f64..100.0) {
            let mut device = device(t, h);
            let (temperature, humidity) = exact(&mut device);
            prop_assert!((temperature - t).abs() <= 0.5 / PER_DEGREE + 1e-9);
            prop_assert!((humidity - h).abs() <= 0.5 / PER_PERCENT + 1e-9);
            let (temperature, humidity) = tenths(&mut device);
            prop_assert!((f64::from(temperature) / 10.0 - t).abs() <= 0.1 + 0.5 / PER_DEGREE);
            prop_assert!((f64::from(humidity) / 10.0 - h).abs() <= 0.1 + 0.5 / PER_PERCENT);
        }
    }

    #[test]
    fn a_sample_is_announced_and_its_reading_clears_the_flag() {
        let mut device = device(21.5, 40.0);
        assert_eq!(read(&mut device, T0, 0x0F | 0x80), [0xBC]);
        assert_eq!(read(&mut device, T0, 0xA7), [3]);
        read_i16(&mut device, T0, 0xA8);
        assert_eq!(read(&mut device, T0, 0xA7), [1]);
        read_i16(&mut device, T0, 0xAA);
        assert_eq!(read(&mut device, T0, 0xA7), [0]);
        device.set("temperature", 30.0);
        let later = VirtualTime::from_millis(999);
        assert_eq!(read_i16(&mut device, later, 0xAA), 1376, "the old sample");
        let later = VirtualTime::from_millis(1000);
        assert_eq!(read(&mut device, later, 0xA7), [3]);
        assert_eq!(read_i16(&mut device, later, 0xAA), 1920);
    }

    #[test]
    fn without_bit_7_the_sub_address_stays() {
        let mut device = device(25.0, 50.0);
        assert_eq!(read(&mut device, T0, 0x0F), [0xBC, 0xBC]);
    }

    #[test]
    fn values_are_there_in_power_down_too_and_boot_clears_itself() {
        let mut device = device(25.0, 50.0);
        write(&mut device, T0, &[CTRL_REG1, 0x05]);
        write(&mut device, T0, &[CTRL_REG2, 0x80]);
        assert_eq!(read(&mut device, T0, CTRL_REG2), [0]);
        device.set("temperature", -100.0);
        assert_eq!(read_i16(&mut device, T0, 0xAA), -40 * 64);
    }
}
