//! Breakpoints, watchpoints, halt and resume.

use crate::{
    core::{Access, DebugStop},
    machine::{Chip, Stop},
};

impl Chip {
    /// Attaches or detaches a debugger: attached, `BKPT`, breakpoints and watchpoints stop the core
    /// ([`Stop::Debug`]) instead of raising exceptions. Detaching takes all points away and lets
    /// the core go on.
    pub fn attach(&mut self, attached: bool) {
        let core = self.core_mut();
        core.debug.attached = attached;
        if !attached {
            core.debug.clear_points();
            core.debug.stop = None;
        }
        core.refresh_protection();
    }

    /// Stops the core before its next instruction.
    pub fn halt(&mut self) {
        self.attach(true);
        let core = self.core_mut();
        if core.debug.stop.is_none() {
            core.debug_event(DebugStop::Request, 1);
        }
    }

    /// Lets the core go on; the breakpoint that it stands at is passed.
    pub fn resume(&mut self) {
        let core = self.core_mut();
        core.debug.pass(core.next);
    }

    /// Why the core stands still for a debugger.
    pub fn debug_stop(&self) -> Option<DebugStop> {
        self.core().debug.stop
    }

    /// Sets or takes away a breakpoint on the instruction at an address.
    pub fn set_breakpoint(&mut self, address: u32, set: bool) {
        let core = self.core_mut();
        core.debug.set_breakpoint(address, set);
        core.refresh_protection();
    }

    /// Sets or takes away a watchpoint on `length` bytes from an address. The core stops after the
    /// instruction that accesses one of them.
    pub fn set_watchpoint(&mut self, address: u32, length: u32, access: Access, set: bool) {
        let core = self.core_mut();
        core.debug.set_watchpoint((address, length, access), set);
        core.refresh_protection();
    }

    /// Executes one instruction of a core that stands still, and lets it stand still again.
    pub fn step_halted(&mut self) -> Stop {
        let stop = self.step();
        if stop == Stop::Reached && self.debug_stop().is_none() {
            self.core_mut().debug_event(DebugStop::Request, 1);
        }
        self.debug_stop().map_or(stop, Stop::Debug)
    }
}
