//! Prints the throughput of RTT through the virtual probe, one line: `cargo xtask bench machines`.
//!
//! The channel is found full at every poll, as a firmware that logs as fast as it can leaves it: what
//! is measured is `probe-rs`, the emulated debug port and the board's memory, not the firmware.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the wall clock"
)]

#[cfg(feature = "probe")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::{
        path::Path,
        time::{Duration, Instant},
    };

    use probe_rs::{
        MemoryInterface, Permissions,
        probe::list::Lister,
        rtt::{Rtt, ScanRegion, find_rtt_control_block_in_raw_file},
    };
    use twinbench_emulator::board::BoardFile;
    use twinbench_machine::{
        EmulatorOptions, Machine,
        probe::{ProbeMachine, ProbeOptions, VirtualBoard},
    };
    use twinbench_model::{DeviceId, Epoch, VirtualTime};

    /// How long is measured.
    const LENGTH: Duration = Duration::from_secs(2);
    /// Where the channel's first descriptor has its write and its read offset (SEGGER UM08001, 16.3).
    const WRITE: u64 = 24 + 12;
    const READ: u64 = 24 + 16;

    let elf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe/firmware/probe-firmware.elf");
    let elf = std::fs::read(elf)?;
    let block = find_rtt_control_block_in_raw_file(&elf)?.ok_or("no channels in the firmware")?;
    let device = DeviceId::new("figures")?;
    let mut surroundings = EmulatorOptions::new(
        device.clone(),
        7,
        Epoch::new("2026-01-01T00:00:00Z".parse()?),
    );
    surroundings.modem = None;
    let board = VirtualBoard::unique("figures", &BoardFile::az3166()?, surroundings)?;
    // Written, and run until it has made its channels.
    let mut options = ProbeOptions::of_board(device, board.clone());
    options.firmware = Some(elf.into());
    let mut machine = ProbeMachine::new(options)?;
    machine.run_until(VirtualTime::from_millis(50))?;
    drop(machine);

    let probes = Lister::new().list_all();
    let probe = probes
        .iter()
        .find(|info| info.serial_number.as_deref() == Some(board.serial()))
        .ok_or("the virtual probe is not listed")?;
    let mut session = probe.open()?.attach(board.chip(), Permissions::default())?;
    let mut core = session.core(0)?;
    core.halt(LENGTH)?;
    let mut rtt = Rtt::attach_region(&mut core, &ScanRegion::Exact(block))?;
    let channel = rtt.up_channel(0).ok_or("no channel 0")?;
    let size = channel.buffer_size();
    let mut bytes = vec![0; size];
    let (mut taken, mut polls) = (0_u64, 0_u64);
    let begin = Instant::now();
    while begin.elapsed() < LENGTH {
        let read = core.read_word_32(block + READ)?;
        let full = (read + size as u32 - 1) % size as u32;
        core.write_word_32(block + WRITE, full)?;
        taken += channel.read(&mut core, &mut bytes)? as u64;
        polls += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = taken as f64 / seconds / 1024.0;
    let each = seconds * 1e6 / polls as f64;
    println!(
        "{:<60} {rate:>12.1} {:<12} {each:.0} µs for each {} bytes",
        "RTT through the virtual probe",
        "KiB/s",
        size - 1
    );
    Ok(())
}

#[cfg(not(feature = "probe"))]
fn main() {
    println!("RTT through the virtual probe: built without the feature `probe`");
}
