//! Names that a scenario uses: are they on the bench?

use std::{collections::BTreeMap, ops::Range};

use super::load::Parsed;
use crate::diagnostic::{FileError, nearest_or_list};

/// Names of a bench, for checking those that a scenario uses.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Devices, each with the quantities of its sensors.
    pub devices: BTreeMap<String, Vec<String>>,
    /// Figures.
    pub metrics: Vec<String>,
}

/// A name that a scenario uses, with its place.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) file: usize,
    pub(super) span: Range<usize>,
    pub(super) what: Mentioned,
}

#[derive(Debug, Clone)]
pub(super) enum Mentioned {
    Device(String),
    Sensor(String, String),
    Metric(String),
}

/// Refuses names that the bench does not have.
pub(super) fn check_names(
    files: &[Parsed],
    mentions: &[Mention],
    known: &Known,
) -> Result<(), FileError> {
    let devices: Vec<&str> = known.devices.keys().map(String::as_str).collect();
    for mention in mentions {
        let Some(file) = files.get(mention.file) else {
            continue;
        };
        let at = |message: String| {
            FileError::at(&file.path, &file.text, Some(mention.span.clone()), message)
        };
        match &mention.what {
            Mentioned::Device(device) => {
                let there = known.devices.contains_key(device)
                    || devices.iter().any(|known| crate::plan::fits(device, known));
                if !there {
                    return Err(at(format!("device {device:?} is not on this bench"))
                        .help(nearest_or_list(device, "devices", &shorten(&devices))));
                }
            }
            Mentioned::Sensor(device, sensor) => {
                let Some(sensors) = known.devices.get(device) else {
                    continue;
                };
                if !sensors.contains(sensor) {
                    let sensors: Vec<&str> = sensors.iter().map(String::as_str).collect();
                    return Err(at(format!("device {device:?} has no sensor {sensor:?}"))
                        .help(nearest_or_list(sensor, "sensors", &sensors)));
                }
            }
            Mentioned::Metric(metric) => {
                if !known.metrics.contains(metric) {
                    let metrics: Vec<&str> = known.metrics.iter().map(String::as_str).collect();
                    return Err(at(format!("metric {metric:?} is not known"))
                        .help(nearest_or_list(metric, "metrics", &metrics)));
                }
            }
        }
    }
    Ok(())
}

/// A fleet's list is cut to what a person reads.
fn shorten<'a>(names: &[&'a str]) -> Vec<&'a str> {
    names.iter().take(12).copied().collect()
}
