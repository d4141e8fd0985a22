//! `twinbench key`: the key that guards the API.

use std::path::PathBuf;

use super::{Failure, Format};
use crate::{exit::Exit, serve::key};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: curl -H \"x-functions-key: $(twinbench key)\" http://127.0.0.1:7878/api/devices"
)]
pub(crate) struct Args {
    /// The data folder; default: that of the newest run of any bench under `out/`.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The folder of all runs.
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let folder = match &args.data {
        Some(folder) => folder.clone(),
        None => newest(&args.out).ok_or_else(|| {
            Failure::new(
                Exit::Nothing,
                format!("no run with a data folder under {}", args.out.display()),
            )
            .help("start one with `twinbench run BENCH --serve`, or name its folder with --data")
        })?,
    };
    let key = key::read(&folder).map_err(|cause| {
        Failure::new(
            Exit::Setup,
            format!("no key in {}: {cause}", folder.display()),
        )
        .help("a data folder gets its key when it is first served")
    })?;
    match format {
        Format::Human => println!("{key}"),
        Format::Json => println!("{}", serde_json::json!({"key": key, "data": folder})),
    }
    Ok(Exit::Pass)
}

/// The data folder of the run whose key was written last.
fn newest(out: &std::path::Path) -> Option<PathBuf> {
    let mut found = Vec::new();
    for bench in std::fs::read_dir(out).ok()?.flatten() {
        for run in std::fs::read_dir(bench.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            let data = run.path().join("data");
            if let Ok(made) =
                std::fs::metadata(data.join(key::FILE)).and_then(|meta| meta.modified())
            {
                found.push((made, data));
            }
        }
    }
    found.into_iter().max().map(|(_, data)| data)
}
