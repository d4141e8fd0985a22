//! Log lines on the console (USART6, the debug chip's virtual COM port), with the time since boot.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use embassy_stm32::pac;
use embassy_stm32::usart::BufferedUart;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::Instant;
use embedded_io_async::Write as _;
use heapless::String;

use crate::clocks;

/// Bytes waiting for the line: about 0.2 s at 115200 baud.
static LINES: Pipe<CriticalSectionRawMutex, 2048> = Pipe::new();

/// Writes a line: `log!("hub: connected")`.
#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::console::line(format_args!($($arg)*)) };
}

/// Queues one line. When the queue is full the line is dropped whole: the log never stops the work.
pub(crate) fn line(args: fmt::Arguments<'_>) {
    let now = Instant::now().as_millis();
    let mut text = String::<240>::new();
    // A line too long is cut where it no longer fits.
    let _ = write!(text, "[{:4}.{:03}] {args}", now / 1000, now % 1000);
    if LINES.free_capacity() < text.len() + 2 {
        return;
    }
    for mut part in [text.as_bytes(), b"\r\n"] {
        while let Ok(written) = LINES.try_write(part) {
            part = &part[written..];
            if part.is_empty() {
                break;
            }
        }
    }
}

/// Moves queued lines to the UART.
#[embassy_executor::task]
pub(crate) async fn writer(mut uart: BufferedUart<'static>) {
    let mut buffer = [0; 64];
    loop {
        let length = LINES.read(&mut buffer).await;
        // The console has no one to tell when it fails.
        let _ = uart.write_all(&buffer[..length]).await;
    }
}

/// Says where and why, past the queue, and starts over after five seconds.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    let _ = write!(Direct, "\r\npanic: {info}\r\n");
    cortex_m::asm::delay(5 * clocks::CORE_HZ);
    cortex_m::peripheral::SCB::sys_reset()
}

/// The UART by its registers, for when nothing else can be trusted.
struct Direct;

impl Write for Direct {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while !pac::USART6.sr().read().txe() {}
            pac::USART6.dr().write(|w| w.set_dr(u16::from(byte)));
        }
        Ok(())
    }
}
