//! Real-time clock: calendar and backup registers (RM0402, chapter 22).

use twinbench_model::VirtualTime;

use super::{access::Lanes, ticks};
use crate::peripheral::{Context, Peripheral, Width};

const TR: u32 = 0x00;
const DR: u32 = 0x04;
const CR: u32 = 0x08;
const ISR: u32 = 0x0C;
const PRER: u32 = 0x10;
const WUTR: u32 = 0x14;
const ALRMAR: u32 = 0x1C;
const WPR: u32 = 0x24;
const SSR: u32 = 0x28;
const BKP0R: u32 = 0x50;

/// Bits of CR: the enables of alarm A, alarm B and the wake-up timer, and their interrupts'.
const ALRAE: u32 = 1 << 8;
const WUTE: u32 = 1 << 10;
const ALRAIE: u32 = 1 << 12;
const WUTIE: u32 = 1 << 14;
/// Flags of ISR that writing 0 clears: those of alarm A, alarm B and the wake-up timer, and others.
const ALRAF: u32 = 1 << 8;
const WUTF: u32 = 1 << 10;
const FLAGS: u32 = 0x3F00;
/// EXTI's lines.
const ALARM_LINE: u32 = 1 << 17;
const WAKE_LINE: u32 = 1 << 22;
const DAY: u64 = 86_400;

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
/// through a reset. Alarms ring by their date, hour, minute and second, the wake-up timer at its
/// period. Write protection, subseconds of alarms, tamper and time stamps are stored only.
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
    /// When the time of day next is that of alarm A and B, and when the wake-up timer is through.
    alarms: [Option<VirtualTime>; 2],
    wake: Option<VirtualTime>,
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
            alarms: [None; 2],
            wake: None,
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

    /// Seconds of the day at which the calendar was set.
    fn start_of_day(&self) -> u64 {
        let field = |at: u32, tens: u32| from_bcd(self.time >> at & (tens << 4 | 0xF));
        u64::from(field(16, 3)) * 3600 + u64::from(field(8, 7)) * 60 + u64::from(field(0, 7))
    }

    /// When, after `now`, the time of day is an alarm's.
    fn next_alarm(&self, index: usize, now: VirtualTime) -> Option<VirtualTime> {
        let control = self.stored[(CR / 4) as usize];
        if control & ALRAE << index == 0 || self.isr & INITF != 0 {
            return None;
        }
        let alarm = self.stored[(ALRMAR / 4) as usize + index];
        let matches = |second: u64| {
            let fields = [
                (7, 0, 7, second % 60),
                (15, 8, 7, second / 60 % 60),
                (23, 16, 3, second / 3600),
            ];
            fields.into_iter().all(|(mask, at, tens, value)| {
                let wanted = from_bcd(alarm >> at & (tens << 4 | 0xF));
                alarm >> mask & 1 != 0 || u64::from(wanted) == value
            })
        };
        let (elapsed, _) = self.elapsed(now);
        let start = self.start_of_day();
        let ahead = (1..=DAY).find(|ahead| matches((start + elapsed + ahead) % DAY))?;
        let (asynchronous, synchronous) = self.prescalers();
        let steps = (elapsed + ahead) * u64::from(asynchronous) * u64::from(synchronous);
        Some(ticks::instant(self.since, steps, LSE))
    }

    /// Whether today is an alarm's day.
    fn is_its_day(&self, index: usize, now: VirtualTime) -> bool {
        let alarm = self.stored[(ALRMAR / 4) as usize + index];
        let date = self.calendar(now).1;
        if alarm >> 31 != 0 {
            true
        } else if alarm >> 30 & 1 != 0 {
            alarm >> 24 & 7 == date >> 13 & 7
        } else {
            alarm >> 24 & 0x3F == date & 0x3F
        }
    }

    /// When the wake-up timer that is wound up at `now` is through.
    fn next_wake(&self, now: VirtualTime) -> Option<VirtualTime> {
        let control = self.stored[(CR / 4) as usize];
        if control & WUTE == 0 {
            return None;
        }
        let reload = u64::from(self.stored[(WUTR / 4) as usize] & 0xFFFF) + 1;
        let (asynchronous, synchronous) = self.prescalers();
        let second = u64::from(asynchronous) * u64::from(synchronous);
        let cycles = match control & 7 {
            selection @ 0..=3 => reload * (16 >> selection),
            4 | 5 => reload * second,
            _ => (reload + 0x1_0000) * second,
        };
        Some(ticks::instant(now, cycles, LSE))
    }

    fn ring(&mut self, flag: u32, enable: u32, line: u32, cx: &mut Context<'_>) {
        self.isr |= flag;
        if self.stored[(CR / 4) as usize] & enable != 0 {
            cx.pins.internal |= line;
            cx.pins.input_changed = true;
        }
    }

    /// TR and DR now.
    fn calendar(&self, now: VirtualTime) -> (u32, u32) {
        if self.isr & INITF != 0 {
            return (self.time, self.date);
        }
        let (seconds, _) = self.elapsed(now);
        let field = |word: u32, at: u32, tens: u32| from_bcd(word >> at & (tens << 4 | 0xF));
        let total = self.start_of_day() + seconds;
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
                self.isr &= value | !FLAGS;
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
            register => {
                let word = self.stored.get_mut((register / 4) as usize)?;
                let before = *word;
                *word = lanes.merge(*word, value);
                if register == CR && (before ^ *word) & WUTE != 0 {
                    self.wake = self.next_wake(cx.now);
                }
            }
        }
        self.alarms = [0, 1].map(|index| self.next_alarm(index, cx.now));
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        let [first, second] = self.alarms;
        [first, second, self.wake].into_iter().flatten().min()
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        for index in 0..2 {
            if self.alarms[index].is_some_and(|at| at <= cx.now) {
                if self.is_its_day(index, cx.now) {
                    self.ring(ALRAF << index, ALRAIE << index, ALARM_LINE, cx);
                }
                self.alarms[index] = self.next_alarm(index, cx.now);
            }
        }
        while let Some(at) = self.wake.filter(|at| *at <= cx.now) {
            self.ring(WUTF, WUTIE, WAKE_LINE, cx);
            self.wake = self.next_wake(at);
        }
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

    /// 31 January 2026, a Saturday, 23:59:50, at 1 Hz.
    fn set() -> (Rig, Rtc) {
        let (mut rig, mut rtc) = (Rig::default(), Rtc::new());
        rig.write(&mut rtc, ISR, INIT);
        rig.write(&mut rtc, TR, 0x23_5950);
        rig.write(&mut rtc, DR, 0x26_C131);
        rig.modify(&mut rtc, ISR, |v| v & !INIT);
        (rig, rtc)
    }

    #[test]
    fn an_alarm_rings_at_its_time_on_its_day() {
        let (mut rig, mut rtc) = set();
        // 00:00:05 on the first of a month, and every minute at second 30.
        rig.write(&mut rtc, ALRMAR, 1 << 24 | 0x05);
        rig.write(&mut rtc, ALRMAR + 4, 1 << 31 | 1 << 23 | 1 << 15 | 0x30);
        rig.modify(&mut rtc, CR, |cr| cr | ALRAE | ALRAE << 1 | ALRAIE);
        rig.run_to(&mut rtc, VirtualTime::from_millis(14_999));
        assert_eq!(rig.read(&mut rtc, ISR) & FLAGS, 0);
        rig.run_to(&mut rtc, VirtualTime::from_secs(15));
        assert_eq!(rig.read(&mut rtc, ISR) & FLAGS, ALRAF);
        assert_eq!(rig.pins.internal, ALARM_LINE);
        assert!(rig.pins.input_changed);
        rig.modify(&mut rtc, ISR, |isr| isr & !ALRAF);
        rig.pins.internal = 0;
        rig.run_to(&mut rtc, VirtualTime::from_secs(40));
        assert_eq!(rig.read(&mut rtc, ISR) & FLAGS, ALRAF << 1);
        assert_eq!(rig.pins.internal, 0, "its interrupt is not enabled");
        // The day after is the second.
        rig.run_to(&mut rtc, VirtualTime::from_secs(86_500));
        assert_eq!(rig.read(&mut rtc, ISR) & ALRAF, 0);
    }

    #[test]
    fn the_wake_up_timer_comes_again_and_again() {
        let (mut rig, mut rtc) = set();
        // 2048 Hz / 1024: twice a second.
        rig.write(&mut rtc, WUTR, 1023);
        rig.modify(&mut rtc, CR, |cr| cr | WUTE | WUTIE);
        let mut rang = Vec::new();
        for millis in (0..2_000).step_by(100) {
            rig.run_to(&mut rtc, VirtualTime::from_millis(millis));
            if std::mem::take(&mut rig.pins.internal) & WAKE_LINE != 0 {
                rang.push(millis);
                rig.modify(&mut rtc, ISR, |isr| isr & !WUTF);
            }
        }
        assert_eq!(rang, [500, 1_000, 1_500]);
        rig.modify(&mut rtc, CR, |cr| cr & !WUTE);
        assert_eq!(rtc.deadline(), None);
    }

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
