//! An emulated board behind a probe for other programs.
#![cfg(unix)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// `twinbench probe serve`.
struct Lent {
    child: Child,
    /// What other programs are told: `probe`, `protocol`, `chip`.
    said: Value,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
        Self { child, said }
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
    let id = lent.child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(lent.child.wait().unwrap().success());
}
