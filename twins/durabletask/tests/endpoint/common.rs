//! What tests of the server share: servers in this process and in others, and foreign clients.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use tokio::sync::oneshot;
use twinbench_durabletask::{Host, HostOptions, ServerOptions, serve};
use twinbench_engine::store::{MemoryStore, Store};

/// A server in this process, on a free port.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    serving: Option<thread::JoinHandle<()>>,
    host: Option<Host>,
}

impl Served {
    /// Serves what is kept in memory.
    pub(crate) fn start(host: HostOptions, server: ServerOptions) -> Self {
        Self::with(Box::new(MemoryStore::new()), host, server)
    }

    pub(crate) fn with(
        store: Box<dyn Store + Send>,
        host: HostOptions,
        mut server: ServerOptions,
    ) -> Self {
        server.listen.set_port(0);
        let (host, handle) = Host::start(store, host).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let serving = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let listening = |address| tell.send(address).unwrap();
            let shutdown = async { drop(ended.await) };
            runtime
                .block_on(serve(handle, server, listening, shutdown))
                .unwrap();
        });
        Self {
            address: told.recv().unwrap(),
            end: Some(end),
            serving: Some(serving),
            host: Some(host),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.end.take());
        let serving = self.serving.take().map(thread::JoinHandle::join);
        let stopped = self.host.take().map(Host::stop);
        if !thread::panicking() {
            serving.unwrap().unwrap();
            stopped.unwrap().unwrap();
        }
    }
}

/// A server in a process of its own.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts the example, which cargo builds beside the tests.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(example("sidecar"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("the server said {line:?}"));
        Self {
            address: address.parse().unwrap(),
            child,
        }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn example(name: &str) -> PathBuf {
    // Tests are in target/…/deps, examples in target/…/examples.
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder.join("examples").join(name)
}

/// The Python that the SDK is installed in; `None`, told loudly, on a machine that has none.
pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("TWINBENCH_PYTHON");
    if python.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "TWINBENCH_PYTHON must name a Python with durabletask"
        );
        eprintln!(
            "SKIPPED: no Python with durabletask (TWINBENCH_PYTHON); `cargo xtask setup` makes one"
        );
    }
    python
}

/// A Python program of the tests.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python")
        .join(name)
}
