//! The debugger's door into the emulated board.

use twinbench_emulator::gdb::{GdbError, GdbSession};
use twinbench_model::VirtualTime;

use super::EmulatorMachine;
use crate::{Debug, Error};

impl EmulatorMachine {
    /// Lets the session carry out a step or report a stop; ends it when its client has gone.
    pub(super) fn poll_debugger(&mut self) -> Result<(), Error> {
        self.with_debugger(GdbSession::poll)
    }

    fn with_debugger(
        &mut self,
        act: impl FnOnce(&mut GdbSession, &mut twinbench_emulator::Chip) -> Result<(), GdbError>,
    ) -> Result<(), Error> {
        let Some(session) = &mut self.debugger else {
            return Ok(());
        };
        let done = act(session, self.board.chip_mut());
        self.to_debugger.append(&mut session.take_output());
        if done.is_err() || session.is_over() {
            self.debug_close();
        }
        done.map_err(|cause| Error::Debugger(cause.to_string()))
    }
}

impl Debug for EmulatorMachine {
    fn debug_open(&mut self) -> Result<(), Error> {
        if self.debugger.is_some() {
            return Err(Error::Debugger(
                "another client debugs this machine; let it go first".into(),
            ));
        }
        let session = GdbSession::new(self.board.chip_mut())
            .map_err(|cause| Error::Debugger(cause.to_string()))?;
        self.to_debugger.clear();
        self.debugger = Some(session);
        Ok(())
    }

    fn debug_receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.with_debugger(|session, chip| {
            session.receive(chip, bytes)?;
            session.poll(chip)
        })
    }

    fn debug_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_debugger)
    }

    fn debug_close(&mut self) {
        if self.debugger.take().is_some() {
            self.board.chip_mut().attach(false);
        }
    }

    fn is_debugged(&self) -> bool {
        self.debugger.is_some()
    }

    fn held_at(&self) -> Option<VirtualTime> {
        self.board.chip().debug_stop().map(|_| self.now)
    }
}
