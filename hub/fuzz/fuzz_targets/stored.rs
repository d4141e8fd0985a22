//! Any bytes as stored records: a hub is made of them, or it is said what is wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::{Hub, Options, log::decode_event};
use twinbench_hub_fuzz::epoch;
use twinbench_model::{Record, Table};

fuzz_target!(|input: Vec<(u8, Vec<u8>, Vec<u8>)>| {
    let mut records = Vec::new();
    for (table, key, value) in input {
        let _ = decode_event(&key, &value, epoch());
        let table = Table::ALL[usize::from(table) % Table::ALL.len()];
        records.push(Record::put(table, key, value));
    }
    let _ = Hub::restore(Options::new(epoch()), records);
});
