//! From the registers of now to the callers, by the call frame information of the compiler.

use gimli::{CfaRule, Register, RegisterRule, UnwindContext, UnwindSection};

use super::{SourceLine, Symbols};
use crate::machine::{Chip, Registers};

/// More frames than this are taken for a corrupt stack.
const MOST: usize = 64;

/// One function in a backtrace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The address executed next in it.
    pub pc: u32,
    /// Its stack pointer.
    pub sp: u32,
    /// The function's name, when known.
    pub function: Option<String>,
    /// Where in the source, when known.
    pub line: Option<SourceLine>,
    /// It was interrupted by an exception and did not call.
    pub interrupted: bool,
}

impl Symbols {
    /// The functions that are being executed, innermost first, through exceptions. Ends where the
    /// file does not say how to go on.
    pub fn backtrace(&self, chip: &Chip) -> Vec<Frame> {
        self.backtrace_from(&chip.registers(), &mut |address| {
            let mut bytes = [0; 4];
            (chip.read_memory(address, &mut bytes) == 4).then(|| u32::from_le_bytes(bytes))
        })
    }

    /// The same of any core, by its registers and a way to read words of its memory.
    pub fn backtrace_from(
        &self,
        now: &Registers,
        word: &mut dyn FnMut(u32) -> Option<u32>,
    ) -> Vec<Frame> {
        let mut r = now.r;
        let mut stacks = [now.msp, now.psp];
        let (mut frames, mut interrupted) = (Vec::new(), true);
        let mut context = UnwindContext::new();
        while frames.len() < MOST {
            let pc = r[15] & !1;
            // A return address is behind the call: the call is what is being executed.
            let looked_up = if interrupted { pc } else { pc.wrapping_sub(2) };
            let function = self.function_at(looked_up);
            frames.push(Frame {
                pc,
                sp: r[13],
                function: function.map(|function| function.name.clone()),
                line: self.line_at(looked_up),
                interrupted: interrupted && !frames.is_empty(),
            });
            let Some(caller) = self.caller(word, &r, looked_up, &mut context) else {
                break;
            };
            let target = caller[15];
            if target >= 0xFFFF_FFE0 {
                let on_psp = usize::from(target & 4 != 0);
                stacks[0] = if now.control & 2 == 0 || on_psp == 1 {
                    caller[13]
                } else {
                    stacks[0]
                };
                let frame = if on_psp == 1 { stacks[1] } else { caller[13] };
                let Some(unstacked) = unstack(word, frame, target & 0x10 == 0, &caller) else {
                    break;
                };
                (r, interrupted) = (unstacked, true);
            } else if target & !1 == pc && caller[13] == r[13] || target < 2 {
                break;
            } else {
                (r, interrupted) = (caller, false);
            }
        }
        frames
    }

    /// The registers in the caller.
    fn caller(
        &self,
        word: &mut dyn FnMut(u32) -> Option<u32>,
        r: &[u32; 16],
        pc: u32,
        context: &mut UnwindContext<usize>,
    ) -> Option<[u32; 16]> {
        let bases = gimli::BaseAddresses::default();
        let row = self
            .frames
            .unwind_info_for_address(
                &bases,
                context,
                pc.into(),
                gimli::DebugFrame::cie_from_offset,
            )
            .ok()?;
        let register = |number: Register| r.get(usize::from(number.0)).copied();
        let CfaRule::RegisterAndOffset {
            register: base,
            offset,
        } = *row.cfa()
        else {
            return None;
        };
        let cfa = register(base)?.wrapping_add(offset as u32);
        let mut caller = *r;
        caller[15] = r[14];
        caller[13] = cfa;
        for (number, rule) in row.registers() {
            let value = match *rule {
                RegisterRule::Offset(offset) => word(cfa.wrapping_add(offset as u32))?,
                RegisterRule::ValOffset(offset) => cfa.wrapping_add(offset as u32),
                RegisterRule::Register(other) => register(other)?,
                _ => continue,
            };
            match number.0 {
                14 => (caller[14], caller[15]) = (value, value),
                index => *caller.get_mut(usize::from(index))? = value,
            }
        }
        Some(caller)
    }
}

/// The registers before an exception, from its frame on the stack (ARMv7-M ARM, B1.5.6).
fn unstack(
    word: &mut dyn FnMut(u32) -> Option<u32>,
    frame: u32,
    with_float: bool,
    r: &[u32; 16],
) -> Option<[u32; 16]> {
    let mut before = *r;
    let places = [0, 1, 2, 3, 12, 14, 15];
    for (index, place) in (0..).zip(places) {
        before[place] = word(frame.wrapping_add(4 * index))?;
    }
    let xpsr = word(frame.wrapping_add(28))?;
    let size = if with_float { 0x68 } else { 0x20 };
    before[13] = frame.wrapping_add(size) | (xpsr >> 9 & 1) << 2;
    Some(before)
}
