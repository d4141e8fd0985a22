//! External Control of the second generation, against a small server written from its description:
//! what Renode asks in the middle of a run must be answered before the run goes on.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Duration,
};

use renode_rs_bindings::{
    Generation,
    control::{
        Control, ControlError, Edge, Patience, Width,
        gen2::{Decoder, Kind, Message, OURS},
    },
};

use super::PATIENCE;

const PATIENT: Patience = Patience {
    answer: PATIENCE,
    run: PATIENCE,
};

/// A server with one machine, `dev1`, whose pin 5 changes every millisecond.
struct Server {
    stream: TcpStream,
    decoder: Decoder,
    time: u64,
    watched: Option<i32>,
    memory: Vec<u8>,
    ours: u16,
}

impl Server {
    fn next(&mut self) -> Option<Message> {
        let mut byte = [0];
        loop {
            if let Some(message) = self.decoder.message().unwrap() {
                return Some(message);
            }
            // One byte at a time: borders say nothing.
            match self.stream.read(&mut byte) {
                Ok(1) => self.decoder.push(&byte),
                _ => return None,
            }
        }
    }

    fn send(&mut self, message: &Message) {
        for byte in message.encode() {
            self.stream.write_all(&[byte]).unwrap();
        }
    }

    /// Tells of a change and stands until it is answered.
    fn tell(&mut self, id: u16, descriptor: i32, high: bool) {
        let mut data = descriptor.to_le_bytes().to_vec();
        data.extend(self.time.to_le_bytes());
        data.extend(u32::from(high).to_le_bytes());
        data.extend([0; 4]);
        let event = Message {
            id,
            command: 5,
            kind: Kind::Event,
            data,
        };
        self.send(&event);
        let answer = self.next().unwrap();
        assert_eq!(answer, event.answer(Kind::Success, Vec::new()));
    }

    fn serve(mut self) {
        while let Some(request) = self.next() {
            assert_eq!(request.kind, Kind::Request);
            assert_ne!(request.id & OURS, 0);
            let data = request.data.clone();
            let word = |at: usize| i32::from_le_bytes(data[at..at + 4].try_into().unwrap());
            let error = |text: &str| request.answer(Kind::Error, text.as_bytes().to_vec());
            let good = |data: &[u8]| request.answer(Kind::Success, data.to_vec());
            let answer = match request.command {
                0 if word(0) == 0 => good(&[]),
                1 => {
                    let end = self.time + u64::from_le_bytes(data.try_into().unwrap());
                    while self.time + 1_000_000 <= end {
                        self.time += 1_000_000;
                        if let Some(descriptor) = self.watched {
                            let id = self.ours;
                            self.ours += 1;
                            self.tell(id, descriptor, !self.time.is_multiple_of(2_000_000));
                        }
                    }
                    self.time = end;
                    good(&[])
                }
                2 => good(&self.time.to_le_bytes()),
                3 if data[4..] == *b"dev1" => good(&[0; 4]),
                3 => error("Machine not found"),
                5 | 6 if word(0) == -1 => good(&7_i32.to_le_bytes()),
                5 if data[4] == 0 => good(&[1]),
                5 if data[4] == 2 => {
                    self.watched = Some(word(9));
                    good(&[])
                }
                6 if data[4] == 1 => {
                    self.memory = data[18..].to_vec();
                    // A write that changes a pin tells of it within the same chain.
                    if let Some(descriptor) = self.watched {
                        self.tell(request.id, descriptor, true);
                    }
                    good(&[])
                }
                6 => good(&self.memory),
                4 => request.answer(Kind::Invalid, Vec::new()),
                _ => error("no"),
            };
            self.send(&answer);
        }
    }
}

fn server() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let server = Server {
            stream,
            decoder: Decoder::default(),
            time: 0,
            watched: None,
            memory: Vec::new(),
            ours: 0,
        };
        server.serve();
    });
    (address, thread)
}

#[test]
fn a_session_with_events_in_both_chains() {
    let (address, thread) = server();
    let mut control = Control::connect(address, Generation::Two, PATIENT).unwrap();
    let dev1 = control.machine("dev1").unwrap();
    let error = control.machine("x").unwrap_err();
    assert!(matches!(&error, ControlError::Failed(text) if text == "Machine not found"));
    let port = control.gpio(dev1, "sysbus.gpioPortA").unwrap();
    assert!(control.pin(port, 5).unwrap());
    control.watch_pin(port, 5, -3).unwrap();
    control.run_for(Duration::from_nanos(3_500_001)).unwrap();
    assert_eq!(control.time().unwrap(), Duration::from_nanos(3_500_001));
    let edge = |millis, high| Edge {
        descriptor: -3,
        time: Duration::from_millis(millis),
        high,
    };
    assert_eq!(
        control.edges(),
        [edge(1, true), edge(2, false), edge(3, true)]
    );

    let bus = control.bus(dev1, "sysbus").unwrap();
    control
        .write(bus, Width::Word, 0x2000_0000, &[1, 2])
        .unwrap();
    assert_eq!(control.edges().len(), 1);
    let back = control.read(bus, Width::Word, 0x2000_0000, 1).unwrap();
    assert_eq!(back, [1, 2]);
    let error = control.adc(dev1, "sysbus.adc1").unwrap_err();
    assert!(error.to_string().contains("Adc"), "{error}");
    drop(control);
    thread.join().unwrap();
}

#[test]
fn a_server_that_goes_away_is_told() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || drop(listener.accept().unwrap()));
    let error = Control::connect(address, Generation::Two, PATIENT).unwrap_err();
    assert!(
        matches!(
            error,
            ControlError::Closed | ControlError::Connection { .. }
        ),
        "{error}"
    );
    thread.join().unwrap();
}
