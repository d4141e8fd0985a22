//! RESD, Renode's format for samples of sensors over time: a writer.
//!
//! A file is `RESD`, version 1 and three zeros, then blocks: `u8` form, `u16` type of samples, `u16`
//! channel, `u64` size of the rest; then the start in nanoseconds (and for even samples their period),
//! metadata, and the samples. All numbers are little-endian.

use std::time::Duration;

/// What the samples of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
enum Type {
    Temperature = 1,
    Acceleration = 2,
    AngularRate = 3,
    Voltage = 4,
    Humidity = 6,
    Pressure = 7,
    MagneticFluxDensity = 8,
}

/// A sample, in the format's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Thousandths of a degree Celsius.
    Temperature(i32),
    /// Millionths of g along x, y and z.
    Acceleration([i32; 3]),
    /// Hundred-thousandths of a radian a second about x, y and z.
    AngularRate([i32; 3]),
    /// Microvolts.
    Voltage(u32),
    /// Thousandths of a percent of relative humidity.
    Humidity(u32),
    /// Thousandths of a hectopascal.
    Pressure(u64),
    /// Nanotesla along x, y and z.
    MagneticFluxDensity([i32; 3]),
}

impl Sample {
    const fn kind(&self) -> Type {
        match self {
            Self::Temperature(_) => Type::Temperature,
            Self::Acceleration(_) => Type::Acceleration,
            Self::AngularRate(_) => Type::AngularRate,
            Self::Voltage(_) => Type::Voltage,
            Self::Humidity(_) => Type::Humidity,
            Self::Pressure(_) => Type::Pressure,
            Self::MagneticFluxDensity(_) => Type::MagneticFluxDensity,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Temperature(value) => out.extend(value.to_le_bytes()),
            Self::Acceleration(axes)
            | Self::AngularRate(axes)
            | Self::MagneticFluxDensity(axes) => {
                out.extend(axes.iter().flat_map(|axis| axis.to_le_bytes()));
            }
            Self::Voltage(value) | Self::Humidity(value) => out.extend(value.to_le_bytes()),
            Self::Pressure(value) => out.extend(value.to_le_bytes()),
        }
    }
}

/// Why samples make no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResdError {
    /// There are none.
    #[error("a block of a RESD file needs a sample at least")]
    Empty,
    /// They are of several kinds.
    #[error("sample {0} is of another kind than the first: a block of a RESD file has one kind")]
    Mixed(usize),
    /// They are not in order.
    #[error("sample {0} is earlier than the one before it")]
    Order(usize),
    /// A time is beyond the format.
    #[error("{0:?} does not fit into 64 bits of nanoseconds")]
    Time(Duration),
}

/// A file that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resd {
    bytes: Vec<u8>,
}

impl Default for Resd {
    fn default() -> Self {
        Self::new()
    }
}

impl Resd {
    /// A file without blocks.
    pub fn new() -> Self {
        Self {
            bytes: b"RESD\x01\0\0\0".to_vec(),
        }
    }

    /// Samples at a constant rate, from `start` on.
    ///
    /// # Errors
    /// When there are none, or they are of several kinds.
    pub fn even(
        &mut self,
        channel: u16,
        start: Duration,
        period: Duration,
        samples: &[Sample],
    ) -> Result<&mut Self, ResdError> {
        let kind = one_kind(samples.iter())?;
        let mut body = nanos(start)?.to_le_bytes().to_vec();
        body.extend(nanos(period)?.to_le_bytes());
        body.extend(0_u64.to_le_bytes());
        for sample in samples {
            sample.write(&mut body);
        }
        self.block(2, kind, channel, &body);
        Ok(self)
    }

    /// Samples at any times, each after `start` and in order.
    ///
    /// # Errors
    /// When there are none, they are of several kinds, or out of order.
    pub fn timed(
        &mut self,
        channel: u16,
        start: Duration,
        samples: &[(Duration, Sample)],
    ) -> Result<&mut Self, ResdError> {
        let kind = one_kind(samples.iter().map(|(_, sample)| sample))?;
        if let Some(at) = samples.windows(2).position(|pair| pair[1].0 < pair[0].0) {
            return Err(ResdError::Order(at + 1));
        }
        let mut body = nanos(start)?.to_le_bytes().to_vec();
        body.extend(0_u64.to_le_bytes());
        for (time, sample) in samples {
            body.extend(nanos(*time)?.to_le_bytes());
            sample.write(&mut body);
        }
        self.block(1, kind, channel, &body);
        Ok(self)
    }

    fn block(&mut self, form: u8, kind: Type, channel: u16, body: &[u8]) {
        self.bytes.push(form);
        self.bytes.extend((kind as u16).to_le_bytes());
        self.bytes.extend(channel.to_le_bytes());
        self.bytes.extend((body.len() as u64).to_le_bytes());
        self.bytes.extend(body);
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn one_kind<'a>(mut samples: impl Iterator<Item = &'a Sample>) -> Result<Type, ResdError> {
    let kind = samples.next().ok_or(ResdError::Empty)?.kind();
    match samples.position(|sample| sample.kind() != kind) {
        None => Ok(kind),
        Some(at) => Err(ResdError::Mixed(at + 1)),
    }
}

fn nanos(duration: Duration) -> Result<u64, ResdError> {
    u64::try_from(duration.as_nanos()).map_err(|_| ResdError::Time(duration))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_of_a_block() {
        let mut resd = Resd::new();
        resd.even(
            3,
            Duration::from_nanos(5),
            Duration::from_millis(1),
            &[Sample::Temperature(25_000), Sample::Temperature(-1)],
        )
        .unwrap();
        let mut expected = b"RESD\x01\0\0\0\x02\x01\0\x03\0\x20\0\0\0\0\0\0\0".to_vec();
        expected.extend(b"\x05\0\0\0\0\0\0\0\x40\x42\x0F\0\0\0\0\0\0\0\0\0\0\0\0\0");
        expected.extend(b"\xA8\x61\0\0\xFF\xFF\xFF\xFF");
        assert_eq!(resd.bytes(), expected);
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let (one, other) = (Sample::Humidity(1), Sample::Voltage(1));
        let second = Duration::from_secs(1);
        let mut resd = Resd::new();
        assert_eq!(resd.even(0, second, second, &[]), Err(ResdError::Empty));
        let mixed = resd.even(0, second, second, &[one, other]);
        assert_eq!(mixed, Err(ResdError::Mixed(1)));
        let order = resd.timed(0, second, &[(second, one), (Duration::ZERO, one)]);
        assert_eq!(order, Err(ResdError::Order(1)));
        assert_eq!(resd, Resd::new());
    }

    /// A reader of the format, to read back what was written.
    fn read(bytes: &[u8]) -> Vec<(u8, u16, u16, Vec<u8>)> {
        let mut rest = bytes.strip_prefix(b"RESD\x01\0\0\0").unwrap();
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let size = u64::from_le_bytes(rest[5..13].try_into().unwrap()) as usize;
            let word = |at: usize| u16::from_le_bytes([rest[at], rest[at + 1]]);
            blocks.push((rest[0], word(1), word(3), rest[13..13 + size].to_vec()));
            rest = &rest[13 + size..];
        }
        blocks
    }

    proptest! {
        #[test]
        fn every_block_is_where_the_sizes_say(
            blocks in prop::collection::vec((any::<u16>(), prop::collection::vec((0u64..1 << 40, any::<[i32; 3]>()), 1..6)), 1..5)
        ) {
            let mut resd = Resd::new();
            for (channel, samples) in &blocks {
                let mut samples: Vec<_> = samples.iter()
                    .map(|(time, axes)| (Duration::from_nanos(*time), Sample::Acceleration(*axes))).collect();
                samples.sort_by_key(|(time, _)| *time);
                resd.timed(*channel, Duration::ZERO, &samples).unwrap();
            }
            let found = read(resd.bytes());
            prop_assert_eq!(found.len(), blocks.len());
            for ((form, kind, channel, body), (wanted, samples)) in found.iter().zip(&blocks) {
                prop_assert_eq!((*form, *kind, channel), (1, 2, wanted));
                prop_assert_eq!(body.len(), 16 + samples.len() * 20);
            }
        }
    }
}
