//! The independent watchdog (RM0402, chapter 20).

use twinbench_model::VirtualTime;

use super::{access::Lanes, ticks};
use crate::peripheral::{Context, Peripheral, Signal, SignalKind, WHOLE_CHIP, Width};

/// Frequency of the internal low-speed oscillator in hertz, nominal.
const LSI: u32 = 32_000;

/// The independent watchdog.
///
/// When it expires it says so in a note and resets the chip. The reset flags in RCC do not tell it
/// from a reset by software.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Iwdg {
    open: bool,
    running: bool,
    pr: u32,
    rlr: u32,
    /// When it expires if nobody feeds it.
    expires: Option<VirtualTime>,
}

impl Default for Iwdg {
    fn default() -> Self {
        Self::new()
    }
}

impl Iwdg {
    /// Not started.
    pub fn new() -> Self {
        Self {
            open: false,
            running: false,
            pr: 0,
            rlr: 0xFFF,
            expires: None,
        }
    }

    fn feed(&mut self, now: VirtualTime) {
        if self.running {
            let cycles = u64::from(self.rlr + 1) * (4u64 << self.pr.min(6));
            self.expires = Some(ticks::instant(now, cycles, LSI));
        }
    }
}

impl Peripheral for Iwdg {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "IWDG"
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            0x0 | 0xC => 0,
            0x4 => self.pr,
            0x8 => self.rlr,
            _ => return None,
        };
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            0x0 => {
                let key = value & 0xFFFF;
                self.open = key == 0x5555;
                self.running |= key == 0xCCCC;
                if key == 0xAAAA || key == 0xCCCC {
                    self.feed(cx.now);
                }
            }
            0x4 if self.open => self.pr = value & 7,
            0x8 if self.open => self.rlr = value & 0xFFF,
            0x4 | 0x8 | 0xC => {}
            _ => return None,
        }
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        self.expires
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        if self.expires.is_some_and(|at| at <= cx.now) {
            self.expires = None;
            cx.out.push(Signal {
                time: cx.now,
                kind: SignalKind::Note("IWDG: expired, the chip is reset".into()),
            });
            cx.resets.push(WHOLE_CHIP);
        }
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
    fn an_unfed_watchdog_speaks_up_at_its_time() {
        let (mut rig, mut iwdg) = (Rig::default(), Iwdg::new());
        rig.write(&mut iwdg, 0x0, 0x5555);
        // 32 kHz / 32, reload 999: one second.
        rig.write(&mut iwdg, 0x4, 3);
        rig.write(&mut iwdg, 0x8, 999);
        rig.write(&mut iwdg, 0x0, 0xCCCC);
        rig.run_to(&mut iwdg, VirtualTime::from_millis(900));
        rig.write(&mut iwdg, 0x0, 0xAAAA);
        rig.run_to(&mut iwdg, VirtualTime::from_millis(1899));
        assert!(rig.out.is_empty());
        rig.run_to(&mut iwdg, VirtualTime::from_millis(1900));
        assert_eq!(rig.out.len(), 1);
        assert_eq!(rig.resets, [WHOLE_CHIP]);
    }
}
