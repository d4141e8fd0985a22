//! Whatever comes in, and whenever: the modem lives, keeps its time and answers the next command.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use bytes::Bytes;
use proptest::prelude::*;
use twinbench_machine::{
    NetworkEvent, NetworkRequest,
    modem::{Modem, ModemOptions, ModemOutput},
};
use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

/// Something that happens to a modem.
#[derive(Debug, Clone)]
enum Happening {
    Bytes(Vec<u8>),
    Pause(u64),
    Opened(u32),
    Received(u32, Vec<u8>),
    Closed(u32),
    Jammed(bool),
}

fn commands() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "AT",
        "ATE0",
        "ATE1",
        "AT+RST",
        "AT+CWMODE=1",
        "AT+CWMODE=0",
        "AT+CWJAP=\"a\",\"b\"",
        "AT+CWQAP",
        "AT+CIFSR",
        "AT+CIPSNTPCFG=1,0",
        "AT+CIPSNTPTIME?",
        "AT+CIPMUX=1",
        "AT+CIPMUX=0",
        "AT+CIPMODE=1",
        "AT+CIPMODE=0",
        "AT+CIPSTART=\"TCP\",\"h\",1",
        "AT+CIPSTART=2,\"SSL\",\"h\",1",
        "AT+CIPSEND",
        "AT+CIPSEND=5",
        "AT+CIPSEND=2,5",
        "AT+CIPCLOSE",
        "AT+CIPCLOSE=5",
        "AT+CIPSTATUS",
        "AT+CIPSTATE?",
        "AT+SYSMSG=0",
        "AT+CIPRECONNINTV=1",
    ]);
    prop_oneof![
        8 => known.prop_map(|line| format!("{line}\r\n").into_bytes()),
        1 => Just(b"+++".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => commands().prop_map(Happening::Bytes),
        4 => (0u64..4000).prop_map(Happening::Pause),
        1 => (0u32..6).prop_map(Happening::Opened),
        1 => ((0u32..6), prop::collection::vec(any::<u8>(), 0..4000))
            .prop_map(|(connection, bytes)| Happening::Received(connection, bytes)),
        1 => (0u32..6).prop_map(Happening::Closed),
        1 => any::<bool>().prop_map(Happening::Jammed),
    ]
}

struct Bench {
    modem: Modem,
    now: VirtualTime,
    out: Vec<(VirtualTime, ModemOutput)>,
}

impl Bench {
    fn run(&mut self, until: VirtualTime) {
        while let Some(wake) = self.modem.next_wake().filter(|wake| *wake <= until) {
            assert!(wake >= self.now, "wake in the past");
            self.now = wake;
            self.modem.advance(wake);
            let first = self.out.len();
            self.modem.drain(&mut self.out);
            for n in first..self.out.len() {
                assert_eq!(self.out[n].0, wake);
                if let ModemOutput::Network(NetworkRequest::Open { connection, .. }) =
                    &self.out[n].1
                {
                    let connection = *connection;
                    if connection % 3 != 0 {
                        self.modem
                            .network(self.now, NetworkEvent::Opened { connection });
                    }
                }
            }
        }
        self.now = until;
    }

    /// Nothing leaves in the instant in which something came in: this is what a machine that runs
    /// firmware and modem in turn relies on.
    fn nothing_yet(&mut self) {
        let first = self.out.len();
        self.modem.drain(&mut self.out);
        assert_eq!(&self.out[first..], []);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.run(self.now + VirtualDuration::from_micros(87));
            self.modem.receive(self.now, *byte);
            self.nothing_yet();
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Bytes(bytes) => self.bytes(&bytes),
            Happening::Pause(millis) => self.run(self.now + VirtualDuration::from_millis(millis)),
            Happening::Opened(connection) => {
                self.modem
                    .network(self.now, NetworkEvent::Opened { connection });
            }
            Happening::Received(connection, bytes) => {
                let bytes = Bytes::from(bytes);
                self.modem
                    .network(self.now, NetworkEvent::Received { connection, bytes });
            }
            Happening::Closed(connection) => {
                let reason = String::new();
                self.modem
                    .network(self.now, NetworkEvent::Closed { connection, reason });
            }
            Happening::Jammed(jammed) => self.modem.set_jammed(self.now, jammed),
        }
        self.nothing_yet();
    }
}

fn live_through(happenings: Vec<Happening>) -> Bench {
    let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
    let mut bench = Bench {
        modem: Modem::new(ModemOptions::default(), epoch, VirtualTime::ZERO),
        now: VirtualTime::ZERO,
        out: Vec::new(),
    };
    for happening in happenings {
        bench.happen(happening);
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_answers_after_anything(happenings in prop::collection::vec(happening(), 0..40)) {
        let mut bench = live_through(happenings.clone());
        // The same once more gives the same.
        prop_assert_eq!(&live_through(happenings).out, &bench.out);
        // Whatever it waits for, data or commands in progress come to an end, passthrough is left
        // by its way out, and a line cut short is ended.
        bench.modem.set_jammed(bench.now, false);
        bench.run(bench.now + VirtualDuration::from_secs(15));
        bench.bytes(&[b'x'; 8192]);
        bench.run(bench.now + VirtualDuration::from_secs(15));
        bench.bytes(b"+++");
        bench.run(bench.now + VirtualDuration::from_secs(2));
        bench.bytes(b"\r\nATE0\r\n");
        bench.run(bench.now + VirtualDuration::from_secs(2));
        bench.out.clear();
        bench.bytes(b"AT\r\n");
        bench.run(bench.now + VirtualDuration::from_millis(50));
        let lines: Vec<u8> = bench.out.iter().filter_map(|(_, output)| match output {
            ModemOutput::Line(bytes) => Some(bytes.to_vec()),
            _ => None,
        }).flatten().collect();
        prop_assert_eq!(lines.escape_ascii().to_string(), "\\r\\nOK\\r\\n");
    }
}
