//! The system control space and the debug blocks: registers at 0xE0000000 to 0xE00FFFFF
//! (ARMv7-M ARM, B3.2 and C1).

use super::{
    Core,
    nvic::{
        self, BUS_FAULT, DEBUG_MONITOR, MEMORY_FAULT, NMI, PEND_SV, SUPERVISOR_CALL, SYS_TICK,
        USAGE_FAULT,
    },
};

/// CPUID of a Cortex-M4 r0p1 (DDI0439, 4.1).
const CPUID: u32 = 0x410F_C241;
/// `AIRCR.VECTKEY` as read, and as it must be written.
const KEY_READ: u32 = 0xFA05_0000;
const KEY_WRITE: u32 = 0x05FA;
/// `CCR` bits.
const NON_BASE_THREAD: u32 = 1;
const USER_SET_PENDING: u32 = 1 << 1;
const UNALIGN_TRP: u32 = 1 << 3;
const DIV_0_TRP: u32 = 1 << 4;
const STKALIGN: u32 = 1 << 9;
const CCR_BITS: u32 = 0x31B;
/// `DEMCR.TRCENA`.
const TRACE_ENABLE: u32 = 1 << 24;
/// `DWT_CTRL`: four comparators, cycle counter present.
const DWT_FEATURES: u32 = 0x4000_0000;
const STIR: u32 = 0xE000_EF00;

/// Plain registers of the system control space.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Registers {
    pub(crate) vector_table: u32,
    pub(crate) fault_status: u32,
    pub(crate) hard_fault_status: u32,
    pub(crate) memory_fault_address: u32,
    pub(crate) bus_fault_address: u32,
    /// The next fetch faults: the last branch cleared the Thumb bit.
    pub(crate) arm_state: bool,
    control: u32,
    configuration: u32,
    /// Enables of `SHCSR`, bits 18 to 16.
    handlers: u32,
    access: u32,
    debug_control: u32,
    watch_control: u32,
    /// Cycle count at which CYCCNT was 0, or its value while it stands.
    count: u64,
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            vector_table: 0,
            fault_status: 0,
            hard_fault_status: 0,
            memory_fault_address: 0,
            bus_fault_address: 0,
            arm_state: false,
            control: 0,
            configuration: STKALIGN,
            handlers: 0,
            access: 0,
            debug_control: 0,
            watch_control: 0,
            count: 0,
        }
    }
}

impl Registers {
    pub(crate) fn divide_by_zero_traps(&self) -> bool {
        self.configuration & DIV_0_TRP != 0
    }

    pub(crate) fn unaligned_traps(&self) -> bool {
        self.configuration & UNALIGN_TRP != 0
    }

    pub(crate) fn aligns_stack(&self) -> bool {
        self.configuration & STKALIGN != 0
    }

    /// Whether a return to thread mode may leave other exceptions active.
    pub(crate) fn returns_nested(&self) -> bool {
        self.configuration & NON_BASE_THREAD != 0
    }

    pub(crate) fn sleeps_on_exit(&self) -> bool {
        self.control & 2 != 0
    }

    /// Whether a newly pending interrupt is an event (`SCR.SEVONPEND`).
    pub(crate) fn pending_is_event(&self) -> bool {
        self.control & 16 != 0
    }

    /// Whether unprivileged code may write this register.
    pub(crate) fn opens_trigger(&self, address: u32) -> bool {
        address == STIR && self.configuration & USER_SET_PENDING != 0
    }

    /// Whether a fault has its own handler instead of the hard fault's.
    pub(crate) fn handles(&self, number: u32) -> bool {
        match number {
            MEMORY_FAULT => self.handlers & 1 << 16 != 0,
            BUS_FAULT => self.handlers & 1 << 17 != 0,
            USAGE_FAULT => self.handlers & 1 << 18 != 0,
            _ => true,
        }
    }

    /// `DEMCR`.
    pub(crate) fn debug_control(&self) -> u32 {
        self.debug_control
    }

    fn counts(&self) -> bool {
        self.debug_control & TRACE_ENABLE != 0 && self.watch_control & 1 != 0
    }

    fn cycle_count(&self, cycles: u64) -> u32 {
        if self.counts() {
            cycles.wrapping_sub(self.count) as u32
        } else {
            self.count as u32
        }
    }

    fn set_counting(&mut self, cycles: u64, change: impl FnOnce(&mut Self)) {
        let value = self.cycle_count(cycles);
        change(self);
        self.set_cycle_count(cycles, value);
    }

    fn set_cycle_count(&mut self, cycles: u64, value: u32) {
        let value = u64::from(value);
        self.count = if self.counts() {
            cycles.wrapping_sub(value)
        } else {
            value
        };
    }
}

/// `SHCSR` bits and the exceptions whose active or pending state they show.
const STATE_BITS: [(u32, u32, bool); 10] = [
    (0, MEMORY_FAULT, true),
    (1, BUS_FAULT, true),
    (3, USAGE_FAULT, true),
    (7, SUPERVISOR_CALL, true),
    (8, DEBUG_MONITOR, true),
    (10, PEND_SV, true),
    (11, SYS_TICK, true),
    (12, USAGE_FAULT, false),
    (13, MEMORY_FAULT, false),
    (14, BUS_FAULT, false),
];
const SUPERVISOR_PENDING: (u32, u32, bool) = (15, SUPERVISOR_CALL, false);

impl Core {
    /// Reads a system register; `None`: none there.
    pub(crate) fn read_system(&mut self, address: u32, size: u32) -> Option<u32> {
        let word = self.read_system_word(address & !3)?;
        let value = word >> (8 * (address & 3));
        Some(match size {
            1 => value & 0xFF,
            2 => value & 0xFFFF,
            _ => value,
        })
    }

    fn read_system_word(&mut self, address: u32) -> Option<u32> {
        if let Some(value) = self.read_debug(address) {
            return Some(value);
        }
        Some(match address {
            // ITM stimulus ports: always ready.
            0xE000_0000..0xE000_0080 => 1,
            0xE000_1000 => DWT_FEATURES | self.scs.watch_control,
            0xE000_1004 => self.scs.cycle_count(self.cycles),
            // ICTR: interrupt lines in groups of 32.
            0xE000_E004 => 2,
            0xE000_E010..0xE000_E020 => {
                self.count_systick();
                self.systick.read(address - 0xE000_E010, self.cycles)
            }
            0xE000_E100..0xE000_E4F0 => self.nvic.read(address - 0xE000_E100),
            0xE000_ED00 => CPUID,
            0xE000_ED04 => self.interrupt_state(),
            0xE000_ED08 => self.scs.vector_table,
            0xE000_ED0C => KEY_READ | self.nvic.group << 8,
            0xE000_ED10 => self.scs.control,
            0xE000_ED14 => self.scs.configuration,
            0xE000_ED18..0xE000_ED24 => {
                let first = (address - 0xE000_ED18) as usize + 4;
                let byte = |n: usize| {
                    self.nvic
                        .priority
                        .get(first + n)
                        .copied()
                        .unwrap_or_default()
                };
                u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
            }
            0xE000_ED24 => self.handler_state(),
            0xE000_ED28 => self.scs.fault_status,
            0xE000_ED2C => self.scs.hard_fault_status,
            0xE000_ED34 => self.scs.memory_fault_address,
            0xE000_ED38 => self.scs.bus_fault_address,
            0xE000_ED88 => self.scs.access,
            0xE000_ED90..0xE000_EDBC => self.mpu.read(address - 0xE000_ED90),
            0xE000_EDFC => self.scs.debug_control,
            0xE000_EF34 => self.fp.fpccr,
            0xE000_EF38 => self.fp.fpcar,
            0xE000_EF3C => self.fp.fpdscr,
            // MVFR0 and MVFR1 (DDI0439, 7.2.3).
            0xE000_EF40 => 0x1011_0021,
            0xE000_EF44 => 0x1100_0011,
            // The rest of ITM, DWT and the breakpoint unit; ACTLR; DFSR and AFSR; the feature
            // registers; DHCSR to DCRDR without a debugger.
            0xE000_0080..0xE000_1000
            | 0xE000_1008..0xE000_3000
            | 0xE000_E008
            | 0xE000_ED30
            | 0xE000_ED3C..0xE000_ED88
            | 0xE000_EDF0..0xE000_EDFC => 0,
            _ => return None,
        })
    }

    /// Writes a system register; `false`: none there.
    pub(crate) fn write_system(&mut self, address: u32, size: u32, value: u32) -> bool {
        let word = address & !3;
        let shift = 8 * (address & 3);
        match word {
            0xE000_0000..0xE000_0080 => self.trace(word, size, value),
            0xE000_E400..0xE000_E4F0 | 0xE000_ED18..0xE000_ED24 => {
                let first = if word < 0xE000_ED00 {
                    address - 0xE000_E400 + 16
                } else {
                    address - 0xE000_ED18 + 4
                };
                for (index, byte) in (0..size).zip(value.to_le_bytes()) {
                    self.nvic.set_priority((first + index) as usize, byte);
                }
            }
            0xE000_ED28 => self.scs.fault_status &= !(value << shift),
            _ => {
                if !self.write_system_word(word, value << shift) {
                    return false;
                }
            }
        }
        self.look_for_exceptions();
        true
    }

    fn write_system_word(&mut self, address: u32, value: u32) -> bool {
        let cycles = self.cycles;
        if self.write_debug(address, value) {
            return true;
        }
        match address {
            0xE000_0000..0xE000_1000 | 0xE000_1008..0xE000_3000 => {}
            0xE000_1000 => self
                .scs
                .set_counting(cycles, |scs| scs.watch_control = value & 0x0FFF_FFFF),
            0xE000_1004 => self.scs.set_cycle_count(cycles, value),
            0xE000_E010..0xE000_E020 => {
                self.count_systick();
                self.systick.write(address - 0xE000_E010, value, cycles);
                self.limit = 0;
            }
            0xE000_E100..0xE000_E400 => self.nvic.write(address - 0xE000_E100, value),
            0xE000_ED04 => self.set_interrupt_state(value),
            0xE000_ED08 => self.scs.vector_table = value & !0x7F,
            0xE000_ED0C if value >> 16 == KEY_WRITE => {
                self.nvic.group = value >> 8 & 7;
                if value & 4 != 0 {
                    self.reset_requested = true;
                    self.limit = 0;
                }
            }
            0xE000_ED10 => self.scs.control = value & 0x16,
            0xE000_ED14 => {
                self.scs.configuration = value & CCR_BITS;
                self.refresh_protection();
            }
            0xE000_ED24 => self.set_handler_state(value),
            0xE000_ED2C => self.scs.hard_fault_status &= !value,
            0xE000_ED34 => self.scs.memory_fault_address = value,
            0xE000_ED38 => self.scs.bus_fault_address = value,
            0xE000_ED88 => {
                self.scs.access = value & 0x00F0_0000;
                let (ten, eleven) = (value >> 20 & 3, value >> 22 & 3);
                self.fp.access = if ten == eleven { ten as u8 } else { 0 };
            }
            0xE000_ED90..0xE000_EDBC => {
                self.mpu.write(address - 0xE000_ED90, value);
                self.refresh_protection();
            }
            0xE000_EDFC => self
                .scs
                .set_counting(cycles, |scs| scs.debug_control = value & 0x010F_07F1),
            STIR => {
                let number = 16 + (value & 0x1FF);
                if (number as usize) < nvic::EXCEPTIONS {
                    self.nvic.pending |= nvic::bit(number);
                }
            }
            0xE000_EF34 => self.fp.fpccr = value & 0xC000_017B,
            0xE000_EF38 => self.fp.fpcar = value & !7,
            0xE000_EF3C => self.fp.fpdscr = value & 0x07C0_0000,
            0xE000_ED0C | 0xE000_E008 | 0xE000_ED30 | 0xE000_ED3C | 0xE000_EDF0..0xE000_EDFC => {}
            _ => return false,
        }
        true
    }

    /// `ICSR`.
    fn interrupt_state(&mut self) -> u32 {
        self.count_systick();
        let pending = |number| u32::from(self.nvic.pending & nvic::bit(number) != 0);
        let next = self.nvic.most_urgent().map_or(0, |(number, _)| number);
        let base = self.nvic.active & !nvic::bit(self.ipsr) == 0;
        pending(NMI) << 31
            | pending(PEND_SV) << 28
            | pending(SYS_TICK) << 26
            | u32::from(self.nvic.pending >> 16 != 0) << 22
            | next << 12
            | u32::from(base) << 11
            | self.ipsr
    }

    fn set_interrupt_state(&mut self, value: u32) {
        if value & 1 << 31 != 0 {
            self.nvic.pending |= nvic::bit(NMI);
        }
        for (set, clear, number) in [(28, 27, PEND_SV), (26, 25, SYS_TICK)] {
            if value & 1 << set != 0 {
                self.nvic.pending |= nvic::bit(number);
            } else if value & 1 << clear != 0 {
                self.nvic.pending &= !nvic::bit(number);
            }
        }
    }

    /// `SHCSR`.
    fn handler_state(&self) -> u32 {
        let mut value = self.scs.handlers;
        for (place, number, active) in STATE_BITS.into_iter().chain([SUPERVISOR_PENDING]) {
            let state = if active {
                self.nvic.active
            } else {
                self.nvic.pending
            };
            value |= u32::from(state & nvic::bit(number) != 0) << place;
        }
        value
    }

    fn set_handler_state(&mut self, value: u32) {
        self.scs.handlers = value & 0x0007_0000;
        for (place, number, active) in STATE_BITS.into_iter().chain([SUPERVISOR_PENDING]) {
            let state = if active {
                &mut self.nvic.active
            } else {
                &mut self.nvic.pending
            };
            if value & 1 << place != 0 {
                *state |= nvic::bit(number);
            } else {
                *state &= !nvic::bit(number);
            }
        }
    }

    /// Brings the system timer up to the current cycle.
    pub(crate) fn count_systick(&mut self) {
        if self.systick.advance(self.cycles) {
            self.nvic.pending |= nvic::bit(SYS_TICK);
            self.limit = 0;
        }
    }
}
