//! `twinbench hub`: what a client needs to know of the hub.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use twinbench_hub::net::{Certificates, how_to_trust};

use super::{Failure, Format, connections::Connections};
use crate::{exit::Exit, file::BenchFile, serve::certificates_folder};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print where the hub's authority is, and how each SDK is told to trust it.
    Ca(Ca),
    /// Print the connection strings of a bench's hub: owner, policies, built-in endpoint, devices.
    /// They hold keys.
    ConnectionStrings(ConnectionStrings),
}

#[derive(Debug, clap::Args)]
struct ConnectionStrings {
    /// The bench file.
    bench: PathBuf,
    /// Print JSON; the same as `--format json`.
    #[arg(long)]
    json: bool,
    /// Use this seed instead of the bench file's: keys are derived from it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
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
    let ca = match &args.verb {
        Verb::Ca(ca) => ca,
        Verb::ConnectionStrings(args) => return connection_strings(args, format),
    };
    let folder = ca
        .folder
        .clone()
        .or_else(certificates_folder)
        .ok_or_else(|| {
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

fn connection_strings(args: &ConnectionStrings, format: Format) -> Result<Exit, Failure> {
    let mut file = BenchFile::load(&args.bench)?;
    file.seed = args.seed.unwrap_or(file.seed);
    let all = Connections::new(&file, &file.hub.ports);
    if args.json || format == Format::Json {
        println!("{}", json!(all));
    } else {
        print!("{}", all.text(usize::MAX));
    }
    Ok(Exit::Pass)
}
