//! `twinbench hub`: what a client needs to know of the hub.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use twinbench_hub::net::{Certificates, how_to_trust};

use super::{Failure, Format};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print where the hub's authority is, and how each SDK is told to trust it.
    Ca(Ca),
}

#[derive(Debug, clap::Args)]
struct Ca {
    /// The folder of the certificates; default: in the user's data folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Another name by which clients call the hub, such as `bench.azure-devices.net`.
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let Verb::Ca(ca) = &args.verb;
    let folder = ca.folder.clone().or_else(folder).ok_or_else(|| {
        Failure::new(Exit::Setup, "this user has no data folder").help("name one with --folder")
    })?;
    let certificates = Certificates::open(&folder, &ca.name)
        .map_err(|error| Failure::new(Exit::Setup, error.to_string()))?;
    let path = certificates.ca_path();
    match format {
        Format::Human => print!("{}", how_to_trust(&path)),
        Format::Json => println!("{}", json!({"ca": path})),
    }
    Ok(Exit::Pass)
}

/// Where the certificates are unless somebody says otherwise.
fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = if cfg!(windows) {
        PathBuf::from(variable("LOCALAPPDATA")?)
    } else if cfg!(target_os = "macos") {
        PathBuf::from(variable("HOME")?).join("Library/Application Support")
    } else {
        match variable("XDG_DATA_HOME") {
            Some(folder) => folder.into(),
            None => PathBuf::from(variable("HOME")?).join(".local/share"),
        }
    };
    Some(base.join("twinbench/certificates"))
}
