//! The engine's HTTP API, asked at the session's current time.

use twinbench_engine::http::{self, Answer, Config, Request, Response, Waiting};
use twinbench_model::VirtualTime;

use super::{Error, Session};

impl Session {
    /// Answers a request of the Durable Functions HTTP API at the current virtual time, or says
    /// what the answer waits for.
    ///
    /// What the request caused is committed before the answer is given.
    ///
    /// # Errors
    /// When the commit fails.
    pub fn durable(&mut self, request: &Request, config: &Config) -> Result<Answer, Error> {
        let answer = http::handle(&mut self.engine, request, config, self.now);
        self.settle()?;
        self.commit()?;
        Ok(answer)
    }

    /// An answer that was waited for, if its time has come by `now`.
    ///
    /// # Errors
    /// When what it tells of cannot be committed.
    pub fn durable_waited(
        &mut self,
        waiting: &Waiting,
        now: VirtualTime,
    ) -> Result<Option<Response>, Error> {
        let Some(response) = waiting.answer(&self.engine, now) else {
            return Ok(None);
        };
        self.commit()?;
        Ok(Some(response))
    }
}
