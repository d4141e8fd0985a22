//! The STM32F412 around the core: peripherals by the reference manual (RM0402).
//!
//! Each peripheral decides on register accesses and the time that comes with them; what it has to
//! do later it announces as a deadline. What is stored but not modelled says so in its
//! description and, when firmware asks for it, in a note.

mod access;
mod adc;
mod ccm;
pub mod dma;
mod exti;
pub mod f412;
mod flash;
mod gpio;
mod i2c;
mod identity;
mod numbers;
mod power;
mod quadspi;
mod rcc;
pub(crate) mod registers;
#[cfg(test)]
mod rig;
mod rtc;
mod sdio;
mod spi;
mod ticks;
mod timer;
mod unmodelled;
mod usart;
mod watchdog;
mod wwdg;

pub use adc::Adc;
pub use ccm::Ccm;
pub use dma::Dma;
pub use exti::{Exti, Syscfg};
pub use flash::FlashInterface;
pub use gpio::{Gpio, PinMode};
pub use i2c::{I2c, I2cPort};
pub use identity::{Dbgmcu, DeviceId};
pub use numbers::{Crc, Rng};
pub use power::Pwr;
pub use quadspi::Quadspi;
pub use rcc::{Rcc, ResetCause};
pub use rtc::Rtc;
pub use sdio::Sdio;
pub use spi::{Spi, SpiPort};
pub use timer::{Timer, TimerPort};
pub use unmodelled::Unmodelled;
pub use usart::{Usart, UsartPort};
pub use watchdog::Iwdg;
pub use wwdg::Wwdg;
