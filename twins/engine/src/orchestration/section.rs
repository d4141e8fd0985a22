//! Critical sections: entities that nobody else may use for a while.

use std::sync::Arc;

use super::state::Shared;

/// Locks that an orchestrator holds, until it drops this.
///
/// While it holds them it may call the locked entities, one call at a time each, signal others, and
/// use activities, timers and external events. It may not signal a locked entity, call another, ask
/// for further locks or call a sub-orchestration (`durable-semantics`, section 8). Nothing is undone
/// when it fails.
#[must_use = "dropping it releases the locks"]
#[derive(Debug)]
pub struct CriticalSection {
    pub(super) shared: Arc<Shared>,
    pub(super) id: Arc<str>,
}

impl Drop for CriticalSection {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if !state.closed {
            state.release(&self.id);
        }
    }
}
