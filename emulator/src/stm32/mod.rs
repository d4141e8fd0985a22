//! The STM32F412 around the core: peripherals by the reference manual (RM0402).
//!
//! Each peripheral decides on register accesses and the time that comes with them; what it has to
//! do later it announces as a deadline. What is stored but not modelled says so in its
//! description and, when firmware asks for it, in a note.

mod access;
pub mod dma;
mod exti;
pub mod f412;
mod flash;
mod gpio;
mod i2c;
mod identity;
mod numbers;
mod power;
mod rcc;
#[cfg(test)]
mod rig;
mod rtc;
mod ticks;
mod timer;
mod unmodelled;
mod usart;
mod watchdog;

pub use dma::Dma;
pub use exti::{Exti, Syscfg};
pub use flash::FlashInterface;
pub use gpio::{Gpio, PinMode};
pub use i2c::{I2c, I2cPort};
pub use identity::{Dbgmcu, DeviceId};
pub use numbers::{Crc, Rng};
pub use power::Pwr;
pub use rcc::{Rcc, ResetCause};
pub use rtc::Rtc;
pub use timer::{Timer, TimerPort};
pub use unmodelled::Unmodelled;
pub use usart::{Usart, UsartPort};
pub use watchdog::{Iwdg, Wwdg};
