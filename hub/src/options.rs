//! What can be set on a hub.

use twinbench_model::{Epoch, VirtualDuration};

use crate::{SymmetricKey, limits::Profile, routes::Routes};

/// A hub's settings. [`Options::new`] gives the defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
    /// Host names under which clients may address the hub, in any case of letters. Default:
    /// `localhost`, `127.0.0.1`, `::1`. A device that reaches the hub as its gateway signs for
    /// the cloud's name, so that name belongs here too.
    pub host_names: Vec<String>,
    /// Partitions of the event log, 1 to 32. Default 4. Fixed for the life of the stored log.
    pub partitions: u16,
    /// How long after its expiry a token still counts. Default 300 s.
    pub skew: VirtualDuration,
    /// How long the event log keeps a message. Default 1 day; the cloud offers 1 to 7.
    pub retention: VirtualDuration,
    /// Bytes of stored messages per partition that the event log keeps; beyond, the oldest go
    /// before their time. Default 1 GiB.
    pub retention_bytes: u64,
    /// Messages per partition that stay in memory after every consumer has passed them.
    /// Default 1,024.
    pub memory_window: usize,
    /// Messages per partition that stay in memory at most, also when a consumer lags; older ones
    /// are then read from the store. Default 65,536.
    pub memory_limit: usize,
    /// Bytes of messages per partition that stay in memory at most, whatever the two numbers
    /// above say; the newest message always stays. Default 64 MiB.
    pub memory_bytes: usize,
    /// How long a message to a device waits unless its sender says otherwise. Default 1 hour; the
    /// cloud offers up to 2 days.
    pub c2d_ttl: VirtualDuration,
    /// How often a message to a device is delivered before it is given up. Default 10; the cloud
    /// offers 1 to 100.
    pub c2d_deliveries: u32,
    /// Shared access policies: keys of the hub itself. Default none.
    pub policies: Vec<Policy>,
    /// The id scope under which devices register; `None` takes any. Default `None`.
    pub id_scope: Option<String>,
    /// The name by which devices that have registered are to call the hub. Default `localhost`.
    pub assigned_hub: String,
    /// Quotas and throttles. Default none.
    pub profile: Profile,
    /// Message routes. Default none, with the fallback on.
    pub routes: Routes,
}

/// A named key of the hub with what it allows.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name, e.g. `iothubowner`; a token names it in `skn`.
    pub name: String,
    /// Either key signs.
    pub primary: SymmetricKey,
    /// Either key signs.
    pub secondary: SymmetricKey,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

/// What a policy allows (IoT Hub developer guide, "Control access").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Read the registry.
    RegistryRead,
    /// Read and write the registry.
    RegistryWrite,
    /// The cloud-side endpoints.
    ServiceConnect,
    /// The device-side endpoints.
    DeviceConnect,
}

/// Which setting cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Partitions out of range.
    #[error("{0} partitions cannot be: set 1 to 32")]
    Partitions(u16),
    /// No host name.
    #[error("the hub has no host name: set at least one, such as \"localhost\"")]
    NoHostName,
    /// Memory settings contradict each other.
    #[error("the memory limit ({limit}) is below the memory window ({window}): raise it")]
    Memory {
        /// Options::memory_limit.
        limit: usize,
        /// Options::memory_window.
        window: usize,
    },
}

impl Options {
    /// The defaults, for a bench with this epoch.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            host_names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into(),
            partitions: 4,
            skew: VirtualDuration::from_secs(300),
            retention: VirtualDuration::from_secs(24 * 60 * 60),
            retention_bytes: 1 << 30,
            memory_window: 1_024,
            memory_limit: 65_536,
            memory_bytes: 64 << 20,
            c2d_ttl: VirtualDuration::from_secs(3_600),
            c2d_deliveries: 10,
            policies: Vec::new(),
            id_scope: None,
            assigned_hub: "localhost".to_owned(),
            profile: Profile::default(),
            routes: Routes::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        if !(1..=32).contains(&self.partitions) {
            return Err(OptionsError::Partitions(self.partitions));
        }
        if self.host_names.iter().all(String::is_empty) {
            return Err(OptionsError::NoHostName);
        }
        if self.memory_limit < self.memory_window {
            return Err(OptionsError::Memory {
                limit: self.memory_limit,
                window: self.memory_window,
            });
        }
        Ok(())
    }

    pub(crate) fn is_id_scope(&self, scope: &str) -> bool {
        self.id_scope.as_deref().is_none_or(|own| own == scope)
    }

    /// Whether a client may call the hub by this name; a port behind it is passed over.
    pub(crate) fn is_host(&self, name: &str) -> bool {
        let bare = match name.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
            Some((v6, _port)) => v6,
            None => match name.split_once(':') {
                Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
                _ => name,
            },
        };
        let own = |own: &String| own.eq_ignore_ascii_case(bare);
        !bare.is_empty() && self.host_names.iter().any(own)
    }
}

impl Policy {
    /// Whether it allows this. Writing the registry includes reading it.
    pub fn allows(&self, wanted: Permission) -> bool {
        let grants = |&has: &Permission| {
            has == wanted
                || (has == Permission::RegistryWrite && wanted == Permission::RegistryRead)
        };
        self.permissions.iter().any(grants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn options() -> Options {
        Options::new(Epoch::new(Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn knows_its_names() {
        for name in [
            "localhost",
            "LocalHost",
            "localhost:8443",
            "::1",
            "[::1]:8883",
        ] {
            assert!(options().is_host(name), "{name}");
        }
        for name in ["", "elsewhere", "localhost:mqtt", "localhost.evil", ":1"] {
            assert!(!options().is_host(name), "{name}");
        }
    }

    #[test]
    fn refuses_what_cannot_be() {
        let mut partitions = options();
        partitions.partitions = 33;
        assert_eq!(partitions.check(), Err(OptionsError::Partitions(33)));
        let mut nameless = options();
        nameless.host_names.clear();
        assert_eq!(nameless.check(), Err(OptionsError::NoHostName));
        assert_eq!(options().check(), Ok(()));
    }

    #[test]
    fn writing_includes_reading() {
        let key = SymmetricKey::new(&[1; 32]).unwrap();
        let policy = Policy {
            name: "registryReadWrite".into(),
            primary: key.clone(),
            secondary: key,
            permissions: vec![Permission::RegistryWrite],
        };
        assert!(policy.allows(Permission::RegistryRead));
        assert!(!policy.allows(Permission::DeviceConnect));
    }
}
