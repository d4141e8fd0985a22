//! What left the chip and was not yet drained.

use serde::{Deserialize, Serialize};
use twinbench_model::VirtualTime;

use super::SnapshotError;
use crate::peripheral::{Signal, SignalKind};

/// A [`Signal`] that owns its names.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedSignal {
    time: VirtualTime,
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Uart(String, u8),
    Pin(u8, u8, bool),
    Display(bytes::Bytes),
    Itm(u8, bytes::Bytes),
    Semihosting(bytes::Bytes),
    Note(String),
}

impl From<&Signal> for SavedSignal {
    fn from(signal: &Signal) -> Self {
        let kind = match &signal.kind {
            SignalKind::Uart { name, byte } => Kind::Uart((*name).to_owned(), *byte),
            SignalKind::Pin { port, pin, high } => Kind::Pin(*port, *pin, *high),
            SignalKind::Display(frame) => Kind::Display(frame.clone()),
            SignalKind::Itm { port, bytes } => Kind::Itm(*port, bytes.clone()),
            SignalKind::Semihosting(text) => Kind::Semihosting(text.clone()),
            SignalKind::Note(text) => Kind::Note(text.clone()),
        };
        Self {
            time: signal.time,
            kind,
        }
    }
}

impl SavedSignal {
    /// The signal, its peripheral found among `names`.
    pub(crate) fn restore(self, names: &[&'static str]) -> Result<Signal, SnapshotError> {
        let kind = match self.kind {
            Kind::Uart(name, byte) => {
                let name = names
                    .iter()
                    .find(|known| **known == name)
                    .ok_or_else(|| SnapshotError::Parts(format!("there is no {name}")))?;
                SignalKind::Uart { name, byte }
            }
            Kind::Pin(port, pin, high) => SignalKind::Pin { port, pin, high },
            Kind::Display(frame) => SignalKind::Display(frame),
            Kind::Itm(port, bytes) => SignalKind::Itm { port, bytes },
            Kind::Semihosting(text) => SignalKind::Semihosting(text),
            Kind::Note(text) => SignalKind::Note(text),
        };
        Ok(Signal {
            time: self.time,
            kind,
        })
    }
}
