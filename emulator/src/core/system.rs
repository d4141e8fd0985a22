//! Special registers: `MRS`, `MSR`, `CPS`.

use super::{Core, Op, Trap};

/// `MRS`: register number in `imm` (ARMv7-M ARM, B5.1.1).
pub(crate) fn read_special(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.cycles += 1;
    let privileged = c.privileged();
    let value = match op.imm {
        number @ 0..=7 => {
            let mut value = 0;
            if number & 1 != 0 {
                value |= c.ipsr;
            }
            if number & 4 == 0 {
                value |= c.apsr();
            }
            value
        }
        8 if privileged => c.msp(),
        9 if privileged => c.psp(),
        16 if privileged => u32::from(c.primask),
        17 | 18 if privileged => c.basepri.into(),
        19 if privileged => u32::from(c.faultmask),
        20 => c.control.into(),
        _ => 0,
    };
    c.set(op.d, value);
    Ok(())
}

/// `MSR`: register number in `imm`, which flags in `x` (bit 1 NZCVQ, bit 0 GE).
pub(crate) fn write_special(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.cycles += 1;
    let value = c.reg(op.n);
    let privileged = c.privileged();
    match op.imm {
        0..=3 => {
            if op.x & 2 != 0 {
                c.set_nzcv(value);
                c.q = value & 1 << 27 != 0;
            }
            if op.x & 1 != 0 {
                c.ge = (value >> 16 & 15) as u8;
            }
        }
        8 if privileged => c.set_stacks(value, c.psp()),
        9 if privileged => c.set_stacks(c.msp(), value),
        16 if privileged => c.primask = value & 1 != 0,
        17 if privileged => c.basepri = value as u8 & super::nvic::PRIORITY_BITS,
        18 if privileged => {
            let value = value as u8 & super::nvic::PRIORITY_BITS;
            if value != 0 && (c.basepri == 0 || value < c.basepri) {
                c.basepri = value;
            }
        }
        19 if privileged && c.execution_priority() > -1 => c.faultmask = value & 1 != 0,
        20 if privileged => {
            let (msp, psp) = (c.msp(), c.psp());
            let mut control = value as u8 & 5;
            // In handler mode the main stack stays in use.
            control |= if c.ipsr == 0 {
                value as u8 & 2
            } else {
                c.control & 2
            };
            if control & 4 != 0 && c.fp.fpccr & super::float::LSPACT != 0 {
                // A context that is declared active must not find another's registers waiting.
                c.preserve_float()?;
            }
            c.control = control;
            c.set_stacks(msp, psp);
            c.refresh_protection();
        }
        _ => {}
    }
    c.look_for_exceptions();
    Ok(())
}

/// `CPS`: `x` bit 0 disables, bit 1 means PRIMASK, bit 2 FAULTMASK.
pub(crate) fn change_state(c: &mut Core, op: &Op) -> Result<(), Trap> {
    if c.privileged() {
        let disable = op.x & 1 != 0;
        if op.x & 2 != 0 {
            c.primask = disable;
        }
        if op.x & 4 != 0 && (!disable || c.execution_priority() > -1) {
            c.faultmask = disable;
        }
        c.look_for_exceptions();
    }
    Ok(())
}
