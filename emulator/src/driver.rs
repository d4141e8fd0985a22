//! Runs a core through virtual time.

use twinbench_model::VirtualTime;

use crate::{
    core::{CpuCore, Halted},
    machine::{NextWake, Stop},
};

/// A core, and the stop that the caller knows of.
pub(crate) struct Driver<C> {
    pub(crate) core: C,
    pub(crate) reported: Option<Stop>,
}

impl<C: CpuCore> Driver<C> {
    /// A core just reset.
    pub(crate) fn new(mut core: C) -> Self {
        core.reset();
        Self {
            core,
            reported: None,
        }
    }

    /// The virtual time that the core has reached.
    pub(crate) fn now(&self) -> VirtualTime {
        self.core.time().time(self.core.cycles())
    }

    /// Why the core stands still for good.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.core.halted()? {
            Halted::Lockup(text) => Some(Stop::Lockup(text.clone())),
            Halted::Exited(code) => Some(Stop::Exited(*code)),
            // Nothing stopped it, and nothing goes on.
            Halted::Unpowered => None,
        }
    }

    /// Runs up to `t`; a core that stops for good returns at once the first time.
    pub(crate) fn run_until(&mut self, t: VirtualTime) -> Stop {
        loop {
            self.core.service();
            if self.core.halted().is_some() || self.reported.is_some() {
                let stop = self.stopped();
                if stop != self.reported {
                    self.reported.clone_from(&stop);
                    if let Some(stop) = stop {
                        return stop;
                    }
                }
            }
            if let Some(stop) = self.core.debugger().stop {
                return Stop::Debug(stop);
            }
            if self.now() >= t {
                return self.reported.clone().unwrap_or(Stop::Reached);
            }
            let core = &mut self.core;
            let horizon = core
                .bus()
                .next_deadline
                .map_or(t, |deadline| deadline.min(t));
            let mut limit = core.time().cycles(horizon);
            if let Some(deadline) = core.own_deadline() {
                limit = limit.min(deadline);
            }
            // A peripheral whose deadline stands still must not hold up time.
            let limit = limit.max(core.cycles() + 1);
            if core.executes() {
                core.run(limit);
            } else {
                core.pass(limit);
            }
        }
    }

    /// When the core wants to run next.
    pub(crate) fn next_wake(&self) -> NextWake {
        let core = &self.core;
        if core.is_busy() {
            return NextWake::Busy;
        }
        let timer = core.own_deadline().map(|cycles| core.time().time(cycles));
        match core.bus().next_deadline.into_iter().chain(timer).min() {
            Some(time) => NextWake::At(time.max(self.now())),
            None => NextWake::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::Bus,
        core::{Core, Debugger, Timebase},
        machine::Registers,
        peripheral::Width,
        snapshot::{Loader, Saver, SnapshotError},
    };

    /// Another core behind the same trait: the interpreter, one instruction at a time.
    struct Stepping(Core);

    impl CpuCore for Stepping {
        fn bus(&self) -> &Bus {
            self.0.bus()
        }
        fn bus_mut(&mut self) -> &mut Bus {
            self.0.bus_mut()
        }
        fn cycles(&self) -> u64 {
            self.0.cycles
        }
        fn time(&self) -> &Timebase {
            self.0.time()
        }
        fn own_deadline(&self) -> Option<u64> {
            self.0.own_deadline()
        }
        fn service(&mut self) {
            self.0.service();
        }
        fn run(&mut self, _limit: u64) {
            self.0.run(self.0.cycles + 1);
        }
        fn executes(&self) -> bool {
            self.0.executes()
        }
        fn pass(&mut self, limit: u64) {
            self.0.pass(limit);
        }
        fn is_busy(&self) -> bool {
            self.0.is_busy()
        }
        fn halted(&self) -> Option<&Halted> {
            self.0.halted()
        }
        fn reset(&mut self) {
            self.0.reset_all();
        }
        fn registers(&self) -> Registers {
            self.0.registers()
        }
        fn set_registers(&mut self, registers: &Registers) {
            self.0.set_registers(registers);
        }
        fn access(&mut self, address: u32, width: Width, value: Option<u32>) -> Option<u32> {
            self.0.access(address, width, value)
        }
        fn debugger(&self) -> &Debugger {
            self.0.debugger()
        }
        fn save(&self, out: &mut Saver) {
            self.0.save(out);
        }
        fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
            self.0.restore(from)
        }
    }

    /// The devkit's firmware does the same on any core behind the trait.
    #[test]
    fn a_core_that_executes_otherwise_leaves_the_same_state() {
        fn run<C: CpuCore>(make: fn(Bus) -> C) -> (Vec<u8>, Registers, u64) {
            let path = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../fixtures/firmware/devkit.elf"
            );
            let map = crate::MemoryMap::STM32F412XG;
            let image = crate::Image::from_elf(&std::fs::read(path).unwrap(), &map).unwrap();
            let config = crate::stm32::f412::Config::bare(26_000_000, map.flash_size);
            let peripherals = crate::stm32::f412::peripherals(config);
            let mut driver = Driver::new(make(Bus::new(map, image.into(), peripherals)));
            for millis in 1..=40 {
                let stop = driver.run_until(VirtualTime::from_millis(millis));
                assert_eq!(stop, Stop::Reached);
            }
            let mut state = Saver::default();
            driver.core.save(&mut state);
            let registers = driver.core.registers();
            (state.finish().unwrap(), registers, driver.core.cycles())
        }
        assert!(run(Core::new) == run(|bus| Stepping(Core::new(bus))));
    }
}
