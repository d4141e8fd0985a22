//! The bench that the window shows.

use std::path::{Path, PathBuf};

use serde::Serialize;
use twinbench::serve::{self, Running, StartError};

/// Which bench to show.
#[derive(Debug, clap::Parser)]
#[command(
    name = "twinbench-desktop",
    version,
    about = "The window of Twinbench",
    after_help = "Examples:
  twinbench-desktop fixtures/benches/journey.toml
  twinbench-desktop --connect http://127.0.0.1:7878 --key KEY"
)]
pub(crate) struct Options {
    /// The bench file to run in this window, at real time.
    #[arg(default_value = "fixtures/benches/journey.toml")]
    bench: PathBuf,
    /// Where its run is kept.
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
    /// Show a bench that runs already: its address, as `twinbench run BENCH --serve` prints it.
    #[arg(long, value_name = "URL", conflicts_with = "bench", requires = "key")]
    connect: Option<String>,
    /// Its key, as `twinbench key` shows it.
    #[arg(long, value_name = "KEY", requires = "connect")]
    key: Option<String>,
}

/// Where the page finds the bench.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// The key of its API.
    pub(crate) key: String,
}

/// Why there is no bench to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The window's page may ask this machine only.
    #[error("{0} is no address on this machine: it must read http://127.0.0.1:PORT")]
    Address(String),
    /// The bench does not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Options {
    /// Starts the bench, or finds the one that runs already. The bench runs as long as what is
    /// given back with its place.
    ///
    /// # Errors
    /// When it does not start, or the address is not one on this machine.
    pub(crate) fn open(self) -> Result<(Place, Option<Running>), Error> {
        if let (Some(address), Some(key)) = (self.connect, self.key) {
            return Ok((
                Place {
                    origin: on_this_machine(&address)?,
                    key,
                },
                None,
            ));
        }
        // The window brings its own page: the API need not serve one.
        let running = serve::start(&self.bench, &self.out, Path::new(""))?;
        let origin = format!("http://{}", running.address);
        let key = running.key.clone();
        Ok((Place { origin, key }, Some(running)))
    }
}

/// Checks that an address is one on this machine.
fn on_this_machine(address: &str) -> Result<String, Error> {
    let origin = address.trim_end_matches('/');
    let port = origin
        .strip_prefix("http://127.0.0.1:")
        .and_then(|port| port.parse::<u16>().ok());
    if port.is_none() {
        return Err(Error::Address(address.to_owned()));
    }
    Ok(origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_shown() {
        assert_eq!(
            on_this_machine("http://127.0.0.1:7878/").unwrap(),
            "http://127.0.0.1:7878"
        );
        for other in [
            "http://example.com:80",
            "https://127.0.0.1:1",
            "http://127.0.0.1",
            "http://127.0.0.1:1/path",
            "",
        ] {
            let message = on_this_machine(other).unwrap_err().to_string();
            assert!(message.contains("http://127.0.0.1:PORT"), "{message}");
        }
    }
}
