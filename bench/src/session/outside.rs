//! Machines that are other programs: Renode, and programs that play a device. They are found by what
//! the environment says: this is an edge.

use std::{collections::BTreeMap, env, path::Path};

use renode_rs_bindings::{Renode, Search};
use twinbench_machine::{
    Machine, ProcessMachine, ProcessOptions, RenodeBoard, RenodeMachine, RenodeOptions,
    generator::Generator,
};
use twinbench_model::{DeviceId, VirtualTime};

use super::{Error, device_key};
use crate::{
    file::{BenchFile, Device, wiring},
    serve::certificates_folder,
};

/// The authority's certificate within the folder of certificates.
const CA: &str = "ca.pem";

/// A board in Renode.
pub(super) fn renode(
    file: &BenchFile,
    folder: &Path,
    id: &DeviceId,
    device: &Device,
    start: VirtualTime,
    sensors: BTreeMap<String, Generator>,
) -> Result<Box<dyn Machine>, Error> {
    // The bench file's check has seen to it that there is a firmware.
    let firmware = device.firmware.as_ref();
    let path = firmware.map_or_else(|| folder.to_owned(), |it| folder.join(it.get_ref()));
    let path = path.canonicalize().map_err(|cause| Error::Firmware {
        device: id.clone(),
        path: path.clone(),
        reason: cause.to_string(),
    })?;
    let (renode, path_variable) = (env::var_os("RENODE"), env::var_os("PATH"));
    let search = Search::usual(None, renode.as_deref(), path_variable.as_deref());
    let board = board(folder, device)?;
    let mut options = RenodeOptions::new(id.clone(), file.seed, file.epoch, board, path);
    options.start = start;
    options.session = Renode::options().search(search);
    options.modem = device
        .link
        .as_ref()
        .map(|link| link.modem.get_ref().clone());
    options.hub_host.clone_from(&file.hub.host);
    options.device_key = device_key(file.seed, id, device).to_base64();
    options.telemetry_interval = device.interval.as_ref().map(|it| *it.get_ref());
    options.sensors = sensors;
    match RenodeMachine::new(&options) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(cause) => Err(Error::Machine {
            device: id.clone(),
            cause,
        }),
    }
}

/// What Renode has to know of a device's board.
fn board(folder: &Path, device: &Device) -> Result<RenodeBoard, Error> {
    let name = device.board.as_ref().map_or("az3166", |it| it.get_ref());
    let Some(platform) = &device.platform else {
        return Ok(RenodeBoard::az3166());
    };
    let platform = platform.get_ref();
    let path = if platform.starts_with("./") {
        let path = folder.join(platform);
        path.canonicalize()
            .map_err(|cause| Error::Setting(format!("platform {}: {cause}", path.display())))?
    } else {
        platform.into()
    };
    let wiring = wiring(folder, name).map_err(Error::Setting)?;
    Ok(RenodeBoard::wired(path, &wiring))
}

/// A program that plays a device.
pub(super) fn process(
    file: &BenchFile,
    folder: &Path,
    id: &DeviceId,
    device: &Device,
    start: VirtualTime,
) -> Result<Box<dyn Machine>, Error> {
    let (host, near) = (&file.hub.host, file.hub.near());
    let key = device_key(file.seed, id, device).to_base64();
    let text =
        format!("HostName={host};DeviceId={id};SharedAccessKey={key};GatewayHostName={near}");
    let mut options = ProcessOptions::new(id.clone(), device.command.clone(), text);
    options.start = start;
    options.folder = (!folder.as_os_str().is_empty()).then(|| folder.to_owned());
    options.environment.clone_from(&device.environment);
    // It runs in another folder.
    let certificates = file.certificates.clone().or_else(certificates_folder);
    options.ca = certificates
        .and_then(|folder| std::path::absolute(folder).ok())
        .map(|folder| folder.join(CA));
    options.restart = device.restart.into();
    options.limits = (&device.limits).into();
    options.gateway = Some(near);
    match ProcessMachine::new(options) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(cause) => Err(Error::Machine {
            device: id.clone(),
            cause,
        }),
    }
}
