//! The bench that the window shows.

use serde::Serialize;

/// Which bench to show.
#[derive(Debug, clap::Parser)]
#[command(name = "twinbench-desktop", version, about = "The window of Twinbench")]
pub(crate) struct Options {
    /// The address of a running bench, as `twinbench run BENCH --serve` prints it.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7878")]
    connect: String,
    /// Its key, as `twinbench key` shows it.
    #[arg(long, value_name = "KEY")]
    key: String,
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
}

impl Options {
    /// Where the bench is.
    ///
    /// # Errors
    /// When the address is not one on this machine.
    pub(crate) fn connect(self) -> Result<Place, Error> {
        let origin = self.connect.trim_end_matches('/');
        let port = origin
            .strip_prefix("http://127.0.0.1:")
            .and_then(|port| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(Error::Address(self.connect));
        }
        Ok(Place {
            origin: origin.to_owned(),
            key: self.key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_shown() {
        let connect = |address: &str| {
            Options {
                connect: address.into(),
                key: "k".into(),
            }
            .connect()
        };
        assert_eq!(
            connect("http://127.0.0.1:7878/").unwrap().origin,
            "http://127.0.0.1:7878"
        );
        for other in [
            "http://example.com:80",
            "https://127.0.0.1:1",
            "http://127.0.0.1",
            "http://127.0.0.1:1/path",
            "",
        ] {
            let message = connect(other).unwrap_err().to_string();
            assert!(message.contains("http://127.0.0.1:PORT"), "{message}");
        }
    }
}
