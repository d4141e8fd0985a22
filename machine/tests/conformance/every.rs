//! One suite for every backend: boot, both ways of a serial port, stimulus, reset, time that never goes
//! back, outputs in order, stop and resume, lockup, and a look into those that allow one. Snapshots and
//! determinism are beside it, in `emulated`.

use std::{
    fmt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use renode_rs_bindings::{Renode, Search, recorded::Pretend};
use twinbench_emulator::{
    Image,
    board::{Board, BoardFile},
};
use twinbench_machine::{
    EmulatorMachine, EmulatorOptions, Halt, Machine, OutputKind, Pin, ProcessMachine,
    ProcessOptions, RenodeBoard, RenodeMachine, RenodeOptions, SimulatedMachine, SimulatedOptions,
    Stimulus, Wake,
};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::common::{Bench, device, epoch};

/// A backend that is present, and what its machine does.
pub(super) struct Backend {
    pub(super) name: &'static str,
    pub(super) machine: Box<dyn Machine>,
    /// A port that says something after the start, which contains this.
    says: Option<(&'static str, &'static str)>,
    /// A port that says what it is told.
    echoes: Option<&'static str>,
    /// A watched pin that changes.
    blinks: Option<&'static str>,
    /// It lives on the wall clock.
    wall: bool,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The firmware of the recorded sessions.
pub(super) fn hello() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../renode/tests/transcripts/hello.elf")
}

/// What it prints.
pub(super) const HELLO: &str = "hello from renode\r\n";

/// A bare STM32F412 with what `hello.elf` uses.
const BOARD: &str = r#"
version = 1
name = "bare"
chip = "stm32f412rg"
hse = 26_000_000

[memory]
flash = { base = 0x0800_0000, size = 0x0010_0000 }
ram = { base = 0x2000_0000, size = 0x0004_0000 }

[uart]
console = { peripheral = "USART2", tx = "PA2", rx = "PA3" }

[led]
led = "PA5"
"#;

pub(super) fn emulated() -> EmulatorMachine {
    let file = BoardFile::parse(BOARD).unwrap();
    let elf = std::fs::read(hello()).unwrap();
    let image = Image::from_elf(&elf, &file.memory_map()).unwrap();
    let mut options = EmulatorOptions::new(device("hello"), 7, epoch());
    options.modem = None;
    let board = Board::new(&file, image.into()).unwrap();
    EmulatorMachine::with_board(board, options).unwrap()
}

/// The same board in Renode.
pub(super) fn renode_options() -> RenodeOptions {
    let mut board = RenodeBoard::description("platforms/cpus/stm32f412.repl");
    board.uarts = vec![("console".to_owned(), "sysbus.usart2".to_owned())];
    board.pins = vec![Pin {
        name: "led".to_owned(),
        port: "sysbus.gpioPortA".to_owned(),
        pin: 5,
    }];
    RenodeOptions::new(device("hello"), 7, epoch(), board, hello())
}

/// Renode's stand-in, whose values are those of the recorded sessions.
pub(super) fn stand_in() -> (RenodeMachine, Pretend, tempfile::TempDir) {
    let pretend = Pretend::serve("1.16.1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = Renode::options()
        .attach(pretend.address(), folder.path().to_owned())
        .unwrap();
    let machine = RenodeMachine::in_session(session, &renode_options()).unwrap();
    (machine, pretend, folder)
}

/// A board behind a virtual probe.
#[cfg(feature = "probe")]
fn probed() -> twinbench_machine::probe::ProbeMachine {
    use std::sync::atomic::{AtomicU32, Ordering};
    use twinbench_machine::probe::{ProbeMachine, ProbeOptions, VirtualBoard};
    // Each has a probe of its own, and probes are told apart by their serial numbers.
    static MADE: AtomicU32 = AtomicU32::new(0);
    let serial = format!("suite-{}", MADE.fetch_add(1, Ordering::Relaxed));
    let mut options = EmulatorOptions::new(device("probed"), 7, epoch());
    options.modem = None;
    let board = VirtualBoard::new(&serial, &BoardFile::az3166().unwrap(), options).unwrap();
    let mut options = ProbeOptions::of_board(device("probed"), board);
    let elf = Path::new(env!("CARGO_MANIFEST_DIR"));
    let elf = elf.join("tests/probe/firmware/probe-firmware.elf");
    options.firmware = Some(std::fs::read(elf).unwrap().into());
    ProbeMachine::new(options).unwrap()
}

fn present() -> Vec<Backend> {
    let firmware = |name, text, machine: Box<dyn Machine>| Backend {
        name,
        machine,
        says: Some(("console", text)),
        echoes: Some("console"),
        blinks: Some("led"),
        wall: false,
    };
    let mut simulated = SimulatedOptions::new(device("sim-01"), 7, epoch());
    simulated.interval = VirtualDuration::from_millis(5);
    let mut all = vec![
        Backend {
            name: "simulated",
            machine: Box::new(SimulatedMachine::new(simulated).unwrap()),
            says: None,
            echoes: None,
            blinks: None,
            wall: false,
        },
        // The firmware does not wait until a byte has left, as it has to on a chip: see `two_kinds`.
        firmware("emulator", "h\n", Box::new(emulated())),
        firmware("renode (stand-in)", HELLO, Box::new(stand_in().0)),
    ];
    #[cfg(feature = "probe")]
    all.push(Backend {
        name: "probe (virtual)",
        machine: Box::new(probed()),
        says: Some(("rtt0", "ready\n")),
        echoes: None,
        blinks: None,
        wall: false,
    });
    if cfg!(unix) {
        let script = "echo hello; cat";
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let options = ProcessOptions::new(device("program"), command, String::new());
        all.push(Backend {
            name: "process",
            machine: Box::new(ProcessMachine::new(options).unwrap()),
            says: Some(("stdout", "hello\n")),
            echoes: None,
            blinks: None,
            wall: true,
        });
    }
    match std::env::var_os("RENODE") {
        Some(given) => {
            let mut options = renode_options();
            let search = Search::usual(None, Some(&given), None);
            options.session = Renode::options().search(search);
            let machine = RenodeMachine::new(&options).unwrap();
            all.push(firmware("renode", HELLO, Box::new(machine)));
        }
        None => eprintln!("SKIPPED: a real Renode: set RENODE to an installation"),
    }
    all
}

const STEP: VirtualDuration = VirtualDuration::from_millis(10);

/// Runs in steps until something holds; time, order and borders are checked at each.
fn run_until(bench: &mut Bench, wall: bool, holds: impl Fn(&Bench) -> bool) -> bool {
    for _ in 0..400 {
        if holds(bench) {
            return true;
        }
        bench.step(bench.now + STEP);
        if wall {
            thread::sleep(Duration::from_millis(10));
        } else if bench.now > VirtualTime::from_millis(400) {
            break;
        }
    }
    holds(bench)
}

fn said(bench: &Bench, port: &str) -> Vec<u8> {
    let bytes = bench.out.iter().filter_map(|output| match &output.kind {
        OutputKind::Uart { port: it, bytes } if it == port => Some(bytes.to_vec()),
        _ => None,
    });
    bytes.flatten().collect()
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|it| it == part)
}

fn bench(machine: Box<dyn Machine>) -> Bench {
    let mut bench = Bench::new(emulated());
    bench.machine = machine;
    bench
}

#[test]
fn it_boots_and_says_so() {
    for backend in present() {
        let Some((port, text)) = backend.says else {
            continue;
        };
        let mut bench = bench(backend.machine);
        let heard = run_until(&mut bench, backend.wall, |bench| {
            contains(&said(bench, port), text.as_bytes())
        });
        assert!(heard, "{}: {:?}", backend.name, bench.out);
    }
}

#[test]
fn a_serial_port_goes_both_ways_with_every_byte() {
    // What a terminal would change: line ends, telnet's escape, no character.
    let bytes = [0x00, 0x0D, 0x0A, 0xFF, 0xFE, 0x80];
    for backend in present() {
        let Some(port) = backend.echoes else { continue };
        let mut bench = bench(backend.machine);
        let (_, first) = backend.says.unwrap();
        assert!(run_until(&mut bench, backend.wall, |bench| {
            contains(&said(bench, port), first.as_bytes())
        }));
        for byte in bytes {
            // One at a time: the firmware has no buffer.
            bench.give(Stimulus::Uart {
                port: port.to_owned(),
                bytes: vec![byte].into(),
            });
            bench.step(bench.now + STEP);
        }
        let echoed = run_until(&mut bench, backend.wall, |bench| {
            contains(&said(bench, port), &bytes)
        });
        assert!(echoed, "{}: {:?}", backend.name, said(&bench, port));
    }
}

#[test]
fn pins_change_at_their_times_and_up_and_down_in_turn() {
    for backend in present() {
        let Some(pin) = backend.blinks else { continue };
        let mut bench = bench(backend.machine);
        run_until(&mut bench, backend.wall, |_| false);
        let levels: Vec<_> = bench
            .out
            .iter()
            .filter_map(|output| match &output.kind {
                OutputKind::Pin { name, high } if name == pin => Some((output.time, *high)),
                _ => None,
            })
            .collect();
        assert!(levels.len() > 4, "{}: {levels:?}", backend.name);
        for pair in levels.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{}", backend.name);
            assert_ne!(pair[0].1, pair[1].1, "{}", backend.name);
        }
    }
}

#[test]
fn it_stops_wherever_it_is_told_and_goes_on() {
    for backend in present() {
        let mut bench = bench(backend.machine);
        for nanos in [1, 999, 1_000, 1_001, 2_500_000, 2_500_000, 40_000_000] {
            // Time and order are checked at each step.
            let end = bench.now.max(VirtualTime::from_nanos(nanos));
            bench.step(end);
            if let Wake::At(wake) = bench.machine.next_wake() {
                assert!(wake >= bench.now, "{}: {wake}", backend.name);
            }
        }
        // A time that has passed is no error and changes nothing.
        let halt = bench.machine.run_until(VirtualTime::from_millis(1));
        assert_eq!(halt.unwrap(), Halt::Reached, "{}", backend.name);
    }
}

#[test]
fn what_it_does_not_have_it_refuses_by_name() {
    for backend in present() {
        let mut machine = backend.machine;
        for (stimulus, named) in [
            (
                Stimulus::Uart {
                    port: "aux".to_owned(),
                    bytes: "x".into(),
                },
                "aux",
            ),
            (
                Stimulus::Button {
                    name: "doorbell".to_owned(),
                    pressed: true,
                },
                "doorbell",
            ),
            (
                Stimulus::Sensor {
                    quantity: "noise".to_owned(),
                    value: 1.0,
                },
                "noise",
            ),
        ] {
            let error = machine.apply(stimulus).unwrap_err().to_string();
            assert!(error.contains(named), "{}: {error}", backend.name);
            assert!(error.contains("has"), "{}: {error}", backend.name);
        }
    }
}

#[test]
fn after_a_reset_it_boots_again() {
    for backend in present() {
        let Some((port, text)) = backend.says else {
            continue;
        };
        let mut bench = bench(backend.machine);
        let times = |bench: &Bench| {
            let said = said(bench, port);
            said.windows(text.len())
                .filter(|it| *it == text.as_bytes())
                .count()
        };
        assert!(run_until(&mut bench, backend.wall, |bench| times(bench) == 1));
        bench.give(Stimulus::Reset);
        let again = run_until(&mut bench, backend.wall, |bench| times(bench) == 2);
        assert!(again, "{}: {:?}", backend.name, said(&bench, port));
    }
}

#[test]
fn a_stimulus_is_felt() {
    let sensor = Stimulus::Sensor {
        quantity: "temperature".to_owned(),
        value: 77.25,
    };
    let line = |port: &str| Stimulus::Uart {
        port: port.to_owned(),
        bytes: "felt\n".into(),
    };
    let mut felt = Vec::new();
    for backend in present() {
        // What each has: a sensor, its input, a channel, a serial port.
        let (stimulus, port, text) = match backend.name {
            "simulated" => (sensor.clone(), "", "77.25"),
            "process" => (line("stdin"), "stdout", "felt"),
            "probe (virtual)" => (line("rtt0"), "rtt0", "FELT"),
            _ => continue,
        };
        felt.push(backend.name);
        let mut bench = bench(backend.machine);
        if let Some((port, first)) = backend.says {
            assert!(run_until(&mut bench, backend.wall, |bench| {
                contains(&said(bench, port), first.as_bytes())
            }));
        }
        bench.give(stimulus);
        let noticed = run_until(&mut bench, backend.wall, |bench| {
            let message = bench.out.iter().any(|output| match &output.kind {
                OutputKind::Message(message) => contains(&message.body, text.as_bytes()),
                _ => false,
            });
            message || contains(&said(bench, port), text.as_bytes())
        });
        assert!(noticed, "{}: {:?}", backend.name, bench.out);
    }
    assert!(felt.contains(&"simulated"));
}

/// Flash memory whose program is one undefined instruction, and so is the handler of its fault.
fn undefined() -> Image {
    let mut flash = vec![0; 0x48];
    flash[..4].copy_from_slice(&0x2000_1000_u32.to_le_bytes());
    for vector in [4, 12] {
        flash[vector..vector + 4].copy_from_slice(&0x0800_0041_u32.to_le_bytes());
    }
    flash[0x40..0x42].copy_from_slice(&0xDE00_u16.to_le_bytes());
    Image::from_flash(&flash, &BoardFile::parse(BOARD).unwrap().memory_map())
}

#[test]
fn a_lockup_is_told_and_lasts_until_a_reset() {
    let mut options = EmulatorOptions::new(device("crash"), 7, epoch());
    options.modem = None;
    let board = Board::new(&BoardFile::parse(BOARD).unwrap(), undefined().into()).unwrap();
    let emulator = EmulatorMachine::with_board(board, options).unwrap();
    #[cfg_attr(
        not(feature = "probe"),
        expect(unused_mut, reason = "a probe's board is the second")
    )]
    let mut all: Vec<(&str, Box<dyn Machine>, Option<Stimulus>)> =
        vec![("emulator", Box::new(emulator), None)];
    #[cfg(feature = "probe")]
    {
        // The firmware runs into an undefined instruction when it is told to.
        let crash = Stimulus::Uart {
            port: "rtt0".to_owned(),
            bytes: "!".into(),
        };
        all.push(("probe (virtual)", Box::new(probed()), Some(crash)));
    }
    for (name, mut machine, crash) in all {
        lockup_lasts(name, &mut machine, crash, "undefined instruction");
    }
    let (renode, pretend, _folder) = stand_in();
    let mut renode: Box<dyn Machine> = Box::new(renode);
    let now = VirtualTime::from_millis(250);
    assert_eq!(renode.run_until(now).unwrap(), Halt::Reached);
    pretend.halt();
    lockup_lasts("renode (stand-in)", &mut renode, None, "at 0x800004a");
}
/// It locks up, and does nothing more until a reset.
fn lockup_lasts(name: &str, machine: &mut Box<dyn Machine>, crash: Option<Stimulus>, why: &str) {
    let mut now = VirtualTime::from_millis(250);
    let mut run = |machine: &mut Box<dyn Machine>, millis| {
        now += VirtualDuration::from_millis(millis);
        machine.run_until(now).unwrap()
    };
    if let Some(crash) = crash {
        assert_eq!(run(machine, 50), Halt::Reached, "{name}");
        machine.apply(crash).unwrap();
    }
    let Halt::Lockup(reason) = run(machine, 300) else {
        panic!("{name} goes on");
    };
    assert!(reason.contains(why), "{name}: {reason}");
    assert_eq!(machine.next_wake(), Wake::Never, "{name}");
    let again = run(machine, 10);
    assert_eq!(again, Halt::Lockup(reason), "{name}");
    machine.apply(Stimulus::Reset).unwrap();
    assert_ne!(machine.next_wake(), Wake::Never, "{name} after a reset");
    if name.starts_with("renode") {
        assert_eq!(run(machine, 300), Halt::Reached, "{name} after a reset");
    }
}

#[test]
fn what_can_be_looked_into_shows_its_processor_and_memory() {
    let mut looked = Vec::new();
    for backend in present() {
        let name = backend.name;
        let mut bench = bench(backend.machine);
        bench.step(VirtualTime::from_millis(20));
        let Some(inspect) = bench.machine.inspect() else {
            continue;
        };
        looked.push(name);
        let registers = inspect.registers();
        let register = |wanted: &str| {
            let found = registers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.unwrap_or_else(|| panic!("{name}: {registers:?}")).1
        };
        // It executes from flash memory, on a stack in RAM.
        assert!(
            (0x0800_0000..0x0810_0000).contains(&register("pc")),
            "{name}"
        );
        assert!(
            (0x2000_0000..=0x2004_0000).contains(&register("sp")),
            "{name}"
        );
        // The vector table: the first stack pointer and a Thumb address.
        let vectors = inspect.memory(0x0800_0000, 8);
        assert_eq!(vectors[3], 0x20, "{name}: {vectors:?}");
        assert_eq!(
            (vectors[4] & 1, vectors[7]),
            (1, 0x08),
            "{name}: {vectors:?}"
        );
        assert!(inspect.memory(0x6000_0000, 4).is_empty(), "{name}");
    }
    assert!(looked.contains(&"emulator"), "{looked:?}");
}
