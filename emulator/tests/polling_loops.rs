//! Loops that only wait are skipped, and nobody can tell: with and without, the same to the cycle.

use std::{path::Path, sync::Arc};

use proptest::prelude::*;
use twinbench_emulator::{
    Chip, Image, MemoryMap,
    board::Board,
    peripheral::Signal,
    stm32::{Usart, f412},
};
use twinbench_model::{VirtualDuration, VirtualTime};

/// All that can be seen of a chip: registers, counters, a hash of its RAM.
fn seen(chip: &Chip) -> (twinbench_emulator::Registers, u64, u64, u64) {
    let mut ram = vec![0; 256 * 1024];
    assert_eq!(chip.read_memory(0x2000_0000, &mut ram), ram.len());
    let hash = ram.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    (chip.registers(), chip.cycles(), chip.instructions(), hash)
}

#[test]
fn the_devkit_boots_the_same_and_polls_its_display_for_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
    let elf = std::fs::read(path).unwrap();
    let image = Arc::new(Image::from_elf(&elf, &MemoryMap::STM32F412XG).unwrap());
    let mut boards = [true, false].map(|skip| {
        let mut board = Board::az3166(Arc::clone(&image)).unwrap();
        board.chip_mut().set_polling_skip(skip);
        board
    });
    // Steps of a length that nothing in the firmware has.
    let step = VirtualDuration::from_nanos(7_654_321);
    let mut outputs: [Vec<_>; 2] = Default::default();
    for round in 1..=160 {
        for (board, out) in boards.iter_mut().zip(&mut outputs) {
            let end = VirtualTime::ZERO + VirtualDuration::from_nanos(step.as_nanos() * round);
            board.run_until(end);
            board.drain(out);
            if round == 100 {
                board.set_button("a", true).unwrap();
            }
        }
        let [with, without] = &boards;
        assert_eq!(
            seen(with.chip()),
            seen(without.chip()),
            "after {round} steps"
        );
    }
    let [with, without] = &outputs;
    assert_eq!(with, without);
    assert!(!with.is_empty());
    let [with, without] = &boards;
    assert!(with.snapshot(None).unwrap() == without.snapshot(None).unwrap());
    assert_eq!(boards[1].chip().polling_cycles(), 0);
    // A display of 1,024 bytes at 400 kHz keeps a core of 96 MHz waiting for 2.2 million cycles.
    assert!(boards[0].chip().polling_cycles() > 2_200_000);
}

/// Registers that a loop may look at, by the register that holds the block's address, and offset.
const TARGETS: [(u16, u16); 8] = [
    (4, 0x24), // TIM5: a counter that steps now and then.
    (5, 0x10), // TIM2: flags that its interrupt clears.
    (5, 0x24), // TIM2: a counter that steps all the time.
    (6, 0x00), // USART6: flags.
    (6, 0x04), // USART6: data, whose reading changes flags.
    (7, 0x00), // RAM that the interrupt counts up.
    (3, 0x00), // SysTick: a flag that reading clears.
    (3, 0x08), // SysTick: a counter.
];

fn instruction() -> impl Strategy<Value = Vec<u16>> {
    prop_oneof![
        8 => (0..TARGETS.len()).prop_map(|index| {
            let (base, offset) = TARGETS[index];
            vec![0x6800 | (offset / 4) << 6 | base << 3]
        }),
        // Stores of what was read, and of a constant.
        1 => Just(vec![0x6080 | 7 << 3]),
        1 => Just(vec![0x2105, 0x60C1 | 7 << 3]),
        1 => Just(vec![0x3101]),
        2 => Just(vec![0x2105]),
        2 => Just(vec![0x4288]),
        2 => Just(vec![0xBF00]),
        2 => Just(vec![0xB403, 0xBC03]),
        1 => Just(vec![0x4042]),
        // A conditional branch over the next instruction.
        2 => (0u16..14).prop_map(|condition| vec![0xD000 | condition << 8, 0xBF00]),
    ]
}

/// A chip whose program is a loop, with an interrupt of TIM2 that counts in RAM.
fn chip(program: &[u16], reload: u32, prescaler: u32, skip: bool) -> Chip {
    let map = MemoryMap::STM32F412XG;
    let mut flash = vec![0u32; 0x80];
    flash[0] = 0x2000_2000;
    flash[1] = 0x0800_0201;
    flash[16 + 28] = 0x0800_0401;
    let mut flash: Vec<u8> = flash.iter().flat_map(|word| word.to_le_bytes()).collect();
    flash.extend(program.iter().flat_map(|half| half.to_le_bytes()));
    let back = 0xE000 | (0x7FE - program.len() as u16) & 0x7FF;
    flash.extend(back.to_le_bytes());
    flash.resize(0x400, 0);
    // MOVS R0, #0x40; LSLS R0, R0, #24; MOVS R1, #0; STR R1, [R0, #16]; LDR R1, [R7]; ADDS R1, #1;
    // STR R1, [R7]; BX LR
    for half in [
        0x2040u16, 0x0600, 0x2100, 0x6101, 0x6839, 0x3101, 0x6039, 0x4770,
    ] {
        flash.extend(half.to_le_bytes());
    }
    let image = Arc::new(Image::from_flash(&flash, &map));
    let config = f412::Config::bare(26_000_000, map.flash_size);
    let mut chip = Chip::new(map, image, f412::peripherals(config));
    chip.set_polling_skip(skip);
    let mut registers = chip.registers();
    for (register, base) in [
        (3, 0xE000_E010),
        (4, 0x4000_0C00),
        (5, 0x4000_0000),
        (6, 0x4001_1400),
        (7, 0x2000_0100),
    ] {
        registers.r[register] = base;
    }
    chip.set_registers(&registers);
    for (address, value) in [
        (0xE000_E100, 1 << 28),
        (0x4000_002C, reload),
        (0x4000_000C, 1),
        (0x4000_0000, 1),
        (0x4000_0C28, prescaler),
        (0x4000_0C14, 1),
        (0x4000_0C00, 1),
        (0x4001_1408, 0x8B),
        (0x4001_140C, 0x200C),
        (0xE000_E014, 4_567),
        (0xE000_E010, 5),
    ] {
        assert!(chip.poke(address, value));
    }
    chip
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_loop_goes_the_same_with_and_without(
        program in prop::collection::vec(instruction(), 1..9),
        reload in 300u32..20_000,
        prescaler in 0u32..3_000,
        steps in prop::collection::vec((1u64..900_000, any::<bool>()), 1..12),
    ) {
        let program = program.concat();
        let mut chips = [true, false].map(|skip| chip(&program, reload, prescaler, skip));
        let mut outputs: [Vec<Signal>; 2] = Default::default();
        let mut now = VirtualTime::ZERO;
        for (nanos, byte) in steps {
            now += VirtualDuration::from_nanos(nanos);
            for (chip, out) in chips.iter_mut().zip(&mut outputs) {
                chip.run_until(now);
                if byte {
                    chip.with_peripheral::<Usart, _>("USART6", |it, cx| it.receive(b"x", cx));
                }
                chip.drain(out);
            }
            prop_assert_eq!(seen(&chips[0]), seen(&chips[1]));
            prop_assert!(chips[0].snapshot(None).unwrap() == chips[1].snapshot(None).unwrap());
        }
        let [with, without] = outputs;
        prop_assert_eq!(with, without);
    }
}

#[test]
fn a_loop_that_waits_for_an_interrupt_costs_next_to_nothing() {
    // LDR R0, [R7]; CMP R0, R1; then back: until an interrupt comes, nothing changes.
    let mut chip = chip(&[0x6838, 0x4288], 16_000, 999, true);
    chip.run_until(VirtualTime::from_secs(1));
    let share = chip.polling_cycles() as f64 / chip.cycles() as f64;
    assert!(share > 0.97, "{share}");
}
