//! What makes one board behind a probe.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use twinbench_model::{DeviceId, VirtualDuration, VirtualTime};

use super::VirtualBoard;
use crate::Error;

/// What makes one board behind a probe. No `Debug`: it may hold the device's key.
#[derive(Clone)]
pub struct ProbeOptions {
    /// The device's id, for messages.
    pub device: DeviceId,
    /// When the bench begins.
    pub start: VirtualTime,
    /// Which probe: a serial number, `VID:PID` or `VID:PID:SERIAL` (hexadecimal); empty: the only one.
    pub probe: String,
    /// The chip as `probe-rs` names it, such as `STM32F412RGTx`; none: it is asked.
    pub chip: Option<String>,
    /// The wire's clock in kHz; none: the probe's own.
    pub speed: Option<u32>,
    /// The firmware's ELF file; none: what the board has runs on, nothing is known by name.
    pub firmware: Option<Arc<[u8]>>,
    /// Whether the firmware is written to the board's flash memory.
    pub flash: Flashing,
    /// A page of settings for the devkit firmware, written with it; see [`ProbeOptions::set_settings`].
    pub settings: Option<Vec<u8>>,
    /// Variables of the firmware that are read again and again: the name under which they are shown,
    /// and the variable's.
    pub watch: BTreeMap<String, String>,
    /// How often they are read.
    pub watch_period: VirtualDuration,
    /// Serial ports of this computer that are wired to the board, by the names that they have here.
    pub serial: BTreeMap<String, SerialLine>,
    /// Told of how far the flash memory is written.
    pub progress: Option<Progress>,
    /// The board itself, when it is a virtual one: its time is then the bench's, and it has its
    /// console, sensors, buttons and modem as in the emulator.
    pub board: Option<VirtualBoard>,
}

/// Whether the firmware is written to the board's flash memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flashing {
    /// What is there already is left, everything else written and verified.
    #[default]
    IfDifferent,
    /// Everything is written and verified.
    Always,
    /// The board has it.
    Never,
}

/// A serial port of this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialLine {
    /// Its path, such as `/dev/ttyACM0` or `COM3`.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
}

/// What is being done with the flash memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Sectors are erased.
    Erase,
    /// Pages are written, by the flash algorithm in the board's RAM.
    Program,
    /// What was written is read back.
    Verify,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Erase => "erasing",
            Self::Program => "writing",
            Self::Verify => "verifying",
        })
    }
}

/// Is told what is being done and how many bytes of how many are done.
pub type Progress = Arc<dyn Fn(Phase, u64, u64) + Send + Sync>;

impl ProbeOptions {
    /// A board behind the probe that `probe` names, with its firmware.
    pub fn new(device: DeviceId, probe: impl Into<String>) -> Self {
        Self {
            device,
            start: VirtualTime::ZERO,
            probe: probe.into(),
            chip: None,
            speed: None,
            firmware: None,
            flash: Flashing::default(),
            settings: None,
            watch: BTreeMap::new(),
            watch_period: VirtualDuration::from_millis(100),
            serial: BTreeMap::new(),
            progress: None,
            board: None,
        }
    }

    /// A virtual board, whose probe is its own.
    pub fn of_board(device: DeviceId, board: VirtualBoard) -> Self {
        let mut options = Self::new(device, board.serial());
        options.chip = Some(board.chip());
        options.board = Some(board);
        options
    }

    /// Settings for the devkit firmware: it signs in with this key (base64) at this host, and sends
    /// telemetry so often.
    ///
    /// # Errors
    /// When the interval is no whole number of seconds, or a text is too long.
    pub fn set_settings(
        &mut self,
        key: &str,
        host: &str,
        interval: Option<VirtualDuration>,
    ) -> Result<(), Error> {
        let page = crate::settings::page(&self.device, key, host, interval)?;
        self.settings = Some(page);
        Ok(())
    }
}
