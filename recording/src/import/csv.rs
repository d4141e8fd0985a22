//! A table: one message a row.

use serde_json::{Map, Value};

use super::{Found, Gather, time::instant};

const DEVICE: [&str; 5] = ["device", "deviceid", "device_id", "source", "id"];
/// Ours has `utc` beside the virtual `time`.
const TIME: [&str; 6] = [
    "utc",
    "enqueuedtime",
    "enqueuedtimeutc",
    "timestamp",
    "time",
    "date",
];
const BODY: [&str; 4] = ["body", "payload", "message", "content"];

/// Reads a table; the error has its line.
pub(super) fn read(bytes: &[u8], gather: &mut Gather<'_>) -> Result<(), (u64, String)> {
    let mut table = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let wrong = |cause: csv::Error| {
        let line = cause.position().map_or(1, csv::Position::line);
        let reason = match cause.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => format!("it has {len} cells where the header has {expected_len}"),
            csv::ErrorKind::Utf8 { .. } => "it is no text in UTF-8".to_owned(),
            _ => cause.to_string(),
        };
        (line, reason)
    };
    let header: Vec<String> = table
        .headers()
        .map_err(wrong)?
        .iter()
        .map(|name| name.trim().to_owned())
        .collect();
    let lower: Vec<String> = header
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let column = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| lower.iter().position(|it| it == name))
    };
    let (device, time, body) = (column(&DEVICE), column(&TIME), column(&BODY));
    let kind = column(&["kind"]).filter(|_| column(&["encoding"]).is_some());
    for row in table.records() {
        let row = row.map_err(wrong)?;
        let line = row.position().map_or(1, csv::Position::line);
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map(str::trim);
        // Our own export: of all channels only messages of devices are taken.
        if kind.is_some() && cell(kind) != Some("d2c") {
            continue;
        }
        let time = match cell(time).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(instant(text).ok_or_else(|| {
                let reason = format!("{text:?} is no time; write 2026-01-01T00:00:00Z");
                (line, reason)
            })?),
        };
        let mut found = Found {
            time,
            device: cell(device).map(str::to_owned),
            ..Found::default()
        };
        match cell(body) {
            Some(text) if kind.is_some() => super::json::ours(text, &mut found),
            Some(text) => found.body = text.as_bytes().to_vec(),
            None => {
                let mut fields = Map::new();
                for (at, text) in row.iter().enumerate() {
                    if Some(at) != device && Some(at) != column(&TIME) && !text.is_empty() {
                        fields.insert(header[at].clone(), value(text.trim()));
                    }
                }
                found.body = Value::Object(fields).to_string().into_bytes();
            }
        }
        gather.take(found).map_err(|reason| (line, reason))?;
    }
    Ok(())
}

/// A cell as the JSON value that it looks like.
fn value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
        _ => Value::String(text.to_owned()),
    }
}
