//! `twinbench probe`: debug probes for a person.

use clap::Subcommand;
use serde_json::json;
use twinbench_machine::probe::{ACCESS_HINT, ProbeInfo, list};

use super::{Failure, Format};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twinbench probe list
  twinbench --format json probe list")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the debug probes that are plugged in, and by what a bench file names each of them. Ends
    /// with 4 when there is none, and with 3 when one may not be opened.
    List,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every verb has the same form, and others of probes will fail"
)]
pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let Verb::List = args.verb;
    let all = list();
    match format {
        Format::Json => {
            for probe in &all {
                println!("{}", json!(probe));
            }
        }
        Format::Human => print!("{}", in_words(&all)),
    }
    Ok(match &all[..] {
        [] => Exit::Nothing,
        all if all.iter().any(|probe| !probe.accessible) => Exit::Setup,
        _ => Exit::Pass,
    })
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
        text += &format!("{:wide$}  {}\n", probe.selector, probe.name);
        if !probe.accessible {
            text += &format!("{:wide$}  {ACCESS_HINT}\n", "");
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
