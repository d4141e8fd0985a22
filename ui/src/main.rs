//! The page of Twinbench, in the desktop window and in a browser alike.
//!
//! It asks the bench's API for the list of devices each second and shows it. What it shows in which
//! state is decided in [`view`], which knows no browser and is tested on any machine.
//!
//! **Invariant:** the page depends on `model` and `plot` only, and talks to the API like any other
//! client.

mod api;
#[expect(
    unreachable_pub,
    reason = "the macro of components writes its own visibility"
)]
mod fleet;
#[expect(
    unreachable_pub,
    reason = "the macro of components writes its own visibility"
)]
mod page;
mod place;
mod view;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(page::Page);
}
