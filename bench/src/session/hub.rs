//! The hub as a bench file wants it, and what others than devices do with it.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use twinbench_hub::{
    Options, Permission, Policy, SymmetricKey,
    bridge::Secret,
    c2d::SendC2d,
    derive_key, derive_policy_key,
    dps::{Attestation, Enrollment, EnrollmentKind},
    handle::HubJobs,
    limits::Profile,
    methods::{InvocationId, MethodCall, MethodError, MethodResult},
    registry::{IdentityId, Thumbprint},
    twin::TwinWrite,
};
use twinbench_model::{DeviceId, Message};

use super::{Error, Session};
use crate::file::{BenchFile, Device};

/// Partitions of a hub when the bench file says nothing (IoT Hub's default).
const PARTITIONS: u16 = 4;

/// The policies that every hub has from its creation ("Control access to IoT Hub").
const POLICIES: [(&str, &[Permission]); 5] = [
    (
        "iothubowner",
        &[
            Permission::RegistryWrite,
            Permission::ServiceConnect,
            Permission::DeviceConnect,
        ],
    ),
    ("service", &[Permission::ServiceConnect]),
    ("device", &[Permission::DeviceConnect]),
    ("registryRead", &[Permission::RegistryRead]),
    ("registryReadWrite", &[Permission::RegistryWrite]),
];

/// A key that a bench file gives, or the one that is derived.
fn given_or(key: Option<&toml::Spanned<Secret>>, derived: SymmetricKey) -> SymmetricKey {
    // `check` has seen to it that what is given is a key.
    key.and_then(|key| SymmetricKey::from_base64(key.get_ref().reveal()).ok())
        .unwrap_or(derived)
}

/// The key of a device: the bench file's, or derived from the seed.
pub fn device_key(seed: u64, id: &DeviceId, device: &Device) -> SymmetricKey {
    given_or(device.key.as_ref(), derive_key(seed, id))
}

/// The policies of a bench's hub: those that every hub has, and the bench file's, which may stand
/// in for them.
pub fn policies(file: &BenchFile) -> Vec<Policy> {
    let mut all: Vec<Policy> = Vec::new();
    let mut put = |name: &str, key: SymmetricKey, permissions: Vec<Permission>| {
        all.retain(|policy| policy.name != name);
        all.push(Policy {
            name: name.to_owned(),
            primary: key,
            secondary: derive_policy_key(file.seed, &format!("{name} 2")),
            permissions,
        });
    };
    for (name, permissions) in POLICIES {
        put(
            name,
            derive_policy_key(file.seed, name),
            permissions.to_vec(),
        );
    }
    for policy in &file.hub.policy {
        let name = policy.name.get_ref();
        let key = given_or(policy.key.as_ref(), derive_policy_key(file.seed, name));
        let permissions = policy.permissions.iter().map(|it| (*it).into()).collect();
        put(name, key, permissions);
    }
    all
}

/// The hub's settings as the bench file has them.
pub(crate) fn hub_options(file: &BenchFile) -> Options {
    let mut options = Options::new(file.epoch);
    let section = &file.hub;
    options.host_names.insert(0, section.host.clone());
    options
        .host_names
        .push(section.address.get_ref().to_string());
    // Devices that have registered are to reach it, whatever name it has in the cloud.
    options.assigned_hub = section.near();
    options.partitions = section
        .partitions
        .as_ref()
        .map_or(PARTITIONS, |it| *it.get_ref());
    options.policies = policies(file);
    options.profile = Profile {
        tier: section.profile,
        units: *section.units.get_ref(),
    };
    if let Some(retention) = &section.retention {
        options.retention = *retention.get_ref();
    }
    if let Some(bytes) = &section.retention_bytes {
        options.retention_bytes = *bytes.get_ref();
    }
    if let Some(ttl) = &section.c2d.ttl {
        options.c2d_ttl = *ttl.get_ref();
    }
    if let Some(deliveries) = &section.c2d.deliveries {
        options.c2d_deliveries = *deliveries.get_ref();
    }
    options.id_scope.clone_from(&section.id_scope);
    // `check` has read them already.
    options.routes = section.routes().unwrap_or_default();
    options
}

/// Stands for a key in a recording: 32 zeros.
const NO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Stands for a connection string in a recording.
const NO_CONNECTION: &str = "HostName=localhost;SharedAccessKeyName=device;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The bench file's text for the recording, which others may be given: keys and passwords that
/// stand in it are replaced, and it is a bench file still.
pub(super) fn without_secrets(text: &str, file: &BenchFile) -> String {
    let keys = file
        .device
        .iter()
        .map(|device| &device.key)
        .chain(file.hub.policy.iter().map(|policy| &policy.key))
        .chain(file.hub.enrollment.iter().map(|it| &it.key))
        .flatten()
        .map(|key| (key.get_ref().reveal(), NO_KEY));
    let passwords = file
        .bridge
        .iter()
        .filter_map(|bridge| bridge.get_ref().password.as_ref())
        .map(|password| (password.reveal(), "***"));
    let connections = file.forward.iter().map(|forward| {
        let secret = forward.get_ref().connection.reveal();
        (secret, NO_CONNECTION)
    });
    let mut text = text.to_owned();
    for (secret, instead) in keys.chain(passwords).chain(connections) {
        // Quoted, so that a password like "a" does not take a letter out of every word.
        for quote in ['"', '\''] {
            text = text.replace(
                &format!("{quote}{secret}{quote}"),
                &format!("{quote}{instead}{quote}"),
            );
        }
    }
    text
}

/// The authorities that stand behind devices' certificates: name and certificate in PEM.
pub(crate) fn authorities(file: &BenchFile, bench: &Path) -> Result<Vec<(String, String)>, Error> {
    let folder = bench.parent().unwrap_or(Path::new(""));
    let read = |it: &crate::file::AuthoritySection| {
        let path = folder.join(it.certificate.get_ref());
        let name = it.name.get_ref().clone();
        let text = fs::read_to_string(&path).map_err(|cause| {
            Error::Setting(format!("{} cannot be read: {cause}", path.display()))
        })?;
        Ok((name, text))
    };
    file.hub.authority.iter().map(read).collect()
}

fn enrollments(file: &BenchFile) -> Vec<Enrollment> {
    let made = |it: &crate::file::EnrollmentSection| {
        let name = it.name.get_ref();
        let print = it.thumbprint.as_ref();
        let attestation =
            if let Some(print) = print.and_then(|print| Thumbprint::parse(print.get_ref()).ok()) {
                Attestation::Certificate(print)
            } else if let Some(authority) = &it.authority {
                Attestation::Authority(authority.get_ref().clone())
            } else {
                let derived = |n| derive_policy_key(file.seed, &format!("enrollment {name} {n}"));
                Attestation::SymmetricKey {
                    primary: given_or(it.key.as_ref(), derived(1)),
                    secondary: derived(2),
                }
            };
        let kind = if it.group {
            EnrollmentKind::Group
        } else {
            EnrollmentKind::Individual
        };
        let mut enrollment = Enrollment::new(kind, name, attestation);
        enrollment.device_id = it.device_id.as_ref().map(|id| id.get_ref().clone());
        enrollment
    };
    file.hub.enrollment.iter().map(made).collect()
}

impl Session {
    /// What of the bench file is in the hub's own state: enrollments and consumer groups. Done at
    /// every start, so that what was added to the file is there.
    pub(super) fn prepare_hub(&mut self) -> Result<(), Error> {
        for enrollment in enrollments(&self.file) {
            if !self.hub.enrollments().any(|known| *known == enrollment) {
                let name = enrollment.name.clone();
                self.hub
                    .put_enrollment(enrollment)
                    .map_err(|cause| Error::Setting(format!("enrollment {name}: {cause}")))?;
            }
        }
        for group in &self.file.hub.consumer_groups {
            let group = group.get_ref();
            self.hub
                .add_consumer(group)
                .map_err(|cause| Error::Setting(format!("consumer group {group}: {cause}")))?;
        }
        Ok(())
    }

    /// The hub's settings.
    pub(crate) fn hub_options(&self) -> &Options {
        self.hub.options()
    }

    /// Does what the hub's service clients ask at the current virtual time, commits it, and then
    /// gives them their answers.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub(crate) fn serve_hub(&mut self, jobs: &mut HubJobs) -> Result<(), Error> {
        if jobs.run(&mut self.hub, self.now) {
            self.settle()?;
        }
        // Also what the steps since the last time caused must be durable before it is told.
        self.commit_and_hand_out()?;
        jobs.committed(&self.hub);
        Ok(())
    }

    /// Lays a patch over a device's desired properties.
    ///
    /// # Errors
    /// When there is no such device, or a limit would be broken.
    pub(crate) fn patch_desired(
        &mut self,
        device: &DeviceId,
        desired: Map<String, Value>,
    ) -> Result<(), twinbench_hub::twin::TwinError> {
        let write = TwinWrite {
            tags: None,
            desired: Some(desired),
        };
        self.hub
            .patch_twin(&device.clone().into(), write, self.now)
            .map(|_| ())
    }

    /// A device's twin as `{desired, reported, tags}`, the first two with their `$version`.
    pub(crate) fn twin(&self, device: &DeviceId) -> Option<Value> {
        let twin = self.hub.twin(&device.clone().into())?;
        let mut view = twin.device_view();
        view["tags"] = Value::Object(twin.tags.clone());
        Some(view)
    }

    /// Puts a message into a device's queue.
    ///
    /// # Errors
    /// When the hub refuses it.
    pub(crate) fn send_to_device(
        &mut self,
        device: &DeviceId,
        message: Message,
    ) -> Result<u64, twinbench_hub::c2d::C2dError> {
        let send = SendC2d {
            message,
            ..SendC2d::default()
        };
        self.hub.send_c2d(&device.clone().into(), send, self.now)
    }

    /// Begins a direct method.
    ///
    /// # Errors
    /// When it cannot begin.
    pub(crate) fn call_method(
        &mut self,
        device: &DeviceId,
        call: MethodCall,
    ) -> Result<InvocationId, MethodError> {
        self.hub
            .invoke_method(&IdentityId::from(device.clone()), call, self.now)
    }

    /// Moves the methods that have ended to `out`.
    pub fn method_results(&mut self, out: &mut Vec<(InvocationId, MethodResult)>) {
        self.hub.drain_method_results(out);
    }

    /// Commits, and hands the hub's answers to machines and sockets.
    pub(super) fn commit_and_hand_out(&mut self) -> Result<(), Error> {
        self.hub.drain_outputs(&mut self.work.hub);
        self.commit()?;
        self.hand_out()
    }
}

/// Status and body of a method's end, as the service's REST interface gives them.
pub(crate) fn method_answer(result: &MethodResult) -> (u16, Value) {
    let error = match result {
        Ok(answer) => {
            let status = u16::try_from(answer.status).unwrap_or(u16::MAX);
            return (status, answer.payload.clone());
        }
        Err(error) => error,
    };
    let status = match error {
        MethodError::NotFound(_) | MethodError::NotOnline(_) | MethodError::ConnectionClosed(_) => {
            404
        }
        MethodError::Timeout(_) => 504,
        MethodError::Argument(_) => 400,
        MethodError::BadAnswer(_) => 502,
        MethodError::Throttled => 429,
    };
    (status, json!({"error": error.to_string()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_bench_file_do_not_reach_its_recording() {
        let text = r#"
version = 1
name    = "b"
epoch   = "2026-01-01T00:00:00Z"
[[device]]
id      = "d"
backend = "external"
key     = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
[[hub.policy]]
name        = "own"
permissions = ["service-connect"]
key         = 'YTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE='
[[bridge]]
name     = "plant"
broker   = "mqtt://b"
user     = "bench"
password = "bench"
rule     = [{ topic = "t", device = "d" }]
[[forward]]
name       = "cloud"
connection = "HostName=h;SharedAccessKeyName=device;SharedAccessKey=ZTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"#;
        let file = BenchFile::parse(Path::new("b.toml"), text).unwrap();
        let shown = without_secrets(text, &file);
        assert!(
            !["MDEy", "YTEy", "ZTEy"]
                .iter()
                .any(|key| shown.contains(key)),
            "{shown}"
        );
        assert!(shown.contains("password = \"***\""), "{shown}");
        BenchFile::parse(Path::new("b.toml"), &shown).unwrap();
    }

    #[test]
    fn a_policy_of_the_file_stands_in_for_the_hubs_own() {
        let text = r#"
version = 1
name    = "b"
epoch   = "2026-01-01T00:00:00Z"
[[hub.policy]]
name        = "service"
permissions = ["RegistryRead"]
"#;
        let file = BenchFile::parse(Path::new("b.toml"), text).unwrap();
        let all = policies(&file);
        assert_eq!(all.len(), POLICIES.len());
        let service = all.iter().find(|policy| policy.name == "service").unwrap();
        assert_eq!(service.permissions, [Permission::RegistryRead]);
        assert_ne!(service.primary, service.secondary);
    }
}
