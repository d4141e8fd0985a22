//! `twinbench import`.

use std::path::PathBuf;

use jiff::SignedDuration;
use twinbench_model::VirtualDuration;
use twinbench_recording::import::{self, Form, Hints, ImportError};

use super::{Failure, Format};
use crate::exit::Exit;

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  az iot hub monitor-events -n HUB --properties all > events.txt
  twinbench import events.txt -o field.mcap
  twinbench import capture.avro -o field.mcap
  twinbench import readings.csv --device boiler-7 -o field.mcap
  twinbench replay field.mcap

Takes CSV with a header (device, time, and a body or one column a field), JSON lines, what
`az iot hub monitor-events` prints, what is copied from Azure IoT Explorer, Event Hubs Capture, and
what `twinbench export` writes.")]
pub(crate) struct Args {
    /// The file.
    file: PathBuf,
    /// The recording to make.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The form; told from the file unless given.
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: Option<Told>,
    /// The device of messages that name none.
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// How far apart messages are that have no time.
    #[arg(long, value_name = "TIME")]
    every: Option<VirtualDuration>,
}

/// The form of a file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Told {
    /// A table with a header.
    Csv,
    /// JSON objects, with anything between them.
    Json,
    /// An Avro container.
    Avro,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let hints = Hints {
        form: args.form.map(|form| match form {
            Told::Csv => Form::Csv,
            Told::Json => Form::Json,
            Told::Avro => Form::Avro,
        }),
        device: args.device.clone(),
        every: args.every.map(|every| {
            SignedDuration::from_nanos(i64::try_from(every.as_nanos()).unwrap_or(i64::MAX))
        }),
    };
    let failed = |cause: ImportError| match cause {
        ImportError::Recording(cause) => cause.into(),
        ImportError::Read { .. } => Failure::new(Exit::Setup, format!("failed to {cause}")),
        ImportError::Nothing { .. } => Failure::new(Exit::Nothing, cause.to_string()),
        other => Failure::new(Exit::Usage, other.to_string()),
    };
    let messages = import::read(&args.file, &hints).map_err(failed)?;
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let producer = format!("twinbench {}", env!("CARGO_PKG_VERSION"));
    let finished = import::write(&messages, &stem, &producer, &args.output).map_err(failed)?;
    let devices: std::collections::BTreeSet<&str> =
        messages.iter().map(|it| it.device.as_str()).collect();
    match format {
        Format::Human => println!(
            "{} messages of {} devices in {}; replay them with `twinbench replay {}`",
            finished.entries,
            devices.len(),
            finished.path.display(),
            finished.path.display(),
        ),
        Format::Json => println!(
            "{}",
            serde_json::json!({"imported": {"messages": finished.entries, "devices": devices, "file": finished.path}})
        ),
    }
    Ok(Exit::Pass)
}
