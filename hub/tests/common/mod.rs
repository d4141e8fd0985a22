//! A hub with a store and clients in memory, for tests.

use std::collections::BTreeMap;

use mqtt_proto::{
    Pid, QoS, QosPid, TopicFilter, TopicName,
    v3::{Connect, ConnectReturnCode, LastWill, Packet, Publish, Subscribe},
};
use serde_json::Value;
use twinbench_hub::{CloseReason, ConnectionId, Hub, HubOutput, Options, derive_key, sas};
use twinbench_model::{DeviceId, Epoch, Event, EventData, Payload, Record, Table, VirtualTime};

/// 2026-01-01T00:00:00Z.
pub(crate) const EPOCH: u64 = 1_767_225_600;

pub(crate) fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn at(seconds: u64) -> VirtualTime {
    VirtualTime::from_secs(seconds)
}

pub(crate) fn id(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

pub(crate) fn options() -> Options {
    Options::new(epoch())
}

pub(crate) type Store = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// What a store gives back, in the order of its keys.
pub(crate) fn records(store: &Store) -> Vec<Record> {
    let put = |((table, key), value): (&(Table, Vec<u8>), &Vec<u8>)| {
        Record::put(*table, key.clone(), value.clone())
    };
    store.iter().map(put).collect()
}

/// A hub, its store, and what came out of it.
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) store: Store,
    pub(crate) sent: BTreeMap<u64, Vec<Packet>>,
    pub(crate) closed: BTreeMap<u64, CloseReason>,
    pub(crate) events: Vec<Event>,
    pub(crate) now: VirtualTime,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Options::new(epoch()))
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::around(Hub::new(options).unwrap(), Store::new())
    }

    pub(crate) fn around(hub: Hub, store: Store) -> Self {
        let mut rig = Self {
            hub,
            store,
            sent: BTreeMap::new(),
            closed: BTreeMap::new(),
            events: Vec::new(),
            now: VirtualTime::ZERO,
        };
        rig.commit();
        rig
    }

    /// The hub as its store gives it back, as after a crash.
    pub(crate) fn restart(self, options: Options) -> Self {
        let hub = Hub::restore(options, records(&self.store)).unwrap();
        let mut next = Self::around(hub, self.store);
        next.now = self.now;
        next
    }

    pub(crate) fn add(&mut self, device: &str) {
        let device = id(device);
        let (primary, secondary) = (derive_key(1, &device), derive_key(2, &device));
        self.hub
            .add_device(device, primary, secondary, self.now)
            .unwrap();
        self.commit();
    }

    /// Records first, then outputs, as the bench does it.
    pub(crate) fn commit(&mut self) {
        let (mut records, mut outputs) = (Vec::new(), Vec::new());
        self.hub.drain_records(&mut records);
        for Record { table, key, value } in records {
            match value {
                Some(value) => self.store.insert((table, key), value),
                None => self.store.remove(&(table, key)),
            };
        }
        self.hub.drain_outputs(&mut outputs);
        for output in outputs {
            match output {
                HubOutput::Send { connection, bytes } => {
                    assert!(!self.closed.contains_key(&connection.0), "sent after close");
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let packet = Packet::decode(rest).unwrap().unwrap();
                        rest = &rest[packet.encode_len().unwrap()..];
                        self.sent.entry(connection.0).or_default().push(packet);
                    }
                }
                HubOutput::Close { connection, reason } => {
                    let again = self.closed.insert(connection.0, reason);
                    assert_eq!(again, None, "closed twice");
                }
            }
        }
        self.hub.drain_events(&mut self.events);
    }

    pub(crate) fn open(&mut self, connection: u64) {
        self.hub.open(ConnectionId(connection), "test:1", self.now);
    }

    pub(crate) fn bytes(&mut self, connection: u64, bytes: &[u8]) {
        self.hub.receive(ConnectionId(connection), bytes, self.now);
        self.commit();
    }

    pub(crate) fn packet(&mut self, connection: u64, packet: impl Into<Packet>) {
        let bytes = packet.into().encode().unwrap();
        self.bytes(connection, bytes.as_ref());
    }

    /// What was sent to a connection since the last call.
    pub(crate) fn sent(&mut self, connection: u64) -> Vec<Packet> {
        self.sent.remove(&connection).unwrap_or_default()
    }

    /// Opens a connection and says CONNECT.
    pub(crate) fn connect(
        &mut self,
        connection: u64,
        connect: Connect,
    ) -> (ConnectReturnCode, bool) {
        self.open(connection);
        self.packet(connection, connect);
        match self.sent(connection).as_slice() {
            [Packet::Connack(connack)] => (connack.code, connack.session_present),
            other => panic!("expected CONNACK, got {other:?}, {:?}", self.closed),
        }
    }

    /// A connected device, clean session.
    pub(crate) fn online(&mut self, connection: u64, device: &str) {
        let (code, _) = self.connect(connection, connect(device));
        assert_eq!(code, ConnectReturnCode::Accepted, "{:?}", self.closed);
    }

    pub(crate) fn reason(&self, connection: u64) -> Option<&CloseReason> {
        self.closed.get(&connection)
    }

    pub(crate) fn tick(&mut self, seconds: u64) {
        self.now = at(seconds);
        self.hub.tick(self.now);
        self.commit();
    }

    /// Every message in memory, by partition and position.
    pub(crate) fn messages(&self) -> Vec<EventData> {
        let partitions = 0..self.hub.log().partitions().len() as u16;
        partitions
            .flat_map(|p| self.hub.read(p, 0, usize::MAX).unwrap().cloned())
            .collect()
    }

    /// The facts of the events on a channel.
    pub(crate) fn facts(&self, channel: &str) -> Vec<Value> {
        let of = |event: &Event| match &event.payload {
            Payload::Json(text) => serde_json::from_str(text).unwrap(),
            Payload::Bytes(_) => panic!("not JSON"),
        };
        let here = |event: &&Event| event.channel() == channel;
        self.events.iter().filter(here).map(of).collect()
    }
}

pub(crate) fn token(device: &str, ttl: u64) -> String {
    let device = id(device);
    sas::device_token("localhost", &device, &derive_key(1, &device), EPOCH + ttl)
}

/// A CONNECT as the SDKs say it, clean session, token for an hour.
pub(crate) fn connect(device: &str) -> Connect {
    let mut connect = Connect::new(device.into(), 60);
    connect.username = Some(format!("localhost/{device}/?api-version=2021-04-12").into());
    connect.password = Some(token(device, 3600).into());
    connect
}

pub(crate) fn will(topic: &str, body: &'static str) -> LastWill {
    LastWill::new(
        QoS::Level1,
        TopicName::try_from(topic).unwrap(),
        body.into(),
    )
}

pub(crate) fn pid(number: u16) -> Pid {
    Pid::try_from(number).unwrap()
}

pub(crate) fn qos1(topic: &str, number: u16, body: impl Into<Vec<u8>>) -> Publish {
    let topic = TopicName::try_from(topic).unwrap();
    Publish::new(QosPid::Level1(pid(number)), topic, body.into().into())
}

pub(crate) fn publish(topic: &str, body: impl Into<Vec<u8>>) -> Publish {
    let topic = TopicName::try_from(topic).unwrap();
    Publish::new(QosPid::Level0, topic, body.into().into())
}

pub(crate) fn subscribe(number: u16, filters: &[(&str, QoS)]) -> Subscribe {
    let filters = filters
        .iter()
        .map(|&(filter, qos)| (TopicFilter::try_from(filter).unwrap(), qos));
    Subscribe::new(pid(number), filters.collect())
}
