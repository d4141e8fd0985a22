//! The state that an orchestrator's futures share with the replay.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use twinbench_model::{EntityId, VirtualTime};

use crate::{
    Failure, Json,
    guid::{before_rewinds, new_guid},
    history::{ExecutionStarted, Parent, Tags},
    work::Action,
};

/// What an orchestrator is told of itself when it begins.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) parent: Option<Parent>,
    pub(super) tags: Tags,
}

impl Origin {
    pub(super) fn of(started: &ExecutionStarted) -> Self {
        Self {
            name: started.name.clone(),
            version: started.version.clone(),
            parent: started.parent.clone(),
            tags: started.tags.clone(),
        }
    }
}

/// A critical section: entities that only this orchestration may use.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) id: Arc<str>,
    pub(super) granted: bool,
    pub(super) locked: BTreeSet<EntityId>,
    /// Locked entities that no call of ours is under way to.
    pub(super) free: BTreeSet<EntityId>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) now: VirtualTime,
    pub(super) replaying: bool,
    /// The orchestrator is being dropped: what its values do meanwhile is no action.
    pub(super) closed: bool,
    /// A future of ours said that it is not ready.
    pub(super) waited: bool,
    pub(super) origin: Origin,
    pub(super) custom_status: Option<Json>,
    pub(super) continue_as_new: Option<ContinueAsNew>,
    execution: Arc<str>,
    guids: u64,
    /// Asked for, and not yet met in the history.
    pub(super) asked: VecDeque<(i32, Action)>,
    next_action: i32,
    pub(super) results: BTreeMap<i32, Result<Option<Json>, Failure>>,
    /// Answers of entities, by request.
    pub(super) answers: BTreeMap<Arc<str>, Result<Option<Json>, Failure>>,
    /// Calls under way, by request.
    pub(super) calls: BTreeMap<Arc<str>, EntityId>,
    pub(super) section: Option<Section>,
    /// External events by name in lower case, that nobody waited for yet.
    buffered: BTreeMap<String, VecDeque<(String, Option<Json>)>>,
    waiting: BTreeMap<String, VecDeque<u32>>,
    next_ticket: u32,
    pub(super) delivered: BTreeMap<u32, Option<Json>>,
}

/// How an orchestrator wants to begin anew.
#[derive(Debug)]
pub(super) struct ContinueAsNew {
    pub(super) input: Json,
    pub(super) keep_events: bool,
    pub(super) version: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn begin(&mut self, started: &ExecutionStarted) {
        self.origin = Origin::of(started);
        self.execution = before_rewinds(&started.execution).into();
    }

    pub(super) fn ask(&mut self, action: Action) -> i32 {
        let id = self.next_action;
        self.next_action += 1;
        if !self.closed {
            self.asked.push_back((id, action));
        }
        id
    }

    /// A task that failed before it could be asked for.
    pub(super) fn already_failed(&mut self, failure: Failure) -> i32 {
        let id = self.next_action;
        self.next_action += 1;
        self.results.insert(id, Err(failure));
        id
    }

    pub(super) fn guid(&mut self) -> Arc<str> {
        self.guids += 1;
        new_guid(&self.execution, self.guids)
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

    pub(super) fn raise(&mut self, name: &str, input: Option<&Json>) {
        let key = name.to_lowercase();
        if let Some(ticket) = self.waiting.get_mut(&key).and_then(VecDeque::pop_front) {
            self.delivered.insert(ticket, input.cloned());
        } else {
            self.buffered
                .entry(key)
                .or_default()
                .push_back((name.to_owned(), input.cloned()));
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

    /// Events that nobody waited for.
    pub(super) fn take_buffered(&mut self) -> impl Iterator<Item = (String, Option<Json>)> + use<> {
        std::mem::take(&mut self.buffered).into_values().flatten()
    }

    pub(super) fn answer(&mut self, request: &Arc<str>, answer: Result<Option<Json>, Failure>) {
        if let Some(target) = self.calls.remove(request)
            && let Some(section) = &mut self.section
            && section.locked.contains(&target)
        {
            section.free.insert(target);
        }
        self.answers.insert(Arc::clone(request), answer);
    }

    /// Ends a critical section: its locks go back.
    pub(super) fn release(&mut self, section: &Arc<str>) {
        if self.section.as_ref().is_none_or(|it| it.id != *section) {
            return;
        }
        if let Some(section) = self.section.take() {
            for target in section.locked {
                self.ask(Action::UnlockEntity {
                    section: Arc::clone(&section.id),
                    target,
                });
            }
        }
    }
}
