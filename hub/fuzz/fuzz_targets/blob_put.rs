//! Any query and body of a blob's PUT: names of blocks stay names, and never become paths.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::uploads::BlobPut;

fuzz_target!(|input: (&str, &[u8])| {
    let (query, body) = input;
    let names = match BlobPut::read(query, body) {
        Ok(BlobPut::Block(name)) => vec![name],
        Ok(BlobPut::Blocks(names)) => names,
        Ok(BlobPut::Whole) | Err(_) => return,
    };
    for name in names {
        assert!((1..=88).contains(&name.len()) && !name.contains(['.', '\\', ':']), "{name}");
    }
});
