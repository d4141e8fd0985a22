//! Registers, memory and single steps from outside.

use crate::{
    core::CpuCore,
    machine::{Chip, Registers, Stop},
    peripheral::Width,
};

impl Chip {
    /// Sets the core's registers: what [`Chip::registers`] gives, put back.
    ///
    /// The stack pointers are taken from `msp` and `psp`, not from `r[13]`; the IT state and the
    /// exception number from `xpsr`.
    pub fn set_registers(&mut self, registers: &Registers) {
        CpuCore::set_registers(self.core_mut(), registers);
    }

    /// Executes one instruction, or enters the exception that waits and executes its first one.
    /// A sleeping core does nothing.
    pub fn step(&mut self) -> Stop {
        let core = self.core_mut();
        core.service();
        if core.halted.is_none() && core.sleep == crate::core::Sleep::Awake {
            core.debug.pass(core.next);
            core.run(core.cycles + 1);
            core.service();
        }
        self.stopped().unwrap_or(Stop::Reached)
    }

    /// Reads a word as the core would, side effects of peripherals included; `None`: nothing
    /// answers there.
    pub fn peek(&mut self, address: u32) -> Option<u32> {
        self.access(address, Width::Word, None)
    }

    /// Writes a word as the core would; `false`: nothing answers there.
    pub fn poke(&mut self, address: u32, value: u32) -> bool {
        self.access(address, Width::Word, Some(value)).is_some()
    }

    /// Reads, or writes `value`, as privileged code would.
    pub fn access(&mut self, address: u32, width: Width, value: Option<u32>) -> Option<u32> {
        CpuCore::access(self.core_mut(), address, width, value)
    }
}
