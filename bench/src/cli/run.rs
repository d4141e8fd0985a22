//! `twinbench run` and `twinbench serve`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use twinbench_engine::store::Durability;
use twinbench_model::VirtualDuration;
use twinbench_recording::{Parent, Reader};

use super::{Failure, Format, progress::Progress, replay::bench_path};
use crate::{
    exit::Exit,
    file::BenchFile,
    replay::{self, moment::moment},
    report,
    serve::{self, Pace},
    session::{self, Session},
};

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench run fixtures/benches/journey.toml --for 10m
  twinbench run fixtures/benches/journey.toml --for 10m --serve
  twinbench run fixtures/benches/journey.toml --for 1h --data ./state
  twinbench run fixtures/benches/journey.toml --for 1h --data ./state --resume
  twinbench run --session out/journey/latest/session.mcap --from 04:10 --for 5m")]
pub(crate) struct Args {
    /// The bench file; with --session it is only needed where firmware is not found without.
    #[arg(required_unless_present = "session")]
    bench: Option<PathBuf>,
    /// Go on from a moment of this recording another way: it is executed again up to there, and
    /// the run is a branch with a recording of its own.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "seed"])]
    session: Option<PathBuf>,
    /// The moment: `4m10s`, `04:10`, or an instant.
    #[arg(long, value_name = "TIME", requires = "session")]
    from: Option<String>,
    /// How long to run, in virtual time, as fast as the work allows: `90s`, `10m`, `2h`.
    #[arg(long = "for", value_name = "TIME")]
    length: Option<VirtualDuration>,
    /// Then keep running at real time and serve the API, the page and the hub's ports.
    #[arg(long)]
    serve: bool,
    /// The API's port on loopback; 0 takes any free one. Default: the bench file's, or 7878.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    hub: super::hub_ports::HubPorts,
    /// Open this port on loopback to Durable Task clients and workers; 0 takes any free one.
    /// Default: the bench file's, if its `[durable_task]` says `listen = true`. A run with `--for`
    /// begins when a worker has come, and its time stands while workers have work.
    #[arg(long, value_name = "PORT")]
    durable_task_port: Option<u16>,
    /// How many times faster than real time to serve.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    /// Where runs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
    /// Keep the durable state in this folder instead of the run's own.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Go on from the durable state in `--data`.
    #[arg(long, requires = "data")]
    resume: bool,
    /// What a commit waits for: the disk, or only the system, which is for runs to throw away.
    #[arg(long, value_enum, default_value_t = Waits::Strict)]
    durability: Waits,
    /// End the run when its recording cannot be written, such as on a full disk, instead of going
    /// on without it.
    #[arg(long)]
    require_recording: bool,
    /// Use this seed instead of the bench file's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads that run machines (0: one per core). The result does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// The folder of the built page (`cargo xtask ui` makes it).
    #[arg(long, value_name = "FOLDER", default_value = "ui/dist")]
    page: PathBuf,
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Waits {
    /// The disk: what was acknowledged survives a power cut.
    Strict,
    /// The system: a power cut may take the last moments.
    Relaxed,
}

impl From<Waits> for Durability {
    fn from(waits: Waits) -> Self {
        match waits {
            Waits::Strict => Self::Strict,
            Waits::Relaxed => Self::Relaxed,
        }
    }
}

impl Args {
    /// The same, and serve.
    pub(crate) fn serving(self) -> Self {
        Self {
            serve: true,
            ..self
        }
    }
}

/// Removes recordings that the bench file does not want to keep any longer.
#[expect(
    clippy::disallowed_methods,
    reason = "files have their age by the wall clock"
)]
fn tidy(out: &Path, file: &BenchFile, format: Format) {
    let now = std::time::SystemTime::now();
    for gone in session::remove_old_recordings(out, file.name.get_ref(), &file.recording, now) {
        match format {
            Format::Human => eprintln!("removed {}, {} bytes", gone.file.display(), gone.bytes),
            Format::Json => {
                let told = serde_json::json!({"removed": {"file": gone.file, "bytes": gone.bytes}});
                println!("{told}");
            }
        }
    }
}

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let branch = args
        .session
        .as_ref()
        .map(|session| Branch::of(session, args.bench.as_deref(), args.from.as_deref()))
        .transpose()?;
    let (path, text, mut file) = if let Some(branch) = &branch {
        (
            branch.path.clone(),
            branch.text.clone(),
            branch.file.clone(),
        )
    } else {
        let path = args.bench.clone().unwrap_or_default();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let file = BenchFile::load(&path)?;
        (path, text, file)
    };
    if let Some(seed) = args.seed {
        file.seed = seed;
    }
    if file.device.is_empty() {
        return Err(
            Failure::new(Exit::Nothing, format!("{} has no devices", path.display()))
                .help("add a [[device]] table; fixtures/benches/journey.toml is an example"),
        );
    }
    if args.length.is_none() && !args.serve {
        return Err(Failure::new(Exit::Usage, "how long should it run?").help(
            "say `--for 10m` (virtual time), or `--serve` to run at real time until Ctrl-C",
        ));
    }
    if !(args.speed.is_finite() && args.speed > 0.0) {
        return Err(Failure::new(
            Exit::Usage,
            format!("--speed {} is not a factor", args.speed),
        )
        .help("try `--speed 10`"));
    }
    tidy(&args.out, &file, format);
    let out = session::new_run(&args.out, file.name.get_ref())?;
    let data = args.data.clone().unwrap_or_else(|| out.join("data"));
    let options = session::Options {
        path: path.clone(),
        text,
        out: out.clone(),
        data: data.clone(),
        resume: args.resume,
        threads: args.threads,
        commit_every: if args.serve && args.length.is_none() {
            1
        } else {
            session::COMMIT_EVERY
        },
        durability: args.durability.into(),
        require_recording: args.require_recording,
        parent: branch.as_ref().map(|branch| branch.parent.clone()),
    };
    let api = args.port.unwrap_or(file.api.port);
    // Programs live on the wall clock and come in by the hub's ports.
    let programs = file.starts_programs();
    let listen = args.serve || file.hub.listen || args.hub.wanted() || programs;
    file.certificates = Some(args.hub.certificates(&data));
    let (ports, plain) = args.hub.over(&file.hub);
    file.durable_task.listen |= args.durable_task_port.is_some();
    let durable_task = file
        .durable_task
        .listen
        .then_some(args.durable_task_port.unwrap_or(file.durable_task.port));
    let mut session = Session::open(file, &options)?;

    let stop = Arc::new(AtomicBool::new(false));
    if let Some(branch) = &branch {
        replay::timeline::catch_up(&mut session, &branch.inputs, branch.parent.at)?;
    }
    let end = args.length.map(|length| session.now() + length);
    // Ports are taken before the work begins: a busy one must not cost a finished run.
    let mut server = if listen || durable_task.is_some() {
        let certificates = args.hub.certificates(&data);
        let doors = serve::Doors {
            api: args.serve.then_some(api),
            hub: listen.then_some(serve::HubDoors {
                ports: &ports,
                plain,
                certificates: &certificates,
                bench: &path,
                session: &session,
            }),
            durable_task,
            epoch: session.epoch(),
            data: &data,
            page: &args.page,
        };
        let server = serve::open(doors)?;
        session.listens(server.hub().map(|hub| serde_json::json!(hub)));
        announce(&server, &session, &data, format);
        Some(server)
    } else {
        None
    };
    if args.durability == Waits::Relaxed {
        eprintln!(
            "durability is relaxed: a power cut may take the last moments of {}",
            data.display()
        );
    }
    let mut progress = Progress::new(format, end);
    stop_on_signal(&stop)?;
    if let (Some(_), Some(server)) = (end, &mut server) {
        server.wait_for_a_worker(&mut session, &stop)?;
        server.wait_for_workers(&mut session, &stop)?;
    }
    if let Some(end) = end
        && !programs
    {
        while session.now() < end && !stop.load(Ordering::Relaxed) {
            session.step(session.next_step(end))?;
            if let Some(server) = &mut server {
                server.serve_waiting(&mut session)?;
                server.wait_for_workers(&mut session, &stop)?;
            }
            if progress.due() {
                progress.show(&session.stats());
            }
        }
        session.commit()?;
        progress.show(&session.stats());
    }
    let goes_on = (args.serve || programs) && !stop.load(Ordering::Relaxed);
    if let Some(mut server) = server.filter(|_| goes_on) {
        if end.is_some() {
            report::write(&session, &out)?;
        }
        let pace = Pace::realtime(session.now(), args.speed);
        let end = end.filter(|_| !args.serve);
        server.run(&mut session, pace, &stop, |stats| {
            if progress.due() {
                progress.show(&stats);
            }
            if end.is_some_and(|end| stats.now >= end) {
                stop.store(true, Ordering::Relaxed);
            }
        })?;
    }
    progress.finish();
    let exit = if session.halted().is_empty() {
        Exit::Pass
    } else {
        Exit::Failed
    };
    let report = report::finish(session, &out)?;
    match format {
        Format::Human => println!("{}", report.summary()),
        Format::Json => println!("{}", report.json()),
    }
    Ok(exit)
}

fn announce(server: &serve::Server, session: &Session, data: &Path, format: Format) {
    match format {
        Format::Human => {
            if let Some(address) = server.api {
                eprintln!("the page:    http://{address}/#code={}", server.key);
                eprintln!(
                    "the devices: curl -H 'x-functions-key: {}' 'http://{address}/api/devices?name='",
                    server.key
                );
                eprintln!(
                    "the key is kept in {}; `twinbench key` shows it again",
                    data.display()
                );
            }
            if let Some(addresses) = server.hub() {
                eprint!("{}", super::hub_ports::shown(addresses, session.file()));
            }
            if let Some(address) = server.durable_task {
                eprintln!("Durable Task on {address} (gRPC), task hub default, loopback only");
            }
        }
        Format::Json => println!(
            "{}",
            serde_json::json!({"serving": {"api": server.api, "hub": server.hub(), "durableTask": server.durable_task, "data": data}})
        ),
    }
}

/// A moment of a recording to go on from.
struct Branch {
    path: PathBuf,
    text: String,
    file: BenchFile,
    inputs: Vec<replay::inputs::Input>,
    parent: Parent,
}

impl Branch {
    fn of(recording: &Path, bench: Option<&Path>, from: Option<&str>) -> Result<Self, Failure> {
        let mut reader = Reader::open(recording)?;
        let header = reader.header().clone();
        let at = match from {
            Some(text) => {
                moment(text, header.epoch).map_err(|message| Failure::new(Exit::Usage, message))?
            }
            None => match reader.until()? {
                Some(until) => until,
                None => Reader::open(recording)?.last_time()?.unwrap_or_default(),
            },
        };
        let file = replay::bench::recorded(&header)?;
        let (mut inputs, lost) = replay::inputs::inputs(reader, &file)?;
        if !lost.is_empty() {
            eprintln!(
                "the recording has inputs that are not given again: {}",
                lost.join(", ")
            );
        }
        inputs.retain(|input| input.time <= at);
        Ok(Self {
            path: bench_path(bench, recording, &header)?,
            text: header.bench_file.map(|file| file.text).unwrap_or_default(),
            file,
            inputs,
            parent: replay::again::parent(recording, "branch", at),
        })
    }
}

/// Ctrl-C and a polite kill end the run as its end would: committed, recording closed.
pub(super) fn stop_on_signal(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let flag = Arc::clone(stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|cause| Failure::new(Exit::Internal, format!("signals cannot be caught: {cause}")))
}
