//! Durable Task clients and workers, who run closures on the session's engine.

use twinbench_durabletask::{EngineJobs, Engines};
use twinbench_engine::Engine;

use super::{Error, Session};

/// The one engine of a bench, under the names of its task hub.
struct Hub<'a> {
    name: &'a str,
    engine: &'a mut Engine,
}

/// The task hub of clients that name none, and of those that say so.
const DEFAULT: &str = "default";

impl Engines for Hub<'_> {
    fn engine(&mut self, hub: &str) -> Option<&mut Engine> {
        (hub == DEFAULT || hub == self.name).then_some(&mut *self.engine)
    }
}

impl Session {
    /// Does what Durable Task clients and workers ask at the current virtual time, commits it, and
    /// then gives them their answers and new work. The task hub is `default`, or the bench's name.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub(crate) fn serve_workers(&mut self, jobs: &mut EngineJobs) -> Result<(), Error> {
        let mut hub = Hub {
            name: self.file.name.get_ref(),
            engine: &mut self.engine,
        };
        if jobs.run(&mut hub, self.now) {
            self.settle()?;
        }
        // Also what the steps since the last time caused must be durable before it is given out.
        self.commit()?;
        let mut hub = Hub {
            name: self.file.name.get_ref(),
            engine: &mut self.engine,
        };
        jobs.committed(&mut hub, self.now);
        Ok(())
    }

    /// Whether workers have work, or could have it: time must not go on meanwhile.
    pub(crate) fn work_is_out(&self) -> bool {
        self.engine.out() > 0 || self.engine.work_waiting() > 0
    }
}
