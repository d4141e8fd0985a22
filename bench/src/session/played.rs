//! Messages that come from a recording instead of a machine.

use twinbench_machine::QUANTUM;
use twinbench_model::{DeviceId, Message, VirtualTime};

use super::{Error, Session};

impl Session {
    /// A device's message is taken at `time`, after everything that is due before. What it caused
    /// is recorded and committed by the next [`Session::step`].
    ///
    /// # Errors
    /// When a room fails.
    pub fn play(
        &mut self,
        device: &DeviceId,
        message: Message,
        time: VirtualTime,
    ) -> Result<(), Error> {
        self.timers_until(time)?;
        self.now = self.now.max(time);
        self.send(device, message, self.now);
        self.settle()
    }

    /// The end of the quantum that a time lies in: where a step that holds it ends.
    pub fn quantum_after(&self, time: VirtualTime) -> VirtualTime {
        let quantum = QUANTUM.as_nanos();
        let start = time.as_nanos() / quantum * quantum;
        VirtualTime::from_nanos(start.saturating_add(quantum))
    }
}
