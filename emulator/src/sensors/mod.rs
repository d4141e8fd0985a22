//! Devices on an I2C bus: the sensors and the display of the AZ3166.
//!
//! What a sensor measures is set from outside in physical units and reaches its registers as on
//! the real part: rounded to its resolution, at the next sample of its data rate. What it measures
//! may follow a function of time ([`Surroundings`]), which is asked when the firmware asks.

mod device;
mod hts221;
mod lis2mdl;
mod lps22hb;
mod lsm6dsl;
mod registers;
mod sampler;
mod ssd1306;

pub use device::{I2cDevice, Surroundings};
pub use hts221::Hts221;
pub use lis2mdl::Lis2mdl;
pub use lps22hb::Lps22hb;
pub use lsm6dsl::Lsm6dsl;
pub use registers::{RegisterDevice, Registers};
pub use ssd1306::Ssd1306;

/// A measured value as the count of a converter: rounded, and at the end of the range beyond it.
pub(crate) fn counts(value: f64, per_unit: f64, low: i32, high: i32) -> i32 {
    ((value * per_unit).round() as i32).clamp(low, high)
}
