//! Snapshots of the machine: board, modem, and what waits between them and the bench.

use serde::{Deserialize, Serialize};
use twinbench_emulator::Snapshot;
use twinbench_model::VirtualTime;

use super::{EmulatorMachine, console::Line};
use crate::{Error, Output, Snapshots, modem::Modem};

/// What the bytes begin with, the version last.
const MAGIC: [u8; 5] = *b"TWBM\x03";

/// Everything but what the options give.
#[derive(Serialize, Deserialize)]
struct State {
    board: Vec<u8>,
    /// The machine's time, counted from when it was switched on.
    now: VirtualTime,
    modem: Option<Modem>,
    consoles: Vec<Line>,
    out: Vec<Output>,
}

fn damaged(cause: impl std::fmt::Display) -> Error {
    Error::Snapshot(format!("{cause}; take it again"))
}

impl Snapshots for EmulatorMachine {
    fn snapshot(&mut self) -> Result<Vec<u8>, Error> {
        // What the chip dated ahead goes back into it, and with it into its snapshot.
        self.board.chip_mut().give_back(&mut self.ahead);
        let board = self.board.snapshot(None).and_then(|it| it.to_bytes());
        self.collect();
        let state = State {
            board: board.map_err(|cause| Error::Snapshot(cause.to_string()))?,
            now: self.local(self.now),
            modem: self.modem.as_ref().map(|attached| attached.modem.clone()),
            consoles: self.consoles.values().map(|it| it.line().clone()).collect(),
            out: self.out.clone(),
        };
        postcard::to_extend(&state, MAGIC.to_vec())
            .map_err(|cause| Error::Snapshot(cause.to_string()))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), Error> {
        let rest = snapshot.strip_prefix(&MAGIC).ok_or_else(|| {
            Error::Snapshot(
                "not a machine's snapshot, or one of another version; take it with this program"
                    .into(),
            )
        })?;
        let state: State = postcard::from_bytes(rest).map_err(damaged)?;
        if state.modem.is_some() != self.modem.is_some()
            || state.consoles.len() != self.consoles.len()
        {
            return Err(Error::Snapshot(
                "it is of a machine with other serial ports or without a modem; restore it into one that is wired alike".into(),
            ));
        }
        let board = Snapshot::from_bytes(&state.board)
            .map_err(|cause| Error::Snapshot(cause.to_string()))?;
        self.board
            .restore(&board)
            .map_err(|cause| Error::Snapshot(cause.to_string()))?;
        self.now = self.global(state.now);
        if let (Some(attached), Some(modem)) = (&mut self.modem, state.modem) {
            attached.modem.restore(modem);
        }
        for (console, line) in self.consoles.values_mut().zip(state.consoles) {
            console.set_line(line);
        }
        self.out = state.out;
        self.ahead.clear();
        self.collect();
        Ok(())
    }
}
