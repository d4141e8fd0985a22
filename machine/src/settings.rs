//! The page of settings that the devkit firmware looks for in flash memory.

use twinbench_devkit_config::Settings;
use twinbench_model::{DeviceId, VirtualDuration};

use crate::Error;

/// The page for a device; `interval` none: the firmware's default.
///
/// # Errors
/// When the interval is no whole number of seconds, or a text does not fit.
pub(crate) fn page(
    device: &DeviceId,
    key: &str,
    host: &str,
    interval: Option<VirtualDuration>,
) -> Result<Vec<u8>, Error> {
    let defaults = Settings::DEFAULT;
    let interval = match interval {
        None => defaults.telemetry_interval_secs,
        Some(interval) => u32::try_from(interval.as_nanos() / 1_000_000_000)
            .ok()
            .filter(|secs| VirtualDuration::from_secs((*secs).into()) == interval)
            .ok_or_else(|| {
                Error::Setting(format!(
                    "the firmware counts its telemetry interval in whole seconds: {interval} is none"
                ))
            })?,
    };
    let page = Settings {
        device_id: device.as_str(),
        device_key: key,
        hub_host: host,
        telemetry_interval_secs: interval,
        ..defaults
    };
    page.encode()
        .map_err(|cause| Error::Setting(cause.to_string()))
}
