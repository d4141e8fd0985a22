//! What the engine can run.

use std::{collections::BTreeMap, fmt};

use crate::{activity::Activity, orchestration::Orchestrator, slot::Kind};

/// Entities, orchestrations and activities by name.
#[derive(Default)]
pub(crate) struct Registry {
    /// By name in lower case.
    pub(crate) entities: BTreeMap<String, Kind>,
    pub(crate) orchestrations: BTreeMap<String, Box<Orchestrator>>,
    pub(crate) activities: BTreeMap<String, Activity>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("entities", &self.entities)
            .field("orchestrations", &self.orchestrations.keys())
            .field("activities", &self.activities)
            .finish()
    }
}
