//! `plot-<device>.svg` and `.png`: temperature and humidity over time, with alerts marked.

use std::path::Path;

use twinbench_model::{DeviceId, VirtualTime};
use twinbench_plot::{Chart, Marker, Point, Series, Severity, Theme, Threshold, to_png, to_svg};

use super::{Error, write_file};
use crate::session::{DeviceSeries, Session, file_stem};

/// Size of a picture in pixels.
const SIZE: (u32, u32) = (960, 480);

/// Draws every pictured device that sent a reading; gives the files' names.
pub(super) fn write(session: &Session, folder: &Path) -> Result<Vec<String>, Error> {
    let mut files = Vec::new();
    for (id, series) in session.series() {
        if series.temperature.is_empty() && series.humidity.is_empty() {
            continue;
        }
        let chart = chart(session, id, series);
        let refuse =
            |cause: twinbench_plot::Error| Error::Setting(format!("picture of {id}: {cause}"));
        let svg = to_svg(&chart, SIZE.0, SIZE.1, Theme::Light).map_err(refuse)?;
        let png = to_png(&chart, SIZE.0, SIZE.1, Theme::Light).map_err(refuse)?;
        let stem = format!("plot-{}", file_stem(id.as_str()));
        write_file(&folder.join(format!("{stem}.svg")), svg.as_bytes())?;
        write_file(&folder.join(format!("{stem}.png")), &png)?;
        files.extend([format!("{stem}.svg"), format!("{stem}.png")]);
    }
    Ok(files)
}

fn chart(session: &Session, id: &DeviceId, series: &DeviceSeries) -> Chart {
    let line = |name: &str, unit: &str, points: &[(VirtualTime, f64)]| Series {
        name: name.to_owned(),
        unit: unit.to_owned(),
        points: points
            .iter()
            .map(|(time, value)| Point::at(*time, *value))
            .collect(),
        longest_gap: None,
    };
    Chart {
        title: format!("{id}: temperature and humidity"),
        series: vec![
            line("temperature", "°C", &series.temperature),
            line("humidity", "%", &series.humidity),
        ],
        thresholds: thresholds(session, id),
        markers: series
            .alerts
            .iter()
            .map(|(time, text)| Marker {
                secs: time.as_secs_f64(),
                label: text.clone(),
                severity: Severity::Alert,
            })
            .collect(),
        range: Some((
            session.started_at().as_secs_f64(),
            session.now().as_secs_f64(),
        )),
    }
}

/// The thresholds that the bench file gives the device's entity.
fn thresholds(session: &Session, id: &DeviceId) -> Vec<Threshold> {
    let devices = session.file().devices();
    let configuration = devices
        .iter()
        .find(|(device, _)| device == id)
        .and_then(|(_, it)| it.configuration.as_ref());
    [
        ("temperatureHighThreshold", "high"),
        ("temperatureLowThreshold", "low"),
    ]
    .into_iter()
    .filter_map(|(key, label)| {
        let value = configuration?.get(key)?;
        let value = value
            .as_float()
            .or_else(|| value.as_integer().map(|it| it as f64))?;
        Some(Threshold {
            label: label.to_owned(),
            unit: "°C".to_owned(),
            value,
        })
    })
    .collect()
}
