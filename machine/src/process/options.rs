//! What makes one program that plays a device.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use twinbench_model::{DeviceId, VirtualDuration, VirtualTime};

/// What becomes of a program that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It has ended.
    Never,
    /// It is started again when it failed, at most so often.
    OnFailure {
        /// How often.
        most: u32,
        /// How long after its end.
        delay: VirtualDuration,
    },
    /// It is started again in any case.
    Always {
        /// How long after its end.
        delay: VirtualDuration,
    },
}

/// What a program may use, where the system offers to limit it (Unix). Where this user may make control
/// groups (Linux, cgroup v2), it is what the program and all that it starts may use together, otherwise
/// what each of its processes may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Processor time; it is then killed.
    pub cpu: Option<Duration>,
    /// Memory in bytes, of one process its address space; it is then out of memory.
    pub memory: Option<u64>,
}

/// What makes one program that plays a device. No `Debug`: it holds the device's key.
#[derive(Clone)]
pub struct ProcessOptions {
    /// The device's id.
    pub device: DeviceId,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The folder it runs in; none: that of this program.
    pub folder: Option<PathBuf>,
    /// Further variables of its environment.
    pub environment: BTreeMap<String, String>,
    /// How it signs in: `IOTHUB_DEVICE_CONNECTION_STRING`.
    pub connection_string: String,
    /// The certificate of the hub's authority, a PEM file: `IOTHUB_CA_FILE`, and for programs that know
    /// nothing of us `SSL_CERT_FILE` (OpenSSL, Python, Go, Rust) and `NODE_EXTRA_CA_CERTS`.
    pub ca: Option<PathBuf>,
    /// The host that its own devices are to connect to: `IOTEDGE_GATEWAYHOSTNAME`.
    pub gateway: Option<String>,
    /// What becomes of it when it has ended.
    pub restart: Restart,
    /// What it may use.
    pub limits: Limits,
    /// When it is started.
    pub start: VirtualTime,
}

impl ProcessOptions {
    /// A program with its connection string, started again up to three times when it fails.
    pub fn new(device: DeviceId, command: Vec<String>, connection_string: String) -> Self {
        Self {
            device,
            command,
            folder: None,
            environment: BTreeMap::new(),
            connection_string,
            ca: None,
            gateway: None,
            restart: Restart::OnFailure {
                most: 3,
                delay: VirtualDuration::from_secs(1),
            },
            limits: Limits::default(),
            start: VirtualTime::ZERO,
        }
    }

    /// The variables that it finds.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([
            (
                "IOTHUB_DEVICE_CONNECTION_STRING".to_owned(),
                self.connection_string.clone(),
            ),
            ("IOTHUB_DEVICE_ID".to_owned(), self.device.to_string()),
        ]);
        if let Some(ca) = &self.ca {
            for name in ["IOTHUB_CA_FILE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
                all.insert(name.to_owned(), ca.display().to_string());
            }
        }
        if let Some(gateway) = &self.gateway {
            all.insert("IOTEDGE_GATEWAYHOSTNAME".to_owned(), gateway.clone());
        }
        // What was asked for by name has the last word.
        all.extend(self.environment.clone());
        all
    }
}
