//! Multiplication and division.

use super::{Core, Op, Trap};

/// 16-bit `MULS`: flags outside an IT block.
pub(crate) fn multiply_16(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let result = c.reg(op.n).wrapping_mul(c.reg(op.m));
    if c.it == 0 {
        c.set_nz(result);
    }
    c.set(op.d, result);
    Ok(())
}

/// `MUL`, `MLA` (`KIND` 0: `a` is 15 for none) and `MLS` (1).
pub(crate) fn multiply<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = c.reg(op.n).wrapping_mul(c.reg(op.m));
    let result = if KIND == 1 {
        c.cycles += 1;
        c.reg(op.a).wrapping_sub(product)
    } else if op.a == 15 {
        product
    } else {
        c.cycles += 1;
        c.reg(op.a).wrapping_add(product)
    };
    c.set(op.d, result);
    Ok(())
}

fn half(value: u32, top: bool) -> i64 {
    i64::from((value >> if top { 16 } else { 0 }) as i16)
}

/// Adds the accumulator `a` (none when 15), sets Q when the sum does not fit.
fn accumulate(c: &mut Core, op: &Op, product: i64) {
    let sum = if op.a == 15 {
        product
    } else {
        product + i64::from(c.reg(op.a) as i32)
    };
    c.q |= sum != i64::from(sum as i32);
    c.set(op.d, sum as u32);
}

/// `SMLABB` …: `x` bit 1 takes the top of `n`, bit 0 that of `m`.
pub(crate) fn halves(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = half(c.reg(op.n), op.x & 2 != 0) * half(c.reg(op.m), op.x & 1 != 0);
    accumulate(c, op, product);
    Ok(())
}

/// `SMLAWB` …: `x` bit 0 takes the top of `m`.
pub(crate) fn word_by_half(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = (i64::from(c.reg(op.n) as i32) * half(c.reg(op.m), op.x & 1 != 0)) >> 16;
    accumulate(c, op, product);
    Ok(())
}

fn dual(c: &Core, op: &Op, subtract: bool) -> i64 {
    let (n, mut m) = (c.reg(op.n), c.reg(op.m));
    if op.x & 1 != 0 {
        m = m.rotate_left(16);
    }
    let (low, high) = (
        half(n, false) * half(m, false),
        half(n, true) * half(m, true),
    );
    if subtract { low - high } else { low + high }
}

/// `SMLAD`, `SMUAD`, `SMLSD`, `SMUSD`: `x` bit 0 swaps the halves of `m`.
pub(crate) fn dual_sum<const SUBTRACT: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = dual(c, op, SUBTRACT);
    accumulate(c, op, product);
    Ok(())
}

/// `SMMLA`, `SMMUL`, `SMMLS`: `x` bit 0 rounds.
pub(crate) fn most_significant<const SUBTRACT: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = i64::from(c.reg(op.n) as i32) * i64::from(c.reg(op.m) as i32);
    let base = if op.a == 15 {
        0
    } else {
        i64::from(c.reg(op.a) as i32) << 32
    };
    let sum = if SUBTRACT {
        base.wrapping_sub(product)
    } else {
        base.wrapping_add(product)
    };
    let round = if op.x & 1 != 0 { 0x8000_0000 } else { 0 };
    c.set(op.d, (sum.wrapping_add(round) >> 32) as u32);
    Ok(())
}

fn pair(c: &Core, op: &Op) -> u64 {
    u64::from(c.reg(op.d)) << 32 | u64::from(c.reg(op.a))
}

/// Long results go to `a` (low) and `d` (high).
fn set_pair(c: &mut Core, op: &Op, value: u64) {
    c.set(op.a, value as u32);
    c.set(op.d, (value >> 32) as u32);
}

/// `SMULL` 0, `UMULL` 1, `SMLAL` 2, `UMLAL` 3, `UMAAL` 4.
pub(crate) fn long<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (n, m) = (c.reg(op.n), c.reg(op.m));
    let signed = (i64::from(n as i32) * i64::from(m as i32)) as u64;
    let unsigned = u64::from(n) * u64::from(m);
    let result = match KIND {
        0 => signed,
        1 => unsigned,
        2 => pair(c, op).wrapping_add(signed),
        3 => pair(c, op).wrapping_add(unsigned),
        _ => unsigned + u64::from(c.reg(op.a)) + u64::from(c.reg(op.d)),
    };
    set_pair(c, op, result);
    Ok(())
}

/// `SMLALBB` ….
pub(crate) fn long_halves(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = half(c.reg(op.n), op.x & 2 != 0) * half(c.reg(op.m), op.x & 1 != 0);
    set_pair(c, op, pair(c, op).wrapping_add(product as u64));
    Ok(())
}

/// `SMLALD`, `SMLSLD`.
pub(crate) fn long_dual<const SUBTRACT: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let product = dual(c, op, SUBTRACT);
    set_pair(c, op, pair(c, op).wrapping_add(product as u64));
    Ok(())
}

/// `SDIV`, `UDIV`.
pub(crate) fn divide<const SIGNED: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (n, m) = (c.reg(op.n), c.reg(op.m));
    if m == 0 && c.scs.divide_by_zero_traps() {
        return Err(Trap::DivideByZero);
    }
    let result = match (m, SIGNED) {
        (0, _) => 0,
        (_, true) => (n as i32).wrapping_div(m as i32) as u32,
        (_, false) => n / m,
    };
    let magnitude = if SIGNED {
        (result as i32).unsigned_abs()
    } else {
        result
    };
    c.cycles += 1 + u64::from((32 - magnitude.leading_zeros()).div_ceil(4));
    c.set(op.d, result);
    Ok(())
}
