//! The embedded machine: a Cortex-M4F core, the STM32F412 around it, and the AZ3166 board.

pub mod peripheral;
