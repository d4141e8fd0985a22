//! A look into the devkit's firmware by names, and a real GDB at its port.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

#[expect(dead_code, reason = "the tests with a hub use more of it")]
mod common;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use common::{devkit_image, devkit_options};
use twinbench_machine::{DebuggedMachine, EmulatorMachine, Halt, Inspect, Machine, Stimulus, Wake};
use twinbench_model::{VirtualDuration, VirtualTime};

fn devkit() -> EmulatorMachine {
    let mut options = devkit_options();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fixtures/firmware/devkit.elf"
    );
    options.elf = Some(std::fs::read(path).unwrap().into());
    EmulatorMachine::az3166(devkit_image(), options).unwrap()
}

#[test]
fn variables_registers_and_a_backtrace_of_the_running_firmware() {
    let mut machine = devkit();
    machine.run_until(VirtualTime::from_secs(2)).unwrap();
    let registers = machine.registers();
    let get = |name: &str| registers.iter().find(|(it, _)| *it == name).unwrap().1;
    assert!((0x0800_0000..0x0810_0000).contains(&get("pc")));
    assert!((0x2000_0000..=0x2004_0000).contains(&get("sp")));
    let frames = machine.backtrace().unwrap();
    let names: Vec<_> = frames
        .iter()
        .filter_map(|it| it.function.as_deref())
        .collect();
    let waiting = names.iter().any(|name| name.contains("Executor::run"));
    assert!(waiting, "{names:?}");

    // The vector table is what the image begins with.
    assert_eq!(machine.memory(0x0800_0000, 4).len(), 4);
    assert_eq!(machine.memory(0x0810_0000 - 2, 4).len(), 2);
    assert!(
        machine.memory(0x4000_0000, 4).is_empty(),
        "peripherals have side effects"
    );

    // Every name that the file has is found by it.
    let elf = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fixtures/firmware/devkit.elf"
    ));
    let symbols = twinbench_emulator::symbols::Symbols::from_elf(&elf.unwrap()).unwrap();
    let in_ram = |address: u32| (0x2000_0000..0x2004_0000).contains(&address);
    let known = symbols
        .variables()
        .find(|it| in_ram(it.address) && it.size == 4)
        .unwrap();
    let found = machine.variable(&known.name).unwrap();
    assert_eq!((found.address, found.bytes.len()), (known.address, 4));
    assert!(found.unsigned().is_some());
    let error = machine.variable("no_such_thing").unwrap_err().to_string();
    assert!(error.contains("no variable \"no_such_thing\""), "{error}");

    let mut nameless = EmulatorMachine::az3166(devkit_image(), devkit_options()).unwrap();
    let error = nameless.backtrace().unwrap_err().to_string();
    assert!(error.contains("give the .elf"), "{error}");
}

#[test]
fn a_register_that_is_not_modelled_is_fatal_when_asked() {
    let map = twinbench_emulator::MemoryMap::STM32F412XG;
    // LDR R0, [PC, #4]; LDR R0, [R0]; B .; word: CAN1.
    let mut flash = vec![0, 0, 4, 0x20, 9, 0, 0, 8];
    flash.extend(
        [0x4801u16, 0x6800, 0xE7FE, 0xBF00]
            .iter()
            .flat_map(|it| it.to_le_bytes()),
    );
    flash.extend(0x4000_6400u32.to_le_bytes());
    let image = Arc::new(twinbench_emulator::Image::from_flash(&flash, &map));
    let mut options = devkit_options();
    options.unmodelled_is_fatal = true;
    let mut machine = EmulatorMachine::az3166(image, options).unwrap();
    let halt = machine.run_until(VirtualTime::from_secs(1)).unwrap();
    let Halt::Lockup(text) = halt else {
        panic!("{halt:?}")
    };
    assert!(
        text.contains("CAN1") && text.contains("pc 0x0800000a"),
        "{text}"
    );
}

/// GDB finds the board while nobody runs it, looks, steps, and lets it go; its time stands meanwhile.
#[test]
fn gdb_at_its_port_while_the_bench_is_paused_and_while_it_runs() {
    if Command::new("gdb-multiarch")
        .arg("--version")
        .output()
        .is_err()
    {
        assert!(std::env::var_os("CI").is_none(), "gdb-multiarch is missing");
        eprintln!("\n!!! SKIPPED: gdb-multiarch is missing; install it to run this test !!!\n");
        return;
    }
    let mut machine = DebuggedMachine::new(devkit(), 0).unwrap();
    let address = machine.address();
    machine.run_until(VirtualTime::from_secs(1)).unwrap();
    let elf = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fixtures/firmware/devkit.elf"
    );
    let gdb = move |script: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["20", "gdb-multiarch", "-nx", "-batch", "-ex"]);
        command.arg(format!("target remote {address}"));
        for line in script {
            command.args(["-ex", line]);
        }
        let output = command.arg(elf).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text + &String::from_utf8_lossy(&output.stderr)
    };

    // Paused: nobody calls the machine.
    let text = gdb(&[
        "info registers pc",
        "stepi",
        "x/2i $pc",
        "monitor time",
        "detach",
    ]);
    assert!(text.contains("pc             0x8"), "{text}");
    assert!(text.contains("instructions"), "{text}");

    // Running: the client holds it at a place that every wait passes, and lets it go.
    let done = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&done);
    let client = thread::spawn(move || {
        let text = gdb(&[
            "delete",
            "hbreak *(unsigned)$pc",
            "continue",
            "info registers pc",
            "delete",
            "detach",
        ]);
        theirs.store(true, Ordering::SeqCst);
        text
    });
    let mut now = VirtualTime::from_secs(1);
    while !done.load(Ordering::SeqCst) {
        now += VirtualDuration::from_millis(100);
        assert_eq!(machine.run_until(now).unwrap(), Halt::Reached);
        machine.drain(&mut Vec::new());
        thread::sleep(Duration::from_millis(1));
    }
    let text = client.join().unwrap();
    assert!(text.contains("Breakpoint 1, "), "{text}");

    // Nobody is left: it goes on as ever.
    let press = Stimulus::Button {
        name: "a".to_owned(),
        pressed: true,
    };
    machine.apply(press).unwrap();
    let halt = machine
        .run_until(now + VirtualDuration::from_secs(1))
        .unwrap();
    assert_eq!(halt, Halt::Reached);
    assert_ne!(machine.next_wake(), Wake::Never);
}

/// A board that sleeps says until when, so that a bench may jump there; one that a client holds may
/// not be jumped over, however long it would have slept.
#[test]
fn time_does_not_jump_over_a_board_that_a_client_holds() {
    let until = |machine: &DebuggedMachine, busy: bool| {
        for _ in 0..60_000 {
            if (machine.next_wake() == Wake::Busy) == busy {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("the next wake is {:?}", machine.next_wake());
    };
    let mut machine = DebuggedMachine::new(devkit(), 0).unwrap();
    machine.run_until(VirtualTime::from_secs(1)).unwrap();
    assert_ne!(machine.next_wake(), Wake::Busy, "it sleeps");

    let client = std::net::TcpStream::connect(machine.address()).unwrap();
    until(&machine, true);
    let registers = machine.registers();
    // The bench goes on: it waits for the client, and the board stays where it is.
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    let bench = thread::spawn(move || {
        assert_eq!(machine.registers(), registers);
        let halt = machine.run_until(VirtualTime::from_secs(3));
        told.store(true, Ordering::SeqCst);
        (machine, halt)
    });
    thread::sleep(Duration::from_millis(300));
    assert!(!done.load(Ordering::SeqCst), "it did not wait");

    drop(client);
    let (machine, halt) = bench.join().unwrap();
    assert_eq!(halt.unwrap(), Halt::Reached);
    until(&machine, false);
}
