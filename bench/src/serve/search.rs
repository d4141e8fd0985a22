//! Running to an event: in slices, so that others are answered meanwhile and whoever asked can let
//! it be.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use twinbench_model::{Event, VirtualTime, api::page::Status};

use super::{Wanted, view::Watcher};
use crate::session::{Error, Session};

/// How long a slice takes: what somebody who asks for something else waits at most.
const SLICE: Duration = Duration::from_millis(40);

/// An event that is searched for by running on.
pub(super) struct Search {
    wanted: Wanted,
    limit: VirtualTime,
    found: Option<Event>,
    reply: oneshot::Sender<(Option<Event>, Status)>,
}

impl Search {
    /// What has happened already is not waited for.
    pub(super) fn begin(
        wanted: Wanted,
        limit: VirtualTime,
        reply: oneshot::Sender<(Option<Event>, Status)>,
        session: &mut Session,
        watcher: &mut Watcher,
    ) -> Self {
        watcher.find(session, &mut |_| false);
        Self {
            wanted,
            limit,
            found: None,
            reply,
        }
    }

    /// Looks at what is new in the session.
    pub(super) fn look(&mut self, session: &mut Session, watcher: &mut Watcher) {
        let found = watcher.find(session, &mut self.wanted);
        if self.found.is_none() {
            self.found = found;
        }
    }

    /// Whether it is at an end: the event came, or the limit, or whoever asked has gone.
    pub(super) fn is_over(&self, session: &Session) -> bool {
        self.found.is_some() || session.now() >= self.limit || self.reply.is_closed()
    }

    /// Runs on for a slice, as fast as the work allows, to the end of the step in which the event
    /// happens. `stepped` is done after each step.
    ///
    /// # Errors
    /// When the session fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long others wait is told by the wall clock; what happens does not depend on it"
    )]
    pub(super) fn go_on(
        &mut self,
        session: &mut Session,
        watcher: &mut Watcher,
        mut stepped: impl FnMut(&mut Session) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        while !self.is_over(session) && begun.elapsed() < SLICE {
            session.step(session.next_step(self.limit))?;
            stepped(session)?;
            self.look(session, watcher);
        }
        Ok(())
    }

    /// Tells whoever asked what came of it.
    pub(super) fn tell(self, status: Status) {
        // Who has gone needs no answer.
        let _ = self.reply.send((self.found, status));
    }
}
