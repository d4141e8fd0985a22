//! `twinbench compare`: one bench on several backends, and where they part.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use twinbench_engine::store::Durability;
use twinbench_model::{VirtualDuration, VirtualTime};
use twinbench_recording::diff::{Diff, Options, Tolerances};

use super::{Failure, Format, renode::search};
use crate::{
    exit::Exit,
    file::{Backend, BenchFile, probe::VIRTUAL},
    replay::again::compare_files,
    report,
    session::{self, Session},
};

/// What backends differ in by their nature, so that it is no divergence: how far a bench's clock is
/// noted, and one line's notes of diagnosis.
const USUAL: [&str; 2] = ["clock/*=ignore", "note/*=ignore"];

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench compare fixtures/benches/journey.toml --backends emulator,renode --for 30s
  twinbench compare bench.toml --backends emulator,renode --tolerance 'uart/*=20ms' --tolerance 'd2c/*:temperature=0.5'
  twinbench compare bench.toml --backends emulator,out/bench-renode/3/session.mcap
  twinbench compare bench.toml --backends emulator,probe

A backend is `emulator`, `renode`, `probe` (a device's `probe`, or a virtual one), or a recording of the same
bench. The first is compared with each of
the others. Ends with 0 when nothing differs and with 6 when something does.")]
pub(crate) struct Args {
    /// The bench file.
    bench: PathBuf,
    /// On what its devices with firmware run: two or more, the first is what others are held to.
    #[arg(long, value_delimiter = ',', required = true, num_args = 1.., value_name = "BACKENDS")]
    backends: Vec<String>,
    /// How long to run, in virtual time.
    #[arg(long = "for", value_name = "TIME", default_value = "30s")]
    length: VirtualDuration,
    /// What may differ: CHANNEL[:FIELD]=VALUE, where the value is a number, a percentage, a time
    /// or `ignore`, and the channel may have `*`.
    #[arg(long = "tolerance", value_name = "RULE")]
    tolerances: Vec<String>,
    /// Common entries of the same device to show before a divergence.
    #[arg(long, value_name = "N", default_value_t = 3)]
    context: usize,
    /// Where runs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
}

/// What a bench is run on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum On {
    Backend(Backend, &'static str),
    Recording(PathBuf),
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let file = BenchFile::load(&args.bench)?;
    let all: Vec<On> = args
        .backends
        .iter()
        .map(|text| on(text))
        .collect::<Result<_, _>>()?;
    if all.len() < 2 {
        return Err(
            Failure::new(Exit::Usage, "one backend has nothing to be compared with")
                .help("say `--backends emulator,renode`"),
        );
    }
    if all.contains(&On::Backend(Backend::Renode, "renode")) {
        search(None).find()?;
    }
    let mut tolerances = Tolerances::default();
    for rule in USUAL
        .into_iter()
        .chain(args.tolerances.iter().map(String::as_str))
    {
        let added = tolerances.add(rule);
        added.map_err(|cause| Failure::new(Exit::Usage, format!("failed to {cause}")))?;
    }
    let options = Options {
        tolerances,
        context: args.context,
    };
    let text = fs::read_to_string(&args.bench).unwrap_or_default();
    let mut recordings = Vec::new();
    for it in &all {
        recordings.push(match it {
            On::Recording(path) => path.clone(),
            On::Backend(backend, name) => recorded(args, &text, &file, *backend, name)?,
        });
    }
    let mut exit = Exit::Pass;
    let end = VirtualTime::ZERO + args.length;
    for (name, other) in args.backends.iter().zip(&recordings).skip(1) {
        let diff = compare_files(&recordings[0], other, &options, Some(end))?;
        show(&diff, [&args.backends[0], name], format);
        if !diff.divergences.is_empty() {
            exit = Exit::Divergence;
        }
    }
    Ok(exit)
}

fn on(text: &str) -> Result<On, Failure> {
    match text {
        "emulator" => Ok(On::Backend(Backend::Emulator, "emulator")),
        "renode" => Ok(On::Backend(Backend::Renode, "renode")),
        "probe" => Ok(On::Backend(Backend::Probe, "probe")),
        path if Path::new(path).is_file() => Ok(On::Recording(path.into())),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("{text:?} is no backend that runs firmware"),
        )
        .help("backends: emulator, renode, probe, or the path of a recording of the same bench")),
    }
}

/// Runs the bench on a backend; gives the recording.
fn recorded(
    args: &Args,
    text: &str,
    file: &BenchFile,
    backend: Backend,
    name: &str,
) -> Result<PathBuf, Failure> {
    let mut file = file.clone();
    let mut some = false;
    for device in &mut file.device {
        if matches!(
            device.backend,
            Backend::Emulator | Backend::Renode | Backend::Probe
        ) {
            device.backend = backend;
            if device.probe.is_none() {
                device.probe = Some(toml::Spanned::new(0..0, VIRTUAL.to_owned()));
            }
            some = true;
        }
    }
    if !some {
        return Err(Failure::new(
            Exit::Nothing,
            format!("{} has no device with firmware", args.bench.display()),
        )
        .help("only those run on several backends"));
    }
    let out = session::new_run(&args.out, &format!("{}-{name}", file.name.get_ref()))?;
    eprintln!("{name}: {}", out.display());
    let options = session::Options {
        path: args.bench.clone(),
        text: text.to_owned(),
        out: out.clone(),
        data: out.join("data"),
        resume: false,
        threads: 0,
        commit_every: session::COMMIT_EVERY,
        durability: Durability::Relaxed,
        require_recording: true,
        parent: None,
    };
    let mut session = Session::open(file, &options)?;
    let end = session.now() + args.length;
    session.run_until(end)?;
    report::finish(session, &out)?;
    Ok(out.join("session.mcap"))
}

fn show(diff: &Diff, names: [&String; 2], format: Format) {
    match format {
        Format::Json => println!("{}", json!({"backends": names, "diff": diff})),
        Format::Human if diff.divergences.is_empty() => {
            println!("{} and {}: nothing differs", names[0], names[1]);
        }
        Format::Human => println!("left: {}, right: {}\n{diff}", names[0], names[1]),
    }
}
