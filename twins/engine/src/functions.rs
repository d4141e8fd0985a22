//! The functions of an application: entities, orchestrations and activities by name.

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::{Epoch, VirtualTime};

use crate::{
    ActivityContext, Entity, Failure, Json, OrchestrationContext,
    activity::Activity,
    orchestration::{Orchestrator, replay},
    slot::Kind,
    versions::{OnMismatch, VersionMatch, Versioning},
    work::{ActivityWork, EntityResult, EntityWork, OrchestratorResult, OrchestratorWork},
};

/// Entities, orchestrations and activities that can be run here: by an engine of this process, or
/// for an endpoint elsewhere.
#[derive(Default, Clone)]
pub struct Functions {
    /// By name in lower case.
    pub(crate) entities: BTreeMap<Arc<str>, Kind>,
    pub(crate) orchestrations: BTreeMap<String, Arc<Orchestrator>>,
    pub(crate) activities: BTreeMap<String, Activity>,
    pub(crate) versioning: Versioning,
}

/// What an activity comes to, later.
pub type Performing = Pin<Box<dyn Future<Output = Result<Json, Failure>> + Send>>;

impl Functions {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type of entities under a name, in any case.
    #[must_use]
    pub fn entity<T: Entity>(mut self, name: &str) -> Self {
        self.entities
            .insert(name.to_lowercase().into(), Kind::of::<T>(None));
        self
    }

    /// Adds a type of entities under a name, with settings that its operations read with
    /// [`EntityContext::settings`](crate::EntityContext::settings).
    #[must_use]
    pub fn entity_with<T: Entity>(
        mut self,
        name: &str,
        settings: Arc<dyn std::any::Any + Send + Sync>,
    ) -> Self {
        self.entities
            .insert(name.to_lowercase().into(), Kind::of::<T>(Some(settings)));
        self
    }

    /// Adds an orchestrator: an `async` function of its context and its input.
    #[must_use]
    pub fn orchestration<I, O, R>(
        mut self,
        name: &str,
        function: impl Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
        R: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        let erased = move |context, input: Json| -> Pin<Box<dyn Future<Output = _> + Send>> {
            match input.read::<I>() {
                Ok(input) => {
                    let running = function(context, input);
                    Box::pin(async move { Json::of(&running.await?) })
                }
                Err(failure) => Box::pin(std::future::ready(Err(failure))),
            }
        };
        self.orchestrations
            .insert(name.to_owned(), Arc::new(erased));
        self
    }

    /// Adds an activity that is done within [`Engine::run`](crate::Engine::run).
    ///
    /// It runs before the commit of what caused it, and again after a crash in between. So its
    /// effects must either be records of the same commit (an outbox), or be done by whoever reads
    /// them after the commit.
    #[must_use]
    pub fn activity<I, O>(
        mut self,
        name: &str,
        function: impl Fn(&ActivityContext, I) -> Result<O, Failure> + Send + Sync + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
    {
        self.activities
            .insert(name.to_owned(), Activity::within(function));
        self
    }

    /// Adds an activity that does IO: an `async` function, done after the commit of what caused it.
    #[must_use]
    pub fn async_activity<I, O, R>(
        mut self,
        name: &str,
        function: impl Fn(ActivityContext, I) -> R + Send + Sync + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
        R: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        self.activities
            .insert(name.to_owned(), Activity::after(function));
        self
    }

    /// Adds the name of an activity that is done by whoever takes the engine's work.
    #[must_use]
    pub fn activity_elsewhere(mut self, name: &str) -> Self {
        self.activities.insert(name.to_owned(), Activity::Elsewhere);
        self
    }

    /// The version of these functions, which versions of orchestrations they run, and what happens
    /// to the others.
    #[must_use]
    pub fn version(mut self, own: &str, matching: VersionMatch, others: OnMismatch) -> Self {
        self.versioning = Versioning {
            own: own.to_owned(),
            matching,
            others,
        };
        self
    }

    /// Which versions of orchestrations these functions run, and what happens to the others.
    pub const fn versioning(&self) -> &Versioning {
        &self.versioning
    }

    /// Names of the entities, in lower case.
    pub fn entity_names(&self) -> impl Iterator<Item = &str> {
        self.entities.keys().map(AsRef::as_ref)
    }

    /// Names of the orchestrations.
    pub fn orchestration_names(&self) -> impl Iterator<Item = &str> {
        self.orchestrations.keys().map(String::as_str)
    }

    /// Names of the activities that are done here.
    pub fn activity_names(&self) -> impl Iterator<Item = &str> {
        self.activities
            .iter()
            .filter(|(_, activity)| !matches!(activity, Activity::Elsewhere))
            .map(|(name, _)| name.as_str())
    }

    /// Runs an orchestrator with what has come for it.
    pub fn orchestrate(&self, work: &OrchestratorWork, epoch: Epoch) -> OrchestratorResult {
        match self.orchestrations.get(&work.name) {
            Some(orchestrator) => replay(
                orchestrator.as_ref(),
                &work.instance,
                epoch,
                &work.past,
                &work.new,
            ),
            None => OrchestratorResult::failed(Failure::new(
                "OrchestratorNotFound",
                format!("no orchestration {:?} is registered", work.name),
            )),
        }
    }

    /// Does a batch of operations.
    pub fn operate(&self, work: &EntityWork, now: VirtualTime, epoch: Epoch) -> EntityResult {
        match self.entities.get(work.id.name()) {
            Some(kind) => crate::slot::operate_all(kind, work, now, epoch),
            None => EntityResult {
                failure: Some(Failure::new(
                    "EntityNotFound",
                    format!(
                        "no entity is registered under the name {:?}",
                        work.id.name()
                    ),
                )),
                ..EntityResult::default()
            },
        }
    }

    /// Does an activity.
    pub fn perform(&self, work: &ActivityWork, now: VirtualTime) -> Performing {
        let context = ActivityContext::of(work, now);
        let input = work.input.clone().unwrap_or_else(Json::null);
        match self.activities.get(&work.name) {
            Some(Activity::Within(function)) => {
                Box::pin(std::future::ready(function(&context, &input)))
            }
            Some(Activity::After(function)) => function(context, input),
            Some(Activity::Elsewhere) | None => Box::pin(std::future::ready(Err(Failure::new(
                "ActivityNotFound",
                format!("no activity {:?} is registered", work.name),
            )))),
        }
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions")
            .field("entities", &self.entities.keys())
            .field("orchestrations", &self.orchestrations.keys())
            .field("activities", &self.activities.keys())
            .field("versioning", &self.versioning)
            .finish()
    }
}
