//! A fault of the core ends like a panic: said on the console, then a reset.
#![expect(
    unsafe_code,
    reason = "the runtime's signature for a handler that may run at any point"
)]

use cortex_m_rt::{ExceptionFrame, exception};

/// Where it happened: the address in `devkit.elf`'s symbols.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!(
        "hard fault at 0x{:08x}, called from 0x{:08x}",
        frame.pc(),
        frame.lr()
    );
}
