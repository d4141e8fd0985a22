//! What the grammar cannot say: names that exist, values in range, files that are there.

use std::{collections::BTreeSet, path::Path};

use twinbench_machine::{Limits, Traffic};
use twinbench_model::{DeviceId, VirtualDuration};

use twinbench_scenario::diagnostic::nearest;

use super::{
    Backend, BenchFile, Device, Error, RestartName, VERSION,
    board::{self, BOARDS},
};

/// Quantities of a simulated device.
const SIMULATED: [&str; 2] = ["temperature", "humidity"];

pub(super) fn check(path: &Path, text: &str, file: &BenchFile) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    if *file.version.get_ref() != VERSION {
        return Err(at(
            file.version.span(),
            format!("version {} is not known", file.version.get_ref()),
        )
        .help(format!("this program reads version {VERSION}")));
    }
    let name = file.name.get_ref();
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    {
        return Err(at(
            file.name.span(),
            format!("bench name {name:?} cannot be a folder's name"),
        )
        .help("use letters, digits, - and _"));
    }
    super::hub::check(path, text, file)?;
    let mut seen = BTreeSet::new();
    for device in &file.device {
        check_device(path, text, device)?;
        let count = device.count.as_ref().map_or(1, |c| *c.get_ref());
        for n in 1..=count {
            let id = device.id.get_ref().replace("{n}", &n.to_string());
            let id = DeviceId::new(&id).map_err(|cause| at(device.id.span(), cause.to_string()))?;
            if !seen.insert(id.clone()) {
                let error = at(
                    device.id.span(),
                    format!("device id \"{id}\" is used twice"),
                );
                return Err(if device.count.is_some() {
                    error.help("with `count`, write `{n}` into the id: \"sim-{n}\"")
                } else {
                    error.help("every device needs an id of its own")
                });
            }
        }
    }
    Ok(())
}

fn check_device(path: &Path, text: &str, device: &Device) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    if let Some(count) = &device.count
        && !(1..=100_000).contains(count.get_ref())
    {
        return Err(at(count.span(), "`count` must be 1 to 100000".into()));
    }
    if let Some(interval) = &device.interval
        && *interval.get_ref() < VirtualDuration::from_millis(1)
    {
        return Err(at(
            interval.span(),
            "`interval` must be 1ms or longer".into(),
        ));
    }
    if let Some(port) = &device.gdb {
        let many = device.count.as_ref().is_some_and(|it| *it.get_ref() > 1);
        if device.backend != Backend::Emulator {
            return Err(at(port.span(), "GDB needs firmware in the emulator".into())
                .help("remove `gdb`, or set `backend = \"emulator\"`"));
        }
        if many && *port.get_ref() != 0 {
            return Err(at(
                port.span(),
                format!("one port {} for several devices", port.get_ref()),
            )
            .help("`gdb = 0` gives each of them a free one"));
        }
    }
    check_command(path, text, device)?;
    super::probe::check(path, text, device)?;
    check_traffic(path, text, device)?;
    check_link(path, text, device)?;
    match device.backend {
        Backend::Emulator | Backend::Renode | Backend::Probe => check_emulator(path, text, device),
        Backend::Simulated | Backend::External | Backend::Process => {
            for (field, span) in [
                ("board", device.board.as_ref().map(toml::Spanned::span)),
                (
                    "platform",
                    device.platform.as_ref().map(toml::Spanned::span),
                ),
                (
                    "firmware",
                    device.firmware.as_ref().map(toml::Spanned::span),
                ),
            ] {
                if let Some(span) = span {
                    return Err(
                        at(span, format!("a device without firmware has no {field}"))
                            .help("remove it, or set `backend = \"emulator\"`"),
                    );
                }
            }
            if matches!(device.backend, Backend::External | Backend::Process) {
                return match device.sensors.keys().next() {
                    None => Ok(()),
                    Some(sensor) => Err(at(
                        sensor.span(),
                        "an external device measures by itself: it has no sensors here".into(),
                    )),
                };
            }
            check_quantities(path, text, device, &SIMULATED)
        }
    }
}

/// A program for those that are played by one, and for no others.
fn check_command(path: &Path, text: &str, device: &Device) -> Result<(), Error> {
    let at = |message: String| Error::at(path, text, Some(device.id.span()), message);
    let is_process = device.backend == Backend::Process;
    let id = device.id.get_ref();
    if is_process && device.command.first().is_none_or(String::is_empty) {
        return Err(at(format!("device \"{id}\" has no program"))
            .help("add `command = [\"python3\", \"device.py\"]` (it runs in this file's folder)"));
    }
    let limits = Limits::from(&device.limits);
    let has_program = !device.command.is_empty()
        || !device.environment.is_empty()
        || limits != Limits::default()
        || device.restart != RestartName::default();
    if has_program && !is_process {
        return Err(at(format!(
            "`command`, `environment`, `restart` and `limits` of device \"{id}\" are for a program that plays it"
        ))
        .help("remove them, or set `backend = \"process\"`"));
    }
    if let Some(memory) = &device.limits.memory_mib
        && *memory.get_ref() == 0
    {
        let message = "`memory_mib` must be 1 or more".to_owned();
        return Err(Error::at(path, text, Some(memory.span()), message));
    }
    Ok(())
}

/// What only devices without firmware do.
fn check_traffic(path: &Path, text: &str, device: &Device) -> Result<(), Error> {
    let at = |message: String| Error::at(path, text, Some(device.id.span()), message);
    let traffic = Traffic::from(&device.traffic);
    if traffic.is_empty() {
        return Ok(());
    }
    let id = device.id.get_ref();
    if device.backend != Backend::Simulated {
        return Err(at(format!(
            "`traffic` of device \"{id}\" is for devices without firmware"
        ))
        .help("remove it, or set `backend = \"simulated\"`"));
    }
    traffic
        .check()
        .map_err(|cause| at(format!("`traffic` of device \"{id}\": {cause}")))
}

/// Connections and methods of devices without firmware.
fn check_link(path: &Path, text: &str, device: &Device) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    if device.connected && device.backend != Backend::Simulated {
        let message = "`connected` is for simulated devices: others connect by themselves".into();
        return Err(at(device.id.span(), message).help("remove it"));
    }
    let Some(first) = device.methods.keys().next() else {
        return Ok(());
    };
    if device.backend != Backend::Simulated || !device.connected {
        let message = "methods are answered by simulated devices that are connected".into();
        return Err(at(first.span(), message).help("add `connected = true` to the device"));
    }
    for method in device.methods.values() {
        if *method.status.get_ref() < 0 {
            let message = "a method's status is 0 or more".into();
            return Err(at(method.status.span(), message));
        }
    }
    Ok(())
}

fn check_emulator(path: &Path, text: &str, device: &Device) -> Result<(), Error> {
    let at = |span, message: String| Error::at(path, text, Some(span), message);
    let Some(board) = &device.board else {
        return Err(at(
            device.id.span(),
            format!("device \"{}\" has no board", device.id.get_ref()),
        )
        .help(
            "add `board = \"az3166\"`, or `backend = \"simulated\"` for a device without firmware",
        ));
    };
    let name = board.get_ref().as_str();
    let wiring = board::wiring(path.parent().unwrap_or(Path::new("")), name);
    let wiring = wiring.map_err(|cause| {
        let help = if board::is_file(name) {
            "the path is relative to this file; what is in it is told in emulator/boards".to_owned()
        } else {
            nearest(name, &BOARDS).unwrap_or_else(|| {
                format!("boards: {}, or a board file (*.toml)", BOARDS.join(", "))
            })
        };
        at(board.span(), cause).help(help)
    })?;
    if device.backend == Backend::Renode && name != "az3166" && device.platform.is_none() {
        return Err(at(
            board.span(),
            format!("Renode has to be told what board {name:?} is"),
        )
        .help("add its description, such as `platform = \"platforms/cpus/stm32f412.repl\"`"));
    }
    let Some(firmware) = &device.firmware else {
        return Err(at(
            device.id.span(),
            format!("device \"{}\" has no firmware", device.id.get_ref()),
        )
        .help("add `firmware = \"path/to/image.elf\"` (relative to this file)"));
    };
    let image = path
        .parent()
        .unwrap_or(Path::new(""))
        .join(firmware.get_ref());
    if !image.is_file() {
        return Err(at(firmware.span(), format!("firmware image {} does not exist", image.display()))
            .help("build it, or correct the path (it is relative to the bench file); `cargo xtask firmware` builds ours")
            .missing());
    }
    if let Some(link) = &device.link {
        let wanted = link.modem.get_ref();
        // The console is for people: firmware that prints there is no modem's.
        let mut free: Vec<String> = wiring
            .uart
            .iter()
            .filter(|(port, _)| *port != "console")
            .map(|(_, uart)| uart.peripheral.to_ascii_lowercase())
            .collect();
        free.sort();
        if !free.contains(&wanted.to_ascii_lowercase()) {
            let has = match &free[..] {
                [] => "it has none besides its console".to_owned(),
                ports => format!("its edge connector brings out `{}`", ports.join("`, `")),
            };
            return Err(at(
                link.modem.span(),
                format!("the {name} has no free UART {wanted:?} for a modem"),
            )
            .help(has));
        }
    }
    if let Some(name) = &device.device_name {
        return Err(at(
            device.id.span(),
            format!("`device_name` = {name:?} is for simulated devices; firmware names itself"),
        ));
    }
    let known: Vec<&str> = twinbench_machine::QUANTITIES.to_vec();
    check_quantities(path, text, device, &known)
}

fn check_quantities(path: &Path, text: &str, device: &Device, known: &[&str]) -> Result<(), Error> {
    for quantity in device.sensors.keys() {
        if !known.contains(&quantity.get_ref().as_str()) {
            let help = nearest(quantity.get_ref(), known)
                .unwrap_or_else(|| format!("quantities: {}", known.join(", ")));
            return Err(Error::at(
                path,
                text,
                Some(quantity.span()),
                format!(
                    "quantity {:?} is not measured by this device",
                    quantity.get_ref()
                ),
            )
            .help(help));
        }
    }
    Ok(())
}
