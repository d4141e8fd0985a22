//! Placeholder until the room moves in.
