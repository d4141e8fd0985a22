//! An emulated board behind a probe for other programs, and the stock `probe-rs` as one of them.
#![cfg(unix)]

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// `twinbench probe serve`.
struct Lent {
    child: Ends,
    /// What other programs are told: `probe`, `protocol`, `chip`.
    said: Value,
}

impl Lent {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .args(["--format", "json", "probe", "serve"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self {
            child: Ends(child),
            said,
        }
    }

    fn word(&self, name: &str) -> &str {
        self.said[name].as_str().unwrap()
    }
}

#[test]
fn a_board_is_lent_to_other_programs() {
    let mut lent = Lent::start();
    assert_eq!(lent.word("chip"), "STM32F412RG");
    let address = lent.word("probe").strip_prefix("1d50:6018:").unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    // Its name and the version of its protocol.
    client.write_all(b"!GA#!HC#").unwrap();
    let expected = "&KTwinbench virtual probe#&K3#";
    let mut answers = vec![0; expected.len()];
    client.read_exact(&mut answers).unwrap();
    assert_eq!(String::from_utf8_lossy(&answers), expected);
    let id = lent.child.0.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(lent.child.0.wait().unwrap().success());
}

/// A program that ends with its owner.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The stock program on a lent board.
struct Stock<'a> {
    program: OsString,
    lent: &'a Lent,
}

impl Stock<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("PROBE_RS_PROBE", self.lent.word("probe"))
            .env("PROBE_RS_PROTOCOL", self.lent.word("protocol"))
            .env("PROBE_RS_NON_INTERACTIVE", "true")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn on_chip(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("PROBE_RS_CHIP", self.lent.word("chip"));
        command
    }
}

/// Everything that a program says, as it comes.
fn said(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let listen = |stream: Box<dyn std::io::Read + Send>| {
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    };
    listen(Box::new(child.stdout.take().unwrap()));
    listen(Box::new(child.stderr.take().unwrap()));
    lines
}

/// Runs a program to its end, which is a good one.
fn done(mut command: Command) -> String {
    let mut child = Ends(command.spawn().unwrap());
    let lines = said(&mut child.0);
    let mut text = String::new();
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        text.push_str(&line);
        text.push('\n');
    }
    let _ = child.0.kill();
    let status = child.0.wait().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{text}");
    text
}

/// Runs a program that does not end until it has said all of these.
fn until(mut command: Command, wanted: &[&str]) {
    // Without a terminal it does not listen to Ctrl-C.
    let mut child = Ends(command.spawn().unwrap());
    let lines = said(&mut child.0);
    let mut text = String::new();
    while !wanted.iter().all(|it| text.contains(it)) {
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            panic!("{command:?}: {wanted:?} are not all in\n{text}");
        };
        text.push_str(&line);
        text.push('\n');
    }
}

/// Run where `PROBE_RS` names the program (`cargo install probe-rs-tools`), and said otherwise, in CI too:
/// building it takes ten minutes, and the driver that it has for such boards is tested from its library
/// everywhere (`machine/tests/probe/black_magic.rs`).
#[test]
fn the_stock_command_line_flashes_and_debugs_a_lent_board() {
    let Some(program) = std::env::var_os("PROBE_RS") else {
        eprintln!("SKIPPED: set PROBE_RS to a probe-rs program to try it");
        return;
    };
    let lent = Lent::start();
    let stock = Stock {
        program,
        lent: &lent,
    };
    let elf: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../machine/tests/probe/firmware/probe-firmware.elf");
    let elf = elf.to_str().unwrap();

    let text = done(stock.command(&["info", "--verbose"]));
    assert!(
        text.contains("0xe00ff000 ROM Table (Class 1), Designer: STMicroelectronics"),
        "{text}"
    );
    done(stock.on_chip(&["download", "--verify", elf]));
    done(stock.on_chip(&["verify", elf]));
    let text = done(stock.on_chip(&["read", "b32", "0x08000000", "2"]));
    // The end of RAM, and an address in flash memory.
    assert!(text.contains("08000000: 20040000 08000"), "{text}");
    done(stock.on_chip(&["write", "b32", "0x2003F000", "0xC0FFEE11"]));
    let text = done(stock.on_chip(&["read", "b32", "0x2003F000", "1"]));
    assert!(text.contains("c0ffee11"), "{text}");
    done(stock.on_chip(&["reset"]));
    let heard = ["ready", "up with RTT at 16000000 Hz"];
    until(stock.on_chip(&["attach", elf]), &heard);
    until(stock.on_chip(&["run", elf]), &heard);
    debugged(&stock, elf);
}

/// GDB through the stock program: a breakpoint, the callers, a step.
fn debugged(stock: &Stock<'_>, elf: &str) {
    let debugger = "gdb-multiarch";
    if Command::new(debugger).arg("--version").output().is_err() {
        eprintln!("SKIPPED: {debugger} is not installed");
        return;
    }
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let arguments = [
        "gdb",
        "--reset-halt",
        "--gdb-connection-string",
        &address,
        elf,
    ];
    let mut stub = Ends(stock.on_chip(&arguments).spawn().unwrap());
    let lines = said(&mut stub.0);
    while !lines.recv_timeout(PATIENCE).unwrap().contains(&address) {}
    let mut session = Command::new(debugger);
    session.args(["-nx", "-batch", elf]);
    for line in [
        "set tcp connect-timeout 30",
        &format!("target remote {address}"),
        "hbreak main",
        "continue",
        "backtrace",
        "stepi",
        "x/1xw 0x08000000",
        "detach",
    ] {
        session.args(["-ex", line]);
    }
    session.stdin(Stdio::null());
    session.stdout(Stdio::piped()).stderr(Stdio::piped());
    let text = done(session);
    for part in ["Breakpoint 1, ", "#0  probe_firmware::", "0x20040000"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
