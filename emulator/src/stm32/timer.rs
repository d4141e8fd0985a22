//! Timers: time base, compare events and their interrupts (RM0402, chapters 16 to 19).

use twinbench_model::VirtualTime;

use super::{access::Lanes, ticks};
use crate::peripheral::{Clocks, Context, Peripheral, Signal, SignalKind, Width};

const CR1: u32 = 0x00;
const DIER: u32 = 0x0C;
const SR: u32 = 0x10;
const EGR: u32 = 0x14;
const CCMR1: u32 = 0x18;
const CCMR2: u32 = 0x1C;
const CCER: u32 = 0x20;
const CNT: u32 = 0x24;
const PSC: u32 = 0x28;
const ARR: u32 = 0x2C;
const RCR: u32 = 0x30;
const CCR1: u32 = 0x34;
const CCR4: u32 = 0x40;
const BDTR: u32 = 0x44;

/// Bits of CR1.
const CEN: u32 = 1;
const UDIS: u32 = 1 << 1;
const URS: u32 = 1 << 2;
const OPM: u32 = 1 << 3;
const DIR: u32 = 1 << 4;
const CMS: u32 = 3 << 5;
const ARPE: u32 = 1 << 7;

const UIF: u32 = 1;
/// UIF and the four CCxIF.
const EVENTS: u32 = 0x1F;

/// One of the chip's timers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimerPort {
    /// Name, as in RM0402.
    pub name: &'static str,
    /// Interrupt number and which of the two peripherals on it this one is, for updates.
    pub update_irq: (u8, u8),
    /// The same for compare events.
    pub compare_irq: (u8, u8),
    /// Whether it hangs on APB2.
    pub apb2: bool,
    /// Whether counter, reload and compare registers have 32 bits.
    pub wide: bool,
    /// Compare channels, 0..=4.
    pub channels: u8,
}

/// A timer that counts the internal clock.
///
/// The counter is computed from time, not ticked: it is exact and costs nothing while nobody asks.
/// Modelled: up and down counting, one-pulse, preload of prescaler, reload and compare registers,
/// update and compare flags and interrupts, and a PWM's duty, for who asks ([`Timer::duty`]). Stored
/// only: captures, slave modes, DMA requests. Centre-aligned counting, external
/// clocks, DMA and the repetition counter are noted.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Timer {
    #[serde(skip)]
    port: TimerPort,
    /// Registers that are stored as written, by offset / 4.
    stored: [u32; 21],
    cr1: u32,
    dier: u32,
    sr: u32,
    psc: u32,
    arr: u32,
    ccr: [u32; 4],
    /// What counts now; the registers above may be preloads for the next update.
    active_psc: u32,
    active_arr: u32,
    active_ccr: [u32; 4],
    /// The instant of cycle 0 and the clock's rate.
    origin: VirtualTime,
    hz: u32,
    /// The cycle at which the counter stood at `count` with an empty prescaler.
    base: i64,
    /// Steps since reload, 0..=`active_arr`, whatever the direction.
    count: u32,
    /// Every event up to this cycle has been seen to.
    seen: i64,
    /// Prescaler cycles kept while the counter stands.
    fraction: u32,
    noted: u32,
}

impl Timer {
    /// A timer after reset.
    pub fn new(port: TimerPort) -> Self {
        let mut timer = Self {
            port,
            stored: [0; 21],
            cr1: 0,
            dier: 0,
            sr: 0,
            psc: 0,
            arr: 0,
            ccr: [0; 4],
            active_psc: 0,
            active_arr: 0,
            active_ccr: [0; 4],
            origin: VirtualTime::ZERO,
            hz: Clocks::default().hclk,
            base: 0,
            count: 0,
            seen: 0,
            fraction: 0,
            noted: 0,
        };
        timer.arr = timer.mask();
        timer.active_arr = timer.arr;
        timer
    }

    /// Compare value of channel 1..=4 and the reload value: a PWM's duty is their ratio.
    pub fn compare(&self, channel: u8) -> Option<(u32, u32)> {
        let index = usize::from(channel.checked_sub(1)?);
        (channel <= self.port.channels).then(|| (self.ccr[index], self.arr))
    }

    /// How much of the time the output of channel 1..=4 is high now, 0 to 1 (RM0402, 17.4.7 and
    /// 17.4.9). None where that cannot be said: no such channel, its output is off, or a mode that
    /// changes the level at matches only.
    pub fn duty(&self, channel: u8, now: VirtualTime) -> Option<f64> {
        let index = channel
            .checked_sub(1)
            .filter(|_| channel <= self.port.channels)?;
        let enable = self.stored[(CCER / 4) as usize] >> (4 * index);
        // TIM1 and TIM8 let nothing out without MOE.
        let main = !matches!(self.port.name, "TIM1" | "TIM8")
            || self.stored[(BDTR / 4) as usize] >> 15 & 1 != 0;
        let mode = self.stored[(CCMR1 / 4) as usize + usize::from(index / 2)] >> (index % 2 * 8);
        if enable & 1 == 0 || !main || mode & 3 != 0 {
            return None;
        }
        let compare = self.active_ccr[usize::from(index)];
        let below = if self.running() {
            (f64::from(compare) / (f64::from(self.active_arr) + 1.0)).min(1.0)
        } else {
            f64::from(u8::from(self.counter(now) < compare))
        };
        let active = match mode >> 4 & 7 {
            4 => 0.0,
            5 => 1.0,
            6 => below,
            7 => 1.0 - below,
            _ => return None,
        };
        // CCxP: active is low.
        Some(if enable & 2 == 0 {
            active
        } else {
            1.0 - active
        })
    }

    fn mask(&self) -> u32 {
        if self.port.wide { u32::MAX } else { 0xFFFF }
    }

    fn running(&self) -> bool {
        // A reload value of 0 blocks the counter (17.3.1).
        self.cr1 & CEN != 0 && self.active_arr != 0
    }

    fn prescale(&self) -> i64 {
        i64::from(self.active_psc) + 1
    }

    fn cycle(&self, now: VirtualTime) -> i64 {
        ticks::cycles(now.since(self.origin), self.hz) as i64
    }

    /// Steps since reload at a cycle before the next update.
    fn steps(&self, cycle: i64) -> u32 {
        if self.running() {
            self.count + ((cycle - self.base) / self.prescale()) as u32
        } else {
            self.count
        }
    }

    /// The cycle of the next update event.
    fn next_update(&self) -> i64 {
        let steps = i64::from(self.active_arr) + 1 - i64::from(self.count);
        self.base + steps.max(1) * self.prescale()
    }

    /// Steps at which a channel matches; beyond the reload value it matches at the update.
    fn match_steps(&self, channel: usize) -> Option<u32> {
        let compare = self.active_ccr[channel];
        (compare <= self.active_arr).then(|| {
            if self.cr1 & DIR == 0 {
                compare
            } else {
                self.active_arr - compare
            }
        })
    }

    /// The cycle of a channel's next match after `seen` within this run of the counter.
    fn next_match(&self, channel: usize) -> Option<i64> {
        let at = match self.match_steps(channel) {
            Some(steps) => {
                let ahead = i64::from(steps) - i64::from(self.count);
                self.base + ahead * self.prescale()
            }
            None => self.next_update(),
        };
        (at > self.seen).then_some(at)
    }

    /// Sets the flags of matches in (`seen`, `until`].
    fn mark_matches(&mut self, until: i64) {
        for channel in 0..usize::from(self.port.channels) {
            if self.next_match(channel).is_some_and(|at| at <= until) {
                self.sr |= 2 << channel;
            }
        }
        self.seen = until;
    }

    /// Takes the preloaded values over.
    fn load_preloads(&mut self) {
        self.active_psc = self.psc;
        self.active_arr = self.arr;
        self.active_ccr = self.ccr;
    }

    fn preloads_pending(&self) -> bool {
        self.active_psc != self.psc || self.active_arr != self.arr || self.active_ccr != self.ccr
    }

    /// Sees to every event up to now.
    fn catch_up(&mut self, now: VirtualTime) {
        let until = self.cycle(now);
        while self.running() {
            let update = self.next_update();
            if update > until {
                self.mark_matches(until);
                return;
            }
            self.mark_matches(update);
            self.base = update;
            self.count = 0;
            // The first step of the new run is at the same cycle: look at it again.
            self.seen = update - 1;
            if self.cr1 & UDIS == 0 {
                self.sr |= UIF;
                if self.cr1 & OPM != 0 {
                    self.cr1 &= !CEN;
                    self.load_preloads();
                    self.fraction = 0;
                    self.mark_matches(update);
                    return;
                }
                if self.preloads_pending() {
                    self.load_preloads();
                    continue;
                }
            }
            // Whole runs that are over too: each sets the same flags.
            let run = (i64::from(self.active_arr) + 1) * self.prescale();
            let runs = (until - update) / run;
            if runs > 0 {
                self.mark_matches(update + run);
                self.base = update + runs * run;
                self.seen = self.base - 1;
            }
        }
        self.seen = until;
    }

    /// Counts from `count` from now on.
    fn restart(&mut self, now: VirtualTime, count: u32, fraction: u32) {
        let cycle = self.cycle(now);
        self.base = cycle - i64::from(fraction);
        self.seen = cycle;
        self.count = count;
        self.fraction = fraction;
    }

    /// Steps and prescaler cycles now; `catch_up` came before.
    fn position(&self, now: VirtualTime) -> (u32, u32) {
        if !self.running() {
            return (self.count, self.fraction);
        }
        let cycle = self.cycle(now);
        let fraction = (cycle - self.base) % self.prescale();
        (self.steps(cycle), fraction as u32)
    }

    fn counter(&self, now: VirtualTime) -> u32 {
        self.mirrored(self.position(now).0)
    }

    /// Steps to counter value and back.
    fn mirrored(&self, steps: u32) -> u32 {
        if self.cr1 & DIR == 0 {
            steps
        } else {
            self.active_arr.wrapping_sub(steps) & self.mask()
        }
    }

    /// Follows a change of the clock, from now on.
    fn follow_clock(&mut self, cx: &Context<'_>) {
        let hz = if self.port.apb2 {
            cx.clocks.tim2
        } else {
            cx.clocks.tim1
        };
        if hz != self.hz {
            let (count, fraction) = self.position(cx.now);
            self.origin = cx.now;
            self.hz = hz;
            self.restart(cx.now, count, fraction);
        }
    }

    fn request(&self, cx: &mut Context<'_>) {
        let pending = self.sr & self.dier & EVENTS;
        let ((update, source), (compare, compare_source)) =
            (self.port.update_irq, self.port.compare_irq);
        if update == compare {
            cx.irq.set_shared(update, source, pending != 0);
        } else {
            cx.irq.set_shared(update, source, pending & UIF != 0);
            cx.irq
                .set_shared(compare, compare_source, pending & !UIF != 0);
        }
    }

    fn note(&mut self, bit: u32, what: &str, cx: &mut Context<'_>) {
        if self.noted & bit == 0 {
            self.noted |= bit;
            cx.out.push(Signal {
                time: cx.now,
                kind: SignalKind::Note(format!("{}: {what} is not modelled", self.port.name)),
            });
        }
    }

    fn load(&self, register: u32, now: VirtualTime) -> Option<u32> {
        Some(match register {
            CR1 => self.cr1,
            DIER => self.dier,
            SR => self.sr,
            EGR => 0,
            CNT => self.counter(now),
            PSC => self.psc,
            ARR => self.arr,
            CCR1..=CCR4 => self.ccr[((register - CCR1) / 4) as usize],
            0x04 | 0x08 | CCMR1 | CCMR2 | 0x20 | RCR | 0x44 | 0x48 | 0x50 => {
                self.stored[(register / 4) as usize]
            }
            _ => return None,
        })
    }

    fn store(&mut self, register: u32, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let now = cx.now;
        match register {
            CR1 => {
                if value & CMS != 0 {
                    self.note(1, "centre-aligned counting", cx);
                }
                let (steps, fraction) = self.position(now);
                let counter = self.mirrored(steps);
                self.cr1 = value & 0x3FF;
                let steps = self.mirrored(counter);
                self.restart(now, steps, fraction);
            }
            DIER => {
                if value & 0x5F00 != 0 {
                    self.note(2, "DMA", cx);
                }
                self.dier = value & 0x7FFF;
            }
            SR => self.sr &= value,
            EGR => {
                self.sr |= value & 0x1E;
                if value & 1 != 0 {
                    if self.cr1 & UDIS == 0 {
                        self.load_preloads();
                        if self.cr1 & URS == 0 {
                            self.sr |= UIF;
                        }
                    }
                    self.restart(now, 0, 0);
                }
            }
            CNT => {
                let steps = self.mirrored(value & self.mask());
                let (_, fraction) = self.position(now);
                self.restart(now, steps, fraction);
            }
            PSC => self.psc = value & 0xFFFF,
            ARR => {
                self.arr = value & self.mask();
                if self.cr1 & ARPE == 0 {
                    let (steps, fraction) = self.position(now);
                    let counter = self.mirrored(steps);
                    self.active_arr = self.arr;
                    let steps = self.mirrored(counter);
                    self.restart(now, steps, fraction);
                }
            }
            CCR1..=CCR4 => {
                let channel = ((register - CCR1) / 4) as usize;
                self.ccr[channel] = value & self.mask();
                // OCxPE: bit 3 or 11 of CCMR1 or CCMR2.
                let mode = self.stored[(CCMR1 / 4) as usize + channel / 2];
                if mode >> (3 + channel % 2 * 8) & 1 == 0 {
                    self.active_ccr[channel] = self.ccr[channel];
                }
            }
            0x04 | CCMR1 | CCMR2 | 0x20 | 0x44 | 0x48 | 0x50 => {
                self.stored[(register / 4) as usize] = value;
            }
            0x08 => {
                if value & 0x4007 != 0 {
                    self.note(4, "a slave mode or external clock", cx);
                }
                self.stored[2] = value;
            }
            RCR => {
                if value != 0 {
                    self.note(8, "the repetition counter", cx);
                }
                self.stored[(RCR / 4) as usize] = value;
            }
            _ => return None,
        }
        Some(())
    }
}

impl Peripheral for Timer {
    crate::snapshot::saved_by_serde!(port);

    fn name(&self) -> &'static str {
        self.port.name
    }

    /// The counter until its next step, the flags until the next event.
    fn still_until(&self, offset: u32, now: VirtualTime) -> Option<VirtualTime> {
        if !matches!(offset & !3, CNT | SR) || !self.running() {
            return Some(VirtualTime::MAX);
        }
        let cycle = self.cycle(now);
        let steps = (cycle - self.base) / self.prescale() + 1;
        let step = self.base + steps * self.prescale();
        let at = u64::try_from(step).ok()?;
        Some(ticks::instant(self.origin, at, self.hz))
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.advance(cx);
        let lanes = Lanes::new(offset, width);
        Some(lanes.extract(self.load(lanes.register, cx.now)?))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.advance(cx);
        let lanes = Lanes::new(offset, width);
        let kept = match lanes.register {
            // Flags are cleared by writing 0.
            SR => u32::MAX,
            register => self.load(register, cx.now)?,
        };
        self.store(lanes.register, lanes.merge(kept, value), cx)?;
        self.request(cx);
        Some(())
    }

    /// The first event whose interrupt is enabled and not raised yet.
    fn deadline(&self) -> Option<VirtualTime> {
        if !self.running() {
            return None;
        }
        let wanted = self.dier & !self.sr & EVENTS;
        if wanted == 0 {
            return None;
        }
        let update = self.next_update();
        let run_end = (wanted & UIF != 0 && self.cr1 & UDIS == 0).then_some(update);
        let matches = (0..usize::from(self.port.channels))
            .filter(|channel| wanted & 2 << channel != 0)
            // A match that is behind the counter comes after the update: look again there.
            .map(|channel| self.next_match(channel).unwrap_or(update));
        let cycle = run_end.into_iter().chain(matches).min()?;
        Some(ticks::instant(
            self.origin,
            u64::try_from(cycle).ok()?,
            self.hz,
        ))
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.catch_up(cx.now);
        self.follow_clock(cx);
        self.request(cx);
    }

    fn reset(&mut self) {
        let (origin, hz, noted) = (self.origin, self.hz, self.noted);
        *self = Self {
            origin,
            hz,
            noted,
            ..Self::new(self.port)
        };
    }
}

#[cfg(test)]
#[path = "timer_tests.rs"]
mod tests;
