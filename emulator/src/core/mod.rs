//! The processor core: ARMv7E-M with single-precision floating point (FPv4-SP), as in a
//! Cortex-M4F r0p1.
//!
//! Instructions are decoded once (`op`) into a handler and its operands. Cycles follow the
//! table in DDI0439, 3.3.1, with these simplifications: a taken branch costs 2 cycles of refill,
//! neighbouring loads do not overlap, a division costs 2 cycles and one more for each 4 bits of
//! its quotient, memories have no wait states.
//!
//! Where the architecture leaves a choice or hides a detail: floating-point registers saved late
//! are stored with the privileges of the handler that uses the unit; RAM reads 0 after
//! power-on; instructions that are UNPREDICTABLE do the simplest thing.

#![expect(
    clippy::unnecessary_wraps,
    reason = "every handler has one signature, so that a decoded instruction can point to it"
)]
#![expect(
    clippy::inline_always,
    reason = "handlers are instances of one body each; without it the instances call it and lose a third of the speed"
)]

mod alu;
mod branch;
mod cpu;
mod data;
mod debug;
mod debugger;
mod decode;
mod decode16;
mod decode32;
mod decode_fp;
mod exception;
mod fault;
mod float;
mod float_arithmetic;
mod load;
mod memory;
mod mpu;
mod multiple;
mod multiply;
mod nvic;
mod op;
mod parallel;
mod polling;
#[cfg(test)]
mod rows_tests;
mod run;
mod save;
mod scs;
mod semihosting;
mod system;
mod systick;
#[cfg(test)]
mod tests;
mod timebase;

pub(crate) use cpu::CpuCore;
pub(crate) use debugger::Debugger;
pub use debugger::{Access, DebugStop};
pub(crate) use op::{CodePages, Op, PAGE_BYTES, Page, RamCode, decode_page};
pub(crate) use run::Halted;
pub(crate) use timebase::Timebase;

use crate::bus::Bus;

/// Why an instruction did not simply complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trap {
    /// No such instruction, or none that is available (UNDEFINSTR).
    Undefined,
    /// Execution without the Thumb bit (INVSTATE).
    InvalidState,
    /// A bad exception return (INVPC).
    InvalidReturn,
    /// A coprocessor that is off or absent (NOCP).
    NoCoprocessor,
    /// An address that must be aligned (UNALIGNED).
    Unaligned,
    /// Division by zero while that traps (DIVBYZERO).
    DivideByZero,
    /// Nothing answers at a data address.
    BusData(u32),
    /// Nothing answers at an instruction address.
    BusFetch,
    /// The MPU forbids a data access.
    ProtectedData(u32),
    /// The MPU or the memory map forbids execution.
    ProtectedFetch,
    /// Nothing answers where floating-point registers are to be saved late (LSPERR).
    LazyBus,
    /// The MPU forbids to save them there (MLSPERR).
    LazyProtected,
    /// `SVC`.
    Supervisor,
    /// `BKPT` without a debugger.
    Breakpoint,
    /// `BKPT 0xAB`.
    Semihosting,
    /// A branch to an EXC_RETURN value in handler mode.
    ExceptionReturn(u32),
}

/// What the core waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Sleep {
    /// Nothing: it executes.
    Awake,
    /// An interrupt.
    Interrupt,
    /// An event or an interrupt.
    Event,
}

/// The core and all that it reaches.
pub(crate) struct Core {
    /// R0 to R14; R15 reads as the current instruction's address plus 4 while it executes.
    pub(crate) r: [u32; 16],
    /// Address of the next instruction.
    pub(crate) next: u32,
    /// Its bit 31 is N.
    pub(crate) n: u32,
    /// Z is set when this is 0.
    pub(crate) z: u32,
    pub(crate) c: bool,
    pub(crate) v: bool,
    pub(crate) q: bool,
    /// The four GE flags.
    pub(crate) ge: u8,
    /// IT state.
    pub(crate) it: u8,
    /// Cycles since power-on, those asleep included.
    pub(crate) cycles: u64,
    /// The run loop leaves when `cycles` reaches this. Whatever needs attention sets it to 0.
    pub(crate) limit: u64,
    /// Instructions since power-on.
    pub(crate) instructions: u64,
    /// How loops that only wait are found and skipped.
    pub(crate) polling: polling::Polling,
    /// Number of the current exception, 0 in thread mode.
    pub(crate) ipsr: u32,
    pub(crate) primask: bool,
    pub(crate) faultmask: bool,
    pub(crate) basepri: u8,
    /// CONTROL: nPRIV, SPSEL, FPCA.
    pub(crate) control: u8,
    /// The stack pointer that is not R13 now.
    pub(crate) other_sp: u32,
    pub(crate) sleep: Sleep,
    /// The event register of `WFE`.
    pub(crate) event: bool,
    /// The local exclusive monitor.
    pub(crate) exclusive: bool,
    pub(crate) fp: float::Registers,
    pub(crate) nvic: nvic::Nvic,
    pub(crate) scs: scs::Registers,
    pub(crate) systick: systick::SysTick,
    pub(crate) mpu: mpu::Mpu,
    pub(crate) debug: Debugger,
    pub(crate) time: Timebase,
    pub(crate) halted: Option<Halted>,
    /// What semihosting may open.
    pub(crate) files: semihosting::Files,
    /// `AIRCR.SYSRESETREQ` was written.
    pub(crate) reset_requested: bool,
    pub(crate) bus: Bus,
}

impl Core {
    /// A core before its first reset.
    pub(crate) fn new(bus: Bus) -> Self {
        Self {
            r: [0; 16],
            next: 0,
            n: 0,
            z: 1,
            c: false,
            v: false,
            q: false,
            ge: 0,
            it: 0,
            cycles: 0,
            limit: 0,
            instructions: 0,
            polling: polling::Polling::default(),
            ipsr: 0,
            primask: false,
            faultmask: false,
            basepri: 0,
            control: 0,
            other_sp: 0,
            sleep: Sleep::Awake,
            event: false,
            exclusive: false,
            fp: float::Registers::default(),
            nvic: nvic::Nvic::default(),
            scs: scs::Registers::default(),
            systick: systick::SysTick::default(),
            mpu: mpu::Mpu::default(),
            debug: Debugger::default(),
            time: Timebase::new(bus.clocks.hclk),
            halted: None,
            files: semihosting::Files::default(),
            reset_requested: false,
            bus,
        }
    }

    /// Reads a register; the PC reads as the instruction's address plus 4.
    #[inline(always)]
    pub(crate) fn reg(&self, index: u8) -> u32 {
        self.r[usize::from(index & 15)]
    }

    /// Writes R0 to R14. The stack pointer keeps its low two bits 0.
    #[inline(always)]
    pub(crate) fn set(&mut self, index: u8, value: u32) {
        let value = if index == 13 { value & !3 } else { value };
        self.r[usize::from(index & 15)] = value;
    }

    /// Sets N and Z by a result.
    #[inline(always)]
    pub(crate) fn set_nz(&mut self, result: u32) {
        self.n = result;
        self.z = result;
    }

    /// Branches within Thumb state.
    #[inline(always)]
    pub(crate) fn branch(&mut self, address: u32) {
        self.next = address & !1;
        self.cycles += 2;
    }

    /// Branches to an address whose bit 0 says Thumb, or returns from an exception.
    #[inline]
    pub(crate) fn branch_exchange(&mut self, address: u32) -> Result<(), Trap> {
        if self.ipsr != 0 && address >= 0xF000_0000 {
            return Err(Trap::ExceptionReturn(address));
        }
        self.branch(address);
        if address & 1 == 0 {
            // The fault belongs to the instruction at the target: it is raised on its fetch.
            self.scs.arm_state = true;
            self.limit = 0;
        }
        Ok(())
    }

    /// Whether a condition holds (ARMv7-M ARM, A7.3).
    #[inline(always)]
    pub(crate) fn condition(&self, cond: u8) -> bool {
        let n = self.n >> 31 != 0;
        let z = self.z == 0;
        let holds = match cond >> 1 & 7 {
            0 => z,
            1 => self.c,
            2 => n,
            3 => self.v,
            4 => self.c && !z,
            5 => n == self.v,
            6 => n == self.v && !z,
            _ => return true,
        };
        holds != (cond & 1 != 0)
    }

    /// N, Z, C, V, Q and GE at their places in the program status register.
    pub(crate) fn apsr(&self) -> u32 {
        (self.n & 1 << 31)
            | u32::from(self.z == 0) << 30
            | u32::from(self.c) << 29
            | u32::from(self.v) << 28
            | u32::from(self.q) << 27
            | u32::from(self.ge) << 16
    }

    /// Sets N, Z, C, V by bits 31 to 28.
    pub(crate) fn set_nzcv(&mut self, value: u32) {
        self.n = value;
        self.z = u32::from(value & 1 << 30 == 0);
        self.c = value & 1 << 29 != 0;
        self.v = value & 1 << 28 != 0;
    }

    /// The whole program status register.
    pub(crate) fn xpsr(&self) -> u32 {
        let it = u32::from(self.it);
        self.apsr() | (it & 3) << 25 | (it >> 2) << 10 | 1 << 24 | self.ipsr
    }

    /// Whether the current stack pointer is the process one.
    pub(crate) fn uses_psp(&self) -> bool {
        self.ipsr == 0 && self.control & 2 != 0
    }

    /// Main stack pointer.
    pub(crate) fn msp(&self) -> u32 {
        if self.uses_psp() {
            self.other_sp
        } else {
            self.r[13]
        }
    }

    /// Process stack pointer.
    pub(crate) fn psp(&self) -> u32 {
        if self.uses_psp() {
            self.r[13]
        } else {
            self.other_sp
        }
    }

    /// Sets both stack pointers, then the current one by mode and CONTROL.
    pub(crate) fn set_stacks(&mut self, msp: u32, psp: u32) {
        let (current, other) = if self.uses_psp() {
            (psp, msp)
        } else {
            (msp, psp)
        };
        self.r[13] = current & !3;
        self.other_sp = other & !3;
    }

    /// Whether code runs privileged.
    pub(crate) fn privileged(&self) -> bool {
        self.ipsr != 0 || self.control & 1 == 0
    }
}
