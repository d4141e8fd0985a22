//! `twinbench check`: is this bench file right?

use std::path::PathBuf;

use super::{Failure, Format};
use crate::{exit::Exit, file::BenchFile};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bench files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    for path in &args.files {
        let file = BenchFile::load(path)?;
        let devices = file.devices().len();
        match format {
            Format::Human => println!(
                "{}: {} is right, {devices} devices",
                path.display(),
                file.name.get_ref()
            ),
            Format::Json => println!(
                "{}",
                serde_json::json!({"file": path, "bench": file.name.get_ref(), "devices": devices})
            ),
        }
    }
    Ok(Exit::Pass)
}
