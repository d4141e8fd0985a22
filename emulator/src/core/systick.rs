//! The system timer (ARMv7-M ARM, B3.3), kept as a point in time instead of counting.

/// `CTRL.ENABLE`.
const ENABLE: u32 = 1;
/// `CTRL.TICKINT`.
const TICKINT: u32 = 2;
/// `CTRL.CLKSOURCE`: the core's clock; else HCLK/8 on an STM32 (RM0402, 6.2).
const CORE_CLOCK: u32 = 4;

/// The timer.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct SysTick {
    control: u32,
    reload: u32,
    /// Value at `at`.
    value: u32,
    /// Cycle count at which `value` held.
    at: u64,
    wrapped: bool,
}

impl SysTick {
    fn divider(&self) -> u64 {
        if self.control & CORE_CLOCK != 0 { 1 } else { 8 }
    }

    fn period(&self) -> u64 {
        (u64::from(self.reload) + 1) * self.divider()
    }

    /// Cycle count at which the counter next goes from 1 to 0.
    fn next_zero(&self) -> Option<u64> {
        if self.control & ENABLE == 0 || (self.value == 0 && self.reload == 0) {
            return None;
        }
        let wait = if self.value == 0 {
            self.period()
        } else {
            u64::from(self.value) * self.divider()
        };
        Some(self.at + wait)
    }

    /// Cycle count at which it next interrupts.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.next_zero().filter(|_| self.control & TICKINT != 0)
    }

    /// The cycle count at which its control register, read now, would read otherwise the next time;
    /// `None`: at once.
    pub(crate) fn still_until(&self) -> Option<u64> {
        (!self.wrapped).then(|| self.next_zero().unwrap_or(u64::MAX))
    }

    /// Counts up to `cycles`; whether it interrupts.
    pub(crate) fn advance(&mut self, cycles: u64) -> bool {
        let Some(zero) = self.next_zero() else {
            return false;
        };
        if cycles < zero {
            return false;
        }
        let more = if self.reload == 0 {
            0
        } else {
            (cycles - zero) / self.period()
        };
        self.at = zero + more * self.period();
        self.value = 0;
        self.wrapped = true;
        self.control & TICKINT != 0
    }

    /// The counter after [`SysTick::advance`].
    fn current(&self, cycles: u64) -> u32 {
        if self.control & ENABLE == 0 {
            return self.value;
        }
        let ticks = (cycles - self.at) / self.divider();
        match (self.value, ticks) {
            (value, 0) => value,
            (0, _) if self.reload == 0 => 0,
            (0, ticks) => (u64::from(self.reload) + 1 - ticks) as u32,
            (value, ticks) => (u64::from(value) - ticks) as u32,
        }
    }

    /// Reads a register by its offset from `CTRL`, after [`SysTick::advance`].
    pub(crate) fn read(&mut self, offset: u32, cycles: u64) -> u32 {
        match offset {
            0 => {
                let flag = u32::from(std::mem::take(&mut self.wrapped)) << 16;
                self.control | flag
            }
            4 => self.reload,
            8 => self.current(cycles),
            // No reference clock, and no exact 10 ms value.
            _ => 0xC000_0000,
        }
    }

    /// Writes a register, after [`SysTick::advance`].
    pub(crate) fn write(&mut self, offset: u32, value: u32, cycles: u64) {
        self.value = self.current(cycles);
        self.at = cycles;
        match offset {
            0 => self.control = value & 7,
            4 => self.reload = value & 0x00FF_FFFF,
            8 => {
                self.value = 0;
                self.wrapped = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_every_reload_plus_one_cycles() {
        let mut timer = SysTick::default();
        timer.write(4, 99, 0);
        timer.write(8, 1, 0);
        timer.write(0, 7, 1000);
        assert_eq!(timer.deadline(), Some(1100));
        assert_eq!(timer.read(8, 1001), 99);
        assert!(!timer.advance(1099));
        assert!(timer.advance(1100));
        assert_eq!(timer.read(8, 1100), 0);
        assert_eq!(timer.deadline(), Some(1200));
        assert!(timer.advance(1450));
        assert_eq!(timer.deadline(), Some(1500));
        assert_eq!(timer.read(8, 1450), 50);
        assert_eq!(timer.read(0, 1450), 0x1_0007);
        assert_eq!(timer.read(0, 1450), 7);
    }

    #[test]
    fn an_eighth_of_the_clock() {
        let mut timer = SysTick::default();
        timer.write(4, 9, 0);
        timer.write(0, 3, 0);
        assert_eq!(timer.deadline(), Some(80));
        timer.write(0, 2, 40);
        assert_eq!((timer.deadline(), timer.read(8, 999)), (None, 5));
    }
}
