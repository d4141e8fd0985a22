//! Exit codes of the `twinbench` command.

use std::process::{ExitCode, Termination};

/// What the `twinbench` command ends with. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done and passed.
    Pass = 0,
    /// A defect of Twinbench itself.
    Internal = 1,
    /// The command line or a file is wrong.
    Usage = 2,
    /// Something needed is missing or busy: a firmware image, Renode, a probe, a port, a data folder.
    Setup = 3,
    /// There was nothing to run.
    Nothing = 4,
    /// An expectation failed.
    Failed = 5,
    /// Two runs differ.
    Divergence = 6,
    /// The time that was given ran out.
    Timeout = 7,
}

impl Exit {
    /// What a command that ended with `code` has to say; a code that is none of ours is a failure.
    #[must_use]
    pub const fn of(code: i32) -> Self {
        match code {
            0 => Self::Pass,
            1 => Self::Internal,
            2 => Self::Usage,
            3 => Self::Setup,
            4 => Self::Nothing,
            6 => Self::Divergence,
            7 => Self::Timeout,
            _ => Self::Failed,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
