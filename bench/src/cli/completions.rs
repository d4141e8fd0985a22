//! `twinbench completions`: a completion script for a shell.

use clap::CommandFactory;

use super::Cli;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: twinbench completions bash > ~/.local/share/bash-completion/completions/twinbench"
)]
pub(crate) struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args) {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "twinbench",
        &mut std::io::stdout(),
    );
}
