//! State of all exceptions: pending, active, enabled, priorities. An exception's number is its
//! bit: 1 to 15 are the system's, 16 + n is interrupt n.

/// Exceptions in all: 16 of the system and 96 interrupts.
pub(crate) const EXCEPTIONS: usize = 112;
/// Bits of a priority that exist: the upper four (STM32F4).
pub(crate) const PRIORITY_BITS: u8 = 0xF0;

pub(crate) const NMI: u32 = 2;
pub(crate) const HARD_FAULT: u32 = 3;
pub(crate) const MEMORY_FAULT: u32 = 4;
pub(crate) const BUS_FAULT: u32 = 5;
pub(crate) const USAGE_FAULT: u32 = 6;
pub(crate) const SUPERVISOR_CALL: u32 = 11;
pub(crate) const DEBUG_MONITOR: u32 = 12;
pub(crate) const PEND_SV: u32 = 14;
pub(crate) const SYS_TICK: u32 = 15;

const ALL: u128 = (1 << EXCEPTIONS) - 1;

/// Lower than every exception: thread mode with nothing masked.
pub(crate) const THREAD_PRIORITY: i16 = 256;

/// The nested vectored interrupt controller, system exceptions included.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Nvic {
    pub(crate) pending: u128,
    pub(crate) active: u128,
    /// System exceptions count as enabled here.
    pub(crate) enabled: u128,
    #[serde(with = "crate::snapshot::array")]
    pub(crate) priority: [u8; EXCEPTIONS],
    /// `AIRCR.PRIGROUP`.
    pub(crate) group: u32,
    /// Levels of the request lines, at the interrupts' bits.
    lines: u128,
    /// What a debugger keeps from being taken.
    #[serde(skip)]
    pub(crate) masked: u128,
}

impl Default for Nvic {
    fn default() -> Self {
        Self {
            pending: 0,
            active: 0,
            enabled: 0xFFFF,
            priority: [0; EXCEPTIONS],
            group: 0,
            lines: 0,
            masked: 0,
        }
    }
}

pub(crate) const fn bit(number: u32) -> u128 {
    1 << (number & 127)
}

impl Nvic {
    /// The part of a priority that decides preemption.
    pub(crate) fn preemption(&self, priority: u8) -> i16 {
        // PRIGROUP 7 leaves no bit.
        i16::from(priority) & !((2i16 << self.group) - 1) & 0xFF
    }

    /// Preemption priority of an exception.
    pub(crate) fn group_priority(&self, number: u32) -> i16 {
        match number {
            NMI => -2,
            HARD_FAULT => -1,
            _ => self
                .priority
                .get(number as usize)
                .map_or(THREAD_PRIORITY, |priority| self.preemption(*priority)),
        }
    }

    /// Priority of the most urgent active exception.
    pub(crate) fn active_priority(&self) -> i16 {
        let mut active = self.active;
        let mut urgent = THREAD_PRIORITY;
        while active != 0 {
            urgent = urgent.min(self.group_priority(active.trailing_zeros()));
            active &= active - 1;
        }
        urgent
    }

    /// The most urgent pending and enabled exception, and its preemption priority.
    pub(crate) fn most_urgent(&self) -> Option<(u32, i16)> {
        let mut candidates = self.pending & self.enabled & !self.masked;
        let mut best: Option<(i16, u8, u32)> = None;
        while candidates != 0 {
            let number = candidates.trailing_zeros();
            candidates &= candidates - 1;
            let whole = self
                .priority
                .get(number as usize)
                .copied()
                .unwrap_or(u8::MAX);
            let key = (self.group_priority(number), whole, number);
            if best.is_none_or(|best| key < best) {
                best = Some(key);
            }
        }
        best.map(|(priority, _, number)| (number, priority))
    }

    /// Whether anything pends that is enabled.
    pub(crate) fn any_pending(&self) -> bool {
        self.pending & self.enabled & !self.masked != 0
    }

    /// `DHCSR.C_MASKINTS`: PendSV, `SysTick` and the interrupts stay pending (ARMv7-M ARM, C1.6.2).
    pub(crate) fn mask_for_debugger(&mut self, masked: bool) {
        self.masked = if masked { ALL & !(bit(PEND_SV) - 1) } else { 0 };
    }

    /// Takes over the request lines: a line that rises makes its interrupt pending.
    pub(crate) fn set_lines(&mut self, levels: [u32; 3]) {
        let [a, b, c] = levels.map(u128::from);
        let lines = (a | b << 32 | c << 64) << 16;
        self.pending |= lines & !self.lines;
        self.lines = lines;
    }

    /// Begins an exception.
    pub(crate) fn activate(&mut self, number: u32) {
        self.pending &= !bit(number);
        self.active |= bit(number);
    }

    /// Ends an exception; its line, if still high, makes it pending again.
    pub(crate) fn deactivate(&mut self, number: u32) {
        self.active &= !bit(number);
        self.pending |= self.lines & bit(number);
    }

    /// The words of a bitmap register for interrupts 32·`index` on.
    fn word(bitmap: u128, index: u32) -> u32 {
        (bitmap >> 16 >> (32 * index)) as u32
    }

    fn mask(index: u32, value: u32) -> u128 {
        (u128::from(value) << (32 * index) << 16) & ALL
    }

    /// Reads `NVIC_ISER0` to `NVIC_IPR23` by offset from 0xE000E100; words.
    pub(crate) fn read(&self, offset: u32) -> u32 {
        let index = offset % 0x80 / 4;
        if offset < 0x300 && index > 2 {
            return 0;
        }
        match offset {
            0x000..0x100 => Self::word(self.enabled, index),
            0x100..0x200 => Self::word(self.pending, index),
            0x200..0x280 => Self::word(self.active, index),
            0x300..0x360 => {
                let first = 16 + (offset - 0x300) as usize;
                let byte = |n: usize| self.priority.get(first + n).copied().unwrap_or_default();
                u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
            }
            _ => 0,
        }
    }

    /// Writes the words of `NVIC_ISER0` to `NVIC_ICPR2`.
    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        let index = offset % 0x80 / 4;
        if index > 2 {
            return;
        }
        let mask = Self::mask(index, value);
        match offset {
            0x000..0x080 => self.enabled |= mask,
            0x080..0x100 => self.enabled &= !mask,
            0x100..0x180 => self.pending |= mask,
            // A request line that is high holds its interrupt pending while it is not active.
            0x180..0x200 => self.pending = self.pending & !mask | self.lines & mask & !self.active,
            _ => {}
        }
    }

    /// Writes one byte of priority.
    pub(crate) fn set_priority(&mut self, number: usize, value: u8) {
        if let Some(priority) = self.priority.get_mut(number) {
            *priority = value & PRIORITY_BITS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_preempts_and_the_rest_orders() {
        let mut nvic = Nvic {
            group: 5,
            ..Nvic::default()
        };
        nvic.set_priority(16, 0x70);
        nvic.set_priority(17, 0x50);
        nvic.set_priority(18, 0x50);
        nvic.enabled = u128::MAX;
        nvic.pending = bit(16) | bit(17) | bit(18);
        // With PRIGROUP 5, 0x70 and 0x50 preempt alike; the sub-priority, then the number decide.
        assert_eq!(nvic.most_urgent(), Some((17, 0x40)));
        nvic.activate(17);
        assert_eq!(nvic.active_priority(), 0x40);
        assert_eq!(nvic.most_urgent(), Some((18, 0x40)));
        nvic.group = 7;
        assert_eq!(nvic.group_priority(16), 0);
        nvic.group = 0;
        assert_eq!(nvic.group_priority(16), 0x70);
    }

    #[test]
    fn a_line_that_stays_high_pends_again() {
        let mut nvic = Nvic::default();
        nvic.set_lines([0, 2, 0]);
        let number = 16 + 33;
        assert_eq!(nvic.pending, bit(number));
        nvic.activate(number);
        assert_eq!(nvic.pending, 0);
        nvic.set_lines([0, 2, 0]);
        assert_eq!(nvic.pending, 0);
        nvic.deactivate(number);
        assert_eq!(nvic.pending, bit(number));
        nvic.write(0x184, 2);
        assert_eq!(nvic.pending, bit(number), "the line holds it");
        nvic.set_lines([0; 3]);
        assert_eq!(nvic.pending, bit(number), "the latch holds it");
        nvic.write(0x184, 2);
        assert_eq!(nvic.pending, 0);
    }
}
