//! Attach, memory, halt, step, breakpoints, reset, flash.

use std::{io::Cursor, path::Path, time::Duration};

use probe_rs::{
    BreakpointCause, CoreStatus, HaltReason, MemoryInterface, Permissions, Session,
    flashing::{DownloadOptions, ElfLoader, ElfOptions},
    probe::list::Lister,
};
use twinbench_emulator::symbols::Symbols;
use twinbench_machine::probe::{PRODUCT, VENDOR, VirtualBoard};

use super::common::devkit_options;

pub(crate) const CHIP: &str = "STM32F412RGTx";
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn board(serial: &str) -> VirtualBoard {
    VirtualBoard::az3166(serial, devkit_options()).unwrap()
}

pub(crate) fn devkit_elf() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
    std::fs::read(path).unwrap()
}

pub(crate) fn attached(board: &VirtualBoard) -> Session {
    let lister = Lister::new();
    let info = lister
        .list_all()
        .into_iter()
        .find(|info| info.serial_number.as_deref() == Some(board.serial()))
        .unwrap();
    assert_eq!((info.vendor_id, info.product_id), (VENDOR, PRODUCT));
    let probe = info.open().unwrap();
    probe.attach(CHIP, Permissions::default()).unwrap()
}

/// The chip's flash algorithm programs the devkit firmware, on the emulated core.
pub(crate) fn flash(session: &mut Session) {
    let mut loader = session.target().flash_loader();
    let elf = ElfLoader(ElfOptions::default());
    let mut file = Cursor::new(devkit_elf());
    loader.load_image(session, &mut file, elf, None).unwrap();
    let mut options = DownloadOptions::default();
    options.verify = true;
    loader.commit(session, options).unwrap();
}

#[test]
fn memory_is_read_and_written() {
    let board = board("memory");
    let mut session = attached(&board);
    let mut core = session.core(0).unwrap();
    core.halt(PATIENCE).unwrap();
    assert_eq!(core.read_word_32(0xE004_2000).unwrap() & 0xFFF, 0x441);
    core.write_32(0x2000_0100, &[1, 2, 0xDEAD_BEEF]).unwrap();
    core.write_8(0x2000_0101, &[0xAA, 0xBB]).unwrap();
    core.write_16(0x2000_0106, &[0x1234]).unwrap();
    let mut words = [0; 3];
    core.read_32(0x2000_0100, &mut words).unwrap();
    assert_eq!(words, [0x00BB_AA01, 0x1234_0002, 0xDEAD_BEEF]);
    let mut bytes = [0; 5];
    core.read_8(0x2000_0101, &mut bytes).unwrap();
    assert_eq!(bytes, [0xAA, 0xBB, 0, 2, 0]);
    // A failed access is an error of its own, and not of the next one.
    assert!(core.read_word_32(0x7000_0000).is_err());
    assert_eq!(core.read_word_32(0x2000_0100).unwrap(), 0x00BB_AA01);
    // Across the 1 KiB in which the port counts addresses by itself.
    let long: Vec<u32> = (0..1000).collect();
    core.write_32(0x2000_0FFC, &long).unwrap();
    let mut back = vec![0; 1000];
    core.read_32(0x2000_0FFC, &mut back).unwrap();
    assert_eq!(back, long);
}

#[test]
fn the_flash_algorithm_programs_the_firmware_and_a_debugger_follows_it() {
    let board = board("flash");
    let mut session = attached(&board);
    flash(&mut session);
    let symbols = Symbols::from_elf(&devkit_elf()).unwrap();
    let mut core = session.core(0).unwrap();

    // The vector table's first instruction, before it is executed.
    let stopped = core.reset_and_halt(PATIENCE).unwrap();
    let entry = core.read_word_32(0x0800_0004).unwrap() & !1;
    assert_eq!(stopped.pc, u64::from(entry));
    assert_eq!(symbols.function_at(entry).unwrap().name, "Reset");

    // Steps.
    let next = core.step().unwrap().pc;
    assert_ne!(next, stopped.pc);

    // A breakpoint.
    let main = symbols.function("main").unwrap().address;
    core.set_hw_breakpoint(main.into()).unwrap();
    core.run().unwrap();
    core.wait_for_core_halted(PATIENCE).unwrap();
    assert!(matches!(
        core.status().unwrap(),
        CoreStatus::Halted(HaltReason::Breakpoint(
            BreakpointCause::Hardware | BreakpointCause::Unknown
        ))
    ));
    let pc: u32 = core.read_core_reg(core.program_counter()).unwrap();
    assert_eq!(pc, main);
    core.clear_hw_breakpoint(main.into()).unwrap();

    // On, and halted again elsewhere.
    core.run().unwrap();
    assert!(!core.core_halted().unwrap());
    core.halt(PATIENCE).unwrap();
    let there: u32 = core.read_core_reg(core.program_counter()).unwrap();
    assert_ne!(there, main);

    // Registers are put back as they are written.
    core.write_core_reg(core.registers().core_register(3), 0x1234_5678_u32)
        .unwrap();
    let r3: u32 = core
        .read_core_reg(core.registers().core_register(3))
        .unwrap();
    assert_eq!(r3, 0x1234_5678);

    // A plain reset lets it run from the beginning.
    core.reset().unwrap();
    assert!(!core.core_halted().unwrap());
}
