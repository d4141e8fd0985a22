//! What the targets share: a hub with a device, and packets that open its doors.

use mqtt_proto::{
    Pid, QosPid, TopicName,
    v3::{Connect, Packet, Publish},
};
use serde_json::Value;
use twinbench_hub::{
    Hub, Options, Permission, Policy, SymmetricKey, derive_key,
    dps::{Attestation, Enrollment, EnrollmentKind},
    sas,
    service::{Method, Reply, Request, handle},
};
use twinbench_model::{DeviceId, Epoch, VirtualTime};

/// 2026-01-01T00:00:00Z
const EPOCH: u64 = 1_767_225_600;

/// When the hub's time begins.
pub fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().expect("an instant"))
}

/// So many seconds later.
pub fn seconds(seconds: u64) -> VirtualTime {
    VirtualTime::from_secs(seconds)
}

fn key() -> SymmetricKey {
    SymmetricKey::new(&[1; 32]).expect("a key")
}

/// A hub with the device `d`, the enrollment `r`, and a policy that opens everything.
pub fn hub() -> Hub {
    let mut options = Options::new(epoch());
    options.policies.push(Policy {
        name: "owner".into(),
        primary: key(),
        secondary: key(),
        permissions: vec![
            Permission::RegistryWrite,
            Permission::ServiceConnect,
            Permission::DeviceConnect,
        ],
    });
    let mut hub = Hub::new(options).expect("a hub");
    let id = DeviceId::new("d").expect("an id");
    let own = derive_key(1, &id);
    hub.add_device(id, own.clone(), own, seconds(0))
        .expect("a device");
    let attestation = Attestation::SymmetricKey {
        primary: key(),
        secondary: key(),
    };
    hub.put_enrollment(Enrollment::new(
        EnrollmentKind::Individual,
        "r",
        attestation,
    ))
    .expect("an enrollment");
    hub
}

fn bytes(packet: Packet) -> Vec<u8> {
    packet.encode().expect("a packet").as_ref().to_vec()
}

/// The CONNECT of a device.
pub fn connect(device: &str) -> Vec<u8> {
    let id = DeviceId::new(device).expect("an id");
    let mut connect = Connect::new(device.into(), 60);
    connect.username = Some(format!("localhost/{device}/?api-version=2021-04-12").into());
    let token = sas::device_token("localhost", &id, &derive_key(1, &id), EPOCH + 3_600);
    connect.password = Some(token.into_bytes().into());
    bytes(connect.into())
}

/// The CONNECT of a device that registers.
pub fn register(id: &str) -> Vec<u8> {
    let mut connect = Connect::new(id.into(), 60);
    let name = format!("scope/registrations/{id}/api-version=2019-03-31");
    connect.username = Some(name.into());
    let resource = format!("scope/registrations/{id}");
    let token = sas::generate(&resource, &key(), EPOCH + 3_600, Some("registration"));
    connect.password = Some(token.into_bytes().into());
    bytes(connect.into())
}

/// A PUBLISH with QoS 1; `None` when the topic cannot be one.
pub fn publish(topic: &str, payload: &[u8]) -> Option<Vec<u8>> {
    let topic = TopicName::try_from(topic).ok()?;
    let pid = QosPid::Level1(Pid::default());
    let publish = Publish::new(pid, topic, payload.to_vec().into());
    let encoded = Packet::from(publish).encode().ok()?;
    Some(encoded.as_ref().to_vec())
}

/// Asks the service with a token that opens everything; a method call that waits counts as 200.
pub fn ask(hub: &mut Hub, method: Method, target: &str, body: &str) -> (u16, Value) {
    let token = sas::generate("localhost", &key(), EPOCH + 3_600, Some("owner"));
    let request = Request {
        method,
        target: target.to_owned(),
        headers: vec![("authorization".into(), token)],
        body: body.as_bytes().to_vec().into(),
    };
    match handle(hub, &request, seconds(1)) {
        Reply::Now(response) => {
            let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
            (response.status, body)
        }
        Reply::Later(_) => (200, Value::Null),
    }
}
