//! Numbers that depend on the bench's seed, a device, a quantity and the time, and on nothing else.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};
use twinbench_model::{DeviceId, VirtualTime};

/// Words of 32 bits in a block of ChaCha.
const BLOCK_WORDS: u128 = 16;
/// The stream of numbers that are drawn once.
const ONCE: u64 = 1;

/// Whose numbers: a device of a bench with its seed.
#[derive(Debug, Clone)]
pub struct Key {
    /// The bench's seed.
    pub seed: u64,
    /// The device.
    pub device: DeviceId,
}

impl Key {
    /// The numbers of one of the device's quantities.
    pub fn quantity(&self, name: &str) -> Randomness {
        let mut hash = Sha256::new();
        hash.update(b"twinbench generator 1\0");
        hash.update(self.seed.to_le_bytes());
        hash.update(self.device.as_str().as_bytes());
        hash.update([0]);
        hash.update(name.as_bytes());
        hash.update([0]);
        Randomness(ChaCha8Rng::from_seed(hash.finalize().into()))
    }
}

/// Random numbers by time.
#[derive(Debug, Clone)]
pub struct Randomness(ChaCha8Rng);

impl Randomness {
    /// The uniform number in [0, 1) at `time`.
    pub fn at(&mut self, time: VirtualTime) -> f64 {
        self.0
            .set_word_pos(u128::from(time.as_nanos()) * BLOCK_WORDS);
        uniform(self.0.next_u64())
    }

    /// A uniform number in [0, 1), the same at every call.
    pub fn once(&self) -> f64 {
        uniform(self.bits())
    }

    /// 64 uniform bits, the same at every call.
    pub fn bits(&self) -> u64 {
        let mut random = ChaCha8Rng::from_seed(self.0.get_seed());
        random.set_stream(ONCE);
        random.next_u64()
    }
}

fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::float_cmp,
        reason = "equal to the last bit is what is promised"
    )]

    use super::*;

    fn key(seed: u64, device: &str) -> Key {
        Key {
            seed,
            device: DeviceId::new(device).unwrap(),
        }
    }

    #[test]
    fn the_number_at_a_time_does_not_depend_on_what_was_asked_before() {
        let mut forwards = key(7, "a").quantity("temperature");
        let mut backwards = forwards.clone();
        let times: Vec<_> = (0..50)
            .map(|n| VirtualTime::from_nanos(n * n * 977))
            .collect();
        let there: Vec<_> = times.iter().map(|t| forwards.at(*t)).collect();
        let mut back: Vec<_> = times.iter().rev().map(|t| backwards.at(*t)).collect();
        back.reverse();
        assert_eq!(there, back);
        assert!(there.windows(2).all(|pair| pair[0] != pair[1]));
        assert!((0.0..1.0).contains(&forwards.at(VirtualTime::MAX)));
    }

    #[test]
    fn seed_device_and_quantity_each_matter() {
        let t = VirtualTime::from_secs(1);
        let all = [
            key(7, "a").quantity("temperature").at(t),
            key(8, "a").quantity("temperature").at(t),
            key(7, "b").quantity("temperature").at(t),
            key(7, "a").quantity("humidity").at(t),
            key(7, "a").quantity("temperature").once(),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| other != one));
        }
    }

    /// The numbers are part of every recording's digest: a change of the library that changes
    /// them must not pass unseen. Computed apart from this code, with Python's hashlib and a
    /// ChaCha of 8 rounds written from RFC 8439.
    #[test]
    fn known_numbers() {
        let mut random = key(7, "devkit-01").quantity("temperature");
        assert_eq!(random.at(VirtualTime::ZERO), KNOWN[0]);
        assert_eq!(random.at(VirtualTime::from_secs(10)), KNOWN[1]);
        assert_eq!(random.once(), KNOWN[2]);
    }

    const KNOWN: [f64; 3] = [
        0.488_493_043_123_220_95,
        0.303_037_482_894_409_8,
        0.027_544_707_425_684_6,
    ];
}
