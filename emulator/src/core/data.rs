//! Data processing: moves, logic, sums, comparisons, shifts, bit fields, extensions, reversals.

use super::{Core, Op, Trap, alu};

/// Operations, numbered as in the 32-bit encodings where they have a number there.
pub(crate) mod kind {
    pub(crate) const AND: u8 = 0;
    pub(crate) const BIC: u8 = 1;
    pub(crate) const ORR: u8 = 2;
    pub(crate) const ORN: u8 = 3;
    pub(crate) const EOR: u8 = 4;
    pub(crate) const MOV: u8 = 5;
    pub(crate) const MVN: u8 = 6;
    pub(crate) const TST: u8 = 7;
    pub(crate) const ADD: u8 = 8;
    pub(crate) const TEQ: u8 = 9;
    pub(crate) const ADC: u8 = 10;
    pub(crate) const SBC: u8 = 11;
    pub(crate) const CMN: u8 = 12;
    pub(crate) const SUB: u8 = 13;
    pub(crate) const RSB: u8 = 14;
    pub(crate) const CMP: u8 = 15;
}
use kind::{ADC, ADD, AND, BIC, CMN, CMP, EOR, MOV, MVN, ORN, ORR, SBC, SUB, TEQ, TST};

/// Whether flags are set: never, always, or outside an IT block (16-bit encodings).
pub(crate) const KEEP: u8 = 0;
pub(crate) const SET: u8 = 1;
pub(crate) const OUTSIDE_IT: u8 = 2;

#[inline(always)]
fn operate<const KIND: u8, const FLAGS: u8>(c: &mut Core, op: &Op, b: u32, carry: bool) {
    let set = FLAGS == SET || (FLAGS == OUTSIDE_IT && c.it == 0);
    let a = if KIND == MOV || KIND == MVN {
        0
    } else {
        c.reg(op.n)
    };
    let result = match KIND {
        AND | TST | BIC | ORR | ORN | EOR | TEQ | MOV | MVN => {
            let result = match KIND {
                AND | TST => a & b,
                BIC => a & !b,
                ORR => a | b,
                ORN => a | !b,
                EOR | TEQ => a ^ b,
                MOV => b,
                _ => !b,
            };
            if set {
                c.set_nz(result);
                c.c = carry;
            }
            result
        }
        _ => {
            let (result, carry, overflow) = match KIND {
                ADD | CMN => alu::add_with_carry(a, b, false),
                ADC => alu::add_with_carry(a, b, c.c),
                SBC => alu::add_with_carry(a, !b, c.c),
                SUB | CMP => alu::add_with_carry(a, !b, true),
                _ => alu::add_with_carry(!a, b, true),
            };
            if set {
                c.set_nz(result);
                c.c = carry;
                c.v = overflow;
            }
            result
        }
    };
    if !matches!(KIND, TST | TEQ | CMN | CMP) {
        c.set(op.d, result);
    }
}

/// With an immediate; `x` is its carry: 0 or 1, 2 keeps.
pub(crate) fn immediate<const KIND: u8, const FLAGS: u8>(
    c: &mut Core,
    op: &Op,
) -> Result<(), Trap> {
    let carry = if op.x == 2 { c.c } else { op.x != 0 };
    operate::<KIND, FLAGS>(c, op, op.imm, carry);
    Ok(())
}

/// With a register as it is.
pub(crate) fn register<const KIND: u8, const FLAGS: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    operate::<KIND, FLAGS>(c, op, c.reg(op.m), c.c);
    Ok(())
}

/// With a register shifted by `imm` in kind `x`.
pub(crate) fn shifted<const KIND: u8, const FLAGS: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (value, carry) = alu::shift(c.reg(op.m), op.x, op.imm, c.c);
    operate::<KIND, FLAGS>(c, op, value, carry);
    Ok(())
}

/// Picks the handler of a family by operation and flag setting.
macro_rules! pick {
    ($family:ident, $kind:expr, $flags:expr) => {
        pick!(@flags $family, $kind, $flags, [
            AND BIC ORR ORN EOR MOV MVN TST ADD TEQ ADC SBC CMN SUB RSB CMP
        ])
    };
    (@flags $family:ident, $kind:expr, $flags:expr, [$($name:ident)*]) => {
        match ($kind, $flags) {
            $(
                (kind::$name, KEEP) => $family::<{ kind::$name }, KEEP>,
                (kind::$name, SET) => $family::<{ kind::$name }, SET>,
                (kind::$name, OUTSIDE_IT) => $family::<{ kind::$name }, OUTSIDE_IT>,
            )*
            _ => super::decode::undefined,
        }
    };
}

/// Handler for an immediate operand.
pub(crate) fn pick_immediate(kind: u8, flags: u8) -> super::op::Handler {
    pick!(immediate, kind, flags)
}

/// Handler for a register operand.
pub(crate) fn pick_register(kind: u8, flags: u8) -> super::op::Handler {
    pick!(register, kind, flags)
}

/// Handler for a shifted register operand.
pub(crate) fn pick_shifted(kind: u8, flags: u8) -> super::op::Handler {
    pick!(shifted, kind, flags)
}

/// Shift of `n` by register `m` in kind `x`.
pub(crate) fn shift_by_register<const FLAGS: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (result, carry) = alu::shift(c.reg(op.n), op.x, c.reg(op.m) & 0xFF, c.c);
    if FLAGS == SET || (FLAGS == OUTSIDE_IT && c.it == 0) {
        c.set_nz(result);
        c.c = carry;
    }
    c.set(op.d, result);
    Ok(())
}

/// `ADD Rd, Rm` and `MOV Rd, Rm` with the PC as destination.
pub(crate) fn add_to_pc(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let target = c.reg(15).wrapping_add(c.reg(op.m));
    c.branch(target);
    Ok(())
}

/// `MOV PC, Rm`.
pub(crate) fn move_to_pc(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let target = c.reg(op.m);
    c.branch(target);
    Ok(())
}

/// `ADR`: the aligned PC plus or minus an offset.
pub(crate) fn address(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = (c.reg(15) & !3).wrapping_add(op.imm);
    c.set(op.d, value);
    Ok(())
}

/// A constant that was a load from flash memory.
pub(crate) fn literal(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.cycles += 1;
    c.set(op.d, op.imm);
    Ok(())
}

/// `MOVT`.
pub(crate) fn move_top(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = c.reg(op.d) & 0xFFFF | op.imm << 16;
    c.set(op.d, value);
    Ok(())
}

/// `BFI`, `BFC`: lowest bit `a`, mask at its place `imm`, `BFC` when `x` is 1.
pub(crate) fn insert_field(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let source = if op.x == 1 { 0 } else { c.reg(op.n) << op.a };
    let value = c.reg(op.d) & !op.imm | source & op.imm;
    c.set(op.d, value);
    Ok(())
}

/// `SBFX`, `UBFX`: shift left by `a`, then right by `imm`.
pub(crate) fn extract_field<const SIGNED: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = c.reg(op.n) << op.a;
    let value = if SIGNED {
        (value as i32 >> op.imm) as u32
    } else {
        value >> op.imm
    };
    c.set(op.d, value);
    Ok(())
}

/// Extensions; numbered as the instructions are.
pub(crate) mod extend_kind {
    pub(crate) const SXTH: u8 = 0;
    pub(crate) const UXTH: u8 = 1;
    pub(crate) const SXTB16: u8 = 2;
    pub(crate) const UXTB16: u8 = 3;
    pub(crate) const SXTB: u8 = 4;
    pub(crate) const UXTB: u8 = 5;
}

/// `SXTH`, `UXTAB16`, …: `m` rotated by `imm`, extended, added to `n` (none when `n` is 15).
pub(crate) fn extend<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    use extend_kind::{SXTB, SXTB16, SXTH, UXTB16, UXTH};
    let value = c.reg(op.m).rotate_right(op.imm);
    let base = if op.n == 15 { 0 } else { c.reg(op.n) };
    let result = match KIND {
        SXTH => base.wrapping_add(value as i16 as u32),
        UXTH => base.wrapping_add(value & 0xFFFF),
        SXTB => base.wrapping_add(value as i8 as u32),
        SXTB16 | UXTB16 => {
            let half = |shift: u32| {
                let byte = (value >> shift) as u8;
                let byte = if KIND == SXTB16 {
                    byte as i8 as u32
                } else {
                    u32::from(byte)
                };
                (base >> shift).wrapping_add(byte) & 0xFFFF
            };
            half(16) << 16 | half(0)
        }
        _ => base.wrapping_add(value & 0xFF),
    };
    c.set(op.d, result);
    Ok(())
}

/// `REV`, `REV16`, `RBIT`, `REVSH`, `CLZ` by `KIND` 0 to 4.
pub(crate) fn rearrange<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = c.reg(op.m);
    let result = match KIND {
        0 => value.swap_bytes(),
        1 => value.swap_bytes().rotate_left(16),
        2 => value.reverse_bits(),
        3 => (value as u16).swap_bytes() as i16 as u32,
        _ => value.leading_zeros(),
    };
    c.set(op.d, result);
    Ok(())
}

/// `SSAT`, `USAT`: to `a` bits, of `n` shifted by `imm` in kind `x`.
pub(crate) fn saturate<const SIGNED: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (value, _) = alu::shift(c.reg(op.n), op.x, op.imm, false);
    let value = i64::from(value as i32);
    let (result, saturated) = if SIGNED {
        alu::signed_saturate(value, op.a.into())
    } else {
        alu::unsigned_saturate(value, op.a.into())
    };
    c.q |= saturated;
    c.set(op.d, result);
    Ok(())
}

/// `SSAT16`, `USAT16`: both halves of `n` to `a` bits.
pub(crate) fn saturate_halves<const SIGNED: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let value = c.reg(op.n);
    let mut result = 0;
    for shift in [0, 16] {
        let half = i64::from((value >> shift) as i16);
        let (half, saturated) = if SIGNED {
            alu::signed_saturate(half, op.a.into())
        } else {
            alu::unsigned_saturate(half, op.a.into())
        };
        c.q |= saturated;
        result |= (half & 0xFFFF) << shift;
    }
    c.set(op.d, result);
    Ok(())
}
