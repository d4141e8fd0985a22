//! Our functions as a worker: of a server of ours in another process, and of the backend that the
//! Python SDK brings for tests.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::common::{Process, python, script};
use crate::functions::{Client, functions};
use tokio::sync::oneshot;
use tokio::time::Instant;
use twinbench_durabletask::{WorkError, WorkerOptions, work};
use twinbench_engine::{Functions, OnMismatch, VersionMatch};

/// A worker that runs until it is told to end, and what it came to then.
struct Running {
    end: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), WorkError>>,
}

impl Running {
    fn start(endpoint: &str, hub: &str) -> Self {
        Self::with(functions(), endpoint, hub)
    }

    fn with(functions: Functions, endpoint: &str, hub: &str) -> Self {
        let (end, ended) = oneshot::channel::<()>();
        let options = WorkerOptions {
            pauses: (Duration::from_millis(100), Duration::from_millis(500)),
            ..WorkerOptions::new(endpoint, hub)
        };
        let task = tokio::spawn(work(options, functions, async { drop(ended.await) }));
        Self { end, task }
    }

    async fn end(self) {
        drop(self.end);
        self.task.await.unwrap().unwrap();
    }
}

/// What a tour of `number` comes to when its entity has seen `before` already.
fn tour_of(number: u64, before: &[u64]) -> String {
    let mut found = vec![number * 2, 1, (number + 1) * 2, before.len() as u64 + 1];
    found.extend(before);
    found.push(number);
    serde_json::to_string(&found).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_server_in_another_process() {
    let server = Process::start(&["--listen", "127.0.0.1:0"]);
    let address = server.address.to_string();
    let worker = Running::start(&format!("http://{address}"), "tours");
    let client = Client::new(&address, "tours");
    client.start("tour", "one", 4).await.unwrap();
    assert_eq!(
        client.output("one").await.unwrap().unwrap(),
        tour_of(4, &[])
    );
    client.start("tour", "two", 5).await.unwrap();
    assert_eq!(
        client.output("two").await.unwrap().unwrap(),
        tour_of(5, &[4])
    );
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_versions_to_others_that_it_does_not_run() {
    let server = Process::start(&["--listen", "127.0.0.1:0"]);
    let address = server.address.to_string();
    let of = |version, others| functions().version(version, VersionMatch::Strict, others);
    let old = Running::with(of("1.0", OnMismatch::Reject), &address, "versions");
    let client = Client::new(&address, "versions");
    for (id, version) in [("a", "2.0"), ("b", "1.0")] {
        let started = client.start_version("child", id, 1, Some(version)).await;
        started.unwrap();
    }
    assert_eq!(client.output("b").await.unwrap().unwrap(), "4");
    // The other one waits for a worker of its version.
    let new = Running::with(of("2.0", OnMismatch::Reject), &address, "versions");
    assert_eq!(client.output("a").await.unwrap().unwrap(), "4");
    old.end().await;
    new.end().await;
    // And where a worker is told to, it fails.
    let strict = Running::with(of("3.0", OnMismatch::Fail), &address, "versions");
    let started = client.start_version("child", "c", 1, Some("1.0")).await;
    started.unwrap();
    let failure = client.ended("c").await.unwrap().failure_details.unwrap();
    assert_eq!(failure.error_type, "VersionMismatch");
    strict.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finishes_what_it_has_begun() {
    let server = Process::start(&["--listen", "127.0.0.1:0"]);
    let address = server.address.to_string();
    let worker = Running::start(&address, "naps");
    let client = Client::new(&address, "naps");
    client.start("naps", "one", 700).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    worker.end().await;
    assert!(
        begun.elapsed() > Duration::from_millis(100),
        "it did not wait"
    );
    // What the activity came to was taken: the next worker has but a turn left.
    let worker = Running::start(&address, "naps");
    let begun = Instant::now();
    assert_eq!(client.output("one").await.unwrap().unwrap(), "700");
    assert!(
        begun.elapsed() < Duration::from_millis(600),
        "it was done twice"
    );
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comes_back_to_a_server_that_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let server = Process::start(&["--listen", "127.0.0.1:0", "--data", data]);
    let address = server.address.to_string();
    let worker = Running::start(&address, "h");
    let client = Client::new(&address, "h");
    client.start("tour", "one", 1).await.unwrap();
    client.output("one").await.unwrap();
    client.start("naps", "two", 1_500).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let server = Process::start(&["--listen", &address, "--data", data]);
    assert_eq!(client.output("two").await.unwrap().unwrap(), "1500");
    assert_eq!(
        client.output("one").await.unwrap().unwrap(),
        tour_of(1, &[])
    );
    worker.end().await;
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn says_why_it_cannot_work() {
    let server = Process::start(&["--listen", "127.0.0.1:0"]);
    let refused = work(
        WorkerOptions::new(&server.address.to_string(), "no such name"),
        functions(),
        std::future::pending(),
    );
    let told = refused.await.unwrap_err().to_string();
    assert!(told.contains("there is no task hub"), "{told}");
    let nowhere = work(
        WorkerOptions::new("http://", "h"),
        functions(),
        std::future::pending(),
    );
    assert!(matches!(
        nowhere.await.unwrap_err(),
        WorkError::Endpoint { .. }
    ));
}

/// The SDK's own backend, in memory.
struct Backend(Child);

impl Drop for Backend {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_sdk_s_own_backend() {
    let Some(python) = python() else { return };
    let mut child = Command::new(python)
        .arg(script("backend.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let backend = Backend(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let address = line.trim().to_owned();
    let worker = Running::start(&address, "default");
    let client = Client::new(&address, "default");
    client.start("tour", "one", 4).await.unwrap();
    assert_eq!(
        client.output("one").await.unwrap().unwrap(),
        tour_of(4, &[])
    );
    for number in 0..20 {
        client.signal("many", number).await.unwrap();
    }
    let begun = Instant::now();
    while client.list("many").await.unwrap().0.0.len() < 20 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (list, _) = client.list("many").await.unwrap();
    assert_eq!(list.0, (0..20).collect::<Vec<_>>());
    worker.end().await;
    drop(backend);
}
