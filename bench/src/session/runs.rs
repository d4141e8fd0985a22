//! The folders of runs: `out/<bench>/<n>/`, and `latest` beside them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Error;

/// Makes a new numbered folder below `out/<bench>/`; `latest` points to it.
///
/// # Errors
/// When a folder cannot be made.
pub fn new_run(out: &Path, bench: &str) -> Result<PathBuf, Error> {
    let runs = out.join(bench);
    let failed = |path: &Path, cause: io::Error| Error::Output {
        path: path.to_owned(),
        cause,
    };
    fs::create_dir_all(&runs).map_err(|cause| failed(&runs, cause))?;
    let newest = fs::read_dir(&runs)
        .map_err(|cause| failed(&runs, cause))?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok())
        .max()
        .unwrap_or(0);
    let mut number = newest + 1;
    loop {
        let run = runs.join(number.to_string());
        match fs::create_dir(&run) {
            Ok(()) => {
                point_latest(&runs, &number.to_string());
                return Ok(run);
            }
            // Another run of the same bench took the number in between.
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(cause) => return Err(failed(&run, cause)),
        }
    }
}

/// A convenience only: where the system has no links, a file holds the number.
fn point_latest(runs: &Path, run: &str) {
    let latest = runs.join("latest");
    let _ = fs::remove_file(&latest);
    #[cfg(unix)]
    let _ = std::os::unix::fs::symlink(run, &latest);
    #[cfg(not(unix))]
    let _ = fs::write(&latest, run);
}
