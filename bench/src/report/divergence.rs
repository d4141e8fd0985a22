//! A divergence as a picture: the field that differs on both sides, or how often the channel
//! spoke, with the moments at which the difference went on.

use std::path::PathBuf;

use twinbench_model::{VirtualDuration, VirtualTime};
use twinbench_plot::{Chart, Marker, Point, Series, Severity, Theme, to_svg};
use twinbench_recording::{
    Reader,
    diff::{Diff, Divergence, What, number_at},
};

use crate::replay::Error;

/// How much of either side is drawn before and after the divergence.
const AROUND: VirtualDuration = VirtualDuration::from_secs(60);
/// Width and height in pixels.
const SIZE: (u32, u32) = (960, 420);

/// Draws the first divergence that has numbers, or the first of all.
///
/// # Errors
/// When a recording cannot be read, or there is nothing to draw.
pub(crate) fn picture(diff: &Diff, recordings: [&PathBuf; 2]) -> Result<String, Error> {
    let on_the_way: Vec<&Divergence> = diff
        .causes
        .iter()
        .filter_map(|cause| diff.divergences.get(*cause))
        .collect();
    let numeric = |it: &&&Divergence| matches!(&it.what, What::Field { left: Some(l), right: Some(r), .. } if l.parse::<f64>().is_ok() && r.parse::<f64>().is_ok());
    let Some(shown) = on_the_way.iter().find(numeric).or(on_the_way.first()) else {
        return Err(Error::Asked("there is no divergence to draw".to_owned()));
    };
    let path = match &shown.what {
        What::Field { path, .. } if numeric(&shown) => Some(path.as_str()),
        _ => None,
    };
    let start = shown.time - AROUND.min(shown.time.since(VirtualTime::ZERO));
    let end = shown.time + AROUND;
    let mut series = Vec::new();
    for (name, recording) in ["left", "right"].into_iter().zip(recordings) {
        let mut points = Vec::new();
        let mut count = 0u64;
        for read in Reader::open_at(recording, start)? {
            let entry = read?.entry;
            if entry.time > end {
                break;
            }
            if entry.channel() != shown.channel {
                continue;
            }
            count += 1;
            let value = match path {
                Some(path) => number_at(&entry.content, path),
                None => Some(count as f64),
            };
            points.extend(value.map(|value| Point::at(entry.time, value)));
        }
        series.push(Series {
            name: name.to_owned(),
            unit: path.map_or_else(
                || "events".to_owned(),
                |path| path.rsplit('.').next().unwrap_or(path).to_owned(),
            ),
            points,
            longest_gap: None,
        });
    }
    let markers = on_the_way.iter().map(|it| Marker {
        secs: it.time.as_secs_f64(),
        label: it.channel.split('/').next().unwrap_or_default().to_owned(),
        severity: if it.time == on_the_way[0].time {
            Severity::Alert
        } else {
            Severity::Warning
        },
    });
    let chart = Chart {
        title: format!("{}: {}", shown.channel, shown.what),
        series,
        thresholds: Vec::new(),
        markers: markers.collect(),
        range: Some((start.as_secs_f64(), end.as_secs_f64())),
    };
    to_svg(&chart, SIZE.0, SIZE.1, Theme::Light)
        .map_err(|cause| Error::Asked(format!("the picture cannot be drawn: {cause}")))
}
