//! What makes one board in the emulator.

use std::{collections::BTreeMap, sync::Arc};

use twinbench_devkit_config::Settings;
use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

use crate::{generator::Generator, modem::ModemOptions};

/// What makes one board in the emulator. No `Debug`: it holds the device's key.
#[derive(Clone)]
pub struct EmulatorOptions {
    /// The device's id.
    pub device: DeviceId,
    /// The bench's seed.
    pub seed: u64,
    /// The UTC instant at which virtual time is zero.
    pub epoch: Epoch,
    /// When the board is switched on: after an interruption the last committed time.
    pub start: VirtualTime,
    /// The serial port with the modem, by the board's name (`modem`) or the chip's (`usart1`);
    /// none: no modem.
    pub modem: Option<String>,
    /// The modem's radio surroundings and speed.
    pub modem_options: ModemOptions,
    /// The hub's host name, for the firmware's settings. Its port, TLS and the Wi-Fi network are
    /// the firmware's defaults: 8883, on, `twinbench`.
    pub hub_host: String,
    /// The device's key in base64, for the firmware's settings; empty: it cannot sign in.
    pub device_key: String,
    /// How often the firmware sends telemetry, in whole seconds; none: its default.
    pub telemetry_interval: Option<VirtualDuration>,
    /// What the sensors measure, by quantity (see [`QUANTITIES`](super::QUANTITIES)); the others stay at what the
    /// board's sensors have after power-on.
    pub sensors: BTreeMap<String, Generator>,
    /// Whether an access to a register that is not modelled stops the firmware.
    pub unmodelled_is_fatal: bool,
    /// The firmware's ELF file, to look into the machine by names; none: addresses only.
    pub elf: Option<Arc<[u8]>>,
}

impl EmulatorOptions {
    /// A board with a modem and what the firmware has for defaults.
    pub fn new(device: DeviceId, seed: u64, epoch: Epoch) -> Self {
        Self {
            device,
            seed,
            epoch,
            start: VirtualTime::ZERO,
            modem: Some("modem".to_owned()),
            modem_options: ModemOptions::default(),
            hub_host: Settings::DEFAULT.hub_host.to_owned(),
            device_key: String::new(),
            telemetry_interval: None,
            sensors: BTreeMap::new(),
            unmodelled_is_fatal: false,
            elf: None,
        }
    }
}
