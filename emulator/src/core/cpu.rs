//! What a chip needs of its processor core, and nothing of how it executes.

use super::{Core, Debugger, Halted, Sleep, Timebase};
use crate::{
    bus::Bus,
    machine::Registers,
    peripheral::Width,
    snapshot::{Loader, Saver, SnapshotError},
};

/// A processor core: it owns the bus, executes up to a deadline, takes over the interrupt lines, and
/// shows its state to snapshots and debuggers.
///
/// The interpreter ([`Core`]) is one; a translator to host code would be another, and no peripheral
/// would know. Calls are resolved at compile time: the [`Driver`](crate::driver::Driver) is generic
/// over it.
pub(crate) trait CpuCore {
    /// Memories and peripherals.
    fn bus(&self) -> &Bus;
    /// Memories and peripherals, to act on.
    fn bus_mut(&mut self) -> &mut Bus;

    /// Cycles since power-on, those asleep included.
    fn cycles(&self) -> u64;
    /// Cycles to time and back.
    fn time(&self) -> &Timebase;
    /// The cycle at which the core itself wants to be served: its system timer.
    fn own_deadline(&self) -> Option<u64>;

    /// Follows up what may have happened: resets, peripherals' deadlines, interrupt lines, its own
    /// timer; wakes up, takes an exception.
    fn service(&mut self);
    /// Executes until `limit` cycles are reached or something needs [`CpuCore::service`].
    fn run(&mut self, limit: u64);
    /// Whether there is something to execute: it neither sleeps nor has stopped.
    fn executes(&self) -> bool;
    /// Lets cycles pass without executing.
    fn pass(&mut self, limit: u64);
    /// Whether it would go on at once, asleep or stopped as it may be.
    fn is_busy(&self) -> bool;
    /// Why it has stopped for good.
    fn halted(&self) -> Option<&Halted>;
    /// The reset line.
    fn reset(&mut self);

    /// Registers, as a debugger sees them.
    fn registers(&self) -> Registers;
    /// Sets them.
    fn set_registers(&mut self, registers: &Registers);
    /// Reads, or writes `value`, with all privileges.
    fn access(&mut self, address: u32, width: Width, value: Option<u32>) -> Option<u32>;
    /// The debug unit.
    fn debugger(&self) -> &Debugger;

    /// Hands out all state but RAM and flash memory.
    fn save(&self, out: &mut Saver);
    /// Takes it back.
    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError>;
}

impl CpuCore for Core {
    fn bus(&self) -> &Bus {
        &self.bus
    }

    fn bus_mut(&mut self) -> &mut Bus {
        &mut self.bus
    }

    fn cycles(&self) -> u64 {
        self.cycles
    }

    fn time(&self) -> &Timebase {
        &self.time
    }

    fn own_deadline(&self) -> Option<u64> {
        self.timer_deadline()
    }

    fn service(&mut self) {
        Self::service(self);
    }

    fn run(&mut self, limit: u64) {
        Self::run(self, limit);
    }

    fn executes(&self) -> bool {
        self.halted.is_none() && self.sleep == Sleep::Awake
    }

    fn pass(&mut self, limit: u64) {
        self.cycles = limit;
    }

    fn is_busy(&self) -> bool {
        Self::is_busy(self)
    }

    fn halted(&self) -> Option<&Halted> {
        self.halted.as_ref()
    }

    fn reset(&mut self) {
        self.reset_all();
    }

    fn registers(&self) -> Registers {
        self.all_registers()
    }

    fn set_registers(&mut self, registers: &Registers) {
        Self::set_registers(self, registers);
    }

    fn access(&mut self, address: u32, width: Width, value: Option<u32>) -> Option<u32> {
        Self::access(self, address, width, value)
    }

    fn debugger(&self) -> &Debugger {
        &self.debug
    }

    fn save(&self, out: &mut Saver) {
        Self::save(self, out);
    }

    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        Self::restore(self, from)
    }
}
