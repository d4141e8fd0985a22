//! `[[app]]`: an application behind the hub, and how it is to be.

use jiff::Timestamp;
use serde::Deserialize;
use twinbench_model::Epoch;
use twinbench_serverless::{Options, Profile, Source};

/// An application behind the hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum App {
    /// The mirrored serverless IoT application.
    ServerlessIot(ServerlessIot),
}

/// `kind = "serverless-iot"`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServerlessIot {
    /// `repaired` (default), or `original`, with the original's defects.
    pub profile: Profile,
    /// Give flat firmware telemetry the application's `data` object; default: in the repaired
    /// profile. The original has nothing of the kind.
    pub adapter: Option<bool>,
    /// Where its messages come from: `iot-hub` (default), or `event-hubs`, which does not say who
    /// sent them.
    pub source: Source,
    /// What the clock of the original's host shows when the bench's shows its epoch; default: the
    /// epoch. The repaired profile knows no clock but the bench's.
    pub host_clock: Option<Timestamp>,
}

impl ServerlessIot {
    /// The application as described.
    pub fn options(&self, epoch: Epoch) -> Options {
        Options {
            adapter: self.adapter.unwrap_or(!self.profile.is_original()),
            profile: self.profile,
            source: self.source,
            host_clock: self.host_clock,
            ..Options::new(epoch)
        }
    }
}
