//! `twinbench replay`.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use twinbench_model::VirtualDuration;
use twinbench_recording::{Reader, diff};

use super::{Failure, Format, diff::show, progress::Progress, run::stop_on_signal};
use crate::{
    exit::Exit,
    file::BenchFile,
    replay::{
        self, Plan, again, bench,
        moment::moment,
        plan::Mapping,
        through::{roles, through},
    },
    report,
    serve::Pace,
    session::{self, Session},
};

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench replay out/journey/latest/session.mcap
  twinbench replay field.mcap --bench lab.toml --map 'board-7=devkit-01'
  twinbench replay field.mcap --speed 10 --from 04:10 --to 06:00
  twinbench replay field.mcap --as 1000 --phase 10s
  twinbench replay out/journey/latest/session.mcap --re-execute --bench fixtures/benches/journey.toml

Without --re-execute the recorded messages of devices go through hub and functions again. With it
the firmware runs again with the recorded inputs, and what it does is compared: the command then
ends with 6 when something differs.")]
pub(crate) struct Args {
    /// The recording.
    recording: PathBuf,
    /// How fast: `fast`, or how many times real time.
    #[arg(long, value_name = "FACTOR", default_value = "fast")]
    speed: String,
    /// From this time of the recording on: `4m10s`, `04:10`, or an instant.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to this time of the recording.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// How often, one after the other.
    #[arg(long = "loop", value_name = "N", default_value_t = 1)]
    loops: u32,
    /// Only devices of this name; `*` stands for any text.
    #[arg(long = "device", value_name = "PATTERN")]
    devices: Vec<String>,
    /// Let a device be another: OLD=NEW, or '*=lab-{id}' for all others.
    #[arg(long = "map", value_name = "OLD=NEW")]
    ids: Vec<String>,
    /// Play the recording as so many devices, each one of the recording's, in turn.
    #[arg(long = "as", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    copies: Option<u32>,
    /// The last of these devices is so much later than the first; the others lie between.
    #[arg(long, value_name = "TIME", requires = "copies", default_value = "0s")]
    phase: VirtualDuration,
    /// Run the firmware again with the recorded inputs and compare what it does.
    #[arg(long, conflicts_with_all = ["from", "to", "loops", "devices", "ids", "copies", "speed"])]
    re_execute: bool,
    /// The bench file, instead of the one in the recording; --re-execute finds firmware beside it.
    #[arg(long, value_name = "FILE")]
    bench: Option<PathBuf>,
    /// Where runs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
    /// Threads that run machines (0: one per core). The result does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    if args.re_execute {
        return re_execute(args, format);
    }
    let reader = Reader::open(&args.recording)?;
    let header = reader.header().clone();
    drop(reader);
    let at = |text: &Option<String>| {
        let read = |text: &String| moment(text, header.epoch).map_err(usage);
        text.as_ref().map(read).transpose()
    };
    let mut ids = Mapping::default();
    for text in &args.ids {
        ids.add(text)?;
    }
    let plan = Plan {
        from: at(&args.from)?.unwrap_or_default(),
        to: at(&args.to)?,
        loops: args.loops,
        devices: args.devices.clone(),
        ids,
        copies: args.copies,
        phase: args.phase,
    };
    let factor = match args.speed.as_str() {
        "fast" => None,
        text => {
            let text = text.trim_start_matches(['x', '×']);
            let factor = text.parse::<f64>().ok();
            let factor = factor.filter(|it| it.is_finite() && *it > 0.0);
            Some(factor.ok_or_else(|| {
                usage(format!("--speed {text} is no factor"))
                    .help("try `--speed 10` or `--speed fast`")
            })?)
        }
    };
    let roles = roles(&args.recording, &plan)?;
    let given = args.bench.as_deref().map(BenchFile::load).transpose()?;
    let file = bench::for_roles(given, &header, &roles)?;
    let name = format!("{}-replay", file.name.get_ref());
    let out = session::new_run(&args.out, &name)?;
    let path = args.bench.clone().or_else(|| {
        let file = header.bench_file.as_ref()?;
        Some(PathBuf::from(&file.name))
    });
    let path = path.unwrap_or_default();
    let parent = again::parent(&args.recording, "replay", plan.from);
    let mut options = again::options(&header, &path, &out, args.threads, Some(parent));
    options.require_recording = false;
    let mut session = Session::open(file, &options)?;

    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(&stop)?;
    let last = Reader::open(&args.recording)?.last_time()?;
    let mut progress = Progress::new(format, last);
    let pace = factor.map(|factor| Pace::realtime(plan.from, factor));
    let played = through(&mut session, &args.recording, &plan, |session, time| {
        while let Some(wait) = pace.map(|pace| pace.wall_until(time)) {
            if wait.is_zero() || stop.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(wait.min(Duration::from_millis(50)));
        }
        if progress.due() {
            progress.show(&session.stats());
        }
        !stop.load(Ordering::Relaxed)
    })?;
    progress.finish();
    let report = report::finish(session, &out)?;
    match format {
        Format::Human => {
            println!("{}", report.summary());
            println!(
                "replayed {} messages of {}",
                played.messages,
                args.recording.display()
            );
        }
        Format::Json => println!("{}", report.json()),
    }
    Ok(if played.messages == 0 {
        Exit::Nothing
    } else {
        Exit::Pass
    })
}

fn re_execute(args: &Args, format: Format) -> Result<Exit, Failure> {
    let header = Reader::open(&args.recording)?.header().clone();
    let bench = bench_path(args.bench.as_deref(), &args.recording, &header)?;
    let name = format!("{}-again", header.bench);
    let out = session::new_run(&args.out, &name)?;
    let mut progress = Progress::new(format, None);
    let compare = diff::Options {
        context: 3,
        ..diff::Options::default()
    };
    let again = replay::run_again(
        &args.recording,
        &bench,
        &out,
        args.threads,
        &compare,
        |session| {
            if progress.due() {
                progress.show(&session.stats());
            }
        },
    )?;
    progress.finish();
    if !again.lost.is_empty() {
        eprintln!(
            "the recording has inputs that are not given again: {}",
            again.lost.join(", ")
        );
    }
    match format {
        Format::Human => {
            println!(
                "executed again up to {} with {} inputs, kept in {}",
                again.until,
                again.inputs,
                out.display()
            );
        }
        Format::Json => println!(
            "{}",
            json!({"reExecuted": {"until": again.until, "inputs": again.inputs, "notGiven": again.lost, "digest": again.kept.digest, "folder": out}})
        ),
    }
    show(
        &again.diff,
        [&args.recording, &again.kept.recording],
        None,
        format,
    )
}

/// The bench file of a recording: as given, or where it was kept: its folder is where firmware is.
pub(super) fn bench_path(
    given: Option<&Path>,
    recording: &Path,
    header: &twinbench_recording::Header,
) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let name = header.bench_file.as_ref().map(|file| file.name.clone());
    let name = name.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("{} has no bench file in it", recording.display()),
        )
        .help("it was not made by a bench, so there is nothing to execute; replay it without --re-execute")
    })?;
    let beside = recording.parent().unwrap_or(Path::new("")).join(&name);
    let places = [
        beside,
        PathBuf::from(&name),
        Path::new("fixtures/benches").join(&name),
    ];
    let found = places.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| {
        Failure::new(Exit::Setup, format!("bench file {name} is not here"))
            .help("give its path with --bench: firmware is found beside it")
    })
}

pub(super) fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}
