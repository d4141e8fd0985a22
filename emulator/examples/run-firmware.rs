//! Runs firmware of any origin on a board and prints what it says, for so many virtual seconds.
//!
//! ```text
//! cargo run --release -p twinbench-emulator --example run-firmware -- BOARD.toml|az3166|discovery SECONDS \
//!     FILE[@ADDRESS] [FILE[@ADDRESS] …] [--in PORT:TEXT@SECONDS …]
//! ```
//! A file with an address is raw bytes. Serial ports that the board does not name are printed by the
//! chip's names.

use std::{collections::BTreeMap, error::Error, sync::Arc};

use twinbench_emulator::{
    FirmwareFile, Image,
    board::{Board, BoardFile},
    peripheral::SignalKind,
    symbols::Symbols,
};
use twinbench_model::VirtualTime;

fn board_file(name: &str) -> Result<BoardFile, Box<dyn Error>> {
    Ok(match name {
        "az3166" => BoardFile::az3166()?,
        "discovery" => BoardFile::stm32f4discovery()?,
        path => BoardFile::parse(&std::fs::read_to_string(path)?)?,
    })
}

fn number(text: &str) -> Result<u32, Box<dyn Error>> {
    Ok(match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16)?,
        None => text.parse()?,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: run-firmware BOARD SECONDS FILE[@ADDRESS] … [--in PORT:TEXT@SECONDS …]";
    let file = board_file(&arguments.next().ok_or(usage)?)?;
    let seconds: u64 = arguments.next().ok_or(usage)?.parse()?;
    let (mut parts, mut inputs) = (Vec::new(), BTreeMap::new());
    while let Some(argument) = arguments.next() {
        if argument == "--in" {
            let input = arguments.next().ok_or(usage)?;
            let (what, at) = input.rsplit_once('@').ok_or(usage)?;
            let (port, text) = what.split_once(':').ok_or(usage)?;
            let text = text.replace("\\r", "\r").replace("\\n", "\n");
            inputs.insert(at.parse::<u64>()?, (port.to_owned(), text));
            continue;
        }
        let (path, address) = match argument.rsplit_once('@') {
            Some((path, address)) => (path.to_owned(), Some(number(address)?)),
            None => (argument, None),
        };
        parts.push((std::fs::read(&path)?, path, address));
    }
    let files: Vec<FirmwareFile<'_>> = parts
        .iter()
        .map(|(bytes, name, address)| FirmwareFile {
            name,
            bytes,
            address: *address,
        })
        .collect();
    let image = Arc::new(Image::from_files(&files, &file.memory_map())?);
    let symbols = parts
        .iter()
        .find_map(|(bytes, ..)| Symbols::from_elf(bytes).ok());
    let mut board = Board::new(&file, image)?;
    let mut said: BTreeMap<&'static str, Vec<u8>> = BTreeMap::new();
    let (mut notes, mut pins, mut frames) = (Vec::new(), 0, 0);
    let mut stop = None;
    for tenth in 1..=seconds * 10 {
        if tenth % 10 == 1
            && let Some((port, text)) = inputs.get(&(tenth / 10))
        {
            board.uart_input(port, text.as_bytes())?;
        }
        let end = VirtualTime::from_millis(tenth * 100);
        let now = board.run_until(end);
        let mut signals = Vec::new();
        board.chip_mut().drain(&mut signals);
        for signal in signals {
            match signal.kind {
                SignalKind::Uart { name, byte } => said.entry(name).or_default().push(byte),
                SignalKind::Semihosting(text) => {
                    said.entry("semihosting").or_default().extend(text);
                }
                SignalKind::Itm { bytes, .. } => said.entry("itm").or_default().extend(bytes),
                SignalKind::Note(text) => notes.push(format!("{} {text}", signal.time)),
                SignalKind::Pin { .. } => pins += 1,
                SignalKind::Display(_) => frames += 1,
            }
        }
        if now != twinbench_emulator::Stop::Reached {
            stop = Some(now);
            break;
        }
    }
    for (port, bytes) in &said {
        println!("--- {port}\n{}", String::from_utf8_lossy(bytes));
    }
    println!(
        "--- {} pin changes, {frames} pictures, {} notes",
        pins,
        notes.len()
    );
    for note in notes.iter().take(25) {
        println!("{note}");
    }
    if let Some(stop) = stop {
        println!("--- stopped: {stop:?}");
    }
    let chip = board.chip();
    println!(
        "--- at {}: {} M instructions, pc {:#010x}, {} % of the cycles polled",
        board.now(),
        chip.instructions() / 1_000_000,
        chip.registers().r[15],
        chip.polling_cycles() * 100 / chip.cycles().max(1)
    );
    if let Some(symbols) = symbols {
        for frame in symbols.backtrace(chip).iter().take(8) {
            println!(
                "    {:#010x} {}",
                frame.pc,
                frame.function.as_deref().unwrap_or("?")
            );
        }
    }
    Ok(())
}
