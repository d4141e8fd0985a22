//! Bytes as every message that clients and workers send: converted or refused, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| twinbench_durabletask::decode_any(bytes));
