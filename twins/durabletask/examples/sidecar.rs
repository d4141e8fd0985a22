//! A Durable Task server by itself, as tests start it in a process of its own:
//!
//! ```text
//! cargo run -p twinbench-durabletask --example sidecar -- [--listen 127.0.0.1:0] [--data FOLDER]
//!     [--virtual] [--lease SECONDS]
//! ```
//!
//! Prints `listening on ADDRESS` once it serves, and ends when its input does.

use std::{error::Error, io::Read, path::Path, thread, time::Duration};

use tokio::sync::oneshot;
use twinbench_durabletask::{Host, HostOptions, Pace, ServerOptions, serve};
use twinbench_engine::store::{FjallStore, MemoryStore, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let mut host = HostOptions::default();
    let mut server = ServerOptions::default();
    let mut store: Option<Box<dyn Store + Send>> = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--listen" => server.listen = value()?.parse()?,
            "--data" => store = Some(Box::new(FjallStore::open(Path::new(&value()?))?)),
            "--virtual" => host.pace = Pace::Virtual,
            "--lease" => {
                server.turn_lease = Duration::from_secs(value()?.parse()?);
                server.activity_lease = server.turn_lease;
            }
            "--payload" => host.limits.payload = value()?.parse()?,
            other => return Err(format!("{other:?} is no option").into()),
        }
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter("warn")
        .init();
    let store = store.unwrap_or_else(|| Box::new(MemoryStore::default()));
    let (mut host, handle) = Host::start(store, host)?;
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        // Whatever is written there, and that it cannot be read, means nothing; its end counts.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve(
        handle,
        server,
        |address| println!("listening on {address}"),
        async {
            tokio::select! {
                _ = ended => {}
                () = host.ended() => {}
            }
        },
    ))?;
    host.stop()?;
    Ok(())
}
