//! How an engine is made.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::Epoch;

use crate::{
    ActivityContext, ClientFaults, Engine, Entity, Failure, Functions, Limits,
    OrchestrationContext, options::Options,
};

/// Collects what an engine can run, and how.
#[derive(Debug)]
pub struct Builder {
    functions: Functions,
    options: Options,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            functions: Functions::default(),
            options: Options {
                epoch: Epoch::new(Timestamp::UNIX_EPOCH),
                limits: Limits::default(),
                faults: ClientFaults::default(),
                journal: true,
                remote: false,
                check_replays: cfg!(debug_assertions),
                threads: 1,
            },
        }
    }
}

impl Builder {
    /// The UTC instant of virtual time zero. 1970 when it is not given.
    #[must_use]
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.options.epoch = epoch;
        self
    }

    /// What the engine refuses.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = Limits {
            batch: limits.batch.max(1),
            ..limits
        };
        self
    }

    /// The most operations of one entity that are done before others have their turn; at least 1.
    #[must_use]
    pub fn batch(mut self, operations: usize) -> Self {
        self.options.limits.batch = operations.max(1);
        self
    }

    /// What happens to signals of clients on their way.
    #[must_use]
    pub fn faults(mut self, faults: ClientFaults) -> Self {
        self.options.faults = faults;
        self
    }

    /// Whether events are kept for [`Engine::drain_events`]; they are, unless told otherwise.
    #[must_use]
    pub fn journal(mut self, on: bool) -> Self {
        self.options.journal = on;
        self
    }

    /// Whether names that are not registered here are work for workers elsewhere
    /// ([`Engine::take_work`]), instead of failures.
    #[must_use]
    pub fn remote(mut self, on: bool) -> Self {
        self.options.remote = on;
        self
    }

    /// Whether each turn of an orchestrator is run twice and compared, which finds clocks and
    /// random numbers. It is so in builds with debug assertions, unless told otherwise.
    #[must_use]
    pub fn check_replays(mut self, on: bool) -> Self {
        self.options.check_replays = on;
        self
    }

    /// How many threads may run partitions side by side. What happens does not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = threads.max(1);
        self
    }

    /// Replaces all functions.
    #[must_use]
    pub fn functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// Adds to the functions.
    #[must_use]
    pub fn with_functions(mut self, add: impl FnOnce(Functions) -> Functions) -> Self {
        self.functions = add(self.functions);
        self
    }

    /// Registers a type of entities; see [`Functions::entity`].
    #[must_use]
    pub fn entity<T: Entity>(mut self, name: &str) -> Self {
        self.functions = self.functions.entity::<T>(name);
        self
    }

    /// Registers an orchestrator; see [`Functions::orchestration`].
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
        self.functions = self.functions.orchestration(name, function);
        self
    }

    /// Registers an activity that is done within [`Engine::run`]; see [`Functions::activity`].
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
        self.functions = self.functions.activity(name, function);
        self
    }

    /// Registers an activity that is done by whoever calls [`Engine::take_work`].
    #[must_use]
    pub fn activity_elsewhere(mut self, name: &str) -> Self {
        self.functions = self.functions.activity_elsewhere(name);
        self
    }

    /// The engine, with nothing in it.
    pub fn build(self) -> Engine {
        Engine::new(self.functions, self.options)
    }
}
