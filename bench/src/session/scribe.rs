//! The scribe: a thread that makes the canonical stream, the recording and the UART logs, so
//! that the stepping loop never waits for compression or for a disk.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use jiff::Timestamp;
use twinbench_model::Event;
use twinbench_recording::{Content, Digest, Recorder, Redactor, Sequencer};

use super::Error;

/// Events that travel together.
const BATCH: usize = 1_000;
/// Batches under way before the loop waits: bounds memory.
const DEPTH: usize = 16;

/// What is left when a session has ended.
#[derive(Debug, Clone)]
pub struct Kept {
    /// SHA-256 of the canonical event stream, in hex.
    pub digest: String,
    /// Events in it.
    pub events: u64,
    /// The recording.
    pub recording: PathBuf,
    /// UART logs, by device.
    pub uart: Vec<PathBuf>,
}

/// The loop's end of the scribe.
pub(super) struct Scribe {
    batch: Vec<Event>,
    to: Option<SyncSender<Vec<Event>>>,
    thread: Option<JoinHandle<Result<Kept, Error>>>,
    events: u64,
    sent: Instant,
}

impl Scribe {
    /// Starts the scribe; everything goes below `out`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the recording is flushed by the wall clock (DESIGN: every 250 ms)"
    )]
    pub(super) fn start(out: &Path, recorder: Recorder) -> Result<Self, Error> {
        let (to, from) = sync_channel(DEPTH);
        let out = out.to_owned();
        let thread = std::thread::Builder::new()
            .name("scribe".into())
            .spawn(move || work(&out, recorder, &from))
            .map_err(|cause| Error::Threads(cause.to_string()))?;
        Ok(Self {
            batch: Vec::with_capacity(BATCH),
            to: Some(to),
            thread: Some(thread),
            events: 0,
            sent: Instant::now(),
        })
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn push(&mut self, event: Event) {
        self.events += 1;
        self.batch.push(event);
    }

    /// Sends what has gathered when it is a batch or has waited long enough.
    #[expect(
        clippy::disallowed_methods,
        reason = "the recording is flushed by the wall clock (DESIGN: every 250 ms)"
    )]
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if self.batch.len() < BATCH
            && (self.batch.is_empty() || self.sent.elapsed().as_millis() < 250)
        {
            return Ok(());
        }
        self.sent = Instant::now();
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        match &self.to {
            Some(to) if to.send(batch).is_ok() => Ok(()),
            // The scribe has ended: its own error says why.
            _ => Err(self
                .join()
                .err()
                .unwrap_or_else(|| Error::Threads("the scribe ended early".into()))),
        }
    }

    pub(super) fn finish(mut self) -> Result<Kept, Error> {
        self.send()?;
        self.join()
    }

    fn join(&mut self) -> Result<Kept, Error> {
        self.to = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::Threads("the scribe panicked".into())),
            None => Err(Error::Threads("the scribe has already ended".into())),
        }
    }
}

fn work(out: &Path, mut recorder: Recorder, from: &Receiver<Vec<Event>>) -> Result<Kept, Error> {
    let mut digest = Digest::new();
    let mut sequencer = Sequencer::new();
    let mut events = 0;
    let mut logs: BTreeMap<Arc<str>, UartLog> = BTreeMap::new();
    while let Ok(batch) = from.recv() {
        let wall = Timestamp::now();
        let entries = sequencer
            .step(batch)
            .map_err(|cause| Error::Order(cause.to_string()))?;
        for entry in &entries {
            events += 1;
            digest.update(entry);
            recorder.record(entry, wall).map_err(Error::Recording)?;
            if entry.kind == "uart"
                && let Content::Bytes(bytes) = &entry.content
            {
                if !logs.contains_key(&entry.source) {
                    logs.insert(
                        Arc::clone(&entry.source),
                        UartLog::create(out, &entry.source)?,
                    );
                }
                if let Some(log) = logs.get_mut(&entry.source) {
                    log.write(bytes)?;
                }
            }
        }
        recorder.flush_when_due(wall).map_err(Error::Recording)?;
    }
    let digest = digest.hex();
    let recording = recorder.finish(&digest).map_err(Error::Recording)?.path;
    let mut uart = Vec::new();
    for log in logs.into_values() {
        uart.push(log.finish()?);
    }
    Ok(Kept {
        digest,
        events,
        recording,
        uart,
    })
}

/// `uart-<device>.log`: what the device printed, secrets redacted.
struct UartLog {
    path: PathBuf,
    file: BufWriter<File>,
    redactor: Redactor,
    shown: Vec<u8>,
}

impl UartLog {
    fn create(out: &Path, source: &str) -> Result<Self, Error> {
        let path = out.join(format!("uart-{}.log", file_stem(source)));
        let file = File::create(&path).map_err(|cause| Error::Output {
            path: path.clone(),
            cause,
        })?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            redactor: Redactor::new(),
            shown: Vec::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.redactor.push(bytes, &mut self.shown);
        self.show()
    }

    fn show(&mut self) -> Result<(), Error> {
        let result = self.file.write_all(&self.shown);
        self.shown.clear();
        result.map_err(|cause| Error::Output {
            path: self.path.clone(),
            cause,
        })
    }

    fn finish(mut self) -> Result<PathBuf, Error> {
        self.redactor.finish(&mut self.shown);
        self.show()?;
        self.file.flush().map_err(|cause| Error::Output {
            path: self.path.clone(),
            cause,
        })?;
        Ok(self.path)
    }
}

/// A device id as part of a file name: what file systems may refuse becomes `_`.
pub(crate) fn file_stem(id: &str) -> String {
    id.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}
