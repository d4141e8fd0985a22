//! `twinbench worker`: the mirrored application's functions, for a Durable Task endpoint elsewhere.
//!
//! That is how one who outgrows a machine moves on: state and history are the endpoint's, what runs
//! is the same.

use std::{fs, path::PathBuf, time::Duration};

use twinbench_durabletask::{WorkError, WorkerOptions, work};
use twinbench_engine::Functions;
use twinbench_model::{Event, Payload};
use twinbench_serverless::{Application, Options};

use super::{Failure, Format};
use crate::exit::Exit;

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  twinbench worker --endpoint http://127.0.0.1:8080
  twinbench worker --endpoint https://scheduler.example --taskhub plant-1 --token-file token.txt")]
pub(crate) struct Args {
    /// The endpoint: `http://host:port`, `https://host:port`, or `host:port`, which is plain.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    endpoint: String,
    /// The task hub.
    #[arg(long, value_name = "NAME", default_value = "default")]
    taskhub: String,
    /// A file that holds the bearer token which the endpoint asks for.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How many orchestrations, entities and activities at once, each.
    #[arg(long, value_name = "N", default_value_t = 100)]
    concurrency: u16,
    /// Take flat telemetry as it is instead of giving it the application's form.
    #[arg(long)]
    no_adapter: bool,
}

/// How often what the connectors were given is printed.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &Args, format: Format) -> Result<Exit, Failure> {
    let token = match &args.token_file {
        None => None,
        Some(file) => Some(
            fs::read_to_string(file)
                .map_err(|cause| Failure::new(Exit::Setup, format!("{}: {cause}", file.display())))?
                .trim()
                .to_owned(),
        ),
    };
    let options = WorkerOptions {
        token,
        orchestrations: args.concurrency,
        entities: args.concurrency,
        activities: args.concurrency,
        ..WorkerOptions::new(&args.endpoint, &args.taskhub)
    };
    let mut application = Application::new(Options {
        adapter: !args.no_adapter,
        ..Options::new(options.epoch)
    });
    let functions = application.functions(Functions::new());
    if format == Format::Human {
        eprintln!(
            "working for {}, task hub {}: {}; Ctrl-C ends it",
            args.endpoint,
            args.taskhub,
            functions
                .orchestration_names()
                .chain(functions.entity_names())
                .chain(functions.activity_names())
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::new(Exit::Internal, format!("threads: {cause}")))?;
    let result = runtime.block_on(async {
        let working = work(options, functions, async {
            // Without a signal it goes on until it is killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        tokio::pin!(working);
        loop {
            tokio::select! {
                ended = &mut working => break ended,
                () = tokio::time::sleep(LOOK) => show(&mut application),
            }
        }
    });
    show(&mut application);
    match result {
        Ok(()) => Ok(Exit::Pass),
        Err(cause @ (WorkError::Endpoint { .. } | WorkError::Header { .. })) => {
            Err(Failure::new(Exit::Usage, cause.to_string()))
        }
        Err(cause @ WorkError::Refused { .. }) => Err(Failure::new(Exit::Setup, cause.to_string())),
    }
}

/// Prints what the connectors were given, a JSON object a line.
fn show(application: &mut Application) {
    let mut events: Vec<Event> = Vec::new();
    application.drain_events(&mut events);
    for event in events {
        if let Payload::Json(text) = &event.payload {
            println!("{text}");
        }
    }
}
