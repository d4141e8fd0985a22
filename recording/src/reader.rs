//! Reading a recording back, whole or cut.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    fs::File,
    io::{self, BufReader, Read as _, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use mcap::{
    parse_record,
    records::{MessageHeader, Record, op},
};
use twinbench_model::{Epoch, Room, VirtualTime};

use crate::{
    BenchFile, Entry, Error, Header, Parent,
    chunk::unpack,
    entry::{kind_of_name, room_of_name},
    format::{self, Form},
    index::{self, Index},
    recorder::part_of,
};

/// An entry as read, with the wall time at which it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The entry.
    pub entry: Entry,
    /// Its wall time, which is no part of the canonical stream.
    pub wall: Timestamp,
}

/// What a recording lost. Complete once the reader has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loss {
    /// The recording was not finished: the program ended or the disk was full.
    pub unfinished: bool,
    /// Bytes that could not be read.
    pub bytes: u64,
    /// Messages that are known to be missing. In an unfinished recording more may be missing
    /// after the last one.
    pub messages: u64,
    /// Stretches of the file that are damaged.
    pub damaged: u64,
}

/// Iterates over the entries of a recording in their order.
///
/// Only an error of the system ends it early; damage is stepped over and counted in
/// [`Reader::loss`].
pub struct Reader<R = BufReader<File>> {
    input: R,
    path: PathBuf,
    length: u64,
    at: u64,
    header: Header,
    digest: Option<String>,
    channels: BTreeMap<u16, Channel>,
    /// Which of `numbers` counts a kind and source; they may have several channels.
    counters: BTreeMap<(Cow<'static, str>, Arc<str>), usize>,
    /// The next number, once one was seen.
    numbers: Vec<Option<u64>>,
    queue: VecDeque<Read>,
    read: u64,
    /// Entries before this time are left out.
    from: VirtualTime,
    /// Chunks were jumped over: neither numbers nor counts are known from the beginning.
    jumped: bool,
    loss: Loss,
    done: bool,
}

struct Channel {
    room: Room,
    kind: Cow<'static, str>,
    source: Arc<str>,
    form: Form,
    counter: usize,
    /// Each message names its source.
    shared: bool,
}

/// The next piece of the file.
enum Piece {
    /// A record.
    Whole(u8, Vec<u8>),
    /// The start of a record that is cut.
    Cut(u8, Vec<u8>),
    /// The end of the file.
    End,
}

impl Reader {
    /// Opens a recording, finished or not. When `NAME.mcap` is not there, `NAME.mcap.part` is
    /// opened.
    ///
    /// # Errors
    /// When it cannot be read, is no Twinbench recording, is of a newer format, or was cut before
    /// its header was complete.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let part = part_of(path);
        let path = if !path.exists() && part.exists() {
            &part
        } else {
            path
        };
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Self::new(BufReader::new(file), length, path)
    }

    /// Opens a recording and begins at the first entry of this time or later.
    ///
    /// A finished recording has an index, by which the way there is short whatever its length. Of
    /// what is jumped over, losses are not counted, and numbers within a channel are taken to be
    /// below 2³².
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_at(path: &Path, from: VirtualTime) -> Result<Self, Error> {
        let mut reader = Self::open(path)?;
        reader.from = from;
        if from == VirtualTime::ZERO {
            return Ok(reader);
        }
        let epoch = reader.header.epoch.instant().as_nanosecond();
        let Ok(time) = u64::try_from(epoch + i128::from(from.as_nanos())) else {
            return Ok(reader);
        };
        let at = reader.at;
        let index = Index::read(&mut reader.input, reader.length);
        let index = index.map_err(|cause| reader.failed(cause))?;
        let chunk = index.as_ref().and_then(|index| index.chunk_at(time));
        // A chunk before the present place was read already; without an index everything is read.
        let to = match chunk {
            Some(chunk) if chunk >= at => chunk,
            _ => at,
        };
        let sought = reader.input.seek(SeekFrom::Start(to));
        sought.map_err(|cause| reader.failed(cause))?;
        reader.at = to;
        if to > at {
            reader.queue.clear();
            reader.numbers.fill(None);
            reader.jumped = true;
            for channel in index.iter().flat_map(|index| &index.channels) {
                reader.learn(channel);
            }
        }
        Ok(reader)
    }

    /// The index of a finished recording.
    fn index(&mut self) -> Result<Option<Index>, Error> {
        let index = Index::read(&mut self.input, self.length)
            .and_then(|index| self.input.seek(SeekFrom::Start(self.at)).map(|_| index));
        index.map_err(|cause| self.failed(cause))
    }

    /// The digest of a finished recording, without reading all of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stated_digest(&mut self) -> Result<Option<String>, Error> {
        let index = self.index()?;
        Ok(index.and_then(|mut index| index.end.remove("digest")))
    }

    /// The virtual time that the session of a finished recording reached; `None` when it is not
    /// known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn until(&mut self) -> Result<Option<VirtualTime>, Error> {
        let index = self.index()?;
        let until = index.and_then(|index| index.end.get("until")?.parse().ok());
        Ok(until.map(VirtualTime::from_nanos))
    }

    /// The time of the last event; `None` when there is no event. Of a recording that was not
    /// finished, everything is read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_time(mut self) -> Result<Option<VirtualTime>, Error> {
        let epoch = self.header.epoch.instant().as_nanosecond();
        if let Some(last) = self
            .index()?
            .and_then(|index| Some(index.marks.last()?.last))
        {
            let nanos = u64::try_from(i128::from(last) - epoch).ok();
            return Ok(nanos.map(VirtualTime::from_nanos));
        }
        let mut last = None;
        for read in self {
            last = last.max(Some(read?.entry.time));
        }
        Ok(last)
    }

    /// The sources of a kind, such as the devices that sent something (`d2c`), in order. Of a
    /// recording that was not finished, everything is read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sources(mut self, kind: &str) -> Result<Vec<String>, Error> {
        let mut sources = BTreeSet::new();
        let index = self.index()?.filter(|index| {
            // Where sources share a channel, it is the messages that name them.
            let mut its = index.channels.iter();
            !its.any(|channel| {
                let fact = |name| channel.metadata.get(name).map(String::as_str);
                let shared = fact("form").and_then(format::form_of_channel);
                fact("kind") == Some(kind) && shared.is_some_and(|it| it.1)
            })
        });
        if let Some(index) = index {
            for channel in &index.channels {
                let fact = |name| channel.metadata.get(name);
                if let Some(source) =
                    fact("source").filter(|_| fact("kind").is_some_and(|it| it == kind))
                {
                    sources.insert(source.clone());
                }
            }
            return Ok(sources.into_iter().collect());
        }
        for read in self {
            let entry = read?.entry;
            if entry.kind == kind && !sources.contains(&*entry.source) {
                sources.insert(entry.source.to_string());
            }
        }
        Ok(sources.into_iter().collect())
    }

    /// What the recorder attached last under a name; `None` when there is no such thing, or the
    /// recording was not finished.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn attachment(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let at = self.at;
        let index = self.index()?;
        let Some(place) = index.and_then(|mut index| {
            let place = index.attachments.iter().position(|it| it.name == name)?;
            Some(index.attachments.swap_remove(place))
        }) else {
            return Ok(None);
        };
        let found = index::attachment(&mut self.input, self.length, &place)
            .and_then(|found| self.input.seek(SeekFrom::Start(at)).map(|_| found));
        found.map_err(|cause| self.failed(cause))
    }
}

impl<R: io::Read> Reader<R> {
    /// Reads a recording of `length` bytes from any input; `path` is for messages.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn new(mut input: R, length: u64, path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let not = |reason| Error::NotARecording {
            path: path.clone(),
            reason,
        };
        let empty = || Error::Empty {
            path: path.clone(),
            bytes: length,
        };
        let mut magic = [0; mcap::MAGIC.len()];
        let known = (length as usize).min(magic.len());
        input
            .read_exact(&mut magic[..known])
            .map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
        if magic[..known] != mcap::MAGIC[..known] {
            return Err(not("it does not start as an MCAP file does"));
        }
        if known < magic.len() {
            return Err(empty());
        }
        let mut reader = Self {
            input,
            path: path.clone(),
            length,
            at: known as u64,
            header: Header {
                bench: String::new(),
                seed: 0,
                epoch: Epoch::new(Timestamp::UNIX_EPOCH),
                producer: String::new(),
                bench_file: None,
                parent: None,
            },
            digest: None,
            channels: BTreeMap::new(),
            counters: BTreeMap::new(),
            numbers: Vec::new(),
            queue: VecDeque::new(),
            read: 0,
            from: VirtualTime::ZERO,
            jumped: false,
            loss: Loss::default(),
            done: false,
        };
        let Piece::Whole(op::HEADER, _) = reader.piece()? else {
            return Err(empty());
        };
        let Piece::Whole(opcode, body) = reader.piece()? else {
            return Err(empty());
        };
        let Ok(Record::Metadata(start)) = parse_record(opcode, &body) else {
            return Err(not("its first record is not Twinbench's"));
        };
        if start.name != format::START {
            return Err(not("its first record is not Twinbench's"));
        }
        reader.header = header_of(&start.metadata, &path)?;
        // The bench file and the first entries, so that the caller has the file at once.
        while reader.queue.is_empty() && !reader.done {
            reader.advance()?;
        }
        Ok(reader)
    }

    /// What the recording says about its bench.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The digest of the whole stream, as the recorder was given it. Known at the end of a
    /// finished recording.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What was lost so far; all of it once the iterator has ended.
    pub const fn loss(&self) -> &Loss {
        &self.loss
    }

    /// Entries without their wall times, as `first_difference` and `Digest` take them.
    pub fn entries(self) -> impl Iterator<Item = Result<Entry, Error>> {
        self.map(|read| read.map(|read| read.entry))
    }

    fn failed(&mut self, source: io::Error) -> Error {
        self.done = true;
        Error::Read {
            path: self.path.clone(),
            source,
        }
    }

    /// Reads the next record without trusting its length.
    fn piece(&mut self) -> Result<Piece, Error> {
        let left = self.length - self.at;
        let mut head = [0; 9];
        if left < head.len() as u64 {
            let mut rest = Vec::new();
            let read = self.input.by_ref().take(left).read_to_end(&mut rest);
            read.map_err(|error| self.failed(error))?;
            self.at = self.length;
            return Ok(if left == 0 {
                Piece::End
            } else {
                Piece::Cut(0, rest)
            });
        }
        self.input
            .read_exact(&mut head)
            .map_err(|error| self.failed(error))?;
        let [opcode, length @ ..] = head;
        let stated = u64::from_le_bytes(length);
        let left = left - head.len() as u64;
        let take = stated.min(left);
        let mut body = Vec::new();
        let read = self.input.by_ref().take(take).read_to_end(&mut body);
        let read = read.map_err(|error| self.failed(error))? as u64;
        self.at += head.len() as u64 + read;
        if read < stated {
            // The file may also have become shorter since it was measured.
            self.at = self.length;
            return Ok(Piece::Cut(opcode, body));
        }
        Ok(Piece::Whole(opcode, body))
    }

    /// Takes the next record.
    fn advance(&mut self) -> Result<(), Error> {
        match self.piece()? {
            Piece::Cut(opcode, body) => {
                self.loss.bytes += 9 + body.len() as u64;
                if opcode == op::CHUNK {
                    self.take(unpack(&body, true).records);
                }
                self.end(None);
            }
            Piece::Whole(op::CHUNK, body) => {
                let chunk = unpack(&body, false);
                if chunk.whole {
                    self.take(chunk.records);
                } else {
                    self.damaged(&body);
                }
            }
            Piece::Whole(op::ATTACHMENT, body) => match format::attachment_of(&body) {
                Some(attached) if attached.media_type != format::BENCH_MEDIA_TYPE => {}
                Some(attached) => match bench_file_of(&attached) {
                    Some(file) => self.header.bench_file = Some(file),
                    None => self.damaged(&body),
                },
                None => self.damaged(&body),
            },
            Piece::Whole(op::METADATA, body) => match parse_record(op::METADATA, &body) {
                Ok(Record::Metadata(end)) if end.name == format::END => {
                    self.digest = end.metadata.get("digest").cloned();
                    let entries = end.metadata.get("entries").and_then(|n| n.parse().ok());
                    self.end(entries);
                }
                Ok(_) => {}
                Err(_) => self.damaged(&body),
            },
            // A recorder that was dropped wrote the index but not its last word.
            Piece::End | Piece::Whole(op::DATA_END, _) => self.end(None),
            Piece::Whole(..) => {}
        }
        Ok(())
    }

    fn damaged(&mut self, body: &[u8]) {
        self.loss.damaged += 1;
        self.loss.bytes += 9 + body.len() as u64;
    }

    /// Ends the reading; a finished recording says how many entries it has.
    fn end(&mut self, entries: Option<u64>) {
        self.done = true;
        match entries {
            Some(_) if self.jumped => {}
            Some(entries) => self.loss.messages = entries.saturating_sub(self.read),
            None => self.loss.unfinished = true,
        }
    }

    /// Takes the records of a chunk.
    fn take(&mut self, records: Vec<(u8, Vec<u8>)>) {
        for (opcode, data) in records {
            match parse_record(opcode, &data) {
                Ok(Record::Channel(channel)) => self.learn(&channel),
                Ok(Record::Message { header, data }) => self.message(header, &data),
                _ => {}
            }
        }
    }

    fn learn(&mut self, channel: &mcap::records::Channel) {
        let fact = |name| channel.metadata.get(name).map(String::as_str);
        let known = || {
            let room = room_of_name(fact("room")?)?;
            let form = format::form_of_channel(fact("form")?)?;
            Some((room, form, fact("kind")?, fact("source")?))
        };
        let Some((room, (form, shared), kind, source)) = known() else {
            return;
        };
        let (kind, source) = (kind_of_name(kind), Arc::from(source));
        let counter = self.counter(kind.clone(), Arc::clone(&source));
        let channel_of = Channel {
            room,
            kind,
            source,
            form,
            counter,
            shared,
        };
        self.channels.insert(channel.id, channel_of);
    }

    /// Which of the numbers counts a kind and source.
    fn counter(&mut self, kind: Cow<'static, str>, source: Arc<str>) -> usize {
        *self.counters.entry((kind, source)).or_insert_with(|| {
            self.numbers.push(None);
            self.numbers.len() - 1
        })
    }

    fn message(&mut self, header: MessageHeader, data: &[u8]) {
        let epoch = self.header.epoch.instant().as_nanosecond();
        let time = u64::try_from(i128::from(header.log_time) - epoch);
        let wall = Timestamp::from_nanosecond(i128::from(header.publish_time));
        let (Some(channel), Ok(time), Ok(wall)) =
            (self.channels.get(&header.channel_id), time, wall)
        else {
            self.loss.damaged += 1;
            return;
        };
        let (room, kind, form) = (channel.room, channel.kind.clone(), channel.form);
        let (mut source, mut counter) = (Arc::clone(&channel.source), channel.counter);
        let mut data = data;
        if channel.shared {
            let Some((its, message)) = format::read_crowd_message(data) else {
                self.loss.damaged += 1;
                return;
            };
            source = its.as_ref().into();
            counter = self.counter(kind.clone(), Arc::clone(&source));
            data = message;
        }
        let Some(content) = format::read_message(form, data) else {
            self.loss.damaged += 1;
            return;
        };
        let Some(next) = self.numbers.get_mut(counter) else {
            return;
        };
        // The file has the lower half of the number; it never goes back.
        let expected = match *next {
            None if self.jumped => u64::from(header.sequence),
            expected => expected.unwrap_or(0),
        };
        let ahead = header.sequence.wrapping_sub(expected as u32);
        let sequence = expected.saturating_add(u64::from(ahead));
        self.loss.messages += u64::from(ahead);
        *next = Some(sequence.saturating_add(1));
        self.read += 1;
        self.queue.push_back(Read {
            wall,
            entry: Entry {
                time: VirtualTime::from_nanos(time),
                room,
                kind,
                source,
                sequence,
                content,
            },
        });
    }
}

impl<R: io::Read> Iterator for Reader<R> {
    type Item = Result<Read, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(read) = self.queue.pop_front() {
                if read.entry.time < self.from {
                    continue;
                }
                return Some(Ok(read));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.advance() {
                return Some(Err(error));
            }
        }
    }
}

/// A sentence for the user; empty losses say so too.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("complete");
        }
        if self.unfinished {
            f.write_str("not finished: what came after the last event is lost")?;
        } else {
            f.write_str("damaged")?;
        }
        if self.bytes > 0 {
            write!(f, ", {} bytes unreadable", self.bytes)?;
        }
        if self.messages > 0 {
            write!(f, ", {} messages missing", self.messages)?;
        }
        if self.damaged > 0 {
            write!(f, ", {} damaged places", self.damaged)?;
        }
        Ok(())
    }
}

fn header_of(facts: &BTreeMap<String, String>, path: &Path) -> Result<Header, Error> {
    let not = |reason| Error::NotARecording {
        path: path.to_owned(),
        reason,
    };
    let fact = |name| facts.get(name).map(String::as_str);
    let found = fact("format").unwrap_or_default();
    let version: Result<u32, _> = found.parse();
    if !version.is_ok_and(|version| (1..=format::FORMAT_VERSION).contains(&version)) {
        return Err(Error::Version {
            path: path.to_owned(),
            found: found.to_owned(),
        });
    }
    let seed = fact("seed").and_then(|seed| seed.parse().ok());
    let epoch = fact("epoch").and_then(|epoch| epoch.parse().ok());
    Ok(Header {
        bench: fact("bench").unwrap_or_default().to_owned(),
        seed: seed.ok_or_else(|| not("its seed is not a number"))?,
        epoch: Epoch::new(epoch.ok_or_else(|| not("its epoch is not an instant"))?),
        producer: fact("producer").unwrap_or_default().to_owned(),
        bench_file: None,
        parent: fact("parent").map(|recording| Parent {
            recording: recording.to_owned(),
            how: fact("parent_how").unwrap_or_default().to_owned(),
            at: VirtualTime::from_nanos(
                fact("parent_at")
                    .and_then(|at| at.parse().ok())
                    .unwrap_or_default(),
            ),
        }),
    })
}

/// The attachment of the bench file.
fn bench_file_of(attached: &format::Attached<'_>) -> Option<BenchFile> {
    Some(BenchFile {
        name: attached.name.to_owned(),
        text: std::str::from_utf8(attached.data).ok()?.to_owned(),
    })
}
