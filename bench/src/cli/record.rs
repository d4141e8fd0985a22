//! `twinbench record`.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use twinbench_model::VirtualDuration;
use twinbench_recording::{Digest, Options, Parent, Reader, Recorder};

use super::{Failure, Format, replay::usage, run::stop_on_signal};
use crate::{exit::Exit, serve::key};

/// How long to wait when there is nothing new.
const WAIT: Duration = Duration::from_millis(100);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench record 127.0.0.1:7878 --data out/journey/latest/data -o field.mcap
  twinbench record 7878 --key KEY --for 5m -o five-minutes.mcap
  twinbench record 7878 --key KEY --all -o whole.mcap

Ends with Ctrl-C, after --for, or when the bench ends.")]
pub(crate) struct Args {
    /// The address of a bench's API, or its port on this machine.
    address: String,
    /// The recording to make.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The key of the API; `twinbench key` shows it.
    #[arg(long, value_name = "KEY", required_unless_present = "data")]
    key: Option<String>,
    /// The bench's data folder, which has the key.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// How long, on the wall clock.
    #[arg(long = "for", value_name = "TIME")]
    length: Option<VirtualDuration>,
    /// Also what happened before now, since the bench was started.
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let key = match (&args.key, &args.data) {
        (Some(key), _) => key.clone(),
        (None, data) => key::read(data.as_deref().unwrap_or(Path::new("")))
            .map_err(|cause| Failure::new(Exit::Setup, format!("there is no key: {cause}")))?,
    };
    let address = if args.address.parse::<u16>().is_ok() {
        format!("127.0.0.1:{}", args.address)
    } else {
        args.address
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned()
    };
    if args.output.exists() {
        return Err(
            usage(format!("{} already exists", args.output.display())).help("choose another name")
        );
    }
    let begun = Timestamp::now();
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(&stop)?;
    let raw = args.output.with_extension("stream");
    let copied = copy(args, &address, &key, &raw, &stop);
    // What was copied before an error is kept.
    let kept = copied.and_then(|()| keep(args, &raw, begun, &address));
    let _ = fs::remove_file(&raw);
    let finished = kept?;
    match format {
        Format::Human => println!("{} events in {}", finished.entries, finished.path.display()),
        Format::Json => println!(
            "{}",
            serde_json::json!({"recorded": {"events": finished.entries, "file": finished.path}})
        ),
    }
    Ok(Exit::Pass)
}

/// Copies the session's recording as it grows.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a person wants to record is wall time"
)]
fn copy(
    args: &Args,
    address: &str,
    key: &str,
    raw: &Path,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let unwritten = |cause: io::Error| {
        Failure::new(
            Exit::Setup,
            format!("{} cannot be written: {cause}", raw.display()),
        )
    };
    let mut file = File::create(raw).map_err(unwritten)?;
    let started = Instant::now();
    let mut from = 0u64;
    loop {
        let over = stop.load(Ordering::Relaxed)
            || args.length.is_some_and(|length| {
                started.elapsed().as_nanos() >= u128::from(length.as_nanos())
            });
        let (status, finished, bytes) = match part(address, key, from) {
            Ok(answer) => answer,
            // A bench that ends takes its API with it.
            Err(_) if from > 0 => return Ok(()),
            Err(cause) => {
                return Err(Failure::new(
                    Exit::Setup,
                    format!("no bench answers at {address}: {cause}"),
                )
                .help("start one with `twinbench serve BENCH`, which prints its address and key"));
            }
        };
        if status != 200 {
            let failure = Failure::new(
                Exit::Setup,
                format!(
                    "the bench at {address} answers {status}: {}",
                    String::from_utf8_lossy(&bytes)
                ),
            );
            return Err(failure.help("`twinbench key` shows the key of a data folder"));
        }
        file.write_all(&bytes).map_err(unwritten)?;
        from += bytes.len() as u64;
        if bytes.is_empty() {
            if over || finished {
                return Ok(());
            }
            std::thread::sleep(WAIT);
        }
    }
}

/// One request: the status, whether the recording is finished, and the bytes.
fn part(address: &str, key: &str, from: u64) -> io::Result<(u16, bool, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /bench/recording?from={from} HTTP/1.1\r\nHost: {address}\r\nx-functions-key: {key}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("it speaks no HTTP"))?;
    let (mut finished, mut length) = (false, None);
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("x-recording", state) => finished = state == "finished",
            ("content-length", text) => length = text.parse::<u64>().ok(),
            _ => {}
        }
    }
    let mut bytes = Vec::new();
    match length {
        Some(length) => {
            answer.take(length).read_to_end(&mut bytes)?;
            if bytes.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        None => {
            answer.read_to_end(&mut bytes)?;
        }
    }
    Ok((status, finished, bytes))
}

/// Makes a finished recording of what was copied.
fn keep(
    args: &Args,
    raw: &Path,
    begun: Timestamp,
    address: &str,
) -> Result<twinbench_recording::Finished, Failure> {
    let mut reader = Reader::open(raw)?;
    let mut header = reader.header().clone();
    let mut entries = reader
        .by_ref()
        .filter(|read| args.all || read.as_ref().map_or(true, |read| read.wall >= begun))
        .peekable();
    let at = match entries.peek() {
        Some(Ok(read)) => read.entry.time,
        _ => twinbench_model::VirtualTime::ZERO,
    };
    header.parent = Some(Parent {
        recording: format!("http://{address}"),
        how: "attached".to_owned(),
        at,
    });
    let mut recorder = Recorder::create(&args.output, &header, Options::default())?;
    let mut digest = Digest::new();
    let mut numbers = std::collections::BTreeMap::new();
    for read in entries {
        let mut read = read?;
        // Numbers begin where this recording begins.
        let next = numbers.entry(read.entry.channel()).or_insert(0u64);
        read.entry.sequence = *next;
        *next += 1;
        digest.update(&read.entry);
        recorder.record(&read.entry, read.wall)?;
    }
    Ok(recorder.finish(&digest.hex())?)
}
