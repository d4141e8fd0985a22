//! Values over time: what a sensor measures, and what a device without firmware sends.
//!
//! A [`Generator`] is what a bench file says; a [`Sampler`] is one made ready for one quantity of
//! one device. A sampler's value is a function of the virtual time alone, so it does not matter
//! how often, or in which order, it is asked.
//!
//! | generator | value at time *t* |
//! |---|---|
//! | `{ constant = 21.5 }` | 21.5 |
//! | `{ random = { min, max } }` | `min + (max − min) · u` |
//! | `{ periodic = { min, max, period, noise, phase } }` | `min + (max − min) · (sin(2π · (t + phase) / period) + 1) / 2 + (2u − 1) · noise / 100 · (max − min) / 2` |
//! | `{ steps = [["0s", 20.0], ["60s", 31.0]] }` | that of the last step at or before *t*, before the first that of the first |
//! | `{ csv = "weather.csv" }` | as `steps`, from the rows `time,value` of a file |
//! | `{ recording = { file = "field.mcap", device = "pump-3" } }` | as `steps`, from what a device sent in a recording |
//!
//! `u` is uniform in [0, 1), and another one at every nanosecond. `noise` is in percent of half
//! the span, as the fleet simulator of the mirrored application counts it; a noisy value may leave
//! the range by so much. `period` is a minute and `noise` nothing unless they are given; `phase`
//! is drawn once from 0 to 1,000 s unless it is given.
//!
//! # Randomness
//! ChaCha with 8 rounds. The key is SHA-256 of the ASCII text `twinbench generator 1`, the bench's
//! seed (8 bytes, little endian), the device id and the quantity, each text ended by a zero byte. The
//! uniform number at *t* ns is taken from block *t* of stream 0: its first eight bytes as a little
//! endian integer, of which the upper 53 bits are divided by 2⁵³. Numbers drawn once (the phase,
//! the stagger of a device without firmware) are the first of stream 1, block 0.
//!
//! The sine is computed by `libm`, so that values agree to the last bit on every platform.

mod csv;
mod random;
mod recording;
mod sampler;

use schemars::JsonSchema;
use serde::Deserialize;
use twinbench_model::{VirtualDuration, VirtualTime};

pub use self::{
    csv::CsvFile,
    random::{Key, Randomness},
    recording::RecordedValues,
    sampler::{GeneratorError, Sampler},
};

/// What a bench file says of a quantity's values over time.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// Always the same.
    Constant(f64),
    /// Uniform.
    Random(Range),
    /// A sine with noise.
    Periodic(Periodic),
    /// Values that hold from given times on, counted from the bench's epoch, in order.
    Steps(#[schemars(with = "Vec<(String, f64)>")] Vec<(VirtualDuration, f64)>),
    /// Steps from a file.
    Csv(CsvFile),
    /// Steps from a recording.
    Recording(RecordedValues),
}

impl Generator {
    /// Reads the file of a `csv` generator through `read`, which is given its path as written in
    /// the bench file; other generators need none.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn load<E>(&mut self, read: impl FnOnce(&str) -> Result<String, E>) -> Result<(), E> {
        if let Self::Csv(file) = self {
            let text = read(file.path())?;
            file.set_text(text);
        }
        Ok(())
    }

    /// Reads the values of a `recording` generator through `read`; other generators need none.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn load_recording<E>(
        &mut self,
        read: impl FnOnce(&RecordedValues) -> Result<Vec<(VirtualTime, f64)>, E>,
    ) -> Result<(), E> {
        if let Self::Recording(recorded) = self {
            let values = read(recorded)?;
            recorded.set_values(values);
        }
        Ok(())
    }
}

/// Two ends, the lower first.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The lower end.
    pub min: f64,
    /// The upper end.
    pub max: f64,
}

/// A sine with noise.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Periodic {
    /// The lowest value, noise aside.
    pub min: f64,
    /// The highest value, noise aside.
    pub max: f64,
    /// How long one oscillation takes.
    #[serde(default = "a_minute")]
    #[schemars(with = "String")]
    pub period: VirtualDuration,
    /// Percent of half the span by which a value may be off, either way.
    #[serde(default)]
    pub noise: f64,
    /// How far into the oscillation the bench's epoch is; drawn from the seed when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub phase: Option<VirtualDuration>,
}

fn a_minute() -> VirtualDuration {
    VirtualDuration::from_secs(60)
}
