//! A real GDB debugs a program on the chip, over loopback.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{net::TcpListener, path::Path, process::Command, sync::Arc, thread};

use twinbench_emulator::{Chip, Image, MemoryMap};

#[path = "gdb/serve.rs"]
mod serve;

fn skip(program: &str) {
    assert!(std::env::var_os("CI").is_none(), "{program} is missing");
    eprintln!("\n!!! SKIPPED: {program} is missing; install it to run this test !!!\n");
}

/// What GDB prints for a script, on a fresh chip; `None`: a program is missing.
fn gdb(name: &str, script: &[&str]) -> Option<String> {
    for program in ["arm-none-eabi-gcc", "gdb-multiarch"] {
        if Command::new(program).arg("--version").output().is_err() {
            skip(program);
            return None;
        }
    }
    let elf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("debuggee-{name}.elf"));
    let output = Command::new("arm-none-eabi-gcc")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware"))
        .args([
            "-mcpu=cortex-m4",
            "-mthumb",
            "-mfloat-abi=hard",
            "-mfpu=fpv4-sp-d16",
        ])
        .args(["-g", "-O0", "-ffreestanding", "-nostdlib", "-T", "link.ld"])
        .args(["start.c", "debuggee.c", "-lgcc", "-o"])
        .arg(&elf)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let map = MemoryMap::STM32F412XG;
    let image = Image::from_elf(&std::fs::read(&elf).unwrap(), &map).unwrap();
    let chip = Chip::new(map, Arc::new(image), Vec::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        serve::serve(&listener, chip)
            .map(|_| ())
            .map_err(|e| e.to_string())
    });
    let mut command = Command::new("timeout");
    command.args([
        "60",
        "gdb-multiarch",
        "-nx",
        "-batch",
        "-ex",
        "set confirm off",
    ]);
    command.arg("-ex").arg(format!("target remote {address}"));
    for line in script {
        command.args(["-ex", line]);
    }
    let output = command.arg(&elf).output().unwrap();
    server.join().unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text + &String::from_utf8_lossy(&output.stderr))
}

fn has(text: &str, facts: &[&str]) {
    for fact in facts {
        assert!(text.contains(fact), "{fact} is not in\n{text}");
    }
}

#[test]
fn breakpoints_steps_registers_and_memory() {
    let Some(text) = gdb(
        "points",
        &[
            "break add",
            "continue",
            "continue",
            "print a",
            "print b",
            "backtrace",
            "next",
            "print scale",
            "print/x *(unsigned*)0xe000ed00",
            "set var counter = 100",
            "delete",
            "finish",
            "print $_exitcode",
            "print counter",
            "p/x $xpsr & 0x1000000",
            "p $control",
            "set $r7 = $r7",
            "p $s0 = 2.5",
            "p $s0",
            "stepi",
            "info registers pc msp fpscr",
        ],
    ) else {
        return;
    };
    has(
        &text,
        &[
            "Breakpoint 1, add (a=1, b=3)",
            "Breakpoint 1, add (a=4, b=3)",
            "$1 = 4",
            "$2 = 3",
            "#1  0x",
            "in main ()",
            "2.25",
            "0x410fc241",
            "Value returned is",
            "= 100",
            "0x1000000",
            "= 2.5",
            "msp            0x",
            "fpscr",
        ],
    );
}

#[test]
fn watchpoints_stop_after_the_access_and_reset_starts_anew() {
    let Some(text) = gdb(
        "watch",
        &[
            "watch doubled",
            "continue",
            "continue",
            "delete",
            "rwatch scale",
            "continue",
            "delete",
            "print counter",
            "monitor reset",
            "flushregs",
            "print counter",
            "break main",
            "continue",
            "monitor time",
            "monitor faults",
        ],
    ) else {
        return;
    };
    has(
        &text,
        &[
            "Old value = 0",
            "New value = 8",
            "New value = 14",
            "Value = 2.25",
            "Breakpoint 3, main ()",
            "instructions",
            "CFSR 0x00000000",
        ],
    );
}
