//! Debug probes and serial ports, as the system's own folders show them.

use std::{fs, path::Path};

use super::Fact;

/// USB vendors of debug probes: SEGGER, ST, NXP, Raspberry Pi, Arm, Atmel, Black Magic, Espressif.
const VENDORS: [&str; 8] = [
    "1366", "0483", "1fc9", "2e8a", "0d28", "03eb", "1d50", "303a",
];
/// What probes call themselves.
const NAMES: [&str; 8] = [
    "j-link",
    "st-link",
    "stlink",
    "cmsis-dap",
    "daplink",
    "black magic",
    "mcu-link",
    "jtag",
];

/// The probes that the system sees (Linux).
pub(super) fn probes(devices: &Path) -> Vec<Fact> {
    let what = "debug probe";
    let Ok(entries) = fs::read_dir(devices) else {
        return vec![
            Fact::new(what, false, "this system does not show USB devices here").hint(
                "only benches with real boards need one; `probe-rs list` shows them elsewhere",
            ),
        ];
    };
    let mut found: Vec<Fact> = entries
        .flatten()
        .filter_map(|entry| {
            let read = |name: &str| {
                let text = fs::read_to_string(entry.path().join(name)).ok()?;
                Some(text.trim().to_owned())
            };
            let (vendor, product) = (read("idVendor")?, read("idProduct")?);
            let name = read("product").unwrap_or_default();
            let lower = name.to_lowercase();
            let is_one = NAMES.iter().any(|it| lower.contains(it))
                && (VENDORS.contains(&vendor.as_str()) || lower.contains("cmsis-dap"));
            let serial = read("serial").unwrap_or_default();
            let fact = Fact::new(
                what,
                true,
                format!("{name} ({vendor}:{product}), serial {serial}"),
            )
            .hint("when access is refused, install probe-rs's udev rules: https://probe.rs/docs/getting-started/probe-setup/");
            is_one.then_some(fact)
        })
        .collect();
    if found.is_empty() {
        found.push(
            Fact::new(what, false, "none is plugged in")
                .hint("only benches with real boards need one"),
        );
    }
    found.sort_by(|a, b| a.detail.cmp(&b.detail));
    found
}

/// The serial ports that the system has (Linux, macOS).
pub(super) fn serial_ports(devices: &Path) -> Fact {
    let what = "serial ports";
    let mut names: Vec<String> = fs::read_dir(devices)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            ["ttyACM", "ttyUSB", "cu.usb"]
                .iter()
                .any(|it| name.starts_with(it))
        })
        .collect();
    names.sort();
    if names.is_empty() {
        return Fact::new(what, false, "none").hint("only benches with real boards need one");
    }
    Fact::new(what, true, names.join(", "))
        .hint("when access is refused, join the group `dialout` (or `uucp`) and sign in again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_told_from_other_devices() {
        let place = tempfile::tempdir().unwrap();
        let device = |name: &str, files: &[(&str, &str)]| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            for (file, text) in files {
                fs::write(folder.join(file), format!("{text}\n")).unwrap();
            }
        };
        device("usb1", &[]);
        device(
            "1-1",
            &[
                ("idVendor", "046d"),
                ("idProduct", "c077"),
                ("product", "Mouse"),
            ],
        );
        assert!(!probes(place.path())[0].ok);
        device(
            "1-2",
            &[
                ("idVendor", "0483"),
                ("idProduct", "374b"),
                ("product", "STM32 STLink"),
                ("serial", "0670FF"),
            ],
        );
        let found = probes(place.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].detail, "STM32 STLink (0483:374b), serial 0670FF");
    }

    #[test]
    fn serial_ports_are_named_in_order() {
        let place = tempfile::tempdir().unwrap();
        assert!(!serial_ports(place.path()).ok);
        for name in ["ttyUSB1", "ttyACM0", "tty0", "null"] {
            fs::write(place.path().join(name), "").unwrap();
        }
        assert_eq!(serial_ports(place.path()).detail, "ttyACM0, ttyUSB1");
    }
}
