//! Recorded sessions with a real Renode, and a peer that plays Renode's side of one: for tests of
//! whatever drives Renode, on machines that have none.
//!
//! A recording is a file of JSON lines: a header, then `{"t": seconds, "dir": "client" | "renode",
//! "hex": bytes}` for each read of a socket; no bytes: that side closed the connection.

mod peer;
mod pretend;

use std::{fs, io, path::Path, time::Duration};

pub use self::{
    peer::{Mismatch, Peer},
    pretend::Pretend,
};

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// Renode.
    Renode,
}

/// Something that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// When, since the first connection, on the wall clock.
    pub time: Duration,
    /// By whom.
    pub side: Side,
    /// The bytes; none: this side closed the connection.
    pub bytes: Vec<u8>,
}

/// A recorded session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// Renode's version.
    pub renode: String,
    /// What was connected to, e.g. `external-control`.
    pub channel: String,
    /// What went over it.
    pub pieces: Vec<Piece>,
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// It cannot be read.
    #[error("recorded session {path} cannot be read: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// A line is not what it should be.
    #[error("line {0} of the recorded session is not of its form")]
    Line(usize),
}

impl Transcript {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn load(path: &Path) -> Result<Self, TranscriptError> {
        let text = fs::read_to_string(path).map_err(|cause| TranscriptError::File {
            path: path.display().to_string(),
            cause,
        })?;
        Self::parse(&text)
    }

    /// Reads a recording's text.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, TranscriptError> {
        let mut lines = text.lines().enumerate().map(|(at, line)| {
            let value: Option<serde_json::Value> = serde_json::from_str(line).ok();
            value.ok_or(TranscriptError::Line(at + 1))
        });
        let header = lines.next().ok_or(TranscriptError::Line(1))??;
        let text = |name: &str| {
            let value = header.get(name).and_then(serde_json::Value::as_str);
            value.map(str::to_owned).ok_or(TranscriptError::Line(1))
        };
        let (renode, channel) = (text("renode")?, text("channel")?);
        let pieces = lines
            .enumerate()
            .map(|(at, line)| piece(&line?).ok_or(TranscriptError::Line(at + 2)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            renode,
            channel,
            pieces,
        })
    }

    /// All that one side sent.
    pub fn bytes(&self, side: Side) -> Vec<u8> {
        let pieces = self.pieces.iter().filter(|piece| piece.side == side);
        pieces.flat_map(|piece| piece.bytes.clone()).collect()
    }
}

fn piece(line: &serde_json::Value) -> Option<Piece> {
    let hex = line.get("hex")?.as_str()?;
    let bytes = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect::<Option<_>>()?;
    Some(Piece {
        time: Duration::try_from_secs_f64(line.get("t")?.as_f64()?).ok()?,
        side: match line.get("dir")?.as_str()? {
            "client" => Side::Client,
            "renode" => Side::Renode,
            _ => return None,
        },
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_and_what_is_none_refused() {
        let header = r#"{"renode": "1.15.3", "channel": "uart"}"#;
        let good = format!("{header}\n{{\"t\": 0.5, \"dir\": \"client\", \"hex\": \"0aFF\"}}\n");
        let transcript = Transcript::parse(&good).unwrap();
        assert_eq!(transcript.bytes(Side::Client), [0x0A, 0xFF]);
        assert_eq!(transcript.pieces[0].time, Duration::from_millis(500));
        for bad in ["", "{}", "{\"renode\": 1}"] {
            assert!(Transcript::parse(bad).is_err(), "{bad}");
        }
        for line in [
            "x",
            "{}",
            r#"{"t":-1,"dir":"client","hex":""}"#,
            r#"{"t":0,"dir":"nobody","hex":""}"#,
            r#"{"t":0,"dir":"client","hex":"0"}"#,
            r#"{"t":0,"dir":"client","hex":"é0"}"#,
        ] {
            let text = format!("{header}\n{line}");
            assert!(
                matches!(Transcript::parse(&text), Err(TranscriptError::Line(2))),
                "{line}"
            );
        }
    }
}
