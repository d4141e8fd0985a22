//! From instruction half-words to [`Op`]s.

use super::{Core, Op, Trap, data, decode16, decode32};

/// Decodes the instruction that starts with `first`; `second` is the half-word after it.
pub(crate) fn decode(first: u16, second: u16) -> Op {
    let first32 = u32::from(first);
    if first32 >> 11 >= 0b11101 {
        decode32::decode(first32, second.into())
    } else {
        let mut op = decode16::decode(first32);
        op.size = 2;
        op
    }
}

/// No such instruction.
pub(crate) fn undefined(_c: &mut Core, _op: &Op) -> Result<(), Trap> {
    Err(Trap::Undefined)
}

/// A literal load whose value is known.
pub(crate) fn constant(load: &Op, value: u32) -> Op {
    Op {
        run: data::literal,
        imm: value,
        literal: false,
        ..*load
    }
}

/// Bits `high` to `low` of an encoding.
#[inline]
pub(crate) const fn bits(value: u32, high: u32, low: u32) -> u32 {
    value >> low & ((1 << (high - low + 1)) - 1)
}
