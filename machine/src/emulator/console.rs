//! A serial port's bytes, gathered into lines.

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{Name, Output, OutputKind};

/// No line is longer.
const MAX_LINE: usize = 256;
/// A line without an end is taken for one after so much silence.
const QUIET: VirtualDuration = VirtualDuration::from_millis(20);

/// Gathers bytes until a line ends, is as long as may be, or the port falls silent: so what comes
/// out does not depend on when somebody looks.
#[derive(Debug)]
pub(crate) struct Console {
    port: Name,
    state: Line,
}

/// An unfinished line, and when its last byte came.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Line {
    line: Vec<u8>,
    last: VirtualTime,
}

impl Console {
    pub(crate) fn new(port: String) -> Self {
        Self {
            port: Name::Owned(port),
            state: Line::default(),
        }
    }

    /// The unfinished line.
    pub(crate) fn line(&self) -> &Line {
        &self.state
    }

    /// Goes on with another unfinished line.
    pub(crate) fn set_line(&mut self, line: Line) {
        self.state = line;
    }

    /// Takes a byte whose stop bit ended at `time`.
    pub(crate) fn push(&mut self, time: VirtualTime, byte: u8, out: &mut Vec<Output>) {
        self.flush_quiet(time, out);
        self.state.line.push(byte);
        self.state.last = time;
        if byte == b'\n' || self.state.line.len() == MAX_LINE {
            self.flush(time, out);
        }
    }

    /// Gives out an unfinished line when the port was silent long enough before `now`.
    pub(crate) fn flush_quiet(&mut self, now: VirtualTime, out: &mut Vec<Output>) {
        if let Some(quiet) = self.quiet_at().filter(|quiet| *quiet <= now) {
            self.flush(quiet, out);
        }
    }

    /// When the port will have been silent long enough.
    pub(crate) fn quiet_at(&self) -> Option<VirtualTime> {
        (!self.state.line.is_empty()).then(|| self.state.last + QUIET)
    }

    fn flush(&mut self, time: VirtualTime, out: &mut Vec<Output>) {
        out.push(Output {
            time,
            kind: OutputKind::Uart {
                port: self.port.clone(),
                bytes: std::mem::take(&mut self.state.line).into(),
            },
        });
    }
}
