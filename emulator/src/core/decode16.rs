//! 16-bit instructions (ARMv7-M ARM, A5.2).

use super::{
    Op, alu, branch,
    data::{self, OUTSIDE_IT, extend_kind, kind},
    decode::{bits, undefined},
    load::{self, Form},
    multiple, multiply, system,
};

pub(crate) fn decode(h: u32) -> Op {
    match h >> 12 {
        0 | 1 => shift_or_sum(h),
        2 | 3 => immediate(h),
        4 => match bits(h, 11, 10) {
            0 => register(h),
            1 => high_register(h),
            _ => {
                let mut op = Op::new(load::pick_load(load::kind::WORD, Form::Literal))
                    .d(bits(h, 10, 8))
                    .imm(4 * bits(h, 7, 0));
                op.literal = true;
                op
            }
        },
        5 => load_store_register(h),
        6 => load_store(h, load::kind::WORD, 4),
        7 => load_store(h, load::kind::BYTE, 1),
        8 => load_store(h, load::kind::HALF, 2),
        9 => {
            let run = if bits(h, 11, 11) == 1 {
                load::pick_load(load::kind::WORD, Form::Offset)
            } else {
                load::pick_store(load::kind::WORD, Form::Offset)
            };
            Op::new(run).d(bits(h, 10, 8)).n(13).imm(4 * bits(h, 7, 0))
        }
        0xA => {
            let op = if bits(h, 11, 11) == 0 {
                Op::new(data::address)
            } else {
                Op::new(data::pick_immediate(kind::ADD, data::KEEP)).n(13)
            };
            op.d(bits(h, 10, 8)).imm(4 * bits(h, 7, 0)).x(2)
        }
        0xB => miscellaneous(h),
        0xC => {
            let (n, list) = (bits(h, 10, 8), bits(h, 7, 0));
            let run = if bits(h, 11, 11) == 1 {
                multiple::load
            } else {
                multiple::store
            };
            if list == 0 {
                return Op::new(undefined);
            }
            Op::new(run).n(n).imm(list).x(multiple::WRITE_BACK.into())
        }
        0xD => match bits(h, 11, 8) {
            14 => Op::new(undefined),
            15 => Op::new(branch::supervisor).imm(bits(h, 7, 0)),
            cond => Op::new(branch::conditional)
                .x(cond)
                .imm(alu::sign_extend(bits(h, 7, 0) << 1, 9)),
        },
        _ => Op::new(branch::always).imm(alu::sign_extend(bits(h, 10, 0) << 1, 12)),
    }
}

fn shift_or_sum(h: u32) -> Op {
    let op = |run| Op::new(run).d(bits(h, 2, 0));
    let operation = bits(h, 12, 11);
    if operation != 3 {
        let (shift, amount) = alu::immediate_shift(operation, bits(h, 10, 6));
        return op(data::pick_shifted(kind::MOV, OUTSIDE_IT))
            .m(bits(h, 5, 3))
            .x(shift.into())
            .imm(amount);
    }
    let sum = if bits(h, 9, 9) == 0 {
        kind::ADD
    } else {
        kind::SUB
    };
    let third = bits(h, 8, 6);
    if bits(h, 10, 10) == 0 {
        op(data::pick_register(sum, OUTSIDE_IT))
            .n(bits(h, 5, 3))
            .m(third)
    } else {
        op(data::pick_immediate(sum, OUTSIDE_IT))
            .n(bits(h, 5, 3))
            .imm(third)
            .x(2)
    }
}

fn immediate(h: u32) -> Op {
    let operation = [kind::MOV, kind::CMP, kind::ADD, kind::SUB][bits(h, 12, 11) as usize];
    // A comparison sets flags inside an IT block too.
    let flags = if operation == kind::CMP {
        data::SET
    } else {
        OUTSIDE_IT
    };
    let register = bits(h, 10, 8);
    Op::new(data::pick_immediate(operation, flags))
        .d(register)
        .n(register)
        .imm(bits(h, 7, 0))
        .x(2)
}

fn register(h: u32) -> Op {
    let (d, m) = (bits(h, 2, 0), bits(h, 5, 3));
    let plain = |kind| {
        Op::new(data::pick_register(kind, OUTSIDE_IT))
            .d(d)
            .n(d)
            .m(m)
    };
    let compare = |kind| Op::new(data::pick_register(kind, data::SET)).n(d).m(m);
    let shift = |kind: u8| {
        Op::new(data::shift_by_register::<OUTSIDE_IT>)
            .d(d)
            .n(d)
            .m(m)
            .x(kind.into())
    };
    match bits(h, 9, 6) {
        0 => plain(kind::AND),
        1 => plain(kind::EOR),
        2 => shift(alu::LSL),
        3 => shift(alu::LSR),
        4 => shift(alu::ASR),
        5 => plain(kind::ADC),
        6 => plain(kind::SBC),
        7 => shift(alu::ROR),
        8 => compare(kind::TST),
        9 => Op::new(data::pick_immediate(kind::RSB, OUTSIDE_IT))
            .d(d)
            .n(m)
            .x(2),
        10 => compare(kind::CMP),
        11 => compare(kind::CMN),
        12 => plain(kind::ORR),
        13 => Op::new(multiply::multiply_16).d(d).n(m).m(d),
        14 => plain(kind::BIC),
        _ => plain(kind::MVN),
    }
}

fn high_register(h: u32) -> Op {
    let (d, m) = (bits(h, 7, 7) << 3 | bits(h, 2, 0), bits(h, 6, 3));
    match bits(h, 9, 8) {
        0 if d == 15 => Op::new(data::add_to_pc).m(m),
        0 => Op::new(data::pick_register(kind::ADD, data::KEEP))
            .d(d)
            .n(d)
            .m(m),
        1 => Op::new(data::pick_register(kind::CMP, data::SET)).n(d).m(m),
        2 if d == 15 => Op::new(data::move_to_pc).m(m),
        2 => Op::new(data::pick_register(kind::MOV, data::KEEP))
            .d(d)
            .m(m),
        _ if bits(h, 7, 7) == 1 => Op::new(branch::link_exchange).m(m),
        _ => Op::new(branch::exchange).m(m),
    }
}

fn load_store_register(h: u32) -> Op {
    use load::kind::{BYTE, HALF, SIGNED_BYTE, SIGNED_HALF, WORD};
    let run = match bits(h, 11, 9) {
        0 => load::pick_store(WORD, Form::Indexed),
        1 => load::pick_store(HALF, Form::Indexed),
        2 => load::pick_store(BYTE, Form::Indexed),
        3 => load::pick_load(SIGNED_BYTE, Form::Indexed),
        4 => load::pick_load(WORD, Form::Indexed),
        5 => load::pick_load(HALF, Form::Indexed),
        6 => load::pick_load(BYTE, Form::Indexed),
        _ => load::pick_load(SIGNED_HALF, Form::Indexed),
    };
    Op::new(run)
        .d(bits(h, 2, 0))
        .n(bits(h, 5, 3))
        .m(bits(h, 8, 6))
}

fn load_store(h: u32, kind: u8, size: u32) -> Op {
    let run = if bits(h, 11, 11) == 1 {
        load::pick_load(kind, Form::Offset)
    } else {
        load::pick_store(kind, Form::Offset)
    };
    Op::new(run)
        .d(bits(h, 2, 0))
        .n(bits(h, 5, 3))
        .imm(size * bits(h, 10, 6))
}

fn miscellaneous(h: u32) -> Op {
    match bits(h, 11, 8) {
        0 => {
            let operation = if bits(h, 7, 7) == 0 {
                kind::ADD
            } else {
                kind::SUB
            };
            Op::new(data::pick_immediate(operation, data::KEEP))
                .d(13)
                .n(13)
                .imm(4 * bits(h, 6, 0))
                .x(2)
        }
        1 | 3 | 9 | 11 => {
            let run = if bits(h, 11, 11) == 1 {
                branch::compare::<true>
            } else {
                branch::compare::<false>
            };
            Op::new(run)
                .n(bits(h, 2, 0))
                .imm(bits(h, 9, 9) << 6 | bits(h, 7, 3) << 1)
        }
        2 => {
            let run = match bits(h, 7, 6) {
                0 => data::extend::<{ extend_kind::SXTH }>,
                1 => data::extend::<{ extend_kind::SXTB }>,
                2 => data::extend::<{ extend_kind::UXTH }>,
                _ => data::extend::<{ extend_kind::UXTB }>,
            };
            Op::new(run).d(bits(h, 2, 0)).n(15).m(bits(h, 5, 3))
        }
        4 | 5 => {
            let list = bits(h, 7, 0) | bits(h, 8, 8) << 14;
            let x = multiple::WRITE_BACK | multiple::DECREMENT;
            if list == 0 {
                return Op::new(undefined);
            }
            Op::new(multiple::store).n(13).imm(list).x(x.into())
        }
        6 if bits(h, 7, 5) == 3 => {
            Op::new(system::change_state).x(bits(h, 4, 4) | bits(h, 0, 0) << 2 | bits(h, 1, 0) & 2)
        }
        10 => {
            let run = match bits(h, 7, 6) {
                0 => data::rearrange::<0>,
                1 => data::rearrange::<1>,
                3 => data::rearrange::<3>,
                _ => undefined,
            };
            Op::new(run).d(bits(h, 2, 0)).m(bits(h, 5, 3))
        }
        12 | 13 => {
            let list = bits(h, 7, 0) | bits(h, 8, 8) << 15;
            if list == 0 {
                return Op::new(undefined);
            }
            Op::new(multiple::load)
                .n(13)
                .imm(list)
                .x(multiple::WRITE_BACK.into())
        }
        14 => Op::new(branch::breakpoint).imm(bits(h, 7, 0)),
        15 if bits(h, 3, 0) != 0 => Op::new(branch::if_then).x(bits(h, 7, 0)),
        15 => Op::new(match bits(h, 7, 4) {
            2 => branch::wait_for_event,
            3 => branch::wait_for_interrupt,
            4 => branch::send_event,
            _ => branch::nothing,
        }),
        _ => Op::new(undefined),
    }
}
