//! Figures of the emulator: instructions a second beside QEMU in the same run, and a fleet of devkits.
//!
//! ```text
//! cargo run --release -p twinbench-emulator --example emulator-figures -- [devices] [virtual seconds]
//! ```
//! Needs arm-none-eabi-gcc and, for the comparison, qemu-system-arm.

#![expect(
    clippy::disallowed_methods,
    reason = "a measurement of speed needs the wall clock"
)]

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use twinbench_emulator::{
    Chip, Image, MemoryMap,
    board::{Board, BoardFile},
};
use twinbench_model::VirtualTime;

/// Rounds of the workload: some seconds here.
const ROUNDS: &str = "-DROUNDS=8000";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let devices = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let seconds = arguments.next().map_or(Ok(20), |text| text.parse())?;
    speed()?;
    fleet(devices, seconds)
}

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The integer, DSP and floating-point workload at -O2, here and in QEMU.
fn speed() -> Result<(), Box<dyn Error>> {
    let elf = std::env::temp_dir().join(format!("twinbench-workload-{}.elf", std::process::id()));
    let status = Command::new("arm-none-eabi-gcc")
        .current_dir(manifest("tests/firmware"))
        .args([
            "-mcpu=cortex-m4",
            "-mthumb",
            "-mfloat-abi=hard",
            "-mfpu=fpv4-sp-d16",
            "-O2",
        ])
        .args([
            "-std=gnu11",
            "-ffp-contract=off",
            "-fno-strict-aliasing",
            "-fwrapv",
            ROUNDS,
        ])
        .args([
            "-ffreestanding",
            "-nostdlib",
            "-Wl,--defsym=half_ram=1",
            "-T",
            "link.ld",
        ])
        .args(["start.c", "compute.c", "workload.c", "-lgcc", "-o"])
        .arg(&elf)
        .status()?;
    if !status.success() {
        return Err("the workload does not compile".into());
    }
    let map = MemoryMap::STM32F412XG;
    let image = Arc::new(Image::from_elf(&std::fs::read(&elf)?, &map)?);
    let mut chip = Chip::new(map, image, Vec::new());
    let start = Instant::now();
    let stop = chip.run_until(VirtualTime::from_secs(100_000));
    let ours = start.elapsed().as_secs_f64();
    let millions = chip.instructions() as f64 / 1e6;
    println!("workload: {millions:.0} M instructions, {stop:?}");
    println!("  here: {ours:.2} s, {:.0} MIPS", millions / ours);
    for (name, icount) in [("-icount shift=0,sleep=off", true), ("free-running", false)] {
        let mut qemu = Command::new("qemu-system-arm");
        qemu.args([
            "-M",
            "netduinoplus2",
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "none",
        ]);
        qemu.args(["-semihosting-config", "enable=on,target=native", "-kernel"])
            .arg(&elf);
        if icount {
            qemu.args(["-icount", "shift=0,sleep=off"]);
        }
        let start = Instant::now();
        match qemu.output() {
            Ok(_) => {
                let theirs = start.elapsed().as_secs_f64();
                let share = theirs / ours;
                let rate = millions / theirs;
                println!("  QEMU, {name}: {theirs:.2} s, {rate:.0} MIPS; here {share:.2} of it");
            }
            Err(error) => println!("  QEMU, {name}: cannot be run ({error})"),
        }
    }
    std::fs::remove_file(&elf)?;
    Ok(())
}

/// Devkits with the firmware of this repository, without modem and hub, on one core.
fn fleet(devices: u64, seconds: u64) -> Result<(), Box<dyn Error>> {
    let map = BoardFile::az3166()?.memory_map();
    let elf = std::fs::read(manifest("../fixtures/firmware/devkit.elf"))?;
    let image = Arc::new(Image::from_elf(&elf, &map)?);
    let before = resident();
    let mut boards = Vec::new();
    for index in 0..devices {
        let mut board = Board::az3166(Arc::clone(&image))?;
        board.set_seed(index);
        // Settings of its own, so that its flash memory differs from the image.
        board
            .chip_mut()
            .write_memory(0x080E_0000, &index.to_le_bytes());
        boards.push(board);
    }
    let start = Instant::now();
    let mut out = Vec::new();
    for second in 1..=seconds {
        for board in &mut boards {
            board.run_until(VirtualTime::from_secs(second));
            board.drain(&mut out);
            out.clear();
        }
    }
    let wall = start.elapsed().as_secs_f64();
    let instructions: u64 = boards.iter().map(|board| board.chip().instructions()).sum();
    let footprint: usize = boards.iter().map(|board| board.chip().footprint()).sum();
    let kib = |bytes: f64| bytes / 1024.0 / devices as f64;
    println!("{devices} devkits, {seconds} virtual seconds: {wall:.2} s on one core");
    println!("  {:.1} times faster than real time", seconds as f64 / wall);
    println!(
        "  {:.2} M instructions a device",
        instructions as f64 / 1e6 / devices as f64
    );
    println!(
        "  {:.0} KiB a device beyond the image, counted",
        kib(footprint as f64)
    );
    if let (Some(before), Some(after)) = (before, resident()) {
        println!(
            "  {:.0} KiB a device, resident",
            kib((after - before) as f64)
        );
    }
    Ok(())
}

/// Bytes of this process in memory, on Linux.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
