//! Boards behind debug probes, real and virtual.

use std::{path::Path, sync::Arc};

use twinbench_machine::{
    EmulatorOptions, Machine,
    probe::{ProbeMachine, ProbeOptions, VirtualBoard},
};
use twinbench_model::DeviceId;

use super::Error;
use crate::file::{Device, wiring};

/// A board behind a probe. `options`: what the device is told, and what surrounds a virtual one.
pub(super) fn probed(
    folder: &Path,
    id: &DeviceId,
    device: &Device,
    elf: Arc<[u8]>,
    mut options: EmulatorOptions,
) -> Result<Box<dyn Machine>, Error> {
    let refuse = |cause| Error::Machine {
        device: id.clone(),
        cause,
    };
    let name = device.board.as_ref().map_or("az3166", |it| it.get_ref());
    let wiring = wiring(folder, name).map_err(Error::Setting)?;
    let (key, host, interval) = (
        options.device_key.clone(),
        options.hub_host.clone(),
        options.telemetry_interval,
    );
    let start = options.start;
    let mut probe = if device.has_virtual_probe() {
        options.elf = None;
        let board = VirtualBoard::unique(id.as_str(), &wiring, options).map_err(refuse)?;
        ProbeOptions::of_board(id.clone(), board)
    } else {
        let wanted = device.probe.as_ref();
        let wanted = wanted.map_or("", |it| it.get_ref().as_str());
        let mut probe = ProbeOptions::new(id.clone(), wanted);
        probe.chip = Some(wiring.chip.to_uppercase());
        probe
    };
    if let Some(chip) = &device.chip {
        probe.chip = Some(chip.clone());
    }
    probe.start = start;
    probe.firmware = Some(elf);
    probe.flash = device.flash.into();
    // Only the devkit firmware looks for them, and only on its board.
    if name == "az3166" {
        probe.set_settings(&key, &host, interval).map_err(refuse)?;
    }
    probe.watch.clone_from(&device.watch);
    probe.serial = device
        .serial
        .iter()
        .map(|(name, section)| (name.clone(), section.into()))
        .collect();
    let machine = ProbeMachine::new(probe).map_err(refuse)?;
    Ok(Box::new(machine))
}
