//! Runs an orchestrator against its history.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use twinbench_model::{EntityId, Epoch, VirtualTime};

use super::{Fact, HistoryEvent, OrchestrationContext};
use crate::{Failure, Json};

type Running = Pin<Box<dyn Future<Output = Result<Json, Failure>> + Send>>;

/// A registered orchestrator function.
pub(crate) type Orchestrator = dyn Fn(OrchestrationContext, Json) -> Running + Send;

/// What an orchestrator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Activity {
        name: String,
        input: Json,
    },
    Timer {
        fire_at: VirtualTime,
    },
    Signal {
        to: EntityId,
        operation: String,
        input: Json,
    },
}

/// How a turn ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Waiting,
    Completed(Json),
    Failed(Failure),
    ContinuedAsNew {
        input: Json,
        events: Vec<(String, Json)>,
    },
}

/// What a turn brought.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// New actions with their numbers, in the order in which they were asked for.
    pub(crate) actions: Vec<(u32, Action)>,
    pub(crate) custom_status: Option<Json>,
    pub(crate) outcome: Outcome,
}

/// The state that an orchestrator's futures share with the replay.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) now: VirtualTime,
    pub(super) replaying: bool,
    pub(super) custom_status: Option<Json>,
    pub(super) continue_as_new: Option<Json>,
    pub(super) guids: u64,
    /// Asked for, and not yet met in the history.
    asked: VecDeque<(u32, Action)>,
    next_action: u32,
    pub(super) results: BTreeMap<u32, Result<Json, Failure>>,
    /// External events by name in lower case, that nobody waited for yet.
    buffered: BTreeMap<String, VecDeque<(String, Json)>>,
    waiting: BTreeMap<String, VecDeque<u32>>,
    next_ticket: u32,
    pub(super) delivered: BTreeMap<u32, Json>,
}

#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn ask(&mut self, action: Action) -> u32 {
        let id = self.next_action;
        self.next_action += 1;
        self.asked.push_back((id, action));
        id
    }

    /// A task that failed before it could be asked for.
    pub(super) fn already_failed(&mut self, failure: Failure) -> u32 {
        let id = self.next_action;
        self.next_action += 1;
        self.results.insert(id, Err(failure));
        id
    }

    pub(super) fn wait_for_event(&mut self, name: &str) -> u32 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let name = name.to_lowercase();
        if let Some((_, input)) = self.buffered.get_mut(&name).and_then(VecDeque::pop_front) {
            self.delivered.insert(ticket, input);
        } else {
            self.waiting.entry(name).or_default().push_back(ticket);
        }
        ticket
    }

    fn raise(&mut self, name: &str, input: &Json) {
        let key = name.to_lowercase();
        if let Some(ticket) = self.waiting.get_mut(&key).and_then(VecDeque::pop_front) {
            self.delivered.insert(ticket, input.clone());
        } else {
            self.buffered
                .entry(key)
                .or_default()
                .push_back((name.to_owned(), input.clone()));
        }
    }

    /// A wait was dropped: an event that it had been given goes back to the front.
    pub(super) fn give_up(&mut self, name: &str, ticket: u32) {
        let key = name.to_lowercase();
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.retain(|it| *it != ticket);
        }
        if let Some(input) = self.delivered.remove(&ticket) {
            self.buffered
                .entry(key)
                .or_default()
                .push_front((name.to_owned(), input));
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activity { name, .. } => write!(f, "activity {name:?}"),
            Self::Timer { fire_at } => write!(f, "a timer at {fire_at}"),
            Self::Signal { to, operation, .. } => write!(f, "signal {operation:?} to {to}"),
        }
    }
}

/// Runs an orchestrator through `past`, which it has been through before, and `new`.
pub(crate) fn replay(
    orchestrator: &Orchestrator,
    instance: &Arc<str>,
    epoch: Epoch,
    past: &[HistoryEvent],
    new: &[HistoryEvent],
) -> Replayed {
    let shared = Arc::new(Shared::default());
    let mut running: Option<Running> = None;
    let mut result = None;
    for (index, HistoryEvent { timestamp, fact }) in past.iter().chain(new).enumerate() {
        let mut state = shared.lock();
        state.replaying = index < past.len();
        match fact {
            Fact::OrchestratorStarted => {
                state.now = *timestamp;
                continue;
            }
            Fact::ExecutionStarted { input, .. } => {
                drop(state);
                let context =
                    OrchestrationContext::new(Arc::clone(&shared), Arc::clone(instance), epoch);
                running = Some(orchestrator(context, input.clone()));
            }
            Fact::TaskScheduled { .. } | Fact::TimerCreated { .. } | Fact::EventSent { .. } => {
                if let Err(difference) = same(state.asked.pop_front(), fact) {
                    return Replayed::failed(difference);
                }
                continue;
            }
            Fact::OrchestratorCompleted => {
                if let Some((id, action)) = state.asked.front() {
                    return Replayed::failed(difference(
                        *id,
                        "nothing",
                        &format!("asked for {action}"),
                    ));
                }
                continue;
            }
            Fact::TaskCompleted { id, result } => {
                state.results.insert(*id, Ok(result.clone()));
                drop(state);
            }
            Fact::TaskFailed { id, failure } => {
                state.results.insert(*id, Err(failure.clone()));
                drop(state);
            }
            Fact::TimerFired { id } => {
                state.results.insert(*id, Ok(Json::null()));
                drop(state);
            }
            Fact::EventRaised { name, input } => {
                state.raise(name, input);
                drop(state);
            }
            Fact::ContinueAsNew { .. }
            | Fact::ExecutionCompleted { .. }
            | Fact::ExecutionFailed { .. } => continue,
        }
        if result.is_none()
            && let Some(running) = &mut running
            && let Poll::Ready(ended) = running
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        {
            result = Some(ended);
        }
    }
    // Tasks give up their waits when they are dropped: before what is left over is looked at.
    drop(running);
    let mut state = shared.lock();
    let outcome = match (result, state.continue_as_new.take()) {
        (None, _) => Outcome::Waiting,
        (Some(Err(failure)), _) => Outcome::Failed(failure),
        (Some(Ok(_)), Some(input)) => Outcome::ContinuedAsNew {
            input,
            events: std::mem::take(&mut state.buffered)
                .into_values()
                .flatten()
                .collect(),
        },
        (Some(Ok(result)), None) => Outcome::Completed(result),
    };
    Replayed {
        actions: state.asked.drain(..).collect(),
        custom_status: state.custom_status.take(),
        outcome,
    }
}

impl Replayed {
    fn failed(failure: Failure) -> Self {
        Self {
            actions: Vec::new(),
            custom_status: None,
            outcome: Outcome::Failed(failure),
        }
    }
}

/// Whether the code asked for what the history says it asked for.
fn same(asked: Option<(u32, Action)>, fact: &Fact) -> Result<(), Failure> {
    let (id, recorded) = match fact {
        Fact::TaskScheduled { id, name, .. } => (*id, format!("activity {name:?}")),
        Fact::TimerCreated { id, fire_at } => (*id, format!("a timer at {fire_at}")),
        Fact::EventSent {
            id, to, operation, ..
        } => (*id, format!("signal {operation:?} to {to}")),
        _ => return Ok(()),
    };
    let Some((asked_id, action)) = asked else {
        return Err(difference(id, &recorded, "asked for nothing"));
    };
    let matches = asked_id == id
        && match (&action, fact) {
            (Action::Activity { name, .. }, Fact::TaskScheduled { name: recorded, .. }) => {
                name == recorded
            }
            (
                Action::Timer { fire_at },
                Fact::TimerCreated {
                    fire_at: recorded, ..
                },
            ) => fire_at == recorded,
            (
                Action::Signal { to, operation, .. },
                Fact::EventSent {
                    to: recorded_to,
                    operation: recorded,
                    ..
                },
            ) => to == recorded_to && operation == recorded,
            _ => false,
        };
    if matches {
        Ok(())
    } else {
        Err(difference(id, &recorded, &format!("asked for {action}")))
    }
}

fn difference(id: u32, recorded: &str, now: &str) -> Failure {
    Failure::new(
        Failure::NON_DETERMINISTIC,
        format!(
            "action {id}: the history has {recorded}, the code {now}; \
             an orchestrator must do the same on every replay"
        ),
    )
}
