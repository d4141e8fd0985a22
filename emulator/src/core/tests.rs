//! Instructions whose corners are easily got wrong, one by one, from their encodings.

use std::sync::Arc;

use super::Core;
use crate::{bus::Bus, image::Image, memory::MemoryMap};

const CODE: u32 = 0x0800_0200;
const RAM: u32 = 0x2000_0000;
const N: u32 = 8;
const Z: u32 = 4;
const C: u32 = 2;
const V: u32 = 1;

/// A core about to execute `code`, which is followed by a branch to itself.
pub(super) fn core(code: &[u16]) -> Core {
    let mut flash = vec![0u8; 0x200];
    flash[..4].copy_from_slice(&(RAM + 0x1000).to_le_bytes());
    flash[4..8].copy_from_slice(&(CODE | 1).to_le_bytes());
    for half in code.iter().chain(&[0xE7FE]) {
        flash.extend(half.to_le_bytes());
    }
    let map = MemoryMap::STM32F412XG;
    let image = Arc::new(Image::from_flash(&flash, &map));
    let mut core = Core::new(Bus::new(map, image, Vec::new()));
    core.reset_all();
    core
}

/// Executes up to the branch to itself.
fn finish(core: &mut Core, code: &[u16]) {
    let end = CODE + 2 * code.len() as u32;
    for _ in 0..100 {
        if core.next == end {
            return;
        }
        core.run(core.cycles + 1);
        core.service();
    }
    panic!(
        "{code:04x?} does not come to its end but to {:#x}: {:?}",
        core.next, core.halted
    );
}

/// Runs `code` on R0, R1, … and flags; checks R0 and the flags after it.
fn check(code: &[u16], registers: &[u32], flags: u32, result: u32, flags_after: u32) {
    let mut core = core(code);
    core.r[..registers.len()].copy_from_slice(registers);
    core.set_nzcv(flags << 28);
    finish(&mut core, code);
    let after = core.apsr() >> 28;
    assert_eq!(
        (core.r[0], after),
        (result, flags_after),
        "{code:04x?}: got {:#x} {after:04b}, not {result:#x} {flags_after:04b}",
        core.r[0]
    );
}

#[test]
fn moves_and_shifts_set_the_carry_they_should() {
    check(&[0x0008], &[9, 0], C | V, 0, Z | C | V); // movs r0, r1
    check(&[0x0808], &[9, 1 << 31], 0, 0, Z | C); // lsrs r0, r1, #32
    check(&[0x1008], &[9, 1 << 31], V, u32::MAX, N | C | V); // asrs r0, r1, #32
    check(&[0x41C8], &[0x8000_0001, 32], 0, 0x8000_0001, N | C); // rors r0, r1
    check(&[0x41C8], &[0x8000_0001, 0x100], C, 0x8000_0001, N | C);
    check(&[0xEA5F, 0x0031], &[0, 2], C, 0x8000_0001, N); // rrxs r0, r1
    check(&[0xF05F, 0x4000], &[0], 0, 1 << 31, N | C); // movs.w r0, #0x80000000
}

#[test]
fn sums_chain_through_the_carry() {
    check(&[0x4148], &[u32::MAX, 0], C, 0, Z | C); // adcs r0, r1
    check(&[0x4148], &[0x7FFF_FFFF, 0], C, 0x8000_0000, N | V);
    check(&[0x4188], &[0, 0], 0, u32::MAX, N); // sbcs r0, r1
    check(&[0x4188], &[0x8000_0000, 1], C, 0x7FFF_FFFF, C | V);
    check(&[0x4288], &[3, 3], 0, 3, Z | C); // cmp r0, r1
}

#[test]
fn saturation_sets_q_only_when_it_bites() {
    let q = |code: &[u16], input: u32| {
        let mut core = core(code);
        core.r[1] = input;
        finish(&mut core, code);
        (core.r[0], core.q)
    };
    let ssat = &[0xF301, 0x1007]; // ssat r0, #8, r1, lsl #4
    assert_eq!(q(ssat, 7), (112, false));
    assert_eq!(q(ssat, 8), (127, true));
    assert_eq!(q(ssat, -8i32 as u32), (-128i32 as u32, false));
    assert_eq!(q(ssat, -9i32 as u32), (-128i32 as u32, true));
    let usat = &[0xF3A1, 0x0085]; // usat r0, #5, r1, asr #2
    assert_eq!(q(usat, 31 << 2), (31, false));
    assert_eq!(q(usat, 32 << 2), (31, true));
    assert_eq!(q(usat, -1i32 as u32), (0, true));
    assert_eq!(q(&[0xF321, 0x0003], 0x7FFF_FFF8), (0x0007_FFF8, true)); // ssat16 r0, #4, r1
}

#[test]
fn bit_fields_reach_both_ends() {
    check(&[0xF361, 0x100B], &[0xFFFF_FFFF, 0xA5], 0, 0xFFFF_FA5F, 0); // bfi r0, r1, #4, #8
    check(&[0xF36F, 0x701F], &[0xFFFF_FFFF], 0, 0x0FFF_FFFF, 0); // bfc r0, #28, #4
    check(&[0xF341, 0x1007], &[0, 0x0FF0], 0, 0xFFFF_FFFF, 0); // sbfx r0, r1, #4, #8
    check(&[0xF3C1, 0x70C0], &[0, 0x8000_0000], 0, 1, 0); // ubfx r0, r1, #31, #1
    check(&[0xFAB1, 0xF081], &[9, 0], 0, 32, 0); // clz r0, r1
    check(&[0xBAC8], &[0, 0x1280], 0, 0xFFFF_8012, 0); // revsh r0, r1
    check(
        &[0xEAC1, 0x0022],
        &[0, 0x1234_5678, 0x8000_0000],
        0,
        0x1234_FFFF,
        0,
    ); // pkhtb asr #32
}

#[test]
fn wide_multiplication_does_not_lose_a_carry() {
    // umaal r0, r1, r2, r3
    let code = &[0xFBE2, 0x0163];
    let mut core = core(code);
    core.r[..4].copy_from_slice(&[u32::MAX; 4]);
    finish(&mut core, code);
    assert_eq!((core.r[0], core.r[1]), (u32::MAX, u32::MAX));
    check(
        &[0xFB01, 0x3012],
        &[0, 3, 5, 7],
        0,
        7u32.wrapping_sub(15),
        0,
    ); // mls
}

#[test]
fn an_it_block_chooses_and_keeps_flags() {
    // ite eq; adds r0, #1 (no flags inside); adds r0, #16
    let code = &[0xBF0C, 0x3001, 0x3010];
    check(code, &[u32::MAX], Z, 0, Z);
    check(code, &[u32::MAX], 0, 15, 0);
    // itt ne; cmp r0, r1 sets flags inside; the second then sees them
    check(&[0xBF1C, 0x4288, 0x3001], &[4, 4], 0, 4, Z | C);
    // it eq; b over: the block ends with the branch
    check(&[0xBF08, 0xE000, 0x3001, 0x3002], &[0], Z, 2, 0);
}

#[test]
fn multiple_loads_treat_their_base_as_documented() {
    let run = |code: &[u16], register: usize| {
        let mut core = core(code);
        core.r[0] = RAM;
        (core.r[1], core.r[2]) = (11, 22);
        for index in 0..4 {
            core.store32(RAM + 4 * index, 100 + index).unwrap();
        }
        finish(&mut core, code);
        let word = core.load32(RAM).unwrap();
        (core.r[register], word)
    };
    assert_eq!(
        run(&[0xC807], 0),
        (100, 100),
        "a loaded base wins: ldm r0, {{r0, r1, r2}}"
    );
    assert_eq!(
        run(&[0xC806], 0),
        (RAM + 8, 100),
        "written back: ldm r0!, {{r1, r2}}"
    );
    assert_eq!(
        run(&[0xC003], 0),
        (RAM + 8, RAM),
        "the old base is stored: stm r0!, {{r0, r1}}"
    );
}

#[test]
fn unaligned_words_and_moved_bases() {
    let core_of = |code: &[u16], base: u32| {
        let mut core = core(code);
        core.r[1] = base;
        core.r[2] = base;
        core.store32(RAM, 0x8382_8180).unwrap();
        core.store32(RAM + 4, 0x8786_8584).unwrap();
        finish(&mut core, code);
        (core.r[0], core.r[1], core.r[2])
    };
    assert_eq!(core_of(&[0xF8D1, 0x0001], RAM).0, 0x8483_8281); // ldr.w r0, [r1, #1]
    assert_eq!(
        core_of(&[0xF911, 0x0D03], RAM + 4),
        (0xFFFF_FF81, RAM + 1, RAM + 4)
    ); // ldrsb pre
    assert_eq!(
        core_of(&[0xF831, 0x0B06], RAM + 1),
        (0x8281, RAM + 7, RAM + 1)
    ); // ldrh post
    let pair = core_of(&[0xE972, 0x0102], RAM + 8); // ldrd r0, r1, [r2, #-8]!
    assert_eq!(pair, (0x8382_8180, 0x8786_8584, RAM));
}

#[test]
fn the_pc_reads_four_ahead_and_aligned_for_addresses() {
    // nop; adr r0, +4: from the aligned PC of an instruction that is not aligned itself
    check(&[0xBF00, 0xA001], &[0], 0, ((CODE + 2 + 4) & !3) + 4, 0);
    // ldr r0, [pc, #0]; b over the literal
    check(
        &[0x4801, 0xE003, 0, 0, 0x5678, 0x1234],
        &[0],
        0,
        0x1234_5678,
        0,
    );
    // mov r0, pc
    check(&[0x4678], &[0], 0, CODE + 4, 0);
    // tbb [pc, r1] over a table of two entries: the second leads past movs r0, #1
    check(&[0xE8DF, 0xF001, 0x0201, 0x2001, 0x3002], &[0, 1], 0, 2, 0);
}

#[test]
fn the_stack_pointer_stays_a_multiple_of_four() {
    let code = &[0xF10D, 0x0D03, 0x4668]; // add.w sp, sp, #3; mov r0, sp
    check(code, &[0], 0, RAM + 0x1000, 0);
}

#[test]
fn interrupted_it_blocks_go_on_after_the_handler() {
    // itt eq; adds r0, #1; adds r0, #2: a pending exception between the two
    let code = &[0xBF04, 0x3001, 0x3002];
    let mut core = core(code);
    core.set_nzcv(Z << 28);
    core.r[0] = 0;
    core.scs.vector_table = RAM + 0x2000;
    let handler = RAM + 0x2100;
    core.store32(RAM + 0x2000 + 4 * 14, handler | 1).unwrap();
    core.store16(handler, 0x4770).unwrap(); // bx lr
    core.run(core.cycles + 2);
    assert_eq!((core.r[0], core.it), (1, 0x08));
    core.nvic.pending |= super::nvic::bit(super::nvic::PEND_SV);
    core.service();
    assert_eq!((core.next, core.it, core.ipsr), (handler, 0, 14));
    finish(&mut core, code);
    assert_eq!((core.r[0], core.r[13], core.ipsr), (3, RAM + 0x1000, 0));
}

/// The products alone overflow, the whole sum does not: found beside an oracle that looks twice.
#[test]
fn a_dual_product_saturates_only_as_a_whole() {
    let check = |accumulator: u32, result: u32, saturated: bool| {
        // SMLAD R0, R1, R2, R3
        let code = [0xFB21, 0x3002];
        let mut core = core(&code);
        core.r[1..4].copy_from_slice(&[0x8000_8000, 0x8000_8000, accumulator]);
        finish(&mut core, &code);
        assert_eq!((core.r[0], core.q), (result, saturated), "{accumulator:#x}");
    };
    check(u32::MAX, 0x7FFF_FFFF, false);
    check(0x8000_0000, 0, false);
    check(0, 0x8000_0000, true);
    check(1, 0x8000_0001, true);
}
