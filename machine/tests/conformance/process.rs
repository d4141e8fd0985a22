//! A program that plays a device.
#![cfg(unix)]

use std::{fs, path::Path, thread, time::Duration};

use twinbench_machine::{
    Halt, Machine, Output, OutputKind, ProcessMachine, ProcessOptions, Restart, Stimulus, Wake,
};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::common::device;

fn script(script: &str) -> ProcessOptions {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let text = "HostName=localhost;DeviceId=d;SharedAccessKey=a2V5";
    ProcessOptions::new(device("d"), command, text.to_owned())
}

struct Watched {
    machine: ProcessMachine,
    now: VirtualTime,
    out: Vec<Output>,
}

impl Watched {
    fn new(options: ProcessOptions) -> Self {
        Self {
            machine: ProcessMachine::new(options).unwrap(),
            now: VirtualTime::ZERO,
            out: Vec::new(),
        }
    }

    /// Until it stops for good, or something was said.
    fn until(&mut self, text: &str) -> Halt {
        // A minute of a machine that has other things to do.
        for _ in 0..12_000 {
            let halt = self.machine.run_until(self.now).unwrap();
            self.machine.drain(&mut self.out);
            if halt != Halt::Reached || (!text.is_empty() && self.text().contains(text)) {
                return halt;
            }
            match self.machine.next_wake() {
                Wake::At(wake) => self.now = wake,
                other => panic!("{other:?}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{text:?} is not in {:?}", self.out);
    }

    fn text(&self) -> String {
        let text = self.out.iter().filter_map(|output| match &output.kind {
            OutputKind::Uart { port, bytes } => {
                Some(format!("[{port}]{}", String::from_utf8_lossy(bytes)))
            }
            OutputKind::Note(text) => Some(format!("[note]{text}\n")),
            _ => None,
        });
        text.collect()
    }
}

#[test]
fn it_finds_what_it_needs_in_its_environment() {
    let mut options = script("env; echo wrong >&2; echo end");
    options.ca = Some("/ca.pem".into());
    options.gateway = Some("edge-01".to_owned());
    options
        .environment
        .insert("COLOUR".to_owned(), "blue".to_owned());
    options.restart = Restart::Never;
    let mut watched = Watched::new(options);
    assert_eq!(watched.until(""), Halt::Exited(0));
    let text = watched.text();
    for line in [
        "IOTHUB_DEVICE_CONNECTION_STRING=HostName=localhost;DeviceId=d;SharedAccessKey=a2V5\n",
        "IOTHUB_DEVICE_ID=d\n",
        "IOTHUB_CA_FILE=/ca.pem\n",
        "SSL_CERT_FILE=/ca.pem\n",
        "NODE_EXTRA_CA_CERTS=/ca.pem\n",
        "IOTEDGE_GATEWAYHOSTNAME=edge-01\n",
        "COLOUR=blue\n",
        "[stderr]wrong\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(watched.machine.next_wake(), Wake::Never);
}

#[test]
fn it_is_started_again_by_its_policy() {
    let delay = VirtualDuration::from_secs(1);
    let mut options = script("echo here; exit 3");
    options.restart = Restart::OnFailure { most: 2, delay };
    let mut watched = Watched::new(options);
    assert_eq!(watched.until(""), Halt::Exited(3));
    assert_eq!(watched.text().matches("here\n").count(), 3);
    let started: Vec<_> = watched
        .out
        .iter()
        .filter(|it| matches!(&it.kind, OutputKind::Note(text) if text.ends_with("started")))
        .map(|it| it.time)
        .collect();
    assert!(started[1].since(started[0]) >= delay, "{started:?}");

    // Its success is the end, but for one that is always started again.
    let mut options = script("echo here");
    options.restart = Restart::OnFailure { most: 2, delay };
    assert_eq!(Watched::new(options.clone()).until(""), Halt::Exited(0));
    options.restart = Restart::Always { delay };
    let mut watched = Watched::new(options);
    for _ in 0..3 {
        watched.out.clear();
        assert_eq!(watched.until("here"), Halt::Reached);
    }
}

/// It ends before all that it has printed was heard.
#[test]
fn its_last_words_are_heard() {
    let mut options = script("seq 1 100000; seq 1 1000 >&2; exit 1");
    options.restart = Restart::Never;
    let mut watched = Watched::new(options);
    assert_eq!(watched.until(""), Halt::Exited(1));
    let heard = |wanted: &str| -> String {
        let pieces = watched.out.iter().filter_map(|output| match &output.kind {
            OutputKind::Uart { port, bytes } if port == wanted => {
                Some(String::from_utf8_lossy(bytes))
            }
            _ => None,
        });
        pieces.collect()
    };
    assert_eq!(heard("stdout").lines().count(), 100_000);
    assert!(heard("stdout").ends_with("\n100000\n"));
    assert!(heard("stderr").ends_with("\n1000\n"));
}

#[test]
fn its_whole_tree_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = script("sleep 1000 & echo $! > child; echo up; wait");
    options.folder = Some(folder.path().to_owned());
    let mut watched = Watched::new(options);
    watched.until("up");
    let child = fs::read_to_string(folder.path().join("child")).unwrap();
    let child = format!("/proc/{}/stat", child.trim());
    let runs = || fs::read_to_string(&child).is_ok_and(|state| !state.contains(") Z "));
    assert!(!Path::new("/proc/self").exists() || runs());
    drop(watched);
    assert!((0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        !runs()
    }));
}

#[test]
fn it_hears_and_is_reset() {
    let mut watched = Watched::new(script(
        "echo up; while read line; do echo \"got $line\"; done",
    ));
    watched.until("up");
    let stdin = |text: &'static str| Stimulus::Uart {
        port: "stdin".to_owned(),
        bytes: text.into(),
    };
    watched.machine.apply(stdin("one\n")).unwrap();
    watched.until("got one");
    watched.out.clear();
    watched.machine.apply(Stimulus::Reset).unwrap();
    watched.until("up");
}

/// Nobody waits for a program that does not read.
#[test]
fn input_that_nobody_reads_is_refused_at_some_point() {
    let mut watched = Watched::new(script("echo up; exec sleep 1000"));
    watched.until("up");
    let refused = (0..3_000).find_map(|_| {
        let bytes = vec![b'x'; 4096].into();
        let port = "stdin".to_owned();
        let given = watched.machine.apply(Stimulus::Uart { port, bytes });
        given.err()
    });
    let error = refused.unwrap().to_string();
    assert!(error.contains("does not read its input"), "{error}");
}

#[test]
fn its_limits_hold() {
    let mut options = script("ulimit -v; while :; do :; done");
    options.limits.cpu = Some(Duration::from_millis(300));
    options.limits.memory = Some(256 << 20);
    options.restart = Restart::Never;
    let mut watched = Watched::new(options);
    let halt = watched.until("");
    // Killed, by the system after a second of processor time, or by us a little earlier.
    let text = watched.text();
    assert_eq!(halt, Halt::Exited(-1), "{text}");
    let together = text.contains("hold for all that it starts together");
    assert!(together || text.contains("262144"), "{text}");
}

/// Each of its children has used less than it may.
#[test]
fn what_it_starts_counts_with_it() {
    let children = "(while :; do :; done) & ".repeat(8);
    let mut options = script(&format!("{children} wait"));
    options.limits.cpu = Some(Duration::from_millis(900));
    options.restart = Restart::Never;
    let mut watched = Watched::new(options);
    let halt = watched.until("each process by itself");
    if watched.text().contains("each process by itself") {
        eprintln!("SKIPPED: this user may make no control groups here");
        return;
    }
    assert_eq!(halt, Halt::Exited(-1), "{}", watched.text());
    let text = watched.text();
    assert!(text.contains("its processor time of 900ms"), "{text}");
}

/// A program that wants more memory than it may have is refused it, and goes on without.
#[cfg(target_os = "linux")]
#[test]
fn memory_beyond_the_limit_is_refused() {
    // `tail` keeps what it is asked for: 100 MB.
    let keep = "head -c 100000000 /dev/zero | tail -c 100000000 | wc -c";
    let ran = |limit: Option<u64>| {
        let mut options = script(keep);
        options.limits.memory = limit;
        options.restart = Restart::Never;
        let mut watched = Watched::new(options);
        watched.until("");
        watched.text()
    };
    assert!(ran(None).contains("[stdout]100000000\n"));
    let text = ran(Some(64 << 20));
    assert!(!text.contains("[stdout]100000000\n"), "{text}");
    assert!(text.contains("memory"), "{text}");
}

#[test]
fn what_cannot_be_started_is_named() {
    let mut options = script("");
    options.command = vec!["/no/such/program".to_owned()];
    let mut machine = ProcessMachine::new(options.clone()).unwrap();
    let error = machine.run_until(VirtualTime::ZERO).unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
    options.command.clear();
    assert!(ProcessMachine::new(options).is_err());
}
