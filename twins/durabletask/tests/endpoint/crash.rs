//! A server under load is killed again and again: what it acknowledged is there, nothing twice.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::common::Process;
use crate::functions::{Client, functions};
use tokio::time::Instant;
use twinbench_durabletask::{WorkerOptions, work};

/// One less than work may lose workers before it is given up.
const KILLS: usize = 4;
const LOAD: Duration = Duration::from_millis(700);
const CLIENTS: u64 = 6;

/// What the server said yes to.
#[derive(Default)]
struct Acknowledged {
    started: Mutex<Vec<u64>>,
    /// The entity, and the number that it was sent.
    signalled: Mutex<Vec<(u64, u64)>>,
    next: AtomicU64,
    over: AtomicBool,
}

/// Starts and signals, each number once, until it is over. What fails is not tried again: whether
/// it was done is open.
async fn load(client: Client, seen: Arc<Acknowledged>) {
    while !seen.over.load(Ordering::Relaxed) {
        let number = seen.next.fetch_add(1, Ordering::Relaxed);
        let done = if number.is_multiple_of(4) {
            let id = format!("o-{number}");
            let started = client.start("counts", &id, number).await;
            started.map(|()| seen.started.lock().unwrap().push(number))
        } else {
            let key = number % 1_000;
            let signalled = client.signal(&key.to_string(), number).await;
            signalled.map(|()| seen.signalled.lock().unwrap().push((key, number)))
        };
        if done.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut server = Process::start(&["--listen", "127.0.0.1:0", "--data", data]);
    let address = server.address.to_string();
    let options = WorkerOptions {
        pauses: (Duration::from_millis(50), Duration::from_millis(200)),
        ..WorkerOptions::new(&address, "h")
    };
    let worker = tokio::spawn(work(options, functions(), std::future::pending()));
    let seen = Arc::new(Acknowledged::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(load(Client::new(&address, "h"), Arc::clone(&seen))))
        .collect();
    for _ in 0..KILLS {
        tokio::time::sleep(LOAD).await;
        server.kill();
        server = Process::start(&["--listen", &address, "--data", data]);
    }
    tokio::time::sleep(LOAD).await;
    seen.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }

    let client = Client::new(&address, "h");
    let started = std::mem::take(&mut *seen.started.lock().unwrap());
    let signalled = std::mem::take(&mut *seen.signalled.lock().unwrap());
    println!(
        "{} starts, {} signals, {KILLS} kills",
        started.len(),
        signalled.len()
    );
    assert!(
        started.len() > 50 && signalled.len() > 150,
        "there was no load"
    );
    for number in &started {
        let output = client.output(&format!("o-{number}")).await.unwrap();
        assert_eq!(output.unwrap(), ((number + 100) * 2).to_string());
    }
    for key in 0..1_000 {
        let numbers = settled(&client, &key.to_string()).await;
        let expected = signalled.iter().filter(|(of, _)| *of == key);
        for (_, number) in expected {
            assert!(numbers.contains(number), "{number} is lost");
        }
    }
    let counted = settled(&client, "counts").await;
    for number in &started {
        assert!(counted.contains(number), "{number} is lost");
    }
    worker.abort();
    server.kill();
}

/// What an entity has seen once nothing waits for it; each number once.
async fn settled(client: &Client, key: &str) -> BTreeSet<u64> {
    let begun = Instant::now();
    loop {
        let (list, waiting) = client.list(key).await.unwrap();
        if waiting == 0 {
            let numbers: BTreeSet<u64> = list.0.iter().copied().collect();
            assert_eq!(
                numbers.len(),
                list.0.len(),
                "{key} has seen something twice"
            );
            return numbers;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{key} never settles"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
