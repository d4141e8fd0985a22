//! From raw registers to hundredths of a unit, rounded to the nearest. Factors are those of the
//! data sheets at the ranges that the firmware sets.

use crate::telemetry::{Axes, Hundredths};

/// Calibration of the HTS221 (data sheet DocID026333, table 19 and section 8), read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hts221Calibration {
    /// Humidity at the two points, in half %RH.
    pub humidity_x2: [u8; 2],
    /// `H_OUT` at the two points.
    pub humidity_out: [i16; 2],
}

impl Hts221Calibration {
    /// From registers 0x30 to 0x3F.
    pub fn from_registers(r: &[u8; 16]) -> Self {
        Self {
            humidity_x2: [r[0], r[1]],
            humidity_out: [
                i16::from_le_bytes([r[6], r[7]]),
                i16::from_le_bytes([r[10], r[11]]),
            ],
        }
    }

    /// % relative humidity of `H_OUT`, held between 0 and 100.
    pub fn humidity(&self, raw: i16) -> Hundredths {
        let [x0, x1] = self.humidity_out.map(i64::from);
        let [y0, y1] = self.humidity_x2.map(|half| i64::from(half) * 50);
        // A sensor without calibration would divide by nothing: the first point is all we know.
        let value = if x1 == x0 {
            y0
        } else {
            y0 + div_round((i64::from(raw) - x0) * (y1 - y0), x1 - x0)
        };
        Hundredths(value.clamp(0, 10_000) as i32)
    }
}

/// hPa of the LPS22HB: 24 bits, 4096 LSB/hPa (data sheet DocID027083, section 4.4).
pub fn lps22hb_pressure(raw: [u8; 3]) -> Hundredths {
    // Into the upper 24 bits and back, so that the sign follows.
    let raw = i32::from_le_bytes([0, raw[0], raw[1], raw[2]]) >> 8;
    Hundredths(div_round(i64::from(raw) * 100, 4096) as i32)
}

/// °C of the LPS22HB: 100 LSB/°C.
pub fn lps22hb_temperature(raw: i16) -> Hundredths {
    Hundredths(i32::from(raw))
}

/// mG of the LIS2MDL: 1.5 mG/LSB (data sheet DocID029026, table 2).
pub fn lis2mdl(raw: [u8; 6]) -> Axes {
    axes(raw, 150, 1)
}

/// mg of the LSM6DSL at ±2 g: 0.061 mg/LSB (data sheet DocID028475, table 3).
pub fn lsm6dsl_acceleration(raw: [u8; 6]) -> Axes {
    axes(raw, 61, 10)
}

/// mdps of the LSM6DSL at ±2000 dps: 70 mdps/LSB (same table).
pub fn lsm6dsl_rate(raw: [u8; 6]) -> Axes {
    axes(raw, 7000, 1)
}

fn axes(raw: [u8; 6], times: i64, over: i64) -> Axes {
    let value = |low: usize| {
        let raw = i16::from_le_bytes([raw[low], raw[low + 1]]);
        Hundredths(div_round(i64::from(raw) * times, over) as i32)
    };
    Axes {
        x: value(0),
        y: value(2),
        z: value(4),
    }
}

/// Division with rounding to the nearest, halves away from zero.
fn div_round(numerator: i64, denominator: i64) -> i64 {
    let (n, d) = if denominator < 0 {
        (-numerator, -denominator)
    } else {
        (numerator, denominator)
    };
    if n < 0 {
        -((-n + d / 2) / d)
    } else {
        (n + d / 2) / d
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn humidity_lies_on_the_calibration_line() {
        let mut registers = [0; 16];
        // 20 %RH at 1000, 80 %RH at -2000 (the real parts fall, too).
        registers[0] = 40;
        registers[1] = 160;
        registers[6..8].copy_from_slice(&1000i16.to_le_bytes());
        registers[10..12].copy_from_slice(&(-2000i16).to_le_bytes());
        let calibration = Hts221Calibration::from_registers(&registers);
        assert_eq!(calibration.humidity(1000), Hundredths(2000));
        assert_eq!(calibration.humidity(-2000), Hundredths(8000));
        assert_eq!(calibration.humidity(-500), Hundredths(5000));
        assert_eq!(calibration.humidity(i16::MIN), Hundredths(10_000));
        assert_eq!(calibration.humidity(i16::MAX), Hundredths(0));
    }

    #[test]
    fn a_sensor_without_calibration_does_not_divide_by_zero() {
        let calibration = Hts221Calibration::from_registers(&[0; 16]);
        assert_eq!(calibration.humidity(123), Hundredths(0));
    }

    #[test]
    fn pressure_is_24_bits_with_a_sign() {
        assert_eq!(lps22hb_pressure([0x00, 0x50, 0x3F]), Hundredths(101_300));
        assert_eq!(lps22hb_pressure([0xFF, 0xFF, 0xFF]), Hundredths(0));
        assert_eq!(lps22hb_pressure([0x00, 0xF0, 0xFF]), Hundredths(-100));
    }

    #[test]
    fn motion_scales() {
        // 1 g at 0.061 mg/LSB is 16393 LSB.
        let raw = [0x09, 0x40, 0xF7, 0xBF, 1, 0];
        let seen = lsm6dsl_acceleration(raw);
        assert_eq!(
            seen,
            Axes {
                x: Hundredths(99_997),
                y: Hundredths(-99_997),
                z: Hundredths(6)
            }
        );
        assert_eq!(
            lsm6dsl_rate([1, 0, 0xFF, 0xFF, 0, 0x80]).z,
            Hundredths(-229_376_000)
        );
        assert_eq!(
            lis2mdl([2, 0, 0xFE, 0xFF, 0, 0]),
            Axes {
                x: Hundredths(300),
                y: Hundredths(-300),
                z: Hundredths(0)
            }
        );
    }

    proptest! {
        #[test]
        fn division_rounds_to_the_nearest(n in -1_000_000i64..1_000_000, d in 1i64..5000) {
            let error = (div_round(n, d) * d - n).abs();
            prop_assert!(error * 2 <= d);
            prop_assert_eq!(div_round(n, d), div_round(-n, -d));
            prop_assert_eq!(div_round(-n, d), -div_round(n, d));
        }
    }
}
