//! The processor core: ARMv7E-M with single-precision floating point.

mod op;

pub(crate) use op::CodePages;
