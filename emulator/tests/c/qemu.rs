//! Whole programs say the same here and in QEMU.

use std::process::Command;

use twinbench_emulator::{Image, MemoryMap, Stop};
use twinbench_model::VirtualTime;

use super::{build_elf, run, skip};

const QEMU: &str = "qemu-system-arm";

/// Runs a program in both and compares what it says and how it ends.
fn check(sources: &[&str], options: &[&str]) -> String {
    if Command::new(QEMU).arg("--version").output().is_err() {
        skip(QEMU, "qemu-system-arm");
        return String::new();
    }
    let options = [options, &["-Wl,--defsym=half_ram=1"]].concat();
    let Some(elf) = build_elf(sources, &options) else {
        return String::new();
    };
    let bytes = std::fs::read(&elf).expect("the linker wrote it");
    // An STM32F405 with the same memory map, but for 128 KiB of RAM; one instruction a nanosecond.
    let output = Command::new("timeout")
        .args([
            "60",
            QEMU,
            "-M",
            "netduinoplus2",
            "-icount",
            "shift=0,sleep=off",
        ])
        .args(["-display", "none", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(&elf)
        .output()
        .expect("qemu starts");
    std::fs::remove_file(&elf).expect("it is ours");
    let theirs = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let image = Image::from_elf(&bytes, &MemoryMap::STM32F412XG).expect("it is an image");
    let ours = run(&std::sync::Arc::new(image), VirtualTime::from_secs(100));
    assert_eq!(ours.text, theirs, "{sources:?}");
    let code = output.status.code();
    assert_eq!(ours.stop, Stop::Exited(code.unwrap_or(-1)), "{sources:?}");
    ours.text
}

#[test]
fn integers_and_floating_point() {
    check(&["compute.c", "workload.c"], &["-O2"]);
}

#[test]
fn dsp() {
    check(&["dsp.c"], &["-O2"]);
}

#[test]
fn late_floating_point_registers() {
    check(&["lazy.c"], &["-O1"]);
}

#[test]
fn memory_protection() {
    let text = check(&["protect.c"], &["-O1"]);
    assert!(
        text.is_empty() || text.contains("an unprivileged load 00000082"),
        "{text}"
    );
}

#[test]
fn nested_interrupts_with_every_grouping_and_the_system_timer() {
    let text = check(&["ticking.c"], &["-O1"]);
    assert!(text.is_empty() || text.contains("ticks 00000005"), "{text}");
}

/// One of the corners in `entries.c`, and what it must say at the least.
fn entry(case: u32, wanted: &str) {
    let text = check(&["entries.c"], &["-O1", &format!("-DCASE={case}")]);
    assert!(text.is_empty() || text.contains(wanted), "{text}");
}

#[test]
fn faultmask_holds_interrupts_back() {
    entry(1, "while masked 00000000\npending 00100000\nafter 00000001");
    entry(2, "after a handler 00000000");
}

#[test]
fn stkalign_moves_a_frame_and_says_so() {
    entry(3, "bit 9 00000001\nbit 9 of an aligned one 00000000");
}

#[test]
fn tail_chained_handlers_stand_on_one_frame() {
    entry(4, "ij frames apart 00000000");
}

#[test]
fn an_interrupt_preempts_as_soon_as_its_mask_falls() {
    entry(5, "jik");
}

#[test]
fn a_fault_while_stacking_comes_before_the_call() {
    entry(6, "m memory fault, CFSR 00000010");
}

#[test]
fn an_interrupt_that_outranks_a_stacking_fault_arrives_late_and_runs_first() {
    entry(7, "ib bus fault, CFSR 00001000");
}

#[test]
fn a_protected_frame_faults_while_unstacking() {
    entry(8, "sm memory fault, CFSR 00000008");
}
