//! Dialogues with the modem, as transcripts: `>` is what the firmware sends, `<` what it hears,
//! `~>` what the modem asks of the network and `~<` what the network tells it. Times are virtual
//! seconds. `INSTA_UPDATE=always cargo test` writes the transcripts anew.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use std::fmt::Write as _;

use bytes::Bytes;
use twinbench_machine::{
    NetworkEvent, NetworkRequest,
    modem::{AccessPoints, Modem, ModemOptions, ModemOutput},
};
use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

/// A modem, a firmware played by the test, and what was said.
struct Desk {
    modem: Modem,
    now: VirtualTime,
    transcript: String,
    /// The network answers every request to connect at once.
    reachable: bool,
    heard: (VirtualTime, Vec<u8>),
}

impl Desk {
    fn new(options: ModemOptions) -> Self {
        let epoch = Epoch::new("2026-03-01T12:00:00Z".parse().unwrap());
        Self {
            modem: Modem::new(options, epoch, VirtualTime::ZERO),
            now: VirtualTime::ZERO,
            transcript: String::new(),
            reachable: true,
            heard: (VirtualTime::ZERO, Vec::new()),
        }
    }

    /// In the network, without echo, and with an empty transcript.
    fn joined() -> Self {
        let mut desk = Self::new(ModemOptions::default());
        for command in ["ATE0", "AT+CWMODE=1", "AT+CWJAP=\"home\",\"secret\""] {
            desk.command(command);
        }
        desk.wait(2.0);
        desk.transcript.clear();
        desk
    }

    /// Sends a command and waits a moment for its answer.
    fn command(&mut self, text: &str) {
        self.send(format!("{text}\r\n").as_bytes());
        self.wait(0.1);
    }

    /// Sends bytes at 115,200 baud.
    fn send(&mut self, bytes: &[u8]) {
        self.flush();
        let shown = bytes.escape_ascii();
        writeln!(self.transcript, "{:9.3} >  {shown}", self.now.as_secs_f64()).unwrap();
        for byte in bytes {
            self.run(self.now + VirtualDuration::from_nanos(86_806));
            self.modem.receive(self.now, *byte);
        }
    }

    fn wait(&mut self, secs: f64) {
        self.run(self.now + VirtualDuration::from_secs_f64(secs));
        self.flush();
    }

    fn tell(&mut self, event: NetworkEvent) {
        self.flush();
        let now = self.now.as_secs_f64();
        writeln!(self.transcript, "{now:9.3} ~< {event:?}").unwrap();
        self.modem.network(self.now, event);
    }

    fn run(&mut self, until: VirtualTime) {
        while let Some(wake) = self.modem.next_wake().filter(|wake| *wake <= until) {
            assert!(wake >= self.now, "time goes back");
            self.now = wake;
            self.modem.advance(wake);
            let mut out = Vec::new();
            self.modem.drain(&mut out);
            for (time, output) in out {
                assert_eq!(time, wake);
                match output {
                    ModemOutput::Line(bytes) => {
                        if self.heard.1.is_empty()
                            || time.since(self.heard.0) > VirtualDuration::from_millis(10)
                        {
                            self.flush();
                            self.heard.0 = time;
                        }
                        self.heard.1.extend_from_slice(&bytes);
                    }
                    ModemOutput::Network(request) => {
                        self.flush();
                        let shown = format!("{request:?}").replace("NetworkRequest::", "");
                        writeln!(self.transcript, "{:9.3} ~> {shown}", time.as_secs_f64()).unwrap();
                        if let (true, NetworkRequest::Open { connection, .. }) =
                            (self.reachable, request)
                        {
                            self.tell(NetworkEvent::Opened { connection });
                        }
                    }
                    ModemOutput::Note(text) => {
                        self.flush();
                        writeln!(self.transcript, "{:9.3} #  {text}", time.as_secs_f64()).unwrap();
                    }
                }
            }
        }
        self.now = until;
    }

    /// Writes what was heard, a line each.
    fn flush(&mut self) {
        let time = self.heard.0;
        let bytes = std::mem::take(&mut self.heard.1);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let shown = line.escape_ascii();
            writeln!(self.transcript, "{:9.3} <  {shown}", time.as_secs_f64()).unwrap();
        }
    }

    fn transcript(mut self) -> String {
        self.flush();
        self.transcript
    }
}

fn received(connection: u32, bytes: &'static [u8]) -> NetworkEvent {
    NetworkEvent::Received {
        connection,
        bytes: Bytes::from_static(bytes),
    }
}

fn closed(connection: u32) -> NetworkEvent {
    NetworkEvent::Closed {
        connection,
        reason: "test".to_owned(),
    }
}

#[test]
fn from_the_first_word_to_the_hub_and_back() {
    let mut desk = Desk::new(ModemOptions::default());
    for command in ["AT", "ATE0", "AT+CWMODE=1"] {
        desk.command(command);
    }
    desk.command("AT+CWJAP=\"home\\, sweet\",\"s\\\"cret\"");
    desk.wait(2.0);
    desk.command("AT+CWJAP?");
    desk.command("AT+CIFSR");
    desk.command("AT+CIPSNTPCFG=1,0,\"pool.ntp.org\"");
    desk.command("AT+CIPSNTPTIME?");
    desk.wait(1.0);
    desk.command("AT+CIPSNTPTIME?");
    desk.command("AT+CIPMODE=1");
    desk.command("AT+CIPSTART=\"SSL\",\"hub.local\",8883");
    desk.wait(1.0);
    desk.command("AT+CIPSEND");
    desk.send(b"\x10\x02+++x");
    desk.wait(0.1);
    desk.tell(received(1, b"\x20\x02\x00\x00"));
    desk.wait(1.1);
    desk.send(b"+++");
    desk.wait(1.1);
    desk.command("AT+CIPSTATE?");
    desk.command("AT+CIPCLOSE");
    desk.command("AT+CIPCLOSE");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn normal_transmission() {
    let mut desk = Desk::joined();
    desk.command("AT+CIPSTART=\"TCP\",\"10.0.0.1\",80");
    desk.command("AT+CIPSTATUS");
    desk.command("AT+CIPSTART=\"TCP\",\"10.0.0.1\",80");
    desk.command("AT+CIPSEND=4");
    desk.send(b"testAT\r\n");
    desk.wait(0.1);
    desk.tell(received(1, b"answer"));
    desk.wait(0.1);
    desk.command("AT+CIPSEND=8193");
    desk.command("AT+CIPSEND");
    desk.tell(closed(1));
    desk.wait(0.1);
    desk.command("AT+CIPSTATUS");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn several_connections() {
    let mut desk = Desk::joined();
    desk.command("AT+CIPMUX=1");
    desk.command("AT+CIPMODE=1");
    desk.command("AT+CIPSTART=0,\"TCP\",\"a\",1");
    desk.command("AT+CIPSTART=3,\"SSL\",\"b\",2");
    desk.wait(0.5);
    desk.command("AT+CIPSEND=3,2");
    desk.send(b"hi");
    desk.wait(0.1);
    desk.tell(received(1, b"one"));
    desk.tell(received(2, b"two"));
    desk.wait(0.1);
    desk.command("AT+CIPSTATE?");
    desk.command("AT+CIPMUX=0");
    desk.command("AT+CIPCLOSE=1");
    desk.command("AT+CIPCLOSE=5");
    desk.command("AT+CIPMUX=0");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let mut desk = Desk::new(ModemOptions {
        access_points: AccessPoints::Known([("home".to_owned(), "secret".to_owned())].into()),
        ..ModemOptions::default()
    });
    desk.command("ATE0");
    desk.command("AT+CWJAP=\"home\",\"secret\"");
    desk.command("AT+CWMODE=1");
    desk.command("AT+CWJAP=\"away\",\"secret\"");
    desk.wait(3.0);
    desk.command("AT+CWJAP=\"home\",\"wrong\"");
    desk.wait(3.0);
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    for nonsense in [
        "AT+NONSENSE",
        "hello",
        "AT+CIPMUX=2",
        "AT+CIPMUX=",
        "AT+CWJAP=\"a",
        "AT+GMR?",
    ] {
        desk.command(nonsense);
    }
    desk.command(&"A".repeat(400));
    desk.command("AT");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn a_command_in_progress_keeps_others_waiting() {
    let mut desk = Desk::new(ModemOptions::default());
    for command in [
        "ATE0",
        "AT+CWMODE=1",
        "AT+CWJAP=\"home\",\"\"",
        "AT",
        "AT+CWQAP",
    ] {
        desk.command(command);
    }
    desk.wait(2.0);
    desk.command("AT+CWQAP");
    desk.command("AT+CWJAP?");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn nobody_there() {
    let mut desk = Desk::joined();
    desk.reachable = false;
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.tell(closed(1));
    desk.wait(0.1);
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.wait(11.0);
    desk.command("AT");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn a_connection_lost_in_passthrough_is_said_and_tried_again() {
    let mut desk = Desk::joined();
    desk.command("AT+CIPMODE=1");
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.command("AT+CIPSEND");
    desk.tell(closed(1));
    desk.send(b"lost");
    desk.wait(0.05);
    desk.reachable = false;
    desk.wait(0.3);
    desk.tell(closed(2));
    desk.reachable = true;
    desk.wait(0.5);
    desk.send(b"goes on");
    desk.wait(0.1);
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn unless_the_reports_are_switched_off() {
    let mut desk = Desk::joined();
    desk.command("AT+SYSMSG=1");
    desk.command("AT+CIPMODE=1");
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.command("AT+CIPSEND");
    desk.tell(closed(1));
    desk.wait(1.0);
    desk.send(b"+++");
    desk.wait(1.0);
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn a_jammed_air_and_a_clear_one() {
    let mut desk = Desk::joined();
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.modem.set_jammed(desk.now, true);
    desk.wait(0.1);
    desk.command("AT+CWSTATE?");
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.modem.set_jammed(desk.now, false);
    desk.wait(4.0);
    desk.command("AT+CWSTATE?");
    insta::assert_snapshot!(desk.transcript());
}

#[test]
fn a_restart_forgets_the_network_but_not_the_time() {
    let mut desk = Desk::joined();
    desk.command("AT+CIPSNTPCFG=1,530");
    desk.wait(1.0);
    desk.command("AT+CIPSTART=\"TCP\",\"a\",1");
    desk.send(b"AT+RST\r\n");
    desk.command("AT");
    desk.wait(1.0);
    desk.command("ATE0");
    desk.command("AT+CWSTATE?");
    desk.command("AT+CIPSNTPTIME?");
    desk.command("AT+GMR");
    insta::assert_snapshot!(desk.transcript());
}
