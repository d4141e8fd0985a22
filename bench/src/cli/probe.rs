//! `twinbench probe`: debug probes for a person.

use std::{fmt::Write as _, path::Path, sync::mpsc::channel};

use clap::Subcommand;
use serde_json::json;
use twinbench_machine::{
    EmulatorOptions,
    probe::{ACCESS_HINT, BlackMagicPort, ProbeInfo, VirtualBoard, list},
};
use twinbench_model::{DeviceId, Epoch};

use super::{Failure, Format};
use crate::{exit::Exit, file::wiring};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twinbench probe list
  twinbench --format json probe list
  twinbench probe serve --port 2159
  probe-rs run --probe 1d50:6018:127.0.0.1:2159 --protocol swd --chip STM32F412RGTx firmware.elf")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the debug probes that are plugged in, and by what a bench file names each of them. Ends
    /// with 4 when there is none, and with 3 when one may not be opened.
    List,
    /// Lend other tools an emulated board behind a probe: a Black Magic remote on loopback, which
    /// `probe-rs` and others flash and debug as they do real ones. Ends with Ctrl-C.
    Serve {
        /// The board: `az3166`, `stm32f4discovery`, or a board file.
        #[arg(long, default_value = "az3166")]
        board: String,
        /// The port on loopback; 0 takes any free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::List => Ok(listed(format)),
        Verb::Serve { board, port } => serve(board, *port, format),
    }
}

fn serve(board: &str, port: u16, format: Format) -> Result<Exit, Failure> {
    let wiring = wiring(Path::new(""), board).map_err(|cause| Failure::new(Exit::Usage, cause))?;
    let failed = |cause: twinbench_machine::Error| Failure::new(Exit::Setup, cause.to_string());
    let device = DeviceId::new("board").map_err(|cause| {
        Failure::new(Exit::Internal, format!("failed to name the board: {cause}"))
    })?;
    let mut options = EmulatorOptions::new(device, 0, Epoch::new(jiff::Timestamp::UNIX_EPOCH));
    options.modem = None;
    let board = VirtualBoard::unique("served", &wiring, options).map_err(failed)?;
    let chip = board.chip();
    let port = BlackMagicPort::open(board, port).map_err(failed)?;
    let (sender, ended) = channel();
    ctrlc::set_handler(move || {
        let _ = sender.send(());
    })
    .map_err(|cause| {
        Failure::new(
            Exit::Internal,
            format!("failed to wait for Ctrl-C: {cause}"),
        )
    })?;
    match format {
        Format::Json => println!(
            "{}",
            json!({"probe": port.selector(), "protocol": "swd", "chip": chip})
        ),
        Format::Human => println!(
            "--probe {} --protocol swd --chip {chip}\nan empty {chip} behind a Black Magic remote; Ctrl-C ends it",
            port.selector()
        ),
    }
    let _ = ended.recv();
    Ok(Exit::Pass)
}

fn listed(format: Format) -> Exit {
    let all = list();
    match format {
        Format::Json => {
            for probe in &all {
                println!("{}", json!(probe));
            }
        }
        Format::Human => print!("{}", in_words(&all)),
    }
    match &all[..] {
        [] => Exit::Nothing,
        all if all.iter().any(|probe| !probe.accessible) => Exit::Setup,
        _ => Exit::Pass,
    }
}

fn in_words(all: &[ProbeInfo]) -> String {
    if all.is_empty() {
        return "no debug probe is plugged in; benches with `backend = \"probe\"` need one, \
                or `probe = \"virtual\"`\n"
            .to_owned();
    }
    let wide = all.iter().map(|it| it.selector.len()).max().unwrap_or(0);
    let mut text = String::new();
    for probe in all {
        let _ = writeln!(text, "{:wide$}  {}", probe.selector, probe.name);
        if !probe.accessible {
            let _ = writeln!(text, "{:wide$}  {ACCESS_HINT}", "");
        }
    }
    text +=
        "in a bench file: `backend = \"probe\"`, `probe = \"…\"` (or the serial number alone)\n";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_probe_has_a_row_and_a_refused_one_a_hint() {
        let probe = |selector: &str, accessible| ProbeInfo {
            name: "ST-Link V2-1".to_owned(),
            selector: selector.to_owned(),
            serial: None,
            accessible,
        };
        let text = in_words(&[probe("0483:374b:1", true), probe("0483:374b", false)]);
        assert!(text.starts_with("0483:374b:1  ST-Link V2-1\n0483:374b    ST-Link V2-1\n"));
        assert!(text.contains(ACCESS_HINT), "{text}");
        assert!(in_words(&[]).contains("virtual"));
    }
}
