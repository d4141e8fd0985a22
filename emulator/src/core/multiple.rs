//! Loads and stores of several registers, of pairs, and exclusive ones.

use super::{Core, Op, Trap};

/// `x` of a multiple transfer: write the base back.
pub(crate) const WRITE_BACK: u8 = 1;
/// `x` of a multiple transfer: count downwards, before the transfer.
pub(crate) const DECREMENT: u8 = 2;

fn span(c: &Core, op: &Op) -> Result<(u32, u32), Trap> {
    let bytes = 4 * op.imm.count_ones();
    let base = c.reg(op.n);
    if base & 3 != 0 {
        return Err(Trap::Unaligned);
    }
    Ok(if op.x & DECREMENT != 0 {
        let start = base.wrapping_sub(bytes);
        (start, start)
    } else {
        (base, base.wrapping_add(bytes))
    })
}

/// `LDM`, `POP`: the registers in `imm` from `n`.
pub(crate) fn load(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (mut address, end) = span(c, op)?;
    c.cycles += u64::from(op.imm.count_ones());
    // Nothing may change when an access faults, so that the instruction can be repeated.
    let mut values = c.r;
    let mut list = op.imm & 0xFFFF;
    while list != 0 {
        let register = list.trailing_zeros() as usize & 15;
        values[register] = c.load32(address)?;
        address = address.wrapping_add(4);
        list &= list - 1;
    }
    let (sp, target) = (values[13], values[15]);
    values[13] = sp & !3;
    c.r = values;
    if op.x & WRITE_BACK != 0 && op.imm >> op.n & 1 == 0 {
        c.set(op.n, end);
    }
    if op.imm & 1 << 15 != 0 {
        return c.branch_exchange(target);
    }
    Ok(())
}

/// `STM`, `PUSH`: the registers in `imm` to `n`.
pub(crate) fn store(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (mut address, end) = span(c, op)?;
    c.cycles += u64::from(op.imm.count_ones());
    let mut list = op.imm & 0xFFFF;
    while list != 0 {
        let register = list.trailing_zeros() as u8;
        c.store32(address, c.reg(register))?;
        address = address.wrapping_add(4);
        list &= list - 1;
    }
    if op.x & WRITE_BACK != 0 {
        c.set(op.n, end);
    }
    Ok(())
}

/// Address and written-back base of a pair: `x` bit 0 writes back, bit 1 indexes before.
fn pair(c: &Core, op: &Op) -> Result<(u32, u32), Trap> {
    let base = if op.n == 15 {
        c.reg(15) & !3
    } else {
        c.reg(op.n)
    };
    let moved = base.wrapping_add(op.imm);
    let address = if op.x & 2 != 0 { moved } else { base };
    if address & 3 != 0 {
        return Err(Trap::Unaligned);
    }
    Ok((address, moved))
}

/// `LDRD` into `d` and `a`.
pub(crate) fn load_pair(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (address, moved) = pair(c, op)?;
    c.cycles += 2;
    let low = c.load32(address)?;
    let high = c.load32(address.wrapping_add(4))?;
    if op.x & 1 != 0 {
        c.set(op.n, moved);
    }
    c.set(op.d, low);
    c.set(op.a, high);
    Ok(())
}

/// `STRD` from `d` and `a`.
pub(crate) fn store_pair(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let (address, moved) = pair(c, op)?;
    c.cycles += 2;
    c.store32(address, c.reg(op.d))?;
    c.store32(address.wrapping_add(4), c.reg(op.a))?;
    if op.x & 1 != 0 {
        c.set(op.n, moved);
    }
    Ok(())
}

/// `LDREX`, `LDREXH`, `LDREXB` by `SIZE` in bytes.
pub(crate) fn load_exclusive<const SIZE: u32>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n).wrapping_add(op.imm);
    if address & (SIZE - 1) != 0 {
        return Err(Trap::Unaligned);
    }
    c.cycles += 1;
    let value = match SIZE {
        1 => c.load8(address)?,
        2 => c.load16(address)?,
        _ => c.load32(address)?,
    };
    c.exclusive = true;
    c.set(op.d, value);
    Ok(())
}

/// `STREX`, `STREXH`, `STREXB`: value `a`, status into `d`.
pub(crate) fn store_exclusive<const SIZE: u32>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    let address = c.reg(op.n).wrapping_add(op.imm);
    if address & (SIZE - 1) != 0 {
        return Err(Trap::Unaligned);
    }
    c.cycles += 1;
    if !c.exclusive {
        c.set(op.d, 1);
        return Ok(());
    }
    let value = c.reg(op.a);
    match SIZE {
        1 => c.store8(address, value as u8)?,
        2 => c.store16(address, value as u16)?,
        _ => c.store32(address, value)?,
    }
    c.exclusive = false;
    c.set(op.d, 0);
    Ok(())
}

/// `CLREX`.
pub(crate) fn clear_exclusive(c: &mut Core, _op: &Op) -> Result<(), Trap> {
    c.exclusive = false;
    Ok(())
}

/// `TBB`, `TBH`.
pub(crate) fn table_branch<const HALF: bool>(c: &mut Core, op: &Op) -> Result<(), Trap> {
    c.cycles += 1;
    let (base, index) = (c.reg(op.n), c.reg(op.m));
    let halves = if HALF {
        c.load16(base.wrapping_add(index << 1))?
    } else {
        c.load8(base.wrapping_add(index))?
    };
    let target = c.reg(15).wrapping_add(2 * halves);
    c.branch(target);
    Ok(())
}
