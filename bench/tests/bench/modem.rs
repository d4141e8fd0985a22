//! A device whose TLS ends in its modem: it asks the modem for `SSL`, and speaks MQTT. So devices
//! come in whose own TLS has no cipher suite in common with the hub, as NetX Duo's with CBC only.

use mqtt_proto::{
    Pid, QosPid, TopicName,
    v3::{Connect, ConnectReturnCode, Packet, Publish},
};
use twinbench_hub::{ConnectionId, Hub, HubOutput, Options, derive_key, sas};
use twinbench_machine::{
    NetworkEvent, NetworkRequest,
    modem::{Modem, ModemOptions, ModemOutput},
};
use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

const EPOCH: u64 = 1_767_225_600;

/// Modem and hub with the network between them, on the virtual clock.
struct Desk {
    modem: Modem,
    hub: Hub,
    now: VirtualTime,
    /// What the firmware heard on its line.
    heard: Vec<u8>,
    /// Connections as the modem asked for them.
    opened: Vec<(String, u16, bool)>,
}

impl Desk {
    fn new() -> Self {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let mut hub = Hub::new(Options::new(epoch)).unwrap();
        let (id, now) = (DeviceId::new("board").unwrap(), VirtualTime::ZERO);
        let key = derive_key(1, &id);
        hub.add_device(id, key.clone(), key, now).unwrap();
        Self {
            modem: Modem::new(ModemOptions::default(), epoch, now),
            hub,
            now,
            heard: Vec::new(),
            opened: Vec::new(),
        }
    }

    /// Sends bytes at 115,200 baud, waits, and gives what was heard meanwhile.
    fn say(&mut self, bytes: &[u8], seconds: f64) -> Vec<u8> {
        for byte in bytes {
            self.run(self.now + VirtualDuration::from_nanos(86_806));
            self.modem.receive(self.now, *byte);
        }
        self.run(self.now + VirtualDuration::from_secs_f64(seconds));
        std::mem::take(&mut self.heard)
    }

    #[track_caller]
    fn command(&mut self, text: &str, seconds: f64, expected: &str) {
        let heard = self.say(format!("{text}\r\n").as_bytes(), seconds);
        let heard = String::from_utf8_lossy(&heard).into_owned();
        assert!(heard.contains(expected), "{text}: {heard:?}");
    }

    fn run(&mut self, until: VirtualTime) {
        while let Some(wake) = self.modem.next_wake().filter(|wake| *wake <= until) {
            self.now = wake;
            self.modem.advance(wake);
            let mut out = Vec::new();
            self.modem.drain(&mut out);
            for (_, output) in out {
                match output {
                    ModemOutput::Line(bytes) => self.heard.extend_from_slice(&bytes),
                    ModemOutput::Network(request) => self.network(request),
                    ModemOutput::Note(_) => {}
                }
            }
        }
        self.now = until;
    }

    fn network(&mut self, request: NetworkRequest) {
        let now = self.now;
        let number = |connection: u32| ConnectionId(connection.into());
        match request {
            NetworkRequest::Open {
                connection,
                host,
                port,
                tls,
            } => {
                self.opened.push((host, port, tls));
                self.hub.open(number(connection), "the modem", now);
                self.modem.network(now, NetworkEvent::Opened { connection });
            }
            NetworkRequest::Send { connection, bytes } => {
                self.hub.receive(number(connection), &bytes, now);
            }
            NetworkRequest::Close { connection } => self.hub.disconnected(number(connection), now),
        }
        let mut outputs = Vec::new();
        self.hub.drain_outputs(&mut outputs);
        for output in outputs {
            let event = match output {
                HubOutput::Send { connection, bytes } => NetworkEvent::Received {
                    connection: connection.0 as u32,
                    bytes,
                },
                HubOutput::Close { connection, reason } => NetworkEvent::Closed {
                    connection: connection.0 as u32,
                    reason: reason.to_string(),
                },
            };
            self.modem.network(now, event);
        }
    }
}

fn bytes(packet: impl Into<Packet>) -> Vec<u8> {
    packet.into().encode().unwrap().as_ref().to_vec()
}

#[test]
fn a_device_whose_tls_ends_in_the_modem() {
    let mut desk = Desk::new();
    desk.command("ATE0", 0.1, "OK");
    desk.command("AT+CWMODE=1", 0.1, "OK");
    desk.command("AT+CWJAP=\"home\",\"secret\"", 3.0, "OK");
    desk.command("AT+CIPMODE=1", 0.1, "OK");
    desk.command("AT+CIPSTART=\"SSL\",\"localhost\",8883", 1.0, "OK");
    desk.command("AT+CIPSEND", 0.1, ">");
    assert_eq!(desk.opened, [("localhost".to_owned(), 8883, true)]);

    // As the middleware of Azure RTOS says it: version of 2020, keep-alive of 240 s, session kept.
    let id = DeviceId::new("board").unwrap();
    let mut connect = Connect::new("board".into(), 240);
    connect.clean_session = false;
    connect.username = Some("localhost/board/?api-version=2020-09-30".to_owned().into());
    let token = sas::device_token("localhost", &id, &derive_key(1, &id), EPOCH + 3_600);
    connect.password = Some(token.into_bytes().into());
    let heard = desk.say(&bytes(connect), 0.5);
    let Some(Packet::Connack(connack)) = Packet::decode(&heard).unwrap() else {
        panic!("{heard:?}");
    };
    assert_eq!(connack.code, ConnectReturnCode::Accepted);

    let topic = TopicName::try_from("devices/board/messages/events/$.ct=application%2Fjson");
    let pid = QosPid::Level1(Pid::try_from(7).unwrap());
    let publish = Publish::new(pid, topic.unwrap(), b"{\"t\":21.5}"[..].into());
    let heard = desk.say(&bytes(publish), 0.5);
    assert_eq!(heard, [0x40, 2, 0, 7]);
    let taken: Vec<_> = (0..4)
        .flat_map(|partition| desk.hub.read(partition, 0, 9).unwrap().cloned())
        .collect();
    assert_eq!(&taken[0].message.body[..], b"{\"t\":21.5}");
}
