//! Values from a file of rows `time,value`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use twinbench_model::{VirtualDuration, VirtualTime};

use super::GeneratorError;

/// A file of rows `time,value`: the time in seconds or with its unit (`90`, `1m 30s`), counted from
/// the bench's epoch, in order. A first row that is not of this form is a heading; lines that
/// start with `#` are remarks.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(from = "String")]
pub struct CsvFile {
    path: String,
    text: Option<Arc<str>>,
}

impl From<String> for CsvFile {
    fn from(path: String) -> Self {
        Self { path, text: None }
    }
}

impl CsvFile {
    /// The path as the bench file gives it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Gives it the file's content.
    pub fn set_text(&mut self, text: String) {
        self.text = Some(text.into());
    }

    /// The rows.
    ///
    /// # Errors
    /// When the content was not given or a row is not of the form.
    pub(super) fn rows(&self) -> Result<Vec<(VirtualTime, f64)>, GeneratorError> {
        let fail = |line: u64, reason: &str| GeneratorError::Csv {
            path: self.path.clone(),
            line,
            reason: reason.to_owned(),
        };
        let Some(text) = &self.text else {
            return Err(fail(0, "the file was not read"));
        };
        let mut rows = Vec::new();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        for (index, record) in reader.records().enumerate() {
            let record = record.map_err(|cause| fail(index as u64 + 1, &cause.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let fields = (
                record.get(0).and_then(seconds),
                record.get(1).and_then(number),
            );
            match fields {
                (Some(time), Some(value)) if record.len() == 2 => {
                    if rows.last().is_some_and(|(last, _)| *last >= time) {
                        return Err(fail(
                            line,
                            "its time is not later than that of the row before",
                        ));
                    }
                    rows.push((time, value));
                }
                (None, None) if index == 0 => {}
                _ => return Err(fail(line, "a row is a time and a value, such as 90,21.5")),
            }
        }
        if rows.is_empty() {
            return Err(fail(0, "it has no rows"));
        }
        Ok(rows)
    }
}

fn seconds(text: &str) -> Option<VirtualTime> {
    let span = match number(text) {
        Some(secs) if secs < 0.0 => return None,
        Some(secs) => VirtualDuration::from_secs_f64(secs),
        None => text.parse().ok()?,
    };
    Some(VirtualTime::ZERO + span)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}
