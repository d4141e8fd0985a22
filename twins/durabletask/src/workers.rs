//! Workers that are connected: what each wants, what each has, and who gets the next item.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::mpsc::UnboundedSender;
use twinbench_engine::{
    Engine,
    history::HistoryEvent,
    work::{OrchestratorWork, Token, Work, WorkKind},
};
use twinbench_model::VirtualTime;

use crate::proto as pb;

/// Sweeps that an item may see before its worker counts as lost.
const SWEEPS: u32 = 4;

/// Names and versions that a worker wants of one kind; `None` wants any.
pub(crate) type Wanted = Option<BTreeMap<String, Vec<String>>>;

/// What a worker can take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// How many orchestrations, entities and activities at once.
    pub(crate) limits: [usize; 3],
    /// Which of them.
    pub(crate) wanted: [Wanted; 3],
    /// It asks for large histories by itself.
    pub(crate) streams_history: bool,
}

impl Terms {
    fn wants(&self, kind: WorkKind, name: &str, version: Option<&str>) -> bool {
        match &self.wanted[place(kind)] {
            None => true,
            Some(names) => names.get(name).is_some_and(|versions| {
                versions.is_empty() || versions.iter().any(|it| it == version.unwrap_or_default())
            }),
        }
    }
}

/// An item on its way to a worker.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) work: Work,
    /// The span that the orchestration's last turn told of.
    pub(crate) span: Option<pb::OrchestrationTraceContext>,
}

struct Connected {
    terms: Terms,
    out: [usize; 3],
    /// When it last was given something, in items.
    last: u64,
    give: UnboundedSender<Given>,
}

struct Out {
    worker: u64,
    kind: WorkKind,
    sweeps: u32,
    /// Actions of a turn whose answer comes in parts.
    parts: Vec<pb::OrchestratorAction>,
}

/// The workers of a task hub.
#[derive(Default)]
pub(crate) struct Workers {
    connected: BTreeMap<u64, Connected>,
    out: BTreeMap<Token, Out>,
    /// Histories of turns that are out, for workers that ask for them.
    pasts: BTreeMap<Arc<str>, (Token, Arc<Vec<HistoryEvent>>)>,
    spans: BTreeMap<Arc<str>, pb::OrchestrationTraceContext>,
    next: u64,
    given: u64,
}

const fn place(kind: WorkKind) -> usize {
    match kind {
        WorkKind::Orchestration => 0,
        WorkKind::Entity => 1,
        WorkKind::Activity => 2,
    }
}

const fn kind_of(work: &Work) -> WorkKind {
    match work {
        Work::Orchestration(_) => WorkKind::Orchestration,
        Work::Entity(_) => WorkKind::Entity,
        Work::Activity(_) => WorkKind::Activity,
    }
}

impl Workers {
    /// How many are connected.
    pub(crate) fn len(&self) -> usize {
        self.connected.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connected.is_empty()
    }

    /// A worker has come; gives its number.
    pub(crate) fn connect(&mut self, terms: Terms, give: UnboundedSender<Given>) -> u64 {
        self.next += 1;
        let connected = Connected {
            terms,
            out: [0; 3],
            last: 0,
            give,
        };
        self.connected.insert(self.next, connected);
        self.next
    }

    /// A worker has gone. What it never saw is given out again as if nothing had happened, what
    /// it may have begun counts as lost.
    pub(crate) fn disconnect(
        &mut self,
        engine: &mut Engine,
        worker: u64,
        unseen: &[Token],
        now: VirtualTime,
    ) {
        self.connected.remove(&worker);
        let tokens: Vec<Token> = self
            .out
            .iter()
            .filter(|(_, out)| out.worker == worker)
            .map(|(token, _)| *token)
            .collect();
        // The latest first: each goes to the front of what waits.
        for token in tokens.into_iter().rev() {
            self.finish(token);
            if unseen.contains(&token) {
                engine.abandon(token, None, now);
            } else {
                tracing::debug!(worker, token = token.0, "a worker was lost with an item");
                engine.lose(token, now);
            }
        }
    }

    /// Gives out what waits, each item to the least busy worker that wants it.
    pub(crate) fn give_out(&mut self, engine: &mut Engine, now: VirtualTime) {
        while !self.connected.is_empty() && engine.work_waiting() > 0 {
            let connected = &self.connected;
            let mut chosen = None;
            let work = engine.take_work(
                &mut |kind, name, version| {
                    let place = place(kind);
                    chosen = connected
                        .iter()
                        .filter(|(_, it)| it.out[place] < it.terms.limits[place])
                        .filter(|(_, it)| it.terms.wants(kind, name, version))
                        .min_by_key(|(_, it)| (it.out[place], it.last))
                        .map(|(worker, _)| *worker);
                    chosen.is_some()
                },
                now,
            );
            let (Some(work), Some(worker)) = (work, chosen) else {
                return;
            };
            self.give(engine, worker, work, now);
        }
    }

    fn give(&mut self, engine: &mut Engine, worker: u64, work: Work, now: VirtualTime) {
        let (token, kind) = (work.token(), kind_of(&work));
        let Some(to) = self.connected.get_mut(&worker) else {
            engine.abandon(token, None, now);
            return;
        };
        let mut span = None;
        if let Work::Orchestration(turn) = &work {
            span = self.spans.get(&turn.instance).cloned();
            if to.terms.streams_history {
                self.pasts
                    .insert(Arc::clone(&turn.instance), (token, Arc::clone(&turn.past)));
            }
        }
        if to.give.send(Given { work, span }).is_err() {
            // Its stream has ended; that it has gone will be said in a moment.
            engine.abandon(token, None, now);
            self.connected.remove(&worker);
            return;
        }
        self.given += 1;
        to.last = self.given;
        to.out[place(kind)] += 1;
        let out = Out {
            worker,
            kind,
            sweeps: 0,
            parts: Vec::new(),
        };
        self.out.insert(token, out);
    }

    /// An item of a kind is not at its worker any more; gives the actions that came before its
    /// last part.
    pub(crate) fn finish_one(
        &mut self,
        token: Token,
        kind: WorkKind,
    ) -> Vec<pb::OrchestratorAction> {
        match self.out.get(&token) {
            Some(out) if out.kind == kind => self.finish(token),
            _ => Vec::new(),
        }
    }

    /// An item is not at its worker any more; gives the actions that came before its last part.
    pub(crate) fn finish(&mut self, token: Token) -> Vec<pb::OrchestratorAction> {
        let Some(out) = self.out.remove(&token) else {
            return Vec::new();
        };
        if let Some(worker) = self.connected.get_mut(&out.worker) {
            let count = &mut worker.out[place(out.kind)];
            *count = count.saturating_sub(1);
        }
        if out.kind == WorkKind::Orchestration {
            self.pasts.retain(|_, (of, _)| *of != token);
        }
        out.parts
    }

    /// Keeps a part of an answer. False when the item is not out.
    pub(crate) fn keep_part(&mut self, token: Token, actions: Vec<pb::OrchestratorAction>) -> bool {
        let Some(out) = self.out.get_mut(&token) else {
            return false;
        };
        out.sweeps = 0;
        out.parts.extend(actions);
        true
    }

    /// Keeps what a turn told of its span, for the next turn; `None` when the execution ended.
    pub(crate) fn keep_span(
        &mut self,
        instance: &str,
        span: Option<pb::OrchestrationTraceContext>,
    ) {
        match span {
            Some(span) => {
                self.spans.insert(instance.into(), span);
            }
            None => {
                self.spans.remove(instance);
            }
        }
    }

    /// The history that a turn was given out with.
    pub(crate) fn past_of(&self, instance: &str) -> Option<Arc<Vec<HistoryEvent>>> {
        self.pasts.get(instance).map(|(_, past)| Arc::clone(past))
    }

    /// Called a few times in each lease: what has been out for a whole one counts as lost, though
    /// its worker is there. Of the two leases the caller says which kinds are meant.
    pub(crate) fn sweep(&mut self, engine: &mut Engine, activities: bool, now: VirtualTime) {
        let mut late = Vec::new();
        for (token, out) in &mut self.out {
            if (out.kind == WorkKind::Activity) == activities {
                out.sweeps += 1;
                if out.sweeps > SWEEPS {
                    late.push(*token);
                }
            }
        }
        for token in late.into_iter().rev() {
            tracing::warn!(token = token.0, "a worker kept an item for too long");
            self.finish(token);
            engine.lose(token, now);
        }
    }

    /// Everything that was out belongs to a hub that is no more.
    pub(crate) fn forget_work(&mut self) {
        self.out.clear();
        self.pasts.clear();
        self.spans.clear();
        for worker in self.connected.values_mut() {
            worker.out = [0; 3];
        }
    }
}

/// The parts of a lease between two sweeps.
pub(crate) const SWEEPS_IN_A_LEASE: u32 = SWEEPS;

/// Whether it is worth sending a turn's history by itself.
pub(crate) fn is_large(work: &OrchestratorWork) -> bool {
    // A row has some 40 bytes and its payloads; the limit of most clients is 4 MiB a message.
    const ROWS: usize = 1_000;
    const BYTES: usize = 1 << 20;
    work.past.len() > ROWS
        || work
            .past
            .iter()
            .map(payload)
            .scan(0, |sum, bytes| {
                *sum += bytes;
                Some(*sum)
            })
            .any(|sum| sum > BYTES)
}

fn payload(event: &HistoryEvent) -> usize {
    use twinbench_engine::EventKind as Kind;
    let json = match &event.kind {
        Kind::ExecutionStarted(it) => it.input.as_ref(),
        Kind::ExecutionCompleted { result, .. }
        | Kind::TaskCompleted { result, .. }
        | Kind::SubOrchestrationCompleted { result, .. } => result.as_ref(),
        Kind::TaskScheduled { input, .. }
        | Kind::SubOrchestrationCreated { input, .. }
        | Kind::EventSent { input, .. }
        | Kind::EventRaised { input, .. }
        | Kind::EntityOperationSignaled { input, .. }
        | Kind::EntityOperationCalled { input, .. } => input.as_ref(),
        Kind::EntityOperationCompleted { output, .. } => output.as_ref(),
        _ => None,
    };
    json.map_or(0, |json| json.as_str().len())
}
