//! Arithmetic that instructions share: shifts, sums with carry, immediates, conditions, saturation.

/// LSL, LSR, ASR, ROR as instructions encode them, and RRX.
pub(crate) const LSL: u8 = 0;
pub(crate) const LSR: u8 = 1;
pub(crate) const ASR: u8 = 2;
pub(crate) const ROR: u8 = 3;
pub(crate) const RRX: u8 = 4;

/// Sum with carry: result, carry out, overflow (ARMv7-M ARM, A2.2.1).
#[inline]
pub(crate) const fn add_with_carry(a: u32, b: u32, carry: bool) -> (u32, bool, bool) {
    let sum = a as u64 + b as u64 + carry as u64;
    let result = sum as u32;
    (
        result,
        sum >> 32 != 0,
        (a ^ result) & (b ^ result) & (1 << 31) != 0,
    )
}

/// Shift by 0 to 255: result, carry out (ARMv7-M ARM, A2.2.1). An amount of 0 leaves both alone.
#[inline]
pub(crate) const fn shift(value: u32, kind: u8, amount: u32, carry: bool) -> (u32, bool) {
    if kind == RRX {
        return ((carry as u32) << 31 | value >> 1, value & 1 != 0);
    }
    if amount == 0 {
        return (value, carry);
    }
    match kind {
        LSL => match amount {
            1..32 => (value << amount, value >> (32 - amount) & 1 != 0),
            32 => (0, value & 1 != 0),
            _ => (0, false),
        },
        LSR => match amount {
            1..32 => (value >> amount, value >> (amount - 1) & 1 != 0),
            32 => (0, value >> 31 != 0),
            _ => (0, false),
        },
        ASR => {
            if amount < 32 {
                (
                    ((value as i32) >> amount) as u32,
                    value >> (amount - 1) & 1 != 0,
                )
            } else {
                (((value as i32) >> 31) as u32, value >> 31 != 0)
            }
        }
        _ => {
            let result = value.rotate_right(amount & 31);
            (result, result >> 31 != 0)
        }
    }
}

/// The immediate shift of an instruction: kind and amount (ARMv7-M ARM, A7.4.2).
pub(crate) const fn immediate_shift(kind: u32, amount: u32) -> (u8, u32) {
    match (kind & 3, amount) {
        (0, n) => (LSL, n),
        (1, 0) => (LSR, 32),
        (1, n) => (LSR, n),
        (2, 0) => (ASR, 32),
        (2, n) => (ASR, n),
        (_, 0) => (RRX, 1),
        (_, n) => (ROR, n),
    }
}

/// A modified immediate: value, and the carry that it makes, if any (ARMv7-M ARM, A5.3.2).
pub(crate) const fn expand_immediate(imm12: u32) -> (u32, Option<bool>) {
    let byte = imm12 & 0xFF;
    let value = match imm12 >> 8 & 0xF {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => {
            let value = (0x80 | imm12 & 0x7F).rotate_right(imm12 >> 7 & 0x1F);
            return (value, Some(value >> 31 != 0));
        }
    };
    (value, None)
}

/// Sign extension of the low `bits` of a value.
pub(crate) const fn sign_extend(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)) as i32 >> (32 - bits)) as u32
}

/// Signed saturation to `bits` bits, 1 to 32: value, and whether it saturated.
pub(crate) const fn signed_saturate(value: i64, bits: u32) -> (u32, bool) {
    let max = (1i64 << (bits - 1)) - 1;
    let min = -max - 1;
    if value > max {
        (max as u32, true)
    } else if value < min {
        (min as u32, true)
    } else {
        (value as u32, false)
    }
}

/// Unsigned saturation to `bits` bits, 0 to 32: value, and whether it saturated.
pub(crate) const fn unsigned_saturate(value: i64, bits: u32) -> (u32, bool) {
    let max = (1i64 << bits) - 1;
    if value > max {
        (max as u32, true)
    } else if value < 0 {
        (0, true)
    } else {
        (value as u32, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_nothing_by_the_width_and_beyond() {
        let check = |value, kind, amount, carry, expected| {
            assert_eq!(
                shift(value, kind, amount, carry),
                expected,
                "{value:#x} {kind} {amount}"
            );
        };
        for kind in [LSL, LSR, ASR, ROR] {
            check(0x8000_0001, kind, 0, true, (0x8000_0001, true));
            check(0x8000_0001, kind, 0, false, (0x8000_0001, false));
        }
        check(0x8000_0001, LSL, 1, false, (2, true));
        check(0x8000_0001, LSL, 32, false, (0, true));
        check(0x8000_0001, LSL, 33, true, (0, false));
        check(0x8000_0001, LSR, 1, false, (0x4000_0000, true));
        check(0x8000_0001, LSR, 32, false, (0, true));
        check(0x8000_0001, LSR, 33, true, (0, false));
        check(0x8000_0001, ASR, 1, false, (0xC000_0000, true));
        check(0x8000_0000, ASR, 32, false, (0xFFFF_FFFF, true));
        check(0x8000_0000, ASR, 255, false, (0xFFFF_FFFF, true));
        check(0x4000_0000, ASR, 40, true, (0, false));
        check(0x0000_0001, ROR, 1, false, (0x8000_0000, true));
        check(0x8000_0000, ROR, 32, false, (0x8000_0000, true));
        check(0x0000_0002, ROR, 33, true, (1, false));
        check(0x0000_0001, RRX, 1, true, (0x8000_0000, true));
        check(0x0000_0002, RRX, 1, false, (1, false));
    }

    #[test]
    fn sums_carry_and_overflow() {
        assert_eq!(add_with_carry(u32::MAX, 1, false), (0, true, false));
        assert_eq!(
            add_with_carry(0x7FFF_FFFF, 1, false),
            (0x8000_0000, false, true)
        );
        assert_eq!(
            add_with_carry(0x8000_0000, 0x8000_0000, false),
            (0, true, true)
        );
        assert_eq!(add_with_carry(5, !5, true), (0, true, false));
        assert_eq!(add_with_carry(0, !0, true), (0, true, false));
        assert_eq!(add_with_carry(0, !1, true), (u32::MAX, false, false));
    }

    #[test]
    fn immediates_repeat_and_rotate() {
        assert_eq!(expand_immediate(0x0AB), (0xAB, None));
        assert_eq!(expand_immediate(0x1AB), (0x00AB_00AB, None));
        assert_eq!(expand_immediate(0x2AB), (0xAB00_AB00, None));
        assert_eq!(expand_immediate(0x3AB), (0xABAB_ABAB, None));
        assert_eq!(expand_immediate(0x400), (0x8000_0000, Some(true)));
        assert_eq!(expand_immediate(0x4FF), (0x7F80_0000, Some(false)));
        assert_eq!(expand_immediate(0xFFF), (0x0000_01FE, Some(false)));
    }

    #[test]
    fn saturates_at_both_ends() {
        assert_eq!(signed_saturate(128, 8), (127, true));
        assert_eq!(signed_saturate(-129, 8), ((-128i32) as u32, true));
        assert_eq!(signed_saturate(-128, 8), ((-128i32) as u32, false));
        assert_eq!(signed_saturate(1, 1), (0, true));
        assert_eq!(
            signed_saturate(i64::from(i32::MAX) + 1, 32),
            (0x7FFF_FFFF, true)
        );
        assert_eq!(unsigned_saturate(-1, 8), (0, true));
        assert_eq!(unsigned_saturate(256, 8), (255, true));
        assert_eq!(unsigned_saturate(1, 0), (0, true));
    }
}
