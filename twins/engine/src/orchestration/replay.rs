//! Runs an orchestrator against its history.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use twinbench_model::Epoch;

use super::{
    OrchestrationContext,
    state::{Shared, State},
};
use crate::{
    Failure, Json, Status,
    history::{EventKind, HistoryEvent},
    slot::panicked,
    work::{Action, OrchestratorResult},
};

type Running = Pin<Box<dyn Future<Output = Result<Json, Failure>> + Send>>;

/// A registered orchestrator function.
pub(crate) type Orchestrator = dyn Fn(OrchestrationContext, Json) -> Running + Send + Sync;

/// The number of the actions that end an execution.
const LAST: i32 = -1;

/// Runs an orchestrator through `past`, which it has been through before, and `new`.
pub(crate) fn replay(
    orchestrator: &Orchestrator,
    instance: &Arc<str>,
    epoch: Epoch,
    past: &[HistoryEvent],
    new: &[HistoryEvent],
) -> OrchestratorResult {
    let replay = Replay {
        shared: Arc::new(Shared::default()),
        orchestrator,
        instance,
        epoch,
        running: None,
        ended: None,
        suspended: false,
        held_back: Vec::new(),
        rewound: past
            .iter()
            .chain(new)
            .any(|event| matches!(event.kind, EventKind::ExecutionRewound(_))),
    };
    replay.through(past, new)
}

struct Replay<'a> {
    shared: Arc<Shared>,
    orchestrator: &'a Orchestrator,
    instance: &'a Arc<str>,
    epoch: Epoch,
    running: Option<Running>,
    ended: Option<Result<Json, Failure>>,
    suspended: bool,
    /// What came while it was suspended.
    held_back: Vec<&'a HistoryEvent>,
    /// What failed was taken out of the history, so it need not hold all that was asked for.
    rewound: bool,
}

impl<'a> Replay<'a> {
    fn through(mut self, past: &'a [HistoryEvent], new: &'a [HistoryEvent]) -> OrchestratorResult {
        for (index, event) in past.iter().chain(new).enumerate() {
            self.shared.lock().replaying = index < past.len();
            if let Err(failure) = self.take(event) {
                return self.end(Some(Err(failure)));
            }
        }
        if self.suspended {
            // What was asked for before it was suspended, in the same turn, is held back as well.
            let mut state = self.shared.lock();
            state.asked.clear();
            state.closed = true;
            return OrchestratorResult {
                custom_status: state.custom_status.take(),
                ..OrchestratorResult::default()
            };
        }
        let ended = self.ended.take();
        self.end(ended)
    }

    fn take(&mut self, event: &'a HistoryEvent) -> Result<(), Failure> {
        match &event.kind {
            EventKind::OrchestratorStarted => {
                self.shared.lock().now = event.at;
                Ok(())
            }
            EventKind::OrchestratorCompleted => self.all_recorded(),
            EventKind::TaskScheduled { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::SubOrchestrationCreated { .. }
            | EventKind::EventSent { .. }
            | EventKind::EntityOperationSignaled { .. }
            | EventKind::EntityOperationCalled { .. }
            | EventKind::EntityLockRequested { .. }
            | EventKind::EntityUnlockSent { .. } => {
                let asked = self.shared.lock().take_asked(event.id, self.rewound);
                same(asked, event)
            }
            EventKind::ExecutionSuspended { .. } => {
                self.suspended = true;
                Ok(())
            }
            EventKind::ExecutionResumed { .. } => {
                self.suspended = false;
                for event in std::mem::take(&mut self.held_back) {
                    self.happen(event)?;
                }
                Ok(())
            }
            _ if self.suspended => {
                self.held_back.push(event);
                Ok(())
            }
            _ => self.happen(event),
        }
    }

    /// Something came in: the orchestrator goes on as far as it can.
    fn happen(&mut self, event: &HistoryEvent) -> Result<(), Failure> {
        let mut state = self.shared.lock();
        match &event.kind {
            EventKind::ExecutionStarted(started) => {
                state.begin(started);
                drop(state);
                let context = OrchestrationContext::new(
                    Arc::clone(&self.shared),
                    Arc::clone(self.instance),
                    self.epoch,
                );
                let input = started.input.clone().unwrap_or_else(Json::null);
                self.running = Some((self.orchestrator)(context, input));
            }
            EventKind::TaskCompleted { task, result }
            | EventKind::SubOrchestrationCompleted { task, result } => {
                state.results.insert(*task, Ok(result.clone()));
                drop(state);
            }
            EventKind::TaskFailed { task, failure }
            | EventKind::SubOrchestrationFailed { task, failure } => {
                state.results.insert(*task, Err(failure.clone()));
                drop(state);
            }
            EventKind::TimerFired { timer, .. } => {
                state.results.insert(*timer, Ok(None));
                drop(state);
            }
            EventKind::EventRaised { name, input } => {
                state.raise(name, input.as_ref());
                drop(state);
            }
            EventKind::EntityOperationCompleted { request, output } => {
                state.answer(request, Ok(output.clone()));
                drop(state);
            }
            EventKind::EntityOperationFailed { request, failure } => {
                state.answer(request, Err(failure.clone()));
                drop(state);
            }
            EventKind::EntityLockGranted { section } => {
                if let Some(held) = state.section.as_mut().filter(|held| held.id == *section) {
                    held.granted = true;
                }
                state.answers.insert(Arc::clone(section), Ok(None));
                drop(state);
            }
            _ => return Ok(()),
        }
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), Failure> {
        let (None, Some(running)) = (&self.ended, &mut self.running) else {
            return Ok(());
        };
        self.shared.lock().waited = false;
        let mut context = Context::from_waker(Waker::noop());
        match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut context))) {
            Ok(Poll::Ready(ended)) => {
                self.ended = Some(ended);
                Ok(())
            }
            Ok(Poll::Pending) if self.shared.lock().waited => Ok(()),
            Ok(Poll::Pending) => Err(Failure::new(
                Failure::NON_DETERMINISTIC,
                "the orchestrator waits for something that is not of its context: it may only \
                 await what its context gives it",
            )),
            Err(panic) => {
                self.running = None;
                Err(panicked(&*panic))
            }
        }
    }

    /// At the end of a recorded turn everything that was asked for is in the history.
    fn all_recorded(&self) -> Result<(), Failure> {
        let state = self.shared.lock();
        match state.asked.front() {
            Some((id, action)) if !self.rewound && !self.suspended => Err(difference(
                *id,
                "nothing",
                &format!("asked for {}", Named(action)),
            )),
            _ => Ok(()),
        }
    }

    fn end(self, ended: Option<Result<Json, Failure>>) -> OrchestratorResult {
        let Self {
            shared, running, ..
        } = self;
        // Tasks give up their waits when they are dropped: before what is left over is looked at.
        shared.lock().closed = true;
        drop(running);
        let mut state = shared.lock();
        let last = match ended {
            None => None,
            Some(Err(failure)) => {
                if failure.error_type == Failure::NON_DETERMINISTIC {
                    state.asked.clear();
                }
                Some(Action::Complete {
                    status: Status::Failed,
                    result: None,
                    failure: Some(failure),
                })
            }
            Some(Ok(result)) => Some(match state.continue_as_new.take() {
                Some(next) => Action::ContinueAsNew {
                    input: Some(next.input),
                    new_version: next.version,
                    carryover: state
                        .take_buffered()
                        .filter(|_| next.keep_events)
                        .map(|(name, input)| {
                            let kind = EventKind::EventRaised { name, input };
                            HistoryEvent::outside(state.now, kind)
                        })
                        .collect(),
                    tags: None,
                },
                None => Action::Complete {
                    status: Status::Completed,
                    result: Some(result),
                    failure: None,
                },
            }),
        };
        let mut actions: Vec<_> = state.asked.drain(..).collect();
        actions.extend(last.map(|action| (LAST, action)));
        OrchestratorResult {
            actions,
            custom_status: state.custom_status.take(),
            events_processed: None,
        }
    }
}

impl State {
    /// The action that a row of the history is to be compared with.
    fn take_asked(&mut self, id: i32, rewound: bool) -> Option<(i32, Action)> {
        if !rewound {
            return self.asked.pop_front();
        }
        let place = self.asked.iter().position(|(asked, _)| *asked == id)?;
        self.asked.remove(place)
    }
}

impl OrchestratorResult {
    /// It fails and asks for nothing more.
    pub fn failed(failure: Failure) -> Self {
        Self {
            actions: vec![(
                LAST,
                Action::Complete {
                    status: Status::Failed,
                    result: None,
                    failure: Some(failure),
                },
            )],
            ..Self::default()
        }
    }
}

/// An action or its row in a few words, which say what must be the same on each replay.
struct Named<'a, T>(&'a T);

impl fmt::Display for Named<'_, Action> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Action::ScheduleTask { name, .. } => write!(f, "activity {name:?}"),
            Action::CreateTimer { fire_at } => write!(f, "a timer at {fire_at}"),
            Action::CreateSubOrchestration { name, .. } => {
                write!(f, "sub-orchestration {name:?}")
            }
            Action::SendEvent { instance, name, .. } => {
                write!(f, "event {name:?} to {instance:?}")
            }
            Action::SignalEntity {
                target, operation, ..
            } => write!(f, "signal {operation:?} to {target}"),
            Action::CallEntity {
                target, operation, ..
            } => write!(f, "call {operation:?} of {target}"),
            Action::LockEntities { lock_set, .. } => write!(f, "locks of {lock_set:?}"),
            Action::UnlockEntity { target, .. } => write!(f, "the unlock of {target}"),
            Action::Terminate { instance, .. } => write!(f, "the end of {instance:?}"),
            Action::Complete { .. } => f.write_str("its end"),
            Action::ContinueAsNew { .. } => f.write_str("a new beginning"),
            Action::Rewind { .. } => f.write_str("a rewind"),
        }
    }
}

impl fmt::Display for Named<'_, EventKind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            EventKind::TaskScheduled { name, .. } => write!(f, "activity {name:?}"),
            EventKind::TimerCreated { fire_at } => write!(f, "a timer at {fire_at}"),
            EventKind::SubOrchestrationCreated { name, .. } => {
                write!(f, "sub-orchestration {name:?}")
            }
            EventKind::EventSent { instance, name, .. } => {
                write!(f, "event {name:?} to {instance:?}")
            }
            EventKind::EntityOperationSignaled {
                target, operation, ..
            } => write!(f, "signal {operation:?} to {target}"),
            EventKind::EntityOperationCalled {
                target, operation, ..
            } => write!(f, "call {operation:?} of {target}"),
            EventKind::EntityLockRequested { lock_set, .. } => write!(f, "locks of {lock_set:?}"),
            EventKind::EntityUnlockSent { target, .. } => write!(f, "the unlock of {target}"),
            _ => f.write_str("something else"),
        }
    }
}

/// Whether the code asked for what the history says it asked for.
fn same(asked: Option<(i32, Action)>, event: &HistoryEvent) -> Result<(), Failure> {
    let now = match asked {
        Some((id, action)) if id == event.id && matches(&action, &event.kind) => return Ok(()),
        Some((_, action)) => format!("asked for {}", Named(&action)),
        None => "asked for nothing".to_owned(),
    };
    Err(difference(event.id, &Named(&event.kind).to_string(), &now))
}

fn matches(action: &Action, kind: &EventKind) -> bool {
    match (action, kind) {
        (Action::ScheduleTask { name, .. }, EventKind::TaskScheduled { name: recorded, .. })
        | (
            Action::CreateSubOrchestration { name, .. },
            EventKind::SubOrchestrationCreated { name: recorded, .. },
        ) => name == recorded,
        (
            Action::CreateTimer { fire_at },
            EventKind::TimerCreated {
                fire_at: recorded, ..
            },
        ) => fire_at == recorded,
        (
            Action::SendEvent { instance, name, .. },
            EventKind::EventSent {
                instance: recorded_instance,
                name: recorded,
                ..
            },
        ) => instance == recorded_instance && name == recorded,
        (
            Action::SignalEntity {
                target, operation, ..
            },
            EventKind::EntityOperationSignaled {
                target: recorded_target,
                operation: recorded,
                ..
            },
        )
        | (
            Action::CallEntity {
                target, operation, ..
            },
            EventKind::EntityOperationCalled {
                target: recorded_target,
                operation: recorded,
                ..
            },
        ) => target == recorded_target && operation == recorded,
        (
            Action::LockEntities { lock_set, .. },
            EventKind::EntityLockRequested {
                lock_set: recorded, ..
            },
        ) => lock_set == recorded,
        (
            Action::UnlockEntity { target, .. },
            EventKind::EntityUnlockSent {
                target: recorded, ..
            },
        ) => target == recorded,
        _ => false,
    }
}

fn difference(id: i32, recorded: &str, now: &str) -> Failure {
    Failure::new(
        Failure::NON_DETERMINISTIC,
        format!(
            "action {id}: the history has {recorded}, the code {now}; \
             an orchestrator must do the same on every replay"
        ),
    )
}
