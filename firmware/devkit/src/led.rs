//! The board's LEDs, active high.

use embassy_stm32::Peri;
use embassy_stm32::gpio::{Level, Output, Pin, Speed};
use embassy_time::{Duration, Ticker};

/// An LED that is off.
pub(crate) fn led(pin: Peri<'static, impl Pin>) -> Output<'static> {
    Output::new(pin, Level::Low, Speed::Low)
}

/// Shows that the firmware runs: the RGB LED's green changes every second.
#[embassy_executor::task]
pub(crate) async fn heartbeat(mut green: Output<'static>) {
    let mut ticker = Ticker::every(Duration::from_secs(1));
    loop {
        ticker.next().await;
        green.toggle();
    }
}
