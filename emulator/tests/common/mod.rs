//! Firmware for tests, compiled from the sources in `tests/firmware`.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// Compiles a bare-metal C program of `tests/firmware` with its linker script and gives its ELF
/// file. `None`, said loudly, when the cross compiler is missing.
///
/// # Panics
/// When the program does not compile; in CI also when the compiler is missing.
pub(crate) fn compile(source: &str, script: &str, flags: &[&str]) -> Option<Vec<u8>> {
    // Tests run beside each other, in one process or in many: each has a file of its own.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware");
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let name = format!("{process}-{count}.elf");
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
            let bytes = std::fs::read(&elf).expect("the compiler wrote its output");
            let _ = std::fs::remove_file(&elf);
            Some(bytes)
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
