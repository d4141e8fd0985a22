//! What makes one board in Renode.

use std::{collections::BTreeMap, path::PathBuf};

use renode_rs_bindings::{Renode, SessionOptions};
use twinbench_devkit_config::Settings;
use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

use super::RenodeBoard;
use crate::{Error, generator::Generator, modem::ModemOptions};

/// What makes one board in Renode. No `Debug`: it holds the device's key.
#[derive(Clone)]
pub struct RenodeOptions {
    /// The device's id.
    pub device: DeviceId,
    /// The bench's seed.
    pub seed: u64,
    /// The UTC instant at which virtual time is zero.
    pub epoch: Epoch,
    /// When the board is switched on.
    pub start: VirtualTime,
    /// How Renode is found and started.
    pub session: SessionOptions,
    /// The board.
    pub board: RenodeBoard,
    /// The firmware's ELF file.
    pub firmware: PathBuf,
    /// The serial port with the modem, by the board's name (`modem`) or Renode's (`usart1`); none: no
    /// modem.
    pub modem: Option<String>,
    /// The modem's radio surroundings and speed.
    pub modem_options: ModemOptions,
    /// The hub's host name, for the firmware's settings.
    pub hub_host: String,
    /// The device's key in base64, for the firmware's settings; empty: it cannot sign in.
    pub device_key: String,
    /// How often the firmware sends telemetry, in whole seconds; none: its default.
    pub telemetry_interval: Option<VirtualDuration>,
    /// What the sensors measure, by quantity.
    pub sensors: BTreeMap<String, Generator>,
    /// The longest that Renode runs at once. What comes out of a UART is dated at the end of such a
    /// slice, and a modem hears the firmware then: shorter is closer to the wire and slower. Each
    /// costs about 3 ms of the wall clock.
    pub slice: VirtualDuration,
}

impl RenodeOptions {
    /// A board with a modem, if it has a port of that name, and what the firmware has for defaults.
    pub fn new(
        device: DeviceId,
        seed: u64,
        epoch: Epoch,
        board: RenodeBoard,
        firmware: impl Into<PathBuf>,
    ) -> Self {
        let has_modem = board.uarts.iter().any(|(name, _)| name == "modem");
        Self {
            device,
            seed,
            epoch,
            start: VirtualTime::ZERO,
            session: Renode::options(),
            board,
            firmware: firmware.into(),
            modem: has_modem.then(|| "modem".to_owned()),
            modem_options: ModemOptions::default(),
            hub_host: Settings::DEFAULT.hub_host.to_owned(),
            device_key: String::new(),
            telemetry_interval: None,
            sensors: BTreeMap::new(),
            slice: VirtualDuration::from_millis(5),
        }
    }

    /// The page of settings that the devkit firmware looks for.
    pub(super) fn settings(&self) -> Result<Vec<u8>, Error> {
        crate::settings::page(
            &self.device,
            &self.device_key,
            &self.hub_host,
            self.telemetry_interval,
        )
    }
}
