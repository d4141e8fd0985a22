//! What a run leaves: summary, `report.json`, `entities.json`, `junit.xml`, pictures.

pub(crate) mod divergence;
mod junit;
mod pictures;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;

use crate::session::{Error, Kept, Session, Stats};

/// What a run leaves, as `report.json` keeps it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Format version.
    pub version: u32,
    /// The bench's name.
    pub bench: String,
    /// The seed it ran with.
    pub seed: u64,
    /// UTC of virtual time zero.
    pub epoch: String,
    /// Virtual time at which this run began and ended, in seconds.
    pub virtual_seconds: [f64; 2],
    /// Messages that the hub took.
    pub messages: u64,
    /// Alerts raised.
    pub alerts: u64,
    /// Messages that the application could not use.
    pub dead_letters: u64,
    /// Events of the canonical stream.
    pub events: u64,
    /// SHA-256 of the canonical event stream, in hex; absent while the session goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Per device.
    pub devices: Vec<DeviceRow>,
    /// Where the hub listened, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<Value>,
    /// Files of the run, relative to its folder.
    pub files: Vec<String>,
    /// The run's folder.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A device's row of the summary.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRow {
    /// Its id.
    pub device: String,
    /// Messages that the hub took from it.
    pub messages: u64,
    /// Its last temperature in °C.
    pub temperature: Option<f64>,
    /// Its last relative humidity in %.
    pub humidity: Option<f64>,
    /// Alerts it raised.
    pub alerts: usize,
    /// Why its machine stopped, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
}

/// How many device rows a person is shown.
const ROWS: usize = 16;

/// Writes everything that can be written while the session goes on.
///
/// # Errors
/// When a file cannot be written.
pub fn write(session: &Session, folder: &Path) -> Result<Report, Error> {
    let mut report = gather(session, folder);
    report.files = pictures::write(session, folder)?;
    save(
        folder,
        "entities.json",
        &pretty(&session.entities()),
        &mut report.files,
    )?;
    let junit =
        junit::xml(&report).map_err(|cause| Error::Setting(format!("junit.xml: {cause}")))?;
    save(folder, "junit.xml", &junit, &mut report.files)?;
    report.save()?;
    Ok(report)
}

/// Ends the session and writes its report.
///
/// # Errors
/// When a file cannot be written.
pub fn finish(session: Session, folder: &Path) -> Result<Report, Error> {
    let mut report = write(&session, folder)?;
    let (stats, kept): (Stats, Kept) = session.finish()?;
    report.events = kept.events;
    debug_assert_eq!(
        stats.events, kept.events,
        "the scribe keeps what it was given"
    );
    for path in kept.uart.iter().chain([&kept.recording]) {
        report.files.extend(
            path.file_name()
                .and_then(|name| name.to_str())
                .map(str::to_owned),
        );
    }
    report.files.sort();
    report.digest = Some(kept.digest);
    report.save()?;
    Ok(report)
}

fn gather(session: &Session, folder: &Path) -> Report {
    let stats = session.stats();
    let halted = session.halted();
    let mut ids: Vec<_> = session
        .file()
        .devices()
        .into_iter()
        .map(|it| it.0)
        .collect();
    ids.sort();
    let devices = ids
        .iter()
        .map(|id| {
            let series = session
                .series()
                .iter()
                .find(|(device, _)| device == id)
                .map(|(_, series)| series);
            DeviceRow {
                device: id.to_string(),
                messages: session.messages_of(id),
                temperature: series.and_then(|it| Some(it.temperature.last()?.1)),
                humidity: series.and_then(|it| Some(it.humidity.last()?.1)),
                alerts: series.map_or(0, |it| it.alerts.len()),
                halted: halted
                    .iter()
                    .find(|(device, _)| device == id)
                    .map(|(_, reason)| reason.clone()),
            }
        })
        .collect();
    Report {
        version: 1,
        bench: session.file().name.get_ref().clone(),
        seed: session.file().seed,
        epoch: session.epoch().instant().to_string(),
        virtual_seconds: [session.started_at().as_secs_f64(), stats.now.as_secs_f64()],
        messages: stats.messages,
        alerts: stats.alerts,
        dead_letters: stats.dead_letters,
        events: stats.events,
        digest: None,
        devices,
        ports: session.ports().cloned(),
        files: Vec::new(),
        folder: folder.to_owned(),
    }
}

fn pretty(value: &Value) -> String {
    // A JSON value always has a text.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn save(folder: &Path, name: &str, text: &str, files: &mut Vec<String>) -> Result<(), Error> {
    write_file(&folder.join(name), text.as_bytes())?;
    files.push(name.to_owned());
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(|cause| Error::Output {
        path: path.to_owned(),
        cause,
    })
}

impl Report {
    fn save(&self) -> Result<(), Error> {
        let value = serde_json::to_value(self)
            .map_err(|cause| Error::Setting(format!("report.json: {cause}")))?;
        write_file(&self.folder.join("report.json"), pretty(&value).as_bytes())
    }

    /// The report as one JSON line.
    pub fn json(&self) -> String {
        let folder = self.folder.display().to_string();
        serde_json::json!({"report": self, "folder": folder}).to_string()
    }

    /// The table for a person.
    pub fn summary(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        let width = self
            .devices
            .iter()
            .take(ROWS)
            .map(|row| row.device.len())
            .max()
            .unwrap_or(6)
            .max(6);
        let number = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
        };
        let _ = writeln!(
            text,
            "{:<width$}  {:>9}  {:>9}  {:>9}  {:>6}",
            "device", "messages", "temp. °C", "hum. %", "alerts"
        );
        for row in self.devices.iter().take(ROWS) {
            let _ = write!(
                text,
                "{:<width$}  {:>9}  {:>9}  {:>9}  {:>6}",
                row.device,
                row.messages,
                number(row.temperature),
                number(row.humidity),
                row.alerts,
            );
            let _ = match &row.halted {
                Some(reason) => writeln!(text, "  stopped: {reason}"),
                None => writeln!(text),
            };
        }
        if self.devices.len() > ROWS {
            let _ = writeln!(
                text,
                "… and {} more in report.json",
                self.devices.len() - ROWS
            );
        }
        let [from, to] = self.virtual_seconds;
        let _ = writeln!(
            text,
            "\n{:.1} s of virtual time, {} messages, {} alerts, {} dead letters, {} events",
            to - from,
            self.messages,
            self.alerts,
            self.dead_letters,
            self.events
        );
        if let Some(digest) = &self.digest {
            let _ = writeln!(text, "digest {digest}");
        }
        let _ = write!(
            text,
            "kept in {}: {}",
            self.folder.display(),
            shorten(&self.files)
        );
        text
    }
}

/// File names, at most as many as a person reads.
fn shorten(files: &[String]) -> String {
    match files.get(..12) {
        Some(first) if files.len() > 12 => {
            format!("{} and {} more", first.join(", "), files.len() - 12)
        }
        _ => files.join(", "),
    }
}
