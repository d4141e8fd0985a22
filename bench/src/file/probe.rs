//! Keys of a device that is a board behind a debug probe.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use twinbench_machine::probe::{Flashing, SerialLine};

use super::{Backend, Device, Error};

/// The probe that is no hardware: a board in the emulator behind it.
pub(crate) const VIRTUAL: &str = "virtual";

/// Whether the firmware is written to the board's flash memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlashName {
    /// What is there already is left, everything else written and verified.
    #[default]
    IfDifferent,
    /// Everything is written and verified.
    Always,
    /// The board has it.
    Never,
}

impl From<FlashName> for Flashing {
    fn from(name: FlashName) -> Self {
        match name {
            FlashName::IfDifferent => Self::IfDifferent,
            FlashName::Always => Self::Always,
            FlashName::Never => Self::Never,
        }
    }
}

/// A serial port of this computer that is wired to the board.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SerialSection {
    /// Its path: `/dev/ttyACM0`, `COM3`.
    pub path: PathBuf,
    /// Bits per second.
    #[serde(default = "baud")]
    pub baud: u32,
}

fn baud() -> u32 {
    115_200
}

impl From<&SerialSection> for SerialLine {
    fn from(section: &SerialSection) -> Self {
        Self {
            path: section.path.clone(),
            baud: section.baud,
        }
    }
}

impl Device {
    /// Whether it is a real board behind a probe, which lives on the wall clock.
    pub fn is_real_board(&self) -> bool {
        self.backend == Backend::Probe && !self.has_virtual_probe()
    }

    /// Whether its probe is no hardware.
    pub fn has_virtual_probe(&self) -> bool {
        let probe = self.probe.as_ref();
        probe.is_some_and(|probe| probe.get_ref() == VIRTUAL)
    }
}

/// Keys of a probe only where there is one, and what a real board does not have.
pub(super) fn check(path: &Path, text: &str, device: &Device) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    let id = device.id.get_ref();
    if device.backend != Backend::Probe {
        let keys = [
            ("chip", device.chip.is_some()),
            ("flash", device.flash != FlashName::default()),
            ("watch", !device.watch.is_empty()),
            ("serial", !device.serial.is_empty()),
        ];
        // `probe` alone is allowed anywhere: `compare` may run the bench on it.
        return match keys.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((key, _)) => Err(at(
                device.id.span(),
                format!("`{key}` of device \"{id}\" is for a board behind a debug probe"),
            )
            .help("remove it, or set `backend = \"probe\"`")),
        };
    }
    if !device.is_real_board() {
        return Ok(());
    }
    if device.count.as_ref().is_some_and(|it| *it.get_ref() > 1) && device.probe.is_some() {
        return Err(at(
            device.id.span(),
            format!("one probe for several devices \"{id}\""),
        )
        .help("give each board its own `[[device]]` with its probe's serial number"));
    }
    if let Some(sensor) = device.sensors.keys().next() {
        let message = "a real board measures by itself: it has no sensors here".to_owned();
        return Err(at(sensor.span(), message).help("remove them, or set `probe = \"virtual\"`"));
    }
    if let Some(link) = &device.link {
        let message = "the modem of a real board is a real one".to_owned();
        return Err(
            at(link.modem.span(), message).help("remove `link`, or set `probe = \"virtual\"`")
        );
    }
    Ok(())
}
