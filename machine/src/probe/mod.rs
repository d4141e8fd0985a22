//! Real boards behind debug probes, and a virtual probe in front of an emulated board.

mod virtual_probe;

pub use self::virtual_probe::{PRODUCT, Pace, VENDOR, VirtualBoard};
