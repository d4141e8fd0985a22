//! A board behind a probe as a machine of the bench: channels, log frames, variables, crashes, gaps.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use twinbench_emulator::board::BoardFile;
use twinbench_machine::{
    EmulatorOptions, Halt, Machine, Output, OutputKind, Stimulus, Wake,
    probe::{Flashing, Phase, ProbeMachine, ProbeOptions, VirtualBoard},
};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::common::{device, epoch};

fn elf() -> Arc<[u8]> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe/firmware/probe-firmware.elf");
    std::fs::read(path).unwrap().into()
}

fn board(serial: &str) -> VirtualBoard {
    let mut options = EmulatorOptions::new(device("probed"), 7, epoch());
    options.modem = None;
    VirtualBoard::new(serial, &BoardFile::az3166().unwrap(), options).unwrap()
}

fn options(board: &VirtualBoard) -> ProbeOptions {
    let mut options = ProbeOptions::of_board(device("probed"), board.clone());
    options.firmware = Some(elf());
    options
}

/// A machine, and all that came out of it.
struct Watched {
    machine: ProbeMachine,
    now: VirtualTime,
    out: Vec<Output>,
}

impl Watched {
    fn new(options: ProbeOptions) -> Self {
        Self {
            machine: ProbeMachine::new(options).unwrap(),
            now: VirtualTime::ZERO,
            out: Vec::new(),
        }
    }

    fn run(&mut self, millis: u64) -> Halt {
        self.now += VirtualDuration::from_millis(millis);
        let halt = self.machine.run_until(self.now).unwrap();
        self.machine.drain(&mut self.out);
        halt
    }

    fn give(&mut self, port: &str, bytes: &'static [u8]) {
        let port = port.to_owned();
        let bytes = bytes.into();
        self.machine.apply(Stimulus::Uart { port, bytes }).unwrap();
    }

    fn said(&self, wanted: &str) -> String {
        let said = self.out.iter().filter_map(|output| match &output.kind {
            OutputKind::Uart { port, bytes } if port == wanted => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        });
        said.collect()
    }

    fn notes(&self) -> Vec<&str> {
        let notes = self.out.iter().filter_map(|output| match &output.kind {
            OutputKind::Note(text) => Some(text.as_str()),
            _ => None,
        });
        notes.collect()
    }

    fn values(&self, name: &str) -> Vec<(VirtualTime, f64)> {
        let values = self.out.iter().filter_map(|output| match &output.kind {
            OutputKind::Watch(values) => Some((output.time, *values.get(name)?)),
            _ => None,
        });
        values.collect()
    }
}

#[test]
fn channels_go_both_ways_and_log_frames_become_lines() {
    let board = board("channels");
    let mut watched = Watched::new(options(&board));
    // What comes before the firmware has made its channels waits for them.
    watched.give("rtt0", b"early\n");
    assert_eq!(watched.run(50), Halt::Reached);
    assert_eq!(watched.said("rtt0"), "ready\nEARLY\n");
    let log = watched.said("defmt");
    let first = if cfg!(feature = "defmt") {
        "INFO  up with RTT at 16000000 Hz\n"
    } else {
        "the firmware logs with defmt: build Twinbench with `--features defmt`\n"
    };
    assert!(log.starts_with(first), "{log}");
    watched.give("rtt0", b"hello\n");
    watched.run(50);
    assert_eq!(watched.said("rtt0"), "ready\nEARLY\nHELLO\n");
    let log = watched.said("defmt");
    assert!(
        cfg!(not(feature = "defmt")) || log.contains("DEBUG heard [72, 69, "),
        "{log}"
    );
    // More than the channel holds, each byte once.
    watched.give("rtt0", b"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\n");
    watched.run(500);
    let said = watched.said("rtt0");
    assert!(
        said.ends_with(&format!("{}\n", "0123456789".repeat(10))),
        "{said:?}"
    );
    // More than the firmware can leave at once.
    watched.give("rtt0", b"***");
    watched.run(500);
    assert_eq!(watched.said("rtt0").matches('.').count(), 3_000);
    let error = watched.machine.apply(Stimulus::Uart {
        port: "rtt7".to_owned(),
        bytes: "x".into(),
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("rtt7") && error.contains("rtt0"), "{error}");
}

#[test]
fn variables_are_read_by_name_and_type() {
    let board = board("variables");
    let mut options = options(&board);
    for (name, variable) in [
        ("rounds", "COUNT"),
        ("level", "probe_firmware::LEVEL"),
        ("heard", "HEARD"),
    ] {
        options.watch.insert(name.to_owned(), variable.to_owned());
    }
    let mut watched = Watched::new(options);
    watched.run(1_000);
    watched.give("rtt0", b"abc");
    watched.run(200);
    let (rounds, level) = (watched.values("rounds"), watched.values("level"));
    assert!((10..=13).contains(&rounds.len()), "{}", rounds.len());
    for (pair, (_, level)) in rounds.windows(2).zip(&level[1..]) {
        // A round takes some milliseconds.
        let per_second = (pair[1].1 - pair[0].1) / pair[1].0.since(pair[0].0).as_secs_f64();
        assert!((100.0..1_000.0).contains(&per_second), "{per_second}");
        // The level is set a moment after the count.
        assert!((level * -2.0 - pair[1].1).abs() <= 1.0, "{level}");
    }
    let heard = watched.values("heard").last().unwrap().1;
    assert!((heard + 3.0).abs() < f64::EPSILON, "{heard}");
    let rounds = watched
        .machine
        .inspect()
        .unwrap()
        .variable("COUNT")
        .unwrap();
    assert!(rounds.unsigned().unwrap() > 200);

    let mut wrong = self::options(&board);
    wrong.watch.insert("x".to_owned(), "NO_SUCH".to_owned());
    let error = ProbeMachine::new(wrong).err().unwrap().to_string();
    assert!(
        error.contains("NO_SUCH") && error.contains("path"),
        "{error}"
    );
}

#[test]
fn a_core_that_locks_up_is_told_of_with_its_callers() {
    let board = board("lockup");
    let mut watched = Watched::new(options(&board));
    watched.run(50);
    watched.give("rtt0", b"!");
    let Halt::Lockup(reason) = watched.run(200) else {
        panic!("{:?}", watched.out);
    };
    assert!(
        reason.contains("HardFault") && reason.contains("undefined instruction"),
        "{reason}"
    );
    assert_eq!(watched.machine.next_wake(), Wake::Never);
    let log = watched.said("defmt");
    assert!(cfg!(not(feature = "defmt")) || log.contains("ERROR crashing after"));
    let notes = watched.notes().join("\n");
    for part in [
        "CFSR 0x00010000",
        "probe_firmware::inner",
        "probe_firmware::crash",
        "main.rs:",
    ] {
        assert!(notes.contains(part), "{part} in {notes}");
    }
    let trace = watched.machine.inspect().unwrap().backtrace().unwrap();
    assert!(trace.iter().any(|frame| frame.interrupted), "{trace:?}");

    // A reset is a new life, and not the time that has passed once more.
    watched.run(5_000);
    watched.out.clear();
    let reset = watched.now;
    watched.machine.apply(Stimulus::Reset).unwrap();
    assert_eq!(watched.run(50), Halt::Reached);
    assert_eq!(watched.said("rtt0"), "ready\n");
    assert!(
        watched.out.iter().all(|output| output.time >= reset),
        "{:?}",
        watched.out
    );
    let rounds = watched
        .machine
        .inspect()
        .unwrap()
        .variable("COUNT")
        .unwrap();
    assert!(rounds.unsigned().unwrap() < 30);
}

#[test]
fn a_probe_that_is_unplugged_leaves_a_gap() {
    let board = board("gap");
    let mut options = options(&board);
    options
        .watch
        .insert("rounds".to_owned(), "COUNT".to_owned());
    let mut watched = Watched::new(options);
    watched.run(500);
    assert!(watched.machine.is_linked());
    board.unplug();
    assert_eq!(watched.run(1_000), Halt::Reached);
    assert!(!watched.machine.is_linked());
    assert!(
        watched.notes().iter().any(|it| it.contains("is gone")),
        "{:?}",
        watched.notes()
    );
    board.plug_in();
    assert_eq!(watched.run(1_000), Halt::Reached);
    let back = watched
        .notes()
        .into_iter()
        .find(|it| it.contains("is back"));
    assert!(back.is_some(), "{:?}", watched.notes());
    let values = watched.values("rounds");
    let gaps = values
        .windows(2)
        .filter(|pair| pair[1].0.since(pair[0].0) > VirtualDuration::from_millis(500));
    assert_eq!(gaps.count(), 1, "{values:?}");
    // The firmware ran on meanwhile.
    assert!(values.last().unwrap().1 > 500.0, "{values:?}");
    watched.give("rtt0", b"x");
    watched.run(100);
    assert!(
        watched.said("rtt0").ends_with('X'),
        "{}",
        watched.said("rtt0")
    );
}

/// The other end of the wire is a terminal of this computer.
#[cfg(unix)]
#[test]
fn a_serial_port_is_a_console_and_its_end_is_told() {
    use std::io::{Read, Write};

    use serialport::{SerialPort, TTYPort};
    use twinbench_machine::probe::SerialLine;

    let (mut far, near) = TTYPort::pair().unwrap();
    far.set_timeout(std::time::Duration::from_secs(10)).unwrap();
    let line = SerialLine {
        path: near.name().unwrap().into(),
        baud: 115_200,
    };
    drop(near);
    let board = board("console");
    let mut options = options(&board);
    options.serial.insert("console".to_owned(), line);
    let mut watched = Watched::new(options);
    far.write_all(b"hello\r\nmore").unwrap();
    watched.run(100);
    assert_eq!(watched.said("console"), "hello\r\nmore");
    assert_eq!(
        watched.said("rtt0"),
        "ready\n",
        "each channel is one of its own"
    );
    watched.give("console", b"help\n");
    let mut heard = [0; 5];
    far.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"help\n");
    // Pulled out, it is told once, and the rest of the board goes on.
    drop(far);
    watched.run(3_000);
    let told = watched
        .notes()
        .into_iter()
        .filter(|it| it.contains("serial port"));
    assert_eq!(told.count(), 1, "{:?}", watched.notes());
    watched.give("rtt0", b"x");
    watched.run(50);
    assert_eq!(watched.said("rtt0"), "ready\nX");
}

#[test]
fn firmware_that_is_there_is_not_written_again() {
    let board = board("again");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut options = options(&board);
    let told = seen.clone();
    options.progress = Some(Arc::new(move |phase, done, all| {
        told.lock().unwrap().push((phase, done, all));
    }));
    let mut first = Watched::new(options.clone());
    first.run(10);
    let notes = first.notes().join(";");
    assert!(notes.contains("bytes written"), "{notes}");
    drop(first);
    let last = |phase| {
        let seen = seen.lock().unwrap();
        *seen.iter().rev().find(|it| it.0 == phase).unwrap()
    };
    for phase in [Phase::Erase, Phase::Program, Phase::Verify] {
        let (_, done, all) = last(phase);
        assert!(done > 0 && done == all, "{phase}: {done} of {all}");
    }
    let mut second = Watched::new(options.clone());
    second.run(50);
    let notes = second.notes().join(";");
    assert!(notes.contains("nothing written"), "{notes}");
    assert_eq!(second.said("rtt0"), "ready\n");
    drop(second);
    options.flash = Flashing::Never;
    let mut third = Watched::new(options);
    third.run(50);
    assert!(third.notes().is_empty(), "{:?}", third.notes());
    assert_eq!(third.said("rtt0"), "ready\n");
}

#[test]
fn a_chip_is_asked_what_it_is() {
    let board = board("asked");
    let mut options = options(&board);
    options.chip = None;
    let mut watched = Watched::new(options);
    let chip = watched.machine.chip().unwrap();
    assert!(chip.starts_with("STM32F412"), "{chip}");
    watched.run(50);
    assert_eq!(watched.said("rtt0"), "ready\n");
}

#[test]
fn what_is_not_there_is_named() {
    let mut options = ProbeOptions::new(device("probed"), "no-such-serial");
    let error = ProbeMachine::new(options.clone())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("probe"), "{error}");
    let board = board("named");
    board.serial().clone_into(&mut options.probe);
    options.chip = Some("STM32X9".to_owned());
    let error = ProbeMachine::new(options).err().unwrap().to_string();
    assert!(error.contains("chip"), "{error}");
    let twice = VirtualBoard::az3166("named", EmulatorOptions::new(device("d"), 7, epoch()));
    assert!(twice.unwrap_err().to_string().contains("named"));
}
