//! DMA between serial ports and memory, as firmware sets it up.

use std::sync::Arc;

use twinbench_emulator::{
    Chip, Image, MemoryMap,
    peripheral::SignalKind,
    stm32::{Usart, f412},
};
use twinbench_model::VirtualDuration;

const RAM: u32 = 0x2000_0000;
const DMA2: u32 = 0x4002_6400;
const USART6: u32 = 0x4001_1400;
const EN: u32 = 1;
const TCIE: u32 = 1 << 4;
const HTIE: u32 = 1 << 3;
const TO_PORT: u32 = 1 << 6;
const COPY: u32 = 2 << 6;
const CIRC: u32 = 1 << 8;
const PINC: u32 = 1 << 9;
const MINC: u32 = 1 << 10;
const DBM: u32 = 1 << 18;
const CT: u32 = 1 << 19;
const fn channel(number: u32) -> u32 {
    number << 25
}

/// A chip that stays in a loop, with USART6 at a megabaud (16 MHz / 16), both ways by DMA.
fn chip() -> Chip {
    let mut flash = vec![0u8; 0x40];
    flash[..4].copy_from_slice(&(RAM + 0x4000).to_le_bytes());
    flash[4..8].copy_from_slice(&0x0800_0041u32.to_le_bytes());
    flash.extend(0xE7FEu16.to_le_bytes());
    let map = MemoryMap::STM32F412XG;
    let config = f412::Config::bare(26_000_000, map.flash_size);
    let image = Arc::new(Image::from_flash(&flash, &map));
    let mut chip = Chip::new(map, image, f412::peripherals(config));
    chip.poke(USART6 + 0x08, 16);
    chip.poke(USART6 + 0x14, 3 << 6);
    chip.poke(USART6 + 0x0C, 1 << 13 | 3 << 2);
    chip
}

fn stream(chip: &mut Chip, number: u32, count: u32, port: u32, memory: [u32; 2], cr: u32) {
    let base = DMA2 + 0x10 + 0x18 * number;
    for (offset, value) in [
        (4, count),
        (8, port),
        (12, memory[0]),
        (16, memory[1]),
        (0, cr),
    ] {
        assert!(chip.poke(base + offset, value));
    }
    chip.poke(base, cr | EN);
}

fn run(chip: &mut Chip, micros: u64) {
    let end = chip.now() + VirtualDuration::from_micros(micros);
    chip.run_until(end);
}

fn receive(chip: &mut Chip, bytes: &[u8]) {
    chip.with_peripheral::<Usart, _>("USART6", |usart, cx| usart.receive(bytes, cx));
}

fn bytes<const N: usize>(chip: &Chip, address: u32) -> [u8; N] {
    let mut bytes = [0; N];
    chip.read_memory(address, &mut bytes);
    bytes
}

fn pending(chip: &mut Chip, irq: u32) -> bool {
    let word = chip.peek(0xE000_E200 + irq / 32 * 4);
    word.is_some_and(|word| word >> (irq % 32) & 1 != 0)
}

#[test]
fn a_buffer_leaves_back_to_back() {
    let mut chip = chip();
    chip.write_memory(RAM, b"hello");
    stream(
        &mut chip,
        6,
        5,
        USART6 + 4,
        [RAM, 0],
        channel(5) | MINC | TO_PORT | TCIE,
    );
    run(&mut chip, 60);
    let mut out = Vec::new();
    chip.drain(&mut out);
    let sent: Vec<_> = out
        .iter()
        .filter_map(|signal| match signal.kind {
            SignalKind::Uart { byte, .. } => Some((signal.time.as_nanos(), byte)),
            _ => None,
        })
        .collect();
    let text: Vec<u8> = sent.iter().map(|(_, byte)| *byte).collect();
    assert_eq!(text, b"hello");
    for pair in sent.windows(2) {
        assert_eq!(pair[1].0 - pair[0].0, 10_000);
    }
    assert_eq!(chip.peek(DMA2 + 4), Some(0x30 << 16), "HTIF6 and TCIF6");
    assert_eq!(chip.peek(DMA2 + 0x10 + 6 * 0x18).map(|cr| cr & EN), Some(0));
    assert!(pending(&mut chip, 69));
    chip.poke(DMA2 + 0xC, 0x30 << 16);
    assert_eq!(chip.peek(DMA2 + 4), Some(0));
    assert_eq!(
        chip.peek(USART6).map(|sr| sr & 0xC0),
        Some(0xC0),
        "the last byte has left"
    );
}

#[test]
fn a_ring_is_filled_and_the_idle_line_tells_the_end() {
    let mut chip = chip();
    stream(
        &mut chip,
        1,
        4,
        USART6 + 4,
        [RAM, 0],
        channel(5) | MINC | CIRC | HTIE | TCIE,
    );
    receive(&mut chip, b"abcdef");
    run(&mut chip, 25);
    assert_eq!(
        chip.peek(DMA2 + 0x10 + 0x18 + 4),
        Some(2),
        "NDTR counts down"
    );
    assert!(pending(&mut chip, 57), "half");
    run(&mut chip, 60);
    assert_eq!(&bytes::<4>(&chip, RAM), b"efcd");
    assert_eq!(chip.peek(DMA2 + 0x10 + 0x18 + 4), Some(2));
    assert_eq!(
        chip.peek(USART6).map(|sr| sr & 0x38),
        Some(0x10),
        "idle, nothing unread, nothing lost"
    );
}

#[test]
fn two_buffers_take_turns() {
    let mut chip = chip();
    let cr = channel(5) | MINC | DBM;
    stream(&mut chip, 1, 3, USART6 + 4, [RAM, RAM + 0x100], cr);
    let target = |chip: &mut Chip| chip.peek(DMA2 + 0x28).map(|cr| cr & CT);
    assert_eq!(target(&mut chip), Some(0));
    receive(&mut chip, b"abcd");
    run(&mut chip, 45);
    assert_eq!(target(&mut chip), Some(CT));
    assert_eq!(&bytes::<3>(&chip, RAM), b"abc");
    // The buffer that is not in use may be moved.
    chip.poke(DMA2 + 0x28 + 12, RAM + 0x200);
    receive(&mut chip, b"efghi");
    run(&mut chip, 60);
    assert_eq!(&bytes::<3>(&chip, RAM + 0x100), b"def");
    assert_eq!(&bytes::<3>(&chip, RAM + 0x200), b"ghi");
}

#[test]
fn memory_is_copied_at_once_and_a_hole_is_an_error() {
    let mut chip = chip();
    chip.write_memory(RAM, b"sixteen bytes ok");
    stream(
        &mut chip,
        0,
        4,
        RAM,
        [RAM + 0x80, 0],
        COPY | PINC | MINC | 2 << 11 | 2 << 13,
    );
    assert_eq!(&bytes::<16>(&chip, RAM + 0x80), b"sixteen bytes ok");
    assert_eq!(chip.peek(DMA2), Some(0x30));
    stream(
        &mut chip,
        1,
        4,
        0x6000_0000,
        [RAM + 0x80, 0],
        COPY | PINC | MINC,
    );
    assert_eq!(chip.peek(DMA2), Some(0x30 | 8 << 6), "TEIF1");
}

#[test]
fn the_wrong_channel_gets_nothing() {
    let mut chip = chip();
    stream(&mut chip, 1, 4, USART6 + 4, [RAM, 0], channel(4) | MINC);
    receive(&mut chip, b"x");
    run(&mut chip, 30);
    assert_eq!(bytes::<1>(&chip, RAM), [0]);
    assert_eq!(
        chip.peek(USART6).map(|sr| sr & 0x20),
        Some(0x20),
        "it still waits"
    );
}
