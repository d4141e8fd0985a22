//! A bench for one peripheral: what a chip gives it, driven by hand.

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::peripheral::{Clocks, Context, IrqLines, Peripheral, Pins, Signal, SignalKind, Width};

/// Everything a context points to.
#[derive(Default)]
pub(crate) struct Rig {
    pub(crate) now: VirtualTime,
    pub(crate) irq: IrqLines,
    pub(crate) clocks: Clocks,
    pub(crate) pins: Pins,
    pub(crate) resets: Vec<&'static str>,
    pub(crate) out: Vec<Signal>,
}

impl Rig {
    pub(crate) fn cx(&mut self) -> Context<'_> {
        Context {
            now: self.now,
            irq: &mut self.irq,
            clocks: &mut self.clocks,
            pins: &mut self.pins,
            resets: &mut self.resets,
            out: &mut self.out,
        }
    }

    pub(crate) fn read(&mut self, p: &mut dyn Peripheral, offset: u32) -> u32 {
        p.read(offset, Width::Word, &mut self.cx())
            .unwrap_or_else(|| panic!("{} has no register at {offset:#x}", p.name()))
    }

    pub(crate) fn write(&mut self, p: &mut dyn Peripheral, offset: u32, value: u32) {
        p.write(offset, Width::Word, value, &mut self.cx())
            .unwrap_or_else(|| panic!("{} has no register at {offset:#x}", p.name()));
    }

    /// Read, change by `change`, write: what HALs call modify.
    pub(crate) fn modify(
        &mut self,
        p: &mut dyn Peripheral,
        offset: u32,
        change: impl Fn(u32) -> u32,
    ) {
        let old = self.read(p, offset);
        self.write(p, offset, change(old));
    }

    /// Lets time pass to `now`, deadline by deadline as a chip does.
    pub(crate) fn run_to(&mut self, p: &mut dyn Peripheral, now: VirtualTime) {
        while let Some(at) = p.deadline().filter(|&at| at <= now) {
            assert!(at >= self.now, "{} has a deadline in the past", p.name());
            self.now = at;
            p.advance(&mut self.cx());
            assert!(
                p.deadline().is_none_or(|next| next > at),
                "{} does not get past its deadline",
                p.name()
            );
        }
        self.now = now;
    }

    /// Lets a span of time pass.
    pub(crate) fn wait(&mut self, p: &mut dyn Peripheral, span: VirtualDuration) {
        let until = self.now + span;
        self.run_to(p, until);
    }

    /// Polls a register as firmware does until `done`, a microsecond at a time.
    pub(crate) fn poll(
        &mut self,
        p: &mut dyn Peripheral,
        offset: u32,
        done: impl Fn(u32) -> bool,
    ) -> u32 {
        for _ in 0..100_000 {
            let value = self.read(p, offset);
            if done(value) {
                return value;
            }
            self.wait(p, VirtualDuration::from_micros(1));
        }
        panic!("{} at {offset:#x} never got there", p.name());
    }

    pub(crate) fn irq(&self, line: u8) -> bool {
        self.irq.levels[usize::from(line / 32)] >> (line % 32) & 1 != 0
    }

    /// Bytes that left on UARTs, with their times in nanoseconds.
    pub(crate) fn uart(&self) -> Vec<(u64, u8)> {
        let byte = |signal: &Signal| match signal.kind {
            SignalKind::Uart { byte, .. } => Some((signal.time.as_nanos(), byte)),
            _ => None,
        };
        self.out.iter().filter_map(byte).collect()
    }
}
