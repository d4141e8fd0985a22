//! The embedded machine: a Cortex-M4F core, the STM32F412 around it, and the AZ3166 board.

pub mod board;
mod bus;
mod core;
pub mod debug;
mod driver;
pub mod gdb;
mod image;
mod loading;
mod machine;
mod memory;
mod overlay;
pub mod peripheral;
pub mod sensors;
pub mod snapshot;
pub mod stm32;
pub mod symbols;

pub use image::{Image, ImageError};
pub use loading::{FirmwareFile, Format};
pub use machine::{Chip, Mapped, NextWake, Registers, Stop};
pub use memory::MemoryMap;
pub use snapshot::{Snapshot, SnapshotError};
