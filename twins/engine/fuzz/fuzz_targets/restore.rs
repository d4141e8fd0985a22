//! Stored rows, whatever they hold: they are restored and gone on with, or refused by name.
//!
//! A row is its key's length (1 byte), its key, its value's length (2 bytes, little-endian), its
//! value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_engine::{Engine, Json, OrchestrationContext};
use twinbench_model::VirtualTime;

fn row(data: &mut &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let key = piece(data, 1)?;
    let value = piece(data, 2)?;
    Some((key, value))
}

fn piece(data: &mut &[u8], width: usize) -> Option<Vec<u8>> {
    let (length, rest) = data.split_at_checked(width)?;
    let length = length
        .iter()
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (piece, rest) = rest.split_at(length.min(rest.len()));
    *data = rest;
    Some(piece.to_vec())
}

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let rows = std::iter::from_fn(|| row(&mut data));
    let mut engine = Engine::builder()
        .remote(true)
        .orchestration("a", |cx: OrchestrationContext, _: Json| async move {
            cx.external_event::<Json>("a").await
        })
        .build();
    if engine.restore(rows).is_ok() {
        engine.run(VirtualTime::from_secs(1));
        let mut records = Vec::new();
        engine.drain_records(&mut records);
        while engine
            .take_work(&mut |_, _, _| true, VirtualTime::from_secs(2))
            .is_some()
        {}
    }
});
