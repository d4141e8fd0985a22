//! Calls of connectors that really leave: made after the commit that caused them, on threads of
//! their own; their outcomes come back in the order in which the calls were taken.
//!
//! In a bench that runs as fast as it can, virtual time stands until they are back. In one that is
//! paced by the wall clock they come back when they do.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use twinbench_engine::{
    Failure, Json,
    work::{Token, Work, WorkKind},
};

use super::{Error, Session};

/// Calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    out: Vec<(Token, Receiver<Result<Json, Failure>>)>,
    /// Whether virtual time goes on meanwhile.
    time_goes_on: bool,
}

impl Session {
    /// Virtual time goes on while calls are under way: the bench is paced by the wall clock.
    pub(crate) fn let_time_go_on(&mut self) {
        self.deliveries.time_goes_on = true;
    }

    /// Makes the calls that are due, and takes the outcomes of those that have ended.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub(crate) fn deliver(&mut self) -> Result<(), Error> {
        if self.application.options().connectors.by_activity.is_empty() {
            return Ok(());
        }
        loop {
            let came_back = self.take_outcomes();
            if came_back {
                self.settle()?;
            }
            // A call is made only when what caused it is durable; before, nobody knows of it.
            self.commit_and_hand_out()?;
            let begun = self.begin_calls();
            let waits = !self.deliveries.time_goes_on && !self.deliveries.out.is_empty();
            if !begun && !came_back && !waits {
                return Ok(());
            }
            if self.deliveries.time_goes_on && !came_back {
                return Ok(());
            }
        }
    }

    fn begin_calls(&mut self) -> bool {
        let connectors = &self.application.options().connectors.by_activity;
        let mut wanted = |kind, name: &str, _: Option<&str>| {
            kind == WorkKind::Activity && connectors.contains_key(name)
        };
        let mut begun = false;
        while let Some(Work::Activity(work)) = self.engine.take_work(&mut wanted, self.now) {
            let performing = self.engine.functions().perform(&work, self.now);
            let (sender, receiver) = channel();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                let outcome = match runtime {
                    Ok(runtime) => runtime.block_on(performing),
                    Err(cause) => Err(Failure::new("ConnectorUnreachable", cause.to_string())),
                };
                // Who ended in the meantime needs no outcome.
                let _ = sender.send(outcome);
            });
            self.deliveries.out.push((work.token, receiver));
            begun = true;
        }
        begun
    }

    /// Takes outcomes in the order of their calls; waits for them when time stands.
    fn take_outcomes(&mut self) -> bool {
        let lost = || Failure::new("ConnectorUnreachable", "the call broke down");
        let mut waiting = Vec::new();
        let mut came_back = false;
        for (token, receiver) in std::mem::take(&mut self.deliveries.out) {
            let outcome = if self.deliveries.time_goes_on {
                match receiver.try_recv() {
                    Ok(outcome) => outcome,
                    Err(TryRecvError::Disconnected) => Err(lost()),
                    Err(TryRecvError::Empty) => {
                        waiting.push((token, receiver));
                        continue;
                    }
                }
            } else {
                receiver.recv().unwrap_or_else(|_| Err(lost()))
            };
            came_back = true;
            let done = self
                .engine
                .complete_activity(token, outcome.map(Some), self.now);
            if let Err(cause) = done {
                // After a crash of the cloud the call is made again; its key tells.
                tracing::debug!(%cause, "nobody waits for this call any more");
            }
        }
        self.deliveries.out = waiting;
        came_back
    }
}
