//! Saving and loading the whole emulation, with what is known of it.

use std::path::Path;

use super::{Session, SessionError};
use crate::platform::at;

impl Session {
    /// Saves the whole emulation. Connections to UARTs are no part of it.
    ///
    /// # Errors
    /// In the states that Renode is known not to save, with what to do; and with its words.
    pub fn save(&self, file: &Path) -> Result<(), SessionError> {
        if self.models {
            return Err(SessionError::Snapshot {
                verb: "save",
                reason: "models in C# that were compiled at run time cannot be saved (renode issue 790); use a board without them".to_owned(),
            });
        }
        self.execute(&format!("Save {}", at(file)))
            .map(drop)
            .map_err(|cause| self.snapshot("save", cause))
    }

    /// Goes on from a saved emulation. UARTs have to be connected again, pins watched again, and the
    /// machine chosen again.
    ///
    /// # Errors
    /// When the file is none of this version, with Renode's words.
    pub fn load(&mut self, file: &Path) -> Result<(), SessionError> {
        self.execute(&format!("Load {}", at(file)))
            .map_err(|cause| self.snapshot("load", cause))?;
        // The server went with the emulation that it was in.
        if self.control.take().is_some()
            && let Some(generation) = self.version.external_control()
        {
            self.control = Some(self.open_control(generation, self.patience)?);
        }
        Ok(())
    }

    /// What is known of a snapshot's failure.
    fn snapshot(&self, verb: &'static str, cause: SessionError) -> SessionError {
        let SessionError::Command { cause, .. } = cause else {
            return cause;
        };
        let said = cause.to_string();
        let reason = if said.contains("ThreadLocal") || said.contains("Pointer") {
            format!(
                "{said}; some builds cannot while external control is open: build the session without it"
            )
        } else if said.contains("version") {
            format!(
                "{said}; snapshots are of one version of renode, and this is {}",
                self.version
            )
        } else {
            said
        };
        SessionError::Snapshot { verb, reason }
    }
}
