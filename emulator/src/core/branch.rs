//! Branches, IT blocks, supervisor calls, breakpoints, hints and barriers.

use super::{Core, Op, Sleep, Trap};

/// `B`.
pub(crate) fn always(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let target = c.reg(15).wrapping_add(op.imm);
    c.branch(target);
    Ok(())
}

/// `B<cond>`, the condition in `x`.
pub(crate) fn conditional(c: &mut Core, op: &Op) -> Result<(), Trap> {
    if c.condition(op.x) {
        let target = c.reg(15).wrapping_add(op.imm);
        c.branch(target);
    }
    Ok(())
}

/// `BL`.
pub(crate) fn link(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.r[14] = c.next | 1;
    let target = c.reg(15).wrapping_add(op.imm);
    c.branch(target);
    Ok(())
}

/// `BX`.
pub(crate) fn exchange(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.branch_exchange(c.reg(op.m))
}

/// `BLX`.
pub(crate) fn link_exchange(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let target = c.reg(op.m);
    c.r[14] = c.next | 1;
    c.branch(target);
    if target & 1 == 0 {
        c.scs.arm_state = true;
        c.limit = 0;
    }
    Ok(())
}

/// `CBZ`, `CBNZ`: branches when (`n` is 0) differs from `NONZERO`.
pub(crate) fn compare<const NONZERO: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    if (c.reg(op.n) == 0) != NONZERO {
        let target = c.reg(15).wrapping_add(op.imm);
        c.branch(target);
    }
    Ok(())
}

/// `IT`.
pub(crate) fn if_then(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.it = op.x;
    Ok(())
}

/// `SVC`.
pub(crate) fn supervisor(_c: &mut Core, _op: &Op) -> Result<(), Trap> {
    Err(Trap::Supervisor)
}

/// `BKPT`.
pub(crate) fn breakpoint(_c: &mut Core, op: &Op) -> Result<(), Trap> {
    Err(if op.imm == 0xAB {
        Trap::Semihosting
    } else {
        Trap::Breakpoint
    })
}

/// `NOP`, `YIELD`, `DBG`, `DMB`, `DSB`, `ISB`, preload hints: memory is always up to date here.
pub(crate) fn nothing(_c: &mut Core, _op: &Op) -> Result<(), Trap> {
    Ok(())
}

/// `WFI`.
pub(crate) fn wait_for_interrupt(c: &mut Core, _op: &Op) -> Result<(), Trap> {
    c.sleep = Sleep::Interrupt;
    c.limit = 0;
    Ok(())
}

/// `WFE`.
pub(crate) fn wait_for_event(c: &mut Core, _op: &Op) -> Result<(), Trap> {
    if c.event {
        c.event = false;
    } else {
        c.sleep = Sleep::Event;
        c.limit = 0;
    }
    Ok(())
}

/// `SEV`.
pub(crate) fn send_event(c: &mut Core, _op: &Op) -> Result<(), Trap> {
    c.event = true;
    Ok(())
}
