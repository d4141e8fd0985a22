//! `twinbench export`.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::PathBuf,
};

use twinbench_recording::{
    Filter, Reader,
    export::{Exporter, Form},
};

use super::{Failure, Format, recorded::note_losses, replay::usage};
use crate::{exit::Exit, replay::moment::moment};

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench export session.mcap --kind d2c --field body.temperature -o readings.csv
  twinbench export session.mcap --device 'devkit-*' --from 04:10 --to 06:00 -o part.jsonl
  twinbench export session.mcap -o all.parquet
  twinbench export session.mcap --kind uart --to-stdout csv

SAS signatures are redacted.")]
pub(crate) struct Args {
    /// The recording.
    recording: PathBuf,
    /// The file to write; its ending says how: .csv, .jsonl or .parquet.
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "to_stdout"
    )]
    output: Option<PathBuf>,
    /// Write to the standard output in this form instead.
    #[arg(long, value_name = "FORM", value_parser = ["csv", "jsonl"], conflicts_with = "output")]
    to_stdout: Option<String>,
    /// Only this kind of channel: d2c, uart, entity, workflow, …
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only channels of this name; `*` stands for any text: 'uart/*'.
    #[arg(long = "channel", value_name = "PATTERN")]
    channels: Vec<String>,
    /// Only devices of this name; `*` stands for any text.
    #[arg(long = "device", value_name = "PATTERN")]
    devices: Vec<String>,
    /// From this time on: `4m10s`, `04:10`, or an instant.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Give this value of the content a column of its own: body.temperature.
    #[arg(long = "field", value_name = "PATH")]
    fields: Vec<String>,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let header = Reader::open(&args.recording)?.header().clone();
    let at = |text: &Option<String>| {
        let read = |text: &String| moment(text, header.epoch).map_err(usage);
        text.as_ref().map(read).transpose()
    };
    let kinds = args.kinds.iter().map(|kind| format!("{kind}/*"));
    let filter = Filter {
        channels: kinds.chain(args.channels.iter().cloned()).collect(),
        devices: args.devices.clone(),
        from: at(&args.from)?.unwrap_or_default(),
        to: at(&args.to)?,
    };
    let reader = Reader::open_at(&args.recording, filter.from)?;
    let rows = match (&args.output, args.to_stdout.as_deref()) {
        (Some(path), _) => {
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            let form = Form::of_extension(&extension).ok_or_else(|| {
                usage(format!("{} has no form that is known", path.display()))
                    .help("let its name end in .csv, .jsonl or .parquet")
            })?;
            let file = File::create(path).map_err(|cause| {
                Failure::new(
                    Exit::Setup,
                    format!("{} cannot be written: {cause}", path.display()),
                )
            })?;
            write(reader, BufWriter::new(file), form, &filter, args)?
        }
        (None, form) => {
            let form = if form == Some("csv") {
                Form::Csv
            } else {
                Form::JsonLines
            };
            write(reader, BufWriter::new(Pipe::default()), form, &filter, args)?
        }
    };
    note_losses([&args.recording])?;
    if let Some(path) = &args.output {
        match format {
            Format::Human => eprintln!("{rows} rows in {}", path.display()),
            Format::Json => println!(
                "{}",
                serde_json::json!({"exported": {"rows": rows, "file": path}})
            ),
        }
    } else if io::stdout().is_terminal() {
        eprintln!("{rows} rows");
    }
    Ok(if rows == 0 { Exit::Nothing } else { Exit::Pass })
}

/// The standard output, whose reader may have had enough, as `head` has.
#[derive(Default)]
struct Pipe {
    closed: bool,
}

impl Pipe {
    fn unless_closed<T>(&mut self, done: io::Result<T>, instead: T) -> io::Result<T> {
        match done {
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(instead)
            }
            done => done,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let done = io::stdout().write(bytes);
        self.unless_closed(done, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let done = io::stdout().flush();
        self.unless_closed(done, ())
    }
}

fn write(
    reader: Reader,
    out: impl Write + Send,
    form: Form,
    filter: &Filter,
    args: &Args,
) -> Result<u64, Failure> {
    let failed = |cause: twinbench_recording::export::ExportError| {
        Failure::new(Exit::Setup, format!("failed to {cause}"))
    };
    let epoch = reader.header().epoch;
    let mut exporter = Exporter::new(out, form, epoch, args.fields.clone()).map_err(failed)?;
    for read in reader {
        let entry = read?.entry;
        if filter.is_over(entry.time) {
            break;
        }
        if filter.takes(&entry) {
            exporter.write(&entry).map_err(failed)?;
        }
    }
    exporter.finish().map_err(failed)
}
