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

/// How a program on this machine signs in as a device.
fn connection_string(file: &BenchFile, id: &DeviceId, device: &Device) -> String {
    let (host, near) = (&file.hub.host, file.hub.near());
    let key = device_key(file.seed, id, device).to_base64();
    format!("HostName={host};DeviceId={id};SharedAccessKey={key};GatewayHostName={near}")
}

/// A variable's value, with connection strings in the place of `{connection:ID}`.
fn with_connections(file: &BenchFile, value: &str) -> Result<String, Error> {
    let mut all = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("{connection:") {
        let Some((wanted, behind)) = after.split_once('}') else {
            break;
        };
        let devices = file.devices();
        let found = devices.iter().find(|(id, _)| id.as_str() == wanted);
        let Some((id, device)) = found else {
            return Err(Error::Setting(format!(
                "`{{connection:{wanted}}}`: the bench has no device {wanted:?}"
            )));
        };
        all.push_str(before);
        all.push_str(&connection_string(file, id, device));
        rest = behind;
    }
    all.push_str(rest);
    Ok(all)
}

/// A program that plays a device.
pub(super) fn process(
    file: &BenchFile,
    folder: &Path,
    id: &DeviceId,
    device: &Device,
    start: VirtualTime,
) -> Result<Box<dyn Machine>, Error> {
    let near = file.hub.near();
    let text = connection_string(file, id, device);
    let mut options = ProcessOptions::new(id.clone(), device.command.clone(), text);
    options.start = start;
    options.folder = (!folder.as_os_str().is_empty()).then(|| folder.to_owned());
    let environment = device.environment.iter();
    options.environment = environment
        .map(|(name, value)| Ok((name.clone(), with_connections(file, value)?)))
        .collect::<Result<_, Error>>()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_have_connection_strings_of_others() {
        let text = "version = 1\nname = \"b\"\nepoch = \"2026-01-01T00:00:00Z\"\n\
                    [[device]]\nid = \"c-{n}\"\ncount = 2\nbackend = \"external\"\n";
        let file = BenchFile::parse(Path::new("b.toml"), text).unwrap();
        let value = with_connections(&file, "a {connection:c-1} b {connection:c-2}").unwrap();
        assert!(value.starts_with("a HostName=localhost;DeviceId=c-1;SharedAccessKey="));
        assert!(
            value.contains(" b HostName=localhost;DeviceId=c-2;"),
            "{value}"
        );
        assert_eq!(
            with_connections(&file, "{connection:").unwrap(),
            "{connection:"
        );
        let error = with_connections(&file, "{connection:c-3}").unwrap_err();
        assert!(error.to_string().contains("c-3"), "{error}");
    }
}
