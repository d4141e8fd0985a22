//! The page of Twinbench, in the desktop window and in a browser alike.
//!
//! - [`state`] is what is known of the bench: one store, fed by deltas over one WebSocket.
//! - [`app`] is what all views share: the store, the clock, the selection, what keys do.
//! - [`shell`] stands around every view, [`views`] are what the rail leads to, [`parts`] is what
//!   they are made of, [`chart`] and [`board`] draw.
//!
//! What is decided without a browser (deltas, ranges of time, layouts, texts) is in plain functions
//! with tests that run on any machine.
//!
//! **Invariant:** the page depends on `model` and `plot` only, and talks to the API like any other
//! client.

#![expect(
    unreachable_pub,
    reason = "the macros of components and stores write their own visibility"
)]
#![expect(
    clippy::large_types_passed_by_value,
    reason = "what views share is a handful of handles, copied into closures on purpose"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "components own their properties"
)]

mod api;
mod app;
mod board;
mod chart;
mod feed;
mod format;
mod keep;
mod keys;
mod live;
mod notify;
mod page;
mod parts;
mod place;
mod route;
mod shell;
mod state;
mod views;
mod wire;
mod words;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(page::Page);
}
