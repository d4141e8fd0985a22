//! Says and hears by RTT, logs by defmt, counts in variables, and crashes when it is told to.
//!
//! | channel | |
//! |---|---|
//! | up 0 | text: `ready`, then what came in, in capitals; a `.` 1,000 times for each `*` that came in |
//! | up 1 | defmt |
//! | down 0 | text; `!` crashes it until it locks up |
#![no_std]
#![no_main]

use core::{
    cell::Cell,
    panic::PanicInfo,
    sync::atomic::{AtomicI16, AtomicU32, Ordering::Relaxed},
};

use cortex_m_rt::{ExceptionFrame, entry, exception};
use rtt_target::{ChannelMode, rtt_init, set_defmt_channel};

/// A number that one thread writes and a debugger reads.
pub struct Shown<T>(Cell<T>);

// SAFETY: there is one core and no interrupt that touches it.
unsafe impl<T> Sync for Shown<T> {}

/// Times round the loop.
#[used]
pub static COUNT: AtomicU32 = AtomicU32::new(0);
/// Half of it, below zero.
#[used]
pub static LEVEL: Shown<f32> = Shown(Cell::new(0.0));
/// Bytes that came in, below zero.
#[used]
pub static HEARD: AtomicI16 = AtomicI16::new(0);

#[inline(never)]
fn inner() {
    cortex_m::asm::udf();
}

#[inline(never)]
fn crash() {
    defmt::error!("crashing after {=u32} rounds", COUNT.load(Relaxed));
    inner();
    // So that the call above is one.
    COUNT.store(0, Relaxed);
}

#[entry]
fn main() -> ! {
    let channels = rtt_init! {
        up: {
            0: { size: 1024, mode: ChannelMode::NoBlockTrim, name: "Terminal" }
            1: { size: 1024, mode: ChannelMode::NoBlockSkip, name: "defmt" }
        }
        down: {
            0: { size: 64, name: "Terminal" }
        }
    };
    let (mut out, mut input) = (channels.up.0, channels.down.0);
    set_defmt_channel(channels.up.1);
    out.write(b"ready\n");
    defmt::info!("up with {=str} at {=u32} Hz", "RTT", 16_000_000);
    let mut waiting = 0;
    loop {
        let count = COUNT.load(Relaxed) + 1;
        COUNT.store(count, Relaxed);
        LEVEL.0.set(count as f32 * -0.5);
        let mut bytes = [0; 16];
        let length = input.read(&mut bytes);
        for byte in &mut bytes[..length] {
            HEARD.fetch_sub(1, Relaxed);
            match byte {
                b'!' => crash(),
                b'*' => waiting += 1000,
                _ => *byte = byte.to_ascii_uppercase(),
            }
        }
        if length > 0 {
            out.write(&bytes[..length]);
            defmt::debug!("heard {=[u8]}", bytes[..length]);
        }
        while waiting > 0 {
            let written = out.write(&[b'.'; 250][..waiting.min(250)]);
            if written == 0 {
                break;
            }
            waiting -= written;
        }
        // Some milliseconds at the 16 MHz after reset.
        cortex_m::asm::delay(16_000);
    }
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    // A fault in the handler of faults is a lockup.
    cortex_m::asm::udf();
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::asm::udf();
}
