//! The four messages of the getting-started application, in its names and units, in turn.

use core::fmt::{self, Write};

use heapless::String;

/// Longest message.
pub const MAX_MESSAGE: usize = 128;

/// A value in hundredths of its unit, written with two decimals. Integers keep the floating-point
/// formatter (20 KB of code) out of the image and give the same text everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hundredths(pub i32);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", magnitude / 100, magnitude % 100)
    }
}

/// One value for each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Axes {
    /// Along the short edge of the board.
    pub x: Hundredths,
    /// Along the long edge.
    pub y: Hundredths,
    /// Out of the board.
    pub z: Hundredths,
}

/// What one message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Air.
    Environment {
        /// % relative humidity.
        humidity: Hundredths,
        /// °C.
        temperature: Hundredths,
        /// hPa.
        pressure: Hundredths,
    },
    /// Magnetic field in mG.
    Magnetometer(Axes),
    /// Acceleration in mg.
    Accelerometer(Axes),
    /// Rate of turn in mdps.
    Gyroscope(Axes),
}

/// Which message comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// [`Reading::Environment`].
    #[default]
    Environment,
    /// [`Reading::Magnetometer`].
    Magnetometer,
    /// [`Reading::Accelerometer`].
    Accelerometer,
    /// [`Reading::Gyroscope`].
    Gyroscope,
}

impl Kind {
    /// The one after this, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Kind::Environment => Kind::Magnetometer,
            Kind::Magnetometer => Kind::Accelerometer,
            Kind::Accelerometer => Kind::Gyroscope,
            Kind::Gyroscope => Kind::Environment,
        }
    }
}

/// A message's JSON.
pub type Json = String<MAX_MESSAGE>;

/// Writes the JSON. Nothing when it does not fit, which no reading of the sensors reaches.
pub fn json(reading: &Reading) -> Option<Json> {
    let mut out = Json::new();
    match reading {
        Reading::Environment {
            humidity,
            temperature,
            pressure,
        } => {
            write!(
                out,
                r#"{{"humidity":{humidity},"temperature":{temperature},"pressure":{pressure}}}"#
            )
        }
        Reading::Magnetometer(axes) => three(&mut out, "magnetometer", axes),
        Reading::Accelerometer(axes) => three(&mut out, "accelerometer", axes),
        Reading::Gyroscope(axes) => three(&mut out, "gyroscope", axes),
    }
    .ok()?;
    Some(out)
}

fn three(out: &mut Json, name: &str, Axes { x, y, z }: &Axes) -> fmt::Result {
    write!(out, r#"{{"{name}X":{x},"{name}Y":{y},"{name}Z":{z}}}"#)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn the_messages_are_those_of_the_application() {
        let reading = Reading::Environment {
            humidity: Hundredths(4567),
            temperature: Hundredths(2105),
            pressure: Hundredths(101_325),
        };
        assert_eq!(
            json(&reading).unwrap(),
            r#"{"humidity":45.67,"temperature":21.05,"pressure":1013.25}"#
        );
        let axes = Axes {
            x: Hundredths(-150),
            y: Hundredths(5),
            z: Hundredths(98_100),
        };
        assert_eq!(
            json(&Reading::Magnetometer(axes)).unwrap(),
            r#"{"magnetometerX":-1.50,"magnetometerY":0.05,"magnetometerZ":981.00}"#
        );
        assert_eq!(
            json(&Reading::Accelerometer(axes)).unwrap(),
            r#"{"accelerometerX":-1.50,"accelerometerY":0.05,"accelerometerZ":981.00}"#
        );
        assert_eq!(
            json(&Reading::Gyroscope(axes)).unwrap(),
            r#"{"gyroscopeX":-1.50,"gyroscopeY":0.05,"gyroscopeZ":981.00}"#
        );
    }

    #[test]
    fn hundredths_keep_their_sign_below_one() {
        for (value, text) in [
            (0, "0.00"),
            (-1, "-0.01"),
            (-100, "-1.00"),
            (i32::MIN, "-21474836.48"),
        ] {
            assert_eq!(Hundredths(value).to_string(), text);
        }
    }

    #[test]
    fn the_largest_values_fit() {
        let most = Hundredths(i32::MIN);
        assert!(
            json(&Reading::Accelerometer(Axes {
                x: most,
                y: most,
                z: most
            }))
            .is_some()
        );
    }

    #[test]
    fn the_four_take_turns() {
        let start = Kind::default();
        assert_eq!(start.next().next().next().next(), start);
        assert_eq!(start, Kind::Environment);
    }
}
