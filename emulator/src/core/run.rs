//! The run loop, and what is looked at between its turns.

use std::sync::Arc;

use super::{
    Core, Op, Sleep, Trap, nvic,
    op::{PAGE_BYTES, PAGE_OPS},
};

use crate::overlay::Flash;

/// Why the core stopped for good.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Halted {
    /// A fault that cannot be handled: where and why.
    Lockup(String),
    /// Semihosting asked for the end.
    Exited(i32),
    /// The supply is away.
    Unpowered,
}

/// No page has this base: page bases are even.
pub(super) const NO_PAGE: u32 = 1;

impl Core {
    /// Executes until `cycles` reaches `limit` or something needs attention. Loops that only wait
    /// are skipped.
    pub(crate) fn run(&mut self, limit: u64) {
        loop {
            let turn = self.polling.turn(self.cycles, limit);
            self.run_turn(turn);
            // Attention sets the limit to 0.
            if self.limit == 0 || self.cycles >= limit {
                return;
            }
            self.skip_polling(limit);
            if self.limit == 0 || self.cycles >= limit {
                return;
            }
        }
    }

    fn run_turn(&mut self, limit: u64) {
        self.limit = limit;
        let flash = Arc::clone(&self.bus.flash);
        let guarded = self.guarded();
        let mut page = None;
        let mut base = NO_PAGE;
        while self.cycles < self.limit {
            let pc = self.next;
            if pc & !(PAGE_BYTES - 1) != base {
                let offset = self.bus.map.flash_offset(pc, 2);
                page = offset.and_then(|offset| flash.code(offset));
                base = pc & !(PAGE_BYTES - 1);
            }
            let Some(ops) = page.filter(|_| !guarded) else {
                base = NO_PAGE;
                self.fetch_slowly(&flash, pc);
                continue;
            };
            let op = &ops[(pc >> 1) as usize & (PAGE_OPS - 1)];
            self.execute(op, pc);
        }
    }

    #[inline(always)]
    pub(crate) fn execute(&mut self, op: &Op, pc: u32) {
        self.r[15] = pc.wrapping_add(4);
        self.next = pc.wrapping_add(op.size.into());
        self.cycles += 1;
        self.instructions += 1;
        if self.it != 0 {
            self.execute_in_it(op, pc);
        } else if let Err(trap) = (op.run)(self, op) {
            self.trap(trap, pc);
        }
    }

    #[inline(never)]
    fn execute_in_it(&mut self, op: &Op, pc: u32) {
        if self.condition(self.it >> 4)
            && let Err(trap) = (op.run)(self, op)
        {
            self.trap(trap, pc);
            return;
        }
        self.advance_it();
    }

    /// Goes on in the IT block.
    pub(crate) fn advance_it(&mut self) {
        self.it = if self.it.trailing_zeros() >= 3 {
            0
        } else {
            self.it & 0xE0 | self.it << 1 & 0x1F
        };
    }

    /// Executes one instruction that is not in unprotected flash memory.
    pub(crate) fn fetch_slowly(&mut self, flash: &Flash, pc: u32) {
        if self.debug.looking && self.breaks(pc) {
            return;
        }
        self.r[15] = pc.wrapping_add(4);
        if !self.permits_fetch(pc) || pc >> 29 == 2 || pc >> 29 >= 5 {
            // Peripherals and devices are never executable (ARMv7-M ARM, B3.1).
            self.trap(Trap::ProtectedFetch, pc);
            return;
        }
        let map = self.bus.map;
        let op = if let Some(offset) = map.ram_offset(pc, 2) {
            self.bus.ram_code.op(&self.bus.ram, offset)
        } else {
            map.flash_offset(pc, 2)
                .and_then(|offset| flash.code(offset))
                .map(|page| page[(pc >> 1) as usize & (PAGE_OPS - 1)])
        };
        match op {
            Some(op) => self.execute(&op, pc),
            None => self.trap(Trap::BusFetch, pc),
        }
    }

    /// Follows up all that may have happened since the last turn: resets, deadlines, request
    /// lines, the system timer; wakes; takes an exception.
    pub(crate) fn service(&mut self) {
        self.bus.apply_flash_changes();
        if self.reset_requested || self.bus.reset_requested {
            self.reset_all();
        }
        self.bus.advance_due(self.now());
        self.time.set_rate(self.cycles, self.bus.clocks.hclk);
        self.bus.attention = false;
        if let Some(text) = self.bus.fatal.take()
            && self.halted.is_none()
        {
            self.halted = Some(Halted::Lockup(format!(
                "{text}, and the bench forbids that"
            )));
        }
        let before = self.nvic.pending;
        if std::mem::take(&mut self.bus.irq.changed) {
            self.nvic.set_lines(self.bus.irq.levels);
        }
        self.count_systick();
        if self.scs.pending_is_event() && self.nvic.pending & !before != 0 {
            self.event = true;
        }
        if self.halted.is_some() || self.debug.stop.is_some() {
            return;
        }
        if self.sleep != Sleep::Awake {
            let event = self.sleep == Sleep::Event && self.event;
            if event || self.wakes() {
                self.event &= !event;
                self.sleep = Sleep::Awake;
            }
        }
        if self.sleep == Sleep::Awake {
            self.take_pending();
            if std::mem::take(&mut self.scs.arm_state) && self.halted.is_none() {
                self.r[15] = self.next.wrapping_add(4);
                self.fault(Trap::InvalidState, self.next);
            }
        }
    }

    /// Resets the whole chip.
    pub(crate) fn reset_all(&mut self) {
        self.bus.reset(self.now());
        self.time.set_rate(self.cycles, self.bus.clocks.hclk);
        self.reset();
        self.nvic.set_lines(self.bus.irq.levels);
    }

    /// The supply of the whole chip. RAM is undefined after power-on; here it is as at the first.
    pub(crate) fn set_powered(&mut self, on: bool) {
        if !on {
            let size = self.bus.ram.len();
            self.bus.ram.fill(0);
            self.bus.ram_code.forget(0, size);
        }
        self.reset_all();
        if !on {
            self.halted = Some(Halted::Unpowered);
        }
    }

    /// Whether the core, asleep or stopped, would go on at once.
    pub(crate) fn is_busy(&self) -> bool {
        if self.halted.is_some() {
            return self.bus.reset_requested;
        }
        if self.debug.stop.is_some() {
            return false;
        }
        self.sleep == Sleep::Awake
            || self.bus.attention
            || self.bus.irq.changed
            || (self.sleep == Sleep::Event && self.event)
            || self.wakes()
    }

    /// Cycle count of the next interrupt of the system timer, while it could be taken up.
    pub(crate) fn timer_deadline(&self) -> Option<u64> {
        // A tick that pends already changes nothing.
        self.systick
            .deadline()
            .filter(|_| self.nvic.pending & nvic::bit(nvic::SYS_TICK) == 0)
    }
}
