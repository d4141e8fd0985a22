//! The window watchdog (RM0402, chapter 21).

use twinbench_model::VirtualTime;

use super::{access::Lanes, ticks};
use crate::peripheral::{Clocks, Context, Peripheral, Signal, SignalKind, WHOLE_CHIP, Width};

const CR: u32 = 0x0;
const CFR: u32 = 0x4;
const SR: u32 = 0x8;
/// Starts it, until a reset.
const WDGA: u32 = 1 << 7;
/// The early-wakeup interrupt, until a reset.
const EWI: u32 = 1 << 9;
/// Where the counter warns; one step further it resets.
const WARNING: u32 = 0x40;
/// Its line at the NVIC (RM0402, table 39).
const IRQ: u8 = 0;

/// The window watchdog: a counter of 7 bits that falls every 4096 · 2^WDGTB cycles of APB1.
///
/// From 0x40 it warns, below it resets the chip; so does firmware that feeds it while the counter is
/// above the window, or feeds it a value below 0x40. A reset is told in a note; the reset flags in
/// RCC do not tell it from a reset by software. The counter stands until it is started.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Wwdg {
    running: bool,
    cfr: u32,
    /// EWIF, and that the counter came to 0x40 since it was last fed.
    warned: bool,
    seen: bool,
    /// The instant from which the prescaler counts, and its clock's rate.
    origin: VirtualTime,
    hz: u32,
    /// The counter's value at a step since `origin`.
    count: u32,
    base: u64,
    /// It asked for a reset, which comes at the end of this access.
    over: bool,
}

impl Default for Wwdg {
    fn default() -> Self {
        Self::new()
    }
}

impl Wwdg {
    /// Not started.
    pub fn new() -> Self {
        Self {
            running: false,
            cfr: 0x7F,
            warned: false,
            seen: false,
            origin: VirtualTime::ZERO,
            hz: Clocks::default().pclk1,
            count: 0x7F,
            base: 0,
            over: false,
        }
    }

    /// Clock cycles a step.
    fn step(&self) -> u64 {
        4096 << (self.cfr >> 7 & 3)
    }

    fn steps(&self, now: VirtualTime) -> u64 {
        ticks::cycles(now.since(self.origin), self.hz) / self.step()
    }

    fn counter(&self, now: VirtualTime) -> u32 {
        if !self.running {
            return self.count;
        }
        let fallen = self.steps(now).saturating_sub(self.base);
        self.count
            .saturating_sub(u32::try_from(fallen).unwrap_or(u32::MAX))
    }

    /// When the counter gets to a value.
    fn when(&self, value: u32) -> VirtualTime {
        let steps = self.base + u64::from(self.count.saturating_sub(value));
        ticks::instant(self.origin, steps * self.step(), self.hz)
    }

    /// Counts at another rate from now on.
    fn restart(&mut self, cx: &Context<'_>) {
        self.count = self.counter(cx.now);
        self.origin = cx.now;
        self.base = 0;
        self.hz = cx.clocks.pclk1;
    }

    fn expire(&mut self, why: &str, cx: &mut Context<'_>) {
        if self.over {
            return;
        }
        self.over = true;
        cx.out.push(Signal {
            time: cx.now,
            kind: SignalKind::Note(format!("WWDG: {why}, the chip is reset")),
        });
        cx.resets.push(WHOLE_CHIP);
    }

    fn request(&self, cx: &mut Context<'_>) {
        cx.irq.set(IRQ, self.warned && self.cfr & EWI != 0);
    }

    fn control(&mut self, value: u32, cx: &mut Context<'_>) {
        let counter = self.counter(cx.now);
        if !self.running && value & WDGA != 0 {
            self.restart(cx);
            self.running = true;
        } else if self.running && counter > self.cfr & 0x7F {
            self.expire("fed before its window", cx);
        }
        self.count = value & 0x7F;
        self.base = self.steps(cx.now);
        self.seen = false;
        if self.running && self.count < WARNING {
            self.expire("fed with less than 0x40", cx);
        }
    }
}

impl Peripheral for Wwdg {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "WWDG"
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.advance(cx);
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            CR => self.counter(cx.now) | if self.running { WDGA } else { 0 },
            CFR => self.cfr,
            SR => u32::from(self.warned),
            _ => return None,
        };
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.advance(cx);
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            CR => self.control(lanes.merge(0, value), cx),
            CFR => {
                let value = lanes.merge(self.cfr, value) & 0x3FF;
                self.restart(cx);
                self.cfr = value | self.cfr & EWI;
            }
            // The flag is cleared by writing 0.
            SR => self.warned &= lanes.merge(1, value) & 1 != 0,
            _ => return None,
        }
        self.request(cx);
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        if !self.running || self.over {
            return None;
        }
        let warns = !self.seen && self.cfr & EWI != 0;
        let at = if warns { WARNING } else { WARNING - 1 };
        Some(self.when(at))
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        if self.running {
            let counter = self.counter(cx.now);
            self.warned |= counter <= WARNING && !self.seen;
            self.seen |= counter <= WARNING;
            if counter < WARNING {
                self.expire("not fed in time", cx);
            }
            if cx.clocks.pclk1 != self.hz {
                self.restart(cx);
            }
        }
        self.request(cx);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    /// APB1 at 16 MHz and WDGTB 3: a step is 2.048 ms.
    fn started(window: u32, interrupt: u32) -> (Rig, Wwdg) {
        let (mut rig, mut wwdg) = (Rig::default(), Wwdg::new());
        rig.clocks.pclk1 = 16_000_000;
        rig.write(&mut wwdg, CFR, 3 << 7 | window | interrupt);
        rig.write(&mut wwdg, CR, WDGA | 0x7F);
        (rig, wwdg)
    }

    fn after(steps: u64) -> VirtualTime {
        VirtualTime::from_nanos(steps * 2_048_000)
    }

    #[test]
    fn it_warns_at_0x40_and_resets_one_step_later() {
        let (mut rig, mut wwdg) = started(0x7F, EWI);
        rig.run_to(&mut wwdg, after(62));
        assert_eq!(rig.read(&mut wwdg, CR), WDGA | 0x41);
        assert!(!rig.irq(IRQ));
        rig.run_to(&mut wwdg, after(63));
        assert!(rig.irq(IRQ));
        assert_eq!(rig.read(&mut wwdg, SR), 1);
        rig.write(&mut wwdg, SR, 0);
        // The counter still stands at 0x40; it came there once.
        assert!(!rig.irq(IRQ));
        rig.write(&mut wwdg, CR, WDGA | 0x7F);
        assert!(!rig.irq(IRQ));
        rig.run_to(&mut wwdg, after(63 + 63));
        assert!(rig.irq(IRQ) && rig.resets.is_empty());
        rig.run_to(&mut wwdg, after(63 + 64));
        assert_eq!(rig.resets, [WHOLE_CHIP]);
        assert_eq!(rig.out.len(), 1);
    }

    #[test]
    fn without_the_interrupt_it_resets_all_the_same() {
        let (mut rig, mut wwdg) = started(0x7F, 0);
        rig.run_to(&mut wwdg, after(63));
        assert!(rig.resets.is_empty() && !rig.irq(IRQ));
        rig.run_to(&mut wwdg, after(64));
        assert_eq!(rig.resets, [WHOLE_CHIP]);
    }

    #[test]
    fn food_before_the_window_resets_and_in_the_window_does_not() {
        let (mut rig, mut wwdg) = started(0x60, 0);
        rig.run_to(&mut wwdg, after(31));
        rig.write(&mut wwdg, CR, WDGA | 0x7F);
        assert!(rig.resets.is_empty());
        rig.run_to(&mut wwdg, after(31 + 30));
        rig.write(&mut wwdg, CR, WDGA | 0x7F);
        assert_eq!(rig.resets, [WHOLE_CHIP]);
    }

    #[test]
    fn less_than_0x40_resets_at_once_and_nothing_happens_before_the_start() {
        let (mut rig, mut wwdg) = (Rig::default(), Wwdg::new());
        rig.write(&mut wwdg, CR, 0x20);
        rig.run_to(&mut wwdg, VirtualTime::from_secs(10));
        assert!(rig.resets.is_empty());
        rig.write(&mut wwdg, CR, WDGA | 0x3F);
        assert_eq!(rig.resets, [WHOLE_CHIP]);
    }
}
