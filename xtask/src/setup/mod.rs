//! Finding what is missing on this machine, and installing it after saying so.

mod debian_targets;
mod need;
pub(crate) mod node;
mod packages;
pub(crate) mod python;
mod system;

use miette::{Result, miette};

pub(crate) use need::Need;
use system::System;

use crate::place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say what is missing, why it is needed and what would be done.
    #[arg(long)]
    check: bool,
}

/// `cargo xtask setup`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let missing = if args.check {
        let missing = missing(&Need::ALL);
        show(&missing, System::find());
        missing
    } else {
        ensure(&Need::ALL)
    };
    if missing.is_empty() || args.check && !place::in_ci() {
        Ok(())
    } else {
        Err(miette!("set-up is incomplete: {}", names(&missing)))
    }
}

/// Those of the needs that this machine does not fulfil.
pub(crate) fn missing(needs: &[Need]) -> Vec<Need> {
    needs
        .iter()
        .copied()
        .filter(|need| !need.is_there())
        .collect()
}

/// Installs what is missing of the needs, after saying what and why. Gives back what is missing
/// still, which the caller judges: an error in CI, a loud word on a user's machine.
pub(crate) fn ensure(needs: &[Need]) -> Vec<Need> {
    let missing = missing(needs);
    let system = System::find();
    show(&missing, system);
    if missing.is_empty() {
        return missing;
    }
    // A Python that can make an environment, and an npm, need no package.
    let by_package: Vec<_> = missing
        .iter()
        .copied()
        .filter(|need| match need {
            Need::PythonClients => !python::can_be_made(),
            Need::NodeClients => !node::can_be_made(),
            _ => true,
        })
        .collect();
    if let Err(report) = packages::install(&by_package, system) {
        eprintln!("set-up: {report}");
    }
    for target in missing.iter().filter_map(|need| need.target()) {
        if let Err(report) = install_target(target, system) {
            eprintln!("set-up: {report}");
        }
    }
    for (need, install) in [
        (Need::PythonClients, python::install as fn() -> Result<()>),
        (Need::NodeClients, node::install),
    ] {
        if missing.contains(&need)
            && let Err(report) = install()
        {
            eprintln!("set-up: {report}");
        }
    }
    let left = self::missing(needs);
    if left.is_empty() {
        eprintln!("set-up: complete");
    } else {
        eprintln!("set-up: still missing: {}", names(&left));
    }
    left
}

fn show(missing: &[Need], system: System) {
    if missing.is_empty() {
        eprintln!("set-up: nothing is missing");
        return;
    }
    eprintln!("set-up: missing on this machine ({system}):");
    for need in missing {
        eprintln!(
            "  - {}\n      for {}\n      by  {}",
            need.name(),
            need.purpose(),
            how(*need, system)
        );
    }
}

/// The command that brings a need, or that a person would type.
fn how(need: Need, system: System) -> String {
    match need {
        Need::PythonClients => return python::PLAN.to_owned(),
        Need::NodeClients => return node::PLAN.to_owned(),
        _ => {}
    }
    match (need.target(), system) {
        (Some(target), System::Debian) => {
            format!(
                "`rustup target add {target}`; failing that, {}",
                debian_targets::PLAN
            )
        }
        (Some(target), _) => format!("`rustup target add {target}`"),
        (None, system) => packages::command(need, system).map_or_else(
            || "your system's package manager".to_owned(),
            |line| format!("`{line}`"),
        ),
    }
}

fn install_target(target: &'static str, system: System) -> Result<()> {
    let mut rustup = std::process::Command::new("rustup");
    rustup
        .args(["target", "add", target])
        .current_dir(place::root());
    let Err(report) = crate::shell::run(&mut rustup) else {
        return Ok(());
    };
    match system {
        System::Debian => {
            eprintln!("set-up: {report}; now {}", debian_targets::PLAN);
            debian_targets::install(target)
        }
        _ => Err(miette!(
            "{report}: bring a Rust compiler that has the target {target} (https://rustup.rs) and try again"
        )),
    }
}

/// The needs as one line of text.
pub(crate) fn names(needs: &[Need]) -> String {
    needs
        .iter()
        .map(|need| need.name())
        .collect::<Vec<_>>()
        .join(", ")
}
