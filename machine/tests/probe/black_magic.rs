//! The virtual probe for other programs: `probe-rs`'s own Black Magic driver finds it over TCP.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use probe_rs::{
    MemoryInterface, Permissions,
    probe::{DebugProbeSelector, list::Lister},
};
use twinbench_emulator::symbols::Symbols;
use twinbench_machine::probe::BlackMagicPort;

use super::debugging::{CHIP, board, devkit_elf, flash};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_stock_driver_flashes_and_debugs_over_tcp() {
    let port = BlackMagicPort::open(board("remote"), 0).unwrap();
    let selector: DebugProbeSelector = port.selector().parse().unwrap();
    let mut probe = Lister::new().open(selector).unwrap();
    assert_eq!(probe.get_name(), "Black Magic probe");
    probe
        .select_protocol(probe_rs::probe::WireProtocol::Swd)
        .unwrap();
    let mut session = probe.attach(CHIP, Permissions::default()).unwrap();
    flash(&mut session);
    let symbols = Symbols::from_elf(&devkit_elf()).unwrap();
    let main = symbols.function("main").unwrap().address;
    let mut core = session.core(0).unwrap();
    core.reset_and_halt(PATIENCE).unwrap();
    core.set_hw_breakpoint(main.into()).unwrap();
    core.run().unwrap();
    core.wait_for_core_halted(PATIENCE).unwrap();
    let pc: u32 = core.read_core_reg(core.program_counter()).unwrap();
    assert_eq!(pc, main);
    core.clear_hw_breakpoint(main.into()).unwrap();
    core.write_8(0x2000_0101, &[0xAA, 0xBB, 0xCC]).unwrap();
    let mut bytes = [0; 5];
    core.read_8(0x2000_0100, &mut bytes).unwrap();
    assert_eq!(bytes[1..4], [0xAA, 0xBB, 0xCC]);
    assert!(core.read_word_32(0x7000_0000).is_err());
    assert_eq!(core.read_word_32(0xE004_2000).unwrap() & 0xFFF, 0x441);
    // Its time goes on by itself.
    let moves = (0..1_000).any(|_| {
        core.run().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        core.halt(PATIENCE).unwrap();
        core.read_core_reg::<u32>(core.program_counter()).unwrap() != main
    });
    assert!(moves);
    drop(core);
    drop(session);

    // The next client finds it again.
    let selector: DebugProbeSelector = port.selector().parse().unwrap();
    let mut probe = Lister::new().open(selector).unwrap();
    probe
        .select_protocol(probe_rs::probe::WireProtocol::Swd)
        .unwrap();
    probe.attach(CHIP, Permissions::default()).unwrap();
}

#[test]
fn commands_that_are_none_are_refused_and_survived() {
    let port = BlackMagicPort::open(board("garbage"), 0).unwrap();
    let mut client = TcpStream::connect(port.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut ask = |command: &str, answer: &str| {
        client.write_all(command.as_bytes()).unwrap();
        let mut bytes = vec![0; answer.len()];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), answer, "{command}");
    };
    ask("+#!GA#", "&KTwinbench virtual probe#");
    ask("!HC#", "&K3#");
    ask("!XX#", "&N0#");
    ask("!A#", "&N0#");
    ask("!Az00#", "&N0#");
    ask("!Ad00#", "&P1#");
    ask("!So40ff#", "&P1#");
    ask("!Am000000000000200000000fffffff#", "&P1#");
    ask("!AM0000000000000220000002000000040102#", "&P1#");
    // Without power in the debug domain the access port refuses.
    ask("!Aa000001fc#", "&E4#");
    // The identity, with the bytes in the order of memory.
    ask("!Ad00ff0000#", "&K7714a02b#");
    ask(&format!("!{}#!HC#", "A".repeat(10_000)), "&K3#");
}
