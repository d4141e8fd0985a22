//! What makes one device without firmware.

use std::collections::BTreeMap;

use twinbench_model::{DeviceId, Epoch, VirtualDuration, VirtualTime};

use super::{SimulatedLink, Traffic};
use crate::generator::Generator;

/// How the fields of the body are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyStyle {
    /// `{"Timestamp":…,"DeviceId":…,"DeviceName":…,"Data":{"Temperature":…}}`, as the fleet
    /// simulator of the mirrored application sends it.
    #[default]
    Pascal,
    /// `{"timestamp":…,"deviceId":…,"deviceName":…,"data":{"temperature":…}}`, as that
    /// application's REST layer takes it.
    Camel,
}

/// What makes one device without firmware.
#[derive(Debug, Clone)]
pub struct SimulatedOptions {
    /// Its id.
    pub device: DeviceId,
    /// The bench's seed.
    pub seed: u64,
    /// The UTC instant at which virtual time is zero.
    pub epoch: Epoch,
    /// When it starts: after an interruption the last committed time.
    pub start: VirtualTime,
    /// Its display name; the id unless set.
    pub device_name: String,
    /// How often it sends; 5 s unless set.
    pub interval: VirtualDuration,
    /// When it sends first. Unless set, drawn from the seed as a whole number of milliseconds
    /// below the interval, so that a fleet does not speak in one instant.
    pub phase: Option<VirtualDuration>,
    /// Its quantities. Unless set, temperature 0 to 30 and humidity 0 to 100, uniform, as that
    /// simulator does.
    pub sensors: BTreeMap<String, Generator>,
    /// How the body is written.
    pub style: BodyStyle,
    /// Its connection to the hub; without one its messages go straight in.
    pub link: Option<SimulatedLink>,
    /// What it does besides sending at every interval.
    pub traffic: Traffic,
}

impl SimulatedOptions {
    /// A device with what is usual.
    pub fn new(device: DeviceId, seed: u64, epoch: Epoch) -> Self {
        Self {
            device_name: device.to_string(),
            device,
            seed,
            epoch,
            start: VirtualTime::ZERO,
            interval: VirtualDuration::from_secs(5),
            phase: None,
            sensors: BTreeMap::new(),
            style: BodyStyle::default(),
            link: None,
            traffic: Traffic::default(),
        }
    }
}
