//! Real-time clock: calendar and backup registers (RM0402, chapter 22).

use twinbench_model::VirtualTime;

use super::{access::Lanes, ticks};
use crate::peripheral::{Context, Peripheral, Width};

const TR: u32 = 0x00;
const DR: u32 = 0x04;
const CR: u32 = 0x08;
const ISR: u32 = 0x0C;
const PRER: u32 = 0x10;
const WPR: u32 = 0x24;
const SSR: u32 = 0x28;
const BKP0R: u32 = 0x50;

/// Bits of ISR.
const WRITABLE: u32 = 7;
const INITS: u32 = 1 << 4;
const RSF: u32 = 1 << 5;
const INITF: u32 = 1 << 6;
const INIT: u32 = 1 << 7;

/// Crystal of the real-time clock in hertz.
const LSE: u32 = 32_768;

/// The real-time clock.
///
/// The calendar counts from what firmware sets (24-hour format); backup registers keep their values
/// through a reset. Write protection, alarms, wake-up timer, tamper and time stamps are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Rtc {
    /// Registers that are stored, by offset / 4.
    #[serde(with = "crate::snapshot::array")]
    stored: [u32; 40],
    isr: u32,
    /// Calendar as last set, and when it began to count.
    time: u32,
    date: u32,
    since: VirtualTime,
}

impl Default for Rtc {
    fn default() -> Self {
        Self::new()
    }
}

impl Rtc {
    /// As after power-on: 1 January 2000, 00:00:00.
    pub fn new() -> Self {
        let mut stored = [0; 40];
        stored[(PRER / 4) as usize] = 0x007F_00FF;
        Self {
            stored,
            isr: WRITABLE,
            time: 0,
            date: 0x2101,
            since: VirtualTime::ZERO,
        }
    }

    fn prescalers(&self) -> (u32, u32) {
        let prer = self.stored[(PRER / 4) as usize];
        ((prer >> 16 & 0x7F) + 1, (prer & 0x7FFF) + 1)
    }

    /// Whole seconds counted and steps of the subsecond counter.
    fn elapsed(&self, now: VirtualTime) -> (u64, u32) {
        let (asynchronous, synchronous) = self.prescalers();
        let steps = ticks::cycles(now.since(self.since), LSE) / u64::from(asynchronous);
        (
            steps / u64::from(synchronous),
            (steps % u64::from(synchronous)) as u32,
        )
    }

    /// TR and DR now.
    fn calendar(&self, now: VirtualTime) -> (u32, u32) {
        if self.isr & INITF != 0 {
            return (self.time, self.date);
        }
        let (seconds, _) = self.elapsed(now);
        let field = |word: u32, at: u32, tens: u32| from_bcd(word >> at & (tens << 4 | 0xF));
        let start = u64::from(field(self.time, 16, 3)) * 3600
            + u64::from(field(self.time, 8, 7)) * 60
            + u64::from(field(self.time, 0, 7));
        let total = start + seconds;
        let (days, rest) = (total / 86_400, (total % 86_400) as u32);
        let time = to_bcd(rest / 3600) << 16 | to_bcd(rest / 60 % 60) << 8 | to_bcd(rest % 60);
        let mut date = (
            field(self.date, 16, 0xF),
            field(self.date, 8, 1).clamp(1, 12),
            field(self.date, 0, 3).max(1),
        );
        for _ in 0..days.min(36_525) {
            date = next_day(date);
        }
        let weekday = (self.date >> 13 & 7).max(1);
        let weekday = (u64::from(weekday - 1) + days) % 7 + 1;
        let date =
            to_bcd(date.0) << 16 | (weekday as u32) << 13 | to_bcd(date.1) << 8 | to_bcd(date.2);
        (time, date)
    }
}

fn from_bcd(value: u32) -> u32 {
    (value >> 4) * 10 + (value & 0xF)
}

fn to_bcd(value: u32) -> u32 {
    ((value / 10) << 4) | (value % 10)
}

/// The day after (year of the century, month, day).
fn next_day((year, month, day): (u32, u32, u32)) -> (u32, u32, u32) {
    let last = match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match (day < last, month < 12) {
        (true, _) => (year, month, day + 1),
        (false, true) => (year, month + 1, 1),
        (false, false) => ((year + 1) % 100, 1, 1),
    }
}

impl Peripheral for Rtc {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "RTC"
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            TR => self.calendar(cx.now).0,
            DR => self.calendar(cx.now).1,
            ISR => self.isr | RSF,
            WPR => 0,
            SSR => {
                let (_, synchronous) = self.prescalers();
                synchronous - 1 - self.elapsed(cx.now).1
            }
            register => *self.stored.get((register / 4) as usize)?,
        };
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            TR => self.time = lanes.merge(self.time, value) & 0x007F_7F7F,
            DR => self.date = lanes.merge(self.date, value) & 0x00FF_FF3F,
            ISR => {
                let value = lanes.merge(self.isr, value);
                if value & INIT != 0 && self.isr & INIT == 0 {
                    (self.time, self.date) = self.calendar(cx.now);
                    self.isr |= INIT | INITF;
                } else if value & INIT == 0 && self.isr & INIT != 0 {
                    self.isr &= !(INIT | INITF);
                    self.since = cx.now;
                    if self.date >> 16 & 0xFF != 0 {
                        self.isr |= INITS;
                    }
                }
            }
            WPR | SSR => {}
            // Alarms and the wake-up timer would have to ring: the bus notes them.
            CR if value & 0x0F00 != 0 => {
                self.stored[(CR / 4) as usize] = value;
                return None;
            }
            register => {
                let word = self.stored.get_mut((register / 4) as usize)?;
                *word = lanes.merge(*word, value);
            }
        }
        Some(())
    }

    /// The calendar and the backup registers belong to the backup domain and go on.
    fn reset(&mut self) {
        let (time, date, since) = (self.time, self.date, self.since);
        let backup = self.stored;
        *self = Self::new();
        self.stored[(BKP0R / 4) as usize..].copy_from_slice(&backup[(BKP0R / 4) as usize..]);
        self.stored[(PRER / 4) as usize] = backup[(PRER / 4) as usize];
        (self.time, self.date, self.since) = (time, date, since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    #[test]
    fn the_calendar_counts_on_from_what_was_set() {
        let (mut rig, mut rtc) = (Rig::default(), Rtc::new());
        rig.now = VirtualTime::from_secs(5);
        rig.write(&mut rtc, ISR, INIT);
        rig.poll(&mut rtc, ISR, |isr| isr & INITF != 0);
        // As mbed sets it: PREDIV_A 0, PREDIV_S 0x7FFF.
        rig.write(&mut rtc, PRER, 0x7FFF);
        // 28 February 2024, a Wednesday, 23:59:58.
        rig.write(&mut rtc, TR, 0x23_5958);
        rig.write(&mut rtc, DR, 0x24_6228);
        rig.modify(&mut rtc, ISR, |v| v & !INIT);
        rig.now = VirtualTime::from_nanos(rig.now.as_nanos() + 3_000_000_000);
        assert_eq!(rig.read(&mut rtc, TR), 0x00_0001);
        assert_eq!(rig.read(&mut rtc, DR), 0x24_8229);
        rig.write(&mut rtc, BKP0R, 0x1234);
        rtc.reset();
        assert_eq!(rig.read(&mut rtc, BKP0R), 0x1234);
        assert_eq!(rig.read(&mut rtc, TR), 0x00_0001);
        assert_ne!(rig.read(&mut rtc, ISR) & RSF, 0);
    }
}
