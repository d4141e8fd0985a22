//! Random numbers and check sums (RM0402, chapters 15 and 4).

use twinbench_model::VirtualTime;

use super::{access::Lanes, ticks};
use crate::peripheral::{Context, Peripheral, Width};

/// Interrupt number.
const RNG_IRQ: u8 = 80;
/// A number takes 40 cycles of the 48 MHz clock.
const CYCLES: u64 = 40;
const CLOCK: u32 = 48_000_000;

/// The random number generator, here a pseudo-random one with a seed: same seed, same run.
///
/// Its numbers are SplitMix64's (Steele, Lea, Flood 2014). It does not watch its clock.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Rng {
    state: u64,
    cr: u32,
    /// When the next number is ready, while it is on.
    ready: Option<VirtualTime>,
    /// That it is ready was noticed.
    told: bool,
}

impl Rng {
    /// A generator with a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            cr: 0,
            ready: None,
            told: false,
        }
    }

    /// Starts another sequence.
    pub fn seed(&mut self, seed: u64) {
        self.state = seed;
    }

    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    fn is_ready(&self, now: VirtualTime) -> bool {
        self.ready.is_some_and(|at| at <= now)
    }
}

impl Peripheral for Rng {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "RNG"
    }

    fn still_until(&self, offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        matches!(offset & !3, 0 | 4).then_some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            0x0 => self.cr,
            0x4 => u32::from(self.is_ready(cx.now)),
            0x8 if self.is_ready(cx.now) => {
                self.ready = Some(ticks::instant(cx.now, CYCLES, CLOCK));
                self.told = false;
                self.next()
            }
            0x8 => 0,
            _ => return None,
        };
        self.advance(cx);
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            0x0 => {
                self.cr = lanes.merge(self.cr, value) & 0xC;
                self.told &= self.ready.is_some();
                self.ready = match (self.cr & 4 != 0, self.ready) {
                    (false, _) => None,
                    (true, None) => Some(ticks::instant(cx.now, CYCLES, CLOCK)),
                    (true, ready) => ready,
                };
            }
            0x4 => {}
            _ => return None,
        }
        self.advance(cx);
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        self.ready.filter(|_| !self.told)
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        let ready = self.is_ready(cx.now);
        self.told = ready;
        cx.irq.set(RNG_IRQ, ready && self.cr & 8 != 0);
    }

    /// The sequence goes on.
    fn reset(&mut self) {
        *self = Self::new(self.state);
    }
}

/// The CRC unit: polynomial 0x04C1_1DB7 over whole words, most significant bit first.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Crc {
    dr: u32,
    idr: u32,
}

impl Default for Crc {
    fn default() -> Self {
        Self::new()
    }
}

impl Crc {
    /// At the initial value.
    pub fn new() -> Self {
        Self {
            dr: u32::MAX,
            idr: 0,
        }
    }
}

impl Peripheral for Crc {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "CRC"
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            0x0 => self.dr,
            0x4 => self.idr,
            0x8 => 0,
            _ => return None,
        };
        Some(lanes.extract(word))
    }

    fn write(
        &mut self,
        offset: u32,
        width: Width,
        value: u32,
        _cx: &mut Context<'_>,
    ) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            0x0 => {
                self.dr ^= lanes.merge(0, value);
                for _ in 0..32 {
                    let carry = self.dr >> 31 != 0;
                    self.dr = (self.dr << 1) ^ if carry { 0x04C1_1DB7 } else { 0 };
                }
            }
            0x4 => self.idr = value & 0xFF,
            0x8 if value & 1 != 0 => self.dr = u32::MAX,
            0x8 => {}
            _ => return None,
        }
        Some(())
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    #[test]
    fn numbers_come_when_ready_and_repeat_with_their_seed() {
        let sequence = |seed| {
            let (mut rig, mut rng) = (Rig::default(), Rng::new(seed));
            rig.write(&mut rng, 0x0, 4);
            assert_eq!(rig.read(&mut rng, 0x4), 0);
            let mut take = || {
                rig.poll(&mut rng, 0x4, |sr| sr & 1 != 0);
                rig.read(&mut rng, 0x8)
            };
            [take(), take(), take()]
        };
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
    }

    #[test]
    fn an_enabled_interrupt_tells_that_a_number_is_ready() {
        let (mut rig, mut rng) = (Rig::default(), Rng::new(1));
        rig.write(&mut rng, 0x0, 0xC);
        let ready = rng.deadline().unwrap();
        rig.now = ready;
        rng.advance(&mut rig.cx());
        assert!(rig.irq(80));
        rig.read(&mut rng, 0x8);
        assert!(!rig.irq(80));
    }

    /// The word 0 from the initial value, and 0x12345678: CRC-32/MPEG-2 of the bytes in order.
    #[test]
    fn check_sums_are_those_of_crc_32_mpeg_2() {
        let (mut rig, mut crc) = (Rig::default(), Crc::new());
        rig.write(&mut crc, 0x0, 0x3132_3334);
        rig.write(&mut crc, 0x0, 0x3536_3738);
        let got = rig.read(&mut crc, 0x0);
        let mut expected = u32::MAX;
        for byte in b"12345678" {
            expected ^= u32::from(*byte) << 24;
            for _ in 0..8 {
                expected = (expected << 1) ^ if expected >> 31 != 0 { 0x04C1_1DB7 } else { 0 };
            }
        }
        assert_eq!(got, expected);
        rig.write(&mut crc, 0x8, 1);
        rig.write(&mut crc, 0x0, 0);
        assert_eq!(rig.read(&mut crc, 0x0), 0xC704_DD7B);
    }
}
