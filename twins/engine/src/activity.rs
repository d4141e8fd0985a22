//! Activities: work outside of the deterministic part, done at least once.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use twinbench_model::VirtualTime;

use crate::{Failure, Json, functions::Performing, history::Tags, work::ActivityWork};

/// What an activity knows beside its input.
#[derive(Debug, Clone)]
pub struct ActivityContext {
    instance: Arc<str>,
    execution: Arc<str>,
    task: i32,
    name: String,
    version: Option<String>,
    tags: Tags,
    now: VirtualTime,
}

impl ActivityContext {
    pub(crate) fn of(work: &ActivityWork, now: VirtualTime) -> Self {
        Self {
            instance: Arc::clone(&work.instance),
            execution: Arc::clone(&work.execution),
            task: work.task,
            name: work.name.clone(),
            version: work.version.clone(),
            tags: work.tags.clone(),
            now,
        }
    }

    /// The orchestration that waits for it.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The activity's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The activity's version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Its tags.
    pub const fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The virtual time at which it was begun.
    pub const fn now(&self) -> VirtualTime {
        self.now
    }

    /// A name for this piece of work that is the same each time it is done over: instance,
    /// execution and task.
    pub fn idempotency_key(&self) -> String {
        format!("{}:{}:{}", self.instance, self.execution, self.task)
    }
}

type Within = dyn Fn(&ActivityContext, &Json) -> Result<Json, Failure> + Send + Sync;
type After = dyn Fn(ActivityContext, Json) -> Performing + Send + Sync;

/// Where an activity is done.
#[derive(Clone)]
pub(crate) enum Activity {
    /// By a function, within [`Engine::run`](crate::Engine::run).
    Within(Arc<Within>),
    /// By an `async` function, after the commit.
    After(Arc<After>),
    /// By whoever asks for work.
    Elsewhere,
}

impl Activity {
    pub(crate) fn within<I: DeserializeOwned, O: Serialize>(
        function: impl Fn(&ActivityContext, I) -> Result<O, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::Within(Arc::new(move |cx, input| {
            Json::of(&function(cx, input.read()?)?)
        }))
    }

    pub(crate) fn after<I, O, R>(
        function: impl Fn(ActivityContext, I) -> R + Send + Sync + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
        R: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        Self::After(Arc::new(move |cx, input| match input.read::<I>() {
            Ok(input) => {
                let performing = function(cx, input);
                Box::pin(async move { Json::of(&performing.await?) })
            }
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }))
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Within(_) => "Within",
            Self::After(_) => "After",
            Self::Elsewhere => "Elsewhere",
        })
    }
}
