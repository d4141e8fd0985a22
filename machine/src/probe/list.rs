//! Which probes are there, and how one of them is meant.

use probe_rs::probe::{
    DebugProbeInfo,
    list::{Accessibility, Lister},
};
use serde::Serialize;

use crate::Error;

/// A debug probe that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeInfo {
    /// What it calls itself.
    pub name: String,
    /// `VID:PID`, with `:SERIAL` when it has a serial number: what a bench file may name it by.
    pub selector: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Whether this user may open it; see [`ACCESS_HINT`].
    pub accessible: bool,
}

/// What to do when a probe may not be opened.
pub const ACCESS_HINT: &str = if cfg!(target_os = "linux") {
    "this user may not open it: put probe-rs's rules (https://probe.rs/files/69-probe-rs.rules) into \
     /etc/udev/rules.d, run `udevadm control --reload && udevadm trigger` as root, and plug the probe in again"
} else if cfg!(target_os = "windows") {
    "this user may not open it: install its driver (WinUSB for ST-Link and J-Link, by the vendor's \
     tool or Zadig), and close other programs that use it"
} else {
    "this user may not open it: close other programs that use it, and plug it in again"
};

/// The probes that are plugged in, in order of their selectors.
pub fn list() -> Vec<ProbeInfo> {
    let mut all: Vec<ProbeInfo> = Lister::new()
        .list_all_with_access()
        .into_iter()
        .map(|item| ProbeInfo {
            name: item.info.identifier.clone(),
            selector: selector(&item.info),
            serial: item.info.serial_number.clone(),
            accessible: item.accessibility == Accessibility::Accessible,
        })
        .collect();
    all.sort_by(|a, b| a.selector.cmp(&b.selector));
    all
}

fn selector(info: &DebugProbeInfo) -> String {
    let (vendor, product) = (info.vendor_id, info.product_id);
    match &info.serial_number {
        Some(serial) => format!("{vendor:04x}:{product:04x}:{serial}"),
        None => format!("{vendor:04x}:{product:04x}"),
    }
}

/// Whether `wanted` (a serial number, `VID:PID` or `VID:PID:SERIAL`) means a probe.
fn means(wanted: &str, selector: &str, serial: Option<&str>) -> bool {
    let wanted = wanted.trim();
    wanted.is_empty()
        || serial.is_some_and(|serial| serial.eq_ignore_ascii_case(wanted))
        || selector.eq_ignore_ascii_case(wanted)
        || serial.is_some()
            && selector.len() > wanted.len()
            && wanted.len() == 9
            && selector
                .get(..9)
                .is_some_and(|pair| pair.eq_ignore_ascii_case(wanted))
}

/// The one probe that is meant.
pub(super) fn find(wanted: &str) -> Result<DebugProbeInfo, Error> {
    let all = Lister::new().list_all_with_access();
    let names: Vec<String> = all.iter().map(|item| selector(&item.info)).collect();
    let mut fitting = all.into_iter().filter(|item| {
        means(
            wanted,
            &selector(&item.info),
            item.info.serial_number.as_deref(),
        )
    });
    match (fitting.next(), fitting.next()) {
        (Some(one), None) if one.accessibility == Accessibility::PermissionDenied => Err(
            Error::Probe(format!("probe {}: {ACCESS_HINT}", selector(&one.info))),
        ),
        (Some(one), None) => Ok(one.info),
        (Some(_), Some(_)) => Err(Error::Probe(format!(
            "several probes fit {wanted:?}: say one of {}",
            names.join(", ")
        ))),
        (None, _) if names.is_empty() => Err(Error::Probe(
            "there is no debug probe: plug one in (`twinbench probe list` shows those that are found)"
                .to_owned(),
        )),
        (None, _) => Err(Error::Probe(format!(
            "no probe {wanted:?}; there are: {}",
            names.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_meant_by_serial_number_or_identity() {
        let (selector, serial) = ("0483:374b:066BFF50", Some("066BFF50"));
        for wanted in ["", "066bff50", "0483:374B", "0483:374b:066BFF50"] {
            assert!(means(wanted, selector, serial), "{wanted}");
        }
        for wanted in ["066B", "0483", "0483:3748", "0483:374b:0"] {
            assert!(!means(wanted, selector, serial), "{wanted}");
        }
        assert!(means("1366:0101", "1366:0101", None));
    }
}
