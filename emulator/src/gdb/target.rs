//! The chip as GDB's target.

use std::convert::Infallible;

use gdbstub::{
    common::Signal,
    outputln,
    target::{
        Target, TargetResult,
        ext::{
            base::{
                BaseOps,
                singlethread::{
                    SingleThreadBase, SingleThreadResume, SingleThreadResumeOps,
                    SingleThreadSingleStep, SingleThreadSingleStepOps,
                },
            },
            breakpoints::{
                Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint,
                HwWatchpointOps, SwBreakpoint, SwBreakpointOps, WatchKind,
            },
            monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps},
        },
    },
};

use super::arch::{CortexM4f, Frame};
use crate::{core::Access, machine::Chip, peripheral::Width};

const HELP: &str = "reset: the reset line\ntime: virtual time, cycles and instructions\n\
                    faults: fault status registers";

impl Target for Chip {
    type Arch = CortexM4f;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, Self::Arch, Self::Error> {
        BaseOps::SingleThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadBase for Chip {
    fn read_registers(&mut self, frame: &mut Frame) -> TargetResult<(), Self> {
        *frame = Frame::from(&self.registers());
        Ok(())
    }

    fn write_registers(&mut self, frame: &Frame) -> TargetResult<(), Self> {
        let mut registers = self.registers();
        let old = Frame::from(&registers);
        frame.apply(&old, &mut registers);
        self.set_registers(&registers);
        Ok(())
    }

    fn read_addrs(&mut self, start: u32, data: &mut [u8]) -> TargetResult<usize, Self> {
        let mut count = self.read_memory(start, data);
        // Peripherals are read by words where that fits, as firmware would.
        while let Some(rest) = data.get_mut(count..).filter(|rest| !rest.is_empty()) {
            let address = start.wrapping_add(count as u32);
            let width = if address.is_multiple_of(4) && rest.len() >= 4 {
                Width::Word
            } else if address.is_multiple_of(2) && rest.len() >= 2 {
                Width::Half
            } else {
                Width::Byte
            };
            let Some(value) = self.access(address, width, None) else {
                break;
            };
            for (place, byte) in rest.iter_mut().zip(value.to_le_bytes()).take(bytes(width)) {
                *place = byte;
            }
            count += bytes(width);
        }
        if count == 0 && !data.is_empty() {
            return Err(().into());
        }
        Ok(count)
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        if self.write_memory(start, data) == data.len() {
            return Ok(());
        }
        let mut count = 0;
        while let Some(rest) = data.get(count..).filter(|rest| !rest.is_empty()) {
            let address = start.wrapping_add(count as u32);
            let (width, value) = match *rest {
                [a, b, c, d, ..] if address.is_multiple_of(4) => {
                    (Width::Word, u32::from_le_bytes([a, b, c, d]))
                }
                [a, b, ..] if address.is_multiple_of(2) => {
                    (Width::Half, u16::from_le_bytes([a, b]).into())
                }
                [a, ..] => (Width::Byte, a.into()),
                [] => break,
            };
            self.access(address, width, Some(value)).ok_or(())?;
            count += bytes(width);
        }
        Ok(())
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

fn bytes(width: Width) -> usize {
    match width {
        Width::Byte => 1,
        Width::Half => 2,
        Width::Word => 4,
    }
}

impl SingleThreadResume for Chip {
    fn resume(&mut self, _signal: Option<Signal>) -> Result<(), Infallible> {
        Chip::resume(self);
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadSingleStep for Chip {
    fn step(&mut self, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.core_mut().debug.stepping = true;
        Ok(())
    }
}

impl Breakpoints for Chip {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Chip {
    fn add_sw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.set_breakpoint(address, true);
        Ok(true)
    }

    fn remove_sw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.set_breakpoint(address, false);
        Ok(true)
    }
}

impl HwBreakpoint for Chip {
    fn add_hw_breakpoint(&mut self, address: u32, kind: usize) -> TargetResult<bool, Self> {
        self.add_sw_breakpoint(address, kind)
    }

    fn remove_hw_breakpoint(&mut self, address: u32, kind: usize) -> TargetResult<bool, Self> {
        self.remove_sw_breakpoint(address, kind)
    }
}

fn access(kind: WatchKind) -> Access {
    match kind {
        WatchKind::Read => Access::Read,
        WatchKind::Write => Access::Write,
        WatchKind::ReadWrite => Access::Any,
    }
}

impl HwWatchpoint for Chip {
    fn add_hw_watchpoint(
        &mut self,
        at: u32,
        len: u32,
        kind: WatchKind,
    ) -> TargetResult<bool, Self> {
        self.set_watchpoint(at, len, access(kind), true);
        Ok(true)
    }

    fn remove_hw_watchpoint(
        &mut self,
        at: u32,
        len: u32,
        kind: WatchKind,
    ) -> TargetResult<bool, Self> {
        self.set_watchpoint(at, len, access(kind), false);
        Ok(true)
    }
}

impl MonitorCmd for Chip {
    fn handle_monitor_cmd(
        &mut self,
        command: &[u8],
        mut out: ConsoleOutput<'_>,
    ) -> Result<(), Infallible> {
        match String::from_utf8_lossy(command).trim() {
            "reset" | "reset halt" => {
                self.reset();
                self.halt();
                outputln!(out, "reset; pc {:#010x}", self.registers().r[15]);
            }
            "time" => outputln!(
                out,
                "{} s, {} cycles, {} instructions",
                self.now(),
                self.cycles(),
                self.instructions()
            ),
            "faults" => {
                let mut read = |address| self.peek(address).unwrap_or_default();
                let (cfsr, hfsr) = (read(0xE000_ED28), read(0xE000_ED2C));
                let (mmfar, bfar) = (read(0xE000_ED34), read(0xE000_ED38));
                outputln!(
                    out,
                    "CFSR {cfsr:#010x} HFSR {hfsr:#010x} MMFAR {mmfar:#010x} BFAR {bfar:#010x}"
                );
            }
            _ => outputln!(out, "{HELP}"),
        }
        Ok(())
    }
}
