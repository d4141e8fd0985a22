//! The chip: core, memories, peripherals, clocks and pins, run on virtual time.

use std::sync::Arc;

use twinbench_model::VirtualTime;

use crate::{
    image::Image,
    memory::MemoryMap,
    peripheral::{Clocks, Context, Peripheral, Pins, Signal},
};

/// A peripheral and where it is: base address, bytes, device.
pub type Mapped = (u32, u32, Box<dyn Peripheral>);

/// A microcontroller without its board.
pub struct Chip {}

/// Why [`Chip::run_until`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The asked time is reached.
    Reached,
    /// The core is locked up, with where and why. Only a reset helps.
    Lockup(String),
    /// The firmware ended by semihosting, with its code.
    Exited(i32),
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

// The interface that follows:
// impl Chip {
//     /// A chip at time zero, after power-on reset, with `image` in flash memory.
//     pub fn new(map: MemoryMap, image: Arc<Image>, peripherals: Vec<Mapped>) -> Self;
//     /// The virtual time that the chip has reached; a few cycles past the asked one at most.
//     pub fn now(&self) -> VirtualTime;
//     /// Runs up to `t`.
//     pub fn run_until(&mut self, t: VirtualTime) -> Stop;
//     /// When the chip wants to run next.
//     pub fn next_wake(&self) -> NextWake;
//     /// A peripheral for inspection, by its name and type.
//     pub fn peripheral<T: Peripheral>(&self, name: &str) -> Option<&T>;
//     /// Gives a peripheral something from outside (bytes into a UART, a value for a sensor behind a bus).
//     /// Interrupt lines, deadlines, pins and resets that it changes are seen at once.
//     /// `None`: no peripheral of this name and type.
//     pub fn with_peripheral<T: Peripheral, R>(&mut self, name: &str, act: impl FnOnce(&mut T, &mut Context<'_>) -> R) -> Option<R>;
//     /// Puts a level on a pin from outside; port 0 = A.
//     pub fn set_pin(&mut self, port: u8, pin: u8, high: bool);
//     /// Levels of the pins.
//     pub fn pins(&self) -> &Pins;
//     /// Clock rates as RCC has set them.
//     pub fn clocks(&self) -> &Clocks;
//     /// Moves everything that left the chip since the last call to `out`, in order of time.
//     pub fn drain(&mut self, out: &mut Vec<Signal>);
//     /// The reset line: core and peripherals start anew, RAM keeps its content, time goes on.
//     pub fn reset(&mut self);
//     /// Copies memory (flash, RAM) to `into` without side effects; how many bytes were there.
//     pub fn read_memory(&self, address: u32, into: &mut [u8]) -> usize;
//     /// Writes RAM or flash from outside, as a debugger does; how many bytes fitted.
//     pub fn write_memory(&mut self, address: u32, bytes: &[u8]) -> usize;
//     /// The core's registers.
//     pub fn registers(&self) -> Registers;
//     /// Instructions executed since power-on.
//     pub fn instructions(&self) -> u64;
// }
