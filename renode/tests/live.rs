//! With a real Renode: what the recorded sessions showed, and our board with the committed firmware.
//!
//! Run only when `RENODE` is set, and say so otherwise: Renode is a program of its own that nobody has to
//! install.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use std::{env, path::Path, time::Duration};

use renode_rs_bindings::{
    AZ3166, Generation, Renode, Search, Session,
    control::{Control, Width},
};

const PATIENCE: Duration = Duration::from_mins(2);

/// A session of the installation that `RENODE` names; none: say so.
fn session() -> Option<Session> {
    let Some(given) = env::var_os("RENODE") else {
        eprintln!("SKIPPED: set RENODE to a Renode installation to try it");
        return None;
    };
    let search = Search::usual(None, Some(&given), None);
    Some(
        Renode::options()
            .search(search)
            .patience(PATIENCE)
            .build()
            .unwrap(),
    )
}

fn fixture(path: &str) -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    path.canonicalize().unwrap()
}

fn hello(session: &Session) {
    session.create_machine("dev1").unwrap();
    session
        .load_platform(Path::new("platforms/cpus/stm32f412.repl"))
        .unwrap();
    session
        .load_elf(&fixture("tests/transcripts/hello.elf"))
        .unwrap();
    session.make_repeatable(1).unwrap();
}

/// The values are those of the recorded sessions.
#[test]
fn hello_is_said_and_pins_change_when_they_did() {
    let Some(mut session) = session() else { return };
    hello(&session);
    let mut uart = session.uart("sysbus.usart2").unwrap();
    session.watch_pin("dev1", "sysbus.gpioPortA", 5).unwrap();
    let edges = session.run_for(Duration::from_millis(20)).unwrap();
    let micros: Vec<_> = edges.iter().map(|edge| edge.time.as_micros()).collect();
    assert_eq!(micros, [11_400, 13_100, 14_700, 16_300, 18_000, 19_600]);
    assert_eq!(session.time().unwrap(), Duration::from_millis(20));
    let mut said = Vec::new();
    while said.len() < 19 {
        said.extend(uart.receive(PATIENCE).unwrap());
    }
    assert_eq!(said, b"hello from renode\r\n");
    let bytes = [0x00, 0x0D, 0x0A, 0xFF, 0xFE, 0x80];
    uart.send(&bytes).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    session.run_for(Duration::from_millis(5)).unwrap();
    said.clear();
    while said.len() < 6 {
        said.extend(uart.receive(PATIENCE).unwrap());
    }
    assert_eq!(said, bytes);
}

#[test]
fn memory_is_read_and_written() {
    let Some(mut session) = session() else { return };
    hello(&session);
    session.write_word(0x2000_0100, 0xDEAD_BEEF).unwrap();
    assert_eq!(session.read_word(0x2000_0100).unwrap(), 0xDEAD_BEEF);
    let generation = session.version().external_control();
    if let Some(Generation::One(commands)) = generation
        && commands.bus.is_none()
    {
        return;
    }
    let control: &mut Control = session.control().unwrap();
    let machine = control.machine("dev1").unwrap();
    let bus = control.bus(machine, "sysbus").unwrap();
    let word = control
        .read(bus, Width::DoubleWord, 0x2000_0100, 1)
        .unwrap();
    assert_eq!(word, 0xDEAD_BEEF_u32.to_le_bytes());
}

#[test]
fn a_processor_is_halted_and_let_go() {
    let Some(mut session) = session() else { return };
    hello(&session);
    let processor = "sysbus.cpu";
    assert!(!session.is_halted(processor).unwrap());
    session.set_halted(processor, true).unwrap();
    assert!(session.is_halted(processor).unwrap());
    session.set_halted(processor, false).unwrap();
    session.run_for(Duration::from_millis(1)).unwrap();
    assert!(!session.is_halted(processor).unwrap());
}

/// Our models compile, and their properties take values.
#[test]
fn the_board_comes_up_and_runs() {
    let Some(mut session) = session() else { return };
    let firmware = fixture("../fixtures/firmware/devkit.elf");
    session.load_board(&AZ3166, "az3166", &firmware).unwrap();
    let mut console = session.uart("sysbus.usart6").unwrap();
    session
        .set_sensor("sysbus.i2c1.hts221", "Temperature", 31.5)
        .unwrap();
    let value = session.property("sysbus.i2c1.hts221", "Temperature");
    assert_eq!(value.unwrap(), "31.5");
    session.press("sysbus.gpioPortA.buttonA", true).unwrap();
    session.press("sysbus.gpioPortA.buttonA", false).unwrap();
    for _ in 0..20 {
        session.run_for(Duration::from_millis(100)).unwrap();
        if !console
            .receive(Duration::from_millis(50))
            .unwrap()
            .is_empty()
        {
            return;
        }
    }
    panic!("nothing on the console; renode's log: {:?}", session.log());
}
