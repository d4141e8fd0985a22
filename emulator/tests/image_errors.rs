//! A file that is no firmware for the board is refused with what it is and what to do.

use std::sync::Arc;

use proptest::prelude::*;
use twinbench_emulator::{Chip, Image, MemoryMap, Stop};
use twinbench_model::VirtualTime;

const MAP: MemoryMap = MemoryMap::STM32F412XG;
const HEADER: usize = 52;
const PROGRAM_HEADER: usize = 32;

/// A minimal executable: one segment of `code` to be loaded at `address`.
fn elf(address: u32, code: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    for half in [2u16, 40] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, address | 1, HEADER as u32, 0, 0x0500_0400] {
        file.extend(word.to_le_bytes());
    }
    for half in [HEADER as u16, PROGRAM_HEADER as u16, 1, 40, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let start = (HEADER + PROGRAM_HEADER) as u32;
    let size = code.len() as u32;
    for word in [1, start, 0x2000_0000, address, size, size, 5, 4] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

/// Vectors, then `movs r0, #0x18`, `ldr r1, =0x20026`, `bkpt 0xAB`.
fn program(address: u32) -> Vec<u8> {
    let mut code = Vec::new();
    for word in [
        0x2000_1000,
        (address + 8) | 1,
        0x4901_2018,
        0xE7FE_BEAB,
        0x0002_0026,
    ] {
        code.extend(word.to_le_bytes());
    }
    code
}

fn check(file: &[u8], message: &str) {
    let error = Image::from_elf(file, &MAP).expect_err(message).to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_good_file_runs_from_its_load_address() {
    for address in [0x0800_0000, 0x0800_C000, 0x2000_8000] {
        let image = Image::from_elf(&elf(address, &program(address)), &MAP).expect("it is good");
        assert_eq!((image.vectors(), image.entry()), (address, address | 1));
        let mut chip = Chip::new(MAP, Arc::new(image), Vec::new());
        assert_eq!(chip.run_until(VirtualTime::from_millis(1)), Stop::Exited(0));
    }
}

#[test]
fn each_defect_is_named() {
    let good = elf(0x0800_0000, &program(0x0800_0000));
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    check(b"", "not an ELF file: starts with nothing");
    check(b":100000", "not an ELF file: starts with 3a 31 30 30 30 30");
    check(
        &with(4, &[2]),
        "64-bit ELF file: build for thumbv7em-none-eabihf",
    );
    check(&with(5, &[2]), "big-endian ELF file");
    check(
        &good[..40],
        "truncated: the file header ends at 0x34, past the file's end at 0x28",
    );
    check(
        &good[..60],
        "truncated: the program header table ends at 0x54",
    );
    check(
        &good[..90],
        "truncated: segment 0 ends at 0x68, past the file's end at 0x5a",
    );
    check(
        &with(18, &[62, 0]),
        "wrong machine x86-64: build for thumbv7em-none-eabihf",
    );
    check(&with(18, &[0xF3, 0]), "wrong machine RISC-V");
    check(&with(16, &[1, 0]), "not an executable but an object file");
    check(&with(52, &[4]), "no loadable segment");
    check(
        &elf(0x0810_0000, &program(0)),
        "segment 0 at 0x08100000..0x08100014 is outside",
    );
    check(
        &elf(0x080F_FFF8, &program(0)),
        "segment 0 at 0x080ffff8..0x0810000c is outside",
    );
    check(&elf(0x2004_0000, &program(0)), "correct the linker script");
    check(&elf(0x0800_0000, &[0; 16]), "no vector table at 0x08000000");
    let in_nowhere = program(0x0900_0000);
    check(
        &elf(0x0800_0000, &in_nowhere),
        "the reset vector 0x09000009",
    );
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(at in 0usize..104, value: u32, cut in 0usize..104) {
        let mut file = elf(0x0800_0000, &program(0x0800_0000));
        for (place, byte) in file.iter_mut().skip(at).zip(value.to_le_bytes()) {
            *place = byte;
        }
        if let Err(error) = Image::from_elf(&file, &MAP) {
            prop_assert!(!error.to_string().is_empty());
        }
        prop_assert!(Image::from_elf(&file[..cut], &MAP).is_err());
    }
}
