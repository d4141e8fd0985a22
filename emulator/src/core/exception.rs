//! Exception entry and return (ARMv7-M ARM, B1.5).

use super::{
    Core, Sleep, Trap,
    float::{ASPEN, LSPACT, LSPEN},
    nvic::{self, HARD_FAULT, NMI},
};

/// Words of a basic frame, and with floating-point registers, in bytes.
const FRAME: u32 = 0x20;
const FLOAT_FRAME: u32 = 0x68;

impl Core {
    /// Current execution priority (ARMv7-M ARM, B1.5.4): lower is more urgent.
    pub(crate) fn execution_priority(&self) -> i16 {
        let active = self.nvic.active_priority();
        let mut boosted = nvic::THREAD_PRIORITY;
        if self.basepri != 0 {
            boosted = self.nvic.preemption(self.basepri);
        }
        if self.primask {
            boosted = boosted.min(0);
        }
        if self.faultmask {
            boosted = boosted.min(-1);
        }
        active.min(boosted)
    }

    /// Leaves the run loop when an exception might now be taken.
    pub(crate) fn look_for_exceptions(&mut self) {
        if self.nvic.any_pending() {
            self.limit = 0;
        }
    }

    /// Whether what pends ends `WFI`: it would preempt if PRIMASK were clear.
    pub(crate) fn wakes(&self) -> bool {
        let Some((_, priority)) = self.nvic.most_urgent() else {
            return false;
        };
        let mut current = self.nvic.active_priority();
        if self.basepri != 0 {
            current = current.min(self.nvic.preemption(self.basepri));
        }
        if self.faultmask {
            current = current.min(-1);
        }
        priority < current
    }

    /// Takes the most urgent pending exception if its priority lets it.
    pub(crate) fn take_pending(&mut self) {
        while let Some((number, priority)) = self.nvic.most_urgent() {
            if priority >= self.execution_priority() {
                return;
            }
            self.enter(number, self.next);
            if self.halted.is_some() {
                return;
            }
        }
    }

    /// Enters an exception that returns to `return_address`.
    pub(crate) fn enter(&mut self, number: u32, return_address: u32) {
        let with_float = self.control & 4 != 0;
        let mut exc_return: u32 = if self.ipsr != 0 {
            0xFFFF_FFF1
        } else if self.control & 2 != 0 {
            0xFFFF_FFFD
        } else {
            0xFFFF_FFF9
        };
        if with_float {
            exc_return &= !0x10;
        }
        let stacked = self.push_frame(return_address, with_float);
        if let Err(trap) = stacked {
            // The exception that was to be entered stays pending; the fault goes first.
            self.nvic.pending |= nvic::bit(number);
            let Some(number) = self.stacking_fault(trap) else {
                return;
            };
            self.take(number, exc_return);
        } else {
            self.take(number, exc_return);
        }
        self.cycles += 12;
    }

    /// Saves the caller's registers on the current stack.
    fn push_frame(&mut self, return_address: u32, with_float: bool) -> Result<(), Trap> {
        let size = if with_float { FLOAT_FRAME } else { FRAME };
        let align = with_float || self.scs.aligns_stack();
        let sp = self.r[13];
        let padded = align && sp & 4 != 0;
        let mut frame = sp.wrapping_sub(size);
        if align {
            frame &= !4;
        }
        let xpsr = self.xpsr() | u32::from(padded) << 9;
        self.r[13] = frame;
        let words = [
            self.r[0],
            self.r[1],
            self.r[2],
            self.r[3],
            self.r[12],
            self.r[14],
            return_address,
            xpsr,
        ];
        for (index, word) in (0..).zip(words) {
            self.store32(frame.wrapping_add(4 * index), word)?;
        }
        if with_float {
            if self.fp.fpccr & LSPEN != 0 {
                self.defer_float(frame.wrapping_add(FRAME));
                return Ok(());
            }
            self.cycles += 17;
            for index in 0..16 {
                let word = self.fp.s[index as usize];
                self.store32(frame.wrapping_add(FRAME + 4 * index), word)?;
            }
            self.store32(frame.wrapping_add(0x60), self.fp.fpscr)?;
        }
        Ok(())
    }

    /// Leaves room for the unit's registers, which are saved when it is used next (ARMv7-M ARM,
    /// B1.5.7), and notes in FPCCR what the interrupted code could have handled.
    fn defer_float(&mut self, place: u32) {
        let current = self.execution_priority();
        let ready = |core: &Self, number: u32| {
            core.scs.handles(number) && core.nvic.group_priority(number) < current
        };
        let bits = [
            (0, true),
            (1, !self.privileged()),
            (3, self.ipsr == 0),
            (4, current > -1),
            (5, ready(self, nvic::MEMORY_FAULT)),
            (6, ready(self, nvic::BUS_FAULT)),
            (
                8,
                self.scs.debug_control() & 1 << 16 != 0 && ready(self, nvic::DEBUG_MONITOR),
            ),
        ];
        self.fp.fpcar = place & !7;
        self.fp.fpccr &= ASPEN | LSPEN;
        for (bit, set) in bits {
            self.fp.fpccr |= u32::from(set) << bit;
        }
    }

    /// Saves the unit's registers where the last exception entry left room for them.
    pub(crate) fn preserve_float(&mut self) -> Result<(), Trap> {
        self.fp.fpccr &= !LSPACT;
        self.cycles += 17;
        let lazily = |trap| match trap {
            Trap::ProtectedData(_) => Trap::LazyProtected,
            _ => Trap::LazyBus,
        };
        let place = self.fp.fpcar;
        for index in 0..16 {
            let word = self.fp.s[index as usize];
            self.store32(place.wrapping_add(4 * index), word)
                .map_err(lazily)?;
        }
        self.store32(place.wrapping_add(0x40), self.fp.fpscr)
            .map_err(lazily)
    }

    /// Goes to a handler whose caller is saved.
    fn take(&mut self, number: u32, exc_return: u32) {
        let psp_in_use = self.uses_psp();
        self.r[14] = exc_return;
        if psp_in_use {
            std::mem::swap(&mut self.r[13], &mut self.other_sp);
        }
        self.control &= !6;
        self.ipsr = number;
        self.it = 0;
        self.exclusive = false;
        self.event = true;
        self.sleep = Sleep::Awake;
        self.nvic.activate(number);
        self.limit = 0;
        let vector = self.scs.vector_table.wrapping_add(4 * number);
        if let Ok(handler) = self.load32(vector) {
            self.next = handler & !1;
            self.scs.arm_state = handler & 1 == 0;
        } else if number == HARD_FAULT {
            self.lock_up(&format!(
                "the hard fault vector at {vector:#010x} cannot be read"
            ));
        } else {
            self.scs.hard_fault_status |= 2;
            self.nvic.deactivate(number);
            self.take(HARD_FAULT, exc_return);
        }
    }

    /// Returns from an exception.
    pub(crate) fn exception_return(&mut self, exc_return: u32, pc: u32) {
        let number = self.ipsr;
        let was_active = self.nvic.active & nvic::bit(number) != 0;
        let to_thread = exc_return & 8 != 0;
        let to_psp = exc_return & 4 != 0;
        let well_formed = exc_return | 0x10 == 0xFFFF_FFF1
            || exc_return | 0x10 == 0xFFFF_FFF9
            || exc_return | 0x10 == 0xFFFF_FFFD;
        let others = (self.nvic.active & !nvic::bit(number)) != 0;
        let nested_well = if to_thread {
            !others || self.scs.returns_nested()
        } else {
            others
        };
        self.nvic.deactivate(number);
        if number != NMI {
            self.faultmask = false;
        }
        if !was_active || !well_formed || !nested_well {
            self.r[14] = 0xF000_0000 | exc_return;
            self.fault(Trap::InvalidReturn, pc);
            return;
        }
        self.cycles += 10;
        // Tail-chaining: the next handler takes over the frame as it is.
        if let Some((next, priority)) = self.nvic.most_urgent()
            && priority < self.execution_priority()
        {
            self.take(next, exc_return);
            return;
        }
        let with_float = exc_return & 0x10 == 0;
        let frame = if to_thread && to_psp {
            self.other_sp
        } else {
            self.r[13]
        };
        let words = match self.pop_frame(frame, with_float) {
            Ok(words) => words,
            Err(trap) => {
                if let Some(number) = self.unstacking_fault(trap) {
                    self.take(number, exc_return);
                }
                return;
            }
        };
        let [r0, r1, r2, r3, r12, lr, pc_value, xpsr] = words;
        let target = xpsr & 0x1FF;
        if to_thread == (target != 0) {
            self.r[14] = 0xF000_0000 | exc_return;
            self.fault(Trap::InvalidReturn, pc);
            return;
        }
        let size = if with_float { FLOAT_FRAME } else { FRAME };
        let mut sp = frame.wrapping_add(size);
        let align = with_float || self.scs.aligns_stack();
        if align && xpsr & 1 << 9 != 0 {
            sp |= 4;
        }
        let (mut msp, mut psp) = (self.msp(), self.psp());
        if to_thread && to_psp {
            psp = sp;
        } else {
            msp = sp;
        }
        self.ipsr = target;
        self.control =
            self.control & 1 | u8::from(to_thread && to_psp) << 1 | u8::from(with_float) << 2;
        self.set_stacks(msp, psp);
        [
            self.r[0], self.r[1], self.r[2], self.r[3], self.r[12], self.r[14],
        ] = [r0, r1, r2, r3, r12, lr];
        self.next = pc_value & !1;
        self.set_nzcv(xpsr);
        self.q = xpsr & 1 << 27 != 0;
        self.ge = (xpsr >> 16 & 15) as u8;
        self.it = ((xpsr >> 25 & 3) | (xpsr >> 10 & 0x3F) << 2) as u8;
        self.scs.arm_state = xpsr & 1 << 24 == 0;
        self.exclusive = false;
        self.event = true;
        self.limit = 0;
        if self.ipsr == 0 && self.scs.sleeps_on_exit() {
            self.sleep = Sleep::Interrupt;
        }
    }

    fn pop_frame(&mut self, frame: u32, with_float: bool) -> Result<[u32; 8], Trap> {
        let mut words = [0; 8];
        for (index, word) in (0..).zip(&mut words) {
            *word = self.load32(frame.wrapping_add(4 * index))?;
        }
        if with_float && self.fp.fpccr & LSPACT != 0 {
            // Nobody used the unit in between: its registers still hold what they held.
            self.fp.fpccr &= !LSPACT;
        } else if with_float {
            for index in 0..16 {
                self.fp.s[index as usize] = self.load32(frame.wrapping_add(FRAME + 4 * index))?;
            }
            self.fp.fpscr = self.load32(frame.wrapping_add(0x60))?;
        }
        Ok(words)
    }

    /// The state after a reset of the core; memories and peripherals are the bus's.
    pub(crate) fn reset(&mut self) {
        self.halted = None;
        self.reset_requested = false;
        (self.primask, self.faultmask, self.basepri, self.control) = (false, false, 0, 0);
        (self.n, self.z, self.c, self.v, self.q, self.ge, self.it) =
            (0, 1, false, false, false, 0, 0);
        (self.ipsr, self.sleep, self.event, self.exclusive) = (0, Sleep::Awake, false, false);
        self.fp = super::float::Registers {
            fpccr: ASPEN | LSPEN,
            ..Default::default()
        };
        // What a debugger set stays (C1.2.4).
        let masked = self.nvic.masked;
        self.nvic = nvic::Nvic::default();
        self.nvic.masked = masked;
        self.systick = super::systick::SysTick::default();
        self.mpu = super::mpu::Mpu::default();
        self.debug.reset();
        self.scs = super::scs::Registers::default();
        self.scs.vector_table = self.bus.flash.image().vectors();
        self.r = [0; 16];
        self.r[14] = u32::MAX;
        let table = self.scs.vector_table;
        let stack = self.bus.memory(table, 4).unwrap_or_default();
        let start = self
            .bus
            .memory(table.wrapping_add(4), 4)
            .unwrap_or_default();
        (self.r[13], self.other_sp) = (stack & !3, 0);
        self.next = start & !1;
        self.scs.arm_state = start & 1 == 0;
        self.refresh_protection();
    }
}
