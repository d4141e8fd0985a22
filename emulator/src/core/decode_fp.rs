//! Floating-point instructions and other coprocessor space (ARMv7-M ARM, A6.4 to A6.7).

use super::{
    Op,
    decode::{bits, undefined},
    float::{self, arithmetic},
    op::Handler,
};

pub(crate) fn decode(h: u32, l: u32) -> Op {
    // Encodings with bit 12 of the first half-word set belong to no floating-point instruction.
    if bits(l, 11, 9) != 0b101 {
        return if bits(h, 11, 8) == 15 {
            Op::new(undefined)
        } else {
            Op::new(float::absent)
        };
    }
    if bits(h, 12, 12) == 1 {
        return Op::new(undefined);
    }
    match (bits(h, 11, 8), bits(l, 4, 4)) {
        (0b1110, 0) => processing(h, l),
        (0b1110, 1) => transfer(h, l),
        (0b1100, _) if bits(h, 7, 5) == 0b010 => transfer_two(h, l),
        (0b1100 | 0b1101, _) => load_store(h, l),
        _ => Op::new(undefined),
    }
}

fn single(four: u32, one: u32) -> u32 {
    four << 1 | one
}

fn processing(h: u32, l: u32) -> Op {
    if bits(l, 8, 8) == 1 {
        // Double precision is absent.
        return Op::new(undefined);
    }
    let (opc2, op) = (bits(h, 3, 0), bits(l, 6, 6));
    let base = |run: Handler| {
        Op::new(run)
            .d(single(bits(l, 15, 12), bits(h, 6, 6)))
            .n(single(opc2, bits(l, 7, 7)))
            .m(single(bits(l, 3, 0), bits(l, 5, 5)))
    };
    let run: Handler = match (bits(h, 7, 7) << 2 | bits(h, 5, 4), op) {
        (0, 0) => float::two::<{ arithmetic::MLA }>,
        (0, _) => float::two::<{ arithmetic::MLS }>,
        (1, 0) => float::two::<{ arithmetic::NMLS }>,
        (1, _) => float::two::<{ arithmetic::NMLA }>,
        (2, 0) => float::two::<{ arithmetic::MUL }>,
        (2, _) => float::two::<{ arithmetic::NMUL }>,
        (3, 0) => float::two::<{ arithmetic::ADD }>,
        (3, _) => float::two::<{ arithmetic::SUB }>,
        (4, 0) => float::two::<{ arithmetic::DIV }>,
        (5, 0) => float::two::<{ arithmetic::FNMS }>,
        (5, _) => float::two::<{ arithmetic::FNMA }>,
        (6, 0) => float::two::<{ arithmetic::FMA }>,
        (6, _) => float::two::<{ arithmetic::FMS }>,
        (7, 0) => {
            return base(float::constant).imm(expand(opc2 << 4 | bits(l, 3, 0)));
        }
        (7, _) => return one_operand(l, opc2, base),
        _ => undefined,
    };
    base(run)
}

fn one_operand(l: u32, opc2: u32, base: impl Fn(Handler) -> Op) -> Op {
    let top = bits(l, 7, 7);
    match (opc2, top) {
        (0, 0) => base(float::copy),
        (0, _) => base(float::absolute),
        (1, 0) => base(float::negate),
        (1, _) => base(float::square_root),
        (2, _) => base(float::from_half).x(top),
        (3, _) => base(float::to_half).x(top),
        (4, _) => base(float::compare).x(top),
        (5, _) => base(float::compare).x(top | 2),
        (8, _) => base(float::from_integer).x(top),
        (10 | 11 | 14 | 15, _) => {
            // x: bit 0 unsigned, bit 1 sixteen bits; imm: fraction bits.
            let size = if top == 1 { 32u32 } else { 16 };
            let fraction = size.wrapping_sub((bits(l, 3, 0) << 1) | bits(l, 5, 5));
            if fraction > size {
                return Op::new(undefined);
            }
            let run = if opc2 < 12 {
                float::from_fixed
            } else {
                float::to_fixed
            };
            base(run as Handler)
                .x(opc2 & 1 | (1 - top) << 1)
                .imm(fraction)
        }
        // x: bit 0 unsigned, bit 1 rounds towards zero.
        (12 | 13, _) => base(float::to_integer).x((1 - (opc2 & 1)) | (top << 1)),
        _ => Op::new(undefined),
    }
}

/// `VMOV` immediate (ARMv7-M ARM, A6.4.1).
const fn expand(imm8: u32) -> u32 {
    let exponent = if imm8 & 0x40 != 0 { 0x1F } else { 0x20 };
    bits(imm8, 7, 7) << 31 | exponent << 25 | (imm8 & 0x3F) << 19
}

fn transfer(h: u32, l: u32) -> Op {
    let (t, to_core) = (bits(l, 15, 12), bits(h, 4, 4) == 1);
    if bits(l, 8, 8) == 1 {
        // One half of a double register: N:Vn, half in bit 5 of the first half-word.
        if bits(h, 7, 6) != 0 || bits(l, 6, 5) != 0 {
            return Op::new(undefined);
        }
        let register = (bits(l, 7, 7) << 4 | bits(h, 3, 0)) << 1 | bits(h, 5, 5);
        if register > 31 {
            return Op::new(undefined);
        }
        let run = if to_core {
            float::to_core
        } else {
            float::from_core
        };
        return Op::new(run as Handler).n(register).d(t);
    }
    match (bits(h, 7, 5), to_core) {
        (0, false) => Op::new(float::from_core)
            .n(single(bits(h, 3, 0), bits(l, 7, 7)))
            .d(t),
        (0, true) => Op::new(float::to_core)
            .n(single(bits(h, 3, 0), bits(l, 7, 7)))
            .d(t),
        (7, false) if bits(h, 3, 0) == 1 => Op::new(float::write_status).d(t),
        (7, true) if bits(h, 3, 0) == 1 => Op::new(float::read_status).d(t),
        _ => Op::new(undefined),
    }
}

fn transfer_two(h: u32, l: u32) -> Op {
    if bits(h, 6, 6) == 0 || bits(l, 7, 6) != 0 || bits(l, 4, 4) == 0 {
        return Op::new(undefined);
    }
    let first = if bits(l, 8, 8) == 1 {
        (bits(l, 5, 5) << 4 | bits(l, 3, 0)) << 1
    } else {
        single(bits(l, 3, 0), bits(l, 5, 5))
    };
    if first > 30 {
        return Op::new(undefined);
    }
    let run = if bits(h, 4, 4) == 1 {
        float::to_core_two
    } else {
        float::from_core_two
    };
    Op::new(run as Handler)
        .n(first)
        .d(bits(l, 15, 12))
        .a(bits(h, 3, 0))
}

fn load_store(h: u32, l: u32) -> Op {
    let (pre, up, write_back) = (bits(h, 8, 8), bits(h, 7, 7), bits(h, 5, 5));
    let (is_load, double) = (bits(h, 4, 4) == 1, bits(l, 8, 8) == 1);
    let (first, mut words) = if double {
        (
            (bits(h, 6, 6) << 4 | bits(l, 15, 12)) << 1,
            bits(l, 7, 0) & !1,
        )
    } else {
        (single(bits(l, 15, 12), bits(h, 6, 6)), bits(l, 7, 0))
    };
    let mut offset = 4 * bits(l, 7, 0);
    if up == 0 {
        offset = offset.wrapping_neg();
    }
    // x: bit 0 writes back, bit 1 starts at the moved base; m: registers.
    let x = if pre == 1 && write_back == 0 {
        words = if double { 2 } else { 1 };
        2
    } else if pre == 0 && up == 1 {
        write_back
    } else if pre == 1 && up == 0 {
        3
    } else {
        return Op::new(undefined);
    };
    if words == 0 || first + words > 32 {
        return Op::new(undefined);
    }
    let run = if is_load { float::load } else { float::store };
    let mut op = Op::new(run as Handler)
        .n(bits(h, 3, 0))
        .d(first)
        .imm(offset)
        .x(x);
    op.m = words as u8;
    op
}
