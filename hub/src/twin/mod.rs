//! Twins: a document per device and module with tags, desired and reported properties
//! ("Understand and use device twins in IoT Hub").
//!
//! The service writes tags and desired properties, the device the reported ones; each write lays
//! a patch over a section or replaces it. A write that would break a limit changes nothing.

mod calls;
mod document;
mod limits;
mod merge;
mod stored;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use twinbench_model::VirtualTime;

pub use calls::{TwinError, TwinWrite};
pub use limits::{LimitError, MAX_PROPERTIES, MAX_TAGS};
pub use merge::Metadata;
pub(crate) use stored::TWIN_PREFIX;

/// A device's or module's twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// How often anything of it was written, from 2, as the cloud counts.
    pub version: u64,
    /// The service's tags; devices do not see them.
    pub tags: Map<String, Value>,
    /// What the service wants.
    pub desired: Section,
    /// What the device says.
    pub reported: Section,
    /// The PnP model that the device announced last.
    pub model_id: Option<Arc<str>>,
}

/// Desired or reported properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The properties.
    pub values: Map<String, Value>,
    /// How often they were written, from 1.
    pub version: u64,
    /// When what was written.
    pub metadata: Metadata,
}

impl Twin {
    pub(crate) fn new(now: VirtualTime) -> Self {
        Self {
            version: 2,
            tags: Map::new(),
            desired: Section::new(now, Some(1)),
            reported: Section::new(now, None),
            model_id: None,
        }
    }

    /// The ETag, as the cloud forms it: base64 of a 64-bit counter.
    pub fn etag(&self) -> String {
        STANDARD.encode((self.version - 1).to_be_bytes())
    }
}

impl Section {
    fn new(now: VirtualTime, version: Option<u64>) -> Self {
        Self {
            values: Map::new(),
            version: 1,
            metadata: Metadata::new(now, version),
        }
    }
}
