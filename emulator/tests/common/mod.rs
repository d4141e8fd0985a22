//! Firmware for tests, compiled from the sources in `tests/firmware`.

use std::{path::Path, process::Command};

/// Compiles a bare-metal C program of `tests/firmware` with its linker script and gives its ELF
/// file. `None`, said loudly, when the cross compiler is missing.
///
/// # Panics
/// When the program does not compile; in CI also when the compiler is missing.
pub(crate) fn compile(source: &str, script: &str, flags: &[&str]) -> Option<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware");
    let name = format!(
        "{}-{}.elf",
        source.replace(['.', '/'], "-"),
        flags.concat().replace(['=', '/'], "-")
    );
    let elf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let result = Command::new("arm-none-eabi-gcc")
        .args([
            "-mcpu=cortex-m4",
            "-mthumb",
            "-ffreestanding",
            "-nostdlib",
            "-Wall",
            "-Werror",
        ])
        .args(flags)
        .arg("-T")
        .arg(folder.join(script))
        .arg("-o")
        .arg(&elf)
        .arg(folder.join(source))
        .args(["-lgcc"])
        .output();
    match result {
        Ok(output) if output.status.success() => {
            Some(std::fs::read(&elf).expect("the compiler wrote its output"))
        }
        Ok(output) => panic!("{source}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            let what = format!(
                "arm-none-eabi-gcc cannot be run ({error}); on Debian: apt install gcc-arm-none-eabi"
            );
            assert!(std::env::var_os("CI").is_none(), "{what}");
            eprintln!("SKIPPED: {what}");
            None
        }
    }
}
