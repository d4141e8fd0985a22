//! Single steps, with the interrupts kept away and without (ARMv7-M ARM, C1.6.2).

use std::time::Duration;

use probe_rs::{Core, MemoryInterface, RegisterId};

use super::debugging::{attached, board};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOP: u32 = 0x2000_1000;
const CALL: u32 = 0x2000_1010;
const SWITCH: u32 = 0x2000_1020;
/// A handler that counts in R4, which an exception does not save.
const HANDLER: u32 = 0x2000_1100;
const VECTORS: u32 = 0x2000_0200;
const STACK: u32 = 0x2000_4000;

const ICSR: u64 = 0xE000_ED04;
const VTOR: u64 = 0xE000_ED08;
const DHCSR: u64 = 0xE000_EDF0;
/// `DBGKEY`, `C_DEBUGEN`.
const LET_GO: u32 = 0xA05F_0001;
const C_HALT: u32 = 1 << 1;
const C_STEP: u32 = 1 << 2;
const C_MASKINTS: u32 = 1 << 3;

const CALLED: u32 = 11;
const PEND_SV: u32 = 14;
const SYS_TICK: u32 = 15;
/// Interrupt 6.
const INTERRUPT: u32 = 22;

const R0: RegisterId = RegisterId(0);
const R4: RegisterId = RegisterId(4);
const R3: RegisterId = RegisterId(3);
const SP: RegisterId = RegisterId(13);
const PC: RegisterId = RegisterId(15);
const PSR: RegisterId = RegisterId(16);
const EXTRA: RegisterId = RegisterId(20);

fn read(core: &mut Core<'_>, register: RegisterId) -> u32 {
    core.read_core_reg(register).unwrap()
}

fn write(core: &mut Core<'_>, register: RegisterId, value: u32) {
    core.write_core_reg(register, value).unwrap();
}

/// A loop in RAM that counts in R0, with a system timer that wants to interrupt it every 16 cycles, and
/// `PendSV` and interrupt 6 pending.
fn prepare(core: &mut Core<'_>) {
    // Before anything went wrong for want of firmware.
    core.reset_and_halt(PATIENCE).unwrap();
    // adds r0, #1; b LOOP
    core.write_16(LOOP.into(), &[0x3001, 0xE7FD]).unwrap();
    // svc 0
    core.write_16(CALL.into(), &[0xDF00]).unwrap();
    // msr control, r3
    core.write_16(SWITCH.into(), &[0xF383, 0x8814]).unwrap();
    // adds r4, #1; bx lr
    core.write_16(HANDLER.into(), &[0x3401, 0x4770]).unwrap();
    core.write_32(VECTORS.into(), &[HANDLER | 1; 128]).unwrap();
    core.write_word_32(VTOR, VECTORS).unwrap();
    for (register, value) in [
        (R0, 0),
        (R4, 0),
        (SP, STACK),
        (PC, LOOP),
        (PSR, 1 << 24),
        (EXTRA, 0),
    ] {
        write(core, register, value);
    }
    // Reload value, current value, control.
    core.write_32(0xE000_E014, &[15, 0]).unwrap();
    core.write_word_32(0xE000_E010, 7).unwrap();
    // Set-enable and set-pending of interrupt 6; PENDSVSET.
    core.write_word_32(0xE000_E100, 1 << 6).unwrap();
    core.write_word_32(0xE000_E200, 1 << 6).unwrap();
    core.write_word_32(ICSR, 1 << 28).unwrap();
}

/// A step as a debugger makes it that does not keep interrupts away; gives the exception it is in then.
fn step_openly(core: &mut Core<'_>) -> u32 {
    // The mask changes while the core stands still.
    core.write_word_32(DHCSR, LET_GO | C_HALT).unwrap();
    core.write_word_32(DHCSR, LET_GO | C_STEP).unwrap();
    core.wait_for_core_halted(PATIENCE).unwrap();
    read(core, PSR) & 0x1FF
}

#[test]
fn interrupts_that_are_kept_away_wait() {
    let board = board("masked");
    let mut session = attached(&board);
    let mut core = session.core(0).unwrap();
    prepare(&mut core);
    // `probe-rs` sets C_MASKINTS when it steps.
    for _ in 0..50 {
        let pc = core.step().unwrap().pc;
        assert!(
            pc == u64::from(LOOP) || pc == u64::from(LOOP) + 2,
            "{pc:#x}"
        );
    }
    assert_eq!((read(&mut core, R0), read(&mut core, R4)), (25, 0));
    assert_ne!(core.read_word_32(DHCSR).unwrap() & C_MASKINTS, 0);
    // PENDSTSET and PENDSVSET, interrupt 6: they wait.
    let pending = core.read_word_32(ICSR).unwrap();
    assert_eq!(pending >> 26 & 0b101, 0b101, "{pending:#x}");
    assert_eq!(core.read_word_32(0xE000_E200).unwrap(), 1 << 6);
    assert_eq!(core.read_word_32(DHCSR).unwrap() & C_MASKINTS, C_MASKINTS);

    // Let go, they are taken.
    core.run().unwrap();
    assert!(!core.core_halted().unwrap());
    core.halt(PATIENCE).unwrap();
    let state = [R0, R4, PC, PSR].map(|it| read(&mut core, it));
    assert!(state[1] > 3, "{state:x?}");
    assert_eq!(core.read_word_32(DHCSR).unwrap() & C_MASKINTS, 0);
}

#[test]
fn interrupts_that_are_not_kept_away_are_entered() {
    let board = board("unmasked");
    let mut session = attached(&board);
    let mut core = session.core(0).unwrap();
    prepare(&mut core);
    let mut entered = Vec::new();
    for _ in 0..40 {
        let now = step_openly(&mut core);
        // The step ends before the handler's first instruction, also from handler to handler.
        if read(&mut core, PC) == HANDLER {
            entered.push(now);
        }
    }
    // The timer again and again.
    assert_eq!(entered[0], PEND_SV, "{entered:?}");
    assert_eq!(entered.iter().filter(|it| **it == INTERRUPT).count(), 1);
    let ticks = entered.iter().filter(|it| **it == SYS_TICK);
    assert!(ticks.count() > 2, "{entered:?}");
    let counted = read(&mut core, R4) as usize;
    assert!(entered.len() - counted <= 1, "{counted} of {entered:?}");
}

#[test]
fn what_an_instruction_does_to_the_core_stays() {
    let board = board("kept");
    let mut session = attached(&board);
    let mut core = session.core(0).unwrap();
    prepare(&mut core);
    // Its own exceptions are no interrupts: they are taken.
    write(&mut core, PC, CALL);
    assert_eq!(core.step().unwrap().pc, u64::from(HANDLER));
    assert_eq!(read(&mut core, PSR) & 0x1FF, CALLED);
    assert_eq!(read(&mut core, SP), STACK - 32);
    // adds, bx lr: back behind the call.
    core.step().unwrap();
    assert_eq!(core.step().unwrap().pc, u64::from(CALL) + 2);
    // The stack of threads, and no privileges.
    write(&mut core, PC, SWITCH);
    write(&mut core, R3, 3);
    core.step().unwrap();
    assert_eq!(read(&mut core, EXTRA) >> 24, 3);
    // Memory is the debugger's all the same.
    assert_eq!(core.read_word_32(VTOR).unwrap(), VECTORS);
}

#[test]
fn firmware_does_not_let_a_debugger_go() {
    let board = board("held");
    let mut session = attached(&board);
    let mut core = session.core(0).unwrap();
    prepare(&mut core);
    // str r0, [r3]
    core.write_16(CALL.into(), &[0x6018]).unwrap();
    write(&mut core, PC, CALL);
    write(&mut core, R0, LET_GO & !1);
    write(&mut core, R3, DHCSR as u32);
    core.step().unwrap();
    let state = core.read_word_32(DHCSR).unwrap();
    assert_eq!(state & 1, 1, "{state:#x}");
    assert_eq!(core.step().unwrap().pc, u64::from(CALL) + 4);
}
