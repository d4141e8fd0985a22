//! The chip: core, memories, peripherals, clocks and pins, run on virtual time.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use twinbench_model::VirtualTime;

use crate::{
    bus::Bus,
    core::{Core, CpuCore, DebugStop},
    driver::Driver,
    image::Image,
    memory::MemoryMap,
    peripheral::{Clocks, Context, Peripheral, Pins, Signal},
};

/// A peripheral and where it is: base address, bytes, device.
pub type Mapped = (u32, u32, Box<dyn Peripheral>);

/// A microcontroller without its board.
pub struct Chip {
    driver: Driver<Core>,
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

impl Registers {
    /// The core's registers without those of the FPU, as a debugger names them, in its order.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u32)> + use<> {
        const WORDS: [&str; 16] = [
            "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp",
            "lr", "pc",
        ];
        let special = [
            ("xpsr", self.xpsr),
            ("msp", self.msp),
            ("psp", self.psp),
            ("primask", self.primask),
            ("basepri", self.basepri),
            ("faultmask", self.faultmask),
            ("control", self.control),
        ];
        WORDS.into_iter().zip(self.r).chain(special)
    }
}

impl Chip {
    /// A chip at time zero, after power-on reset, with `image` in flash memory.
    pub fn new(map: MemoryMap, image: Arc<Image>, peripherals: Vec<Mapped>) -> Self {
        let core = Core::new(Bus::new(map, image, peripherals));
        Self {
            driver: Driver::new(core),
        }
    }

    /// The virtual time that the chip has reached: what was asked for, or past it by less than
    /// the longest instruction.
    pub fn now(&self) -> VirtualTime {
        self.driver.now()
    }

    /// Runs up to `t`. A chip that locks up or exits returns at once the first time; run on, it
    /// goes with the time (its peripherals still work, a watchdog can reset it) and returns the
    /// same again.
    pub fn run_until(&mut self, t: VirtualTime) -> Stop {
        self.driver.run_until(t)
    }

    /// Why the core stands still for good.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.driver.stopped()
    }

    /// The core, to look into.
    pub(crate) fn core(&self) -> &Core {
        &self.driver.core
    }

    /// The stop that the caller knows of.
    pub(crate) fn reported(&self) -> Option<&Stop> {
        self.driver.reported.as_ref()
    }

    pub(crate) fn set_reported(&mut self, stop: Option<Stop>) {
        self.driver.reported = stop;
    }

    /// The core, for a debugger.
    pub(crate) fn core_mut(&mut self) -> &mut Core {
        &mut self.driver.core
    }

    /// Whether an access to a register that is not modelled stops the core for good, with a text
    /// that names it, instead of being noted only.
    pub fn set_unmodelled_fatal(&mut self, fatal: bool) {
        self.driver.core.bus.unmodelled_is_fatal = fatal;
    }

    /// When the chip wants to run next.
    pub fn next_wake(&self) -> NextWake {
        self.driver.next_wake()
    }

    /// A peripheral for inspection, by its name and type.
    pub fn peripheral<T: Peripheral>(&self, name: &str) -> Option<&T> {
        self.driver.core.bus.peripheral(name)
    }

    /// Gives a peripheral something from outside: bytes into a UART, a value for a sensor behind
    /// a bus. Interrupt lines, deadlines, pins and resets that it changes are followed up.
    /// `None`: no peripheral of this name and type.
    pub fn with_peripheral<T: Peripheral, R>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut T, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let index = self.driver.core.bus.slot_of::<T>(name)?;
        let now = self.driver.core.now();
        let result = self.driver.core.bus.act(index, now, |device, cx| {
            let any: &mut dyn Any = device;
            any.downcast_mut::<T>().map(|device| act(device, cx))
        });
        result.flatten()
    }

    /// Puts a level on a pin from outside; port 0 = A to 7 = H, pin 0 to 15. Others are ignored.
    pub fn set_pin(&mut self, port: u8, pin: u8, high: bool) {
        if port < 8 && pin < 16 {
            let now = self.driver.core.now();
            self.driver.core.bus.set_pin(port.into(), pin, high, now);
        }
    }

    /// Levels of the pins.
    pub fn pins(&self) -> &Pins {
        &self.driver.core.bus.pins
    }

    /// Clock rates as RCC has set them.
    pub fn clocks(&self) -> &Clocks {
        &self.driver.core.bus.clocks
    }

    /// Moves everything that left the chip since the last call to `out`, in order of time.
    pub fn drain(&mut self, out: &mut Vec<Signal>) {
        let from = out.len();
        out.append(&mut self.driver.core.bus_mut().out);
        // A peripheral may date a signal ahead, such as a byte that still leaves its shift register.
        if let Some(new) = out.get_mut(from..) {
            new.sort_by_key(|signal| signal.time);
        }
    }

    /// Puts signals back that were drained too early; the next [`Chip::drain`] gives them again,
    /// and a snapshot has them.
    pub fn give_back(&mut self, signals: &mut Vec<Signal>) {
        let out = &mut self.driver.core.bus_mut().out;
        signals.append(out);
        std::mem::swap(signals, out);
    }

    /// The reset line: core and peripherals start anew, RAM keeps its content, time goes on.
    pub fn reset(&mut self) {
        self.driver.core.reset_all();
        self.driver.reported = None;
    }

    /// The supply goes away, or comes back: flash memory keeps its content, RAM does not. Time goes
    /// on without it.
    pub fn set_powered(&mut self, on: bool) {
        self.driver.core.set_powered(on);
        self.driver.reported = None;
    }

    /// Copies flash memory or RAM to `into` without side effects; how many bytes were there.
    pub fn read_memory(&self, address: u32, into: &mut [u8]) -> usize {
        let mut count = 0;
        for (byte, address) in into.iter_mut().zip(address..=u32::MAX) {
            let Some(value) = self.driver.core.bus.memory(address, 1) else {
                break;
            };
            *byte = value as u8;
            count += 1;
        }
        count
    }

    /// Writes RAM or flash memory from outside, as a debugger does; how many bytes fitted.
    pub fn write_memory(&mut self, address: u32, bytes: &[u8]) -> usize {
        let bus = &mut self.driver.core.bus;
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
        self.driver.core.registers()
    }

    /// Instructions executed since power-on.
    pub fn instructions(&self) -> u64 {
        self.driver.core.instructions
    }

    /// Grants firmware a folder for semihosting: plain names and what is in the files. Without one,
    /// which is the rule, every file is refused.
    pub fn grant_files(&mut self, files: BTreeMap<String, Vec<u8>>) {
        self.driver.core.files.folder = Some(files);
    }

    /// The granted folder as it is now; none was granted: `None`.
    pub fn granted_files(&self) -> Option<&BTreeMap<String, Vec<u8>>> {
        self.driver.core.files.folder.as_ref()
    }

    /// Whether loops that only wait are skipped up to the next event, which is the rule. What comes
    /// out is the same, to the cycle.
    pub fn set_polling_skip(&mut self, skip: bool) {
        self.driver.core.polling.enabled = skip;
    }

    /// Core cycles since power-on that were skipped in loops that only wait.
    pub fn polling_cycles(&self) -> u64 {
        self.driver.core.polling.skipped
    }

    /// Core cycles since power-on, those asleep included.
    pub fn cycles(&self) -> u64 {
        self.driver.core.cycles
    }
}
