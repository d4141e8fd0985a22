//! Builds the C programs beside these tests and runs them on a bare chip.

mod qemu;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use twinbench_emulator::{Chip, Image, MemoryMap, Stop, peripheral::SignalKind};
use twinbench_model::VirtualTime;

const COMPILER: &str = "arm-none-eabi-gcc";
const CORE: [&str; 4] = [
    "-mcpu=cortex-m4",
    "-mthumb",
    "-mfloat-abi=hard",
    "-mfpu=fpv4-sp-d16",
];
// Contracted products and excess precision would differ between host and target.
const LANGUAGE: [&str; 6] = [
    "-std=gnu11",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-Wall",
    "-Wextra",
];

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) stop: Stop,
    /// What it wrote by semihosting.
    pub(crate) text: String,
    /// When it last wrote.
    pub(crate) spoken_at: Option<VirtualTime>,
    pub(crate) chip: Chip,
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned()
}

/// Says loudly that a test is skipped; in CI that is a failure.
fn skip(program: &str, package: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "whether this is CI is known to the environment only"
    )]
    let ci = std::env::var("CI").is_ok();
    assert!(!ci, "{program} is missing: install {package}");
    eprintln!("\n!!! SKIPPED: {program} is missing; install {package} to run this test !!!\n");
}

fn missing(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_err()
}

fn compile(command: &mut Command) {
    let output = command.output().expect("the compiler starts");
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The program linked from `names` and the start-up code; `None` when there is no compiler.
pub(crate) fn build(names: &[&str], options: &[&str]) -> Option<Arc<Image>> {
    let elf = build_elf(names, options)?;
    let bytes = std::fs::read(&elf).expect("the linker wrote it");
    std::fs::remove_file(&elf).expect("it is ours");
    Some(Arc::new(
        Image::from_elf(&bytes, &MemoryMap::STM32F412XG).expect("it is an image"),
    ))
}

/// The ELF file of the program; `None` when there is no compiler.
fn build_elf(names: &[&str], options: &[&str]) -> Option<PathBuf> {
    if missing(COMPILER) {
        skip(COMPILER, "gcc-arm-none-eabi");
        return None;
    }
    let options_name = options.concat().replace([',', '='], "");
    let name = format!("{}{}.{}.elf", names[0], options_name, std::process::id());
    let elf = folder().join(name);
    let mut command = Command::new(COMPILER);
    command
        .current_dir(sources())
        .args(CORE)
        .args(LANGUAGE)
        .args(options)
        .args([
            "-ffreestanding",
            "-nostdlib",
            "-Wl,--build-id=none",
            "-T",
            "link.ld",
            "start.c",
        ])
        .args(names)
        .args(["-lgcc", "-o"])
        .arg(&elf);
    compile(&mut command);
    Some(elf)
}

/// What the workload prints on this machine; `None` when there is no compiler.
pub(crate) fn checksum_on_host(rounds: u32) -> Option<String> {
    let compiler = "cc";
    if missing(compiler) {
        skip(compiler, "a C compiler");
        return None;
    }
    let program = folder().join(format!("host.{}", std::process::id()));
    let mut command = Command::new(compiler);
    command
        .current_dir(sources())
        .args(LANGUAGE)
        .args(["-O1", "host.c", "workload.c", "-lm", "-o"])
        .arg(&program);
    compile(&mut command);
    let output = Command::new(&program)
        .arg(rounds.to_string())
        .output()
        .expect("it runs");
    std::fs::remove_file(&program).expect("it is ours");
    Some(String::from_utf8(output.stdout).expect("it prints text"))
}

/// A chip without peripherals.
pub(crate) fn chip(image: &Arc<Image>) -> Chip {
    Chip::new(MemoryMap::STM32F412XG, Arc::clone(image), Vec::new())
}

/// Runs up to a time at most.
pub(crate) fn run(image: &Arc<Image>, until: VirtualTime) -> Outcome {
    let mut chip = chip(image);
    let stop = chip.run_until(until);
    let mut signals = Vec::new();
    chip.drain(&mut signals);
    let (mut text, mut spoken_at) = (String::new(), None);
    for signal in signals {
        match signal.kind {
            SignalKind::Semihosting(bytes) => {
                text += &String::from_utf8_lossy(&bytes);
                spoken_at = Some(signal.time);
            }
            other => panic!("{other:?}"),
        }
    }
    Outcome {
        stop,
        text,
        spoken_at,
        chip,
    }
}
