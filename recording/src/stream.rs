//! Writing entries as MCAP to any stream.

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Seek, SeekFrom, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use mcap::{
    Attachment, Compression, McapError, McapResult, WriteOptions, Writer,
    records::{MessageHeader, Metadata},
};
use twinbench_model::{Epoch, Room, VirtualTime};

use crate::{
    Content, Entry, Header,
    entry::room_name,
    format::{self, Form},
    index::{self, Mark},
};

/// A writer that tells how far it is.
pub(crate) struct Counted<W> {
    pub(crate) inner: W,
    at: Arc<AtomicU64>,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.at.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The MCAP writer asks where it is, and seeks nowhere when it is told not to.
impl<W> Seek for Counted<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) => Ok(self.at.load(Ordering::Relaxed)),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Channels that one source each has; MCAP numbers them with 16 bits. Beyond, sources share channels.
const OWN_CHANNELS: usize = 60_000;
/// Messages after which the stream is flushed.
const FLUSH_MESSAGES: u64 = 1_000;
/// Wall time that an entry waits at most before the stream is flushed.
const FLUSH_AFTER: SignedDuration = SignedDuration::from_millis(250);
/// Bytes of messages after which the stream is flushed: what a reader unpacks at once.
const FLUSH_BYTES: usize = 1 << 20;

/// What a recording keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Whose raw bytes are kept.
    pub keep_bytes: KeepBytes,
}

/// Whose raw bytes a recording keeps. They may hold secrets of real boards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeepBytes {
    /// Of all sources.
    #[default]
    All,
    /// Of all but these sources, for which only the number of bytes is kept.
    Except(BTreeSet<Arc<str>>),
}

impl KeepBytes {
    fn keeps(&self, source: &str) -> bool {
        match self {
            Self::All => true,
            Self::Except(sources) => !sources.contains(source),
        }
    }
}

/// Why an entry was not written.
pub(crate) enum Failure {
    /// The stream refused it.
    Write(McapError),
    /// Its time does not fit into MCAP's clock.
    Time,
}

impl From<McapError> for Failure {
    fn from(error: McapError) -> Self {
        Self::Write(error)
    }
}

/// The recorder's part that knows no files.
pub(crate) struct Stream<W: Write> {
    writer: Writer<Counted<W>>,
    at: Arc<AtomicU64>,
    marks: Vec<Mark>,
    /// The log times of the first and last message since the stream was flushed.
    unflushed_times: Option<(u64, u64)>,
    unflushed_bytes: usize,
    last: Vec<Attachment<'static>>,
    until: Option<VirtualTime>,
    epoch: i128,
    options: Options,
    channels: HashMap<Arc<str>, Vec<Channel>>,
    /// How many sources' own channels there are, and may be.
    own: (usize, usize),
    /// The channels that sources share.
    crowds: Vec<Channel>,
    buffer: Vec<u8>,
    entries: u64,
    unflushed: u64,
    /// When the oldest entry that waits was recorded.
    waiting_since: Option<Timestamp>,
}

/// A channel of one source.
struct Channel {
    room: Room,
    kind: Box<str>,
    form: Form,
    id: u16,
}

impl<W: Write> Stream<W> {
    /// Starts a recording: its facts and the bench file come first, outside any chunk, so that
    /// they survive whatever happens later.
    pub(crate) fn start(out: W, header: &Header, options: Options) -> McapResult<Self> {
        let at = Arc::new(AtomicU64::new(0));
        let out = Counted {
            inner: out,
            at: Arc::clone(&at),
        };
        let mut writer = WriteOptions::new()
            .profile(format::PROFILE)
            .library(&header.producer)
            .compression(Some(Compression::Lz4))
            // Chunks end where the stream is flushed, and nowhere else: so their places are known.
            .chunk_size(None)
            // A chunk goes out whole when it is finished: a cut file then has no chunk without
            // its length.
            .disable_seeking(true)
            .create(out)?;
        let facts = [
            ("format", format::FORMAT_VERSION.to_string()),
            ("bench", header.bench.clone()),
            ("seed", header.seed.to_string()),
            ("epoch", header.epoch.instant().to_string()),
            ("producer", header.producer.clone()),
        ];
        let parent = header.parent.iter().flat_map(|parent| {
            [
                ("parent", parent.recording.clone()),
                ("parent_how", parent.how.clone()),
                ("parent_at", parent.at.as_nanos().to_string()),
            ]
        });
        write_facts(&mut writer, format::START, facts.into_iter().chain(parent))?;
        let epoch = header.epoch.instant().as_nanosecond();
        if let Some(file) = &header.bench_file {
            let created = u64::try_from(epoch).unwrap_or_default();
            writer.attach(&Attachment {
                log_time: created,
                create_time: created,
                name: file.name.clone(),
                media_type: format::BENCH_MEDIA_TYPE.to_owned(),
                data: file.text.as_bytes().into(),
            })?;
        }
        writer.flush()?;
        Ok(Self {
            writer,
            at,
            marks: Vec::new(),
            unflushed_times: None,
            unflushed_bytes: 0,
            last: Vec::new(),
            until: None,
            epoch,
            options,
            channels: HashMap::new(),
            own: (0, OWN_CHANNELS),
            crowds: Vec::new(),
            buffer: Vec::new(),
            entries: 0,
            unflushed: 0,
            waiting_since: None,
        })
    }

    /// Entries so far.
    pub(crate) const fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes an entry and flushes when it is time.
    pub(crate) fn record(&mut self, entry: &Entry, wall: Timestamp) -> Result<(), Failure> {
        let log_time = u64::try_from(self.epoch + i128::from(entry.time.as_nanos()))
            .map_err(|_| Failure::Time)?;
        let publish_time = u64::try_from(wall.as_nanosecond()).map_err(|_| Failure::Time)?;
        let (channel_id, shared) = self.channel(entry)?;
        self.buffer.clear();
        let omitted;
        let content = match &entry.content {
            Content::Bytes(bytes) if !self.options.keep_bytes.keeps(&entry.source) => {
                omitted = Content::Omitted(bytes.len() as u64);
                &omitted
            }
            content => content,
        };
        if shared {
            format::write_crowd_message(&entry.source, content, &mut self.buffer);
        } else {
            format::write_message(content, &mut self.buffer);
        }
        let header = MessageHeader {
            channel_id,
            // The reader restores the upper half from the order of messages.
            sequence: entry.sequence as u32,
            log_time,
            publish_time,
        };
        self.writer.write_to_known_channel(&header, &self.buffer)?;
        self.entries += 1;
        self.unflushed += 1;
        self.unflushed_bytes += self.buffer.len();
        let (first, _) = self.unflushed_times.unwrap_or((log_time, log_time));
        self.unflushed_times = Some((first, log_time));
        self.flush_when_due(wall)?;
        Ok(())
    }

    /// Flushes when 250 ms of wall time have gone by, or 1,000 messages.
    pub(crate) fn flush_when_due(&mut self, wall: Timestamp) -> McapResult<()> {
        if self.unflushed == 0 {
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert(wall);
        // Absolute, because a wall clock may be set back.
        if self.unflushed >= FLUSH_MESSAGES
            || self.unflushed_bytes >= FLUSH_BYTES
            || wall.duration_since(since).abs() >= FLUSH_AFTER
        {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the chunk and gives it to the system.
    pub(crate) fn flush(&mut self) -> McapResult<()> {
        if self.unflushed == 0 {
            return Ok(());
        }
        let offset = self.at.load(Ordering::Relaxed);
        self.writer.flush()?;
        if let Some((first, last)) = self.unflushed_times.take() {
            self.marks.push(Mark {
                offset,
                first,
                last,
            });
        }
        self.unflushed = 0;
        self.unflushed_bytes = 0;
        self.waiting_since = None;
        Ok(())
    }

    /// The virtual time at which the session ended, which may be after its last event.
    pub(crate) fn until(&mut self, until: VirtualTime) {
        self.until = Some(until);
    }

    /// Keeps something for the end of the recording.
    pub(crate) fn attach(&mut self, name: &str, media_type: &str, data: Vec<u8>) {
        let created = u64::try_from(self.epoch).unwrap_or_default();
        self.last.push(Attachment {
            log_time: created,
            create_time: created,
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            data: data.into(),
        });
    }

    /// Ends the recording and gives the stream back.
    pub(crate) fn finish(mut self, digest: &str) -> McapResult<W> {
        self.flush()?;
        let facts = [
            ("digest", digest.to_owned()),
            ("entries", self.entries.to_string()),
        ];
        let until = self
            .until
            .map(|until| ("until", until.as_nanos().to_string()));
        let facts = facts.into_iter().chain(until);
        write_facts(&mut self.writer, format::END, facts)?;
        for attachment in &self.last {
            self.writer.attach(attachment)?;
        }
        self.writer.write_metadata(&Metadata {
            name: format::INDEX.to_owned(),
            metadata: index::facts(&self.marks),
        })?;
        self.writer.finish()?;
        Ok(self.writer.into_inner().inner)
    }

    /// The entry's channel, and whether its source shares it with others.
    fn channel(&mut self, entry: &Entry) -> McapResult<(u16, bool)> {
        let form = Form::of(&entry.content);
        let is_its =
            |c: &&Channel| c.room == entry.room && *c.kind == *entry.kind && c.form == form;
        let own = self.channels.get(&*entry.source);
        if let Some(channel) = own.and_then(|channels| channels.iter().find(is_its)) {
            return Ok((channel.id, false));
        }
        let shared = self.own.0 >= self.own.1;
        if shared && let Some(channel) = self.crowds.iter().find(is_its) {
            return Ok((channel.id, true));
        }
        let name = format!("twinbench.{}", entry.kind);
        let schema = format::schema(&entry.kind, form);
        let schema = self
            .writer
            .add_schema(&name, "jsonschema", schema.as_bytes())?;
        let (topic, source, its_form) = if shared {
            let topic = format!("{}/*", entry.kind);
            (topic, "*", format::crowd_form(form))
        } else {
            (entry.channel(), &*entry.source, form.name().to_owned())
        };
        let metadata = [
            ("room", room_name(entry.room)),
            ("kind", &entry.kind),
            ("source", source),
            ("form", &its_form),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let id = self
            .writer
            .add_channel(schema, &topic, "json", &metadata.into())?;
        let channel = Channel {
            room: entry.room,
            kind: entry.kind.as_ref().into(),
            form,
            id,
        };
        if shared {
            self.crowds.push(channel);
        } else {
            self.own.0 += 1;
            let channels = self.channels.entry(Arc::clone(&entry.source)).or_default();
            channels.push(channel);
        }
        Ok((id, shared))
    }
}

/// The instant at which a stream's virtual time is zero must be one that MCAP can count from.
pub(crate) fn epoch_fits(epoch: Epoch) -> bool {
    u64::try_from(epoch.instant().as_nanosecond()).is_ok()
}

fn write_facts<'a, W: Write + Seek>(
    writer: &mut Writer<W>,
    name: &str,
    facts: impl IntoIterator<Item = (&'a str, String)>,
) -> McapResult<()> {
    let facts = facts
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value));
    writer.write_metadata(&Metadata {
        name: name.to_owned(),
        metadata: facts.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, io::Cursor, rc::Rc};
    use twinbench_model::Event;

    /// A disk that is shared with the test and has room for so many bytes.
    #[derive(Clone)]
    struct Disk(Rc<RefCell<Cursor<Vec<u8>>>>, usize);

    impl Disk {
        fn new(room: usize) -> Self {
            Self(Rc::default(), room)
        }
        fn len(&self) -> usize {
            self.0.borrow().get_ref().len()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn header() -> Header {
        Header {
            bench: "b".into(),
            seed: 1,
            epoch: Epoch::new("2026-01-01T00:00:00Z".parse().unwrap()),
            producer: "test".into(),
            bench_file: None,
            parent: None,
        }
    }

    fn entry(n: u64) -> Entry {
        let time = VirtualTime::from_millis(n);
        Entry::new(Event::json(time, Room::Hub, "d2c", "a".into(), &n), n)
    }

    fn wall(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn flushes_by_wall_time_and_by_count() {
        let disk = Disk::new(usize::MAX);
        let mut stream = Stream::start(disk.clone(), &header(), Options::default())
            .ok()
            .unwrap();
        let mut grew = |n: u64, millis: i64| {
            let before = disk.len();
            assert!(stream.record(&entry(n), wall(millis)).is_ok());
            disk.len() > before
        };
        assert!(!grew(0, 0));
        assert!(!grew(1, 249));
        assert!(grew(2, 250), "250 ms have gone by");
        assert!(!grew(3, 900), "nothing waits since the last one");
        assert!(grew(4, -5_000), "the wall clock was set back");
        for n in 0..999 {
            assert!(!grew(5 + n, -5_000));
        }
        assert!(grew(2_000, -5_000), "1,000 messages");
        assert!(stream.record(&entry(3_000), wall(-5_000)).is_ok());
        let before = disk.len();
        assert!(stream.flush_when_due(wall(-4_900)).is_ok());
        assert_eq!(disk.len(), before);
        assert!(stream.flush_when_due(wall(-4_700)).is_ok());
        assert!(disk.len() > before, "due without a new entry");
    }

    #[test]
    fn a_full_disk_is_an_error_and_no_panic() {
        assert!(Stream::start(Disk::new(20), &header(), Options::default()).is_err());
        let disk = Disk::new(700);
        let mut stream = Stream::start(disk.clone(), &header(), Options::default())
            .ok()
            .unwrap();
        let failed = (0..10_000).find_map(|n| stream.record(&entry(n), wall(0)).err());
        assert!(matches!(failed, Some(Failure::Write(McapError::Io(_)))));
        assert!(stream.record(&entry(10_001), wall(0)).is_err());
        drop(stream);
        assert!(disk.len() <= 700);
    }

    /// More sources than MCAP has channels: each entry comes back as it was.
    #[test]
    fn sources_beyond_the_channels_share_one() {
        let disk = Disk::new(usize::MAX);
        let mut stream = Stream::start(disk.clone(), &header(), Options::default())
            .ok()
            .unwrap();
        stream.own.1 = 3;
        let mut all = Vec::new();
        for n in 0..40_u64 {
            let content = match n % 3 {
                0 => Content::Json(format!(r#"{{"a": {n}.50, "ü":"[{{x"}}"#).into()),
                1 => Content::Json("7".into()),
                _ => Content::Bytes(vec![0xFF, n as u8].into()),
            };
            let written = Entry {
                source: format!("s-\"{}\"", n % 10).into(),
                sequence: n / 10,
                content,
                ..entry(n)
            };
            assert!(stream.record(&written, wall(0)).is_ok());
            all.push(written);
        }
        assert!(stream.finish("digest").is_ok());
        let bytes = disk.0.borrow().get_ref().clone();
        let open = || {
            let length = bytes.len() as u64;
            crate::Reader::new(Cursor::new(bytes.clone()), length, "x".as_ref()).unwrap()
        };
        let read: Vec<Entry> = open().map(|read| read.unwrap().entry).collect();
        assert_eq!(read, all);
        let mut reader = open();
        assert!(reader.by_ref().all(|read| read.is_ok()));
        assert_eq!(reader.loss().to_string(), "complete");
    }

    #[test]
    fn times_outside_the_clock_are_refused() {
        let mut stream = Stream::start(Disk::new(9_999), &header(), Options::default())
            .ok()
            .unwrap();
        let late = Entry {
            time: VirtualTime::MAX,
            ..entry(0)
        };
        assert!(matches!(stream.record(&late, wall(0)), Err(Failure::Time)));
        assert!(stream.record(&entry(0), wall(0)).is_ok());
        assert!(!epoch_fits(Epoch::new(
            "1969-12-31T23:59:59Z".parse().unwrap()
        )));
        assert!(epoch_fits(header().epoch));
    }
}
