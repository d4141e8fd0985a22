//! The command line.

use clap::{Parser, Subcommand};
use miette::Result;

use crate::{app, demo, figures, firmware, page, setup, test};

/// Set-up, build and test of Twinbench.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Start here:
  cargo xtask demo     see the main job: firmware to cloud to picture
  cargo xtask app      open the window
  cargo xtask test     set up what is missing, then run every check that CI runs"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the main job and say what to look at next.
    Demo(demo::Args),
    /// Set up what is missing and run every check.
    Test(test::Args),
    /// Say what is missing on this machine, why it is needed, and install it.
    Setup(setup::Args),
    /// Build the page and the window, and open it.
    App(app::Args),
    /// Build the page only, into `ui/dist`.
    Ui(page::Args),
    /// Rebuild the board's firmware and the committed image of it.
    Firmware(firmware::Args),
    /// Measure and print figures.
    Bench(figures::Args),
    /// Run the durable engine through random work with crashes, and check what it did.
    Sim(figures::Sim),
    /// Compare random instructions of the emulated core with another emulator.
    FuzzIsa(figures::FuzzIsa),
}

/// Parses the command line and does what it asks.
///
/// # Errors
/// When the work failed; the message says what to do.
pub fn main() -> Result<()> {
    match Cli::parse().verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Test(args) => test::run(&args),
        Verb::Setup(args) => setup::run(&args),
        Verb::App(args) => app::run(&args),
        Verb::Ui(args) => page::run(&args),
        Verb::Firmware(args) => firmware::run(&args),
        Verb::Bench(args) => figures::run(&args),
        Verb::Sim(args) => figures::sim(&args),
        Verb::FuzzIsa(args) => figures::fuzz_isa(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
