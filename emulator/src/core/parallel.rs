//! Operations on the halves and bytes of a register: parallel sums with GE flags, saturation,
//! selection, packing, sums of differences.

use super::{Core, Op, Trap, alu};

/// How lanes are combined, numbered as in the encoding (ARMv7-M ARM, A5.3.13).
pub(crate) mod lanes {
    pub(crate) const ADD8: u8 = 0;
    pub(crate) const ADD16: u8 = 1;
    pub(crate) const ASX: u8 = 2;
    pub(crate) const SUB8: u8 = 4;
    pub(crate) const SUB16: u8 = 5;
    pub(crate) const SAX: u8 = 6;
}
/// What becomes of a lane's result: GE flags, saturation, halving; signed or not.
pub(crate) mod mode {
    pub(crate) const SIGNED: u8 = 0;
    pub(crate) const SIGNED_SATURATING: u8 = 1;
    pub(crate) const SIGNED_HALVING: u8 = 2;
    pub(crate) const UNSIGNED: u8 = 4;
    pub(crate) const UNSIGNED_SATURATING: u8 = 5;
    pub(crate) const UNSIGNED_HALVING: u8 = 6;
}

/// `SADD16` and its 35 relatives: lanes by `LANES`, treatment by mode `x`.
pub(crate) fn sum<const LANES: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    use lanes::{ADD8, ADD16, ASX, SAX, SUB8};
    let (n, m) = (c.reg(op.n), c.reg(op.m));
    let signed = op.x < mode::UNSIGNED;
    let (bits, step) = if LANES == ADD8 || LANES == SUB8 {
        (8, 1)
    } else {
        (16, 2)
    };
    let lane = |value: u32, index: u32| {
        let value = value >> (bits * index) & ((1 << bits) - 1);
        if signed {
            alu::sign_extend(value, bits) as i32
        } else {
            value as i32
        }
    };
    let (mut result, mut ge) = (0u32, 0u8);
    for index in 0..32 / bits {
        let other = if LANES == ASX || LANES == SAX {
            1 - index
        } else {
            index
        };
        let add = match LANES {
            ADD8 | ADD16 => true,
            ASX => index == 1,
            SAX => index == 0,
            _ => false,
        };
        let (a, b) = (lane(n, index), lane(m, other));
        let exact = if add { a + b } else { a - b };
        let value = match op.x {
            mode::SIGNED_SATURATING => alu::signed_saturate(exact.into(), bits).0,
            mode::UNSIGNED_SATURATING => alu::unsigned_saturate(exact.into(), bits).0,
            mode::SIGNED_HALVING | mode::UNSIGNED_HALVING => (exact >> 1) as u32,
            _ => {
                let set = if add && !signed {
                    exact >= 1 << bits
                } else {
                    exact >= 0
                };
                if set {
                    ge |= ((1 << step) - 1) << (step * index);
                }
                exact as u32
            }
        };
        result |= (value & ((1 << bits) - 1)) << (bits * index);
    }
    if op.x == mode::SIGNED || op.x == mode::UNSIGNED {
        c.ge = ge;
    }
    c.set(op.d, result);
    Ok(())
}

/// `QADD`, `QSUB`, `QDADD`, `QDSUB`: bit 0 of `KIND` subtracts, bit 1 doubles `n` first.
pub(crate) fn saturating<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (m, mut n) = (i64::from(c.reg(op.m) as i32), i64::from(c.reg(op.n) as i32));
    if KIND & 2 != 0 {
        let (doubled, saturated) = alu::signed_saturate(2 * n, 32);
        n = i64::from(doubled as i32);
        c.q |= saturated;
    }
    let exact = if KIND & 1 == 0 { m + n } else { m - n };
    let (result, saturated) = alu::signed_saturate(exact, 32);
    c.q |= saturated;
    c.set(op.d, result);
    Ok(())
}

/// `SEL`.
pub(crate) fn select(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let mut mask = 0;
    for lane in 0..4 {
        if c.ge >> lane & 1 != 0 {
            mask |= 0xFFu32 << (8 * lane);
        }
    }
    let value = c.reg(op.n) & mask | c.reg(op.m) & !mask;
    c.set(op.d, value);
    Ok(())
}

/// `PKHBT`, `PKHTB`.
pub(crate) fn pack<const TOP_FIRST: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (m, _) = alu::shift(c.reg(op.m), op.x, op.imm, false);
    let n = c.reg(op.n);
    let value = if TOP_FIRST {
        n & 0xFFFF_0000 | m & 0xFFFF
    } else {
        m & 0xFFFF_0000 | n & 0xFFFF
    };
    c.set(op.d, value);
    Ok(())
}

/// `USAD8`, `USADA8`; no addend when `a` is 15.
pub(crate) fn sum_of_differences(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (n, m) = (c.reg(op.n).to_le_bytes(), c.reg(op.m).to_le_bytes());
    let sum: u32 = n.iter().zip(m).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
    let base = if op.a == 15 { 0 } else { c.reg(op.a) };
    c.set(op.d, base.wrapping_add(sum));
    Ok(())
}
