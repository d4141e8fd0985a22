//! `twinbench diff`.

use std::{fs, path::PathBuf};

use serde_json::json;
use twinbench_recording::{
    Reader,
    diff::{Diff, Options, Tolerances},
};

use super::{Failure, Format, recorded::note_losses, replay::usage};
use crate::{
    exit::Exit,
    replay::{again::compare_files, moment::moment},
    report::divergence,
};

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench diff out/journey/1/session.mcap out/journey/2/session.mcap
  twinbench diff a.mcap b.mcap --tolerance 'd2c/*:temperature=0.5' --tolerance 'uart/*=20ms'
  twinbench diff a.mcap b.mcap --tolerance 'clock/*=ignore' --picture parted.svg
  twinbench diff a.mcap b.mcap --format json

Ends with 0 when nothing differs and with 6 when something does.")]
pub(crate) struct Args {
    /// The one recording.
    left: PathBuf,
    /// The other recording.
    right: PathBuf,
    /// What may differ: CHANNEL[:FIELD]=VALUE, where the value is a number, a percentage, a time
    /// or `ignore`, and the channel may have `*`.
    #[arg(long = "tolerance", value_name = "RULE")]
    tolerances: Vec<String>,
    /// Common entries of the same device to show before a divergence.
    #[arg(long, value_name = "N", default_value_t = 3)]
    context: usize,
    /// Compare up to this time only: `4m10s`, `04:10`, or an instant.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Draw the first divergence into this SVG file.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let mut tolerances = Tolerances::default();
    for rule in &args.tolerances {
        let added = tolerances.add(rule);
        added.map_err(|cause| usage(format!("failed to {cause}")))?;
    }
    let options = Options {
        tolerances,
        context: args.context,
    };
    let epoch = Reader::open(&args.left)?.header().epoch;
    let to = args.to.as_ref().map(|text| moment(text, epoch));
    let to = to.transpose().map_err(usage)?;
    let diff = compare_files(&args.left, &args.right, &options, to)?;
    note_losses([&args.left, &args.right])?;
    show(
        &diff,
        [&args.left, &args.right],
        args.picture.as_ref(),
        format,
    )
}

/// Prints what was found, and draws it.
pub(super) fn show(
    diff: &Diff,
    recordings: [&PathBuf; 2],
    picture: Option<&PathBuf>,
    format: Format,
) -> Result<Exit, Failure> {
    match format {
        Format::Human => print!("{diff}"),
        Format::Json => println!("{}", json!(diff)),
    }
    if let Some(path) = picture
        && !diff.divergences.is_empty()
    {
        let svg = divergence::picture(diff, recordings)?;
        fs::write(path, svg).map_err(|cause| {
            Failure::new(
                Exit::Setup,
                format!("{} cannot be written: {cause}", path.display()),
            )
        })?;
        eprintln!("drawn in {}", path.display());
    }
    Ok(if diff.divergences.is_empty() {
        Exit::Pass
    } else {
        Exit::Divergence
    })
}
