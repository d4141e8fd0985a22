//! Placeholder until the room moves in.
fn main() {}
