//! Variables by name, source lines and backtraces of a program that runs.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{path::Path, process::Command, sync::Arc};

use twinbench_emulator::{Chip, Image, MemoryMap, symbols::Symbols};
use twinbench_model::VirtualTime;

fn build() -> Option<Vec<u8>> {
    let elf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nested.elf");
    let output = Command::new("arm-none-eabi-gcc")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware"))
        .args([
            "-mcpu=cortex-m4",
            "-mthumb",
            "-mfloat-abi=hard",
            "-mfpu=fpv4-sp-d16",
            "-g",
            "-O1",
        ])
        .args([
            "-ffreestanding",
            "-nostdlib",
            "-T",
            "link.ld",
            "start.c",
            "nested.c",
            "-lgcc",
            "-o",
        ])
        .arg(&elf)
        .output();
    let Ok(output) = output else {
        assert!(
            std::env::var_os("CI").is_none(),
            "arm-none-eabi-gcc is missing"
        );
        eprintln!("\n!!! SKIPPED: arm-none-eabi-gcc is missing !!!\n");
        return None;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(std::fs::read(&elf).unwrap())
}

#[test]
fn a_backtrace_goes_through_an_exception_to_the_start() {
    let Some(elf) = build() else { return };
    let map = MemoryMap::STM32F412XG;
    let mut chip = Chip::new(
        map,
        Arc::new(Image::from_elf(&elf, &map).unwrap()),
        Vec::new(),
    );
    let symbols = Symbols::from_elf(&elf).unwrap();
    assert_eq!(symbols.read(&chip, "depth"), Some(vec![0; 4]));
    chip.run_until(VirtualTime::from_millis(1));
    assert_eq!(
        symbols.read(&chip, "depth"),
        Some(7u32.to_le_bytes().to_vec())
    );
    assert_eq!(
        symbols.read(&chip, "reached"),
        Some(1u32.to_le_bytes().to_vec())
    );
    assert_eq!(symbols.read(&chip, "nothing"), None);
    let frames = symbols.backtrace(&chip);
    let names: Vec<_> = frames
        .iter()
        .map(|frame| frame.function.as_deref().unwrap_or("?"))
        .collect();
    assert_eq!(
        names[..5],
        ["stop_here", "inner", "outer", "main", "begin"],
        "{frames:#x?}"
    );
    assert!(frames[1].interrupted && !frames[2].interrupted);
    let line = frames[0].line.as_ref().unwrap();
    assert!(
        line.file.ends_with("nested.c") && (9..13).contains(&line.line),
        "{line:?}"
    );
    let call = frames[2].line.as_ref().unwrap();
    assert_eq!(call.line, 24, "{call:?}");
    let main = symbols.function("main").unwrap();
    assert_eq!(symbols.function_at(main.address + 2), Some(main));
}

#[test]
fn a_rust_image_gives_demangled_names() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
    let symbols = Symbols::from_elf(&std::fs::read(path).unwrap()).unwrap();
    for symbol in symbols.variables() {
        assert!(!symbol.name.starts_with("_ZN"), "{}", symbol.name);
    }
    assert!(Symbols::from_elf(b"\x7fELF garbage").is_err());
    assert!(Symbols::from_elf(b"").is_err());
}
