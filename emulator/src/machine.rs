//! The chip: core, memories, peripherals, clocks and pins, run on virtual time.

use std::{any::Any, sync::Arc};

use twinbench_model::VirtualTime;

use crate::{
    bus::Bus,
    core::{Core, DebugStop, Halted, Sleep},
    image::Image,
    memory::MemoryMap,
    peripheral::{Clocks, Context, Peripheral, Pins, Signal},
};

/// A peripheral and where it is: base address, bytes, device.
pub type Mapped = (u32, u32, Box<dyn Peripheral>);

/// A microcontroller without its board.
pub struct Chip {
    core: Core,
    /// The stop that the caller knows of.
    reported: Option<Stop>,
}

/// Why [`Chip::run_until`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The asked time is reached.
    Reached,
    /// The core is locked up, with where and why. Only a reset helps.
    Lockup(String),
    /// The firmware ended by semihosting, with its code.
    Exited(i32),
    /// It stands still for a debugger, until [`Chip::resume`]; time does not go on.
    Debug(DebugStop),
}

/// When a chip wants to run next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextWake {
    /// It is executing instructions.
    Busy,
    /// It sleeps and nothing happens before this time.
    At(VirtualTime),
    /// It sleeps (or has stopped) until something comes from outside.
    Never,
}

/// The core's registers, for inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// R0 to R12, SP of the current mode, LR, and the address of the next instruction.
    pub r: [u32; 16],
    /// Program status: flags, IT state, exception number.
    pub xpsr: u32,
    /// Main stack pointer.
    pub msp: u32,
    /// Process stack pointer.
    pub psp: u32,
    /// PRIMASK, bit 0.
    pub primask: u32,
    /// BASEPRI.
    pub basepri: u32,
    /// FAULTMASK, bit 0.
    pub faultmask: u32,
    /// CONTROL.
    pub control: u32,
    /// S0 to S31, raw.
    pub s: [u32; 32],
    /// FPSCR.
    pub fpscr: u32,
}

impl Chip {
    /// A chip at time zero, after power-on reset, with `image` in flash memory.
    pub fn new(map: MemoryMap, image: Arc<Image>, peripherals: Vec<Mapped>) -> Self {
        let mut core = Core::new(Bus::new(map, image, peripherals));
        core.reset_all();
        Self {
            core,
            reported: None,
        }
    }

    /// The virtual time that the chip has reached: what was asked for, or past it by less than
    /// the longest instruction.
    pub fn now(&self) -> VirtualTime {
        self.core.now()
    }

    /// Runs up to `t`. A chip that locks up or exits returns at once the first time; run on, it
    /// goes with the time (its peripherals still work, a watchdog can reset it) and returns the
    /// same again.
    pub fn run_until(&mut self, t: VirtualTime) -> Stop {
        loop {
            self.core.service();
            let stop = self.stopped();
            if stop != self.reported {
                self.reported.clone_from(&stop);
                if let Some(stop) = stop {
                    return stop;
                }
            }
            if let Some(stop) = self.core.debug.stop {
                return Stop::Debug(stop);
            }
            if self.core.now() >= t {
                return self.reported.clone().unwrap_or(Stop::Reached);
            }
            let core = &mut self.core;
            let horizon = core.bus.next_deadline.map_or(t, |deadline| deadline.min(t));
            let mut limit = core.time.cycles(horizon);
            if let Some(deadline) = core.timer_deadline() {
                limit = limit.min(deadline);
            }
            // A peripheral whose deadline stands still must not hold up time.
            let limit = limit.max(core.cycles + 1);
            if core.halted.is_some() || core.sleep != Sleep::Awake {
                core.cycles = limit;
            } else {
                core.run(limit);
            }
        }
    }

    /// Why the core stands still for good.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.core.halted.as_ref().map(|halted| match halted {
            Halted::Lockup(text) => Stop::Lockup(text.clone()),
            Halted::Exited(code) => Stop::Exited(*code),
        })
    }

    /// The core, to look into.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// The stop that the caller knows of.
    pub(crate) fn reported(&self) -> Option<&Stop> {
        self.reported.as_ref()
    }

    pub(crate) fn set_reported(&mut self, stop: Option<Stop>) {
        self.reported = stop;
    }

    /// The core, for a debugger.
    pub(crate) fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    /// Whether an access to a register that is not modelled stops the core for good, with a text
    /// that names it, instead of being noted only.
    pub fn set_unmodelled_fatal(&mut self, fatal: bool) {
        self.core.bus.unmodelled_is_fatal = fatal;
    }

    /// When the chip wants to run next.
    pub fn next_wake(&self) -> NextWake {
        let core = &self.core;
        if core.is_busy() {
            return NextWake::Busy;
        }
        let timer = core.timer_deadline().map(|cycles| core.time.time(cycles));
        match core.bus.next_deadline.into_iter().chain(timer).min() {
            Some(time) => NextWake::At(time.max(core.now())),
            None => NextWake::Never,
        }
    }

    /// A peripheral for inspection, by its name and type.
    pub fn peripheral<T: Peripheral>(&self, name: &str) -> Option<&T> {
        self.core.bus.peripheral(name)
    }

    /// Gives a peripheral something from outside: bytes into a UART, a value for a sensor behind
    /// a bus. Interrupt lines, deadlines, pins and resets that it changes are followed up.
    /// `None`: no peripheral of this name and type.
    pub fn with_peripheral<T: Peripheral, R>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut T, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let index = self.core.bus.slot_of::<T>(name)?;
        let now = self.core.now();
        let result = self.core.bus.act(index, now, |device, cx| {
            let any: &mut dyn Any = device;
            any.downcast_mut::<T>().map(|device| act(device, cx))
        });
        result.flatten()
    }

    /// Puts a level on a pin from outside; port 0 = A to 7 = H, pin 0 to 15. Others are ignored.
    pub fn set_pin(&mut self, port: u8, pin: u8, high: bool) {
        if port < 8 && pin < 16 {
            let now = self.core.now();
            self.core.bus.set_pin(port.into(), pin, high, now);
        }
    }

    /// Levels of the pins.
    pub fn pins(&self) -> &Pins {
        &self.core.bus.pins
    }

    /// Clock rates as RCC has set them.
    pub fn clocks(&self) -> &Clocks {
        &self.core.bus.clocks
    }

    /// Moves everything that left the chip since the last call to `out`, in order of time.
    pub fn drain(&mut self, out: &mut Vec<Signal>) {
        let from = out.len();
        out.append(&mut self.core.bus.out);
        // A peripheral may date a signal ahead, such as a byte that still leaves its shift register.
        if let Some(new) = out.get_mut(from..) {
            new.sort_by_key(|signal| signal.time);
        }
    }

    /// Puts signals back that were drained too early; the next [`Chip::drain`] gives them again,
    /// and a snapshot has them.
    pub fn give_back(&mut self, signals: &mut Vec<Signal>) {
        let out = &mut self.core.bus.out;
        signals.append(out);
        std::mem::swap(signals, out);
    }

    /// The reset line: core and peripherals start anew, RAM keeps its content, time goes on.
    pub fn reset(&mut self) {
        self.core.reset_all();
        self.reported = None;
    }

    /// Copies flash memory or RAM to `into` without side effects; how many bytes were there.
    pub fn read_memory(&self, address: u32, into: &mut [u8]) -> usize {
        let mut count = 0;
        for (byte, address) in into.iter_mut().zip(address..=u32::MAX) {
            let Some(value) = self.core.bus.memory(address, 1) else {
                break;
            };
            *byte = value as u8;
            count += 1;
        }
        count
    }

    /// Writes RAM or flash memory from outside, as a debugger does; how many bytes fitted.
    pub fn write_memory(&mut self, address: u32, bytes: &[u8]) -> usize {
        let bus = &mut self.core.bus;
        if let Some(offset) = bus.map.ram_offset(address, 0) {
            let count = bytes.len().min(bus.ram.len() - offset);
            bus.set_ram(offset, bytes.get(..count).unwrap_or_default());
            return count;
        }
        let Some(offset) = bus.map.flash_offset(address, 0) else {
            return 0;
        };
        let count = bytes.len().min(bus.map.flash_size as usize - offset);
        bus.write_flash(offset, bytes.get(..count).unwrap_or_default());
        count
    }

    /// The core's registers.
    pub fn registers(&self) -> Registers {
        let core = &self.core;
        let mut r = core.r;
        r[15] = core.next;
        Registers {
            r,
            xpsr: core.xpsr(),
            msp: core.msp(),
            psp: core.psp(),
            primask: core.primask.into(),
            basepri: core.basepri.into(),
            faultmask: core.faultmask.into(),
            control: core.control.into(),
            s: core.fp.s,
            fpscr: core.fp.fpscr,
        }
    }

    /// Instructions executed since power-on.
    pub fn instructions(&self) -> u64 {
        self.core.instructions
    }

    /// Whether loops that only wait are skipped up to the next event, which is the rule. What comes
    /// out is the same, to the cycle.
    pub fn set_polling_skip(&mut self, skip: bool) {
        self.core.polling.enabled = skip;
    }

    /// Core cycles since power-on that were skipped in loops that only wait.
    pub fn polling_cycles(&self) -> u64 {
        self.core.polling.skipped
    }

    /// Core cycles since power-on, those asleep included.
    pub fn cycles(&self) -> u64 {
        self.core.cycles
    }
}
