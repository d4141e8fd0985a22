//! The debug unit by its registers: halting, breakpoint unit, watchpoints, trace ports, RTT.

use std::sync::Arc;

use twinbench_emulator::{
    Chip, Image, MemoryMap, Stop,
    debug::{Access, DebugStop, Rtt},
    peripheral::SignalKind,
};
use twinbench_model::{VirtualDuration, VirtualTime};

const RAM: u32 = 0x2000_0000;
const CODE: u32 = 0x0800_0100;
const DHCSR: u32 = 0xE000_EDF0;
const DCRSR: u32 = 0xE000_EDF4;
const DCRDR: u32 = 0xE000_EDF8;
const DEMCR: u32 = 0xE000_EDFC;
const DFSR: u32 = 0xE000_ED30;
const KEY: u32 = 0xA05F_0000;

/// A chip about to run `code`; every exception but reset goes to a loop at `CODE + 0x40`.
fn chip(code: &[u16]) -> Chip {
    let mut flash = vec![0u8; 0x100];
    let vectors = std::iter::once(RAM + 0x1000).chain([CODE | 1]);
    let vectors = vectors.chain(std::iter::repeat_n((CODE + 0x40) | 1, 14));
    for (place, word) in flash.chunks_mut(4).zip(vectors) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    flash.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    flash.resize(0x140, 0);
    flash.extend(0xE7FEu16.to_le_bytes());
    let map = MemoryMap::STM32F412XG;
    Chip::new(map, Arc::new(Image::from_flash(&flash, &map)), Vec::new())
}

// movs r0, #1; adds r0, #1; str r0, [r1]; b to the second
const LOOP: [u16; 4] = [0x2001, 0x3001, 0x6008, 0xE7FC];

fn looping() -> Chip {
    let mut chip = chip(&LOOP);
    let mut registers = chip.registers();
    registers.r[1] = RAM;
    chip.set_registers(&registers);
    chip
}

fn soon(chip: &Chip) -> VirtualTime {
    chip.now() + VirtualDuration::from_micros(100)
}

#[test]
fn halting_gives_the_registers_and_takes_new_ones() {
    let mut chip = looping();
    assert!(chip.poke(DHCSR, KEY | 3));
    assert_eq!(chip.run_until(soon(&chip)), Stop::Debug(DebugStop::Request));
    assert_eq!(chip.peek(DHCSR).unwrap() & 0x3_0003, 0x3_0003);
    assert_eq!(chip.peek(DFSR), Some(1));
    chip.poke(DFSR, 1);
    assert_eq!(chip.peek(DFSR), Some(0));
    chip.poke(DCRSR, 15);
    assert_eq!(chip.peek(DCRDR), Some(CODE));
    chip.poke(DCRDR, 41);
    chip.poke(DCRSR, 1 << 16);
    chip.poke(DHCSR, KEY | 5);
    assert_eq!(chip.registers().r[0], 1, "one step: movs");
    chip.poke(DHCSR, KEY | 5);
    assert_eq!(chip.registers().r[0], 2, "another: adds");
    let before = chip.now();
    chip.poke(DHCSR, KEY);
    let end = soon(&chip);
    assert_eq!(chip.run_until(end), Stop::Reached);
    assert!(chip.now() > before);
}

#[test]
fn the_breakpoint_unit_stops_or_becomes_the_monitors() {
    let stop = |attach: bool, demcr: u32| {
        let mut chip = looping();
        chip.attach(attach);
        chip.poke(DEMCR, demcr);
        chip.poke(0xE000_2000, 3);
        // The half-word at CODE + 2: the upper one of its word.
        chip.poke(0xE000_2008, CODE | 2 << 30 | 1);
        let end = soon(&chip);
        let stop = chip.run_until(end);
        (stop, chip.registers(), chip.peek(DFSR).unwrap())
    };
    let (stopped, registers, status) = stop(true, 0);
    assert_eq!(stopped, Stop::Debug(DebugStop::Breakpoint(CODE + 2)));
    assert_eq!((registers.r[0], registers.r[15], status), (1, CODE + 2, 2));
    let (stopped, registers, status) = stop(false, 1 << 16);
    assert_eq!(stopped, Stop::Reached);
    assert_eq!(
        (registers.xpsr & 0x1FF, status),
        (12, 2),
        "the debug monitor runs"
    );
    let (stopped, registers, status) = stop(false, 0);
    assert_eq!(stopped, Stop::Reached);
    assert_eq!((registers.xpsr & 0x1FF, status), (0, 0), "nobody looks");
}

#[test]
fn watchpoints_by_the_unit_and_by_the_debugger() {
    let mut chip = looping();
    chip.attach(true);
    chip.poke(0xE000_1020, RAM);
    chip.poke(0xE000_1024, 2);
    chip.poke(0xE000_1028, 6);
    let end = soon(&chip);
    let hit = DebugStop::Watchpoint {
        address: RAM,
        access: Access::Write,
    };
    assert_eq!(chip.run_until(end), Stop::Debug(hit));
    assert_eq!(chip.registers().r[15], CODE + 6, "after the store");
    assert_eq!(chip.peek(0xE000_1028), Some(1 << 24 | 6));
    assert_eq!(chip.peek(0xE000_1028), Some(6), "reading clears it");
    chip.poke(0xE000_1028, 0);
    chip.set_watchpoint(RAM + 3, 1, Access::Read, true);
    chip.resume();
    assert_eq!(chip.run_until(end), Stop::Reached, "stores are no reads");
    chip.set_watchpoint(RAM + 3, 1, Access::Any, true);
    let end = soon(&chip);
    assert!(matches!(
        chip.run_until(end),
        Stop::Debug(DebugStop::Watchpoint { .. })
    ));
    chip.attach(false);
    assert_eq!(chip.run_until(end), Stop::Reached);
}

#[test]
fn bkpt_stops_an_attached_core_and_faults_a_lonely_one() {
    let code = [0xBE05, 0x2001, 0xE7FE];
    let mut attached = chip(&code);
    attached.attach(true);
    let end = soon(&attached);
    assert_eq!(
        attached.run_until(end),
        Stop::Debug(DebugStop::Breakpoint(CODE))
    );
    let mut lonely = chip(&code);
    assert_eq!(lonely.run_until(end), Stop::Reached);
    assert_eq!(lonely.registers().xpsr & 0x1FF, 3, "a hard fault");
    assert_eq!(lonely.peek(0xE000_ED2C), Some(1 << 31), "a debug event");
}

#[test]
fn trace_ports_speak_when_they_are_on() {
    // movs r0, #'h'; strb r0, [r1]; b .
    let mut chip = chip(&[0x2068, 0x7008, 0xE7FE]);
    let mut spoken = |on: bool| {
        chip.reset();
        let mut registers = chip.registers();
        registers.r[1] = 0xE000_0004;
        chip.set_registers(&registers);
        chip.poke(0xE000_0E80, u32::from(on));
        chip.poke(0xE000_0E00, 2);
        let end = soon(&chip);
        chip.run_until(end);
        let mut out = Vec::new();
        chip.drain(&mut out);
        out.into_iter()
            .map(|signal| signal.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(spoken(false), []);
    let bytes = bytes::Bytes::from_static(b"h");
    assert_eq!(spoken(true), [SignalKind::Itm { port: 1, bytes }]);
}

#[test]
fn rtt_is_read_and_written_by_its_control_block() {
    let mut chip = chip(&[0xE7FE]);
    assert_eq!(Rtt::find(&chip), None);
    let block = RAM + 0x400;
    chip.write_memory(block, b"SEGGER RTT\0\0\0\0\0\0");
    let mut words = vec![1, 1];
    // name, buffer, size, write, read, flags: "lo" at the end, "hel" at the start.
    words.extend([0, RAM + 0x800, 8, 3, 6, 0]);
    words.extend([0, RAM + 0x900, 4, 0, 0, 0]);
    let bytes: Vec<u8> = words
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    chip.write_memory(block + 16, &bytes);
    chip.write_memory(RAM + 0x800, b"lo!???he");
    let rtt = Rtt::find(&chip).unwrap();
    assert_eq!(rtt.read(&mut chip, 0), b"helo!");
    assert_eq!(rtt.read(&mut chip, 0), b"");
    assert_eq!(rtt.read(&mut chip, 7), b"");
    assert_eq!(rtt.write(&mut chip, 0, b"abcd"), 3, "one place stays free");
    let mut there = [0; 3];
    chip.read_memory(RAM + 0x900, &mut there);
    assert_eq!(&there, b"abc");
}
