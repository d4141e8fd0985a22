//! A board in the emulator with a virtual probe plugged into it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use probe_rs::probe::DebugProbeInfo;
use twinbench_emulator::{
    Chip, Image,
    board::{Board, BoardFile},
};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::port::{Port, Target};
use crate::{EmulatorMachine, EmulatorOptions, Error, Machine};

/// How far a running core gets while a debugger looks once whether it stands still.
const GLANCE: VirtualDuration = VirtualDuration::from_millis(1);

/// Who moves the board's time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each look of a debugger at a running core lets it run for at most a millisecond.
    Debugger,
    /// Its owner alone, who runs it through [`VirtualBoard::with`].
    Owner,
}

/// A board in the emulator behind a virtual debug probe. Clones are handles of the same board.
#[derive(Clone)]
pub struct VirtualBoard {
    serial: Arc<str>,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for VirtualBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualBoard({})", self.serial)
    }
}

/// The board and what the probe holds.
pub(crate) struct State {
    pub(crate) wire: Port,
    pub(crate) desk: Desk,
    /// The probe's cable.
    pub(super) plugged: bool,
}

/// The board, and who moves its time on.
pub(crate) struct Desk {
    machine: EmulatorMachine,
    file: BoardFile,
    options: EmulatorOptions,
    pace: Pace,
}

/// Every virtual probe by its serial number.
static PLUGGED: Mutex<BTreeMap<Arc<str>, Weak<Mutex<State>>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VirtualBoard {
    /// A board with empty flash memory (but for the device's settings) and a probe with this serial
    /// number, which `probe-rs` lists from now on until the last handle is gone.
    ///
    /// # Errors
    /// As [`EmulatorMachine::with_board`], and when there is a probe with this serial number.
    pub fn new(serial: &str, file: &BoardFile, options: EmulatorOptions) -> Result<Self, Error> {
        let machine = made(file, &[], &options)?;
        let board = Self {
            serial: serial.into(),
            state: Arc::new(Mutex::new(State {
                wire: Port::default(),
                desk: Desk {
                    machine,
                    file: file.clone(),
                    options,
                    pace: Pace::Debugger,
                },
                plugged: true,
            })),
        };
        let mut plugged = lock(&PLUGGED);
        plugged.retain(|_, state| state.strong_count() > 0);
        if plugged.contains_key(&board.serial) {
            return Err(Error::Probe(format!(
                "there is a virtual probe {serial:?} already; give each a serial number of its own"
            )));
        }
        plugged.insert(board.serial.clone(), Arc::downgrade(&board.state));
        drop(plugged);
        super::driver::register();
        Ok(board)
    }

    /// A board with a virtual probe whose serial number begins with `name` and is no other's, as
    /// [`VirtualBoard::new`].
    ///
    /// # Errors
    /// As [`EmulatorMachine::with_board`].
    pub fn unique(name: &str, file: &BoardFile, options: EmulatorOptions) -> Result<Self, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::new(&format!("{name}-{number}"), file, options)
    }

    /// An AZ3166 with a virtual probe, as [`VirtualBoard::new`].
    ///
    /// # Errors
    /// As [`VirtualBoard::new`].
    pub fn az3166(serial: &str, options: EmulatorOptions) -> Result<Self, Error> {
        let file = BoardFile::az3166().map_err(|cause| Error::Firmware(cause.to_string()))?;
        Self::new(serial, &file, options)
    }

    /// The probe's serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Its probe, as a list has it.
    pub(crate) fn info(&self) -> DebugProbeInfo {
        super::driver::info(self)
    }

    /// The chip, as `probe-rs` finds it by name.
    pub fn chip(&self) -> String {
        self.state().desk.file.chip.to_uppercase()
    }

    /// The virtual probes that are plugged in, with their boards.
    pub(super) fn all() -> Vec<Self> {
        lock(&PLUGGED)
            .iter()
            .filter_map(|(serial, state)| {
                let serial = serial.clone();
                let state = state.upgrade()?;
                Some(Self { serial, state })
            })
            .filter(Self::is_plugged)
            .collect()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Does something with the board itself.
    pub fn with<T>(&self, act: impl FnOnce(&mut EmulatorMachine) -> T) -> T {
        act(&mut self.state().desk.machine)
    }

    /// Who moves the board's time on from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.state().desk.pace = pace;
    }

    /// Pulls the probe's cable: whoever talks to it gets errors, and it is listed no more. The board
    /// keeps its power.
    pub fn unplug(&self) {
        let mut state = self.state();
        state.plugged = false;
        state.wire.power_off();
    }

    /// Plugs the probe's cable in again.
    pub fn plug_in(&self) {
        self.state().plugged = true;
    }

    /// Whether the probe's cable is plugged in.
    pub fn is_plugged(&self) -> bool {
        self.state().plugged
    }

    /// Switches the board off and on at `start`: RAM and registers are lost, flash memory stays.
    ///
    /// # Errors
    /// When the board cannot be made anew.
    pub fn power_cycle(&self, start: VirtualTime) -> Result<(), Error> {
        let mut state = self.state();
        state.desk.options.start = start;
        let map = state.desk.file.memory_map();
        let mut flash = vec![0xFF; map.flash_size as usize];
        let chip = state.desk.machine.board().chip();
        chip.read_memory(map.flash_base, &mut flash);
        state.desk.machine = made(&state.desk.file, &flash, &state.desk.options)?;
        state.wire.power_off();
        Ok(())
    }
}

fn made(
    file: &BoardFile,
    flash: &[u8],
    options: &EmulatorOptions,
) -> Result<EmulatorMachine, Error> {
    let image = Image::from_flash(flash, &file.memory_map());
    let board =
        Board::new(file, Arc::new(image)).map_err(|cause| Error::Firmware(cause.to_string()))?;
    EmulatorMachine::with_board(board, options.clone())
}

impl Target for Desk {
    fn chip(&mut self) -> &mut Chip {
        self.machine.board_mut().chip_mut()
    }

    fn reset(&mut self) {
        self.machine.board_mut().reset();
    }

    fn waited_for(&mut self) {
        if self.pace == Pace::Debugger {
            let end = self.machine.now().saturating_add(GLANCE);
            // Why it stops early is in the registers; what else fails shows when its owner runs it.
            let _ = self.machine.run_until(end);
        }
    }
}
