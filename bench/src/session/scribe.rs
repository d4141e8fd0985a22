//! The scribe: a thread that makes the canonical stream, the recording and the UART logs, so
//! that the stepping loop never waits for compression or for a disk.
//!
//! An event waits at most 50 ms for its batch and 150 ms for its chunk, so that a process that is
//! killed loses less than the last 250 ms.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use twinbench_model::{Event, VirtualTime};
use twinbench_recording::{Content, Digest, Entry, Recorder, Redactor, Sequencer};

use super::Error;

/// Events that travel together.
const BATCH: usize = 1_000;
/// Batches under way before the loop waits: bounds memory.
const DEPTH: usize = 16;
/// How long an event waits for others to travel with.
const GATHER: Duration = Duration::from_millis(50);
/// How long what was recorded waits before it goes to the system.
const FLUSH: Duration = Duration::from_millis(150);
/// The attachment that has the final states of the entities.
pub const ENTITIES: &str = "entities.json";
/// How often the scribe looks whether what it wrote has to go to the system.
const LOOK: Duration = Duration::from_millis(50);

/// What the loop tells the scribe.
enum Word {
    Events(Vec<Event>),
    /// Everything before goes to the system at once; then somebody is told.
    Show(SyncSender<()>),
    /// The last word: the time that the session reached, and the final states, to be attached to
    /// the recording.
    End(VirtualTime, Option<Vec<u8>>),
}

/// What is left when a session has ended.
#[derive(Debug, Clone)]
pub struct Kept {
    /// SHA-256 of the canonical event stream, in hex.
    pub digest: String,
    /// Events in it.
    pub events: u64,
    /// The recording.
    pub recording: PathBuf,
    /// Why the recording is not whole, when writing it failed and the session went on without it.
    pub recording_stopped: Option<String>,
    /// UART logs, by device.
    pub uart: Vec<PathBuf>,
}

/// The loop's end of the scribe.
pub(super) struct Scribe {
    batch: Vec<Event>,
    to: Option<SyncSender<Word>>,
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
    ///
    /// A recorder that could not begin, or cannot go on, ends the session only when the recording
    /// is required; otherwise a warning says so and the session goes on.
    pub(super) fn start(
        out: &Path,
        recorder: Result<Recorder, twinbench_recording::Error>,
        required: bool,
    ) -> Result<Self, Error> {
        let tape = Tape::new(recorder, required)?;
        let (to, from) = sync_channel(DEPTH);
        let out = out.to_owned();
        let thread = std::thread::Builder::new()
            .name("scribe".into())
            .spawn(move || work(&out, tape, &from))
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
        if self.batch.len() < BATCH && (self.batch.is_empty() || self.sent.elapsed() < GATHER) {
            return Ok(());
        }
        self.sent = Instant::now();
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.say(Word::Events(batch))
    }

    fn say(&mut self, word: Word) -> Result<(), Error> {
        match &self.to {
            Some(to) if to.send(word).is_ok() => Ok(()),
            // The scribe has ended: its own error says why.
            _ => Err(self
                .join()
                .err()
                .unwrap_or_else(|| Error::Threads("the scribe ended early".into()))),
        }
    }

    /// Waits until everything so far can be read in the recording's file.
    pub(super) fn show(&mut self) -> Result<(), Error> {
        self.send()?;
        let (to, shown) = sync_channel(1);
        self.say(Word::Show(to))?;
        // A scribe that ended says why at the next word.
        let _ = shown.recv();
        Ok(())
    }

    /// Ends the recording; `entities` is what it keeps of the final states.
    pub(super) fn finish(
        mut self,
        until: VirtualTime,
        entities: Option<Vec<u8>>,
    ) -> Result<Kept, Error> {
        self.send()?;
        self.say(Word::End(until, entities))?;
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

/// The recording, as long as it can be written.
struct Tape {
    recorder: Option<Recorder>,
    required: bool,
    path: PathBuf,
    stopped: Option<String>,
    waiting: Option<Instant>,
}

impl Tape {
    fn new(
        recorder: Result<Recorder, twinbench_recording::Error>,
        required: bool,
    ) -> Result<Self, Error> {
        let mut tape = Self {
            recorder: None,
            required,
            path: PathBuf::new(),
            stopped: None,
            waiting: None,
        };
        match recorder {
            Ok(recorder) => {
                recorder.part().clone_into(&mut tape.path);
                tape.recorder = Some(recorder);
            }
            // Only a disk that is full is borne: a name that is taken is a mistake.
            Err(cause @ twinbench_recording::Error::Write { .. }) => tape.stop(cause)?,
            Err(cause) => return Err(Error::Recording(cause)),
        }
        Ok(tape)
    }

    fn stop(&mut self, cause: twinbench_recording::Error) -> Result<(), Error> {
        if self.required {
            return Err(Error::Recording(cause));
        }
        let told = cause.to_string();
        tracing::warn!("the session goes on without its recording: failed to {told}");
        self.recorder = None;
        self.stopped = Some(told);
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the recording is flushed by the wall clock (DESIGN: every 250 ms)"
    )]
    fn record(&mut self, entry: &Entry, wall: Timestamp) -> Result<(), Error> {
        let Some(recorder) = &mut self.recorder else {
            return Ok(());
        };
        self.waiting.get_or_insert_with(Instant::now);
        match recorder.record(entry, wall) {
            Ok(()) => Ok(()),
            Err(cause) => self.stop(cause),
        }
    }

    /// What waits for more than `FLUSH` goes to the system.
    fn flush(&mut self) -> Result<(), Error> {
        let (Some(recorder), Some(waiting)) = (&mut self.recorder, self.waiting) else {
            return Ok(());
        };
        if waiting.elapsed() < FLUSH {
            return Ok(());
        }
        recorder.flush().or_else(|cause| self.stop(cause))?;
        self.waiting = None;
        Ok(())
    }

    /// All that was recorded goes to the system.
    fn show(&mut self) -> Result<(), Error> {
        self.waiting = None;
        match self.recorder.as_mut().map(Recorder::flush) {
            Some(Err(cause)) => self.stop(cause),
            _ => Ok(()),
        }
    }

    fn finish(
        mut self,
        digest: &str,
        until: Option<VirtualTime>,
        entities: Option<Vec<u8>>,
    ) -> Result<(PathBuf, Option<String>), Error> {
        if let Some(mut recorder) = self.recorder.take() {
            if let Some(until) = until {
                recorder.until(until);
            }
            if let Some(entities) = entities {
                recorder.attach(ENTITIES, "application/json", entities);
            }
            match recorder.finish(digest) {
                Ok(finished) => self.path = finished.path,
                Err(cause) => self.stop(cause)?,
            }
        }
        Ok((self.path, self.stopped))
    }
}

fn work(out: &Path, mut tape: Tape, from: &Receiver<Word>) -> Result<Kept, Error> {
    let mut digest = Digest::new();
    let mut sequencer = Sequencer::new();
    let mut events = 0;
    let mut logs: BTreeMap<Arc<str>, UartLog> = BTreeMap::new();
    let (mut end, mut entities) = (None, None);
    loop {
        let batch = match from.recv_timeout(LOOK) {
            Ok(Word::Events(batch)) => batch,
            Ok(Word::Show(shown)) => {
                tape.show()?;
                // Who asked may have gone.
                let _ = shown.send(());
                continue;
            }
            Ok(Word::End(until, states)) => {
                end = Some(until);
                entities = states;
                continue;
            }
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let wall = Timestamp::now();
        let entries = sequencer
            .step(batch)
            .map_err(|cause| Error::Order(cause.to_string()))?;
        for entry in &entries {
            events += 1;
            digest.update(entry);
            tape.record(entry, wall)?;
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
        tape.flush()?;
    }
    let digest = digest.hex();
    let (recording, recording_stopped) = tape.finish(&digest, end, entities)?;
    let mut uart = Vec::new();
    for log in logs.into_values() {
        uart.push(log.finish()?);
    }
    Ok(Kept {
        digest,
        events,
        recording,
        recording_stopped,
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{io::pipe, os::fd::OwnedFd};
    use twinbench_model::{Epoch, Room};

    /// A scribe whose recording ends in the middle, as on a full disk: somebody reads the first
    /// bytes and then closes the pipe.
    fn scribe(out: &Path, required: bool) -> Scribe {
        let (from, to) = pipe().unwrap();
        let header = twinbench_recording::Header {
            bench: "b".into(),
            seed: 1,
            epoch: Epoch::new(Timestamp::UNIX_EPOCH),
            producer: "test".into(),
            bench_file: None,
            parent: None,
        };
        let recorder = Recorder::into_file(
            OwnedFd::from(to).into(),
            &out.join("session.mcap"),
            &header,
            twinbench_recording::Options::default(),
        );
        drop(from);
        Scribe::start(out, recorder, required).unwrap()
    }

    fn events(scribe: &mut Scribe) {
        for n in 0..5_000 {
            let time = VirtualTime::from_millis(n);
            scribe.push(Event::json(time, Room::Hub, "d2c", "a".into(), &n));
        }
    }

    #[test]
    fn a_full_disk_warns_and_the_session_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut scribe = scribe(folder.path(), false);
        events(&mut scribe);
        scribe.flush().unwrap();
        let kept = scribe.finish(VirtualTime::ZERO, None).unwrap();
        assert_eq!(kept.events, 5_000, "the digest is of everything");
        let told = kept.recording_stopped.unwrap();
        assert!(
            told.contains("what was written before stays readable"),
            "{told}"
        );
    }

    #[test]
    fn a_recording_that_is_required_ends_the_session() {
        let folder = tempfile::tempdir().unwrap();
        let mut scribe = scribe(folder.path(), true);
        events(&mut scribe);
        let ended = scribe
            .flush()
            .and_then(|()| scribe.finish(VirtualTime::ZERO, None).map(|_| ()));
        assert!(matches!(ended, Err(Error::Recording(_))), "{ended:?}");
    }
}
