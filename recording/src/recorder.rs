//! Writing a recording to a file.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use twinbench_model::VirtualTime;

use crate::{
    Entry, Error, Header, Options,
    stream::{Failure, Stream, epoch_fits},
};

/// Writes entries to `NAME.mcap.part`, which becomes `NAME.mcap` when the recording is finished.
///
/// The file is flushed to the system every 250 ms of the wall time that the caller hands in, or
/// every 1,000 messages. A recorder that is dropped leaves the unfinished file, which opens and
/// says that it was not finished.
pub struct Recorder {
    /// `None` once a write failed.
    stream: Option<Stream<BufWriter<File>>>,
    path: PathBuf,
    part: PathBuf,
}

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The file.
    pub path: PathBuf,
    /// Entries in it.
    pub entries: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Recorder {
    /// Starts the recording `path` (`NAME.mcap`).
    ///
    /// # Errors
    /// When the file or its unfinished form exists, cannot be made or written, or when the epoch
    /// is not in the years 1970 to 2554.
    pub fn create(path: &Path, header: &Header, options: Options) -> Result<Self, Error> {
        if !epoch_fits(header.epoch) {
            return Err(Error::Time);
        }
        let path = path.to_owned();
        let part = part_of(&path);
        if path.exists() {
            return Err(Error::Exists { path });
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&part);
        let file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::Exists { path: part });
            }
            Err(source) => return Err(Error::Create { path: part, source }),
        };
        Self::into_file(file, &path, header, options)
    }

    /// Starts the recording `path` in a file that the caller opened as its unfinished form.
    ///
    /// # Errors
    /// When it cannot be written, or when the epoch is not in the years 1970 to 2554.
    pub fn into_file(
        file: File,
        path: &Path,
        header: &Header,
        options: Options,
    ) -> Result<Self, Error> {
        if !epoch_fits(header.epoch) {
            return Err(Error::Time);
        }
        // Who tidies up sees by it that somebody writes here. Not every file system has locks; on
        // Windows they would keep readers out, and an open file cannot be removed in any case.
        #[cfg(unix)]
        let _ = file.try_lock();
        let part = part_of(path);
        match Stream::start(BufWriter::with_capacity(1 << 16, file), header, options) {
            Ok(stream) => Ok(Self {
                stream: Some(stream),
                path: path.to_owned(),
                part,
            }),
            Err(source) => Err(Error::Write { path: part, source }),
        }
    }

    /// The unfinished file.
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Writes one entry; `wall` is when it was published.
    ///
    /// # Errors
    /// [`Error::Time`] for an entry that MCAP's clock cannot hold, after which the recording goes
    /// on. Any write error (a full disk) ends the recording: what was written before stays
    /// readable and later calls return [`Error::Stopped`]. The caller warns and goes on, or fails.
    pub fn record(&mut self, entry: &Entry, wall: Timestamp) -> Result<(), Error> {
        self.with(|stream| stream.record(entry, wall))
    }

    /// Flushes when it is due; for callers that may stay without events for a while.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn flush_when_due(&mut self, wall: Timestamp) -> Result<(), Error> {
        self.with(|stream| stream.flush_when_due(wall).map_err(Failure::Write))
    }

    /// Gives everything that was recorded to the system.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.with(|stream| stream.flush().map_err(Failure::Write))
    }

    /// The virtual time that the session reached, which may be after its last event.
    /// [`Reader::until`](crate::Reader::until) gives it back.
    pub fn until(&mut self, until: VirtualTime) {
        if let Some(stream) = &mut self.stream {
            stream.until(until);
        }
    }

    /// Keeps something, such as the final states, to be attached when the recording is finished.
    /// [`Reader::attachment`](crate::Reader::attachment) gives it back.
    pub fn attach(&mut self, name: &str, media_type: &str, data: Vec<u8>) {
        if let Some(stream) = &mut self.stream {
            stream.attach(name, media_type, data);
        }
    }

    /// Ends the recording, with the [`Digest`](crate::Digest) of its whole stream, and gives the
    /// file its final name.
    ///
    /// # Errors
    /// When writing or renaming fails, or failed before.
    pub fn finish(mut self, digest: &str) -> Result<Finished, Error> {
        let Some(stream) = self.stream.take() else {
            return Err(Error::Stopped { path: self.part });
        };
        let entries = stream.entries();
        let failed = |source| Error::Write {
            path: self.part.clone(),
            source,
        };
        let mut out = stream.finish(digest).map_err(failed)?;
        out.flush().map_err(|error| failed(error.into()))?;
        let file = out.get_ref();
        file.sync_all().map_err(|error| failed(error.into()))?;
        let bytes = file.metadata().map_err(|error| failed(error.into()))?.len();
        drop(out);
        if let Err(source) = fs::rename(&self.part, &self.path) {
            return Err(Error::Rename {
                from: self.part,
                to: self.path,
                source,
            });
        }
        Ok(Finished {
            path: self.path,
            entries,
            bytes,
        })
    }

    fn with(
        &mut self,
        act: impl FnOnce(&mut Stream<BufWriter<File>>) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let Some(stream) = &mut self.stream else {
            return Err(Error::Stopped {
                path: self.part.clone(),
            });
        };
        match act(stream) {
            Ok(()) => Ok(()),
            Err(Failure::Time) => Err(Error::Time),
            Err(Failure::Write(source)) => {
                self.stream = None;
                Err(Error::Write {
                    path: self.part.clone(),
                    source,
                })
            }
        }
    }
}

/// Whether some process is writing this recording (`NAME.mcap`) now. What a killed process left is
/// not being written.
pub fn is_being_written(path: &Path) -> bool {
    let Ok(file) = File::open(part_of(path)) else {
        return false;
    };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// The files that a recording (`NAME.mcap`) can lie in: itself, and its unfinished form.
pub fn files_of(path: &Path) -> [PathBuf; 2] {
    [path.to_owned(), part_of(path)]
}

/// The name of a recording while it is written: `NAME.mcap.part`.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}
