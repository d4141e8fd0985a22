//! Re-execution: the firmware again with the inputs of a recording, and what came of it compared.

use std::path::{Path, PathBuf};

use twinbench_engine::{ClientFaults, store::Durability};
use twinbench_model::VirtualTime;
use twinbench_recording::{
    Entry, Parent, Reader,
    diff::{self, Diff},
};

use super::{Error, bench::recorded, inputs::inputs};
use crate::session::{COMMIT_EVERY, Kept, Options, Session};

/// What came of a re-execution.
#[derive(Debug)]
pub struct Again {
    /// The virtual time up to which both were compared.
    pub until: VirtualTime,
    /// Inputs that were given again.
    pub inputs: usize,
    /// Channels of inputs that cannot be given again.
    pub lost: Vec<String>,
    /// The recording of the re-execution.
    pub kept: Kept,
    /// Where the two differ: the recording on the left, the re-execution on the right.
    pub diff: Diff,
}

/// Runs the bench of a recording again and compares. `bench` is the path of its bench file, for
/// the firmware that lies beside it; files go below `out`.
///
/// # Errors
/// When the recording cannot be read, its bench cannot be made, or the session fails.
pub fn run_again(
    recording: &Path,
    bench: &Path,
    out: &Path,
    threads: usize,
    compare: &diff::Options,
    mut watch: impl FnMut(&Session),
) -> Result<Again, Error> {
    let mut reader = Reader::open(recording)?;
    let header = reader.header().clone();
    let until = match reader.until()? {
        Some(until) => until,
        None => reader.last_time()?.unwrap_or_default(),
    };
    let file = recorded(&header)?;
    let (inputs, lost) = inputs(Reader::open(recording)?, &file)?;
    let options = options(
        &header,
        bench,
        out,
        threads,
        Some(parent(recording, "re-execution", VirtualTime::ZERO)),
    );
    let mut session = Session::open_in_memory(file, &options, ClientFaults::default())?;
    for input in &inputs {
        while session.now() < input.time {
            session.step(session.next_step(input.time))?;
            watch(&session);
        }
        input.apply(&mut session)?;
    }
    while session.now() < until {
        session.step(session.next_step(until))?;
        watch(&session);
    }
    let (_, kept) = session.finish()?;
    let diff = compare_files(recording, &kept.recording, compare, Some(until))?;
    Ok(Again {
        until,
        inputs: inputs.len(),
        lost,
        kept,
        diff,
    })
}

/// Compares two recordings, up to a time.
///
/// # Errors
/// When one of them cannot be read.
pub fn compare_files(
    left: &Path,
    right: &Path,
    options: &diff::Options,
    until: Option<VirtualTime>,
) -> Result<Diff, Error> {
    let open = |path: &Path| -> Result<_, Error> {
        let entries = Reader::open(path)?.entries();
        let within = move |entry: &Result<Entry, twinbench_recording::Error>| match (entry, until) {
            (Ok(entry), Some(until)) => entry.time <= until,
            _ => true,
        };
        Ok(entries.take_while(within))
    };
    Ok(diff::diff(open(left)?, open(right)?, options)?)
}

/// What a session needs that repeats a recording.
pub(crate) fn options(
    header: &twinbench_recording::Header,
    bench: &Path,
    out: &Path,
    threads: usize,
    parent: Option<Parent>,
) -> Options {
    Options {
        path: bench.to_owned(),
        text: header
            .bench_file
            .as_ref()
            .map(|file| file.text.clone())
            .unwrap_or_default(),
        out: out.to_owned(),
        data: out.join("data"),
        resume: false,
        threads,
        commit_every: COMMIT_EVERY,
        durability: Durability::Strict,
        require_recording: true,
        parent,
    }
}

/// What a recording says of the one that it comes from.
pub(crate) fn parent(recording: &Path, how: &'static str, at: VirtualTime) -> Parent {
    let name = recording.file_name().unwrap_or_default();
    let folder = recording.parent().and_then(Path::file_name);
    let name: PathBuf = folder.into_iter().chain([name]).collect();
    Parent {
        recording: name.display().to_string(),
        how: how.to_owned(),
        at,
    }
}
