//! 32-bit instructions but for the floating-point ones (ARMv7-M ARM, A5.3).

use super::{
    Op, alu, branch,
    data::{self, extend_kind, kind},
    decode::{bits, undefined},
    decode_fp,
    load::{self, Form},
    multiple, multiply,
    op::Handler,
    parallel::{self, lanes},
    system,
};

pub(crate) fn decode(h: u32, l: u32) -> Op {
    match bits(h, 12, 11) {
        1 => match bits(h, 10, 9) {
            0 if bits(h, 6, 6) == 0 => load_store_multiple(h, l),
            0 => pair_exclusive_table(h, l),
            1 => shifted_register(h, l),
            _ => decode_fp::decode(h, l),
        },
        2 if bits(l, 15, 15) == 1 => branch_or_control(h, l),
        2 if bits(h, 9, 9) == 0 => modified_immediate(h, l),
        2 => plain_immediate(h, l),
        _ if bits(h, 10, 10) == 1 => decode_fp::decode(h, l),
        _ => match bits(h, 9, 8) {
            0 | 1 => load_store(h, l),
            2 => register(h, l),
            _ if bits(h, 7, 7) == 0 => multiplication(h, l),
            _ => long_multiplication(h, l),
        },
    }
}

fn load_store_multiple(h: u32, l: u32) -> Op {
    let is_load = bits(h, 4, 4) == 1;
    let x = match bits(h, 8, 7) {
        1 => 0,
        2 => multiple::DECREMENT,
        _ => return Op::new(undefined),
    };
    let run = if is_load {
        multiple::load
    } else {
        multiple::store
    };
    if l == 0 || l & 1 << 13 != 0 || (!is_load && l & 1 << 15 != 0) {
        return Op::new(undefined);
    }
    Op::new(run)
        .n(bits(h, 3, 0))
        .imm(l)
        .x(u32::from(x) | bits(h, 5, 5))
}

fn pair_exclusive_table(h: u32, l: u32) -> Op {
    let (n, t, second) = (bits(h, 3, 0), bits(l, 15, 12), bits(l, 11, 8));
    let is_load = bits(h, 4, 4) == 1;
    let (index, write_back) = (bits(h, 8, 8), bits(h, 5, 5));
    if index == 0 && write_back == 0 {
        let word = 4 * bits(l, 7, 0);
        if bits(h, 7, 7) == 0 {
            return if is_load {
                Op::new(multiple::load_exclusive::<4>).d(t).n(n).imm(word)
            } else {
                Op::new(multiple::store_exclusive::<4>)
                    .d(second)
                    .a(t)
                    .n(n)
                    .imm(word)
            };
        }
        let exclusive_store = |run: Handler| Op::new(run).d(bits(l, 3, 0)).a(t).n(n);
        return match (is_load, bits(l, 7, 4)) {
            (true, 0) => Op::new(multiple::table_branch::<false>)
                .n(n)
                .m(bits(l, 3, 0)),
            (true, 1) => Op::new(multiple::table_branch::<true>)
                .n(n)
                .m(bits(l, 3, 0)),
            (true, 4) => Op::new(multiple::load_exclusive::<1>).d(t).n(n),
            (true, 5) => Op::new(multiple::load_exclusive::<2>).d(t).n(n),
            (false, 4) => exclusive_store(multiple::store_exclusive::<1>),
            (false, 5) => exclusive_store(multiple::store_exclusive::<2>),
            _ => Op::new(undefined),
        };
    }
    let run = if is_load {
        multiple::load_pair
    } else {
        multiple::store_pair
    };
    let offset = 4 * bits(l, 7, 0);
    let offset = if bits(h, 7, 7) == 1 {
        offset
    } else {
        offset.wrapping_neg()
    };
    Op::new(run)
        .d(t)
        .a(second)
        .n(n)
        .imm(offset)
        .x(index << 1 | write_back)
}

/// Operation and whether flags are set, by the number both encodings share; `None`: undefined.
fn operation(number: u32, s: u32, n: u32, d: u32) -> Option<(u8, u8)> {
    let flags = if s == 1 { data::SET } else { data::KEEP };
    let compare = s == 1 && d == 15;
    Some(match number {
        0 if compare => (kind::TST, data::SET),
        0 => (kind::AND, flags),
        1 => (kind::BIC, flags),
        2 if n == 15 => (kind::MOV, flags),
        2 => (kind::ORR, flags),
        3 if n == 15 => (kind::MVN, flags),
        3 => (kind::ORN, flags),
        4 if compare => (kind::TEQ, data::SET),
        4 => (kind::EOR, flags),
        8 if compare => (kind::CMN, data::SET),
        8 => (kind::ADD, flags),
        10 => (kind::ADC, flags),
        11 => (kind::SBC, flags),
        13 if compare => (kind::CMP, data::SET),
        13 => (kind::SUB, flags),
        14 => (kind::RSB, flags),
        _ => return None,
    })
}

fn shifted_register(h: u32, l: u32) -> Op {
    let (n, d, m) = (bits(h, 3, 0), bits(l, 11, 8), bits(l, 3, 0));
    let amount = bits(l, 14, 12) << 2 | bits(l, 7, 6);
    let (shift, amount) = alu::immediate_shift(bits(l, 5, 4), amount);
    let number = bits(h, 8, 5);
    if number == 6 {
        if bits(h, 4, 4) == 1 || bits(l, 4, 4) == 1 {
            return Op::new(undefined);
        }
        let run = if bits(l, 5, 5) == 1 {
            parallel::pack::<true>
        } else {
            parallel::pack::<false>
        };
        return Op::new(run).d(d).n(n).m(m).x(shift.into()).imm(amount);
    }
    let Some((kind, flags)) = operation(number, bits(h, 4, 4), n, d) else {
        return Op::new(undefined);
    };
    let run = if shift == alu::LSL && amount == 0 {
        data::pick_register(kind, flags)
    } else {
        data::pick_shifted(kind, flags)
    };
    Op::new(run).d(d).n(n).m(m).x(shift.into()).imm(amount)
}

fn modified_immediate(h: u32, l: u32) -> Op {
    let (n, d) = (bits(h, 3, 0), bits(l, 11, 8));
    let Some((kind, flags)) = operation(bits(h, 8, 5), bits(h, 4, 4), n, d) else {
        return Op::new(undefined);
    };
    let imm12 = bits(h, 10, 10) << 11 | bits(l, 14, 12) << 8 | bits(l, 7, 0);
    let (value, carry) = alu::expand_immediate(imm12);
    Op::new(data::pick_immediate(kind, flags))
        .d(d)
        .n(n)
        .imm(value)
        .x(carry.map_or(2, u32::from))
}

fn plain_immediate(h: u32, l: u32) -> Op {
    let (n, d) = (bits(h, 3, 0), bits(l, 11, 8));
    let imm12 = bits(h, 10, 10) << 11 | bits(l, 14, 12) << 8 | bits(l, 7, 0);
    let imm16 = n << 12 | imm12;
    let low = bits(l, 14, 12) << 2 | bits(l, 7, 6);
    let top = bits(l, 4, 0);
    let op = |run: Handler| Op::new(run).d(d).n(n);
    match bits(h, 8, 4) {
        0b00000 if n == 15 => op(data::address).imm(imm12),
        0b01010 if n == 15 => op(data::address).imm(imm12.wrapping_neg()),
        0b00000 => op(data::pick_immediate(kind::ADD, data::KEEP))
            .imm(imm12)
            .x(2),
        0b01010 => op(data::pick_immediate(kind::SUB, data::KEEP))
            .imm(imm12)
            .x(2),
        0b00100 => op(data::pick_immediate(kind::MOV, data::KEEP))
            .imm(imm16)
            .x(2),
        0b01100 => op(data::move_top).imm(imm16),
        0b10010 if low == 0 => op(data::saturate_halves::<true>).a(bits(l, 3, 0) + 1),
        0b11010 if low == 0 => op(data::saturate_halves::<false>).a(bits(l, 3, 0)),
        0b10000 | 0b10010 | 0b11000 | 0b11010 => {
            let (shift, amount) = alu::immediate_shift(bits(h, 5, 5) << 1, low);
            let (run, width): (Handler, u32) = if bits(h, 7, 7) == 0 {
                (data::saturate::<true>, top + 1)
            } else {
                (data::saturate::<false>, top)
            };
            let mut op = op(run).x(shift.into()).imm(amount);
            op.a = width as u8;
            op
        }
        // A field that passes bit 31 is UNPREDICTABLE.
        0b10100 | 0b11100 if low + top > 31 => Op::new(undefined),
        0b10100 => op(data::extract_field::<true>)
            .a(31 - top - low)
            .imm(31 - top),
        0b11100 => op(data::extract_field::<false>)
            .a(31 - top - low)
            .imm(31 - top),
        0b10110 if top < low => Op::new(undefined),
        0b10110 => {
            let mask = (u32::MAX >> (31 - (top - low))) << low;
            op(data::insert_field)
                .a(low)
                .imm(mask)
                .x(u32::from(n == 15))
        }
        _ => Op::new(undefined),
    }
}

fn branch_or_control(h: u32, l: u32) -> Op {
    let sign = bits(h, 10, 10);
    let (j1, j2) = (bits(l, 13, 13), bits(l, 11, 11));
    let far = || {
        let (i1, i2) = (1 ^ j1 ^ sign, 1 ^ j2 ^ sign);
        let offset = sign << 24 | i1 << 23 | i2 << 22 | bits(h, 9, 0) << 12 | bits(l, 10, 0) << 1;
        alu::sign_extend(offset, 25)
    };
    match (bits(l, 14, 14), bits(l, 12, 12)) {
        (0, 1) => Op::new(branch::always).imm(far()),
        (1, 1) => Op::new(branch::link).imm(far()),
        (1, 0) => Op::new(undefined),
        _ if bits(h, 9, 7) != 7 => {
            let offset =
                sign << 20 | j2 << 19 | j1 << 18 | bits(h, 5, 0) << 12 | bits(l, 10, 0) << 1;
            Op::new(branch::conditional)
                .x(bits(h, 9, 6))
                .imm(alu::sign_extend(offset, 21))
        }
        _ => match bits(h, 10, 4) {
            0b011_1000 | 0b011_1001 => Op::new(system::write_special)
                .n(bits(h, 3, 0))
                .imm(bits(l, 7, 0))
                .x(bits(l, 11, 10)),
            0b011_1010 => Op::new(match bits(l, 7, 0) {
                2 => branch::wait_for_event,
                3 => branch::wait_for_interrupt,
                4 => branch::send_event,
                _ => branch::nothing,
            }),
            0b011_1011 => Op::new(match bits(l, 7, 4) {
                2 => multiple::clear_exclusive,
                4..=6 => branch::nothing,
                _ => undefined,
            }),
            0b011_1110 | 0b011_1111 => Op::new(system::read_special)
                .d(bits(l, 11, 8))
                .imm(bits(l, 7, 0)),
            _ => Op::new(undefined),
        },
    }
}

fn load_store(h: u32, l: u32) -> Op {
    use load::kind::{BYTE, HALF, SIGNED_BYTE, SIGNED_HALF, TO_PC, WORD};
    let (n, t) = (bits(h, 3, 0), bits(l, 15, 12));
    let is_load = bits(h, 4, 4) == 1;
    let signed = bits(h, 8, 8) == 1;
    let kind = match (bits(h, 6, 5), is_load && signed) {
        (0, false) => BYTE,
        (0, true) => SIGNED_BYTE,
        (1, false) => HALF,
        (1, true) => SIGNED_HALF,
        (2, false) => WORD,
        _ => return Op::new(undefined),
    };
    if !is_load && (signed || n == 15) {
        return Op::new(undefined);
    }
    let kind = match (is_load, t, kind) {
        (true, 15, WORD) => TO_PC,
        // PLD, PLI and their reserved neighbours are hints.
        (true, 15, _) => return Op::new(branch::nothing),
        _ => kind,
    };
    let pick = |form| {
        if is_load {
            load::pick_load(kind, form)
        } else {
            load::pick_store(kind, form)
        }
    };
    let op = |form| Op::new(pick(form)).d(t).n(n);
    let imm12 = bits(l, 11, 0);
    if n == 15 {
        let offset = if bits(h, 7, 7) == 1 {
            imm12
        } else {
            imm12.wrapping_neg()
        };
        let mut op = op(Form::Literal).imm(offset);
        op.literal = kind == WORD;
        return op;
    }
    if bits(h, 7, 7) == 1 {
        return op(Form::Offset).imm(imm12);
    }
    if bits(l, 11, 11) == 0 {
        if bits(l, 10, 6) != 0 {
            return Op::new(undefined);
        }
        return op(Form::Indexed).m(bits(l, 3, 0)).x(bits(l, 5, 4));
    }
    let imm8 = bits(l, 7, 0);
    let offset = if bits(l, 9, 9) == 1 {
        imm8
    } else {
        imm8.wrapping_neg()
    };
    match (bits(l, 10, 10), bits(l, 8, 8)) {
        (1, 0) => op(Form::Offset).imm(offset),
        (1, 1) => op(Form::Pre).imm(offset),
        (0, 1) => op(Form::Post).imm(offset),
        _ => Op::new(undefined),
    }
}

fn register(h: u32, l: u32) -> Op {
    let (n, d, m) = (bits(h, 3, 0), bits(l, 11, 8), bits(l, 3, 0));
    let op = |run: Handler| Op::new(run).d(d).n(n).m(m);
    if bits(l, 15, 12) != 15 || bits(l, 7, 6) == 3 {
        return Op::new(undefined);
    }
    if bits(h, 7, 7) == 0 {
        if bits(l, 7, 7) == 0 {
            if bits(l, 6, 4) != 0 {
                return Op::new(undefined);
            }
            let run = if bits(h, 4, 4) == 1 {
                data::shift_by_register::<{ data::SET }>
            } else {
                data::shift_by_register::<{ data::KEEP }>
            };
            return op(run).x(bits(h, 6, 5));
        }
        let run: Handler = match bits(h, 6, 4) {
            0 => data::extend::<{ extend_kind::SXTH }>,
            1 => data::extend::<{ extend_kind::UXTH }>,
            2 => data::extend::<{ extend_kind::SXTB16 }>,
            3 => data::extend::<{ extend_kind::UXTB16 }>,
            4 => data::extend::<{ extend_kind::SXTB }>,
            5 => data::extend::<{ extend_kind::UXTB }>,
            _ => undefined,
        };
        return op(run).imm(8 * bits(l, 5, 4));
    }
    if bits(l, 7, 7) == 0 {
        let mode = bits(l, 6, 4);
        if mode & 3 == 3 {
            return Op::new(undefined);
        }
        let run: Handler = match bits(h, 6, 4) as u8 {
            lanes::ADD8 => parallel::sum::<{ lanes::ADD8 }>,
            lanes::ADD16 => parallel::sum::<{ lanes::ADD16 }>,
            lanes::ASX => parallel::sum::<{ lanes::ASX }>,
            lanes::SUB8 => parallel::sum::<{ lanes::SUB8 }>,
            lanes::SUB16 => parallel::sum::<{ lanes::SUB16 }>,
            lanes::SAX => parallel::sum::<{ lanes::SAX }>,
            _ => undefined,
        };
        return op(run).x(mode);
    }
    op(match (bits(h, 6, 4), bits(l, 5, 4)) {
        (0, 0) => parallel::saturating::<0>,
        (0, 1) => parallel::saturating::<2>,
        (0, 2) => parallel::saturating::<1>,
        (0, 3) => parallel::saturating::<3>,
        (1, 0) => data::rearrange::<0>,
        (1, 1) => data::rearrange::<1>,
        (1, 2) => data::rearrange::<2>,
        (1, 3) => data::rearrange::<3>,
        (2, 0) => parallel::select,
        (3, 0) => data::rearrange::<4>,
        _ => undefined,
    })
}

fn multiplication(h: u32, l: u32) -> Op {
    let op = |run: Handler| {
        Op::new(run)
            .d(bits(l, 11, 8))
            .n(bits(h, 3, 0))
            .m(bits(l, 3, 0))
            .a(bits(l, 15, 12))
            .x(bits(l, 5, 4))
    };
    if bits(l, 7, 6) != 0 {
        return Op::new(undefined);
    }
    match (bits(h, 6, 4), bits(l, 5, 4)) {
        (0, 0) => op(multiply::multiply::<0>),
        (0, 1) => op(multiply::multiply::<1>),
        (1, _) => op(multiply::halves),
        (2, 0 | 1) => op(multiply::dual_sum::<false>),
        (3, 0 | 1) => op(multiply::word_by_half),
        (4, 0 | 1) => op(multiply::dual_sum::<true>),
        (5, 0 | 1) => op(multiply::most_significant::<false>),
        (6, 0 | 1) => op(multiply::most_significant::<true>),
        (7, 0) => op(parallel::sum_of_differences),
        _ => Op::new(undefined),
    }
}

fn long_multiplication(h: u32, l: u32) -> Op {
    let op = |run: Handler| {
        Op::new(run)
            .d(bits(l, 11, 8))
            .n(bits(h, 3, 0))
            .m(bits(l, 3, 0))
            .a(bits(l, 15, 12))
            .x(bits(l, 5, 4))
    };
    op(match (bits(h, 6, 4), bits(l, 7, 4)) {
        (0, 0) => multiply::long::<0>,
        (1, 15) => multiply::divide::<true>,
        (2, 0) => multiply::long::<1>,
        (3, 15) => multiply::divide::<false>,
        (4, 0) => multiply::long::<2>,
        (4, 8..=11) => multiply::long_halves,
        (4, 12 | 13) => multiply::long_dual::<false>,
        (5, 12 | 13) => multiply::long_dual::<true>,
        (6, 0) => multiply::long::<3>,
        (6, 6) => multiply::long::<4>,
        _ => undefined,
    })
}
