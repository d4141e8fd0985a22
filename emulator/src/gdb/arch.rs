//! The registers of a Cortex-M4F in the order in which GDB is told of them.

use gdbstub::arch::{Arch, Registers as GdbRegisters};

use crate::machine::Registers;

/// What GDB is told: features of the M profile, its system registers and the floating-point unit.
const DESCRIPTION: &str = include_str!("cortex-m4f.xml");

/// A Cortex-M4F.
#[derive(Debug)]
pub struct CortexM4f;

impl Arch for CortexM4f {
    type Usize = u32;
    type Registers = Frame;
    type BreakpointKind = usize;
    type RegId = ();

    fn target_description_xml() -> Option<&'static str> {
        Some(DESCRIPTION)
    }
}

/// All registers, in the description's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// R0 to R15, xPSR.
    pub(super) core: [u32; 17],
    /// S0 to S31, two of which make one that GDB sees.
    pub(super) s: [u32; 32],
    /// FPSCR, MSP, PSP.
    pub(super) more: [u32; 3],
    /// PRIMASK, BASEPRI, FAULTMASK, CONTROL.
    pub(super) masks: [u8; 4],
}

impl From<&Registers> for Frame {
    fn from(from: &Registers) -> Self {
        let mut core = [0; 17];
        for (place, word) in core.iter_mut().zip(from.r.iter().chain([&from.xpsr])) {
            *place = *word;
        }
        Self {
            core,
            s: from.s,
            more: [from.fpscr, from.msp, from.psp],
            masks: [from.primask, from.basepri, from.faultmask, from.control]
                .map(|word| word as u8),
        }
    }
}

impl Frame {
    /// Sets what differs from `old` in `registers`.
    pub(super) fn apply(&self, old: &Self, registers: &mut Registers) {
        for (place, word) in registers.r.iter_mut().zip(self.core) {
            *place = word;
        }
        registers.xpsr = self.core[16];
        registers.s = self.s;
        let [fpscr, msp, psp] = self.more;
        (registers.fpscr, registers.msp, registers.psp) = (fpscr, msp, psp);
        // SP is one of the two stack pointers: whichever view was changed counts.
        if self.core[13] != old.core[13] {
            let in_thread = registers.xpsr.trailing_zeros() >= 9;
            if in_thread && registers.control & 2 != 0 {
                registers.psp = self.core[13];
            } else {
                registers.msp = self.core[13];
            }
        }
        let [primask, basepri, faultmask, control] = self.masks.map(u32::from);
        (registers.primask, registers.basepri) = (primask, basepri);
        (registers.faultmask, registers.control) = (faultmask, control);
    }
}

impl GdbRegisters for Frame {
    type ProgramCounter = u32;

    fn pc(&self) -> u32 {
        self.core[15]
    }

    fn gdb_serialize(&self, mut write: impl FnMut(Option<u8>)) {
        let words = self.core.iter().chain(&self.s).chain(&self.more);
        for byte in words.flat_map(|word| word.to_le_bytes()).chain(self.masks) {
            write(Some(byte));
        }
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let words = self
            .core
            .iter_mut()
            .chain(&mut self.s)
            .chain(&mut self.more);
        let mut rest = bytes;
        for word in words {
            let (head, tail) = rest.split_first_chunk().ok_or(())?;
            *word = u32::from_le_bytes(*head);
            rest = tail;
        }
        self.masks = *rest.first_chunk().ok_or(())?;
        Ok(())
    }
}
