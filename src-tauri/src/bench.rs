//! The bench that the window shows.

use std::path::{Path, PathBuf};

use serde::Serialize;
use twinbench::serve::{self, Running, StartError};

/// The example that a window begins with, in the folder it was started in or beside the program.
const EXAMPLE: &str = "fixtures/benches/journey.toml";

/// Which bench to show.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    name = "twinbench-desktop",
    version,
    about = "The window of Twinbench",
    after_help = "Examples:
  twinbench-desktop fixtures/benches/journey.toml
  twinbench-desktop out/journey/3/session.mcap
  twinbench-desktop --connect http://127.0.0.1:7878 --key KEY"
)]
pub(crate) struct Options {
    /// The bench file to run in this window at real time, a recording to look at, or a link that
    /// begins with `twinbench:`. Without: an example.
    pub(crate) file: Option<String>,
    /// Where its run is kept.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Show a bench that runs already: its address, as `twinbench run BENCH --serve` prints it.
    #[arg(long, value_name = "URL", conflicts_with = "file", requires = "key")]
    connect: Option<String>,
    /// Its key, as `twinbench key` shows it.
    #[arg(long, value_name = "KEY", requires = "connect")]
    key: Option<String>,
    /// Put no icon into the system's tray.
    #[arg(long)]
    pub(crate) no_tray: bool,
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
    /// A recording cannot be put beside the others.
    #[error("failed to take in the recording {0}: {1}")]
    Recording(PathBuf, std::io::Error),
}

/// Where things of an installed program are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folders {
    /// What was installed with the program.
    pub(crate) resources: Option<PathBuf>,
    /// Where the program keeps data of this user.
    pub(crate) data: Option<PathBuf>,
}

impl Options {
    /// The bench file and the folder for its runs: what was asked for, or the example of the folder
    /// that the window was started in, or the installed one.
    pub(crate) fn files(&self, folders: &Folders) -> (PathBuf, PathBuf) {
        let example = PathBuf::from(EXAMPLE);
        let wanted = self.file.as_deref().map(crate::asked::Asked::of);
        let installed = folders
            .resources
            .as_ref()
            .map(|folder| folder.join(EXAMPLE));
        let (bench, here) = match (wanted, installed) {
            (Some(crate::asked::Asked::Bench(path)), _) => (path, true),
            (_, Some(installed)) if !example.exists() && installed.exists() => (installed, false),
            _ => (example, true),
        };
        let kept = folders.data.as_ref().filter(|_| !here);
        let out = kept.map_or_else(|| PathBuf::from("out"), |data| data.join("out"));
        (bench, self.out.clone().unwrap_or(out))
    }

    /// Starts the bench, or finds the one that runs already. The bench runs as long as what is
    /// given back with its place.
    ///
    /// # Errors
    /// When it does not start, or the address is not one on this machine.
    pub(crate) fn open(&self, folders: &Folders) -> Result<(Place, Option<Running>), Error> {
        if let (Some(address), Some(key)) = (&self.connect, &self.key) {
            let place = Place {
                origin: on_this_machine(address)?,
                key: key.clone(),
            };
            return Ok((place, None));
        }
        let (bench, out) = self.files(folders);
        let (place, running) = start(&bench, &out)?;
        Ok((place, Some(running)))
    }
}

/// Starts a bench file. The window brings its own page: the API need not serve one.
///
/// # Errors
/// When it does not start.
pub(crate) fn start(bench: &Path, out: &Path) -> Result<(Place, Running), Error> {
    let running = serve::start(bench, out, Path::new(""))?;
    let place = Place {
        origin: format!("http://{}", running.address),
        key: running.key.clone(),
    };
    Ok((place, running))
}

/// Puts a copy of a recording beside those of the bench's runs, where the page lists it; gives its
/// name in the list.
///
/// # Errors
/// When it cannot be read, or there is no room.
pub(crate) fn take_in(recording: &Path, out: &Path) -> Result<String, Error> {
    let wrong = |cause| Error::Recording(recording.to_owned(), cause);
    let folder = out.join("opened");
    let mut free = (1..).map(|n: u32| (n, folder.join(n.to_string())));
    let Some((number, folder)) = free.find(|(_, folder)| !folder.exists()) else {
        return Err(wrong(std::io::Error::other("no number is free")));
    };
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    std::fs::copy(recording, folder.join("session.mcap"))
        .map(|_| format!("opened/{number}/session.mcap"))
        .map_err(wrong)
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
    use clap::Parser as _;

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

    #[test]
    fn the_installed_example_is_run_where_there_is_no_other() {
        let folder = std::env::temp_dir().join("twinbench-desktop-test-resources");
        std::fs::create_dir_all(folder.join("fixtures/benches")).unwrap();
        std::fs::write(folder.join(EXAMPLE), "").unwrap();
        let folders = Folders {
            resources: Some(folder.clone()),
            data: Some("/data".into()),
        };
        let of = |line: &[&str]| {
            let words = ["twinbench-desktop"].iter().chain(line);
            Options::parse_from(words).files(&folders)
        };
        // Tests run in src-tauri, where no example lies.
        assert_eq!(of(&[]), (folder.join(EXAMPLE), "/data/out".into()));
        assert_eq!(of(&["a.toml", "--out", "x"]), ("a.toml".into(), "x".into()));
        assert_eq!(of(&["twinbench://go/fleet"]).0, folder.join(EXAMPLE));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_recording_stands_beside_the_others() {
        let out =
            std::env::temp_dir().join(format!("twinbench-desktop-test-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let recording = out.join("a.mcap");
        std::fs::write(&recording, "x").unwrap();
        take_in(&recording, &out).unwrap();
        assert_eq!(take_in(&recording, &out).unwrap(), "opened/2/session.mcap");
        assert!(out.join("opened/2/session.mcap").is_file());
        assert!(take_in(&out.join("none.mcap"), &out).is_err());
        std::fs::remove_dir_all(out).unwrap();
    }
}
