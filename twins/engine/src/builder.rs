//! How an engine is made.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::Epoch;

use crate::{
    ActivityContext, Engine, Entity, Failure, Json, OrchestrationContext, activity::Activity,
    registry::Registry, slot::Kind,
};

/// Operations of one entity that are done in one turn (`maxEntityOperationBatchSize` outside of
/// the consumption plan).
const BATCH: usize = 5000;

/// Collects what an engine can run.
#[derive(Debug)]
pub struct Builder {
    registry: Registry,
    epoch: Epoch,
    batch: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            registry: Registry::default(),
            epoch: Epoch::new(Timestamp::UNIX_EPOCH),
            batch: BATCH,
        }
    }
}

impl Builder {
    /// The UTC instant of virtual time zero. 1970 when it is not given.
    #[must_use]
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self
    }

    /// The most operations of one entity that are done before others have their turn; at least 1.
    #[must_use]
    pub fn batch(mut self, operations: usize) -> Self {
        self.batch = operations.max(1);
        self
    }

    /// Registers a type of entities under a name, in any case.
    #[must_use]
    pub fn entity<T: Entity>(mut self, name: &str) -> Self {
        self.registry
            .entities
            .insert(name.to_lowercase(), Kind::of::<T>());
        self
    }

    /// Registers an orchestrator: an `async` function of its context and its input.
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
        let erased =
            move |context, input: Json| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
                match input.read::<I>() {
                    Ok(input) => {
                        let running = function(context, input);
                        Box::pin(async move { Json::of(&running.await?) })
                    }
                    Err(failure) => Box::pin(std::future::ready(Err(failure))),
                }
            };
        self.registry
            .orchestrations
            .insert(name.to_owned(), Box::new(erased));
        self
    }

    /// Registers an activity that is done within [`Engine::run`].
    ///
    /// It runs before the commit of what caused it, and again after a crash in between. So its
    /// effects must either be records of the same commit (an outbox), or be done by whoever reads
    /// them after the commit.
    #[must_use]
    pub fn activity<I, O>(
        mut self,
        name: &str,
        function: impl Fn(&ActivityContext<'_>, I) -> Result<O, Failure> + Send + Sync + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
    {
        self.registry
            .activities
            .insert(name.to_owned(), Activity::function(function));
        self
    }

    /// Registers an activity that is done by whoever calls [`Engine::take_work`].
    #[must_use]
    pub fn activity_elsewhere(mut self, name: &str) -> Self {
        self.registry
            .activities
            .insert(name.to_owned(), Activity::Elsewhere);
        self
    }

    /// The engine, with nothing in it.
    pub fn build(self) -> Engine {
        Engine::new(self.registry, self.epoch, self.batch)
    }
}
