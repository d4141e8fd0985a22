//! Makes Rust of `proto/durabletask.proto`, in Rust alone: no `protoc` is needed.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["durabletask.proto"], [Path::new("proto")])?;
    tonic_prost_build::configure()
        // Large histories pass through here: maps in a fixed order keep what is sent comparable.
        .btree_map(".")
        .compile_fds(files)?;
    Ok(())
}
