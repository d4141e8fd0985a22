//! Activities: work outside of the deterministic part, done at least once.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::VirtualTime;

use crate::{Failure, Json};

/// One activity to be done: its result goes to [`Engine::complete`](crate::Engine::complete).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// Its place in the order in which work was made.
    pub number: u64,
    /// The orchestration that waits for it.
    pub instance: String,
    /// Which execution of that orchestration; results for another are dropped.
    pub execution: u64,
    /// Which of its tasks.
    pub task: u32,
    /// The activity.
    pub name: String,
    /// Its input.
    pub input: Json,
}

/// What an activity knows beside its input.
#[derive(Debug)]
pub struct ActivityContext<'a> {
    pub(crate) item: &'a WorkItem,
    pub(crate) now: VirtualTime,
}

impl ActivityContext<'_> {
    /// The orchestration that waits for it.
    pub fn instance(&self) -> &str {
        &self.item.instance
    }

    /// The activity's name.
    pub fn name(&self) -> &str {
        &self.item.name
    }

    /// The current virtual time.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// A name for this piece of work that is the same each time it is done over: instance,
    /// execution and task.
    pub fn idempotency_key(&self) -> String {
        let WorkItem {
            instance,
            execution,
            task,
            ..
        } = self.item;
        format!("{instance}:{execution}:{task}")
    }
}

type Function = dyn Fn(&ActivityContext<'_>, &Json) -> Result<Json, Failure> + Send + Sync;

/// Where an activity is done.
pub(crate) enum Activity {
    /// By a function, within [`Engine::run`](crate::Engine::run).
    Here(Box<Function>),
    /// By whoever asks for work.
    Elsewhere,
}

impl Activity {
    pub(crate) fn function<I: DeserializeOwned, O: Serialize>(
        function: impl Fn(&ActivityContext<'_>, I) -> Result<O, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::Here(Box::new(move |cx, input| {
            Json::of(&function(cx, input.read()?)?)
        }))
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Elsewhere => "Elsewhere",
        })
    }
}
