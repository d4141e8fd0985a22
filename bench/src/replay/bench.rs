//! The bench that takes a recording's messages: that of the recording, without its machines.

use std::collections::BTreeMap;

use toml::Spanned;
use twinbench_model::DeviceId;
use twinbench_recording::Header;

use super::{Error, plan::Role};
use crate::file::{Backend, BenchFile, Device};

/// The bench of a recording as it was, its machines included.
///
/// # Errors
/// When the recording has no bench file, or one that this version cannot use.
pub fn recorded(header: &Header) -> Result<BenchFile, Error> {
    let Some(file) = &header.bench_file else {
        return Err(Error::Bench(
            "there is none; give one with --bench".to_owned(),
        ));
    };
    let mut bench: BenchFile =
        toml::from_str(&file.text).map_err(|cause| Error::Bench(cause.to_string()))?;
    bench.seed = header.seed;
    bench.epoch = header.epoch;
    Ok(bench)
}

/// A bench for a recording: every role is a device that is connected from outside, with the
/// settings of the device that it plays.
///
/// # Errors
/// When the bench file in the recording cannot be used.
pub fn for_roles(
    bench: Option<BenchFile>,
    header: &Header,
    roles: &[Role],
) -> Result<BenchFile, Error> {
    let mut bench = match bench {
        Some(bench) => bench,
        None if header.bench_file.is_some() => recorded(header)?,
        None => plain(header)?,
    };
    bench.seed = header.seed;
    bench.epoch = header.epoch;
    bench.bridge.clear();
    bench.durable_task.listen = false;
    let settings: BTreeMap<DeviceId, Device> = bench
        .devices()
        .into_iter()
        .map(|(id, device)| (id, device.clone()))
        .collect();
    let mut devices = Vec::new();
    for role in roles {
        let known = settings
            .get(&role.recorded)
            .or_else(|| settings.get(&role.device));
        let device = match known {
            Some(device) => device.clone(),
            None => toml::from_str("id = \"x\"\nbackend = \"external\"")
                .map_err(|cause| Error::Bench(cause.to_string()))?,
        };
        devices.push(Device {
            id: Spanned::new(0..0, role.device.to_string()),
            count: None,
            backend: Backend::External,
            board: None,
            firmware: None,
            link: None,
            sensors: BTreeMap::new(),
            gdb: None,
            connected: false,
            methods: BTreeMap::new(),
            ..device
        });
    }
    bench.device = devices;
    Ok(bench)
}

/// A bench for a recording that came without one.
fn plain(header: &Header) -> Result<BenchFile, Error> {
    let name: String = header
        .bench
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let name = if name.is_empty() { "imported" } else { &name };
    let text = format!(
        "version = 1\nname = {name:?}\nepoch = \"{}\"\n[[app]]\nkind = \"serverless-iot\"\n",
        header.epoch.instant()
    );
    toml::from_str(&text).map_err(|cause| Error::Bench(cause.to_string()))
}
