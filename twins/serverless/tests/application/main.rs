//! The application on the engine, behaviour by behaviour.

mod adapter;
mod alerts;
mod common;
mod configuration;
mod front_end;
mod history;
mod poison;
mod restart;
