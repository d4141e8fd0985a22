//! Buttons A and B, active low with external pull-ups and 100 nF each.

use embassy_stm32::exti::ExtiInput;
use embassy_stm32::mode::Async;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::Timer;

use crate::log;

/// Raised by button A: send the next telemetry now.
pub(crate) static SEND_NOW: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// What the capacitor leaves of the bouncing, in milliseconds.
const DEBOUNCE_MS: u64 = 30;

/// Button A sends the next telemetry at once.
#[embassy_executor::task]
pub(crate) async fn button_a(mut pin: ExtiInput<'static, Async>) {
    loop {
        pressed(&mut pin).await;
        log!("button: A, telemetry now");
        SEND_NOW.signal(());
    }
}

/// Button B is only logged.
#[embassy_executor::task]
pub(crate) async fn button_b(mut pin: ExtiInput<'static, Async>) {
    loop {
        pressed(&mut pin).await;
        log!("button: B");
    }
}

/// Waits until a released button is held down.
async fn pressed(pin: &mut ExtiInput<'static, Async>) {
    loop {
        pin.wait_for_high().await;
        pin.wait_for_falling_edge().await;
        Timer::after_millis(DEBOUNCE_MS).await;
        if pin.is_low() {
            return;
        }
    }
}
