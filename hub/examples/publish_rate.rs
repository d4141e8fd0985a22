//! Prints how many messages a second the hub takes: through `publish`, and through MQTT sessions
//! in memory (decoded, taken, acknowledged). `-- 200000 1000` sets messages and devices.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the wall clock and its arguments; nothing it measures does"
)]

use std::{error::Error, time::Instant};

use mqtt_proto::{
    Pid, QosPid, TopicName,
    v3::{Connect, Packet, Publish},
};
use twinbench_hub::{ConnectionId, Hub, HubOutput, Options, derive_key, log::DEFAULT_GROUP, sas};
use twinbench_model::{DeviceId, Epoch, Event, Message, Record, VirtualTime};

const EPOCH: &str = "2026-01-01T00:00:00Z";
const BODY: &str = r#"{"temperature":21.53,"humidity":48.2,"messageId":12345}"#;

/// What leaves the hub after a step, thrown away as the bench would hand it on.
#[derive(Default)]
struct Drains {
    records: Vec<Record>,
    outputs: Vec<HubOutput>,
    events: Vec<Event>,
    counts: [usize; 3],
}

impl Drains {
    fn drain(&mut self, hub: &mut Hub) -> Result<(), Box<dyn Error>> {
        hub.drain_records(&mut self.records);
        hub.drain_outputs(&mut self.outputs);
        hub.drain_events(&mut self.events);
        self.counts[0] += self.records.len();
        self.counts[1] += self.outputs.len();
        self.counts[2] += self.events.len();
        self.records.clear();
        self.outputs.clear();
        self.events.clear();
        // A consumer that keeps up.
        let ends: Vec<u64> = hub.log().partitions().map(|info| info.next).collect();
        for (partition, next) in (0u16..).zip(ends) {
            let from = hub.log().checkpoint(DEFAULT_GROUP, partition).unwrap_or(0);
            std::hint::black_box(hub.read(partition, from, usize::MAX)?.count());
            hub.set_checkpoint(DEFAULT_GROUP, partition, next)?;
        }
        Ok(())
    }
}

fn hub(devices: &[DeviceId]) -> Result<Hub, Box<dyn Error>> {
    let mut hub = Hub::new(Options::new(Epoch::new(EPOCH.parse()?)))?;
    for id in devices {
        let key = derive_key(7, id);
        hub.add_device(id.clone(), key.clone(), key, VirtualTime::ZERO)?;
    }
    Ok(hub)
}

fn report(way: &str, messages: usize, started: Instant, drains: &Drains) {
    let seconds = started.elapsed().as_secs_f64();
    let [records, outputs, events] = drains.counts;
    println!(
        "{way}: {:.0} messages/s ({messages} in {seconds:.2} s; {records} records, {outputs} \
         outputs, {events} events)",
        messages as f64 / seconds
    );
}

/// The virtual time of a round: every device sends once in a second.
fn round_time(round: usize) -> VirtualTime {
    VirtualTime::from_secs(1 + round as u64)
}

fn through_publish(devices: &[DeviceId], messages: usize) -> Result<(), Box<dyn Error>> {
    let (mut hub, mut drains) = (hub(devices)?, Drains::default());
    let started = Instant::now();
    for number in 0..messages {
        let device = &devices[number % devices.len()];
        let message = Message {
            body: BODY.into(),
            ..Message::default()
        };
        hub.publish(device, message, round_time(number / devices.len()))?;
        if number % devices.len() == devices.len() - 1 {
            drains.drain(&mut hub)?;
        }
    }
    drains.drain(&mut hub)?;
    report("publish", messages, started, &drains);
    Ok(())
}

fn through_mqtt(devices: &[DeviceId], messages: usize) -> Result<(), Box<dyn Error>> {
    let (mut hub, mut drains) = (hub(devices)?, Drains::default());
    let expiry = hub.options().epoch.unix_seconds(VirtualTime::ZERO) as u64 + 1_000_000;
    for (number, id) in (0u64..).zip(devices) {
        let mut connect = Connect::new(id.as_str().into(), 0);
        connect.username = Some(format!("localhost/{id}/?api-version=2021-04-12").into());
        let token = sas::device_token("localhost", id, &derive_key(7, id), expiry);
        connect.password = Some(token.into());
        hub.open(ConnectionId(number), "memory", VirtualTime::ZERO);
        let bytes = Packet::from(connect).encode()?;
        hub.receive(ConnectionId(number), bytes.as_ref(), VirtualTime::ZERO);
    }
    drains.drain(&mut hub)?;
    drains.counts = [0; 3];
    let packet = |id: &DeviceId| -> Result<Vec<u8>, Box<dyn Error>> {
        let topic = format!("devices/{id}/messages/events/$.ct=application%2Fjson&$.ce=utf-8");
        let topic = TopicName::try_from(topic.as_str())?;
        let qos = QosPid::Level1(Pid::try_from(1)?);
        let publish = Publish::new(qos, topic, BODY.into());
        Ok(Packet::from(publish).encode()?.as_ref().to_vec())
    };
    let packets = devices.iter().map(packet).collect::<Result<Vec<_>, _>>()?;
    let started = Instant::now();
    for number in 0..messages {
        let device = number % devices.len();
        let now = round_time(number / devices.len());
        hub.receive(ConnectionId(device as u64), &packets[device], now);
        if device == devices.len() - 1 {
            drains.drain(&mut hub)?;
        }
    }
    drains.drain(&mut hub)?;
    if drains.counts[1] != messages {
        return Err(format!("{} acknowledgements came", drains.counts[1]).into());
    }
    report("mqtt", messages, started, &drains);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let (messages, devices) = (number(500_000)?, number(1_000)?.max(1));
    let ids = (0..devices)
        .map(|n| DeviceId::new(&format!("sim-{n:04}")))
        .collect::<Result<Vec<_>, _>>()?;
    through_publish(&ids, messages)?;
    through_mqtt(&ids, messages)
}
