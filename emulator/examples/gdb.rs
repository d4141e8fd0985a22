//! Runs a firmware image on an AZ3166 under GDB.
//!
//! ```text
//! cargo run --release -p twinbench-emulator --example gdb -- firmware.elf [port]
//! gdb-multiarch firmware.elf -ex 'target remote 127.0.0.1:3333'
//! ```

use std::{error::Error, net::TcpListener, sync::Arc};

use twinbench_emulator::{Chip, Image, MemoryMap, stm32::f412};

#[path = "../tests/gdb/serve.rs"]
mod serve;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: gdb firmware.elf [port]")?;
    let port = arguments.next().map_or(Ok(3333), |text| text.parse())?;
    let map = MemoryMap::STM32F412XG;
    let image = Arc::new(Image::from_elf(&std::fs::read(path)?, &map)?);
    let config = f412::Config::bare(26_000_000, map.flash_size);
    let mut chip = Chip::new(map, image, f412::peripherals(config));
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("waiting for GDB on {}", listener.local_addr()?);
    loop {
        chip = serve::serve(&listener, chip)?;
        println!(
            "the client has gone at {} s; waiting for another",
            chip.now()
        );
    }
}
