//! Measures the core: instructions a second of a program in an ELF file that ends by semihosting
//! or runs through the given virtual seconds.
//!
//! ```text
//! cargo run --release -p twinbench-emulator --example mips -- program.elf [virtual seconds]
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "a measurement of speed needs the wall clock"
)]

use std::{error::Error, sync::Arc, time::Instant};

use twinbench_emulator::{Chip, Image, MemoryMap};
use twinbench_model::VirtualTime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: mips program.elf [virtual seconds]")?;
    let seconds = arguments.next().map_or(Ok(3600), |text| text.parse())?;
    let map = MemoryMap::STM32F412XG;
    let image = Arc::new(Image::from_elf(&std::fs::read(path)?, &map)?);
    let mut chip = Chip::new(map, image, Vec::new());
    let start = Instant::now();
    let stop = chip.run_until(VirtualTime::from_secs(seconds));
    let wall = start.elapsed().as_secs_f64();
    let (instructions, cycles) = (chip.instructions() as f64, chip.cycles() as f64);
    println!("{stop:?} at {} after {wall:.3} s", chip.now());
    println!(
        "{:.1} M instructions, {:.2} cycles each",
        instructions / 1e6,
        cycles / instructions
    );
    println!("{:.0} MIPS", instructions / 1e6 / wall);
    Ok(())
}
