//! Captures as CSV files in a folder.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Component, Path, PathBuf},
};

use super::off_thread;
use crate::connectors::{Call, Connector, SendError, Sending};

/// Writes each capture to `<folder>/<device>/<time>.csv`. A file is never written over.
#[derive(Debug, Clone)]
pub struct CsvFolder(pub PathBuf);

impl Connector for CsvFolder {
    fn send(&self, call: Call) -> Sending {
        let folder = self.0.clone();
        off_thread(move || write(&folder, &call))
    }
}

fn write(folder: &Path, call: &Call) -> Result<(), SendError> {
    let name = Path::new(&call.to);
    if !name
        .components()
        .all(|it| matches!(it, Component::Normal(_)))
    {
        let reason = format!("{:?} is no name of a file below a folder", call.to);
        return Err(SendError::Refused(reason));
    }
    let path = folder.join(name);
    let failed = |cause: std::io::Error| {
        SendError::Unreachable(format!("{} cannot be written: {cause}", path.display()))
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match fs::File::create_new(&path) {
        Ok(mut file) => file
            .write_all(call.text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed),
        // The same call done over has written the same file.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => match fs::read_to_string(&path) {
            Ok(there) if there == call.text => Ok(()),
            _ => Err(SendError::Refused(format!("{} exists", path.display()))),
        },
        Err(cause) => Err(failed(cause)),
    }
}
