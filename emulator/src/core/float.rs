//! The floating-point unit: registers, transfers, and the instructions around
//! [`float_arithmetic`](super::float_arithmetic).

use super::{Core, Op, Trap, float_arithmetic as exact};

/// Registers of the unit.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Registers {
    /// S0 to S31.
    pub(crate) s: [u32; 32],
    /// Status and control.
    pub(crate) fpscr: u32,
    /// What a new context starts with.
    pub(crate) fpdscr: u32,
    /// `CPACR` grants access to coprocessors 10 and 11: 0 none, 1 privileged, 3 all.
    pub(crate) access: u8,
    /// `FPCCR`; reset value from ARMv7-M ARM, B3.2.21.
    pub(crate) fpccr: u32,
    /// `FPCAR`.
    pub(crate) fpcar: u32,
}

/// `FPCCR.ASPEN`.
pub(crate) const ASPEN: u32 = 1 << 31;
/// `FPCCR.LSPEN`.
pub(crate) const LSPEN: u32 = 1 << 30;

/// `FPCCR.LSPACT`: registers wait to be saved.
pub(crate) const LSPACT: u32 = 1;

/// Two-operand operations.
pub(crate) mod arithmetic {
    pub(crate) const ADD: u8 = 0;
    pub(crate) const SUB: u8 = 1;
    pub(crate) const MUL: u8 = 2;
    pub(crate) const NMUL: u8 = 3;
    pub(crate) const DIV: u8 = 4;
    pub(crate) const MLA: u8 = 5;
    pub(crate) const MLS: u8 = 6;
    pub(crate) const NMLA: u8 = 7;
    pub(crate) const NMLS: u8 = 8;
    pub(crate) const FMA: u8 = 9;
    pub(crate) const FMS: u8 = 10;
    pub(crate) const FNMA: u8 = 11;
    pub(crate) const FNMS: u8 = 12;
}

const SIGN: u32 = 1 << 31;

impl Core {
    /// Access check and start of a floating-point context, before every instruction of the unit.
    #[inline(always)]
    fn float_check(&mut self) -> Result<(), Trap> {
        if self.fp.access == 3 && self.control & 4 != 0 {
            return Ok(());
        }
        self.float_start()
    }

    #[cold]
    fn float_start(&mut self) -> Result<(), Trap> {
        let allowed = match self.fp.access {
            3 => true,
            1 => self.privileged(),
            _ => false,
        };
        if !allowed {
            return Err(Trap::NoCoprocessor);
        }
        if self.fp.fpccr & LSPACT != 0 {
            self.preserve_float()?;
        }
        if self.control & 4 == 0 && self.fp.fpccr & ASPEN != 0 {
            self.control |= 4;
            // FPDSCR gives AHP, DN, FZ and RMode of a new context.
            self.fp.fpscr = self.fp.fpscr & !0x07C0_0000 | self.fp.fpdscr & 0x07C0_0000;
        }
        Ok(())
    }

    #[inline(always)]
    fn s(&self, index: u8) -> u32 {
        self.fp.s[usize::from(index & 31)]
    }

    #[inline(always)]
    fn set_s(&mut self, index: u8, value: u32) {
        self.fp.s[usize::from(index & 31)] = value;
    }
}

/// A coprocessor that this core does not have.
pub(crate) fn absent(_c: &mut Core, _op: &Op) -> Result<(), Trap> {
    Err(Trap::NoCoprocessor)
}

/// `VADD` and the other operations on `n`, `m` and, for the accumulating ones, `d`.
pub(crate) fn two<const KIND: u8>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    use arithmetic::{ADD, DIV, FMA, FMS, FNMA, FNMS, MLA, MLS, MUL, NMLA, NMLS, NMUL, SUB};
    c.float_check()?;
    let (d, n, m) = (c.s(op.d), c.s(op.n), c.s(op.m));
    let status = &mut c.fp.fpscr;
    let result = match KIND {
        ADD => exact::add(n, m, status),
        SUB => exact::subtract(n, m, status),
        MUL => exact::multiply(n, m, status),
        NMUL => exact::multiply(n, m, status) ^ SIGN,
        DIV => exact::divide(n, m, status),
        MLA => {
            let product = exact::multiply(n, m, status);
            exact::add(d, product, status)
        }
        MLS => {
            let product = exact::multiply(n, m, status);
            exact::add(d, product ^ SIGN, status)
        }
        NMLA => {
            let product = exact::multiply(n, m, status);
            exact::add(d ^ SIGN, product ^ SIGN, status)
        }
        NMLS => {
            let product = exact::multiply(n, m, status);
            exact::add(d ^ SIGN, product, status)
        }
        FMA => exact::fused(d, n, m, status),
        FMS => exact::fused(d, n ^ SIGN, m, status),
        FNMA => exact::fused(d ^ SIGN, n ^ SIGN, m, status),
        _ => exact::fused(d ^ SIGN, n, m, status),
    };
    c.cycles += match KIND {
        DIV => 13,
        MLA | MLS | NMLA | NMLS | FMA | FMS | FNMA | FNMS => 2,
        _ => 0,
    };
    c.set_s(op.d, result);
    Ok(())
}

/// `VMOV` immediate.
pub(crate) fn constant(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.set_s(op.d, op.imm);
    Ok(())
}

/// `VMOV` register.
pub(crate) fn copy(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.set_s(op.d, c.s(op.m));
    Ok(())
}

/// `VABS`.
pub(crate) fn absolute(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.set_s(op.d, c.s(op.m) & !SIGN);
    Ok(())
}

/// `VNEG`.
pub(crate) fn negate(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.set_s(op.d, c.s(op.m) ^ SIGN);
    Ok(())
}

/// `VSQRT`.
pub(crate) fn square_root(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.cycles += 13;
    let result = exact::square_root(c.s(op.m), &mut c.fp.fpscr);
    c.set_s(op.d, result);
    Ok(())
}

/// `VCMP`, `VCMPE`: `x` bit 0 also signals quiet NaNs, bit 1 compares with zero.
pub(crate) fn compare(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let other = if op.x & 2 != 0 { 0 } else { c.s(op.m) };
    let flags = exact::compare(c.s(op.d), other, op.x & 1 != 0, &mut c.fp.fpscr);
    c.fp.fpscr = c.fp.fpscr & 0x0FFF_FFFF | flags << 28;
    Ok(())
}

/// `VCVT` from an integer; `x` 1: signed.
pub(crate) fn from_integer(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let raw = c.s(op.m);
    let value = if op.x == 1 {
        f64::from(raw as i32)
    } else {
        f64::from(raw)
    };
    let result = exact::from_exact(value, &mut c.fp.fpscr);
    c.set_s(op.d, result);
    Ok(())
}

/// `VCVT`, `VCVTR` to an integer: `x` bit 0 unsigned, bit 1 towards zero.
pub(crate) fn to_integer(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let format = exact::Fixed {
        bits: 32,
        fraction: 0,
        signed: op.x & 1 == 0,
    };
    let result = exact::to_fixed(c.s(op.m), format, op.x & 2 != 0, &mut c.fp.fpscr);
    c.set_s(op.d, result);
    Ok(())
}

fn fixed_format(op: &Op) -> exact::Fixed {
    exact::Fixed {
        bits: if op.x & 2 != 0 { 16 } else { 32 },
        fraction: op.imm,
        signed: op.x & 1 == 0,
    }
}

/// `VCVT` from fixed point, in place, to nearest.
pub(crate) fn from_fixed(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let result = exact::from_fixed(c.s(op.d), fixed_format(op), &mut c.fp.fpscr);
    c.set_s(op.d, result);
    Ok(())
}

/// `VCVT` to fixed point, in place, towards zero.
pub(crate) fn to_fixed(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let result = exact::to_fixed(c.s(op.d), fixed_format(op), true, &mut c.fp.fpscr);
    c.set_s(op.d, result);
    Ok(())
}

/// `VCVTB`, `VCVTT` from half precision; `x` 1: the top half.
pub(crate) fn from_half(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let half = c.s(op.m) >> (16 * u32::from(op.x));
    let result = exact::from_half(half as u16, &mut c.fp.fpscr);
    c.set_s(op.d, result);
    Ok(())
}

/// `VCVTB`, `VCVTT` to half precision; `x` 1: the top half.
pub(crate) fn to_half(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let shift = 16 * u32::from(op.x);
    let half = u32::from(exact::to_half(c.s(op.m), &mut c.fp.fpscr));
    c.set_s(op.d, c.s(op.d) & !(0xFFFF << shift) | half << shift);
    Ok(())
}

/// `VMOV Sn, Rt`.
pub(crate) fn from_core(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.set_s(op.n, c.reg(op.d));
    Ok(())
}

/// `VMOV Rt, Sn`.
pub(crate) fn to_core(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.set(op.d, c.s(op.n));
    Ok(())
}

/// `VMOV Sn, Sn+1, Rt, Rt2`.
pub(crate) fn from_core_two(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.cycles += 1;
    c.set_s(op.n, c.reg(op.d));
    c.set_s(op.n + 1, c.reg(op.a));
    Ok(())
}

/// `VMOV Rt, Rt2, Sn, Sn+1`.
pub(crate) fn to_core_two(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.cycles += 1;
    c.set(op.d, c.s(op.n));
    c.set(op.a, c.s(op.n + 1));
    Ok(())
}

/// `VMSR FPSCR, Rt`.
pub(crate) fn write_status(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    c.fp.fpscr = c.reg(op.d) & exact::STATUS_BITS;
    Ok(())
}

/// `VMRS Rt, FPSCR`; to the flags when `d` is 15.
pub(crate) fn read_status(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    if op.d == 15 {
        c.set_nzcv(c.fp.fpscr);
    } else {
        c.set(op.d, c.fp.fpscr);
    }
    Ok(())
}

fn span(c: &Core, op: &Op) -> Result<(u32, u32), Trap> {
    let base = if op.n == 15 {
        c.reg(15) & !3
    } else {
        c.reg(op.n)
    };
    let moved = base.wrapping_add(op.imm);
    let start = if op.x & 2 != 0 { moved } else { base };
    if start & 3 != 0 {
        return Err(Trap::Unaligned);
    }
    Ok((start, moved))
}

/// `VLDR`, `VLDM`, `VPOP`: `m` registers from `d` on.
pub(crate) fn load(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let (mut address, moved) = span(c, op)?;
    c.cycles += u64::from(op.m);
    for register in op.d..op.d + op.m {
        let value = c.load32(address)?;
        c.set_s(register, value);
        address = address.wrapping_add(4);
    }
    if op.x & 1 != 0 {
        c.set(op.n, moved);
    }
    Ok(())
}

/// `VSTR`, `VSTM`, `VPUSH`.
pub(crate) fn store(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.float_check()?;
    let (mut address, moved) = span(c, op)?;
    c.cycles += u64::from(op.m);
    for register in op.d..op.d + op.m {
        c.store32(address, c.s(register))?;
        address = address.wrapping_add(4);
    }
    if op.x & 1 != 0 {
        c.set(op.n, moved);
    }
    Ok(())
}
