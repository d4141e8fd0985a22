//! Loads and stores of one register.

use super::{Core, Op, Trap, op::Handler};

/// What is loaded.
pub(crate) mod kind {
    pub(crate) const WORD: u8 = 0;
    pub(crate) const HALF: u8 = 1;
    pub(crate) const BYTE: u8 = 2;
    pub(crate) const SIGNED_HALF: u8 = 3;
    pub(crate) const SIGNED_BYTE: u8 = 4;
    /// A word into the PC.
    pub(crate) const TO_PC: u8 = 5;
}
use kind::{BYTE, HALF, SIGNED_BYTE, SIGNED_HALF, TO_PC, WORD};

#[inline(always)]
fn fetch<const KIND: u8>(c: &mut Core, address: u32) -> Result<u32, Trap> {
    c.cycles += 1;
    match KIND {
        HALF => c.load16(address),
        BYTE => c.load8(address),
        SIGNED_HALF => c.load16(address).map(|value| value as i16 as u32),
        SIGNED_BYTE => c.load8(address).map(|value| value as i8 as u32),
        _ => c.load32(address),
    }
}

#[inline(always)]
fn finish<const KIND: u8>(c: &mut Core, op: &Op, value: u32) -> Result<(), Trap> {
    if KIND == TO_PC {
        return c.branch_exchange(value);
    }
    c.set(op.d, value);
    Ok(())
}

/// `[n, #imm]`.
pub(crate) fn offset<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = fetch::<KIND>(c, c.reg(op.n).wrapping_add(op.imm))?;
    finish::<KIND>(c, op, value)
}

/// `[n, #imm]!`.
pub(crate) fn pre<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n).wrapping_add(op.imm);
    let value = fetch::<KIND>(c, address)?;
    c.set(op.n, address);
    finish::<KIND>(c, op, value)
}

/// `[n], #imm`.
pub(crate) fn post<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n);
    let value = fetch::<KIND>(c, address)?;
    c.set(op.n, address.wrapping_add(op.imm));
    finish::<KIND>(c, op, value)
}

/// `[n, m, LSL #x]`.
pub(crate) fn indexed<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n).wrapping_add(c.reg(op.m) << (op.x & 3));
    let value = fetch::<KIND>(c, address)?;
    finish::<KIND>(c, op, value)
}

/// `[PC, #imm]`.
pub(crate) fn literal<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = fetch::<KIND>(c, (c.reg(15) & !3).wrapping_add(op.imm))?;
    finish::<KIND>(c, op, value)
}

#[inline(always)]
fn put<const KIND: u8>(c: &mut Core, op: &Op, address: u32) -> Result<(), Trap> {
    c.cycles += 1;
    let value = c.reg(op.d);
    match KIND {
        HALF => c.store16(address, value as u16),
        BYTE => c.store8(address, value as u8),
        _ => c.store32(address, value),
    }
}

/// `[n, #imm]`.
pub(crate) fn store_offset<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    put::<KIND>(c, op, c.reg(op.n).wrapping_add(op.imm))
}

/// `[n, #imm]!`.
pub(crate) fn store_pre<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n).wrapping_add(op.imm);
    put::<KIND>(c, op, address)?;
    c.set(op.n, address);
    Ok(())
}

/// `[n], #imm`.
pub(crate) fn store_post<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n);
    put::<KIND>(c, op, address)?;
    c.set(op.n, address.wrapping_add(op.imm));
    Ok(())
}

/// `[n, m, LSL #x]`.
pub(crate) fn store_indexed<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    put::<KIND>(c, op, c.reg(op.n).wrapping_add(c.reg(op.m) << (op.x & 3)))
}

macro_rules! pick {
    ($kind:expr, $family:ident, [$($name:ident)*]) => {
        match $kind {
            $($name => $family::<$name>,)*
            _ => super::decode::undefined,
        }
    };
}

/// How an address is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Offset,
    Pre,
    Post,
    Indexed,
    Literal,
}

/// Handler of a load.
pub(crate) fn pick_load(kind: u8, form: Form) -> Handler {
    match form {
        Form::Offset => pick!(kind, offset, [WORD HALF BYTE SIGNED_HALF SIGNED_BYTE TO_PC]),
        Form::Pre => pick!(kind, pre, [WORD HALF BYTE SIGNED_HALF SIGNED_BYTE TO_PC]),
        Form::Post => pick!(kind, post, [WORD HALF BYTE SIGNED_HALF SIGNED_BYTE TO_PC]),
        Form::Indexed => pick!(kind, indexed, [WORD HALF BYTE SIGNED_HALF SIGNED_BYTE TO_PC]),
        Form::Literal => pick!(kind, literal, [WORD HALF BYTE SIGNED_HALF SIGNED_BYTE TO_PC]),
    }
}

/// Handler of a store.
pub(crate) fn pick_store(kind: u8, form: Form) -> Handler {
    match form {
        Form::Offset => pick!(kind, store_offset, [WORD HALF BYTE]),
        Form::Pre => pick!(kind, store_pre, [WORD HALF BYTE]),
        Form::Post => pick!(kind, store_post, [WORD HALF BYTE]),
        Form::Indexed => pick!(kind, store_indexed, [WORD HALF BYTE]),
        Form::Literal => super::decode::undefined,
    }
}
