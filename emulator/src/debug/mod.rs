//! A debugger's way into the chip.

mod access;
